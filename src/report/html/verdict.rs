//! How a run went, in a sentence.

use std::fmt;

use super::last_run::{LastRun, RunEnd};
use crate::domain::forecast::Forecast;
use crate::domain::outcome::Outcome;
use crate::domain::summary::Summary;
use crate::domain::text::{counted, thousands};

/// How a verdict is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing is left to do.
    Good,
    /// It goes on, or some rows need attention.
    Warn,
    /// It was stopped.
    Bad,
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        })
    }
}

/// The verdict on a run; `last` says how the latest run ended, of a page that is written
/// again.
pub(super) fn verdict(summary: &Summary, last: Option<&LastRun>) -> (Tone, String) {
    let is_check = summary.command == "validate";
    let all = summary.rows.read.saturating_sub(summary.rows.skipped);
    let mut well: u64 = Outcome::ALL
        .into_iter()
        .filter(|outcome| outcome.is_success())
        .map(|outcome| summary.outcomes.of(outcome))
        .sum();
    if is_check {
        well += summary.outcomes.of(Outcome::Pending);
    }
    let rows = counted(all, "row", "rows");
    let left = format!("{} of {rows}", thousands(all.saturating_sub(well)));
    if let Some(last) = last
        && let Some(verdict) = verdict_on(last, summary, &left)
    {
        return verdict;
    }
    if let Some(would) = &summary.would {
        return verdict_on_dry_run(would, summary.exit_code, &rows);
    }
    if all == 0 && summary.exit_code == 0 {
        return (Tone::Warn, "The input has no row of a customer".to_owned());
    }
    match (summary.exit_code, summary.command.as_str()) {
        (0, "validate") => (
            Tone::Good,
            format!("All checks are passed: {rows} can be sent"),
        ),
        (0, "verify") if summary.not_compared.is_empty() => (
            Tone::Good,
            format!("Every row is at Kable, and equal: {rows}"),
        ),
        (0, "verify") => (
            Tone::Good,
            format!("Every row is at Kable, and equal as far as Kable shows it: {rows}"),
        ),
        (0, _) => (Tone::Good, format!("Done: every one of {rows} is at Kable")),
        (3, "validate") => (
            Tone::Warn,
            format!("{left} need attention before an import"),
        ),
        (3, "verify") => (
            Tone::Warn,
            format!("Not equal: {left} differ, are missing or rejected"),
        ),
        (3, _) => (Tone::Warn, format!("Finished, but {left} need attention")),
        (4, _) => (
            Tone::Warn,
            format!("Stopped by the clock: {left} are left, and the same command goes on"),
        ),
        (130, _) => (
            Tone::Warn,
            format!("Interrupted: {left} are left, and the same command goes on"),
        ),
        _ => (Tone::Bad, format!("Stopped: {left} are left")),
    }
}

fn verdict_on_dry_run(would: &Forecast, exit_code: u8, rows: &str) -> (Tone, String) {
    let (create, update) = (thousands(would.create), thousands(would.update));
    let tone = if exit_code == 0 {
        Tone::Good
    } else {
        Tone::Warn
    };
    let verdict = format!(
        "Dry run, nothing was sent: of {rows}, {create} would be created and {update} updated"
    );
    (tone, verdict)
}

/// The verdict on the latest run of a checkpoint; `None` if its rows decide.
fn verdict_on(last: &LastRun, summary: &Summary, left: &str) -> Option<(Tone, String)> {
    let end = last.end;
    if summary.command == "rollback" {
        return Some(verdict_on_rollback(end, summary));
    }
    let unknown = summary.outcomes.of(Outcome::Pending);
    Some(match end {
        RunEnd::Running => (Tone::Warn, format!("Running: {left} are left")),
        RunEnd::CutOff => (
            Tone::Warn,
            format!("Cut off: {left} are left, and the same command goes on"),
        ),
        RunEnd::NotBegun => (Tone::Warn, format!("No run has begun: {left} are left")),
        RunEnd::Stopped => (Tone::Bad, format!("Stopped: {left} are left")),
        RunEnd::Finished if summary.command == "sync" && unknown > 0 => (
            Tone::Good,
            format!(
                "The sync finished: {} not in its checkpoint, equal at Kable when it compared",
                counted(unknown, "row is", "rows are")
            ),
        ),
        RunEnd::Finished if last.alone.is_some() && summary.exit_code == 0 => (
            Tone::Good,
            format!(
                "Finished: {} at Kable; those that were rejected are not known to it",
                counted(
                    summary.rows.read,
                    "row that the checkpoint knows is",
                    "rows that the checkpoint knows are"
                )
            ),
        ),
        RunEnd::Finished | RunEnd::Interrupted => return None,
    })
}

fn verdict_on_rollback(end: RunEnd, summary: &Summary) -> (Tone, String) {
    let deleted = summary.outcomes.of(Outcome::Deleted);
    let left = summary.created_by_this_checkpoint;
    let did = match end {
        RunEnd::Finished => "Rolled back",
        RunEnd::Running => "A rollback is running",
        RunEnd::CutOff => "A rollback was cut off",
        RunEnd::Interrupted | RunEnd::Stopped | RunEnd::NotBegun => "A rollback was stopped",
    };
    let tone = if end == RunEnd::Finished && left == 0 {
        Tone::Good
    } else {
        Tone::Warn
    };
    let deleted = counted(deleted, "customer is deleted", "customers are deleted");
    let left = match left {
        0 => "none that the import created is left".to_owned(),
        _ => counted(
            left,
            "one that the import created is left",
            "ones that the import created are left",
        ),
    };
    (tone, format!("{did}: {deleted}, {left}"))
}

#[cfg(test)]
mod tests {
    use super::{Tone, verdict};
    use crate::domain::forecast::Forecast;
    use crate::domain::outcome::Outcome;
    use crate::domain::summary::{RowCounts, Summary};

    #[test]
    fn an_input_without_rows_is_not_praised() {
        for command in ["import", "validate", "verify", "sync"] {
            let summary = Summary {
                command: command.to_owned(),
                ..Summary::default()
            };
            let wanted = "The input has no row of a customer".to_owned();
            assert_eq!(verdict(&summary, None), (Tone::Warn, wanted));
        }
    }

    #[test]
    fn the_verdict_counts_what_is_left() {
        let mut summary = Summary {
            command: "import".to_owned(),
            rows: RowCounts {
                read: 1002,
                skipped: 1,
                rejected: 1,
            },
            ..Summary::default()
        };
        summary.outcomes.add_many(Outcome::Created, 990);
        summary.outcomes.add_many(Outcome::Pending, 10);
        for (exit_code, tone, wanted) in [
            (
                3,
                Tone::Warn,
                "Finished, but 11 of 1,001 rows need attention",
            ),
            (
                4,
                Tone::Warn,
                "Stopped by the clock: 11 of 1,001 rows are left, and the same command goes on",
            ),
            (
                130,
                Tone::Warn,
                "Interrupted: 11 of 1,001 rows are left, and the same command goes on",
            ),
            (5, Tone::Bad, "Stopped: 11 of 1,001 rows are left"),
        ] {
            summary.exit_code = exit_code;
            assert_eq!(verdict(&summary, None), (tone, wanted.to_owned()));
        }
        (summary.command, summary.exit_code) = ("validate".to_owned(), 3);
        assert_eq!(
            verdict(&summary, None).1,
            "1 of 1,001 rows need attention before an import"
        );
        summary.would = Some(Forecast {
            create: 7,
            ..Forecast::default()
        });
        assert!(
            verdict(&summary, None)
                .1
                .starts_with("Dry run, nothing was sent: of 1,001 rows, 7")
        );
    }
}
