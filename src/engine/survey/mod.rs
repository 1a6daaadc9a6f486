//! The first pass: reads everything, and finds out what is to be done.
//!
//! Rows are read and checked on all cores. What the rows have to do with each
//! other and with the ledger is found by a sort (`id_join.rs`). Nothing is sent
//! before this has ended, so that a file that is wrong is known to be wrong.
//!
//! - `settings.rs`: what a survey needs beside the rows
//! - `parallel.rs`: the parts of an input, worked on side by side
//! - `id_join.rs`: the ids of the input and of the ledger, brought together
//! - `same_customer.rs`: one e-mail and company under two ids
//! - `resubmitted.rs`: rows that were given back, and come again beside their input
//! - `features.rs`: by what such a row is known again
//! - `finding_store.rs`: what was found out about rows, kept on disk in input order
//! - `codec.rs`: values → fixed numbers of bytes and back
//! - `unfit.rs`: what a row that is not fit gives of itself
//! - `unmapped.rs`: columns that feed no field
//! - `remote_list.rs`: the customers that Kable holds, as they were listed

pub(super) mod codec;
mod features;
pub mod finding_store;
mod id_join;
mod parallel;
pub mod remote_list;
mod resubmitted;
mod same_customer;
pub mod settings;
mod unfit;
pub mod unmapped;

use std::sync::Arc;

use anyhow::{Context, bail};

use self::finding_store::{About, Finding, VerdictSorter, Verdicts};
use self::id_join::Ids;
use self::parallel::abreast;
use self::remote_list::Listed;
use self::resubmitted::{Original, Resubmitted};
use self::settings::Surveying;
use self::unfit::unfit;
use self::unmapped::Unused;
use super::checker::Checker;
use super::send::orphaned_claims::Orphans;
use crate::domain::decision::Decision;
use crate::domain::outcome::OutcomeCounts;
use crate::domain::row::{Columns, InputPart, ParallelRows, Row, Rows};
use crate::domain::summary::{OrphanCounts, RowCounts};
use crate::domain::validate::{CheckedRow, check};
use crate::ledger::Ledger;
use crate::report::{Event, Observer};
use crate::spill::repeats::RepeatFilter;

/// What is to be done with an input.
#[derive(Debug)]
pub struct Survey {
    /// Rows read, skipped and rejected; duplicates are among the rejected.
    pub rows: RowCounts,
    /// Rows that will be sent.
    pub to_create: u64,
    /// Rows that will be asked for first.
    pub to_look_up: u64,
    /// Rows that nothing is to be done with, by their outcome.
    pub done: OutcomeCounts,
    /// Rows whose customer Kable is known to hold, whether or not it is equal, and
    /// that are not done.
    pub there: u64,
    /// For each input that has some: its name, and columns that feed no field.
    pub unused: Vec<(String, Vec<String>)>,
    /// What is known of rows that are not simply new.
    pub verdicts: Verdicts,
    /// Claims without a row in the input.
    pub orphans: Orphans,
    /// What is known of those.
    pub left: OrphanCounts,
    /// The number that the first new row's claim gets.
    pub first_new_id: u64,
    /// Whether the ledger may not know of rows that were sent.
    pub gaps: bool,
    /// Whether it was stopped before the end.
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

    /// Rows that this run has to deal with.
    pub fn to_do(&self) -> u64 {
        self.to_create + self.to_look_up - self.there
    }
}

/// What is known of customers before the rows are read.
pub enum Beforehand<'l> {
    /// Nothing.
    Nothing,
    /// What was claimed and settled.
    ByLedger(&'l mut dyn Ledger),
    /// What Kable holds.
    ByKable(&'l mut Listed),
    /// Both.
    ByBoth(&'l mut dyn Ledger, &'l mut Listed),
}

impl<'l> Beforehand<'l> {
    fn parts(self) -> (Option<&'l mut dyn Ledger>, Option<&'l mut Listed>) {
        match self {
            Self::Nothing => (None, None),
            Self::ByLedger(ledger) => (Some(ledger), None),
            Self::ByKable(listed) => (None, Some(listed)),
            Self::ByBoth(ledger, listed) => (Some(ledger), Some(listed)),
        }
    }
}

impl std::fmt::Debug for Beforehand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beforehand").finish_non_exhaustive()
    }
}

