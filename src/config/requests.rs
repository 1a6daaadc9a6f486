//! How fast requests are sent, and for how long a response is awaited.

use std::time::Duration;

use super::error::{ConfigError, conflict, value_error};
use super::values::duration;
use crate::cli::RequestOptions;
use crate::cli::defaults::{CONCURRENCY, CONCURRENCY_RANGE, MAX_RATE, TIMEOUT};
use crate::engine::pace::PaceSettings;
use crate::engine::pace::rate::Rate;

/// How fast requests are sent, and for how long a response is awaited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestSettings {
    /// How fast, and how many at once.
    pub pacing: PaceSettings,
    /// One request's time-out.
    pub timeout: Duration,
}

/// Decides how fast requests are sent, with at most `concurrency` at once.
pub fn requests(
    typed: RequestOptions,
    file: RequestOptions,
    concurrency: Option<usize>,
) -> Result<RequestSettings, ConfigError> {
    // A typed rate of either kind beats both of the file's.
    let (rate, max_rate) = if typed.rate.is_some() || typed.max_rate.is_some() {
        (typed.rate, typed.max_rate)
    } else {
        (file.rate, file.max_rate)
    };
    let (ceiling, at_once) = match (rate, max_rate) {
        (Some(_), Some(_)) => {
            return Err(conflict("max-rate", "cannot be used with --rate"));
        }
        (Some(rate), None) => (rate.0.parse().map_err(value_error("rate"))?, true),
        (None, Some(most)) => (most.0.parse().map_err(value_error("max-rate"))?, false),
        (None, None) => (Rate::per_second(MAX_RATE), false),
    };
    let concurrency = concurrency.unwrap_or(CONCURRENCY);
    if !CONCURRENCY_RANGE.contains(&concurrency) {
        return Err(value_error("concurrency")(format!(
            "{concurrency} is out of range, wanted {} to {}",
            CONCURRENCY_RANGE.start(),
            CONCURRENCY_RANGE.end()
        )));
    }
    Ok(RequestSettings {
        pacing: PaceSettings {
            ceiling,
            at_once,
            concurrency,
        },
        timeout: match typed.timeout.or(file.timeout) {
            Some(text) => duration("timeout", &text)?,
            None => TIMEOUT,
        },
    })
}
