//! A run in numbers: the content of `summary.json`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::compared_fields::FieldCount;
use super::forecast::Forecast;
use super::outcome::{Outcome, OutcomeCounts};
use super::problem::{Code, Fix, Problem};
use super::pruned::PrunedCounts;
use super::row_tally::{DefaultedRows, SkippedRows};
use super::value_counts::ValueCounts;
use super::version::MadeBy;

/// How many causes of problems are told apart in each field.
const MOST_CAUSES: usize = 8;

/// How many letters of a message tell its cause.
const CAUSE_LENGTH: usize = 64;

/// How many lines of each group of problems are kept.
const LINES_KEPT: usize = 10;

/// How many values of each fix are kept.
const VALUES_KEPT: usize = 3;

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
        let count = if outcome == Outcome::Unresolved {
            &mut self.unresolved
        } else if !outcome.customer_exists() {
            &mut self.absent
        } else if ours {
            &mut self.created
        } else {
            &mut self.already_existed
        };
        *count += 1;
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

/// All problems of one code, field and cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemGroup {
    /// The stable code.
    pub code: &'static str,
    /// The field, or empty.
    pub field: &'static str,
    /// How many there are.
    pub count: u64,
    /// Their severity.
    pub severity: &'static str,
    /// The first lines that have it.
    pub lines: Vec<u64>,
    /// The message of the first one.
    pub message: String,
    /// The known fixes, the one for most problems first. There are at most as many
    /// as codes of currencies.
    #[serde(skip)]
    pub fixes: Vec<FixGroup>,
}

/// The problems of a group that have the same fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixGroup {
    /// The fix.
    pub fix: Fix,
    /// How many problems have it.
    pub count: u64,
    /// The first of their values, each once.
    pub found: Vec<String>,
}

impl ProblemGroup {
    fn add_fix(&mut self, fix: &Fix, value: &str) {
        let known = self.fixes.iter_mut().find(|known| known.fix == *fix);
        let Some(known) = known else {
            self.fixes.push(FixGroup {
                fix: fix.clone(),
                count: 1,
                found: vec![value.to_owned()],
            });
            return;
        };
        known.count += 1;
        if known.found.len() < VALUES_KEPT && !known.found.iter().any(|found| found == value) {
            known.found.push(value.to_owned());
        }
    }
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

/// Problems, counted by code and field, and those that have several causes also by cause.
#[derive(Debug, Clone, Default)]
pub struct ProblemCounts {
    groups: HashMap<(Code, &'static str, String), ProblemGroup>,
}

/// What problems have in common that come from one cause: the message without numbers
/// and quoted text. Other codes have one cause each, or fixes that tell them apart.
fn cause(problem: &Problem) -> String {
    match problem.code {
        Code::MalformedRow
        | Code::WrongType
        | Code::InvalidValue
        | Code::SuspectValue
        | Code::Corrected => {}
        Code::MissingField
        | Code::UnknownCurrency
        | Code::UnsupportedCurrency
        | Code::DuplicateClientId
        | Code::UnknownPlan
        | Code::UnknownBundle
        | Code::KeysLost
        | Code::SimilarClientId
        | Code::SameCustomer => return String::new(),
    }
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_of_cause = |letter: &char| {
        let was_quoted = is_quoted;
        // Values are shown as Rust writes texts: a quote within has a backslash.
        if !std::mem::take(&mut is_escaped) {
            is_escaped = is_quoted && *letter == '\\';
            is_quoted ^= *letter == '"';
        }
        !was_quoted && letter.is_alphabetic()
    };
    let letters = problem.message.chars().filter(is_of_cause);
    letters.take(CAUSE_LENGTH).collect()
}

impl ProblemCounts {
    /// Counts a problem on `line`.
    pub fn add(&mut self, line: u64, problem: &Problem) {
        let mut key = (problem.code, problem.field, cause(problem));
        if !key.2.is_empty() && !self.groups.contains_key(&key) {
            let place = (problem.code, problem.field);
            let causes = self.groups.keys();
            let causes = causes.filter(|known| (known.0, known.1) == place);
            if causes.count() >= MOST_CAUSES {
                key.2.clear();
            }
        }
        let group = self.groups.entry(key).or_insert_with(|| ProblemGroup {
            code: problem.code.name(),
            field: problem.field,
            count: 0,
            severity: problem.code.severity().name(),
            lines: Vec::new(),
            message: problem.message.clone(),
            fixes: Vec::new(),
        });
        if let Some(fix) = &problem.fix {
            group.add_fix(fix, &problem.value);
        }
        group.count += 1;
        if group.lines.len() < LINES_KEPT && group.lines.last() != Some(&line) {
            group.lines.push(line);
        }
    }

