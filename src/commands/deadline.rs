//! When the sending stops: `--stop-at`, `--max-duration`.
//!
//! A time of day is measured by the wall clock, and follows it when it is set. A
//! duration is measured by a clock that is never set, and that counts while the
//! machine sleeps.

use std::time::Duration;

use jiff::Zoned;
use jiff::civil::Time;
use jiff::tz::AmbiguousOffset;

use super::system::{steady_clock, wall_clock};
use crate::config::send::TimeLimits;
use crate::engine::stop::{Halt, Stop};

/// How often the clock is read, because the machine may sleep or its clock be set.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Milliseconds on some clock.
type Clock = fn() -> i64;

/// A time to stop at, its clock, and the option that sets it.
#[derive(Debug)]
struct Deadline {
    until_ms: i64,
    clock: Clock,
    option: String,
}

/// All deadlines.
#[derive(Debug)]
pub(super) struct Deadlines(Vec<Deadline>);

impl Deadlines {
    /// The deadlines of `limits`, counted from now.
    pub(super) fn from_now(limits: TimeLimits) -> Self {
        let mut deadlines = Vec::new();
        // There is no next time of day only at the end of the calendar.
        let next_at = limits
            .stop_at
            .and_then(|at| Some((at, next(at, &Zoned::now())?)));
        if let Some((at, until)) = next_at {
            deadlines.push(Deadline {
                until_ms: until.timestamp().as_millisecond(),
                clock: wall_clock,
                option: format!("--stop-at {}", at.strftime("%H:%M")),
            });
        }
        if let Some(most) = limits.max_duration {
            let millis = i64::try_from(most.as_millis()).unwrap_or(i64::MAX);
            deadlines.push(Deadline {
                until_ms: steady_ms().saturating_add(millis),
                clock: steady_ms,
                option: format!("--max-duration {}", humantime::format_duration(most)),
            });
        }
        Self(deadlines)
    }

    /// Halts `stop` at the first deadline, as long as the runtime exists.
    pub(super) fn keep(self, stop: &Stop) {
        for deadline in self.0 {
            tokio::spawn(deadline.keep(stop.clone()));
        }
    }
}

impl Deadline {
    async fn keep(self, stop: Stop) {
        while let Some(wait) = wait(self.until_ms, (self.clock)()) {
            tokio::time::sleep(wait).await;
        }
        stop.halt(Halt::OutOfTime {
            option: self.option,
        });
    }
}

/// How long to wait before the clock, now at `now_ms`, is read again; `None` once
/// `until_ms` is reached.
fn wait(until_ms: i64, now_ms: i64) -> Option<Duration> {
    let left = u64::try_from(until_ms.saturating_sub(now_ms)).unwrap_or_default();
    (left > 0).then(|| Duration::from_millis(left).min(LOOK_EVERY))
}

/// Milliseconds of the clock that is never set.
fn steady_ms() -> i64 {
    i64::try_from(steady_clock().as_millis()).unwrap_or(i64::MAX)
}

/// The next time after `now` at which clocks show `at`. If clocks are put back over
/// it they show it twice, and both count; if they are put forward over it, it is
/// later by as much.
pub(super) fn next(at: Time, now: &Zoned) -> Option<Zoned> {
    let zone = now.time_zone();
    let on = |day: jiff::civil::Date| {
        let shown = zone.to_ambiguous_zoned(day.to_datetime(at));
        if matches!(shown.offset(), AmbiguousOffset::Fold { .. }) {
            [shown.clone().earlier().ok(), shown.later().ok()]
        } else {
            [shown.compatible().ok(), None]
        }
    };
    let today = now.date();
    let days = [Some(today), today.tomorrow().ok()];
    days.into_iter()
        .flatten()
        .flat_map(on)
        .flatten()
        .find(|time| time > now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::{DateTime, time};
    use jiff::tz::TimeZone;

    use super::{next, steady_ms, wait};

    #[test]
    fn a_time_of_day_is_the_next_one() {
        // In Berlin clocks go from 02:00 to 03:00 on 2026-03-29.
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for (now, at, expected) in [
            ("2026-11-22T22:10", time(5, 30, 0, 0), "2026-11-23T05:30"),
            ("2026-11-22T04:10", time(5, 30, 0, 0), "2026-11-22T05:30"),
            ("2026-11-22T05:30", time(5, 30, 0, 0), "2026-11-23T05:30"),
            ("2026-03-28T22:00", time(2, 30, 0, 0), "2026-03-29T03:30"),
        ] {
            let here = |text: &str| {
                let there: DateTime = text.parse().unwrap();
                there.to_zoned(berlin.clone()).unwrap()
            };
            assert_eq!(next(at, &here(now)).unwrap(), here(expected), "{now}");
        }
    }

    /// In Berlin clocks go from 03:00 back to 02:00 on 2026-10-25.
    #[test]
    fn a_repeated_time_of_day_counts_twice() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let utc = |text: &str| {
            let there: DateTime = text.parse().unwrap();
            let there = there.to_zoned(TimeZone::UTC).unwrap();
            there.with_time_zone(berlin.clone())
        };
        let at = time(2, 30, 0, 0);
        for (now, expected) in [
            ("2026-10-24T23:59", "2026-10-25T00:30"),
            ("2026-10-25T00:30", "2026-10-25T01:30"),
            ("2026-10-25T00:45", "2026-10-25T01:30"),
            ("2026-10-25T01:15", "2026-10-25T01:30"),
            ("2026-10-25T01:30", "2026-10-26T01:30"),
        ] {
            assert_eq!(next(at, &utc(now)).unwrap(), utc(expected), "{now}");
        }
    }

    #[test]
    fn the_clock_is_read_again_while_waiting() {
        assert_eq!(wait(20_000, 0), Some(Duration::from_secs(5)));
        assert_eq!(wait(20_000, 19_999), Some(Duration::from_millis(1)));
        assert_eq!(wait(20_000, 20_000), None);
        assert_eq!(wait(20_000, i64::MAX), None);
        assert_eq!(wait(i64::MAX, -1), Some(Duration::from_secs(5)));
    }

    #[test]
    fn the_steady_clock_never_goes_back() {
        let readings: Vec<i64> = (0..1000).map(|_| steady_ms()).collect();
        assert!(readings.is_sorted());
    }
}
