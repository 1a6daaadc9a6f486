//! For how long a run waits, in words.

use std::time::Duration;

use crate::domain::text::counted;
use crate::report::WaitingCounts;

/// Formats a wait, rounded up to a tenth of a second.
pub(super) fn rounded(wait: Duration) -> humantime::FormattedDuration {
    rounded_to(wait, 100)
}

/// Formats a wait, rounded up to a multiple of `step` milliseconds.
fn rounded_to(wait: Duration, step: u64) -> humantime::FormattedDuration {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let millis = millis.div_ceil(step).saturating_mul(step);
    humantime::format_duration(Duration::from_millis(millis))
}

/// How much of a pause is left, from `left` in milliseconds.
pub(super) fn pause_left(left: u64) -> String {
    let left = Duration::from_secs(left.div_ceil(1000));
    format!(" for {} more", humantime::format_duration(left))
}

/// What a run waits for, and that it does for `longest` at most.
pub(super) fn waiting_text(rows: WaitingCounts, longest: Duration) -> String {
    let WaitingCounts {
        creates,
        updates,
        others,
    } = rows;
    let creates_text = counted(
        creates,
        "create without an answer that may still take effect",
        "creates without an answer that may still take effect",
    );
    let parts = [
        (creates, creates_text),
        (
            updates,
            counted(updates, "update to show", "updates to show"),
        ),
        (
            others,
            counted(
                others,
                "row to be looked up again",
                "rows to be looked up again",
            ),
        ),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(_, text)| text).collect();
    let then = if creates > 0 {
        ": what is not there then is sent again"
    } else {
        ""
    };
    format!(
        "waiting for {} at Kable, {} at most (--settle){then}",
        parts.join(" and "),
        rounded_to(longest, 1000)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{WaitingCounts, waiting_text};

    #[test]
    fn whole_seconds_are_said_and_rounded_up() {
        let longest = Duration::from_millis(57_100);
        let creates = WaitingCounts {
            creates: 3,
            ..WaitingCounts::default()
        };
        assert_eq!(
            waiting_text(creates, longest),
            "waiting for 3 creates without an answer that may still take effect at Kable, 58s at \
             most (--settle): what is not there then is sent again"
        );
    }

    #[test]
    fn what_is_waited_for_is_said() {
        let all = WaitingCounts {
            creates: 1,
            updates: 2,
            others: 1,
        };
        let text = waiting_text(all, Duration::from_secs(1));
        assert!(
            text.contains("effect and 2 updates to show and 1 row to be looked up again at Kable"),
            "{text}"
        );
        let updates = WaitingCounts {
            creates: 0,
            others: 0,
            ..all
        };
        assert_eq!(
            waiting_text(updates, Duration::from_secs(1)),
            "waiting for 2 updates to show at Kable, 1s at most (--settle)"
        );
    }
}
