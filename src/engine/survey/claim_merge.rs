//! Merges the rows with the ledger's claims while both are read.
//!
//! A run claims rows in the order of the input. A run that continues it reads rows and
//! claims in the same order, so that nearly all of them meet here. Only the others are
//! joined by a sort (`id_join.rs`): rows that are new, and claims whose rows have left the
//! input, are not fit any more, or stand elsewhere.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender};

use anyhow::Context;

use super::codec::{packed, take};
use super::settings::SurveySettings;
use super::sorted_id::{SIZE, is_claim_of, pack_claim};
use crate::engine::send::orphaned_claims::OrphanSorter;
use crate::ledger::{Ledger, LedgerError};
use crate::spill::repeats::{OrderedItems, RepeatSorter};

/// With how many claims a row is compared.
const AHEAD: usize = 32;

/// How many claims are passed on at a time, and how many times before they are merged.
const BATCH: usize = 1024;
pub(super) const BATCHES: usize = 4;

/// Bytes of a row and its claim.
const MET: usize = 2 * SIZE;

/// A claim as `id_join.rs` sorts it.
pub(super) struct ScannedClaim {
    item: [u8; SIZE],
    /// Whether it is an orphan if no row has its id.
    is_kept: bool,
}

/// Some claims, in the order of the ledger; less than [`BATCH`] are the last ones.
pub(super) type ScannedClaims = Result<Vec<ScannedClaim>, LedgerError>;

/// Reads all claims of `ledger` and sends them to `claims`.
pub(super) fn scan(ledger: &mut dyn Ledger, claims: &SyncSender<ScannedClaims>) {
    let mut batch = Vec::with_capacity(BATCH);
    let scanned = ledger.scan(&mut |client_id, known| {
        batch.push(ScannedClaim {
            item: pack_claim(client_id, &known),
            is_kept: OrphanSorter::takes(&known),
        });
        if batch.len() < BATCH {
            return Ok(());
        }
        let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
        let sent = claims.send(Ok(full));
        sent.map_err(|_ended| io::ErrorKind::BrokenPipe.into())
    });
    // Without a receiver the survey has ended, with an error of its own.
    claims.send(scanned.map(|()| batch)).ok();
}

/// Rows and claims, merged as far as they stand in the same order.
pub(super) struct ClaimMerge<'s> {
    folder: &'s Path,
    /// The claims that follow; `None` after the last.
    incoming: Option<Receiver<ScannedClaims>>,
    /// The next claims.
    ahead: VecDeque<ScannedClaim>,
    merged: MergedClaims,
}

/// What [`ClaimMerge`] has merged.
pub(super) struct MergedClaims {
    /// Rows with their claims, in the order of the input.
    pub(super) met: OrderedItems<MET>,
    /// The other rows and claims.
    pub(super) apart: RepeatSorter<SIZE>,
}

impl<'s> ClaimMerge<'s> {
    pub(super) fn new(incoming: Receiver<ScannedClaims>, settings: &'s SurveySettings<'_>) -> Self {
        Self {
            folder: settings.folder,
            incoming: Some(incoming),
            ahead: VecDeque::new(),
            merged: MergedClaims {
                met: OrderedItems::new(settings.folder),
                apart: RepeatSorter::new(settings.folder),
            },
        }
    }

    /// Whether the ledger has claims that were not merged yet.
    pub(super) fn has_claims(&mut self) -> Result<bool, LedgerError> {
        self.look_ahead()?;
        Ok(!self.ahead.is_empty())
    }

    /// Adds the next rows of the input.
    pub(super) fn add(&mut self, rows: Vec<[u8; SIZE]>) -> anyhow::Result<()> {
        for row in rows {
            self.look_ahead()?;
            let mut claims = self.ahead.iter().take(AHEAD);
            let added = match claims.position(|claim| is_claim_of(&claim.item, &row)) {
                Some(before) => self.meet(row, before),
                None => self.merged.apart.push(row),
            };
            added.with_context(|| cannot_write(self.folder))?;
        }
        Ok(())
    }

    /// Adds `row` with its claim, which comes after `before` others.
    fn meet(&mut self, row: [u8; SIZE], before: usize) -> io::Result<()> {
        for claim in self.ahead.drain(..before) {
            self.merged.set_apart(&claim)?;
        }
        match self.ahead.pop_front() {
            Some(claim) => self.merged.met.push(packed([&row, &claim.item])),
            None => Ok(()),
        }
    }

    /// Receives claims until there are enough to compare a row with.
    fn look_ahead(&mut self) -> Result<(), LedgerError> {
        while self.ahead.len() < AHEAD
            && let Some(incoming) = &self.incoming
        {
            match incoming.recv() {
                Ok(claims) => self.ahead.extend(claims?),
                Err(_) => self.incoming = None,
            }
        }
        Ok(())
    }

    /// Adds the claims that are left.
    pub(super) fn finish(mut self) -> anyhow::Result<MergedClaims> {
        while self.has_claims()? {
            for claim in self.ahead.drain(..) {
                let added = self.merged.set_apart(&claim);
                added.with_context(|| cannot_write(self.folder))?;
            }
        }
        Ok(self.merged)
    }
}

fn cannot_write(folder: &Path) -> String {
    format!("cannot write to {}", folder.display())
}

impl MergedClaims {
    fn set_apart(&mut self, claim: &ScannedClaim) -> io::Result<()> {
        if claim.is_kept {
            return self.apart.push_kept(claim.item);
        }
        self.apart.push(claim.item)
    }
}

/// The row and the claim of an item of [`MergedClaims::met`].
pub(super) fn divided(met: &[u8; MET]) -> ([u8; SIZE], [u8; SIZE]) {
    let mut rest = met.as_slice();
    (take(&mut rest), take(&mut rest))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::sync_channel;

    use super::ClaimMerge;
    use crate::domain::decision::RowPolicy;
    use crate::engine::checker::CheckSettings;
    use crate::engine::stop::Stop;
    use crate::engine::survey::settings::SurveySettings;
    use crate::engine::testing::ledger::MemoryLedger;

    /// Else rows would be taken for new.
    #[test]
    fn a_ledger_that_cannot_be_read_is_an_error_when_its_claims_are_due() {
        let (claims, incoming) = sync_channel(2);
        claims.send(Ok(Vec::new())).unwrap();
        claims.send(Err(MemoryLedger::no_room())).unwrap();
        let settings = SurveySettings {
            check: &CheckSettings::default(),
            policy: RowPolicy::default(),
            folder: Path::new("."),
            threads: 1,
            note_rows: false,
            stop: &Stop::default(),
        };
        let mut merge = ClaimMerge::new(incoming, &settings);
        assert!(merge.has_claims().is_err());
    }
}
