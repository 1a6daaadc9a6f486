//! How customers are sent.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Time;

use super::{CHECKPOINT, ConfigError, FileOptions, SANDBOX_CHECKPOINT, beside, value};
use crate::cli::{self, Sending, Text};
use crate::domain::decision::{ExistingPolicy, RowPolicy};
use crate::domain::threshold::Threshold;
use crate::engine::pace::Wanted;
use crate::engine::pace::backoff;
use crate::engine::send::absence::Landing;

/// Never faster than this, unless told: Kable publishes no limit.
const DEFAULT_MAX_RATE: &str = "50/s";

/// One request's time-out, unless told.
const DEFAULT_TIMEOUT: &str = "30s";

/// How customers are sent.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that is typed by itself"
)]
pub struct Dispatch {
    /// The checkpoint.
    pub checkpoint: PathBuf,
    /// How fast, and how many at once.
    pub pacing: Wanted,
    /// How patient it is.
    pub retry: backoff::Policy,
    /// One request's time-out.
    pub timeout: Duration,
    /// How long lost creates may take to land.
    pub landing: Landing,
    /// How many rows may be rejected or fail.
    pub max_errors: Threshold,
    /// How many rows are sent ahead, read back and compared.
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
    /// Send nothing, say what would be sent.
    pub dry_run: bool,
    /// Don't ask.
    pub yes: bool,
}

/// When to stop sending, whatever is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeLimits {
    /// At this time of day, by the clock of the place.
    pub stop_at: Option<Time>,
    /// After this long.
    pub max_duration: Option<Duration>,
}

/// Settles how customers are sent.
pub fn dispatch(
    typed: Sending,
    file: &mut FileOptions,
    inputs: &[OsString],
    is_sandbox: bool,
) -> Result<Dispatch, ConfigError> {
    let other = std::mem::take(&mut file.sending);
    let checkpoint = match typed.checkpoint.or(other.checkpoint) {
        Some(path) => path,
        None if is_sandbox => beside(inputs, SANDBOX_CHECKPOINT, "checkpoint")?,
        None => beside(inputs, CHECKPOINT, "checkpoint")?,
    };
    // A flag of either kind beats a file's of either.
    let (rate, max_rate) = if typed.rate.is_some() || typed.max_rate.is_some() {
        (typed.rate, typed.max_rate)
    } else {
        (other.rate, other.max_rate)
    };
    let concurrency = typed.concurrency.or(other.concurrency);
    let timeout = typed
        .timeout
        .or(other.timeout)
        .unwrap_or_else(|| DEFAULT_TIMEOUT.to_owned());
    let timeout = duration("timeout", &timeout)?;
    Ok(Dispatch {
        checkpoint,
        pacing: pacing(rate, max_rate, concurrency.unwrap_or(64))?,
        retry: backoff::Policy {
            retries: typed
                .retries
                .or(other.retries)
                .unwrap_or(backoff::Policy::default().retries),
            ..backoff::Policy::default()
        },
        timeout,
        landing: landing(typed.settle.or(other.settle), timeout)?,
        max_errors: typed
            .max_errors
            .or(other.max_errors)
            .map_or("10%".to_owned(), |text| text.0)
            .parse()
            .map_err(value("max-errors"))?,
        canary: canary(typed.canary.or(other.canary))?,
        limits: time_limits(
            typed.stop_at.or(other.stop_at),
            typed.max_duration.or(other.max_duration),
        )?,
        all_or_nothing: is_on(typed.all_or_nothing, other.all_or_nothing),
        policy: RowPolicy {
            existing: match typed.existing.or(other.existing) {
                None | Some(cli::Existing::Skip) => ExistingPolicy::Skip,
                Some(cli::Existing::Update) => ExistingPolicy::Update,
                Some(cli::Existing::Fail) => ExistingPolicy::Fail,
            },
            retry_failed: is_on(typed.retry_failed, other.retry_failed),
        },
        stripe: is_on(typed.stripe, other.stripe),
        keys: is_on(typed.keys, other.keys),
        dry_run: !typed.no_dry_run && is_on(typed.dry_run, other.dry_run),
        yes: is_on(typed.yes, other.yes),
    })
}

