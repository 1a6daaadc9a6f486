//! How many requests may be spent on trouble (pure).
//!
//! Retries that follow failures one for one double the load on a server just
//! when it can't bear it. So first tries earn what retries spend, which keeps
//! retries under a fifth of all requests in the long run. A little comes in by
//! itself as well, for rows must go on even where nothing goes well.

use std::time::Duration;

use super::rate::Rate;

/// What a request that is no retry earns. Together with [`SHARE_OF_RATE`] it
/// comes to a fifth of all: (3/16 + 1/20) / (1 + 3/16).
const EARNED: f64 = 0.1875;

/// How much of the budget can be saved up, and what a run begins with.
const SAVED: f64 = 50.0;

/// Which share of the rate comes in by itself.
const SHARE_OF_RATE: f64 = 0.05;

/// The most that comes in by itself in a second, so that it is something also
/// where the rate has no limit.
const MOST_A_SECOND: f64 = 20.0;

/// How large a budget is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    saved: f64,
    a_second: f64,
}

impl Allowance {
    /// The allowance of a run at `rate`.
    pub fn at(rate: Rate) -> Self {
        Self {
            saved: SAVED,
            a_second: (rate.a_second() * SHARE_OF_RATE).min(MOST_A_SECOND),
        }
    }

    /// No limit to retries, where a test is about something else.
    #[cfg(test)]
    pub(in crate::engine) const UNLIMITED: Self = Self {
        saved: f64::INFINITY,
        a_second: MOST_A_SECOND,
    };
}

/// What is left for retries. Times are since the run's start.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct RetryBudget {
    allowance: Allowance,
    left: f64,
    counted: Duration,
}

impl RetryBudget {
    /// A full budget.
    pub(in crate::engine) fn new(allowance: Allowance) -> Self {
        Self {
            allowance,
            left: allowance.saved,
            counted: Duration::ZERO,
        }
    }

    /// Takes in a request that is no retry.
    pub(in crate::engine) fn earn(&mut self) {
        self.add(EARNED);
    }

    /// Takes one retry at `now`; where none is left, says after how long there
    /// will be one even if nothing is earned.
    pub(in crate::engine) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let passed = now.saturating_sub(self.counted);
        self.counted = self.counted.max(now);
        self.add(passed.as_secs_f64() * self.allowance.a_second);
        // What adds up from fractions may lack the last of them.
        if self.left >= 1.0 - 1e-9 {
            self.left -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - self.left) / self.allowance.a_second;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }

    /// Gives back what a retry took.
    pub(in crate::engine) fn refund(&mut self) {
        self.add(1.0);
    }

    fn add(&mut self, more: f64) {
        self.left = (self.left + more).min(self.allowance.saved);
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

    /// Takes until nothing is left.
    fn drained(rate: &str) -> RetryBudget {
        let mut budget = budget(rate);
        while budget.take(Duration::ZERO).is_ok() {}
        budget
    }

    #[test]
    fn several_first_tries_pay_for_a_retry() {
        let mut budget = drained("100");
        for first_tries in [6, 5, 5, 6, 5, 5] {
            for _ in 0..first_tries {
                assert!(budget.take(Duration::ZERO).is_err());
                budget.earn();
            }
            assert_eq!(budget.take(Duration::ZERO), Ok(()));
        }
    }

    #[test]
    fn where_nothing_goes_well_rows_go_on_slowly() {
        for (rate, wait) in [
            ("unlimited", 50),
            ("100", 200),
            ("1", 20_000),
            ("1/m", 1_200_000),
        ] {
            let mut budget = drained(rate);
            let wait = Duration::from_millis(wait);
            let told = budget.take(Duration::ZERO).unwrap_err();
            assert!(
                told.abs_diff(wait) < Duration::from_millis(1),
                "{rate}: {told:?}"
            );
            assert_eq!(budget.take(wait), Ok(()), "{rate}");
        }
    }

    #[test]
    fn no_more_is_saved_than_a_run_begins_with() {
        let mut budget = budget("100");
        (0..10_000).for_each(|_| budget.earn());
        let day = Duration::from_hours(24);
        assert_eq!((0..100).filter(|_| budget.take(day).is_ok()).count(), 50);
    }

    proptest! {
        #[test]
        fn retries_are_under_a_fifth_in_the_long_run(wanted in 0.0..1.0_f64, rate in 1_u32..500) {
            let mut budget = budget(&rate.to_string());
            let (mut first, mut again, mut chance) = (0_u32, 0_u32, 0.37);
            for request in 0..20_000_u32 {
                let now = Duration::from_secs_f64(f64::from(request) / f64::from(rate));
                // A low-discrepancy sequence: trouble as often as wanted.
                chance = (chance + 0.618_033_988) % 1.0_f64;
                if chance < wanted && budget.take(now).is_ok() {
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
