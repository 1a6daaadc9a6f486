//! How many requests may be retries (pure).
//!
//! Retrying every failure doubles the load on a server that is overloaded already. So
//! each first attempt earns a fraction of a retry, which keeps retries below a fifth of
//! all requests in the long run. The budget also grows slowly with time: rows must make
//! progress even if every request fails.

use std::time::Duration;

use super::rate::Rate;

/// Retries that one first attempt earns. Together with [`SHARE_OF_RATE`] that makes a
/// fifth of all requests: (3/16 + 1/20) / (1 + 3/16).
const EARNED: f64 = 0.1875;

/// The most retries that can be saved up, and the number at the start of a run.
const CAPACITY: f64 = 50.0;

/// The share of the rate by which the budget grows with time.
const SHARE_OF_RATE: f64 = 0.05;

/// The most by which it grows per second, also if the rate is unlimited.
const MOST_PER_SECOND: f64 = 20.0;

/// The size of a retry budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    capacity: f64,
    per_second: f64,
}

impl Allowance {
    /// At most `capacity` saved retries; grows by `per_second`.
    pub const fn new(capacity: f64, per_second: f64) -> Self {
        Self {
            capacity,
            per_second,
        }
    }

    /// The allowance of a run at `rate`.
    pub fn at(rate: Rate) -> Self {
        Self::new(
            CAPACITY,
            (rate.a_second() * SHARE_OF_RATE).min(MOST_PER_SECOND),
        )
    }
}

/// The retries that are left. Times are since the run's start.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct RetryBudget {
    allowance: Allowance,
    left: f64,
    /// Until when growth with time has been added.
    grown_until: Duration,
}

impl RetryBudget {
    /// A full budget.
    pub(in crate::engine) fn new(allowance: Allowance) -> Self {
        Self {
            allowance,
            left: allowance.capacity,
            grown_until: Duration::ZERO,
        }
    }

    /// A first attempt is made.
    pub(in crate::engine) fn earn(&mut self) {
        self.add(EARNED);
    }

    /// Spends one retry at `now`. If none is left, `Err` holds the time until growth alone
    /// provides one.
    pub(in crate::engine) fn spend(&mut self, now: Duration) -> Result<(), Duration> {
        let elapsed = now.saturating_sub(self.grown_until);
        self.grown_until = self.grown_until.max(now);
        self.add(elapsed.as_secs_f64() * self.allowance.per_second);
        // A sum of fractions may be short of 1 by a rounding error.
        if self.left >= 1.0 - 1e-9 {
            self.left -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - self.left) / self.allowance.per_second;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }

    /// Returns a retry that turned out not to count as one.
    pub(in crate::engine) fn refund(&mut self) {
        self.add(1.0);
    }

    fn add(&mut self, retries: f64) {
        self.left = (self.left + retries).min(self.allowance.capacity);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Allowance, RetryBudget};

    fn budget(rate: &str) -> RetryBudget {
        RetryBudget::new(Allowance::at(rate.parse().unwrap()))
    }

    /// A budget with no retries left.
    fn spent(rate: &str) -> RetryBudget {
        let mut budget = budget(rate);
        while budget.spend(Duration::ZERO).is_ok() {}
        budget
    }

    #[test]
    fn five_or_six_first_attempts_earn_a_retry() {
        let mut budget = spent("100");
        for first_tries in [6, 5, 5, 6, 5, 5] {
            for _ in 0..first_tries {
                assert!(budget.spend(Duration::ZERO).is_err());
                budget.earn();
            }
            assert_eq!(budget.spend(Duration::ZERO), Ok(()));
        }
    }

    #[test]
    fn without_first_attempts_the_budget_grows_slowly() {
        for (rate, wait) in [
            ("unlimited", 50),
            ("100", 200),
            ("1", 20_000),
            ("1/m", 1_200_000),
        ] {
            let mut budget = spent(rate);
            let wait = Duration::from_millis(wait);
            let remaining = budget.spend(Duration::ZERO).unwrap_err();
            assert!(
                remaining.abs_diff(wait) < Duration::from_millis(1),
                "{rate}: {remaining:?}"
            );
            assert_eq!(budget.spend(wait), Ok(()), "{rate}");
        }
    }

    #[test]
    fn the_saved_retries_are_limited() {
        let mut budget = budget("100");
        (0..10_000).for_each(|_| budget.earn());
        let day = Duration::from_hours(24);
        assert_eq!((0..100).filter(|_| budget.spend(day).is_ok()).count(), 50);
    }

    proptest! {
        #[test]
        fn retries_are_under_a_fifth_in_the_long_run(failing in 0.0..1.0_f64, rate in 1_u32..500) {
            let mut budget = budget(&rate.to_string());
            let (mut first, mut again, mut chance) = (0_u32, 0_u32, 0.37);
            for request in 0..20_000_u32 {
                let now = Duration::from_secs_f64(f64::from(request) / f64::from(rate));
                // A low-discrepancy sequence: a share of `failing` requests fails.
                chance = (chance + 0.618_033_988) % 1.0_f64;
                if chance < failing && budget.spend(now).is_ok() {
                    again += 1;
                } else {
                    budget.earn();
                    first += 1;
                }
            }
            prop_assert!(f64::from(again) <= f64::from(first + again) / 5.0 + 51.0);
        }
    }
}