/// Reads `rows` through.
pub fn survey<P>(
    rows: &mut P,
    surveying: &Surveying<'_>,
    beforehand: Beforehand<'_>,
    observer: &impl Observer,
) -> anyhow::Result<Survey>
where
    P: ParallelRows<Error: std::error::Error + Send + Sync + 'static>,
{
    let sorting = || format!("cannot sort in {}", surveying.folder.display());
    let met = Arc::default();
    let mut known = Ids::new(surveying, &met, true);
    let (mut first_new_id, mut gaps, mut any) = (1, false, false);
    let (ledger, listed) = beforehand.parts();
    if let Some(ledger) = ledger {
        gaps = ledger.has_gaps()?;
        first_new_id = ledger.next_id()?;
        ledger.scan(&mut |client_id, claim| {
            any = true;
            known.push_known(client_id, &claim)
        })?;
    }
    if let Some(listed) = listed {
        listed
            .scan(&mut |client_id, kept_at| known.push_listed(client_id, kept_at))
            .with_context(sorting)?;
    }
    let workers = (0..surveying.threads.max(1)).map(|_| Worker::new(surveying, &met, any));
    let mut read = Read::default();
    let workers = abreast(rows, workers.collect(), Worker::read, |part| {
        read.add(part);
        observer.observe(&Event::Checking {
            rows: read.rows.read,
        });
        !surveying.stop.is_halted()
    })?;
    let interrupted = surveying.stop.is_halted();
    let (mut ids, mut sorters, mut mended) = (vec![known], Vec::new(), Vec::new());
    for worker in workers {
        ids.push(worker.ids);
        sorters.push(worker.verdicts);
        mended.push(worker.mended);
    }
    let (joined, orphans) = Ids::join(ids, surveying).with_context(sorting)?;
    sorters.extend(joined);
    let mut verdicts = Verdicts::of(sorters, read.starts).with_context(sorting)?;
    let names = &surveying.reading.names;
    Resubmitted::join(mended, names.len(), &mut verdicts, surveying.folder)
        .with_context(sorting)?;
    let joined = count(&mut verdicts, surveying.reading.rules.strict).with_context(sorting)?;
    let rows = joined.with(read.rows);
    let to_do = rows.read - rows.skipped - rows.rejected - joined.done.sum();
    // A ledger with gaps has nothing sent that was not asked for.
    let to_look_up = if gaps { to_do } else { joined.to_look_up };
    Ok(Survey {
        rows,
        to_create: to_do - to_look_up,
        to_look_up,
        done: joined.done,
        there: joined.there,
        unused: read.unused.named(surveying.reading),
        verdicts,
        left: orphans.left(),
        orphans,
        first_new_id,
        gaps,
        interrupted,
    })
}

/// What all parts came to.
#[derive(Default)]
struct Read {
    rows: RowCounts,
    starts: Vec<u64>,
    unused: Unused,
}

impl Read {
    fn add(&mut self, part: PartRead) {
        let inputs = usize::from(part.input) + 1;
        self.starts
            .resize(inputs.max(self.starts.len()), self.rows.read);
        self.rows.read += part.rows.read;
        self.rows.skipped += part.rows.skipped;
        self.rows.rejected += part.rows.rejected;
        self.unused.add(part.input, part.unused, part.is_table);
    }
}

/// What one part came to.
struct PartRead {
    input: u16,
    rows: RowCounts,
    unused: Vec<String>,
    is_table: bool,
}

/// One of the threads that read and check.
struct Worker<'s> {
    surveying: &'s Surveying<'s>,
    checker: Checker<'s>,
    ids: Ids,
    verdicts: VerdictSorter,
    mended: Resubmitted,
    row: Row,
}

impl<'s> Worker<'s> {
    fn new(surveying: &'s Surveying<'s>, met: &Arc<RepeatFilter>, digests: bool) -> Self {
        Self {
            surveying,
            checker: Checker::new(surveying.reading),
            ids: Ids::new(surveying, met, digests),
            verdicts: VerdictSorter::new(surveying.folder, surveying.threads),
            mended: Resubmitted::new(surveying.folder, surveying.threads),
            row: Row::default(),
        }
    }

