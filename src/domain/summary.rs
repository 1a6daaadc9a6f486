//! A run in numbers: what `summary.json` holds (interface, `summary.json`).

use std::collections::HashMap;

use serde::Serialize;

use super::forecast::Forecast;
use super::outcome::{Outcome, OutcomeCounts};
use super::problem::{Code, Fix, Problem};

/// How many lines of each kind of problem are kept.
const LINES_KEPT: usize = 10;

/// How many values are kept that one mending is for.
const VALUES_KEPT: usize = 3;

/// Rows of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RowCounts {
    /// All rows read.
    pub read: u64,
    /// Rows that are no customers.
    pub skipped: u64,
    /// Rows that were not fit to send.
    pub rejected: u64,
}

/// Requests of all runs of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RequestCounts {
    /// Everything that was sent.
    pub sent: u64,
    /// Sent again after a first try.
    pub retried: u64,
    /// Answered 429, or 503 with a wait.
    pub throttled: u64,
    /// Questions whether a customer is there.
    pub lookups: u64,
}

impl RequestCounts {
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

/// What became of rows that an earlier run may have sent and the input no longer
/// has. They are no rows of the input, and in none of its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct OrphanCounts {
    /// This checkpoint created the customer.
    pub created: u64,
    /// The customer is there, and others created it, or it can't be told who.
    pub already_existed: u64,
    /// There is no such customer, and what was sent did not create one.
    pub absent: u64,
    /// It could not be found out.
    pub unresolved: u64,
}

impl OrphanCounts {
    /// How many there are.
    pub fn sum(self) -> u64 {
        self.created + self.already_existed + self.absent + self.unresolved
    }

    /// Counts a row that came to `outcome`; `ours` says whether this checkpoint
    /// created its customer.
    pub fn add(&mut self, outcome: Outcome, ours: bool) {
        let count = if outcome == Outcome::Unresolved {
            &mut self.unresolved
        } else if !outcome.is_there() {
            &mut self.absent
        } else if ours {
            &mut self.created
        } else {
            &mut self.already_existed
        };
        *count += 1;
    }
}

/// How long answered requests took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Latency {
    /// Half of them took at most this.
    pub p50: f64,
    /// 95 % of them.
    pub p95: f64,
    /// 99 % of them.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Where the customers go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TargetAccount {
    /// The API's base URL, or the sandbox's file.
    pub base_url: String,
    /// The account.
    pub kable_client_id: String,
}

/// All problems of one code and field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemGroup {
    /// The stable code.
    pub code: &'static str,
    /// The field, or empty.
    pub field: &'static str,
    /// How many there are.
    pub count: u64,
    /// What it weighs.
    pub severity: &'static str,
    /// The first lines on which it was met.
    pub lines: Vec<u64>,
    /// The first one's message.
    pub message: String,
    /// What would put them right, as far as that is known; what helps most
    /// first. There are no more of them than codes of currencies.
    #[serde(skip)]
    pub mendings: Vec<FixGroup>,
}

/// What would put problems right, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixGroup {
    /// What would.
    pub mend: Fix,
    /// How many problems.
    pub count: u64,
    /// The first values that were found, each once.
    pub found: Vec<String>,
}

