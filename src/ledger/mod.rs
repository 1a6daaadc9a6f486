//! The ledger: every claim, and its outcome.
//!
//! Claims are numbered in the order in which they were made, and are addressed by
//! number. There is no index by `clientId`: a run scans the ledger once and joins it
//! with the fingerprints of its input, so that a claim is an append to one table,
//! however large the table is.
//!
//! Nothing in this file is specific to SQLite, so that another database can hold the
//! ledger of several machines.
//!
//! - `error.rs`: why a ledger cannot be used
//! - `claim_state.rs`: what the stored state of a claim means
//! - `boxed.rs`: a ledger in a box is one
//! - `workers.rs`: what the workers of one import share
//! - `latencies.rs`: latencies of several runs
//! - `paths.rs`: the files of a checkpoint
//! - `sqlite/`: the ledger in one SQLite file
//! - `postgres/`: the ledger in a schema of a PostgreSQL database
//! - `rescue/`: finds damage, and saves what can be read
//! - `conformance/`: the contract of [`Ledger`], as tests that every ledger passes

mod boxed;
mod claim_state;
#[cfg(test)]
pub(crate) mod conformance;
mod error;
pub mod latencies;
mod paths;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod rescue;
pub mod sqlite;
pub mod workers;

use std::sync::Arc;

pub use self::error::{LedgerError, is_database};
use self::workers::{
    ClaimAnswer, LeaseDeadline, LedgerObserver, SharedLedger, SharedRun, WorkerStatus,
};
use crate::domain::bottleneck::Pacing;
use crate::domain::customer::Fingerprint;
use crate::domain::decision::KnownClaim;
use crate::domain::outcome::{Outcome, OutcomeCounts};
use crate::domain::row::Origin;
use crate::domain::send_times::SendTimes;
use crate::domain::summary::{OrphanCounts, RequestCounts, TargetAccount};
use crate::domain::timeline::{RunHistory, Timeline};

/// Whether a written batch survives a crash, as [`Ledger`] promises. The one build that
/// sends before its claims are durable is there for `benches/durability.rs`, which
/// measures what the promise costs.
pub const IS_DURABLE: bool = !cfg!(feature = "bench-without-durability");

/// Requests of a run that last wrote more than a day ago have landed, or never will.
const RECENT_MS: i64 = 24 * 60 * 60 * 1000;

/// Of how many runs it is kept what they did over time.
pub const MOST_HISTORIES: usize = 16;

/// The entry that a row is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The claim's number: an existing one, or the next.
    pub id: u64,
    /// The customer's `clientId`.
    pub client_id: String,
    /// The digest of what will be sent.
    pub digest: Fingerprint,
}

/// The outcome of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The claim's number.
    pub id: u64,
    /// The customer's `clientId`, as it was claimed.
    pub client_id: String,
    /// The digest of the row with this outcome.
    pub digest: Fingerprint,
    /// The row's outcome. [`Outcome::Pending`] releases the claim: the row is as it
    /// was before. [`Outcome::Unresolved`] leaves it in doubt, with its last outcome.
    pub outcome: Outcome,
    /// Whether it is proved anew that a run on this checkpoint created the customer. What
    /// was known stays known while the customer is the recorded one: it is unset if
    /// [`Self::customer_id`] is another one than was recorded, and by [`Outcome::Deleted`],
    /// with all that is known of the customer but its id.
    pub ours: bool,
    /// Whether it was looked up because its row is no longer in the input.
    pub orphan: bool,
    /// Of a row that failed: where it stands in this run's input; not recorded.
    pub place: Option<Box<Origin>>,
    /// Whether the customer was created, but the response with its keys was lost.
    pub keys_lost: bool,
    /// Kable's id for the customer, if known.
    pub customer_id: Option<String>,
    /// `X-REQUEST-ID` of the last response.
    pub request_id: Option<String>,
    /// How many requests were sent for it.
    pub attempts: u32,
    /// The last response's HTTP status.
    pub status: Option<u16>,
    /// The API's message, or how the customer differs.
    pub message: Option<String>,
    /// `modified` of the customer as the API last showed it, in Unix milliseconds; `None`
    /// if it was not shown.
    pub modified: Option<i64>,
    /// How the customer differs from the row
    /// ([`differing_values`](crate::domain::recorded_differences::differing_values)).
    pub differing: Option<String>,
}

