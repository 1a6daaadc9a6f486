//! Times of day, as people and logs read them.
//!
//! The clock is handed in: what is below the front knows none.

use std::time::Duration;

use jiff::{Timestamp, ToSpan, Unit, Zoned};

/// Reads the clock, in the machine's time zone.
pub type WallTime = fn() -> Zoned;

/// `2026-11-28 03:12:05`: the start of a line that is kept.
pub fn dated(now: &Zoned) -> String {
    now.strftime("%F %T").to_string()
}

/// `03:12:05`: the start of a line on a terminal.
pub(super) fn timed(now: &Zoned) -> String {
    now.strftime("%T").to_string()
}

/// `03:12` if it is of today, `tomorrow 03:12`, or `2026-12-01 03:12`; `None` if it is too far
/// away to be a date.
pub fn after(now: &Zoned, wait: Duration) -> Option<String> {
    let wait = i64::try_from(wait.as_secs()).ok()?;
    day_time(now, &now.checked_add(wait.seconds()).ok()?)
}

/// Likewise of a time in Unix milliseconds; that of the day before is `yesterday 22:10`.
pub fn at(now: &Zoned, unix_ms: i64) -> Option<String> {
    let then = Timestamp::from_millisecond(unix_ms).ok()?;
    day_time(now, &then.to_zoned(now.time_zone().clone()))
}

fn day_time(now: &Zoned, then: &Zoned) -> Option<String> {
    let days = now.date().until((Unit::Day, then.date())).ok()?.get_days();
    let format = match days {
        -1 => "yesterday %H:%M",
        0 => "%H:%M",
        1 => "tomorrow %H:%M",
        _ => "%F %H:%M",
    };
    Some(then.strftime(format).to_string())
}

/// A time for people, in its two largest units: `2h 13m`, `4m`, `1m 30s`, `9s`.
pub fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let parts = match (days, hours, minutes) {
        (0, 0, 0) => return format!("{rest}s"),
        // Seconds matter to a run that ends soon.
        (0, 0, _) if minutes >= 10 => return format!("{minutes}m"),
        (0, 0, _) => [(minutes, "m"), (rest, "s")],
        (0, ..) => [(hours, "h"), (minutes, "m")],
        _ => [(days, "d"), (hours, "h")],
    };
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    parts.join(" ")
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use jiff::Zoned;

    use super::{after, at, dated, short, timed};

    /// A quarter past three in the night of November 28, 2026.
    pub(in crate::report) fn night() -> Zoned {
        "2026-11-28T03:15:00+00:00[UTC]".parse().unwrap()
    }

    #[test]
    fn a_time_of_today_needs_no_date() {
        let hours = |hours: u64| after(&night(), Duration::from_secs(hours * 3600)).unwrap();
        assert_eq!(hours(0), "03:15");
        assert_eq!(hours(20), "23:15");
        assert_eq!(hours(21), "tomorrow 00:15");
        assert_eq!(hours(45), "2026-11-30 00:15");
        assert_eq!(after(&night(), Duration::MAX), None);
        let now_ms = night().timestamp().as_millisecond();
        let ago = |hours: i64| at(&night(), now_ms - hours * 3_600_000).unwrap();
        assert_eq!(ago(3), "00:15");
        assert_eq!(ago(5), "yesterday 22:15");
        assert_eq!(ago(-24), "tomorrow 03:15");
        assert_eq!(ago(48), "2026-11-26 03:15");
        assert_eq!(at(&night(), i64::MAX), None);
        assert_eq!(dated(&night()), "2026-11-28 03:15:00");
        assert_eq!(timed(&night()), "03:15:00");
    }

    #[test]
    fn a_time_has_two_units_at_most() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (90, "1m 30s"),
            (659, "10m"),
            (3600, "1h"),
            (8000, "2h 13m"),
            (200_000, "2d 7h"),
        ] {
            assert_eq!(short(Duration::from_secs(seconds)), text);
        }
    }
}
