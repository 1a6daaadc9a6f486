//! Progress, summary and result files of a run.
//!
//! The engine reports events to an [`Observer`], and every row with its result to a
//! [`RowSink`]. Neither affects the run.
//!
//! - `progress/`: a line that moves, or plain lines without a terminal
//! - `event_log.rs`: the events of a run as JSON, one object a line
//! - `palette.rs`: colours
//! - `wall_time.rs`: times of day
//! - `wait_words.rs`: for how long a run waits, in words
//! - `outcome_text.rs`: outcomes in words
//! - `plan_file.rs`: a saved plan
//! - `forecast_text.rs`: what a run would do, in words
//! - `text.rs`: the summary at the end
//! - `problem_text.rs`: its problems by kind
//! - `failure_kinds.rs`: its failed rows by kind
//! - `files_text.rs`: where the files are
//! - `files.rs`: results, problems, rejects, failures, summary
//! - `result_names.rs`: the names of those files
//! - `atomic_file.rs`: writes a result file, and replaces the earlier one at the
//!   end
//! - `manifest.rs`: which files in a results folder are ours
//! - `reject_files.rs`: rejected and failed rows, byte for byte
//! - `growing_failures.rs`: failed rows, while a run goes on
//! - `removal_files.rs`: what became of customers that were removed
//! - `difference_file.rs`: what differs between the input and Kable
//! - `keys.rs`: `keys.csv`
//! - `annotations.rs`: problems as annotations of a pull request
//! - `metrics_file.rs`: the figures of a run for Prometheus, at its end
//! - `metrics_server.rs`: serves them while it goes on
//! - `metrics_text.rs`: the text format of both
//! - `log_line.rs`: the figures of a run in one line
//! - `html/`: the page `report.html`
//! - `page_file.rs`: writes that page by itself
//! - `summary_sink.rs`: keeps the first failures for the summary

pub mod annotations;
pub mod atomic_file;
mod difference_file;
pub mod event_log;
pub mod failure_kinds;
pub mod files;
mod files_text;
mod forecast_text;
pub mod growing_failures;
pub mod html;
pub mod keys;
pub mod log_line;
pub mod manifest;
pub mod metrics_file;
pub mod metrics_server;
mod metrics_text;
mod outcome_text;
pub mod page_file;
pub mod palette;
pub mod plan_file;
mod problem_text;
pub mod progress;
mod reject_files;
pub mod removal_files;
pub mod result_names;
pub mod summary_sink;
pub mod text;
mod wait_words;
pub mod wall_time;

use std::io;
use std::time::Duration;

use crate::domain::bottleneck::Pacing;
use crate::domain::latency_buckets::LatencyBuckets;
use crate::domain::outcome::{Outcome, OutcomeCounts};
use crate::domain::problem::Problem;
use crate::domain::remote::Difference;
use crate::domain::row::{Columns, Origin, Row};
use crate::domain::summary::{RequestCounts, RowCounts};

/// How many rows wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitingCounts {
    /// For a create without an answer, which may still take effect.
    pub creates: u64,
    /// For an update that does not show yet.
    pub updates: u64,
    /// For another look-up.
    pub others: u64,
}

impl WaitingCounts {
    /// How many rows wait.
    pub fn total(self) -> u64 {
        self.creates + self.updates + self.others
    }
}

/// Something that happens during a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An input that is an object is being read.
    Fetching {
        /// Its name, as it is displayed.
        name: String,
        /// How many bytes of it were read.
        bytes: u64,
        /// Its size, if the server tells it.
        total: Option<u64>,
    },
    /// An object was changed while it was read, and is begun anew.
    FetchingAnew {
        /// Its name, as it is displayed.
        name: String,
    },
    /// The input is being read and checked.
    Checking {
        /// Rows read.
        rows: u64,
    },
    /// The input has been read and checked.
    Checked {
        /// Its rows.
        rows: RowCounts,
    },
    /// Sending starts.
    Sending {
        /// Rows to be processed in this run.
        total: u64,
        /// Rows that earlier runs have done.
        before: u64,
    },
    /// Outcomes were written to disk.
    Progress(Box<Progress>),
    /// A row failed for good, and that is on disk.
    Failed(FailedRow),
    /// No request is sent for this long, as the server asked.
    Paused {
        /// How long.
        wait: Duration,
    },
    /// The API does not respond; single probes find out when it does again.
    Down {
        /// The last error.
        message: String,
    },
    /// A request failed and is retried.
    Trouble {
        /// What happened.
        message: String,
    },
    /// This machine can't have as many requests in flight as the pacing allows.
    Crowded {
        /// Which resource is short.
        message: String,
        /// The limit of requests in flight from now on.
        most: usize,
    },
    /// A row of the canary can't be read back yet, and is looked up again.
    CanaryWaits {
        /// The time until then.
        wait: Duration,
    },
    /// Nothing is sent until what was sent shows at Kable, or can't any more.
    Waiting {
        /// The rows that wait.
        rows: WaitingCounts,
        /// The longest time until one of them is looked up again.
        longest: Duration,
    },
    /// How the workers of a run are that several processes share.
    Workers(WorkerHealth),
    /// The API responds again.
    Up,
    /// Sending has ended; requests in flight may finish.
    Finishing {
        /// Requests in flight.
        in_flight: u64,
    },
    /// Results are being written.
    Accounting {
        /// Rows read.
        rows: u64,
    },
}

