//! What rows, claims and customers with the same id mean for each other.

use std::collections::HashMap;
use std::io;

use super::finding_store::{OtherRow, PriorClaim, RowFinding, VerdictSorter};
use super::sorted_id::{IdSource, SortedId};
use crate::domain::customer::Fingerprint;
use crate::domain::decision::{KnownClaim, RowPolicy, decide};
use crate::domain::mapping::RepeatRule;

/// What has been read so far about one exact id.
#[derive(Default)]
pub(super) struct IdMatches {
    pub(super) claim: Option<KnownClaim>,
    /// Its place in the list of customers.
    pub(super) listed: Option<u64>,
    /// The first row with this id.
    pub(super) first: Option<FirstRow>,
    /// Whether a fit row has this id, so that its claim is no orphan.
    pub(super) has_row: bool,
}

/// The first row with an id.
#[derive(Clone, Copy)]
pub(super) struct FirstRow {
    place: OtherRow,
    fit: bool,
    kept: bool,
    digest: Fingerprint,
}

/// What is done with rows of known ids, and with repeated ids.
pub(super) struct JoinRules<'r> {
    pub(super) policy: RowPolicy,
    pub(super) repeats: &'r RepeatRule,
}

impl JoinRules<'_> {
    /// Whether the row `id` is skipped because `first` has its id.
    fn passes_over(&self, (id, fit): (&SortedId, bool), first: &FirstRow) -> bool {
        match self.repeats {
            RepeatRule::Reject => false,
            RepeatRule::First => first.fit,
            RepeatRule::Merge => first.fit && fit && first.digest == id.digest,
            RepeatRule::Keep(_) => first.kept && !id.kept,
        }
    }
}

/// Ids that differ only in case and blanks.
#[derive(Default)]
pub(super) struct FoldedGroup {
    pub(super) by_id: HashMap<[u8; 8], IdMatches>,
    /// The first row of the group.
    pub(super) first: Option<OtherRow>,
    /// Rows that `--strict` rejects; they come after all others.
    pub(super) rejected: Vec<SortedId>,
}

impl FoldedGroup {
    /// Whether Kable holds no customer with the exact id of one of the rows. Then another
    /// customer of the group may be the one that is meant: the row is rejected for the
    /// blanks around its id, or the API ignores case.
    pub(super) fn has_row_without_customer(&self) -> bool {
        let mut ids = self.by_id.values();
        ids.any(|matches| matches.first.is_some() && matches.listed.is_none())
    }

    pub(super) fn add(
        &mut self,
        id: &SortedId,
        rules: &JoinRules<'_>,
        verdicts: &mut VerdictSorter,
    ) -> io::Result<()> {
        let matches = self.by_id.entry(id.own).or_default();
        let row = match id.source {
            IdSource::Known(known) => {
                matches.claim = Some(known);
                return Ok(());
            }
            IdSource::Listed(place_in_list) => {
                matches.listed = Some(place_in_list);
                return Ok(());
            }
            IdSource::Row(row) => row,
        };
        if let Some(first) = matches.first {
            let finding = if rules.passes_over((id, row.fit), &first) {
                RowFinding::PassedOver
            } else {
                RowFinding::Duplicate(first.place)
            };
            return verdicts.push(row, finding);
        }
        let this = OtherRow::at(row.place);
        matches.first = Some(FirstRow {
            place: this,
            fit: row.fit,
            kept: id.kept,
            digest: id.digest,
        });
        match self.first {
            None => self.first = Some(this),
            Some(first) => verdicts.push(row, RowFinding::Similar(first))?,
        }
        if let Some(place_in_list) = matches.listed.filter(|_| row.fit) {
            verdicts.push(row, RowFinding::Listed(place_in_list))?;
        }
        match matches.claim.filter(|_| row.fit) {
            None => Ok(()),
            Some(known) => {
                matches.has_row = true;
                let claim = prior_claim(&known, &id.digest, rules.policy);
                verdicts.push(row, RowFinding::PriorClaim(claim))
            }
        }
    }
}

/// What the claim `known` means for a row with `digest`.
pub(super) fn prior_claim(
    known: &KnownClaim,
    digest: &Fingerprint,
    policy: RowPolicy,
) -> PriorClaim {
    PriorClaim {
        id: known.id,
        decision: decide(Some(known), digest, policy),
        in_doubt: known.in_doubt,
        changed: !known.is_same(digest),
        last: known.last,
        there: known.there,
        ours: known.ours,
        claimed_by: known.claimed_by,
    }
}
