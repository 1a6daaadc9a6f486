//! What a person should know while a run goes on, in a line with its time.

use std::time::Duration;

use jiff::Zoned;
use tokio::time::Instant;

use super::state::ProgressState;
use crate::domain::text::{counted, escaped, thousands};
use crate::report::wait_words::{rounded, waiting_text};
use crate::report::wall_time::{after, short};
use crate::report::{Event, Progress};

/// Pauses from this length on get a line of their own.
const WORTH_A_LINE: Duration = Duration::from_secs(5);

/// Shorter waits end at a time that is said to the second.
const TO_THE_SECOND: Duration = Duration::from_mins(10);

/// What is announced with an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Announcement {
    /// The line, if it gets one.
    pub(super) line: Option<String>,
    /// That a pause that was announced is over.
    pub(super) resumed: Option<String>,
    /// Whether the API begins to throttle.
    pub(super) throttled: bool,
}

/// What is announced with `event`; `state` is what is known before it.
pub(super) fn announcement(event: &Event, state: &mut ProgressState, now: &Zoned) -> Announcement {
    let line = match event {
        Event::Progress(progress) => return of_progress(progress, state),
        Event::Paused { wait } => paused(*wait, state, now),
        Event::Down { message } => {
            let since = now.strftime("%H:%M").to_string();
            state.down = Some((Instant::now(), since));
            Some(format!(
                "the API does not answer ({message}); waiting for it. Nothing is lost, also by Ctrl-C"
            ))
        }
        Event::Up => Some(match state.down.take() {
            Some((since, _)) => {
                let lasted = short(since.elapsed());
                format!("the API answers again, after {lasted}")
            }
            None => "the API answers again".to_owned(),
        }),
        Event::Trouble { message } => {
            state.note = format!("trouble: {}", escaped(message));
            None
        }
        Event::Crowded { message, most } => Some(format!(
            "{message}; from now on {} at once",
            counted(*most as u64, "request", "requests")
        )),
        Event::CanaryWaits { wait } => Some(format!(
            "a row of the canary is not to be seen at Kable yet; looking again in {}",
            rounded(*wait)
        )),
        Event::Waiting { rows, longest } => {
            let text = waiting_text(*rows, *longest);
            state.note.clone_from(&text);
            Some(text)
        }
        Event::Finishing { in_flight } => Some(format!(
            "stopping: nothing more is sent, {} may finish (10 s at most)",
            counted(*in_flight, "request in flight", "requests in flight")
        )),
        Event::FetchingAnew { name } => Some(format!(
            "{name} was changed while it was being read: it is read anew"
        )),
        Event::Fetching { .. }
        | Event::Checking { .. }
        | Event::Checked { .. }
        | Event::Sending { .. }
        | Event::Failed(_)
        | Event::Workers(_)
        | Event::Accounting { .. } => None,
    };
    Announcement {
        line,
        ..Announcement::default()
    }
}

fn paused(wait: Duration, state: &mut ProgressState, now: &Zoned) -> Option<String> {
    let text = format!("the API asks for a pause of {}", pause_words(wait));
    state.note.clone_from(&text);
    if wait < WORTH_A_LINE {
        return None;
    }
    state.pause_announced = true;
    let until = until(now, wait);
    Some(format!("paused until {until}: {text}"))
}

/// Short pauses are said to the second.
fn until(now: &Zoned, wait: Duration) -> String {
    let then = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
    let then = now.checked_add(jiff::SignedDuration::from_secs(then));
    match (then, wait < TO_THE_SECOND) {
        (Ok(then), true) => then.strftime("%T").to_string(),
        (Ok(_) | Err(_), _) => after(now, wait).unwrap_or_else(|| "it ends".to_owned()),
    }
}

fn pause_words(wait: Duration) -> String {
    if wait < WORTH_A_LINE {
        rounded(wait).to_string()
    } else {
        let rest = u64::from(wait.subsec_nanos() > 0);
        short(Duration::from_secs(wait.as_secs() + rest))
    }
}

fn of_progress(progress: &Progress, state: &mut ProgressState) -> Announcement {
    let is_over = state.pause_announced && progress.pacing.paused_ms.is_none();
    let resumed = is_over.then(|| "the pause is over".to_owned());
    state.pause_announced &= !is_over;
    let many = progress.totals.requests.throttled;
    let throttled = state.progress.totals.requests.throttled == 0 && many > 0;
    let line = throttled.then(|| {
        format!(
            "the API throttles ({} answered 429): the pace is adapted to it",
            thousands(many)
        )
    });
    Announcement {
        line,
        resumed,
        throttled,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Announcement, announcement};
    use crate::report::progress::state::ProgressState;
    use crate::report::wall_time::tests::night;
    use crate::report::{Event, Progress};

    #[tokio::test(start_paused = true)]
    async fn a_person_learns_of_pauses_outages_and_throttling() {
        let mut state = ProgressState::default();
        let mut lines = Vec::new();
        let mut observe = |event: &Event| {
            let said = announcement(event, &mut state, &night());
            lines.extend(said.resumed);
            lines.extend(said.line);
            if let Event::Progress(progress) = event {
                state.record(progress, tokio::time::Instant::now());
            }
        };
        let paused = |paused_ms| {
            let mut progress = Progress::default();
            progress.totals.requests.throttled = 3;
            progress.pacing.paused_ms = paused_ms;
            Event::Progress(Box::new(progress))
        };
        let wait = Duration::from_secs(1);
        observe(&Event::Paused { wait });
        let wait = Duration::from_hours(1);
        observe(&Event::Paused { wait });
        observe(&paused(Some(2000)));
        observe(&paused(None));
        let message = "connection refused".to_owned();
        observe(&Event::Down { message });
        tokio::time::advance(Duration::from_mins(14)).await;
        observe(&Event::Up);
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_happens_often_gets_no_line() {
        let mut state = ProgressState::default();
        let message = "status 500 \u{1b}[31m".to_owned();
        let said = announcement(&Event::Trouble { message }, &mut state, &night());
        assert_eq!(said, Announcement::default());
        assert_eq!(state.note, "trouble: status 500 \\u{1b}[31m");
    }
}
