//! The first pass: reads and checks all rows, and plans what to send.
//!
//! Rows are read and checked on all cores. A sort by id relates them to each other and to
//! the ledger (`id_join.rs`). Nothing is sent before the survey is complete, so that all
//! errors of an input are known first.
//!
//! - `settings.rs`: what a survey needs beside the rows
//! - `worker.rs`: reads and checks the rows of a part
//! - `parallel.rs`: processes parts of the input in parallel, with results in order
//! - `claim_merge.rs`: merges rows and claims that stand in the same order
//! - `id_join.rs`: joins the ids of the input, the ledger and the list of customers
//! - `id_group.rs`: what rows, claims and customers with the same id mean for each other
//! - `sorted_id.rs`: what that sort holds of an id
//! - `same_customer.rs`: rows with the same e-mail and company under different ids
//! - `resubmitted.rs`: mended rejects read together with their original input
//! - `features.rs`: identifies the original row of a mended reject
//! - `finding_store.rs`: findings about rows, on disk in input order
//! - `codec.rs`: values → fixed numbers of bytes and back
//! - `unfit.rs`: id, company and e-mail of a row that is not fit
//! - `unmapped.rs`: columns that feed no field
//! - `verdict_counts.rs`: the rows' verdicts, counted
//! - `remote_list.rs`: the listed customers that Kable holds, on disk
//! - `listed_places.rs`: where that list has those of one `clientId`
//! - `surplus.rs`: those of them that no row has

mod claim_merge;
pub(super) mod codec;
mod features;
pub mod finding_store;
mod id_group;
mod id_join;
pub mod listed_places;
mod parallel;
pub mod remote_list;
mod resubmitted;
mod same_customer;
pub mod settings;
mod sorted_id;
pub mod surplus;
mod unfit;
pub mod unmapped;
mod verdict_counts;
mod worker;

use std::sync::mpsc::sync_channel;

use anyhow::Context;

use self::claim_merge::{BATCHES, ClaimMerge, MergedClaims, scan};
use self::finding_store::Verdicts;
use self::id_join::{IdSorter, IdUse};
use self::parallel::run_parallel;
use self::remote_list::RemoteList;
use self::resubmitted::Resubmitted;
use self::settings::SurveySettings;
use self::surplus::Surplus;
use self::unmapped::UnmappedColumns;
use self::verdict_counts::count;
use self::worker::{PartCounts, Worker};
use super::send::orphaned_claims::Orphans;
use crate::domain::mapping::RepeatRule;
use crate::domain::outcome::OutcomeCounts;
use crate::domain::remote::MissingContact;
use crate::domain::row::ParallelRows;
use crate::domain::row_tally::RowTally;
use crate::domain::summary::{OrphanCounts, RequestCounts, RowCounts};
use crate::ledger::Ledger;
use crate::report::{Event, Observer};

/// The result of a survey.
#[derive(Debug)]
pub struct Survey {
    /// Rows read, skipped and rejected; duplicates are among the rejected.
    pub rows: RowCounts,
    /// The skipped rows by reason, and rows that took a default.
    pub tally: RowTally,
    /// Rows that will be sent.
    pub to_create: u64,
    /// Rows that will be looked up first.
    pub to_look_up: u64,
    /// Rows that need nothing, by outcome.
    pub done: OutcomeCounts,
    /// Rows that are not done although Kable holds a customer of their id, equal or not.
    pub there: u64,
    /// The numbers of the inputs in which no row is a customer's.
    pub without_customers: Vec<usize>,
    /// Columns that feed no field, with the name of their input.
    pub unused: Vec<(String, Vec<String>)>,
    /// The verdicts on rows that are not simply new and fit.
    pub verdicts: Verdicts,
    /// Claims without a row in the input.
    pub orphans: Orphans,
    /// Those claims, counted.
    pub left: OrphanCounts,
    /// The requests that were sent for its rows since.
    pub requests: RequestCounts,
    /// Customers that Kable holds without a row in the input, if they are wanted.
    pub surplus: Surplus,
    /// Customers without a row whose id differs in case, blanks or invisible characters
    /// alone from that of a row whose own customer Kable does not hold. They may be meant.
    pub near: Surplus,
    /// Customers without a row that a row may mean whose id differs in leading zeros alone:
    /// a spreadsheet removes them.
    pub lost_zeros: Surplus,
    /// The claim number of the first new row.
    pub first_new_id: u64,
    /// Whether the ledger may lack rows that were sent.
    pub gaps: bool,
    /// What it means that Kable shows no `billingContact` of a customer.
    pub missing_contact: MissingContact,
    /// Whether the stop signal ended it early.
    pub interrupted: bool,
}

