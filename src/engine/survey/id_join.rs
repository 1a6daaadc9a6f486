//! Joins the ids of the input, the ledger and the list of customers by one sort.
//!
//! The sort is over hashes, spilled to disk if they don't fit in memory, so that memory
//! stays flat. They are XXH3 of 96 bits and more: among ten billion different texts the
//! chance that any two share a hash is below 10⁻⁸. Rows are grouped by their ids without
//! case, blanks and leading zeros, and distinguished within a group by the exact ids.

use std::io;

use twox_hash::XxHash3_128;

use super::claim_merge::{MergedClaims, divided};
use super::codec::{damaged, packed, place, six};
use super::finding_store::{RowFinding, SurveyedRow, VerdictSorter};
use super::id_group::{FoldedGroup, IdMatches, JoinRules, MeantBy, prior_claim};
use super::listed_places::ListedPlace;
use super::remote_list::RemoteList;
use super::same_customer::{RefusedRows, SAME_CUSTOMER_SIZE, join_same_customers};
use super::settings::SurveySettings;
use super::sorted_id::{IdSource, SIZE, SortedId, pack_listed, pack_row, unpacked};
use super::surplus::{Surplus, SurplusSorter};
use super::unfit::UnfitRow;
use crate::domain::customer::{CustomerValues, Fingerprint};
use crate::domain::text::fold_into;
use crate::engine::send::orphaned_claims::{OrphanSorter, Orphans};
use crate::spill::Sorted;
use crate::spill::repeats::RepeatSorter;

/// Sorts the ids of rows, which come in any order. Each worker has its own.
#[derive(Debug)]
pub(super) struct IdSorter {
    rows: RepeatSorter<SIZE>,
    same_customers: RepeatSorter<SAME_CUSTOMER_SIZE>,
    /// What is done with the rows' ids beside that.
    use_of_rows: IdUse,
    /// The ids of the part that is read, if they are to be merged with claims.
    part: Vec<[u8; SIZE]>,
    buffer: Vec<u8>,
}

/// What is done with the ids of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdUse {
    /// They are sorted.
    Sort,
    /// They are sorted, and rows with the same id are compared by their digests.
    Compare,
    /// They are merged with the ledger's claims, in the order of the input.
    Merge,
}

