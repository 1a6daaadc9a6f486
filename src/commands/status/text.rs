//! The state of a checkpoint as text. The lines are short: a terminal may be narrow.

use std::time::Duration;

use super::standing::{RunPhase, RunStanding};
use crate::commands::shell_word::shown;
use crate::domain::bottleneck::Pacing;
use crate::domain::outcome::Outcome;
use crate::domain::text::{counted, escaped, listed, thousands};
use crate::domain::timeline::IntervalCounts;
use crate::ledger::LedgerStatus;
use crate::ledger::workers::{WorkerState, WorkerStatus};
use crate::report::wall_time::{after, at, short};

/// How many workers are listed.
const WORKERS_SHOWN: usize = 16;

/// How many inputs are named.
const INPUTS_SHOWN: usize = 3;

/// The state, a line an element.
pub(super) fn lines(standing: &RunStanding) -> Vec<String> {
    let status = &standing.status;
    let mut lines = vec![
        format!(
            "Checkpoint {} for {}",
            shown(&standing.path),
            status.target.base_url
        ),
        format!("  account {}", status.target.kable_client_id),
    ];
    if !status.command.is_empty() {
        lines.push(format!(
            "  {} of {}: {} to send",
            status.command,
            listed(&status.inputs, INPUTS_SHOWN),
            counted(status.fit_rows, "row", "rows")
        ));
    }
    lines.push(doing(standing));
    lines.extend(times(standing));
    if status.gaps {
        lines.push(
            "  saved from a damaged checkpoint: what it doesn't know is looked up before it is sent"
                .to_owned(),
        );
    }
    lines.extend(progress(standing));
    if let (RunPhase::Sending, Some(pacing)) = (standing.phase(), status.figures.pacing) {
        lines.extend(moving(pacing, standing.pause_left()));
    }
    lines.extend(workers(status));
    lines.push(String::new());
    lines.extend(figures(standing));
    let lines = lines.into_iter();
    lines.map(|line| escaped(&line).into_owned()).collect()
}

/// How the workers stand that share a run, a line each.
fn workers(status: &LedgerStatus) -> Vec<String> {
    if status.workers.len() < 2 && status.parts.1 == 0 {
        return Vec::new();
    }
    let (done, all) = status.parts;
    let mut lines = vec![format!(
        "  {} of {} done",
        thousands(done),
        counted(all, "part", "parts")
    )];
    let shown = status.workers.iter().rev().take(WORKERS_SHOWN);
    lines.extend(shown.map(worker));
    let hidden = status.workers.len().saturating_sub(WORKERS_SHOWN);
    if hidden > 0 {
        lines.push(format!("  and {hidden} earlier workers (--json has all)"));
    }
    lines
}

fn worker(worker: &WorkerStatus) -> String {
    let silent = short(Duration::from_millis(worker.silent_ms));
    let state = match worker.state {
        WorkerState::Live => format!(
            "heard from {silent} ago, {}",
            counted(worker.parts, "part", "parts")
        ),
        WorkerState::Left => format!("left {silent} ago"),
        WorkerState::Dead if worker.quarantine_ms > 0 => format!(
            "dead, its rows in doubt are left alone for {}",
            short(Duration::from_millis(worker.quarantine_ms))
        ),
        WorkerState::Dead => format!("dead for {silent}"),
    };
    let rows = counted(worker.rows, "row", "rows");
    let rate = worker.rows.saturating_mul(1000) / worker.elapsed_ms.max(1);
    format!(
        "  worker {} (process {} on {}): {state}; {rows}, {rate}/s",
        worker.id, worker.process, worker.host
    )
}

