//! Counts of requests, of responses and of faults.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;

use super::http::routes::Call;

/// The requests, responses and faults since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// Requests by call; without those that have a wrong path or method.
    pub calls: BTreeMap<Call, u64>,
    /// Responses by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Strikes of faults, by the name of their kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// The most requests within any one second.
    pub busiest_second: u64,
}

impl Counts {
    /// How many requests there were of this call.
    pub fn of(&self, call: Call) -> u64 {
        self.calls.get(&call).copied().unwrap_or_default()
    }

    /// How many responses had this status.
    pub fn status(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    /// How many strikes of faults there were.
    pub fn all_faults(&self) -> u64 {
        self.faults.values().sum()
    }
}

/// The counts as they grow.
#[derive(Debug, Default)]
pub(super) struct RequestCounter(Mutex<CounterState>);

#[derive(Debug, Default)]
struct CounterState {
    counts: Counts,
    /// The times of the requests in the last second.
    recent: VecDeque<Duration>,
}

impl RequestCounter {
    /// Counts a request that arrived at `at`, a time since any fixed start.
    pub(super) fn arrived(&self, call: Option<Call>, at: Duration) {
        self.with(|state| {
            state.counts.requests += 1;
            if let Some(call) = call {
                *state.counts.calls.entry(call).or_default() += 1;
            }
            state.recent.push_back(at);
            while state
                .recent
                .front()
                .is_some_and(|first| at.saturating_sub(*first) >= Duration::from_secs(1))
            {
                state.recent.pop_front();
            }
            let within = state.recent.len() as u64;
            state.counts.busiest_second = state.counts.busiest_second.max(within);
        });
    }

    /// Counts a response.
    pub(super) fn answered(&self, status: u16) {
        self.with(|state| *state.counts.statuses.entry(status).or_default() += 1);
    }

    /// Counts a strike of a fault.
    pub(super) fn struck(&self, name: &'static str) {
        self.with(|state| *state.counts.faults.entry(name).or_default() += 1);
    }

    /// The counts as they are now.
    pub(super) fn counts(&self) -> Counts {
        self.with(|state| state.counts.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut CounterState) -> T) -> T {
        // Counts are consistent after every step, so a panic elsewhere leaves them usable.
        act(&mut self.0.lock())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::sandbox::counts::RequestCounter;
    use crate::sandbox::http::routes::Call;

    #[test]
    fn the_busiest_second_can_begin_at_any_time() {
        let counter = RequestCounter::default();
        for millis in [0, 900, 1000, 1100, 1899, 5000] {
            counter.arrived(Some(Call::Create), Duration::from_millis(millis));
        }
        assert_eq!(counter.counts().busiest_second, 4);
        assert_eq!(counter.counts().of(Call::Create), 6);
        assert_eq!(counter.counts().of(Call::Lookup), 0);
    }
}