fn landing(settle: Option<String>, timeout: Duration) -> Result<Landing, ConfigError> {
    let given = settle.map(|text| span("settle", &text)).transpose()?;
    Ok(Landing {
        given,
        timeout,
        earlier: Duration::ZERO,
    })
}

/// Whether a switch is on: what was typed beats what stands in a file.
fn is_on(typed: Option<bool>, other: Option<bool>) -> bool {
    typed.or(other).unwrap_or(false)
}

/// How an API is asked that nothing is sent to.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    /// How fast an import would be.
    pub pacing: Wanted,
    /// One request's time-out.
    pub timeout: Duration,
}

/// Settles how an API is asked that nothing is sent to.
pub fn asking(typed: cli::Asking, file: &mut FileOptions) -> Result<Asking, ConfigError> {
    let other = std::mem::take(&mut file.sending);
    let (rate, max_rate) = if typed.rate.is_some() || typed.max_rate.is_some() {
        (typed.rate, typed.max_rate)
    } else {
        (other.rate, other.max_rate)
    };
    let timeout = typed
        .timeout
        .or(other.timeout)
        .unwrap_or_else(|| DEFAULT_TIMEOUT.to_owned());
    Ok(Asking {
        pacing: pacing(rate, max_rate, other.concurrency.unwrap_or(64))?,
        timeout: duration("timeout", &timeout)?,
    })
}

fn pacing(
    rate: Option<Text>,
    max_rate: Option<Text>,
    concurrency: usize,
) -> Result<Wanted, ConfigError> {
    if !(1..=10_000).contains(&concurrency) {
        return Err(value("concurrency")(format!(
            "{concurrency} is out of range, wanted 1 to 10000"
        )));
    }
    let (ceiling, at_once) = match (rate, max_rate) {
        (Some(_), Some(_)) => {
            return Err(value("max-rate")("cannot be used with --rate"));
        }
        (Some(rate), None) => (rate.0.parse().map_err(value("rate"))?, true),
        (None, Some(most)) => (most.0.parse().map_err(value("max-rate"))?, false),
        (None, None) => (DEFAULT_MAX_RATE.parse().map_err(value("max-rate"))?, false),
    };
    Ok(Wanted {
        ceiling,
        at_once,
        concurrency,
    })
}

fn canary(given: Option<usize>) -> Result<Option<usize>, ConfigError> {
    match given {
        Some(rows) if !(1..=1000).contains(&rows) => Err(value("canary")(format!(
            "{rows} is out of range, wanted 1 to 1000"
        ))),
        other => Ok(other),
    }
}

fn time_limits(
    stop_at: Option<String>,
    max_duration: Option<String>,
) -> Result<TimeLimits, ConfigError> {
    let read_time = |text: String| time_of_day("stop-at", &text);
    let read_duration = |text: String| duration("max-duration", &text);
    Ok(TimeLimits {
        stop_at: stop_at.map(read_time).transpose()?,
        max_duration: max_duration.map(read_duration).transpose()?,
    })
}

/// Reads a time of day: `5:30`, `05:30`, `23:00`.
fn time_of_day(option: &'static str, text: &str) -> Result<Time, ConfigError> {
    let read = |part: &str| {
        let digits = part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<i8>().ok()).flatten()
    };
    text.split_once(':')
        .and_then(|(hours, minutes)| Time::new(read(hours)?, read(minutes)?, 0, 0).ok())
        .ok_or_else(|| {
            value(option)(format!(
                "{text:?} is no time of day, wanted for example 05:30"
            ))
        })
}

/// Reads a length of time as people write it: `30s`, `1m 30s`, `250ms`.
pub fn duration(option: &'static str, text: &str) -> Result<Duration, ConfigError> {
    let span = span(option, text)?;
    if span.is_zero() {
        return Err(value(option)(format!(
            "{text:?} is no time at all, wanted for example 30s"
        )));
    }
    Ok(span)
}

/// The same, where none at all is a length as well.
fn span(option: &'static str, text: &str) -> Result<Duration, ConfigError> {
    humantime::parse_duration(text).map_err(|_not_a_duration| {
        value(option)(format!(
            "{text:?} is no length of time, wanted for example 30s"
        ))
    })
}
