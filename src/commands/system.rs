//! Clock, random numbers, threads and runtime, which commands pass to the layers
//! below.

use std::num::NonZero;
use std::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;

use crate::domain::summary::TimeSpan;

/// Our clock, in Unix milliseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "the front reads the clock for all"
)]
pub(super) fn wall_clock() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time on a clock that is never set, and that counts while the machine sleeps
/// (`CLOCK_BOOTTIME` on Linux; Apple's `CLOCK_MONOTONIC` does).
#[cfg(unix)]
pub(super) fn steady_clock() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// The time since the first call. On a system without `clock_gettime` the clock is never
/// set; whether it counts sleep depends on the system.
#[cfg(not(unix))]
pub(super) fn steady_clock() -> Duration {
    static BEGAN: std::sync::OnceLock<tokio::time::Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(tokio::time::Instant::now).elapsed()
}

/// A random number from 0 to 1.
pub(super) fn jitter() -> f64 {
    fastrand::f64()
}

/// The runtime of all asynchronous work.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// The number of threads that read and check: one for each core available.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Unix milliseconds as RFC 3339, in UTC and whole seconds.
pub(super) fn timestamp(unix_ms: i64) -> String {
    let time = jiff::Timestamp::from_second(unix_ms.div_euclid(1000)).unwrap_or_default();
    time.to_string()
}

/// The time from `started_ms`, Unix milliseconds, to now.
pub(super) fn span_since(started_ms: i64) -> TimeSpan {
    TimeSpan {
        started: timestamp(started_ms),
        finished: timestamp(wall_clock()),
    }
}

/// Seconds, to the millisecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds below 2⁵³ are exact, and that is 285,000 years"
)]
pub(super) fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}
