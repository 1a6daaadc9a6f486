//! The last pass: reports, once, what became of each row.
//!
//! It reads the input again and takes outcomes from the ledger, not from the memory of
//! the process that sent them. Its counts are compared with the survey's.
//!
//! - `read_ahead.rs`: reads rows on a thread of its own
//! - `row.rs`: finds out what became of each row
//! - `accounted_row.rs`: what became of one row, as it is reported
//! - `entry.rs`: what the ledger's entry of a row says of its outcome
//! - `listed_outcomes.rs`: what rows are by the list of customers alone
//! - `sync_account.rs`: what became of a row of a sync
//! - `repeats.rs`: the problems of rows that repeat other rows
//! - `preview.rs`: what a run would do with a row (`--dry-run`)

mod accounted_row;
mod entry;
pub mod listed_outcomes;
pub mod preview;
mod read_ahead;
pub(super) mod repeats;
mod row;
pub mod sync_account;

use anyhow::{Context, bail};

use self::listed_outcomes::ListedOutcomes;
use self::preview::{Preview, PreviewSettings};
use self::read_ahead::read_ahead;
use self::repeats::RepeatedRows;
use self::row::RowAccountant;
use self::sync_account::SyncAccount;
use super::checker::{CheckSettings, Checker};
use super::claim_numbers::ClaimNumbers;
use super::stop::Stop;
use super::survey::Survey;
use super::survey::finding_store::{RowVerdict, Verdicts};
use super::survey::remote_list::RemoteList;
use crate::domain::compared_fields::ComparedFields;
use crate::domain::forecast::Forecast;
use crate::domain::outcome::{Outcome, OutcomeCounts};
use crate::domain::problem_groups::{ProblemCounts, ProblemGroup};
use crate::domain::row::{Revisit, Row, Rows};
use crate::domain::summary::RowCounts;
use crate::ledger::Ledger;
use crate::report::{Event, Observer, RowSink};

/// The stop signal is checked, and progress reported, after this many rows.
const ROWS_PER_CHECK: u64 = 1 << 14;

impl std::fmt::Debug for AccountSources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountSources").finish_non_exhaustive()
    }
}

/// The totals over all rows.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Rows read, skipped and rejected.
    pub rows: RowCounts,
    /// The outcomes of the others.
    pub outcomes: OutcomeCounts,
    /// Rows whose customer this checkpoint created, whatever their outcome is now.
    pub ours: u64,
    /// What a run would do, in a dry run.
    pub forecast: Option<Forecast>,
    /// The fields that differ, and those that could not be compared.
    pub compared: ComparedFields,
    /// The problems found.
    pub problems: Vec<ProblemGroup>,
    /// Whether the stop signal ended it early.
    pub interrupted: bool,
}

/// What an account needs beside the rows.
pub struct AccountSources<'a> {
    /// What rows are checked against.
    pub check: &'a CheckSettings,
    /// What the survey counted.
    pub surveyed: RowCounts,
    /// The survey's verdicts.
    pub verdicts: &'a mut Verdicts,
    /// The numbers of new claims; `None` if rows without a prior claim were never sent.
    pub numbers: Option<ClaimNumbers>,
    /// `None` if nothing is sent.
    pub ledger: Option<&'a mut dyn Ledger>,
    /// The customers that Kable holds, if they were listed.
    pub remote_list: Option<&'a mut RemoteList>,
    /// The outcomes by that list alone.
    pub listed: ListedOutcomes,
    /// What a sync did with each row, or would do; `None` in other runs.
    pub sync: Option<SyncAccount<'a>>,
    /// The settings of a dry run; `None` in other runs.
    pub preview: Option<PreviewSettings>,
    /// Ends the reading. `None` if results must be written even so, as those of an
    /// interrupted run.
    pub stop: Option<&'a Stop>,
}

impl<'a> AccountSources<'a> {
    /// The account of the input alone.
    pub fn of_input(check: &'a CheckSettings, surveyed: &'a mut Survey, stop: &'a Stop) -> Self {
        Self {
            check,
            surveyed: surveyed.rows,
            verdicts: &mut surveyed.verdicts,
            numbers: None,
            ledger: None,
            remote_list: None,
            listed: ListedOutcomes::BEFORE_IMPORT,
            sync: None,
            preview: None,
            stop: Some(stop),
        }
    }

