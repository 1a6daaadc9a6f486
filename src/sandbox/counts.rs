//! What came in: how often which call, and how often which answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::http::routes::Call;

/// What a sandbox has met since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// All requests, whatever they were.
    pub requests: u64,
    /// Requests by call; those to unknown paths are in none.
    pub calls: BTreeMap<Call, u64>,
    /// Answers by status, also those that were then lost.
    pub statuses: BTreeMap<u16, u64>,
    /// Faults that struck, by their word.
    pub faults: BTreeMap<&'static str, u64>,
    /// The most requests within any one second.
    pub busiest_second: u64,
}

impl Counts {
    /// How often this call came.
    pub fn of(&self, call: Call) -> u64 {
        self.calls.get(&call).copied().unwrap_or_default()
    }

    /// How often it was answered with this status.
    pub fn status(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    /// How often any fault struck.
    pub fn all_faults(&self) -> u64 {
        self.faults.values().sum()
    }
}

/// The counts as they grow.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Growing>);

#[derive(Debug, Default)]
struct Growing {
    counts: Counts,
    /// When the requests of the last second came.
    recent: VecDeque<Duration>,
}

impl Tally {
    /// A request came, `at` after any fixed start.
    pub(super) fn came(&self, call: Option<Call>, at: Duration) {
        self.with(|growing| {
            growing.counts.requests += 1;
            if let Some(call) = call {
                *growing.counts.calls.entry(call).or_default() += 1;
            }
            growing.recent.push_back(at);
            while growing
                .recent
                .front()
                .is_some_and(|first| at.saturating_sub(*first) >= Duration::from_secs(1))
            {
                growing.recent.pop_front();
            }
            let within = growing.recent.len() as u64;
            growing.counts.busiest_second = growing.counts.busiest_second.max(within);
        });
    }

    /// It was answered.
    pub(super) fn answered(&self, status: u16) {
        self.with(|growing| *growing.counts.statuses.entry(status).or_default() += 1);
    }

    /// A fault struck it.
    pub(super) fn struck(&self, word: &'static str) {
        self.with(|growing| *growing.counts.faults.entry(word).or_default() += 1);
    }

    /// The counts as they are now.
    pub(super) fn counts(&self) -> Counts {
        self.with(|growing| growing.counts.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Growing) -> T) -> T {
        // Counts are whole after every step, so a panic elsewhere spoils nothing.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::sandbox::counts::Tally;
    use crate::sandbox::http::routes::Call;

    #[test]
    fn the_busiest_second_is_any_second_and_not_a_calendars() {
        let tally = Tally::default();
        for millis in [0, 900, 1000, 1100, 1899, 5000] {
            tally.came(Some(Call::Create), Duration::from_millis(millis));
        }
        assert_eq!(tally.counts().busiest_second, 4);
        assert_eq!(tally.counts().of(Call::Create), 6);
        assert_eq!(tally.counts().of(Call::Lookup), 0);
    }
}