impl Survey {
    /// Rows that are fit to send, whether or not they have been.
    pub fn fit(&self) -> u64 {
        self.rows.read - self.rows.skipped - self.rows.rejected
    }

    /// Customers without a row of exactly their id, if they are wanted.
    pub fn missing_count(&self) -> u64 {
        self.surplus.count() + self.near.count() + self.lost_zeros.count()
    }

    /// The columns that feed no field, of all inputs.
    pub fn unused_names(&self) -> Vec<String> {
        let names = self.unused.iter().flat_map(|(_, names)| names);
        names.cloned().collect()
    }

    /// The requests that an import sends for them, if none is sent again: a create each, and a
    /// look-up of a customer that proves to be there.
    pub fn to_request(&self) -> u64 {
        self.to_create + self.to_look_up + self.there.min(self.to_create)
    }

    /// Rows that this run has to process.
    pub fn to_do(&self) -> u64 {
        self.to_create + self.to_look_up - self.there
    }
}

/// Customers known before the rows are read.
#[derive(Default)]
pub struct KnownCustomers<'l> {
    /// Claims and their outcomes.
    pub ledger: Option<&'l mut dyn Ledger>,
    /// The customers that Kable holds.
    pub list: Option<&'l mut RemoteList>,
    /// Whether those without a row in the input are wanted.
    pub surplus: bool,
}

impl std::fmt::Debug for KnownCustomers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownCustomers").finish_non_exhaustive()
    }
}

/// Reads and checks all `rows`.
pub fn survey<P>(
    rows: &mut P,
    settings: &SurveySettings<'_>,
    known: KnownCustomers<'_>,
    observer: &impl Observer,
) -> anyhow::Result<Survey>
where
    P: ParallelRows<Error: std::error::Error + Send + Sync + 'static>,
{
    let sorting = || format!("cannot sort in {}", settings.folder.display());
    let mut listed = IdSorter::new(settings, IdUse::Sort);
    let (mut first_new_id, mut gaps) = (1, false);
    let mut missing_contact = MissingContact::default();
    let mut ledger = known.ledger;
    if let Some(ledger) = &mut ledger {
        gaps = ledger.has_gaps()?;
        first_new_id = ledger.next_id()?;
    }
    if let Some(list) = known.list {
        let pushed = listed.push_list(list, known.surplus);
        pushed.with_context(sorting)?;
        missing_contact = list.missing_contact();
    }
    let read = read_all(rows, settings, ledger, observer)?;
    let interrupted = settings.stop.is_halted();
    let (mut ids, mut sorters, mut resubmitted) = (vec![listed], Vec::new(), Vec::new());
    for worker in read.workers {
        ids.push(worker.ids);
        sorters.push(worker.verdicts);
        resubmitted.push(worker.resubmitted);
    }
    let (read, merged) = (read.counts, read.merged);
    let without_customers = read.without_customers(settings.check.names.len());
    let joined = IdSorter::join(ids, merged, settings).with_context(sorting)?;
    sorters.extend(joined.verdicts);
    let mut verdicts = Verdicts::of(sorters, read.starts).with_context(sorting)?;
    let names = &settings.check.names;
    Resubmitted::join(resubmitted, names.len(), &mut verdicts, settings.folder)
        .with_context(sorting)?;
    let counts = count(&mut verdicts, settings.check.rules.strict).with_context(sorting)?;
    let rows = counts.applied_to(read.rows);
    let to_do = rows.read - rows.skipped - rows.rejected - counts.done.sum();
    // With gaps in the ledger every row is looked up before it is sent.
    let to_look_up = if gaps { to_do } else { counts.to_look_up };
    Ok(Survey {
        rows,
        tally: read.tally.plus(counts.tally),
        to_create: to_do - to_look_up,
        to_look_up,
        done: counts.done,
        there: counts.there,
        without_customers,
        unused: read.unused.named(settings.check),
        verdicts,
        left: joined.orphans.left(),
        requests: RequestCounts::default(),
        orphans: joined.orphans,
        surplus: joined.surplus,
        near: joined.near,
        lost_zeros: joined.lost_zeros,
        first_new_id,
        gaps,
        missing_contact,
        interrupted,
    })
}

