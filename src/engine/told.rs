//! The rate that a server tells by its headers (pure).
//!
//! A limit and its window are a rate. Where what is left would not last at that
//! rate until there is more, somebody else uses the limit too, and what is left
//! is spread over the time that it has to last.

use std::time::Duration;

use crate::kable::{Quota, Unit};

/// Headers tell times in whole seconds: of a window as short as this, what is
/// left at the moment says nothing.
const COARSE: Duration = Duration::from_secs(2);

/// How many policies are kept apart.
const MOST_POLICIES: usize = 16;

/// For how many responses a policy holds that is told no more: some servers tell
/// only the one that is closest at the moment.
const HOLDS_FOR: u32 = 200;

/// What a server has told of its limits.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Those that have told no window.
    policies: Vec<Policy>,
    responses: u32,
}

/// A policy without a window. Without a name too its limit is what tells it from
/// others.
#[derive(Debug, Clone)]
struct Policy {
    name: String,
    limit: u64,
    /// The longest time to a reset that it has told: that is its window, as far
    /// as it is known.
    window: Duration,
    /// The response that told it last.
    told_by: u32,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Allowed {
    /// Requests per second.
    pub rate: Option<f64>,
    /// Requests in flight.
    pub in_flight: Option<usize>,
}

impl Told {
    /// Takes in what a response told.
    pub fn heard(&mut self, quotas: &[Quota]) -> Allowed {
        self.responses += 1;
        let mut allowed = Allowed::default();
        for quota in quotas {
            match quota.unit {
                Unit::Requests => {
                    let rate = self.rate(quota);
                    allowed.rate = [allowed.rate, rate].into_iter().flatten().reduce(f64::min);
                }
                Unit::InFlight => {
                    let most = quota.limit.and_then(|limit| usize::try_from(limit).ok());
                    allowed.in_flight = [allowed.in_flight, most].into_iter().flatten().min();
                }
            }
        }
        let now = self.responses;
        self.policies
            .retain(|policy| now - policy.told_by <= HOLDS_FOR);
        let held = self.policies.iter();
        let held = held.map(|policy| per_second(policy.limit, policy.window));
        // Where nothing is told at all, nothing is held against it.
        allowed.rate = allowed.rate.map(|rate| held.fold(rate, f64::min));
        allowed
    }

    fn rate(&mut self, quota: &Quota) -> Option<f64> {
        let window = quota.window.or_else(|| self.window(quota));
        // A limit of none is no pace; who means it refuses.
        let base = quota
            .limit
            .filter(|limit| *limit > 0)
            .zip(window)
            .map(|(limit, window)| per_second(limit, window));
        let left = quota
            .remaining
            .zip(quota.reset)
            .filter(|_| window.is_none_or(|window| window > COARSE))
            // A reset beyond the window is none. Those that are left come after
            // the one that was just answered, and one comes at the reset.
            .map(|(left, reset)| {
                let reset = window.map_or(reset, |window| reset.min(window));
                per_second(left.saturating_add(1), reset)
            });
        [base, left].into_iter().flatten().reduce(f64::min)
    }

