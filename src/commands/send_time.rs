//! Estimates how long sending takes, before the first row is sent.

use std::time::Duration;

use jiff::Zoned;

use super::deadline::next;
use crate::config::send::TimeLimits;
use crate::domain::forecast::Forecast;
use crate::domain::text::{counted, thousands};
use crate::engine::pace::PaceSettings;
use crate::engine::pace::rate::Rate;
use crate::engine::survey::Survey;
use crate::report::wall_time::after;

/// From this length on, the time of day is said at which it is over.
const WORTH_A_CLOCK: Duration = Duration::from_mins(1);

/// The requests that a command will send, if none is sent again.
#[derive(Debug, Clone, Copy)]
pub(super) struct ForeseenRequests {
    /// For how many rows.
    pub(super) rows: u64,
    /// How many there are.
    pub(super) requests: u64,
    /// Whether rows may need more: it is not known which customers exist.
    pub(super) or_more: bool,
}

impl ForeseenRequests {
    /// The requests of an import that updates so many customers; `is_listed` says whether it
    /// is known which exist.
    pub(super) fn of_import(surveyed: &Survey, updates: u64, is_listed: bool) -> Self {
        Self {
            rows: surveyed.to_do() + surveyed.there,
            requests: surveyed.to_request() + updates,
            or_more: !is_listed,
        }
    }

    /// The requests of a sync for so many rows and customers.
    pub(super) fn of_sync(forecast: &Forecast, rows: u64) -> Self {
        Self {
            rows,
            requests: forecast.requests_of_sync(),
            or_more: !forecast.listed || forecast.changes_plans(),
        }
    }
}

/// Describes how long it takes to send what is `foreseen`, and until when.
pub(super) fn send_time_until(
    foreseen: ForeseenRequests,
    pacing: PaceSettings,
    now: &Zoned,
) -> String {
    let text = send_time(foreseen, pacing);
    let time = time_of(foreseen.requests, pacing).filter(|time| *time >= WORTH_A_CLOCK);
    match time.and_then(|time| after(now, time)) {
        Some(until) => format!("{text}, until {until}"),
        None => text,
    }
}

/// The shortest time in which so many requests are sent; `None` if it is beyond all measure.
fn time_of(requests: u64, pacing: PaceSettings) -> Option<Duration> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a time for people; counts below 2⁵³ are exact"
    )]
    let seconds = requests as f64 / pacing.ceiling.a_second();
    Duration::try_from_secs_f64(seconds.ceil()).ok()
}

/// Describes how long it takes to send what is `foreseen`.
pub(super) fn send_time(foreseen: ForeseenRequests, pacing: PaceSettings) -> String {
    if foreseen.requests == 0 {
        return "To send: nothing".to_owned();
    }
    let mut requests = counted(foreseen.requests, "request", "requests");
    if foreseen.or_more {
        requests.push_str(" or more");
    }
    let rate = pacing.ceiling;
    let time = time_of(foreseen.requests, pacing).unwrap_or(Duration::MAX);
    let time = humantime::format_duration(time);
    match (rate, pacing.at_once) {
        (Rate::Unlimited, _) => format!("To send: {requests}, as fast as possible"),
        (Rate::Limited { .. }, true) => format!("To send: {requests}, {time} at {rate}"),
        (Rate::Limited { .. }, false) => {
            format!("To send: {requests}, at least {time} (the pace is found, up to {rate})")
        }
    }
}