/// Everything that the ledger holds of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimRecord {
    /// The customer's `clientId`.
    pub client_id: String,
    /// The outcome; [`Outcome::Unresolved`] while it is in doubt.
    pub outcome: Outcome,
    /// The outcome of the last settlement, also while in doubt; `None` if it was never
    /// settled.
    pub last: Option<Outcome>,
    /// The digest of the row as it was last settled, or else as it was claimed.
    pub digest: Fingerprint,
    /// Whether a run on this checkpoint created the customer, whatever its outcome
    /// is now.
    pub ours: bool,
    /// A time on the server's clock that is not before the claim, if known.
    pub claimed_by: Option<i64>,
    /// When it was last settled, or released without ever being settled, in Unix
    /// milliseconds by the local clock.
    pub settled: Option<i64>,
    /// Whether the response with the customer's keys was lost.
    pub keys_lost: bool,
    /// Kable's id for the customer, if known.
    pub customer_id: Option<String>,
    /// `X-REQUEST-ID` of the last response.
    pub request_id: Option<String>,
    /// How many requests were sent for it.
    pub attempts: u32,
    /// The last response's HTTP status.
    pub status: Option<u16>,
    /// The API's message, or how the customer differs.
    pub message: Option<String>,
    /// `modified` of the customer as the API last showed it, in Unix milliseconds.
    pub modified: Option<i64>,
    /// How the customer differed from the row when it was last settled.
    pub differing: Option<String>,
}

/// The figures of one run, updated while it runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFigures {
    /// How long it has been running, in milliseconds.
    pub elapsed_ms: u64,
    /// Its requests.
    pub requests: RequestCounts,
    /// Latencies: pairs of microseconds and a count. An empty list leaves the stored
    /// ones unchanged.
    pub latencies: Vec<(u64, u64)>,
    /// The most milliseconds by which the server's clock can be ahead of the local one.
    pub clock_ahead_ms: Option<i64>,
    /// Its pace, and what limits it.
    pub pacing: Option<Pacing>,
    /// How many milliseconds an unanswered request of it may take to land.
    pub landing_ms: u64,
    /// What it did over time; `None` leaves what is stored unchanged.
    pub timeline: Option<Timeline>,
}

/// What is written in one transaction.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The local clock, in Unix milliseconds.
    pub now_ms: i64,
    /// A time on the server's clock that is not before [`Self::now_ms`], if known.
    /// Stored with each claim, so that later corrections of either clock don't
    /// change it.
    pub claimed_by: Option<i64>,
    /// Rows that are about to be sent.
    pub claims: Vec<Claim>,
    /// Outcomes of earlier claims.
    pub settlements: Vec<Settlement>,
    /// The parts of the input whose rows are all settled, of a run that is shared.
    pub finished_parts: Vec<u32>,
    /// Parts that others have to look at again, because other workers hold rows of them.
    pub returned_parts: Vec<u32>,
    /// The run's figures so far.
    pub figures: RunFigures,
}

/// What is recorded at the start of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// The subcommand.
    pub command: String,
    /// The inputs, as given on the command line.
    pub inputs: Vec<String>,
    /// How many rows of the input are fit to send.
    pub fit_rows: u64,
    /// The local clock, in Unix milliseconds.
    pub now_ms: i64,
    /// What its workers agree on, if others may join it.
    pub shared: Option<SharedRun>,
}

/// The ledger's counts and figures, for `status`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LedgerStatus {
    /// The account that it belongs to.
    pub target: TargetAccount,
    /// The number of claims with each outcome; those in doubt are `unresolved`.
    pub tally: OutcomeCounts,
    /// How many customers runs on this checkpoint created.
    pub ours: u64,
    /// Outcomes of the claims whose rows are no longer in the input.
    pub left: OrphanCounts,
    /// The latest run's inputs.
    pub inputs: Vec<String>,
    /// The latest run's command.
    pub command: String,
    /// How many rows of the latest run's input were fit to send.
    pub fit_rows: u64,
    /// When a run last wrote to it, in Unix milliseconds.
    pub changed_ms: i64,
    /// How many runs there were.
    pub runs: u64,
    /// When the first of them began, in Unix milliseconds.
    pub first_began_ms: i64,
    /// The figures of all runs: durations, requests and latencies summed, the latest
    /// run's pacing. Clock, landing time and timeline are left out.
    pub figures: RunFigures,
    /// How the latest run ended; `None` while it runs, or if it was killed.
    pub ended: Option<String>,
    /// Whether claims may be missing ([`Ledger::has_gaps`]).
    pub gaps: bool,
    /// The workers of the latest run, and others that hold a lease; none of a ledger with
    /// one writer.
    pub workers: Vec<WorkerStatus>,
    /// How many parts of the latest run's input are done, and how many there are.
    pub parts: (u64, u64),
}