    /// The window of a limit that tells none.
    fn window(&mut self, quota: &Quota) -> Option<Duration> {
        let reset = quota.reset?;
        let limit = quota.limit.filter(|limit| *limit > 0)?;
        let same = |policy: &&mut Policy| policy.name == quota.name && policy.limit == limit;
        if let Some(policy) = self.policies.iter_mut().find(same) {
            policy.window = reset.max(policy.window);
            policy.told_by = self.responses;
            return Some(policy.window);
        }
        // Names are the server's own: one that makes up new ones is not kept.
        if self.policies.len() < MOST_POLICIES {
            self.policies.push(Policy {
                name: quota.name.clone(),
                limit,
                window: reset,
                told_by: self.responses,
            });
        }
        Some(reset)
    }
}

/// So many in this time, which headers round to whole seconds.
#[expect(clippy::cast_precision_loss, reason = "no limit is above 2⁵³")]
fn per_second(many: u64, time: Duration) -> f64 {
    many as f64 / time.max(Duration::from_secs(1)).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{HOLDS_FOR, Told, per_second};
    use crate::kable::{Quota, Unit};

    /// A quota as headers tell it: limit, window, what is left and the reset.
    fn quota(limit: u64, window: u64, left: u64, reset: u64) -> Quota {
        Quota {
            limit: Some(limit),
            window: (window > 0).then(|| Duration::from_secs(window)),
            remaining: Some(left),
            reset: Some(Duration::from_secs(reset)),
            ..Quota::default()
        }
    }

    fn heard(quotas: &[Quota]) -> Option<f64> {
        Told::default().heard(quotas).rate
    }

    #[test]
    fn a_limit_and_its_window_are_a_rate() {
        assert_eq!(heard(&[quota(600, 60, 600, 60)]), Some(10.0));
    }

    #[test]
    fn the_lowest_of_several_counts() {
        let both = [quota(20, 1, 20, 1), quota(600, 60, 600, 60)];
        assert_eq!(heard(&both), Some(10.0));
    }

    #[test]
    fn what_is_left_is_spread_over_the_time_that_it_has_to_last() {
        assert_eq!(heard(&[quota(600, 60, 59, 30)]), Some(2.0));
        // The last one of a window is not waited for longer than it takes.
        assert_eq!(heard(&[quota(6, 60, 5, 60)]), Some(0.1));
    }

    #[test]
    fn a_reset_beyond_the_window_is_none() {
        assert_eq!(heard(&[quota(600, 60, 599, 86_400)]), Some(10.0));
    }

    #[test]
    fn of_a_window_of_a_second_what_is_left_says_nothing() {
        assert_eq!(heard(&[quota(100, 1, 0, 1)]), Some(100.0));
    }

    #[test]
    fn the_longest_reset_is_the_window_where_none_is_told() {
        let mut told = Told::default();
        told.heard(&[quota(600, 0, 599, 60)]);
        assert_eq!(told.heard(&[quota(600, 0, 500, 20)]).rate, Some(10.0));
    }

    #[test]
    fn limits_that_take_turns_are_told_apart_and_all_hold() {
        let mut told = Told::default();
        told.heard(&[quota(600, 0, 599, 60)]);
        assert_eq!(told.heard(&[quota(20, 0, 19, 1)]).rate, Some(10.0));
        // Told no more, it has gone.
        for _ in 0..HOLDS_FOR {
            told.heard(&[quota(20, 0, 19, 1)]);
        }
        assert_eq!(told.heard(&[quota(20, 0, 19, 1)]).rate, Some(20.0));
    }

    #[test]
    fn those_in_flight_are_no_rate() {
        let unit = Unit::InFlight;
        let at_once = Quota {
            unit,
            ..quota(10, 0, 3, 0)
        };
        let allowed = Told::default().heard(&[at_once]);
        assert_eq!((allowed.rate, allowed.in_flight), (None, Some(10)));
    }

    #[test]
    fn a_limit_of_none_does_not_end_everything() {
        assert_eq!(heard(&[quota(0, 60, 0, 60)]), Some(1.0 / 60.0));
        let no_more = Quota {
            limit: Some(0),
            ..Quota::default()
        };
        assert_eq!(heard(&[no_more]), None);
    }

    #[test]
    fn nothing_told_is_nothing_known() {
        assert_eq!(heard(&[]), None);
    }

    proptest! {
        #[test]
        fn a_rate_is_never_above_limit_and_window(
            limit in 1_u64..100_000,
            window in 1_u64..100_000,
            left: u64,
            reset in 0_u64..100_000,
        ) {
            let rate = heard(&[quota(limit, window, left, reset)]).unwrap();
            prop_assert!(rate > 0.0 && rate <= per_second(limit, Duration::from_secs(window)));
        }
    }
}