/// Says when sending stops by its `limits`, and how far it gets until then; `None` without a
/// limit.
pub(super) fn stop_note(
    foreseen: ForeseenRequests,
    pacing: PaceSettings,
    limits: TimeLimits,
    now: &Zoned,
) -> Option<String> {
    let at = limits.stop_at.and_then(|at| {
        let until = next(at, now)?.duration_since(now);
        let option = "--stop-at".to_owned();
        Some((Duration::try_from(until).ok()?, option))
    });
    let span = limits.max_duration.map(|most| {
        let option = format!("--max-duration {}", humantime::format_duration(most));
        (most, option)
    });
    let (wait, option) = at.into_iter().chain(span).min()?;
    let time = after(now, wait)?;
    let day = if time.contains(' ') { "" } else { "today " };
    let rate = pacing.ceiling;
    let ForeseenRequests { rows, requests, .. } = foreseen;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a number of rows for people, not below 0; a cast saturates"
    )]
    let reached =
        (rate.a_second() * wait.as_secs_f64() * rows as f64 / requests.max(1) as f64) as u64;
    let far = match (rate, reached >= rows) {
        (Rate::Unlimited, _) | (_, true) => " at the latest".to_owned(),
        (Rate::Limited { .. }, false) => {
            let about = if pacing.at_once && !foreseen.or_more {
                "about"
            } else {
                "at most"
            };
            let (reached, rows) = (thousands(reached), counted(rows, "row", "rows"));
            format!(", after {about} {reached} of {rows} at {rate}")
        }
    };
    Some(format!("Stops {day}{time}{far} ({option})"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::time;

    use super::{ForeseenRequests, PaceSettings, TimeLimits, send_time, stop_note};

    fn one_each(rows: u64) -> ForeseenRequests {
        ForeseenRequests {
            rows,
            requests: rows,
            or_more: false,
        }
    }

    #[test]
    fn it_says_when_it_stops_and_how_far_it_gets() {
        let now: jiff::Zoned = "2026-11-28T07:42:00+00:00[UTC]".parse().unwrap();
        let note = |rate: &str, at_once, limits| {
            let pacing = PaceSettings {
                ceiling: rate.parse().unwrap(),
                at_once,
                concurrency: 64,
            };
            stop_note(one_each(40_000), pacing, limits, &now)
        };
        let at = |hour| TimeLimits {
            stop_at: Some(time(hour, 0, 0, 0)),
            ..TimeLimits::default()
        };
        let soon = TimeLimits {
            max_duration: Some(Duration::from_mins(8)),
            ..at(6)
        };
        for (note, expected) in [
            (note("25", true, TimeLimits::default()), None),
            (
                note("20/m", true, at(6)),
                Some("Stops tomorrow 06:00, after about 26,760 of 40,000 rows at 20/m (--stop-at)"),
            ),
            (
                note("5", true, at(8)),
                Some("Stops today 08:00, after about 5,400 of 40,000 rows at 5/s (--stop-at)"),
            ),
            (
                note("50", false, soon),
                Some(
                    "Stops today 07:50, after at most 24,000 of 40,000 rows at 50/s (--max-duration 8m)",
                ),
            ),
            (
                note("unlimited", true, at(8)),
                Some("Stops today 08:00 at the latest (--stop-at)"),
            ),
            (
                note("50", false, at(8)),
                Some("Stops today 08:00 at the latest (--stop-at)"),
            ),
        ] {
            assert_eq!(note.as_deref(), expected);
        }
    }

    #[test]
    fn the_time_follows_from_the_rate() {
        let sentence = |rate: &str, at_once| {
            send_time(
                one_each(90_000),
                PaceSettings {
                    ceiling: rate.parse().unwrap(),
                    at_once,
                    concurrency: 64,
                },
            )
        };
        assert_eq!(sentence("25", true), "To send: 90,000 requests, 1h at 25/s");
        assert_eq!(
            sentence("50", false),
            "To send: 90,000 requests, at least 30m (the pace is found, up to 50/s)"
        );
        assert_eq!(
            sentence("unlimited", true),
            "To send: 90,000 requests, as fast as possible"
        );
        let updates = ForeseenRequests {
            rows: 100,
            requests: 300,
            or_more: true,
        };
        let pacing = PaceSettings {
            ceiling: "10".parse().unwrap(),
            at_once: true,
            concurrency: 64,
        };
        assert_eq!(
            send_time(updates, pacing),
            "To send: 300 requests or more, 30s at 10/s"
        );
        let limits = TimeLimits {
            max_duration: Some(Duration::from_secs(15)),
            ..TimeLimits::default()
        };
        let now = "2026-11-28T07:42:00+00:00[UTC]".parse().unwrap();
        assert_eq!(
            stop_note(updates, pacing, limits, &now).as_deref(),
            Some("Stops today 07:42, after at most 50 of 100 rows at 10/s (--max-duration 15s)")
        );
    }
}
