//! How long to wait before a retry (pure).
//!
//! Capped exponential backoff with full jitter: each wait is drawn from
//! `0..=ceiling`, so that clients that failed together do not retry together.

use std::time::Duration;

/// How often and how soon failed requests are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries after the first (`--retries`).
    pub retries: u32,
    /// The longest first wait; it doubles with each retry.
    pub first_delay: Duration,
    /// The longest wait.
    pub longest_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 8,
            first_delay: Duration::from_millis(500),
            longest_delay: Duration::from_secs(30),
        }
    }
}

/// How long to wait before the `retry`-th retry (from 1), at least `server_asks`
/// (`Retry-After`); `jitter` is drawn from 0 to 1.
pub fn delay(
    policy: &RetryPolicy,
    retry: u32,
    server_asks: Option<Duration>,
    jitter: f64,
) -> Duration {
    let doublings = retry.saturating_sub(1).min(31);
    let ceiling = policy
        .first_delay
        .saturating_mul(1 << doublings)
        .min(policy.longest_delay);
    ceiling
        .mul_f64(jitter.clamp(0.0, 1.0))
        .max(server_asks.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{RetryPolicy, delay};

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let waits: Vec<_> = (1..=9)
            .map(|retry| delay(&RetryPolicy::default(), retry, None, 1.0).as_millis())
            .collect();
        assert_eq!(
            waits,
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]
        );
    }

    #[test]
    fn jitter_is_full() {
        assert_eq!(delay(&RetryPolicy::default(), 3, None, 0.0), Duration::ZERO);
        assert_eq!(
            delay(&RetryPolicy::default(), 3, None, 0.5),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn retry_after_is_never_shortened() {
        let asked = Some(Duration::from_mins(1));
        assert_eq!(
            delay(&RetryPolicy::default(), 1, asked, 0.0),
            Duration::from_mins(1)
        );
    }
}
