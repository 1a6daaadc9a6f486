//! The rate that a server's headers advertise (pure).
//!
//! A limit and its window give a rate. If the remaining requests would not last until the
//! reset at that rate, another client uses the same limit, and they are spread over the
//! time until the reset.

use std::time::Duration;

use crate::kable::{Quota, QuotaUnit};

/// Headers give times in whole seconds, so in a window this short the remaining requests
/// can't be spread.
const COARSE: Duration = Duration::from_secs(2);

/// A reset further away is believed only if the remaining requests fall as requests are
/// sent, which takes `ENOUGH` responses to see. At least one request per `FAR` is sent, as
/// no longer pause is obeyed.
const FAR: Duration = Duration::from_hours(1);
const ENOUGH: u32 = 10;

/// How many policies are tracked.
const MOST_POLICIES: usize = 16;

/// For how many responses a policy applies after it was last advertised: some servers
/// advertise only the policy that is closest to its limit.
const APPLIES_FOR: u32 = 200;

/// The limits that a server has advertised.
#[derive(Debug, Clone, Default)]
pub struct AdvertisedLimits {
    /// Policies without a window.
    policies: Vec<AdvertisedPolicy>,
    responses: u32,
}

/// A policy without a window, identified by its name and limit.
#[derive(Debug, Clone)]
struct AdvertisedPolicy {
    name: String,
    limit: Option<u64>,
    /// The longest time to a reset so far, which stands for the window. `None` while it
    /// isn't believed.
    window: Option<Duration>,
    /// Responses with a far reset, and the most remaining requests in one of them.
    far: u32,
    most_left: u64,
    /// The response that last advertised it.
    last_seen: u32,
}

/// The rate and concurrency that the advertised limits allow.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AdvertisedPace {
    /// Requests per second.
    pub rate: Option<f64>,
    /// Requests in flight.
    pub in_flight: Option<usize>,
}

impl AdvertisedLimits {
    /// Updates the limits from a response.
    pub fn update(&mut self, quotas: &[Quota]) -> AdvertisedPace {
        self.responses += 1;
        let mut allowed = AdvertisedPace::default();
        for quota in quotas {
            match quota.unit {
                QuotaUnit::Requests => {
                    let rate = self.rate(quota);
                    allowed.rate = [allowed.rate, rate].into_iter().flatten().reduce(f64::min);
                }
                QuotaUnit::InFlight => {
                    let most = quota.limit.and_then(|limit| usize::try_from(limit).ok());
                    allowed.in_flight = [allowed.in_flight, most].into_iter().flatten().min();
                }
            }
        }
        let now = self.responses;
        self.policies
            .retain(|policy| now - policy.last_seen <= APPLIES_FOR);
        let rates = self.policies.iter().filter_map(AdvertisedPolicy::rate);
        // A response that advertises nothing ends all limits.
        allowed.rate = allowed.rate.map(|rate| rates.fold(rate, f64::min));
        allowed
    }

    fn rate(&mut self, quota: &Quota) -> Option<f64> {
        let window = match (quota.window, quota.reset) {
            (None, Some(reset)) => Some(self.window(quota, reset)?),
            (window, _) => window,
        };
        let base = limit_rate(quota.limit, window);
        let left = quota
            .remaining
            .zip(quota.reset)
            .filter(|_| window.is_none_or(|window| window > COARSE))
            // A reset beyond the window is not possible. One more request than the
            // remaining ones is sent at the reset.
            .map(|(left, reset)| {
                let reset = window.map_or(reset, |window| reset.min(window));
                per_second(left.saturating_add(1), reset)
            });
        let rate = [base, left].into_iter().flatten().reduce(f64::min);
        if quota.window.is_some() {
            return rate;
        }
        rate.map(|rate| rate.max(per_second(1, FAR)))
    }

    /// The window of a limit that gives none; `None` if its reset is not believed.
    fn window(&mut self, quota: &Quota, reset: Duration) -> Option<Duration> {
        let same =
            |policy: &AdvertisedPolicy| policy.name == quota.name && policy.limit == quota.limit;
        let known = self.policies.iter().position(same).or_else(|| {
            // A server may make up new names without end.
            (self.policies.len() < MOST_POLICIES).then(|| {
                self.policies.push(AdvertisedPolicy::new(quota));
                self.policies.len() - 1
            })
        });
        let Some(policy) = known.and_then(|at| self.policies.get_mut(at)) else {
            return Some(reset).filter(|reset| *reset <= FAR);
        };
        policy.last_seen = self.responses;
        policy.update(reset, quota.remaining);
        policy.window
    }
}