/// Stores claims and their outcomes. `conformance/` tests this contract.
///
/// - When [`Ledger::write`] returns, the batch survives a crash of the process and
///   of the machine; when it fails, nothing of the batch was written.
/// - A claim without a settlement is in doubt, also after a crash.
/// - The caller numbers new claims consecutively, from [`Ledger::next_id`] on.
/// - A ledger belongs to one account, and one process writes it at a time, or several that
///   share it ([`SharedLedger`]).
pub trait Ledger: Send {
    /// Calls `each` once for every claim, in no particular order. An error of `each`
    /// ends the scan and is returned.
    fn scan(
        &mut self,
        each: &mut dyn FnMut(&str, KnownClaim) -> std::io::Result<()>,
    ) -> Result<(), LedgerError>;

    /// Whether claims may be missing, because the ledger was saved from a damaged
    /// one. Rows without a claim are then looked up before they are sent.
    fn has_gaps(&mut self) -> Result<bool, LedgerError>;

    /// The number of the next new claim.
    fn next_id(&mut self) -> Result<u64, LedgerError>;

    /// The longest time, in milliseconds, that an unanswered request of a run of the
    /// last day may take to land; `now_ms` is the local clock, in Unix milliseconds.
    fn landing_ms(&mut self, now_ms: i64) -> Result<u64, LedgerError>;

    /// When creates of other runs than the one that was begun here may have taken effect, on
    /// the server's clock; of a run that is shared, its own time as well, which is not over.
    fn send_times(&mut self) -> Result<SendTimes, LedgerError>;

    /// Begins a run. [`Ledger::write`] fails before this is called.
    fn begin(&mut self, run: &RunStart) -> Result<(), LedgerError>;

    /// Writes `batch` durably and atomically: its settlements, then its claims.
    ///
    /// A claim erases nothing that is known of the customer. If it is already in doubt,
    /// it keeps the time of the earlier claim, which may have been sent. A claim whose
    /// `clientId` is not that of the existing claim with its number is an error.
    ///
    /// Only open claims may be settled: those made since their last settlement, and
    /// those in doubt when the run began.
    ///
    /// Returns answers to claims that are not simply granted, by their numbers. A ledger with
    /// one writer grants all.
    fn write(&mut self, batch: &Batch) -> Result<Vec<(u64, ClaimAnswer)>, LedgerError>;

    /// Ends the run, for the reason `how`.
    fn end(&mut self, how: &str, now_ms: i64) -> Result<(), LedgerError>;

    /// The record of claim `id`, as last written.
    fn claim_record(&mut self, id: u64) -> Result<Option<ClaimRecord>, LedgerError>;

    /// Calls `each` with the record of every claim, in the order of the claims. An error
    /// of `each` ends it and is returned.
    ///
    /// A run that writes meanwhile is not delayed, however slow `each` is: each record is
    /// as it was at some moment of the call, and claims made during it may be missing.
    fn records(
        &mut self,
        each: &mut dyn FnMut(ClaimRecord) -> std::io::Result<()>,
    ) -> Result<(), LedgerError>;

    /// The latest runs, at most [`MOST_HISTORIES`] of them, the latest last, with what each
    /// did over time.
    fn runs(&mut self) -> Result<Vec<RunHistory>, LedgerError>;

    /// Counts, figures and the latest run, for `status`.
    fn status(&mut self) -> Result<LedgerStatus, LedgerError>;

    /// The figures of all runs, without counting claims.
    fn figures(&mut self) -> Result<RunFigures, LedgerError> {
        Ok(self.status()?.figures)
    }

    /// Until when this process may send; `None` if no other one can take its place.
    fn lease(&self) -> Option<Arc<LeaseDeadline>> {
        None
    }

    /// What it shares with other workers; `None` of a ledger with one writer.
    fn shared(&mut self) -> Option<&mut dyn SharedLedger> {
        None
    }

    /// From now on `observer` is told while it waits for its database.
    fn observe(&mut self, _observer: Arc<dyn LedgerObserver>) {}
}

/// How messages name an account.
fn account_of(target: &TargetAccount) -> String {
    format!("{} (account {})", target.base_url, target.kable_client_id)
}