impl ProblemGroup {
    fn mended(&mut self, mend: &Fix, value: &str) {
        let known = self.mendings.iter_mut().find(|known| known.mend == *mend);
        let Some(known) = known else {
            self.mendings.push(FixGroup {
                mend: mend.clone(),
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

/// A run in numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// The subcommand.
    pub command: String,
    /// The exit code that goes with it.
    pub exit_code: u8,
    /// Whether it was stopped.
    pub interrupted: bool,
    /// Where the customers go; empty where nothing is sent.
    pub target: TargetAccount,
    /// The inputs, as they were named.
    pub inputs: Vec<String>,
    /// The checkpoint; empty where there is none.
    pub checkpoint: String,
    /// Of all runs.
    pub elapsed_seconds: f64,
    /// Rows of the input.
    pub rows: RowCounts,
    /// What became of the rows that were fit.
    pub outcomes: OutcomeCounts,
    /// What a run would do; of a dry run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<Forecast>,
    /// Rows whose customer this checkpoint created, whatever became of them since.
    pub created_by_this_checkpoint: u64,
    /// Rows that were in doubt when they had left the input.
    pub left_the_file: OrphanCounts,
    /// Requests of all runs.
    pub requests: RequestCounts,
    /// Latency of all runs.
    pub latency_ms: Latency,
    /// What was wrong, errors first, most frequent first.
    pub problems: Vec<ProblemGroup>,
}

impl Summary {
    /// Whether every row is in exactly one place.
    pub fn adds_up(&self) -> bool {
        self.rows.read == self.rows.skipped + self.rows.rejected + self.outcomes.sum()
    }
}

/// Problems, counted by code and field.
#[derive(Debug, Clone, Default)]
pub struct ProblemCounts {
    kinds: HashMap<(Code, &'static str), ProblemGroup>,
}

impl ProblemCounts {
    /// Counts a problem met on `line`.
    pub fn add(&mut self, line: u64, problem: &Problem) {
        let kind = self
            .kinds
            .entry((problem.code, problem.field))
            .or_insert_with(|| ProblemGroup {
                code: problem.code.name(),
                field: problem.field,
                count: 0,
                severity: problem.code.severity().name(),
                lines: Vec::new(),
                message: problem.message.clone(),
                mendings: Vec::new(),
            });
        if let Some(mend) = &problem.mend {
            kind.mended(mend, &problem.value);
        }
        kind.count += 1;
        if kind.lines.len() < LINES_KEPT && kind.lines.last() != Some(&line) {
            kind.lines.push(line);
        }
    }

    /// The kinds: by severity, then by count, then by name.
    pub fn kinds(self) -> Vec<ProblemGroup> {
        let mut kinds: Vec<_> = self.kinds.into_iter().collect();
        kinds.sort_by(|((code, field), one), ((other_code, other_field), other)| {
            (code.severity(), std::cmp::Reverse(one.count), code, field).cmp(&(
                other_code.severity(),
                std::cmp::Reverse(other.count),
                other_code,
                other_field,
            ))
        });
        let mut kinds: Vec<_> = kinds.into_iter().map(|(_, kind)| kind).collect();
        for kind in &mut kinds {
            kind.mendings
                .sort_by(|one, other| (other.count, &one.mend).cmp(&(one.count, &other.mend)));
        }
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::{ProblemCounts, RowCounts, Summary};
    use crate::domain::field::Field;
    use crate::domain::outcome::Outcome;
    use crate::domain::problem::{Code, Fix, Problem};

    #[test]
    fn errors_come_first_and_then_what_is_frequent() {
        let mut tally = ProblemCounts::default();
        let of = |code| Problem::of_row(code, "");
        tally.add(2, &of(Code::Corrected));
        tally.add(3, &of(Code::MissingField));
        tally.add(4, &of(Code::MalformedRow));
        tally.add(5, &of(Code::MalformedRow));
        let kinds = tally.kinds();
        let codes: Vec<_> = kinds.iter().map(|kind| kind.code).collect();
        assert_eq!(codes, ["malformed_row", "missing_field", "corrected"]);
        assert_eq!(kinds[0].lines, [4, 5]);
    }

    #[test]
    fn what_mends_most_comes_first() {
        let mut tally = ProblemCounts::default();
        let write = |value, code| {
            Problem::of(Code::UnknownCurrency, Field::Currency, value, "")
                .mended_by(Fix::Write(code))
        };
        tally.add(1, &write("UKP", "GBP"));
        for (line, value) in (2..).zip(["Euro", "€", "Euro", "DEM", "euros"]) {
            tally.add(line, &write(value, "EUR"));
        }
        let kinds = tally.kinds();
        let mendings = kinds[0].mendings.iter();
        let told: Vec<_> = mendings
            .map(|known| (&known.mend, known.count, known.found.join(" ")))
            .collect();
        assert_eq!(
            told,
            [
                (&Fix::Write("EUR"), 5, "Euro € DEM".to_owned()),
                (&Fix::Write("GBP"), 1, "UKP".to_owned())
            ]
        );
    }

    #[test]
    fn a_row_in_none_or_two_places_is_noticed() {
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
