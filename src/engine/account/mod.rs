//! The last pass: says of each row, once, what became of it.
//!
//! It reads the input again and asks the ledger, so that what it says does not
//! rest on what a process remembers. The counts that it comes to are held
//! against the survey's.
//!
//! - `row.rs`: all that is to be said of one row
//! - `repeats.rs`: rows that repeat other rows
//! - `preview.rs`: what a run would do with a row (`--dry-run`)

pub mod preview;
pub(super) mod repeats;
mod row;

use anyhow::{Context, bail};

use self::preview::{Foreseeing, Preview};
use self::repeats::Others;
use self::row::{Finder, Said};
use super::checker::{Checker, Reading};
use super::stop::Stop;
use super::survey::finding_store::Verdicts;
use super::survey::remote_list::Listed;
use crate::domain::forecast::Forecast;
use crate::domain::outcome::{Outcome, OutcomeCounts};
use crate::domain::row::{Revisit, Row};
use crate::domain::summary::{ProblemCounts, ProblemGroup, RowCounts};
use crate::ledger::Ledger;
use crate::report::{Event, Observer, RowSink};

/// How many rows are read between two looks at the stop signal.
const LOOK_UP_EVERY: u64 = 1 << 14;

impl std::fmt::Debug for Accounting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounting").finish_non_exhaustive()
    }
}

/// What all rows came to.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Rows read, skipped and rejected.
    pub rows: RowCounts,
    /// What the others came to.
    pub outcomes: OutcomeCounts,
    /// Rows whose customer this checkpoint created, whatever they came to since.
    pub ours: u64,
    /// What a run would do, where that was to be found out.
    pub would: Option<Forecast>,
    /// What was wrong.
    pub problems: Vec<ProblemGroup>,
    /// Whether it was stopped before the end.
    pub interrupted: bool,
}

/// What an account needs beside the rows.
pub struct Accounting<'a> {
    /// What rows are held against.
    pub reading: &'a Reading,
    /// What the survey counted.
    pub surveyed: RowCounts,
    /// What the survey found out.
    pub verdicts: &'a mut Verdicts,
    /// The number that the first new row's claim got.
    pub first_new_id: u64,
    /// What was claimed and settled; `None` where nothing is sent.
    pub ledger: Option<&'a mut dyn Ledger>,
    /// The customers that Kable holds, where they were listed.
    pub listed: Option<&'a mut Listed>,
    /// What a dry run goes by; `None` where it is none.
    pub foreseeing: Option<Foreseeing>,
    /// Ends the reading. `None` where results are to be written all the same,
    /// as those of an interrupted run are.
    pub stop: Option<&'a Stop>,
}

impl<'a> Accounting<'a> {
    /// What finds all that is to be said, the verdicts from the first on, and
    /// what ends the reading.
    fn begin<V>(
        self,
        others: V,
    ) -> anyhow::Result<(Finder<'a, V>, &'a mut Verdicts, Option<&'a Stop>)>
    where
        V: Revisit<Error: std::error::Error + Send + Sync + 'static>,
    {
        let finder = Finder {
            checker: Checker::new(self.reading),
            others: Others::new(others, self.reading),
            next_new_id: self.first_new_id,
            ledger: self.ledger,
            foresight: self
                .foreseeing
                .map(|foreseeing| Preview::new(foreseeing, self.listed.is_some())),
            listed: self.listed,
            problems: ProblemCounts::default(),
            ours: 0,
        };
        self.verdicts
            .rewind()
            .context("cannot read a temporary file")?;
        Ok((finder, self.verdicts, self.stop))
    }
}

/// Gives an account of every row in `rows` to `sink`. `others` are the same
/// rows: those that others repeat are looked at once more.
pub fn account<R>(
    rows: &mut R,
    others: R,
    accounting: Accounting<'_>,
    sink: &mut impl RowSink,
    observer: &impl Observer,
) -> anyhow::Result<Account>
where
    R: Revisit<Error: std::error::Error + Send + Sync + 'static>,
{
    let (mut row, mut all) = (Row::default(), Account::default());
    let (mut finder, verdicts, stop) = accounting.begin(others)?;
    while rows.next(&mut row)? {
        let verdict = verdicts
            .on(all.rows.read)
            .context("cannot read a temporary file")?;
        all.rows.read += 1;
        match finder.tell(&row, rows.columns(), verdict.as_ref(), sink)? {
            Said::Skipped => all.rows.skipped += 1,
            Said::Rejected => all.rows.rejected += 1,
            Said::Came(outcome) => all.outcomes.add(outcome),
        }
        if all.rows.read.is_multiple_of(LOOK_UP_EVERY) {
            observer.observe(&Event::Accounting {
                rows: all.rows.read,
            });
            if stop.is_some_and(Stop::is_halted) {
                all.interrupted = true;
                break;
            }
        }
    }
    all.ours = finder.ours;
    all.would = finder.foresight.map(|foresight| foresight.forecast);
    all.problems = finder.problems.into_groups();
    Ok(all)
}

/// Gives an account of the rows of which there is something to be said, and of
/// no others: what a survey of nothing but the input comes to. `others` are the
/// same rows, as for [`account`].
pub fn review<R>(
    rows: &mut R,
    others: R,
    accounting: Accounting<'_>,
    sink: &mut impl RowSink,
    observer: &impl Observer,
) -> anyhow::Result<Account>
where
    R: Revisit<Error: std::error::Error + Send + Sync + 'static>,
{
    let surveyed = accounting.surveyed;
    let (mut finder, verdicts, stop) = accounting.begin(others)?;
    let mut row = Row::default();
    let (mut told, mut rejected) = (0_u64, 0);
    let mut all = Account {
        rows: surveyed,
        ..Account::default()
    };
    while let Some(verdict) = verdicts
        .read_next()
        .context("cannot read a temporary file")?
    {
        if !rows.revisit(verdict.place, &mut row)? || row.origin != verdict.place {
            bail!(
                "line {} was not found again where it stood; this is a bug in kable-bulk",
                verdict.place.line
            );
        }
        match finder.tell(&row, rows.columns(), Some(&verdict), sink)? {
            Said::Rejected => rejected += 1,
            Said::Skipped | Said::Came(_) => {}
        }
        told += 1;
        if told.is_multiple_of(LOOK_UP_EVERY) {
            observer.observe(&Event::Accounting {
                rows: verdicts.about(&verdict).ordinal,
            });
            if stop.is_some_and(Stop::is_halted) {
                all.interrupted = true;
                break;
            }
        }
    }
    rows.finish()?;
    all.rows.rejected = rejected;
    let fit = surveyed.read - surveyed.skipped - surveyed.rejected;
    all.outcomes.add_many(Outcome::Pending, fit);
    all.problems = finder.problems.into_groups();
    Ok(all)
}

/// Holds an account against what the survey counted.
pub fn demand_agreement(account: &Account, surveyed: RowCounts) -> anyhow::Result<()> {
    let sum = account.rows.skipped + account.rows.rejected + account.outcomes.sum();
    if account.interrupted || (account.rows == surveyed && account.rows.read == sum) {
        return Ok(());
    }
    bail!(
        "the sums do not agree: first {surveyed:?} were counted, then {:?} with {sum} of them accounted for; \
         this is a bug in kable-bulk, and the checkpoint is right",
        account.rows
    )
}

#[cfg(test)]
mod tests;