impl IdSorter {
    /// A sorter for one thread of a survey.
    pub(super) fn new(settings: &SurveySettings<'_>, use_of_rows: IdUse) -> Self {
        Self {
            rows: RepeatSorter::new(settings.folder),
            same_customers: RepeatSorter::new(settings.folder),
            use_of_rows,
            part: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// The ids of the rows since the last call, if they are to be merged with claims.
    pub(super) fn take_part(&mut self) -> Vec<[u8; SIZE]> {
        let rows = self.part.len();
        std::mem::replace(&mut self.part, Vec::with_capacity(rows))
    }

    /// Adds the customers that Kable holds, each with its place in `list`; `surplus` says
    /// whether those are wanted whose id no row has.
    pub(super) fn push_list(&mut self, list: &mut RemoteList, surplus: bool) -> io::Result<()> {
        list.scan(&mut |ids, place| {
            let is_inactive = ids.is_inactive();
            let item = pack_listed(&ids.client_id, ListedPlace { place, is_inactive });
            if surplus {
                return self.rows.push_kept(item);
            }
            self.rows.push(item)
        })
    }

    /// Adds a fit row; `kept` says whether it is one of those that are kept of several
    /// with one id.
    pub(super) fn push_fit(
        &mut self,
        row: SurveyedRow,
        values: &CustomerValues<'_>,
        kept: bool,
    ) -> io::Result<()> {
        let digest = match self.use_of_rows {
            IdUse::Sort => Fingerprint::default(),
            IdUse::Compare | IdUse::Merge => values.digest(&mut self.buffer),
        };
        let own = self.push_row((row, kept), values.client_id(), &digest)?;
        self.push_same_customer(row, own, values.email(), values.company_name())
    }

    /// Adds an unfit row, if its id is usable.
    pub(super) fn push_unfit(
        &mut self,
        row: SurveyedRow,
        identity: UnfitRow<'_>,
        kept: bool,
    ) -> io::Result<()> {
        if identity.client_id.is_empty() {
            return Ok(());
        }
        let own = self.push_row((row, kept), identity.client_id, &Fingerprint::default())?;
        self.push_same_customer(row, own, Some(identity.email), identity.company_name)
    }

    fn push_row(
        &mut self,
        row: (SurveyedRow, bool),
        client_id: &str,
        digest: &Fingerprint,
    ) -> io::Result<[u8; 8]> {
        let (item, own) = pack_row(client_id, row, digest);
        match self.use_of_rows {
            IdUse::Sort | IdUse::Compare => self.rows.push(item)?,
            IdUse::Merge => self.part.push(item),
        }
        Ok(own)
    }

    fn push_same_customer(
        &mut self,
        row: SurveyedRow,
        own: [u8; 8],
        email: Option<&str>,
        company: &str,
    ) -> io::Result<()> {
        // A text without `@` is more likely a placeholder (`none`, `-`) than an address.
        let email = email.filter(|email| email.contains('@'));
        let (Some(email), false) = (email, company.is_empty()) else {
            return Ok(());
        };
        self.buffer.clear();
        fold_into(email, &mut self.buffer);
        self.buffer.push(0);
        fold_into(company, &mut self.buffer);
        let [hash @ .., _, _, _, _] = XxHash3_128::oneshot(&self.buffer).to_be_bytes();
        self.same_customers.push(packed([
            &hash,
            &six(row.ordinal),
            &own,
            &[u8::from(row.fit)],
            &place(row.place),
        ]))
    }

    /// Joins the ids of all workers with those that were merged with claims; without
    /// `--strict`, ids and same customers on two threads.
    pub(super) fn join(
        all: Vec<Self>,
        merged: Option<MergedClaims>,
        settings: &SurveySettings<'_>,
    ) -> io::Result<JoinedIds> {
        let (rows, same_customers): (Vec<_>, Vec<_>) = all
            .into_iter()
            .map(|ids| (ids.rows, ids.same_customers))
            .unzip();
        let folder = settings.folder;
        let mut verdicts = VerdictSorter::new(folder, 2);
        let mut others = VerdictSorter::new(folder, 2);
        // They come in order, so that more memory would not make them quicker to sort.
        let mut of_met = VerdictSorter::new(folder, usize::MAX);
        let mut rejected = RefusedRows::default();
        let mut without_row = WithoutRow {
            orphans: OrphanSorter::new(folder),
            surplus: SurplusSorter::new(folder),
            near: SurplusSorter::new(folder),
            lost_zeros: SurplusSorter::new(folder),
        };
        let rules = JoinRules {
            policy: settings.policy,
            repeats: settings.check.mapping.repeated_ids(),
        };
        if settings.check.rules.strict {
            // Under `--strict`, find `same_customer` rows first: they must not win an id
            // from a row that will be sent.
            let same_customers = RepeatSorter::sorted(same_customers)?;
            join_same_customers(same_customers, &mut others, Some(&mut rejected))?;
            join_ids(
                sorted_ids(rows, merged, &rules, &mut of_met)?,
                &rules,
                &rejected,
                (&mut verdicts, &mut without_row),
            )?;
            return without_row.finish(vec![verdicts, others, of_met]);
        }
        std::thread::scope(|scope| {
            let same_customers = scope.spawn(|| {
                join_same_customers(RepeatSorter::sorted(same_customers)?, &mut others, None)
            });
            let sorted = sorted_ids(rows, merged, &rules, &mut of_met);
            let rows = sorted.and_then(|sorted| {
                let results = (&mut verdicts, &mut without_row);
                join_ids(sorted, &rules, &rejected, results)
            });
            let same_customers = same_customers.join();
            rows.and(
                same_customers.unwrap_or_else(|_panic| Err(io::Error::other("a thread failed"))),
            )
        })?;
        without_row.finish(vec![verdicts, others, of_met])
    }
}

/// The result of a join.
pub(super) struct JoinedIds {
    pub(super) verdicts: Vec<VerdictSorter>,
    pub(super) orphans: Orphans,
    pub(super) surplus: Surplus,
    pub(super) near: Surplus,
    pub(super) lost_zeros: Surplus,
}

/// Collects what no row has the id of.
struct WithoutRow {
    orphans: OrphanSorter,
    surplus: SurplusSorter,
    /// Customers that may be those of rows with nearly their ids.
    near: SurplusSorter,
    /// Those of rows whose ids have other leading zeros.
    lost_zeros: SurplusSorter,
}

impl WithoutRow {
    /// Adds an id that stands alone.
    fn push(&mut self, id: &SortedId) -> io::Result<()> {
        match id.source {
            IdSource::Known(claim) => self.orphans.push(&claim),
            IdSource::Listed(listed) => self.surplus.push(listed.place),
            IdSource::Row(_) => Ok(()),
        }
    }

    /// Adds what is known of an id of `group`, if no row has it.
    fn push_unmatched(&mut self, matches: &IdMatches, group: &FoldedGroup) -> io::Result<()> {
        if let (None, [_, ..]) = (matches.first, matches.listed.as_slice()) {
            let customers = match group.meant_by(matches) {
                MeantBy::None => &mut self.surplus,
                MeantBy::Alike => &mut self.near,
                MeantBy::WithoutZeros => &mut self.lost_zeros,
            };
            for listed in &matches.listed {
                customers.push(listed.place)?;
            }
        }
        match matches.claim.filter(|_| !matches.has_row) {
            Some(claim) => self.orphans.push(&claim),
            None => Ok(()),
        }
    }

    fn finish(self, verdicts: Vec<VerdictSorter>) -> io::Result<JoinedIds> {
        Ok(JoinedIds {
            verdicts,
            orphans: self.orphans.finish()?,
            surplus: self.surplus.finish()?,
            near: self.near.finish()?,
            lost_zeros: self.lost_zeros.finish()?,
        })
    }
}

/// The ids that occur more than once, in order. A row that has met its claim, and whose id
/// no other row has, gets its verdict.
fn sorted_ids(
    mut rows: Vec<RepeatSorter<SIZE>>,
    merged: Option<MergedClaims>,
    rules: &JoinRules<'_>,
    verdicts: &mut VerdictSorter,
) -> io::Result<Sorted<SIZE>> {
    let Some(merged) = merged else {
        return RepeatSorter::sorted(rows);
    };
    rows.push(merged.apart);
    RepeatSorter::sorted_with(rows, merged.met, |item, is_repeat, sorter| {
        let (row, claim) = divided(item);
        if is_repeat {
            sorter.push(row)?;
            return sorter.push(claim);
        }
        let digest = unpacked(&row)?.digest;
        match (unpacked(&row)?.source, unpacked(&claim)?.source) {
            (IdSource::Row(row), IdSource::Known(known)) => {
                let claim = prior_claim(&known, &digest, rules.policy);
                verdicts.push(row, RowFinding::PriorClaim(claim))
            }
            _ => Err(damaged()),
        }
    })
}

fn next_id(sorted: &mut Sorted<SIZE>) -> io::Result<Option<SortedId>> {
    let item = sorted.read_next()?;
    item.map(|item| unpacked(&item)).transpose()
}

fn join_ids(
    mut sorted: Sorted<SIZE>,
    rules: &JoinRules<'_>,
    rejected: &RefusedRows,
    (verdicts, without_row): (&mut VerdictSorter, &mut WithoutRow),
) -> io::Result<()> {
    // Most ids stand alone in the input; state is kept only for the others.
    let mut group = FoldedGroup::default();
    let mut before = next_id(&mut sorted)?;
    let mut joined = false;
    while let Some(id) = before {
        let next = next_id(&mut sorted)?;
        let joins = next.is_some_and(|next| next.fold == id.fold);
        if joined || joins {
            match id.source {
                IdSource::Row(row) if row.fit && rejected.has(row.ordinal) => {
                    group.rejected.push(id);
                }
                IdSource::Known(_) | IdSource::Listed(_) | IdSource::Row(_) => {
                    group.add(&id, rules, verdicts)?;
                }
            }
        }
        if !joined && !joins {
            without_row.push(&id)?;
        }
        if !joins && joined {
            for id in std::mem::take(&mut group.rejected) {
                group.add(&id, rules, verdicts)?;
            }
            for matches in group.by_id.values() {
                without_row.push_unmatched(matches, &group)?;
            }
            group.by_id.clear();
            group.firsts.clear();
        }
        (before, joined) = (next, joins);
    }
    Ok(())
}
