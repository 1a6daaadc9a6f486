//! When the sending is to stop by itself: `--stop-at`, `--max-duration`.

use std::time::Duration;

use jiff::Zoned;
use jiff::civil::Time;

use super::wall_clock;
use crate::config::sending::TimeLimits;
use crate::engine::stop::{Halt, Stop};

/// How often the clock is looked at: a machine that slept, or whose clock was
/// set, is found out by the next look.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// When to stop, on our clock, and the option that says so.
#[derive(Debug)]
pub(super) struct Deadlines(Vec<(i64, String)>);

impl Deadlines {
    /// Those of `limits`, counted from now.
    pub(super) fn from_now(limits: TimeLimits) -> Self {
        let mut deadlines = Vec::new();
        // Only at the end of the calendar is there no next time of day.
        let next_at = limits
            .stop_at
            .and_then(|at| Some((at, next(at, &Zoned::now())?)));
        if let Some((at, until)) = next_at {
            let option = format!("--stop-at {}", at.strftime("%H:%M"));
            deadlines.push((until.timestamp().as_millisecond(), option));
        }
        if let Some(most) = limits.max_duration {
            let millis = i64::try_from(most.as_millis()).unwrap_or(i64::MAX);
            let option = format!("--max-duration {}", humantime::format_duration(most));
            deadlines.push((wall_clock().saturating_add(millis), option));
        }
        Self(deadlines)
    }

    /// Halts `stop` when the first of them is reached, as long as the runtime
    /// lives.
    pub(super) fn keep(self, stop: &Stop) {
        for (until, option) in self.0 {
            tokio::spawn(halt_at(until, option, stop.clone()));
        }
    }
}

async fn halt_at(until_ms: i64, option: String, stop: Stop) {
    loop {
        let left = u64::try_from(until_ms - wall_clock()).unwrap_or_default();
        if left == 0 {
            return stop.halt(Halt::OutOfTime { option });
        }
        tokio::time::sleep(Duration::from_millis(left).min(LOOK_EVERY)).await;
    }
}

/// The next time, after `now`, at which clocks show `at`. Where clocks are put
/// forward over it, it is as much later.
fn next(at: Time, now: &Zoned) -> Option<Zoned> {
    let on = |day: jiff::civil::Date| day.to_datetime(at).to_zoned(now.time_zone().clone()).ok();
    let today = on(now.date())?;
    if today > *now {
        return Some(today);
    }
    on(now.date().tomorrow().ok()?)
}

#[cfg(test)]
mod tests {
    use jiff::civil::{DateTime, time};
    use jiff::tz::TimeZone;

    use super::next;

    #[test]
    fn a_time_of_day_is_the_next_one() {
        // In Berlin clocks go from 02:00 to 03:00 on 2026-03-29.
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for (now, at, wanted) in [
            ("2026-11-22T22:10", time(5, 30, 0, 0), "2026-11-23T05:30"),
            ("2026-11-22T04:10", time(5, 30, 0, 0), "2026-11-22T05:30"),
            ("2026-11-22T05:30", time(5, 30, 0, 0), "2026-11-23T05:30"),
            ("2026-03-28T22:00", time(2, 30, 0, 0), "2026-03-29T03:30"),
        ] {
            let here = |text: &str| {
                let there: DateTime = text.parse().unwrap();
                there.to_zoned(berlin.clone()).unwrap()
            };
            assert_eq!(next(at, &here(now)).unwrap(), here(wanted), "{now}");
        }
    }
}