/// Whether the run is active, or how it ended.
fn doing(standing: &RunStanding) -> String {
    let holder = standing.holder.as_deref().unwrap_or_default();
    match standing.phase() {
        RunPhase::Checking => {
            format!("  running: {holder}; it reads and checks, its sending has not begun")
        }
        RunPhase::Sending => format!("  running: {holder}"),
        RunPhase::WritingResults => format!("  running: {holder}; it writes the results"),
        RunPhase::NotBegun => "  not running; no run has begun on it yet".to_owned(),
        RunPhase::Ended => {
            let how = standing.status.ended.as_deref().unwrap_or_default();
            format!("  not running; the last run was {how}")
        }
        RunPhase::CutOff => {
            "  not running; the last run was cut off (run the same command again)".to_owned()
        }
    }
}

/// When the latest run began, and when it ended or was last seen.
fn times(standing: &RunStanding) -> Option<String> {
    let latest = standing.latest.as_ref()?;
    let began = at(&standing.now, latest.began_ms)?;
    let changed = at(&standing.now, latest.changed_ms)?;
    let length = short(standing.elapsed());
    Some(match standing.phase() {
        RunPhase::NotBegun => return None,
        RunPhase::Checking => format!("  the run before: started {began}, last seen {changed}"),
        RunPhase::Sending => format!("  started {began}, {length} ago"),
        RunPhase::WritingResults | RunPhase::Ended => {
            format!("  started {began}, ended {changed}, after {length}")
        }
        RunPhase::CutOff => format!("  started {began}, last seen {changed}, after {length}"),
    })
}

/// How far the run is, and when it will be over.
fn progress(standing: &RunStanding) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(rows) = standing.progress() {
        lines.push(format!(
            "  {}%, {} of {} rows",
            rows.percent(),
            thousands(rows.done),
            thousands(rows.all)
        ));
    }
    if let Some(speed) = standing.speed() {
        let left = speed.left.map(|left| {
            let end = after(&standing.now, left);
            let end = end.map_or_else(String::new, |end| format!(" ({end})"));
            format!("{} left{end}, ", short(left))
        });
        lines.push(format!(
            "  {}{:.0} rows/s",
            left.unwrap_or_default(),
            speed.rows_a_second
        ));
    }
    lines
}

/// What limits the speed of a run, which is paused for `pause` more.
fn moving(pacing: Pacing, pause: Option<Duration>) -> Vec<String> {
    let paused = pause.map_or_else(String::new, |left| {
        format!(" for {} more", humantime::format_duration(left))
    });
    let rate = pacing.rate.map_or_else(
        || "as many requests as go".to_owned(),
        |rate| format!("{rate:.1} requests/s"),
    );
    let mut lines = vec![format!(
        "  {}{paused}: {rate}, {} of {} in flight",
        pacing.bound.description(),
        pacing.in_flight,
        pacing.window
    )];
    if pacing.waiting > 0 {
        lines.push(format!(
            "  {} to land, or to be proved absent",
            counted(pacing.waiting, "row waits", "rows wait")
        ));
    }
    lines
}

