//! Joins the ids of the input, the ledger and the list of customers by one sort.
//!
//! The sort is over hashes, spilled to disk if they don't fit in memory, so that memory
//! stays flat. They are XXH3 of 96 bits and more: among ten billion different texts the
//! chance that any two share a hash is below 10⁻⁸. Rows are grouped by their ids without
//! case and blanks, and distinguished within a group by the exact ids.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use twox_hash::XxHash3_128;

use super::codec::{packed, place, six};
use super::finding_store::{OtherRow, PriorClaim, RowFinding, SurveyedRow, VerdictSorter};
use super::remote_list::RemoteList;
use super::same_customer::{RefusedRows, SAME_CUSTOMER_SIZE, join_same_customers};
use super::settings::SurveySettings;
use super::sorted_id::{IdSource, SIZE, SortedId, pack_claim, pack_listed, pack_row, unpacked};
use super::surplus::{Surplus, SurplusSorter};
use super::unfit::UnfitRow;
use crate::domain::customer::{CustomerValues, Fingerprint};
use crate::domain::decision::{KnownClaim, RowPolicy, decide};
use crate::domain::mapping::RepeatRule;
use crate::domain::text::fold_into;
use crate::engine::send::orphaned_claims::{OrphanSorter, Orphans};
use crate::spill::Sorted;
use crate::spill::repeats::{RepeatFilter, RepeatSorter};

/// Sorts the ids of rows and claims, which come in any order. Each worker has its own.
#[derive(Debug)]
pub(super) struct IdSorter {
    rows: RepeatSorter<SIZE>,
    same_customers: RepeatSorter<SAME_CUSTOMER_SIZE>,
    /// Whether the rows' digests are needed, to compare them with claims.
    digests: bool,
    buffer: Vec<u8>,
}

impl IdSorter {
    /// A sorter for one thread of a survey; `digests` says whether the ledger has claims.
    pub(super) fn new(
        settings: &SurveySettings<'_>,
        repeats: &Arc<RepeatFilter>,
        digests: bool,
    ) -> Self {
        Self {
            rows: RepeatSorter::new(settings.folder, repeats),
            same_customers: RepeatSorter::new(settings.folder, repeats),
            digests,
            buffer: Vec::new(),
        }
    }

    /// Adds a claim of the ledger.
    pub(super) fn push_claim(&mut self, client_id: &str, known: &KnownClaim) -> io::Result<()> {
        let item = pack_claim(client_id, known);
        if OrphanSorter::takes(known) {
            return self.rows.push_kept(item);
        }
        self.rows.push(item)
    }

    /// Adds the customers that Kable holds, each with its place in `list`; `surplus` says
    /// whether those are wanted whose id no row has.
    pub(super) fn push_list(&mut self, list: &mut RemoteList, surplus: bool) -> io::Result<()> {
        list.scan(&mut |client_id, place_in_list| {
            let item = pack_listed(client_id, place_in_list);
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
        let digest = if self.digests {
            values.digest(&mut self.buffer)
        } else {
            Fingerprint::default()
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
        self.rows.push(item)?;
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

    /// Joins the ids of all workers; without `--strict`, ids and same customers on two
    /// threads.
    pub(super) fn join(all: Vec<Self>, settings: &SurveySettings<'_>) -> io::Result<JoinedIds> {
        let (rows, same_customers): (Vec<_>, Vec<_>) = all
            .into_iter()
            .map(|ids| (ids.rows, ids.same_customers))
            .unzip();
        let folder = settings.folder;
        let mut verdicts = VerdictSorter::new(folder, 2);
        let mut others = VerdictSorter::new(folder, 2);
        let mut rejected = RefusedRows::default();
        let mut without_row = WithoutRow {
            orphans: OrphanSorter::new(folder),
            surplus: SurplusSorter::new(folder),
        };
        let rules = JoinRules {
            policy: settings.policy,
            repeats: settings.check.mapping.repeated_ids(),
        };
        if settings.check.rules.strict {
            // Under `--strict`, find `same_customer` rows first: they must not win an id
            // from a row that will be sent.
            join_same_customers(
                RepeatSorter::sorted(same_customers)?,
                &mut others,
                Some(&mut rejected),
            )?;
            join_ids(
                RepeatSorter::sorted(rows)?,
                &rules,
                &rejected,
                (&mut verdicts, &mut without_row),
            )?;
            return without_row.finish(vec![verdicts, others]);
        }
        std::thread::scope(|scope| {
            let same_customers = scope.spawn(|| {
                join_same_customers(RepeatSorter::sorted(same_customers)?, &mut others, None)
            });
            let rows = join_ids(
                RepeatSorter::sorted(rows)?,
                &rules,
                &rejected,
                (&mut verdicts, &mut without_row),
            );
            let same_customers = same_customers.join();
            rows.and(
                same_customers.unwrap_or_else(|_panic| Err(io::Error::other("a thread failed"))),
            )
        })?;
        without_row.finish(vec![verdicts, others])
    }
}

/// The result of a join.
pub(super) struct JoinedIds {
    pub(super) verdicts: Vec<VerdictSorter>,
    pub(super) orphans: Orphans,
    pub(super) surplus: Surplus,
}

/// Collects what no row has the id of.
struct WithoutRow {
    orphans: OrphanSorter,
    surplus: SurplusSorter,
}

impl WithoutRow {
    /// Adds an id that stands alone.
    fn push(&mut self, id: &SortedId) -> io::Result<()> {
        match id.source {
            IdSource::Known(claim) => self.orphans.push(&claim),
            IdSource::Listed(place_in_list) => self.surplus.push(place_in_list),
            IdSource::Row(_) => Ok(()),
        }
    }

    /// Adds what is known of an id, if no row has it.
    fn push_unmatched(&mut self, matches: &IdMatches) -> io::Result<()> {
        if let (None, Some(place_in_list)) = (matches.first, matches.listed) {
            self.surplus.push(place_in_list)?;
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
        })
    }
}

/// What has been read so far about one exact id.
#[derive(Default)]
struct IdMatches {
    claim: Option<KnownClaim>,
    /// Its place in the list of customers.
    listed: Option<u64>,
    /// The first row with this id.
    first: Option<FirstRow>,
    /// Whether a fit row has this id, so that its claim is no orphan.
    has_row: bool,
}

/// The first row with an id.
#[derive(Clone, Copy)]
struct FirstRow {
    place: OtherRow,
    fit: bool,
    kept: bool,
    digest: Fingerprint,
}

/// What is done with rows of known ids, and with repeated ids.
struct JoinRules<'r> {
    policy: RowPolicy,
    repeats: &'r RepeatRule,
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
                without_row.push_unmatched(matches)?;
            }
            group.by_id.clear();
            group.first = None;
        }
        (before, joined) = (next, joins);
    }
    Ok(())
}

/// Ids that differ only in case and blanks.
#[derive(Default)]
struct FoldedGroup {
    by_id: HashMap<[u8; 8], IdMatches>,
    /// The first row of the group.
    first: Option<OtherRow>,
    /// Rows that `--strict` rejects; they come after all others.
    rejected: Vec<SortedId>,
}

impl FoldedGroup {
    fn add(
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

fn prior_claim(known: &KnownClaim, digest: &Fingerprint, policy: RowPolicy) -> PriorClaim {
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
