//! The figures of a run in one line, for a log.

use super::event_log::log_finished;
use crate::domain::outcome::Outcome;
use crate::domain::summary::Summary;
use crate::domain::text::listed;

/// How many inputs are named.
const NAMED: usize = 3;

/// The line: `sync customers.csv: 3 created, 2 rejected; 12.3 s; exit code 3`.
pub fn log_line(summary: &Summary) -> String {
    let outcomes = Outcome::ALL.into_iter().map(|outcome| {
        let words = outcome.name().replace('_', " ");
        (summary.outcomes.of(outcome), words)
    });
    let others = [
        (summary.rows.rejected, "rejected".to_owned()),
        (
            summary.surplus.unwrap_or_default(),
            "not in the file".to_owned(),
        ),
        (
            summary.pruned.unwrap_or_default().cancelled,
            "cancelled".to_owned(),
        ),
    ];
    let counts = outcomes.chain(others).filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let counts = if counts.is_empty() {
        "no rows".to_owned()
    } else {
        counts.join(", ")
    };
    format!(
        "{} {}: {counts}; {:.1} s; exit code {}",
        summary.command,
        listed(&summary.inputs, NAMED),
        summary.elapsed_seconds,
        summary.exit_code
    )
}

/// Logs how a run ended, with its figures.
pub fn log_summary(summary: &Summary) {
    let (rows, requests) = (summary.rows, summary.requests);
    let of = |outcome| summary.outcomes.of(outcome);
    log_finished!(
        summary.exit_code,
        interrupted = summary.interrupted,
        elapsed_seconds = summary.elapsed_seconds,
        rows_read = rows.read,
        skipped = rows.skipped,
        rejected = rows.rejected,
        created = of(Outcome::Created),
        already_existed = of(Outcome::AlreadyExisted),
        updated = of(Outcome::Updated),
        unchanged = of(Outcome::Unchanged),
        differs = of(Outcome::Differs),
        missing = of(Outcome::Missing),
        failed = of(Outcome::Failed),
        unresolved = of(Outcome::Unresolved),
        pending = of(Outcome::Pending),
        requests = requests.sent,
        message = log_line(summary)
    );
}

#[cfg(test)]
mod tests {
    use super::log_line;
    use crate::domain::outcome::Outcome;
    use crate::domain::summary::{RowCounts, Summary};

    #[test]
    fn a_run_is_one_line() {
        let mut summary = Summary {
            command: "sync".to_owned(),
            inputs: vec!["customers.csv".to_owned()],
            elapsed_seconds: 12.345,
            ..Summary::default()
        };
        assert_eq!(
            log_line(&summary),
            "sync customers.csv: no rows; 12.3 s; exit code 0"
        );
        summary.outcomes.add_many(Outcome::Created, 3);
        summary.outcomes.add_many(Outcome::Unchanged, 992);
        summary.rows = RowCounts {
            read: 997,
            skipped: 0,
            rejected: 2,
        };
        summary.surplus = Some(1);
        summary.exit_code = 3;
        assert_eq!(
            log_line(&summary),
            "sync customers.csv: 3 created, 992 unchanged, 2 rejected, 1 not in the file; 12.3 s; \
             exit code 3"
        );
    }
}