impl AdvertisedPolicy {
    fn new(quota: &Quota) -> Self {
        Self {
            name: quota.name.clone(),
            limit: quota.limit,
            window: None,
            far: 0,
            most_left: 0,
            last_seen: 0,
        }
    }

    fn update(&mut self, reset: Duration, left: Option<u64>) {
        let longest = self.window.map_or(reset, |window| window.max(reset));
        if reset <= FAR {
            self.window = Some(longest);
            (self.far, self.most_left) = (0, 0);
            return;
        }
        // With none remaining, requests are refused and the number can't fall further.
        if let Some(left) = left.filter(|left| *left > 0) {
            self.far = self.far.saturating_add(1);
            self.most_left = self.most_left.max(left);
        }
        let fallen = self
            .most_left
            .saturating_sub(left.unwrap_or(self.most_left));
        // Requests overtake each other; those of other clients make it fall faster.
        let falls = self.far >= ENOUGH && fallen >= u64::from(self.far) * 3 / 4;
        self.window = falls.then_some(longest);
    }

    fn rate(&self) -> Option<f64> {
        let rate = limit_rate(self.limit, self.window)?;
        Some(rate.max(per_second(1, FAR)))
    }
}

/// The rate of a limit and its window. A limit of 0 gives no rate: a server that means it
/// refuses the requests.
fn limit_rate(limit: Option<u64>, window: Option<Duration>) -> Option<f64> {
    let limit = limit.filter(|limit| *limit > 0)?;
    Some(per_second(limit, window?))
}

