//! The first pass: reads and checks all rows, and plans what to send.
//!
//! Rows are read and checked on all cores. A sort by id relates them to each other and to
//! the ledger (`id_join.rs`). Nothing is sent before the survey is complete, so that all
//! errors of an input are known first.
//!
//! - `settings.rs`: what a survey needs beside the rows
//! - `parallel.rs`: processes parts of the input in parallel, with results in order
//! - `id_join.rs`: joins the ids of the input, the ledger and the list of customers
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
//! - `surplus.rs`: those of them that no row has

pub(super) mod codec;
mod features;
pub mod finding_store;
mod id_join;
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

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::{Context, bail};

use self::finding_store::{RowFinding, SurveyedRow, VerdictSorter, Verdicts};
use self::id_join::IdSorter;
use self::parallel::run_parallel;
use self::remote_list::RemoteList;
use self::resubmitted::{OriginalRow, Resubmitted};
use self::settings::SurveySettings;
use self::surplus::Surplus;
use self::unfit::UnfitRow;
use self::unmapped::UnmappedColumns;
use self::verdict_counts::count;
use super::checker::Checker;
use super::send::orphaned_claims::Orphans;
use crate::domain::mapping::RepeatRule;
use crate::domain::outcome::OutcomeCounts;
use crate::domain::row::{Columns, InputPart, ParallelRows, Row, Rows};
use crate::domain::row_tally::RowTally;
use crate::domain::summary::{OrphanCounts, RequestCounts, RowCounts};
use crate::domain::validate::{CheckedRow, check};
use crate::ledger::Ledger;
use crate::report::{Event, Observer};
use crate::spill::repeats::RepeatFilter;

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
    /// The claim number of the first new row.
    pub first_new_id: u64,
    /// Whether the ledger may lack rows that were sent.
    pub gaps: bool,
    /// Whether the stop signal ended it early.
    pub interrupted: bool,
}

impl Survey {
    /// Rows that are fit to send, whether or not they have been.
    pub fn fit(&self) -> u64 {
        self.rows.read - self.rows.skipped - self.rows.rejected
    }

    /// The columns that feed no field, of all inputs.
    pub fn unused_names(&self) -> Vec<String> {
        let names = self.unused.iter().flat_map(|(_, names)| names);
        names.cloned().collect()
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
    let repeats = Arc::default();
    let merges = *settings.check.mapping.repeated_ids() == RepeatRule::Merge;
    let mut known_ids = IdSorter::new(settings, &repeats, true);
    let (mut first_new_id, mut gaps, mut has_claims) = (1, false, false);
    if let Some(ledger) = known.ledger {
        gaps = ledger.has_gaps()?;
        first_new_id = ledger.next_id()?;
        ledger.scan(&mut |client_id, claim| {
            has_claims = true;
            known_ids.push_claim(client_id, &claim)
        })?;
    }
    if let Some(list) = known.list {
        let pushed = known_ids.push_list(list, known.surplus);
        pushed.with_context(sorting)?;
    }
    let worker = |_| Worker::new(settings, &repeats, has_claims || merges);
    let workers = (0..settings.threads.max(1)).map(worker);
    let mut read = InputCounts::default();
    let workers = run_parallel(rows, workers.collect(), Worker::read, |part| {
        read.add(part);
        let rows = read.rows.read;
        observer.observe(&Event::Checking { rows });
        !settings.stop.is_halted()
    })?;
    let interrupted = settings.stop.is_halted();
    let (mut ids, mut sorters, mut resubmitted) = (vec![known_ids], Vec::new(), Vec::new());
    for worker in workers {
        ids.push(worker.ids);
        sorters.push(worker.verdicts);
        resubmitted.push(worker.resubmitted);
    }
    let joined = IdSorter::join(ids, settings).with_context(sorting)?;
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
        unused: read.unused.named(settings.check),
        verdicts,
        left: joined.orphans.left(),
        requests: RequestCounts::default(),
        orphans: joined.orphans,
        surplus: joined.surplus,
        first_new_id,
        gaps,
        interrupted,
    })
}

/// The totals of all parts.
#[derive(Default)]
struct InputCounts {
    rows: RowCounts,
    tally: RowTally,
    starts: Vec<u64>,
    unused: UnmappedColumns,
}

impl InputCounts {
    fn add(&mut self, part: PartCounts) {
        let inputs = usize::from(part.input) + 1;
        self.starts
            .resize(inputs.max(self.starts.len()), self.rows.read);
        self.rows.read += part.rows.read;
        self.rows.skipped += part.rows.skipped;
        self.rows.rejected += part.rows.rejected;
        self.tally.add(part.tally);
        self.unused.add(part.input, part.unused, part.is_table);
    }
}

