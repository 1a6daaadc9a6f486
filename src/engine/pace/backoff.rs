//! Whether to send again, and after how long (pure).
//!
//! Capped exponential back-off with full jitter: each wait is drawn from the
//! whole of `0..=ceiling`, so that clients that failed together do not come
//! back together.

use std::time::Duration;

/// How patient a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Tries after the first.
    pub retries: u32,
    /// The ceiling of the first wait.
    pub first_delay: Duration,
    /// The highest ceiling.
    pub longest_delay: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retries: 8,
            first_delay: Duration::from_millis(500),
            longest_delay: Duration::from_secs(30),
        }
    }
}

/// How long to wait before the `again`-th try after the first (from 1), which
/// was asked to be no sooner than `server_asks`; `jitter` is drawn from 0 to 1.
pub fn delay(policy: &Policy, again: u32, server_asks: Option<Duration>, jitter: f64) -> Duration {
    let doublings = again.saturating_sub(1).min(31);
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

    use super::{Policy, delay};

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let waits: Vec<_> = (1..=9)
            .map(|again| delay(&Policy::default(), again, None, 1.0).as_millis())
            .collect();
        assert_eq!(
            waits,
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]
        );
    }

    #[test]
    fn jitter_is_full() {
        assert_eq!(delay(&Policy::default(), 3, None, 0.0), Duration::ZERO);
        assert_eq!(
            delay(&Policy::default(), 3, None, 0.5),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn a_wait_asked_by_the_server_is_never_shortened() {
        let asked = Some(Duration::from_mins(1));
        assert_eq!(
            delay(&Policy::default(), 1, asked, 0.0),
            Duration::from_mins(1)
        );
    }
}
