//! What rows, claims and customers with the same id mean for each other.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io;

use super::finding_store::{OtherRow, PriorClaim, RowFinding, VerdictSorter};
use super::listed_places::{ListedPlace, ListedPlaces};
use super::sorted_id::{IdSource, SortedId};
use crate::domain::customer::Fingerprint;
use crate::domain::decision::{KnownClaim, RowPolicy, decide};
use crate::domain::mapping::RepeatRule;

/// What has been read so far about one exact id.
#[derive(Default)]
pub(super) struct IdMatches {
    pub(super) claim: Option<KnownClaim>,
    /// The customers that Kable holds under it, in the order of the list.
    pub(super) listed: Vec<ListedPlace>,
    /// The first row with this id.
    pub(super) first: Option<FirstRow>,
    /// Whether a fit row has this id, so that its claim is no orphan.
    pub(super) has_row: bool,
    /// The leading zeros of the id.
    zeros: u8,
}

/// What the rows of a group mean for a customer of the group that no row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MeantBy {
    /// They have nothing to do with it.
    None,
    /// A row whose id differs in case and blanks alone may mean it.
    Alike,
    /// A row may mean it whose id differs in leading zeros.
    WithoutZeros,
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

/// Ids that differ only in case, blanks and leading zeros.
#[derive(Default)]
pub(super) struct FoldedGroup {
    pub(super) by_id: HashMap<[u8; 8], IdMatches>,
    /// The first row of those that differ only in case and blanks, by their zeros.
    pub(super) firsts: BTreeMap<u8, OtherRow>,
    /// Rows that `--strict` rejects; they come after all others.
    pub(super) rejected: Vec<SortedId>,
}

impl FoldedGroup {
    /// What the rows mean for `customer`, which none of them has. A row may mean it while
    /// Kable holds no customer with the row's exact id: it is rejected for the blanks around
    /// its id, or the API ignores case. A row with fewer zeros may mean it in any case: a
    /// sync that was run with lost zeros has created a second customer for it.
    pub(super) fn meant_by(&self, customer: &IdMatches) -> MeantBy {
        let mut meant_by = MeantBy::None;
        for row in self.by_id.values().filter(|row| row.first.is_some()) {
            let lacks_customer = row.listed.is_empty();
            if row.zeros == customer.zeros && lacks_customer {
                return MeantBy::Alike;
            }
            if row.zeros < customer.zeros || row.zeros > customer.zeros && lacks_customer {
                meant_by = MeantBy::WithoutZeros;
            }
        }
        meant_by
    }

    pub(super) fn add(
        &mut self,
        id: &SortedId,
        rules: &JoinRules<'_>,
        verdicts: &mut VerdictSorter,
    ) -> io::Result<()> {
        let matches = self.by_id.entry(id.own).or_default();
        matches.zeros = id.zeros;
        let row = match id.source {
            IdSource::Known(known) => {
                matches.claim = Some(known);
                return Ok(());
            }
            IdSource::Listed(listed) => {
                matches.listed.push(listed);
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
        match self.firsts.entry(id.zeros) {
            Entry::Vacant(first) => {
                first.insert(this);
            }
            Entry::Occupied(first) => verdicts.push(row, RowFinding::Similar(*first.get()))?,
        }
        if let Some(places) = ListedPlaces::of(&matches.listed).filter(|_| row.fit) {
            verdicts.push(row, RowFinding::Listed(places))?;
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
        changed: known.may_differ(digest),
        last: known.last,
        there: known.there,
        ours: known.ours,
        claimed_by: known.claimed_by,
    }
}
