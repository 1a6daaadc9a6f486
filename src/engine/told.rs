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

/// What a server has told of its limits.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The longest time to a reset that each policy without a window has told:
    /// that is its window, as far as it is known.
    resets: Vec<(String, Duration)>,
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
        allowed
    }

    fn rate(&mut self, quota: &Quota) -> Option<f64> {
        let window = quota.window.or_else(|| self.window(quota));
        let base = quota
            .limit
            .zip(window)
            .map(|(limit, window)| per_second(limit, window));
        let left = quota
            .remaining
            .zip(quota.reset)
            .filter(|_| window.is_none_or(|window| window > COARSE))
            // One request finds out whether there are more by then.
            .map(|(left, reset)| per_second(left.max(1), reset));
        [base, left].into_iter().flatten().reduce(f64::min)
    }

    /// The window of a limit that tells none.
    fn window(&mut self, quota: &Quota) -> Option<Duration> {
        let reset = quota.reset?;
        if let Some((_, longest)) = self.resets.iter_mut().find(|(name, _)| *name == quota.name) {
            *longest = reset.max(*longest);
            return Some(*longest);
        }
        // Names are the server's own: one that makes up new ones is not kept.
        if self.resets.len() < MOST_POLICIES {
            self.resets.push((quota.name.clone(), reset));
        }
        Some(reset)
    }
}

/// So many in this time, which headers round to whole seconds.
#[expect(clippy::cast_precision_loss, reason = "no limit is above 2⁵³")]
fn per_second(many: u64, time: Duration) -> f64 {
    many as f64 / time.max(Duration::from_secs(1)).as_secs_f64()
}
