//! A run in numbers: the content of `summary.json`.

use serde::{Deserialize, Serialize};

use super::compared_fields::FieldCount;
use super::forecast::Forecast;
use super::outcome::{Outcome, OutcomeCounts};
use super::problem_groups::ProblemGroup;
use super::pruned::PrunedCounts;
use super::row_tally::{DefaultedRows, SkippedRows};
use super::value_counts::ValueCounts;
use super::version::MadeBy;

/// Rows of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RowCounts {
    /// All rows read.
    pub read: u64,
    /// Rows that are blank, or for which another one stands.
    pub skipped: u64,
    /// Rows that are not fit to be sent.
    pub rejected: u64,
}

/// Requests of all runs of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RequestCounts {
    /// All requests.
    pub sent: u64,
    /// Requests after the first attempt.
    pub retried: u64,
    /// Requests that got a 429, or a 503 with a wait.
    pub throttled: u64,
    /// Look-ups.
    pub lookups: u64,
}

impl RequestCounts {
    /// Those that came after `earlier` ones.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            sent: self.sent.saturating_sub(earlier.sent),
            retried: self.retried.saturating_sub(earlier.retried),
            throttled: self.throttled.saturating_sub(earlier.throttled),
            lookups: self.lookups.saturating_sub(earlier.lookups),
        }
    }

    /// The sum of two counts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            retried: self.retried + other.retried,
            throttled: self.throttled + other.throttled,
            lookups: self.lookups + other.lookups,
        }
    }
}

/// The outcomes of rows that an earlier run may have sent and that are no longer in
/// the input. They are in none of the input's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct OrphanCounts {
    /// This checkpoint created the customer.
    pub created: u64,
    /// The customer exists, and this checkpoint did not create it, or may not have.
    pub already_existed: u64,
    /// The customer does not exist: the request created none.
    pub absent: u64,
    /// It could not be found out.
    pub unresolved: u64,
}

impl OrphanCounts {
    /// How many there are.
    pub fn sum(self) -> u64 {
        self.created + self.already_existed + self.absent + self.unresolved
    }

    /// Counts a row with this `outcome`; `ours` says whether this checkpoint
    /// created its customer.
    pub fn add(&mut self, outcome: Outcome, ours: bool) {
        self.add_many(outcome, ours, 1);
    }

    /// Counts `rows` rows of this kind.
    pub fn add_many(&mut self, outcome: Outcome, ours: bool, rows: u64) {
        let count = if outcome == Outcome::Unresolved {
            &mut self.unresolved
        } else if !outcome.customer_exists() {
            &mut self.absent
        } else if ours {
            &mut self.created
        } else {
            &mut self.already_existed
        };
        *count += rows;
    }
}

/// The time from request to response, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// The account that customers are sent to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TargetAccount {
    /// The API's base URL, or the sandbox's file.
    pub base_url: String,
    /// `Kable-Client-Id`.
    pub kable_client_id: String,
}

/// When a command began and ended, both RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimeSpan {
    /// When it began.
    pub started: String,
    /// When it ended.
    pub finished: String,
}

/// What identifies an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputDigest {
    /// As it was named.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// Figures that `report.html` shows, and `summary.json` has not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SummaryDetail {
    /// The currencies of rows that pass the checks of a single row.
    pub currencies: ValueCounts,
    /// The countries of their billing contacts.
    pub countries: ValueCounts,
    /// Percentiles of latencies, in milliseconds; empty if nothing was sent.
    pub percentiles: Vec<(&'static str, f64)>,
}

/// What one run did, of several on a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ThisRun {
    /// The rows that it settled, by outcome.
    pub outcomes: OutcomeCounts,
    /// Its requests.
    pub requests: RequestCounts,
    /// How long it took.
    pub elapsed_seconds: f64,
}

/// A run in numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// The subcommand.
    pub command: String,
    /// The version of this program.
    pub version: MadeBy,
    /// The exit code that goes with it.
    pub exit_code: u8,
    /// Whether it was stopped.
    pub interrupted: bool,
    /// Why it ended early, as a word; `None` if it did not.
    pub stop_reason: Option<&'static str>,
    /// The account that customers are sent to; empty if nothing is sent.
    pub target: TargetAccount,
    /// The inputs, as they were named.
    pub inputs: Vec<String>,
    /// When the command began and ended (RFC 3339), where the summary is a proof.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub span: Option<TimeSpan>,
    /// What identifies the inputs, where the summary is a proof.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input_digests: Vec<InputDigest>,
    /// The checkpoint; empty if there is none.
    pub checkpoint: String,
    /// The time of all runs.
    pub elapsed_seconds: f64,
    /// Rows of the input.
    pub rows: RowCounts,
    /// The skipped rows by reason.
    pub skipped_rows: Vec<SkippedRows>,
    /// Rows that took a default, by field.
    pub defaults: Vec<DefaultedRows>,
    /// The outcomes of the rows that are fit to be sent.
    pub outcomes: OutcomeCounts,
    /// What a run would do; in a dry run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<Forecast>,
    /// Customers that Kable holds and no row has, if they were looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surplus: Option<u64>,
    /// What became of those that were to be cancelled; of `sync --prune cancel` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruned: Option<PrunedCounts>,
    /// The fields that differ between rows and Kable, by the number of rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<FieldCount>,
    /// The fields of rows that Kable does not show, by the number of rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<FieldCount>,
    /// Rows whose customer this checkpoint created, whatever their outcome is now.
    pub created_by_this_checkpoint: u64,
    /// Rows in doubt that are no longer in the input.
    pub left_the_file: OrphanCounts,
    /// Requests of all runs.
    pub requests: RequestCounts,
    /// The part of this run, where the others speak of all runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub this_run: Option<ThisRun>,
    /// Latency of all runs.
    pub latency_ms: Latency,
    /// The problems: errors first, then the most frequent.
    pub problems: Vec<ProblemGroup>,
    /// More of them, for `report.html`.
    #[serde(skip)]
    pub detail: SummaryDetail,
}

impl Summary {
    /// Whether every row is counted exactly once.
    pub fn adds_up(&self) -> bool {
        self.rows.read == self.rows.skipped + self.rows.rejected + self.outcomes.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{RowCounts, Summary};
    use crate::domain::outcome::Outcome;

    #[test]
    fn a_row_that_is_not_counted_exactly_once_is_noticed() {
        let mut summary = Summary {
            rows: RowCounts {
                read: 3,
                skipped: 1,
                rejected: 1,
            },
            ..Summary::default()
        };
        assert!(!summary.adds_up());
        summary.outcomes.add(Outcome::Created);
        assert!(summary.adds_up());
    }
}
