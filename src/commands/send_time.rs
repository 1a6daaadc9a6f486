//! Estimates how long sending takes, before the first row is sent.

use std::time::Duration;

use crate::domain::text::counted;
use crate::engine::pace::PaceSettings;
use crate::engine::pace::rate::Rate;

/// Describes how long it takes to send `rows` rows.
pub(super) fn send_time(rows: u64, pacing: PaceSettings) -> String {
    let requests = counted(rows, "request", "requests");
    let rate = pacing.ceiling;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a time for people; counts below 2⁵³ are exact"
    )]
    let time = Duration::try_from_secs_f64((rows as f64 / rate.a_second()).ceil())
        .unwrap_or(Duration::MAX);
    let time = humantime::format_duration(time);
    match (rate, pacing.at_once) {
        (Rate::Unlimited, _) => format!("To send: {requests}, as fast as possible"),
        (Rate::Limited { .. }, true) => format!("To send: {requests}, {time} at {rate}"),
        (Rate::Limited { .. }, false) => {
            format!("To send: {requests}, at least {time} (the pace is found, up to {rate})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PaceSettings, send_time};

    #[test]
    fn the_time_follows_from_the_rate() {
        let sentence = |rate: &str, at_once| {
            send_time(
                90_000,
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
    }
}