/// What was read, before the ids are joined.
struct ReadInput<'s> {
    counts: InputCounts,
    workers: Vec<Worker<'s>>,
    merged: Option<MergedClaims>,
}

/// Reads and checks all `rows`, and beside them the claims of `ledger`.
fn read_all<'s, P>(
    rows: &mut P,
    settings: &'s SurveySettings<'_>,
    ledger: Option<&mut dyn Ledger>,
    observer: &impl Observer,
) -> anyhow::Result<ReadInput<'s>>
where
    P: ParallelRows<Error: std::error::Error + Send + Sync + 'static>,
{
    std::thread::scope(|scope| {
        let mut merge = None;
        if let Some(ledger) = ledger {
            let (sender, claims) = sync_channel(BATCHES);
            scope.spawn(move || scan(ledger, &sender));
            let mut begun = ClaimMerge::new(claims, settings);
            merge = begun.has_claims()?.then_some(begun);
        }
        let use_of_ids = match (&merge, settings.check.mapping.repeated_ids()) {
            (Some(_), _) => IdUse::Merge,
            (None, RepeatRule::Merge) => IdUse::Compare,
            (None, RepeatRule::Reject | RepeatRule::First | RepeatRule::Keep(_)) => IdUse::Sort,
        };
        let worker = |_| Worker::new(settings, use_of_ids);
        let workers = (0..settings.threads.max(1)).map(worker);
        let mut counts = InputCounts::default();
        let workers = run_parallel(rows, workers.collect(), Worker::read, |mut part| {
            if let Some(merge) = &mut merge {
                merge.add(std::mem::take(&mut part.ids))?;
            }
            counts.add(part);
            let rows = counts.rows.read;
            observer.observe(&Event::Checking { rows });
            Ok(!settings.stop.is_halted())
        })?;
        Ok(ReadInput {
            counts,
            workers,
            merged: merge.map(ClaimMerge::finish).transpose()?,
        })
    })
}

/// The totals of all parts.
#[derive(Default)]
struct InputCounts {
    rows: RowCounts,
    tally: RowTally,
    starts: Vec<u64>,
    /// How many rows of each input are customers'.
    taken: Vec<u64>,
    unused: UnmappedColumns,
}

impl InputCounts {
    fn add(&mut self, part: PartCounts) {
        let inputs = usize::from(part.input) + 1;
        self.starts
            .resize(inputs.max(self.starts.len()), self.rows.read);
        self.taken.resize(self.starts.len(), 0);
        if let Some(taken) = self.taken.get_mut(usize::from(part.input)) {
            *taken += part.rows.read - part.tally.around_the_table();
        }
        self.rows.read += part.rows.read;
        self.rows.skipped += part.rows.skipped;
        self.rows.rejected += part.rows.rejected;
        self.tally.add(part.tally);
        self.unused.add(part.input, part.unused, part.is_table);
    }

    /// Those of this many inputs in which no row is a customer's.
    fn without_customers(&self, inputs: usize) -> Vec<usize> {
        let taken = |input: &usize| self.taken.get(*input).is_some_and(|rows| *rows > 0);
        (0..inputs).filter(|input| !taken(input)).collect()
    }
}

#[cfg(test)]
mod tests;
