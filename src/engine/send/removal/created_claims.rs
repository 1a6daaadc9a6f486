//! The claims whose customers a rollback removes: those that the ledger's runs created, or may
//! have created.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use anyhow::Context;

use super::RemovalTarget;
use super::removal_subject::{RemovalSubject, SubjectChange, SubjectVerdict};
use crate::domain::customer::{Fingerprint, fingerprint};
use crate::domain::decision::KnownClaim;
use crate::domain::outcome::Outcome;
use crate::domain::remote::RemoteCustomer;
use crate::engine::survey::codec::{six, take_six};
use crate::engine::survey::remote_list::RemoteList;
use crate::ledger::Ledger;
use crate::spill::{Sorted, Sorter};

/// How many claims of rows that failed are kept.
const FAILED_KEPT: usize = 5;

/// The numbers of the claims, on disk.
#[derive(Debug)]
pub struct CreatedClaims {
    ids: Sorted<6>,
    many: u64,
    unproved: UnprovedClaims,
}

/// Claims whose customers are, or may be, at Kable, and are not proved to be created by them.
#[derive(Debug, Clone, Default)]
pub struct UnprovedClaims {
    /// How many there are.
    pub count: u64,
    /// The first of those whose rows failed: of these, Kable may hold a customer under another
    /// `clientId`.
    pub failed: Vec<u64>,
}

impl UnprovedClaims {
    fn add(&mut self, known: &KnownClaim) {
        self.count += 1;
        if known.last == Some(Outcome::Failed) && self.failed.len() < FAILED_KEPT {
            self.failed.push(known.id);
        }
    }
}

impl CreatedClaims {
    /// The claims of `ledger`, only those that are `planned` if there is a plan; their numbers
    /// are stored in `folder`.
    pub fn of(
        ledger: &mut impl Ledger,
        planned: Option<&HashSet<u64>>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let (mut ids, mut many) = (Sorter::new(folder, 1), 0);
        let mut unproved = UnprovedClaims::default();
        let is_planned = |id: u64| planned.is_none_or(|planned| planned.contains(&id));
        ledger.scan(&mut |_, known| {
            if known.may_be_ours() && is_planned(known.id) {
                many += 1;
                ids.push(six(known.id))?;
            } else if known.sent && known.there && !known.may_be_ours() {
                unproved.add(&known);
            }
            Ok(())
        })?;
        let ids = ids.finish().context("cannot write a temporary file")?;
        Ok(Self {
            ids,
            many,
            unproved,
        })
    }

    /// Those beside them that are not proved.
    pub fn unproved(&self) -> &UnprovedClaims {
        &self.unproved
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.many
    }
}

impl Iterator for CreatedClaims {
    type Item = io::Result<RemovalTarget>;

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.ids.read_next().transpose()?;
        Some(id.map(|id| RemovalTarget::Claim(take_six(&mut id.as_slice()))))
    }
}

/// What a rollback would do with a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalForecast {
    /// Remove it.
    Remove,
    /// Nothing: it is gone.
    AlreadyGone,
    /// Leave it: it is not proved to be ours.
    NotOurs,
    /// Leave it: it was changed.
    Changed(SubjectChange),
}

impl RemovalForecast {
    /// Why a customer is left that was changed.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Changed(change) => Some(change.reason()),
            Self::Remove | Self::AlreadyGone | Self::NotOurs => None,
        }
    }
}

/// What a rollback would do with the customer of a claim.
#[derive(Debug)]
pub struct ForeseenRemoval<'c> {
    /// The number of its claim.
    pub claim: u64,
    /// Its `clientId`.
    pub client_id: &'c str,
    /// The customer that Kable holds under it, if there is one.
    pub remote: Option<&'c RemoteCustomer>,
    /// What would be done.
    pub forecast: RemovalForecast,
}

/// Passes what a rollback would do with each customer of `ledger` to `each`, by the list
/// of all customers. Memory grows by some forty bytes a customer.
pub fn foresee(
    ledger: &mut impl Ledger,
    listed: &mut RemoteList,
    even_if_changed: bool,
    each: &mut dyn FnMut(&ForeseenRemoval<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let times = ledger.send_times()?;
    let mut claims: HashMap<Fingerprint, u64> = HashMap::new();
    ledger.scan(&mut |client_id, known| {
        if known.may_be_ours() {
            claims.insert(fingerprint(client_id), known.id);
        }
        Ok(())
    })?;
    let mut found = Vec::new();
    let unreadable = "cannot read a temporary file";
    listed
        .scan(&mut |ids, place| {
            if let Some(id) = claims.remove(&fingerprint(&ids.client_id)) {
                found.push((id, Some(place)));
            }
            Ok(())
        })
        .context(unreadable)?;
    found.extend(claims.into_values().map(|id| (id, None)));
    found.sort_unstable();
    for (id, place) in found {
        let Some(record) = ledger.claim_record(id)? else {
            continue;
        };
        let remote = match place {
            Some(place) => listed.at(place).context(unreadable)?,
            None => None,
        };
        let subject = RemovalSubject::of_claim(&record);
        let verdict = remote
            .as_ref()
            .map(|remote| subject.judge(remote, even_if_changed, &times));
        each(&ForeseenRemoval {
            claim: id,
            client_id: &record.client_id,
            remote: remote.as_ref(),
            forecast: match verdict {
                None | Some(SubjectVerdict::Another) => RemovalForecast::AlreadyGone,
                Some(SubjectVerdict::AsExpected) => RemovalForecast::Remove,
                Some(SubjectVerdict::NotOurs) => RemovalForecast::NotOurs,
                Some(SubjectVerdict::Changed(change)) => RemovalForecast::Changed(change),
            },
        })?;
    }
    Ok(())
}
