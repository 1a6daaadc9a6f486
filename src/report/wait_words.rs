//! For how long a run waits, in words.

use std::time::Duration;

use crate::domain::text::counted;

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

/// That a run waits for the creates of `rows` that may still take effect, for `longest` at
/// most.
pub(super) fn waiting_text(rows: u64, longest: Duration) -> String {
    format!(
        "waiting for {} that may still take effect at Kable, {} at most (--settle): what is not \
         there then is sent again",
        counted(
            rows,
            "create without an answer",
            "creates without an answer"
        ),
        rounded_to(longest, 1000)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::waiting_text;

    #[test]
    fn whole_seconds_are_said_and_rounded_up() {
        let longest = Duration::from_millis(57_100);
        let text = waiting_text(3, longest);
        assert!(text.starts_with("waiting for 3 creates without an answer"));
        assert!(text.contains(", 58s at most"), "{text}");
    }
}