/// A row that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRow {
    /// Where it stands.
    pub place: Origin,
    /// The last response's HTTP status.
    pub status: Option<u16>,
    /// `X-REQUEST-ID` of the last response.
    pub request_id: Option<String>,
    /// The API's message.
    pub message: Option<String>,
}

/// The progress of sending.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// Rows processed in this run.
    pub done: u64,
    /// Of these, rows that other workers settled.
    pub elsewhere: u64,
    /// What was counted.
    pub totals: SendingTotals,
    /// The current rate, and what limits it.
    pub pacing: Pacing,
}

/// What is counted while a run sends.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SendingTotals {
    /// The rows that were settled, by outcome.
    pub outcomes: OutcomeCounts,
    /// Customers that were to be removed and were left as they are.
    pub left: u64,
    /// The requests.
    pub requests: RequestCounts,
    /// The time from request to response.
    pub latencies: LatencyBuckets,
}

impl SendingTotals {
    /// Rows that are there without having been created by this run.
    pub fn existed(&self) -> u64 {
        let outcomes = [
            Outcome::AlreadyExisted,
            Outcome::Updated,
            Outcome::Unchanged,
            Outcome::Deleted,
        ];
        outcomes
            .map(|outcome| self.outcomes.of(outcome))
            .iter()
            .sum()
    }

    /// Rows that failed or are unresolved, and customers that were left.
    pub fn failed(&self) -> u64 {
        let outcomes = [Outcome::Missing, Outcome::Failed, Outcome::Unresolved];
        let failed: u64 = outcomes
            .map(|outcome| self.outcomes.of(outcome))
            .iter()
            .sum();
        failed + self.left
    }

    /// The sum of two.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            outcomes: self.outcomes.plus(&other.outcomes),
            left: self.left + other.left,
            requests: self.requests.plus(other.requests),
            latencies: self.latencies.plus(other.latencies),
        }
    }
}

/// How the workers of an import are that several processes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkerHealth {
    /// How long ago the worker sent its heartbeat that has been silent longest. A process
    /// that works alone has no heartbeat, and this is zero.
    pub oldest_heartbeat: Duration,
}

/// Receives events. Called from several threads; must not block.
pub trait Observer: Send + Sync + 'static {
    /// Receives one event.
    fn observe(&self, event: &Event);
}

impl<T: Observer> Observer for std::sync::Arc<T> {
    fn observe(&self, event: &Event) {
        T::observe(self, event);
    }
}

/// Ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _event: &Event) {}
}

/// The result of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowResult<'a> {
    /// Skipped: blank, or replaced by another row.
    Skipped,
    /// Failed a check, and was not sent.
    Rejected,
    /// Fit to send, with this outcome.
    Outcome(OutcomeDetails<'a>),
}

impl RowResult<'_> {
    /// Its name in `results.jsonl`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::Outcome(came) => came.outcome.name(),
        }
    }
}

/// The outcome of a row that was fit to send, and its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeDetails<'a> {
    /// Its outcome.
    pub outcome: Outcome,
    /// The customer's id at Kable.
    pub customer_id: Option<&'a str>,
    /// `X-REQUEST-ID` of the last response.
    pub request_id: Option<&'a str>,
    /// How many requests were sent for it.
    pub attempts: u32,
    /// The last response's HTTP status.
    pub status: Option<u16>,
    /// The API's message, or how the customer differs.
    pub message: Option<&'a str>,
    /// How it differs from its customer at Kable, if that is known.
    pub differences: &'a [Difference],
}

/// A row with its result and problems.
#[derive(Debug, Clone, Copy)]
pub struct RowAccount<'a> {
    /// The row as it was read.
    pub row: &'a Row,
    /// The columns of its input.
    pub columns: &'a Columns,
    /// How many columns at the start were added by an earlier rejects file.
    pub leading_own: usize,
    /// The name of its input.
    pub input: &'a str,
    /// Its `clientId`; empty if it has none.
    pub client_id: &'a str,
    /// Its result.
    pub result: RowResult<'a>,
    /// Its problems, including what was corrected.
    pub problems: &'a [Problem],
}

/// Receives every row of the input once, in order.
pub trait RowSink {
    /// Receives one row.
    fn add_row(&mut self, account: &RowAccount<'_>) -> io::Result<()>;
}