/// The totals of one part.
struct PartCounts {
    input: u16,
    rows: RowCounts,
    tally: RowTally,
    unused: Vec<String>,
    is_table: bool,
}

/// The state of one thread that reads and checks rows.
struct Worker<'s> {
    settings: &'s SurveySettings<'s>,
    checker: Checker<'s>,
    ids: IdSorter,
    verdicts: VerdictSorter,
    resubmitted: Resubmitted,
    row: Row,
}

impl<'s> Worker<'s> {
    fn new(settings: &'s SurveySettings<'s>, repeats: &Arc<RepeatFilter>, digests: bool) -> Self {
        Self {
            settings,
            checker: Checker::new(settings.check),
            ids: IdSorter::new(settings, repeats, digests),
            verdicts: VerdictSorter::new(settings.folder, settings.threads),
            resubmitted: Resubmitted::new(settings.folder, settings.threads),
            row: Row::default(),
        }
    }

    /// Reads a part whose first row is number `first`, counted from 0.
    fn read<R>(&mut self, first: u64, mut part: InputPart<R>) -> anyhow::Result<PartCounts>
    where
        R: Rows<Error: std::error::Error + Send + Sync + 'static>,
    {
        let mut counts = (RowCounts::default(), RowTally::default());
        self.checker.begin_part();
        while part.rows.next(&mut self.row)? {
            let ordinal = first + counts.0.read;
            counts.0.read += 1;
            self.check_row(ordinal, part.rows.columns(), &mut counts)?;
        }
        let (rows, tally) = counts;
        if rows.read != part.count {
            bail!(
                "a part of {} rows was read as {}; this is a bug in kable-bulk",
                part.count,
                rows.read
            );
        }
        let columns = part.rows.columns();
        let binding = self.checker.bind(part.input, columns)?;
        let unused = binding.unused(columns);
        Ok(PartCounts {
            input: part.input,
            rows,
            tally,
            unused: unused.into_iter().map(Cow::into_owned).collect(),
            is_table: !binding.is_open(),
        })
    }

    /// Checks the current row, counts it, and passes on what later steps need.
    fn check_row(
        &mut self,
        ordinal: u64,
        columns: &Columns,
        (rows, tally): &mut (RowCounts, RowTally),
    ) -> anyhow::Result<()> {
        let settings = self.settings;
        let binding = self.checker.derive(&mut self.row, columns)?;
        let row = &self.row;
        let surveyed = |fit| SurveyedRow {
            ordinal,
            place: row.origin,
            fit,
        };
        let writing = || format!("cannot write to {}", settings.folder.display());
        // Mended rejects are an input of their own.
        let several = settings.check.names.len() > 1;
        let (surveyed, has_problems) = match check(row, binding, &settings.check.rules) {
            CheckedRow::Skipped(reason) => {
                rows.skipped += 1;
                tally.add_skipped(&reason, row.origin.line);
                return Ok(());
            }
            CheckedRow::Unfit(rejection) => {
                rows.rejected += 1;
                let surveyed = surveyed(false);
                let identity = UnfitRow::of(row, binding, &rejection);
                tally.unidentified += u64::from(identity.client_id.is_empty());
                self.ids
                    .push_unfit(surveyed, identity, row.findings.is_kept)
                    .with_context(writing)?;
                if several {
                    let bound = (binding, columns);
                    self.resubmitted
                        .push_original(surveyed, row, bound, &rejection.problems)
                        .with_context(writing)?;
                }
                (surveyed, true)
            }
            CheckedRow::Fit(fit) => {
                let surveyed = surveyed(true);
                tally.add_defaulted(fit.defaulted);
                tally.add_values(&fit.values);
                self.ids
                    .push_fit(surveyed, &fit.values, row.findings.is_kept)
                    .with_context(writing)?;
                if several {
                    self.resubmitted
                        .push_original(surveyed, row, (binding, columns), &fit.notes)
                        .with_context(writing)?;
                }
                (surveyed, !fit.notes.is_empty())
            }
        };
        if several
            && let Some(original) = OriginalRow::of(row, binding, columns, &settings.check.names)
        {
            self.resubmitted
                .push_mended(surveyed, original)
                .with_context(writing)?;
        }
        if !surveyed.fit || has_problems && settings.note_rows {
            self.verdicts
                .push(surveyed, RowFinding::HasProblems)
                .with_context(writing)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
