//! Events of a run in the JSON log (`docs/json-log.md`).

use tracing::{info, warn};

use super::state::{Phase, ProgressState, Speed};
use crate::domain::outcome::Outcome;
use crate::report::event_log::TARGET;
use crate::report::{Event, Progress};

/// Logs a line that is shown.
pub(super) fn log_message(line: &str) {
    if let Some(message) = line.strip_prefix("warning: ") {
        warn!(target: TARGET, event = "message", message);
    } else {
        let message = line.strip_prefix("note: ").unwrap_or(line);
        info!(target: TARGET, event = "message", message);
    }
}

/// Logs an event; `more` events of its kind were not logged.
pub(super) fn log_event(event: &Event, more: u64) {
    match event {
        Event::Sending { total, before } => {
            info!(target: TARGET, event = "sending", rows = total, done_before = before);
        }
        // The progress is logged every ten seconds, and these are in it.
        Event::Fetching { .. }
        | Event::Checking { .. }
        | Event::Checked { .. }
        | Event::Progress(_)
        | Event::Failed(_)
        | Event::Workers(_)
        | Event::Accounting { .. } => {}
        Event::Paused { wait } => {
            warn!(target: TARGET, event = "paused", seconds = wait.as_secs_f64());
        }
        Event::FetchingAnew { name } => {
            warn!(target: TARGET, event = "fetching_anew", input = name);
        }
        Event::Down { message } => warn!(target: TARGET, event = "outage_began", message),
        Event::Up => info!(target: TARGET, event = "outage_ended"),
        Event::Trouble { message } => {
            let more = (more > 0).then_some(more);
            warn!(target: TARGET, event = "trouble", message, more);
        }
        Event::Crowded { message, most } => {
            let window = *most as u64;
            warn!(target: TARGET, event = "concurrency_limited", message, window);
        }
        Event::CanaryWaits { wait } => {
            info!(target: TARGET, event = "canary_waits", seconds = wait.as_secs_f64());
        }
        Event::Waiting { rows, longest } => {
            let (rows, seconds) = (rows.total(), longest.as_secs_f64().ceil());
            info!(target: TARGET, event = "waiting", rows, seconds);
        }
        Event::Finishing { in_flight } => {
            warn!(target: TARGET, event = "stopping", in_flight);
        }
    }
}

/// Logs how far the run is.
pub(super) fn log_progress(state: &ProgressState, speed: Speed) {
    let Progress {
        done,
        elsewhere: _,
        totals,
        pacing,
    } = state.progress;
    let requests = totals.requests;
    match state.phase {
        Phase::Starting => {}
        Phase::Fetching(bytes, total) => {
            let input = state.fetched.as_str();
            info!(target: TARGET, event = "fetching", input, bytes, total);
        }
        Phase::Checking(rows) => info!(target: TARGET, event = "checking", rows),
        Phase::Accounting(rows) => info!(target: TARGET, event = "writing_results", rows),
        Phase::Sending => {
            let note = Some(state.note.as_str()).filter(|note| !note.is_empty());
            info!(
                target: TARGET,
                event = "progress",
                done,
                total = state.total,
                done_before = state.before,
                percent = u64::from(state.percent()),
                created = totals.outcomes.of(Outcome::Created),
                already_existed = totals.existed(),
                differs = totals.outcomes.of(Outcome::Differs),
                failed = totals.failed(),
                in_doubt = pacing.waiting,
                sent = requests.sent,
                retried = requests.retried,
                throttled = requests.throttled,
                in_flight = pacing.in_flight,
                window = pacing.window,
                rate = pacing.rate,
                bound = pacing.bound.name(),
                paused_seconds = pacing.paused_ms.map(|left| left.div_ceil(1000)),
                rows_per_second = speed.rows_a_second,
                seconds_left = speed.left.map(|left| left.as_secs()),
                note,
            );
        }
    }
}