    /// The groups: by severity, then by count, then by name.
    pub fn into_groups(self) -> Vec<ProblemGroup> {
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_by(|(key, one), (other_key, other)| {
            let severity = |key: &(Code, &str, String)| key.0.severity();
            (severity(key), std::cmp::Reverse(one.count), key).cmp(&(
                severity(other_key),
                std::cmp::Reverse(other.count),
                other_key,
            ))
        });
        let mut groups: Vec<_> = groups.into_iter().map(|(_, group)| group).collect();
        for group in &mut groups {
            group
                .fixes
                .sort_by(|one, other| (other.count, &one.fix).cmp(&(one.count, &other.fix)));
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::{ProblemCounts, RowCounts, Summary};
    use crate::domain::field::Field;
    use crate::domain::outcome::Outcome;
    use crate::domain::problem::{Code, Fix, Problem};

    #[test]
    fn malformed_rows_are_counted_by_cause() {
        let mut counts = ProblemCounts::default();
        let causes = [
            "the row has 2 cells, wanted 3",
            "text follows",
            "the row has 4 cells, wanted 3",
        ];
        for (line, message) in (1..).zip(causes) {
            counts.add(line, &Problem::of_row(Code::MalformedRow, message));
        }
        for line in 0..100_u8 {
            let letter = char::from(b'a' + line % 26);
            let message = format!("cause {}", String::from(letter).repeat(9));
            counts.add(
                u64::from(line),
                &Problem::of_row(Code::MalformedRow, message),
            );
        }
        let groups = counts.into_groups();
        assert_eq!(groups.len(), super::MOST_CAUSES + 1);
        let first = groups.iter().find(|group| group.lines == [1, 3]).unwrap();
        assert_eq!((first.count, first.message.as_str()), (2, causes[0]));
        assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), 103);
    }

    #[test]
    fn values_are_counted_by_cause_in_each_field() {
        let mut counts = ProblemCounts::default();
        let messages = [
            (Field::Phone, "phone \"n/a\" reads like no value at all"),
            (
                Field::Phone,
                "phone \"8,9E+11\" is a number that was shortened",
            ),
            (
                Field::Phone,
                "phone \"\\\"- or not\" reads like no value at all",
            ),
            (Field::City, "city \"--\" reads like no value at all"),
        ];
        for (line, (field, message)) in (1..).zip(messages) {
            counts.add(line, &Problem::of(Code::SuspectValue, field, "", message));
        }
        for line in 0..100_u8 {
            let letter = String::from(char::from(b'a' + line % 26));
            let problem = Problem::of(Code::SuspectValue, Field::Phone, "", letter);
            counts.add(u64::from(line), &problem);
        }
        let groups = counts.into_groups();
        let of_phone = groups
            .iter()
            .filter(|group| group.field == Field::Phone.name());
        assert_eq!(of_phone.count(), super::MOST_CAUSES + 1);
        for (lines, count) in [(&[1, 3][..], 2), (&[2], 1), (&[4], 1)] {
            let found = groups.iter().find(|group| group.lines == lines);
            assert_eq!(found.map(|group| group.count), Some(count), "{lines:?}");
        }
        assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), 104);
    }

    #[test]
    fn errors_come_first_and_then_the_most_frequent() {
        let mut counts = ProblemCounts::default();
        let of = |code| Problem::of_row(code, "");
        counts.add(2, &of(Code::Corrected));
        counts.add(3, &of(Code::MissingField));
        counts.add(4, &of(Code::MalformedRow));
        counts.add(5, &of(Code::MalformedRow));
        let groups = counts.into_groups();
        let codes: Vec<_> = groups.iter().map(|group| group.code).collect();
        assert_eq!(codes, ["malformed_row", "missing_field", "corrected"]);
        assert_eq!(groups[0].lines, [4, 5]);
    }

    #[test]
    fn the_fix_of_most_problems_comes_first() {
        let mut counts = ProblemCounts::default();
        let write = |value, code| {
            Problem::of(Code::UnknownCurrency, Field::Currency, value, "")
                .fixed_by(Fix::Write(code))
        };
        counts.add(1, &write("UKP", "GBP"));
        for (line, value) in (2..).zip(["Euro", "€", "Euro", "DEM", "euros"]) {
            counts.add(line, &write(value, "EUR"));
        }
        let groups = counts.into_groups();
        let fixes = groups[0].fixes.iter();
        let listed: Vec<_> = fixes
            .map(|known| (&known.fix, known.count, known.found.join(" ")))
            .collect();
        assert_eq!(
            listed,
            [
                (&Fix::Write("EUR"), 5, "Euro € DEM".to_owned()),
                (&Fix::Write("GBP"), 1, "UKP".to_owned())
            ]
        );
    }

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
