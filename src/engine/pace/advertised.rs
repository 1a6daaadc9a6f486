//! The rate that a server tells by its headers (pure).
//!
//! A limit and its window are a rate. Where what is left would not last at that
//! rate until there is more, another client uses the limit too, and what is left
//! is spread over the time that it has to last.

use std::time::Duration;

use crate::kable::{Quota, QuotaUnit};

/// Headers tell times in whole seconds: of a window as short as this, what is
/// left at the moment says nothing.
const COARSE: Duration = Duration::from_secs(2);

/// A reset that is further off is not believed by itself: what is left has to
/// fall with what is sent, which is seen after so many answers. And as no pause
/// is obeyed that is longer, the server is asked again then.
const FAR: Duration = Duration::from_hours(1);
const ENOUGH: u32 = 10;

/// How many policies are kept apart.
const MOST_POLICIES: usize = 16;

/// For how many responses a policy holds that is told no more: some servers tell
/// only the one that is closest at the moment.
const HOLDS_FOR: u32 = 200;

/// What a server has told of its limits.
#[derive(Debug, Clone, Default)]
pub struct AdvertisedLimits {
    /// Those that have told no window.
    policies: Vec<Policy>,
    responses: u32,
}

/// A policy without a window. Without a name too its limit is what tells it from
/// others.
#[derive(Debug, Clone)]
struct Policy {
    name: String,
    limit: Option<u64>,
    /// The longest time to a reset that it has told: that is its window, as far
    /// as it is known. `None` where it isn't believed.
    window: Option<Duration>,
    /// How many answers told of a reset that is far off, and the most that was
    /// left by one of them.
    far: u32,
    most_left: u64,
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

impl AdvertisedLimits {
    /// Takes in what a response told.
    pub fn heard(&mut self, quotas: &[Quota]) -> Allowed {
        self.responses += 1;
        let mut allowed = Allowed::default();
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
            .retain(|policy| now - policy.told_by <= HOLDS_FOR);
        let held = self.policies.iter().filter_map(Policy::rate);
        // Where nothing is told at all, nothing is held against it.
        allowed.rate = allowed.rate.map(|rate| held.fold(rate, f64::min));
        allowed
    }

    fn rate(&mut self, quota: &Quota) -> Option<f64> {
        let window = match (quota.window, quota.reset) {
            (None, Some(reset)) => Some(self.window(quota, reset)?),
            (window, _) => window,
        };
        let base = pace(quota.limit, window);
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
        let rate = [base, left].into_iter().flatten().reduce(f64::min);
        if quota.window.is_some() {
            return rate;
        }
        rate.map(|rate| rate.max(per_second(1, FAR)))
    }

    /// The window of a limit that tells none; `None` where its reset is not
    /// believed.
    fn window(&mut self, quota: &Quota, reset: Duration) -> Option<Duration> {
        let same = |policy: &Policy| policy.name == quota.name && policy.limit == quota.limit;
        let known = self.policies.iter().position(same).or_else(|| {
            // Names are the server's own: one that makes up new ones is not kept.
            (self.policies.len() < MOST_POLICIES).then(|| {
                self.policies.push(Policy::new(quota));
                self.policies.len() - 1
            })
        });
        let Some(policy) = known.and_then(|at| self.policies.get_mut(at)) else {
            return Some(reset).filter(|reset| *reset <= FAR);
        };
        policy.told_by = self.responses;
        policy.heard(reset, quota.remaining);
        policy.window
    }
}

impl Policy {
    fn new(quota: &Quota) -> Self {
        Self {
            name: quota.name.clone(),
            limit: quota.limit,
            window: None,
            far: 0,
            most_left: 0,
            told_by: 0,
        }
    }