    /// Reads a part, whose first row is the `first`-th of all.
    fn read<R>(&mut self, first: u64, mut part: InputPart<R>) -> anyhow::Result<PartRead>
    where
        R: Rows<Error: std::error::Error + Send + Sync + 'static>,
    {
        let mut rows = RowCounts::default();
        self.checker.begin_part();
        while part.rows.next(&mut self.row)? {
            let ordinal = first + rows.read;
            rows.read += 1;
            match self.take(ordinal, part.rows.columns())? {
                Took::Skipped => rows.skipped += 1,
                Took::Unfit => rows.rejected += 1,
                Took::Fit => {}
            }
        }
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
        Ok(PartRead {
            input: part.input,
            rows,
            unused: unused.into_iter().map(str::to_owned).collect(),
            is_table: !binding.is_open(),
        })
    }

    fn take(&mut self, ordinal: u64, columns: &Columns) -> anyhow::Result<Took> {
        let (row, surveying) = (&self.row, self.surveying);
        let about = |fit| About {
            ordinal,
            place: row.origin,
            fit,
        };
        let writing = || format!("cannot write to {}", surveying.folder.display());
        let binding = self.checker.bind(row.origin.input, columns)?;
        // Only beside others an input can come back, or be what comes back.
        let several = surveying.reading.names.len() > 1;
        let (took, noted) = match check(row, binding, &surveying.reading.rules) {
            CheckedRow::Skipped => return Ok(Took::Skipped),
            CheckedRow::Unfit(rejection) => {
                let unfit = unfit(row, binding, &rejection);
                self.ids
                    .push_unfit(about(false), unfit)
                    .with_context(writing)?;
                if several {
                    let bound = (binding, columns);
                    self.mended
                        .push_original(about(false), row, bound, &rejection.problems)
                        .with_context(writing)?;
                }
                (Took::Unfit, true)
            }
            CheckedRow::Fit(fit) => {
                self.ids
                    .push_fit(about(true), &fit.values)
                    .with_context(writing)?;
                if several {
                    self.mended
                        .push_original(about(true), row, (binding, columns), &fit.notes)
                        .with_context(writing)?;
                }
                (Took::Fit, !fit.notes.is_empty())
            }
        };
        if several
            && let Some(original) = Original::of(row, binding, columns, &surveying.reading.names)
        {
            self.mended
                .push_returned(about(took == Took::Fit), original)
                .with_context(writing)?;
        }
        if noted && surveying.note_rows {
            self.verdicts
                .push(about(took == Took::Fit), Finding::Noted)
                .with_context(writing)?;
        }
        Ok(took)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Took {
    Skipped,
    Unfit,
    Fit,
}

/// What the rows' verdicts come to.
#[derive(Default)]
struct Joined {
    /// Rows that are fit by themselves and rejected for others.
    rejected: u64,
    /// Rejected rows that others stand for.
    replaced: u64,
    to_look_up: u64,
    done: OutcomeCounts,
    there: u64,
}

impl Joined {
    /// The counts of rows by themselves, with what others make of them.
    fn with(&self, mut rows: RowCounts) -> RowCounts {
        rows.rejected += self.rejected;
        rows.rejected -= self.replaced;
        rows.skipped += self.replaced;
        rows
    }
}

fn count(verdicts: &mut Verdicts, strict: bool) -> std::io::Result<Joined> {
    let mut joined = Joined::default();
    while let Some(verdict) = verdicts.read_next()? {
        joined.replaced += u64::from(verdict.replaced);
        if !verdict.fit {
            continue;
        }
        if verdict.rejects(strict) {
            joined.rejected += 1;
            continue;
        }
        let decision = verdict.remembered.map(|known| known.decision);
        let is_done = matches!(decision, Some(Decision::Skip(_)));
        joined.there += u64::from(verdict.listed.is_some() && !is_done);
        match decision {
            Some(Decision::LookUp) => joined.to_look_up += 1,
            Some(Decision::Skip(outcome)) => joined.done.add(outcome),
            Some(Decision::Create) | None => {}
        }
    }
    verdicts.rewind()?;
    Ok(joined)
}

#[cfg(test)]
mod tests;