/// The figures of the latest run and of all runs, side by side.
fn figures(standing: &RunStanding) -> Vec<String> {
    let status = &standing.status;
    let did = standing
        .this_run()
        .filter(|_| standing.phase() != RunPhase::Checking);
    let number = |count: Option<u64>| count.map(thousands).unwrap_or_default();
    let row = |this: Option<u64>, all: Option<u64>, label: &str| {
        columns(&number(this), &number(all), label)
    };
    let mut lines = vec![columns("this run", "all runs", "")];
    lines.push(row(
        did.map(IntervalCounts::rows),
        Some(standing.settled()),
        "settled",
    ));
    for outcome in Outcome::ALL {
        let this = match outcome {
            Outcome::Created => did.map(|did| did.created),
            Outcome::Failed => did.map(|did| did.failed),
            Outcome::AlreadyExisted
            | Outcome::Updated
            | Outcome::Unchanged
            | Outcome::Deleted
            | Outcome::Differs
            | Outcome::Missing
            | Outcome::Unresolved
            | Outcome::Pending => None,
        };
        let all = status.tally.of(outcome);
        if all > 0 {
            lines.push(row(this, Some(all), label(outcome, standing)));
        }
    }
    if let Some(rejected) = standing.rejected().filter(|rejected| *rejected > 0) {
        lines.push(row(Some(rejected), None, "rejected: problems.csv says why"));
    }
    lines.extend(more_claims(standing));
    let requests = status.figures.requests;
    for (this, all, label) in [
        (did.map(|did| did.sent), requests.sent, "requests"),
        (did.map(|did| did.retried), requests.retried, "sent again"),
        (
            did.map(|did| did.throttled),
            requests.throttled,
            "throttled",
        ),
        (None, requests.lookups, "look-ups"),
    ] {
        lines.push(row(this, Some(all), label));
    }
    let this = did.map(|_| short(standing.elapsed())).unwrap_or_default();
    let all = short(Duration::from_millis(status.figures.elapsed_ms));
    let runs = counted(status.runs, "run", "runs");
    let since = at(&standing.now, status.first_began_ms).filter(|_| status.runs > 1);
    let since = since.map_or_else(String::new, |since| format!(", since {since}"));
    lines.push(columns(&this, &all, &format!("in {runs}{since}")));
    lines
}

fn columns(this: &str, all: &str, label: &str) -> String {
    format!("  {this:>9}  {all:>9}  {label}")
        .trim_end()
        .to_owned()
}

fn label(outcome: Outcome, standing: &RunStanding) -> &'static str {
    if outcome != Outcome::Unresolved {
        outcome.name()
    } else if standing.holder.is_some() {
        "claimed: in flight, or in doubt"
    } else {
        "in doubt: the next run asks for them"
    }
}

/// Claims that no outcome alone counts.
fn more_claims(standing: &RunStanding) -> Vec<String> {
    let status = &standing.status;
    let mut lines = Vec::new();
    // Shown if it differs from the number of rows that are `created` now.
    if status.ours != status.tally.of(Outcome::Created) {
        let label = "created by this checkpoint, whatever their outcome is now";
        lines.push(columns("", &thousands(status.ours), label));
    }
    if status.left.sum() > 0 {
        let label = format!(
            "looked up when their rows had left the file: {} created by this checkpoint, {} in doubt",
            thousands(status.left.created),
            thousands(status.left.unresolved)
        );
        lines.push(columns("", &thousands(status.left.sum()), &label));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Pacing, lines, moving};
    use crate::commands::status::standing::tests::{ended, running};
    use crate::domain::bottleneck::Bottleneck;

    #[test]
    fn it_says_where_a_run_stands() {
        insta::assert_snapshot!("running", lines(&running()).join("\n"));
        insta::assert_snapshot!("finished", lines(&ended(Some("finished"))).join("\n"));
        insta::assert_snapshot!("cut_off", lines(&ended(None)).join("\n"));
    }

    #[test]
    fn a_run_that_only_checks_has_no_figures_yet() {
        let mut standing = running();
        standing.is_before_run = true;
        insta::assert_snapshot!("checking", lines(&standing).join("\n"));
        standing.latest = None;
        standing.holder = None;
        assert!(lines(&standing).join("\n").contains("no run has begun"));
    }

    #[test]
    fn it_says_how_fast_a_run_is_and_until_when_it_is_paused() {
        let mut pacing = Pacing {
            rate: Some(98.5),
            in_flight: 9,
            window: 18,
            bound: Bottleneck::Advertised,
            paused_ms: None,
            waiting: 0,
        };
        assert_eq!(
            moving(pacing, None),
            ["  held by the API's limit: 98.5 requests/s, 9 of 18 in flight"]
        );
        pacing.bound = Bottleneck::Pause;
        pacing.waiting = 3;
        let lines = moving(pacing, Some(Duration::from_secs(40)));
        assert!(lines[0].starts_with("  paused for 40s more: "), "{lines:?}");
        assert_eq!(lines[1], "  3 rows wait to land, or to be proved absent");
    }
}