    fn heard(&mut self, reset: Duration, left: Option<u64>) {
        let longest = self.window.map_or(reset, |window| window.max(reset));
        if reset <= FAR {
            self.window = Some(longest);
            (self.far, self.most_left) = (0, 0);
            return;
        }
        // Where none are left requests are refused, and nothing falls any more.
        if let Some(left) = left.filter(|left| *left > 0) {
            self.far = self.far.saturating_add(1);
            self.most_left = self.most_left.max(left);
        }
        let fallen = self
            .most_left
            .saturating_sub(left.unwrap_or(self.most_left));
        // Requests overtake each other; others' make it fall faster.
        let falls = self.far >= ENOUGH && fallen >= u64::from(self.far) * 3 / 4;
        self.window = falls.then_some(longest);
    }

    fn rate(&self) -> Option<f64> {
        let rate = pace(self.limit, self.window)?;
        Some(rate.max(per_second(1, FAR)))
    }
}

/// A limit of none is no pace; who means it refuses.
fn pace(limit: Option<u64>, window: Option<Duration>) -> Option<f64> {
    let limit = limit.filter(|limit| *limit > 0)?;
    Some(per_second(limit, window?))
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

    use super::{AdvertisedLimits, HOLDS_FOR, per_second};
    use crate::kable::{Quota, QuotaUnit};

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
        AdvertisedLimits::default().heard(quotas).rate
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
        let mut told = AdvertisedLimits::default();
        told.heard(&[quota(600, 0, 599, 60)]);
        assert_eq!(told.heard(&[quota(600, 0, 500, 20)]).rate, Some(10.0));
    }

    const DAY: u64 = 86_400;

    #[test]
    fn a_reset_a_day_off_is_believed_while_what_is_left_falls() {
        let mut told = AdvertisedLimits::default();
        let rates: Vec<_> = (1..=10)
            .map(|sent| told.heard(&[quota(8640, 0, 8640 - sent, DAY)]).rate)
            .collect();
        assert_eq!(rates[..9], [None; 9]);
        assert!((rates[9].unwrap() / 0.1 - 1.0).abs() < 0.01, "{rates:?}");
        // The rest of the day is refused, and asked for once an hour.
        for _ in 0..1000 {
            let rate = told.heard(&[quota(8640, 0, 0, DAY)]).rate;
            assert_eq!(rate, Some(1.0 / 3600.0));
        }
        // The day ends, and another one begins.
        assert_eq!(told.heard(&[quota(8640, 0, 100, 10)]).rate, Some(0.1));
        assert_eq!(told.heard(&[quota(8640, 0, 8639, DAY)]).rate, None);
    }

    #[test]
    fn a_reset_a_day_off_is_not_believed_where_what_is_left_comes_back() {
        let mut told = AdvertisedLimits::default();
        for left in [99, 98, 99, 98, 97, 99, 99, 98] {
            assert_eq!(told.heard(&[quota(100, 0, left, DAY)]).rate, None);
        }
        // It falls for a while, and is there again.
        for left in (10..90).rev() {
            told.heard(&[quota(100, 0, left, DAY)]);
        }
        assert!(told.heard(&[quota(100, 0, 9, DAY)]).rate < Some(0.01));
        assert_eq!(told.heard(&[quota(100, 0, 99, DAY)]).rate, None);
        // What is near is believed.
        assert_eq!(told.heard(&[quota(100, 0, 99, 10)]).rate, Some(10.0));
    }

    #[test]
    fn a_reset_a_day_off_of_which_nothing_is_left_from_the_beginning_says_nothing() {
        let mut told = AdvertisedLimits::default();
        for _ in 0..20 {
            assert_eq!(told.heard(&[quota(100, 0, 0, DAY)]).rate, None);
        }
        let only_left = Quota {
            limit: None,
            ..quota(0, 0, 50, DAY)
        };
        assert_eq!(told.heard(&[only_left]).rate, None);
    }

    #[test]
    fn limits_that_take_turns_are_told_apart_and_all_hold() {
        let mut told = AdvertisedLimits::default();
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
        let unit = QuotaUnit::InFlight;
        let at_once = Quota {
            unit,
            ..quota(10, 0, 3, 0)
        };
        let allowed = AdvertisedLimits::default().heard(&[at_once]);
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
