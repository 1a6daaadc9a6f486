//! Times and lengths of runs, in words. Times are in UTC: a page is read elsewhere.

use std::cmp::Reverse;

use crate::domain::timeline::{RunHistory, WaitKind};

/// How many waits of a run are listed.
const WAITS_SHOWN: usize = 8;

/// A wait of a run, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WaitLine {
    /// The class of its shade.
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// When a run began, how long it was, and how it ended.
pub(super) fn run_heading(run: &RunHistory, number: Option<usize>, is_running: bool) -> String {
    let length = u64::try_from(run.changed_ms.saturating_sub(run.began_ms)).unwrap_or_default();
    let ended = match run.ended.as_deref() {
        Some(how) => how,
        None if is_running => "still running",
        None => "cut off",
    };
    let begins = match number {
        Some(number) => format!("Run {number}, {}", run.command),
        None => format!("The {}", run.command),
    };
    format!(
        "{begins}: {} to {} UTC ({}), {ended}",
        date_text(run.began_ms),
        time_text(run.changed_ms),
        span_text(length)
    )
}

/// The longest waits of a run, in their order, each with its time.
pub(super) fn waits_of(run: &RunHistory) -> Vec<WaitLine> {
    let mut waits = run.timeline.waits.clone();
    waits.sort_by_key(|wait| Reverse(wait.length_ms()));
    waits.truncate(WAITS_SHOWN);
    waits.sort_by_key(|wait| wait.from_ms);
    let at = |ms: u64| {
        run.began_ms
            .saturating_add(i64::try_from(ms).unwrap_or(i64::MAX))
    };
    let waits = waits.into_iter().map(|wait| {
        let (class, what) = match wait.kind {
            WaitKind::Pause => ("paused", "Paused, as the API asked"),
            WaitKind::Outage => ("down", "The API, or its creates, did not work"),
            WaitKind::Proof => (
                "proof",
                "Waited for the proof that customers without an answer are absent",
            ),
        };
        WaitLine {
            class,
            text: format!(
                "{what}: {} to {} UTC ({})",
                time_text(at(wait.from_ms)),
                time_text(at(wait.until_ms)),
                span_text(wait.length_ms())
            ),
        }
    });
    waits.collect()
}

/// What a bar stands for.
pub(super) fn interval_text(interval_ms: u64) -> String {
    format!("A bar is {}.", span_text(interval_ms))
}

/// A length of time, in at most two units.
pub(super) fn span_text(ms: u64) -> String {
    let seconds = ms.div_ceil(500) / 2;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let units = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")];
    let first = units.iter().position(|(many, _)| *many > 0);
    let Some(first) = first else {
        return if ms == 0 {
            "0 s".to_owned()
        } else {
            "< 1 s".to_owned()
        };
    };
    let shown = units.iter().skip(first).take(2);
    let shown = shown.filter(|(many, _)| *many > 0);
    let words: Vec<String> = shown.map(|(many, unit)| format!("{many} {unit}")).collect();
    words.join(" ")
}

/// A day and a time, in UTC.
fn date_text(ms: i64) -> String {
    let text = rfc3339(ms);
    text.trim_end_matches('Z').replace('T', " ")
}

/// A time of the day, in UTC.
pub(super) fn time_text(ms: i64) -> String {
    let text = rfc3339(ms);
    let time = text.split_once('T').map(|(_, time)| time);
    time.unwrap_or_default().trim_end_matches('Z').to_owned()
}

fn rfc3339(ms: i64) -> String {
    // What no calendar has is shown as its beginning.
    let moment = jiff::Timestamp::from_second(ms.div_euclid(1000)).unwrap_or_default();
    moment.to_string()
}

#[cfg(test)]
mod tests {
    use super::span_text;

    #[test]
    fn a_length_has_at_most_two_units() {
        for (ms, text) in [
            (0, "0 s"),
            (200, "< 1 s"),
            (900, "1 s"),
            (61_000, "1 min 1 s"),
            (3_600_000, "1 h"),
            (3_661_000, "1 h 1 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span_text(ms), text);
        }
    }
}