/// `requests` per `time`, which headers round to whole seconds.
#[expect(clippy::cast_precision_loss, reason = "no limit is above 2⁵³")]
fn per_second(requests: u64, time: Duration) -> f64 {
    requests as f64 / time.max(Duration::from_secs(1)).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{APPLIES_FOR, AdvertisedLimits, per_second};
    use crate::kable::{Quota, QuotaUnit};

    /// A quota as headers give it: limit, window (0 for none), remaining, and reset.
    fn quota(limit: u64, window: u64, left: u64, reset: u64) -> Quota {
        Quota {
            limit: Some(limit),
            window: (window > 0).then(|| Duration::from_secs(window)),
            remaining: Some(left),
            reset: Some(Duration::from_secs(reset)),
            ..Quota::default()
        }
    }

    fn rate_of(quotas: &[Quota]) -> Option<f64> {
        AdvertisedLimits::default().update(quotas).rate
    }

    #[test]
    fn a_limit_and_its_window_give_a_rate() {
        assert_eq!(rate_of(&[quota(600, 60, 600, 60)]), Some(10.0));
    }

    #[test]
    fn the_lowest_of_several_limits_counts() {
        let both = [quota(20, 1, 20, 1), quota(600, 60, 600, 60)];
        assert_eq!(rate_of(&both), Some(10.0));
    }

    #[test]
    fn remaining_requests_are_spread_over_the_time_until_the_reset() {
        assert_eq!(rate_of(&[quota(600, 60, 59, 30)]), Some(2.0));
        // One more request is sent at the reset.
        assert_eq!(rate_of(&[quota(6, 60, 5, 60)]), Some(0.1));
    }

    #[test]
    fn a_reset_beyond_the_window_is_ignored() {
        assert_eq!(rate_of(&[quota(600, 60, 599, 86_400)]), Some(10.0));
    }

    #[test]
    fn remaining_requests_of_a_window_of_a_second_are_ignored() {
        assert_eq!(rate_of(&[quota(100, 1, 0, 1)]), Some(100.0));
    }

    #[test]
    fn the_longest_reset_stands_for_a_missing_window() {
        let mut limits = AdvertisedLimits::default();
        limits.update(&[quota(600, 0, 599, 60)]);
        assert_eq!(limits.update(&[quota(600, 0, 500, 20)]).rate, Some(10.0));
    }

    const DAY: u64 = 86_400;

    #[test]
    fn a_reset_a_day_away_is_believed_while_remaining_requests_fall() {
        let mut limits = AdvertisedLimits::default();
        let rates: Vec<_> = (1..=10)
            .map(|sent| limits.update(&[quota(8640, 0, 8640 - sent, DAY)]).rate)
            .collect();
        assert_eq!(rates[..9], [None; 9]);
        assert!((rates[9].unwrap() / 0.1 - 1.0).abs() < 0.01, "{rates:?}");
        // For the rest of the day one request an hour is sent.
        for _ in 0..1000 {
            let rate = limits.update(&[quota(8640, 0, 0, DAY)]).rate;
            assert_eq!(rate, Some(1.0 / 3600.0));
        }
        // The next day begins.
        assert_eq!(limits.update(&[quota(8640, 0, 100, 10)]).rate, Some(0.1));
        assert_eq!(limits.update(&[quota(8640, 0, 8639, DAY)]).rate, None);
    }

    #[test]
    fn a_reset_a_day_away_is_not_believed_if_remaining_requests_rise() {
        let mut limits = AdvertisedLimits::default();
        for left in [99, 98, 99, 98, 97, 99, 99, 98] {
            assert_eq!(limits.update(&[quota(100, 0, left, DAY)]).rate, None);
        }
        // They fall for a while, then rise again.
        for left in (10..90).rev() {
            limits.update(&[quota(100, 0, left, DAY)]);
        }
        assert!(limits.update(&[quota(100, 0, 9, DAY)]).rate < Some(0.01));
        assert_eq!(limits.update(&[quota(100, 0, 99, DAY)]).rate, None);
        // A near reset is believed.
        assert_eq!(limits.update(&[quota(100, 0, 99, 10)]).rate, Some(10.0));
    }

    #[test]
    fn a_reset_a_day_away_with_none_remaining_from_the_start_is_not_believed() {
        let mut limits = AdvertisedLimits::default();
        for _ in 0..20 {
            assert_eq!(limits.update(&[quota(100, 0, 0, DAY)]).rate, None);
        }
        let only_left = Quota {
            limit: None,
            ..quota(0, 0, 50, DAY)
        };
        assert_eq!(limits.update(&[only_left]).rate, None);
    }

    #[test]
    fn limits_that_are_advertised_in_turns_all_apply() {
        let mut limits = AdvertisedLimits::default();
        limits.update(&[quota(600, 0, 599, 60)]);
        assert_eq!(limits.update(&[quota(20, 0, 19, 1)]).rate, Some(10.0));
        // A limit that is no longer advertised ends.
        for _ in 0..APPLIES_FOR {
            limits.update(&[quota(20, 0, 19, 1)]);
        }
        assert_eq!(limits.update(&[quota(20, 0, 19, 1)]).rate, Some(20.0));
    }

    #[test]
    fn a_limit_on_requests_in_flight_is_no_rate() {
        let unit = QuotaUnit::InFlight;
        let at_once = Quota {
            unit,
            ..quota(10, 0, 3, 0)
        };
        let allowed = AdvertisedLimits::default().update(&[at_once]);
        assert_eq!((allowed.rate, allowed.in_flight), (None, Some(10)));
    }

    #[test]
    fn a_limit_of_zero_does_not_stop_all_requests() {
        assert_eq!(rate_of(&[quota(0, 60, 0, 60)]), Some(1.0 / 60.0));
        let no_more = Quota {
            limit: Some(0),
            ..Quota::default()
        };
        assert_eq!(rate_of(&[no_more]), None);
    }

    #[test]
    fn without_headers_there_is_no_limit() {
        assert_eq!(rate_of(&[]), None);
    }

    proptest! {
        #[test]
        fn a_rate_is_never_above_limit_per_window(
            limit in 1_u64..100_000,
            window in 1_u64..100_000,
            left: u64,
            reset in 0_u64..100_000,
        ) {
            let rate = rate_of(&[quota(limit, window, left, reset)]).unwrap();
            prop_assert!(rate > 0.0 && rate <= per_second(limit, Duration::from_secs(window)));
        }
    }
}
