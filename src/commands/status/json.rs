//! The state of a checkpoint as JSON: numbers and times, no prose.

use std::time::Duration;

use serde_json::{Value, json};

use super::standing::{RowsDone, RunPhase, RunStanding};
use crate::commands::shell_word::shown;
use crate::commands::system::{seconds, timestamp};
use crate::domain::outcome::Outcome;
use crate::domain::text::escaped_json;
use crate::domain::timeline::IntervalCounts;
use crate::ledger::workers::WorkerStatus;

/// As one object over several lines.
pub(super) fn pretty(standing: &RunStanding) -> String {
    escaped_json(&format!("{:#}\n", value(standing))).into_owned()
}

/// As one object in one line.
pub(super) fn line(standing: &RunStanding) -> String {
    escaped_json(&format!("{}\n", value(standing))).into_owned()
}

fn value(standing: &RunStanding) -> Value {
    let status = &standing.status;
    let phase = standing.phase();
    let progress = standing.progress();
    let speed = standing.speed();
    let left = speed.and_then(|speed| speed.left);
    let pacing = status.figures.pacing.filter(|_| phase == RunPhase::Sending);
    json!({
        "time": timestamp(standing.now_ms()),
        "checkpoint": shown(&standing.path),
        "target": status.target,
        "running": standing.holder,
        "phase": phase.name(),
        "command": (!status.command.is_empty()).then_some(&status.command),
        "ended": status.ended,
        "gaps": status.gaps,
        "inputs": status.inputs,
        "fit_rows": status.fit_rows,
        "settled": standing.settled(),
        "rows": progress.map(|rows| rows.all),
        "percent": progress.map(RowsDone::percent),
        "rows_per_second": speed.map(|speed| rounded(speed.rows_a_second)),
        "seconds_left": left.map(|left| left.as_secs()),
        "expected_end": left.and_then(|left| expected_end(standing, left)),
        "in_doubt": match pacing {
            Some(pacing) => pacing.waiting,
            None => status.tally.of(Outcome::Unresolved),
        },
        "rejected": standing.rejected(),
        "outcomes": status.tally,
        "created_by_this_checkpoint": status.ours,
        "left_the_file": status.left,
        "requests": status.figures.requests,
        "pacing": pacing,
        "elapsed_seconds": seconds(Duration::from_millis(status.figures.elapsed_ms)),
        "this_run": this_run(standing),
        "workers": status.workers.iter().map(worker).collect::<Vec<_>>(),
        "parts": (status.parts.1 > 0).then(|| json!({
            "done": status.parts.0, "all": status.parts.1,
        })),
        "all_runs": {
            "runs": status.runs,
            "started": (status.runs > 0).then(|| timestamp(status.first_began_ms)),
            "settled": standing.settled(),
            "requests": status.figures.requests,
            "elapsed_seconds": seconds(Duration::from_millis(status.figures.elapsed_ms)),
        },
    })
}

fn worker(worker: &WorkerStatus) -> Value {
    let time = |millis| seconds(Duration::from_millis(millis));
    json!({
        "id": worker.id,
        "host": worker.host,
        "process": worker.process,
        "state": worker.state.name(),
        "joined": timestamp(worker.joined_ms),
        "silent_seconds": time(worker.silent_ms),
        "quarantine_seconds": time(worker.quarantine_ms),
        "parts": worker.parts,
        "rows": worker.rows,
        "elapsed_seconds": time(worker.elapsed_ms),
    })
}

fn this_run(standing: &RunStanding) -> Value {
    let Some(latest) = &standing.latest else {
        return Value::Null;
    };
    let did = standing.this_run();
    json!({
        "started": timestamp(latest.began_ms),
        "finished": latest.ended.as_ref().map(|_| timestamp(latest.changed_ms)),
        "last_written": timestamp(latest.changed_ms),
        "elapsed_seconds": seconds(standing.elapsed()),
        "settled": did.map(IntervalCounts::rows),
        "created": did.map(|did| did.created),
        "failed": did.map(|did| did.failed),
        "others": did.map(|did| did.others),
        "requests": did.map(|did| json!({
            "sent": did.sent, "retried": did.retried, "throttled": did.throttled,
        })),
    })
}

/// When it is over, as RFC 3339; `None` if no calendar has the day.
fn expected_end(standing: &RunStanding, left: Duration) -> Option<String> {
    let left_ms = i64::try_from(left.as_millis()).ok()?;
    let end_ms = standing.now_ms().checked_add(left_ms)?;
    jiff::Timestamp::from_millisecond(end_ms).ok()?;
    Some(timestamp(end_ms))
}

/// To a tenth.
fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::{line, pretty};
    use crate::commands::status::standing::tests::{ended, running};

    #[test]
    fn it_has_numbers_and_times() {
        insta::assert_snapshot!(pretty(&running()));
    }

    #[test]
    fn a_run_that_has_ended_has_no_time_left() {
        let value: serde_json::Value =
            serde_json::from_str(&line(&ended(Some("finished")))).unwrap();
        for key in [
            "running",
            "seconds_left",
            "expected_end",
            "rows_per_second",
            "pacing",
        ] {
            assert!(value[key].is_null(), "{key}");
        }
        assert_eq!(value["phase"], "ended");
        assert_eq!(value["this_run"]["finished"], "2026-11-28T03:15:00Z");
    }

    #[test]
    fn of_a_checkpoint_without_a_run_there_is_no_run() {
        let mut standing = ended(None);
        standing.latest = None;
        standing.status.runs = 0;
        standing.status.command.clear();
        let text = line(&standing);
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value["this_run"].is_null() && value["command"].is_null());
        assert!(value["all_runs"]["started"].is_null());
    }
}
