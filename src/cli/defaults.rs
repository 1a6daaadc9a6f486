//! Defaults that help texts and `config/` share.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

/// `--max-rate`, in requests a second: Kable publishes no limit.
pub const MAX_RATE: NonZeroU32 = match NonZeroU32::new(50) {
    Some(rate) => rate,
    None => NonZeroU32::MIN,
};

/// `--timeout`.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// `--concurrency`.
pub const CONCURRENCY: usize = 64;

/// What `--concurrency` may be.
pub const CONCURRENCY_RANGE: RangeInclusive<usize> = 1..=10_000;

/// `--retries`.
pub const RETRIES: u32 = 8;

/// `--max-errors`, as a share of the rows.
pub const MAX_ERRORS_PERCENT: u8 = 10;

/// `--max-changes`, as a share of the customers at Kable that are not cancelled.
pub const MAX_CHANGES_PERCENT: u8 = 20;

/// The file of `--sandbox`.
pub const SANDBOX_FILE: &str = "kable-sandbox.db";

/// `option`, with its default in the help text where it has one of those above.
pub(super) fn shown_in_help(option: clap::Arg) -> clap::Arg {
    let default = match option.get_id().as_str() {
        "max_rate" => format!("{MAX_RATE}/s"),
        "timeout" => humantime::format_duration(TIMEOUT).to_string(),
        "concurrency" => CONCURRENCY.to_string(),
        "retries" => RETRIES.to_string(),
        "max_changes" => format!("{MAX_CHANGES_PERCENT}%"),
        "max_errors" => format!("{MAX_ERRORS_PERCENT}%"),
        _ => return option,
    };
    let help = option.get_help().map(ToString::to_string);
    option.help(format!("{} [default: {default}]", help.unwrap_or_default()))
}