    /// The row accountant, the verdicts from the first on, and the stop signal.
    fn begin<V>(
        mut self,
        repeated: V,
    ) -> anyhow::Result<(RowAccountant<'a, V>, &'a mut Verdicts, Option<&'a Stop>)>
    where
        V: Revisit<Error: std::error::Error + Send + Sync + 'static>,
    {
        if let Some(sync) = &mut self.sync {
            let rewound = sync.plan.rewind();
            rewound.context("cannot read a temporary file")?;
        }
        let previewed = self.ledger.as_mut().filter(|_| self.preview.is_some());
        let times = previewed.map(|ledger| ledger.send_times()).transpose()?;
        let times = times.unwrap_or_default();
        let accountant = RowAccountant {
            checker: Checker::new(self.check),
            repeated: RepeatedRows::new(repeated, self.check),
            numbers: self.numbers,
            ledger: self.ledger,
            preview: self
                .preview
                .map(|settings| Preview::new(settings, self.remote_list.is_some(), times)),
            remote_list: self.remote_list,
            listed: self.listed,
            sync: self.sync,
            compared: ComparedFields::default(),
            rows: RowCounts::default(),
            outcomes: OutcomeCounts::default(),
            problems: ProblemCounts::default(),
            ours: 0,
        };
        self.verdicts
            .rewind()
            .context("cannot read a temporary file")?;
        Ok((accountant, self.verdicts, self.stop))
    }
}

/// Passes what became of every row in `rows` to `sink`. `others` are the same rows: those
/// that others repeat are read once more.
pub fn account<R>(
    rows: &mut R,
    others: R,
    sources: AccountSources<'_>,
    sink: &mut impl RowSink,
    observer: &impl Observer,
) -> anyhow::Result<Account>
where
    R: Revisit<Error: std::error::Error + Send + Sync + 'static> + Send,
{
    read_ahead(rows, |rows| {
        account_read(rows, others, sources, sink, observer)
    })
}

fn account_read<R, V>(
    rows: &mut R,
    others: V,
    sources: AccountSources<'_>,
    sink: &mut impl RowSink,
    observer: &impl Observer,
) -> anyhow::Result<Account>
where
    R: Rows<Error: std::error::Error + Send + Sync + 'static>,
    V: Revisit<Error: std::error::Error + Send + Sync + 'static>,
{
    let mut row = Row::default();
    let mut interrupted = false;
    let (mut accountant, verdicts, stop) = sources.begin(others)?;
    while rows.next(&mut row)? {
        let verdict = verdicts
            .on(accountant.rows.read)
            .context("cannot read a temporary file")?;
        accountant.account_for(&mut row, rows.columns(), verdict.as_ref(), sink)?;
        let read = accountant.rows.read;
        if read.is_multiple_of(ROWS_PER_CHECK) {
            observer.observe(&Event::Accounting { rows: read });
            if stop.is_some_and(Stop::is_halted) {
                interrupted = true;
                break;
            }
        }
    }
    Ok(Account {
        rows: accountant.rows,
        outcomes: accountant.outcomes,
        ours: accountant.ours,
        compared: accountant.compared,
        forecast: accountant.preview.map(|preview| preview.forecast),
        problems: accountant.problems.into_groups(),
        interrupted,
    })
}

/// Passes only the rows that have a verdict to `sink`: the account of a survey of the
/// input alone, in which the other rows are pending. `others` are the same rows, as for
/// [`account`].
pub fn review<R>(
    rows: &mut R,
    others: R,
    sources: AccountSources<'_>,
    sink: &mut impl RowSink,
    observer: &impl Observer,
) -> anyhow::Result<Account>
where
    R: Revisit<Error: std::error::Error + Send + Sync + 'static>,
{
    review_some(rows, others, sources, sink, (observer, &|_| true))
}

/// Passes only the rejected rows to `sink`: before anything is sent, all is known of them.
pub fn review_rejected<R>(
    rows: &mut R,
    others: R,
    sources: AccountSources<'_>,
    sink: &mut impl RowSink,
    observer: &impl Observer,
) -> anyhow::Result<Account>
where
    R: Revisit<Error: std::error::Error + Send + Sync + 'static>,
{
    let strict = sources.check.rules.strict;
    let is_rejected = |verdict: &RowVerdict| !verdict.fit || verdict.rejects(strict);
    review_some(rows, others, sources, sink, (observer, &is_rejected))
}

fn review_some<R, O: Observer>(
    rows: &mut R,
    others: R,
    sources: AccountSources<'_>,
    sink: &mut impl RowSink,
    (observer, is_wanted): (&O, &dyn Fn(&RowVerdict) -> bool),
) -> anyhow::Result<Account>
where
    R: Revisit<Error: std::error::Error + Send + Sync + 'static>,
{
    let surveyed = sources.surveyed;
    let (mut accountant, verdicts, stop) = sources.begin(others)?;
    let mut row = Row::default();
    let mut all = Account {
        rows: surveyed,
        ..Account::default()
    };
    while let Some(verdict) = verdicts
        .read_next()
        .context("cannot read a temporary file")?
    {
        if !is_wanted(&verdict) {
            continue;
        }
        if !rows.revisit(verdict.place, &mut row)? || row.origin != verdict.place {
            bail!(
                "line {} was not found again where it stood; this is a bug in kable-bulk",
                verdict.place.line
            );
        }
        accountant.account_for(&mut row, rows.columns(), Some(&verdict), sink)?;
        if accountant.rows.read.is_multiple_of(ROWS_PER_CHECK) {
            let row = verdicts.row_of(&verdict);
            let rows = row.context("cannot read a temporary file")?.ordinal;
            observer.observe(&Event::Accounting { rows });
            if stop.is_some_and(Stop::is_halted) {
                all.interrupted = true;
                break;
            }
        }
    }
    rows.finish()?;
    all.rows.rejected = accountant.rows.rejected;
    let fit = surveyed.read - surveyed.skipped - surveyed.rejected;
    all.outcomes.add_many(Outcome::Pending, fit);
    all.problems = accountant.problems.into_groups();
    Ok(all)
}

/// Compares an account with what the survey counted.
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
