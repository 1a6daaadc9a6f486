//! How customers are sent.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Time;

use super::error::{ConfigError, value_error};
use super::requests::RequestSettings;
use super::values::{default_checkpoint, duration, duration_or_zero, ensure_checkpoint};
use crate::cli::defaults::{MAX_ERRORS_PERCENT, RETRIES};
use crate::cli::{OnExisting, SendOptions};
use crate::domain::decision::{ExistingPolicy, RowPolicy};
use crate::domain::threshold::Threshold;
use crate::engine::pace::backoff;
use crate::engine::send::absence::Landing;

/// How customers are sent.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct SendSettings {
    /// The checkpoint.
    pub checkpoint: PathBuf,
    /// How fast, and for how long a response is awaited.
    pub requests: RequestSettings,
    /// How often and when a request is sent again.
    pub retry: backoff::RetryPolicy,
    /// How long lost creates may take to land.
    pub landing: Landing,
    /// How many rows may be rejected or fail.
    pub max_errors: Threshold,
    /// How many rows are sent first, read back and compared.
    pub canary: Option<usize>,
    /// When to stop sending.
    pub limits: TimeLimits,
    /// Send nothing if any row is rejected.
    pub all_or_nothing: bool,
    /// What is done with rows that are not new.
    pub policy: RowPolicy,
    /// The query parameter `stripe`.
    pub stripe: bool,
    /// The query parameter `keys`.
    pub keys: bool,
    /// Send nothing, show what would be sent.
    pub dry_run: bool,
    /// Don't ask.
    pub yes: bool,
}

/// When to stop sending, whatever is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeLimits {
    /// At this local time of day.
    pub stop_at: Option<Time>,
    /// After this long.
    pub max_duration: Option<Duration>,
}

/// Decides how customers of `inputs` are sent.
pub fn sending(
    typed: SendOptions,
    file: SendOptions,
    requests: RequestSettings,
    inputs: &[OsString],
    is_sandbox: bool,
) -> Result<SendSettings, ConfigError> {
    let settle = typed.settle.or(file.settle);
    let given = settle.map(|text| duration_or_zero("settle", &text));
    Ok(SendSettings {
        checkpoint: match typed.checkpoint.or(file.checkpoint) {
            Some(path) => {
                ensure_checkpoint(&path)?;
                path
            }
            None => default_checkpoint(inputs, is_sandbox)?,
        },
        retry: backoff::RetryPolicy {
            retries: typed.retries.or(file.retries).unwrap_or(RETRIES),
            ..backoff::RetryPolicy::default()
        },
        landing: Landing {
            given: given.transpose()?,
            timeout: requests.timeout,
            earlier: Duration::ZERO,
        },
        requests,
        max_errors: match typed.max_errors.or(file.max_errors) {
            Some(text) => text.0.parse().map_err(value_error("max-errors"))?,
            None => Threshold::Percent(f64::from(MAX_ERRORS_PERCENT)),
        },
        canary: canary(typed.canary.or(file.canary))?,
        limits: time_limits(
            typed.stop_at.or(file.stop_at),
            typed.max_duration.or(file.max_duration),
        )?,
        all_or_nothing: is_on(typed.all_or_nothing, file.all_or_nothing),
        policy: RowPolicy {
            existing: match typed.existing.or(file.existing) {
                None | Some(OnExisting::Skip) => ExistingPolicy::Skip,
                Some(OnExisting::Update) => ExistingPolicy::Update,
                Some(OnExisting::Fail) => ExistingPolicy::Fail,
            },
            retry_failed: is_on(typed.retry_failed, file.retry_failed),
        },
        stripe: is_on(typed.stripe, file.stripe),
        keys: is_on(typed.keys, file.keys),
        dry_run: !typed.no_dry_run && is_on(typed.dry_run, file.dry_run),
        yes: is_on(typed.yes, file.yes),
    })
}

/// Whether a switch is on: what is typed beats the file.
fn is_on(typed: Option<bool>, file: Option<bool>) -> bool {
    typed.or(file).unwrap_or(false)
}

fn canary(given: Option<usize>) -> Result<Option<usize>, ConfigError> {
    match given {
        Some(rows) if !(1..=1000).contains(&rows) => Err(value_error("canary")(format!(
            "{rows} is out of range, wanted 1 to 1000"
        ))),
        other => Ok(other),
    }
}

fn time_limits(
    stop_at: Option<String>,
    max_duration: Option<String>,
) -> Result<TimeLimits, ConfigError> {
    let stop_at = stop_at.map(|text| time_of_day("stop-at", &text));
    let max_duration = max_duration.map(|text| duration("max-duration", &text));
    Ok(TimeLimits {
        stop_at: stop_at.transpose()?,
        max_duration: max_duration.transpose()?,
    })
}

/// Reads a time of day: `5:30`, `05:30`, `23:00`, `05:30:00`.
fn time_of_day(option: &'static str, text: &str) -> Result<Time, ConfigError> {
    let number = |digits: &str| {
        let is_number = digits.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<i8>().ok()).flatten()
    };
    let time = || {
        let mut parts = text.split(':');
        let (hours, minutes) = (parts.next()?, parts.next()?);
        let seconds = parts.next().unwrap_or("0");
        let time = Time::new(number(hours)?, number(minutes)?, number(seconds)?, 0);
        time.ok().filter(|_| parts.next().is_none())
    };
    time().ok_or_else(|| {
        value_error(option)(format!(
            "{text:?} is no time of day, wanted for example 05:30"
        ))
    })
}
