//! Reads that lag behind writes: what a reader still sees of each customer.
//!
//! The file holds the truth. Kept here is what was there before each change of
//! the last moments, in memory only: after a restart every read is up to date.
//! It is told the time and owns no clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::customer::Customer;

/// The customers as they were before the changes that readers do not see yet.
#[derive(Debug)]
pub(super) struct Lag {
    /// How long a change stays unseen.
    behind: Duration,
    /// By the customer's number, oldest first.
    earlier: BTreeMap<i64, VecDeque<Earlier>>,
    /// The changes in the order in which they come to be seen.
    ends: VecDeque<(Duration, i64)>,
}

/// A customer before a change.
#[derive(Debug)]
struct Earlier {
    /// When the change is seen.
    until: Duration,
    /// `None`: it was not there.
    was: Option<Customer>,
}

impl Lag {
    pub(super) fn new(behind: Duration) -> Self {
        Self {
            behind,
            earlier: BTreeMap::new(),
            ends: VecDeque::new(),
        }
    }

    /// Whether reads lag at all.
    pub(super) fn is_on(&self) -> bool {
        !self.behind.is_zero()
    }

    /// Notes what the customer was before a change at `at`.
    pub(super) fn changed(&mut self, number: i64, was: Option<Customer>, at: Duration) {
        if !self.is_on() {
            return;
        }
        self.forget(at);
        let until = at + self.behind;
        let earlier = Earlier { until, was };
        self.earlier.entry(number).or_default().push_back(earlier);
        self.ends.push_back((until, number));
    }

    /// What a reader sees at `at` of a customer that is `now` in the file.
    pub(super) fn seen(
        &self,
        number: i64,
        now: Option<Customer>,
        at: Duration,
    ) -> Option<Customer> {
        match self.before(number, at) {
            Some(earlier) => earlier.was.clone(),
            None => now,
        }
    }

    /// Customers that a reader sees at `at` otherwise than they are in the file, by number;
    /// `None` for those that it does not see.
    pub(super) fn unlike(&self, at: Duration) -> BTreeMap<i64, Option<Customer>> {
        self.earlier
            .keys()
            .filter_map(|number| Some((*number, self.before(*number, at)?.was.clone())))
            .collect()
    }

    fn before(&self, number: i64, at: Duration) -> Option<&Earlier> {
        let changes = self.earlier.get(&number)?;
        changes.iter().find(|earlier| earlier.until > at)
    }

    /// Drops what every reader sees by now.
    fn forget(&mut self, at: Duration) {
        while let Some((_, number)) = self.ends.pop_front_if(|(until, _)| *until <= at) {
            if let Some(changes) = self.earlier.get_mut(&number) {
                changes.pop_front();
                if changes.is_empty() {
                    self.earlier.remove(&number);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Lag;
    use crate::sandbox::store::customer::Customer;
    use crate::sandbox::store::customer::tests::aster;

    fn named(name: &str) -> Customer {
        Customer {
            company_name: name.to_owned(),
            ..aster()
        }
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn every_change_is_seen_after_its_own_time() {
        let mut lag = Lag::new(at(2000));
        lag.changed(1, None, at(100));
        lag.changed(1, Some(named("Aster")), at(1000));
        let seen = |millis| lag.seen(1, Some(named("Beryl")), at(millis));
        assert_eq!(seen(1000), None);
        assert_eq!(seen(2099), None);
        assert_eq!(seen(2100), Some(named("Aster")));
        assert_eq!(seen(2999), Some(named("Aster")));
        assert_eq!(seen(3000), Some(named("Beryl")));
        assert_eq!(lag.seen(2, None, at(1000)), None);
    }

    #[test]
    fn a_deleted_customer_is_seen_for_a_while() {
        let mut lag = Lag::new(at(2000));
        lag.changed(1, Some(named("Aster")), at(0));
        assert_eq!(lag.seen(1, None, at(1)), Some(named("Aster")));
        assert_eq!(lag.unlike(at(1)), [(1, Some(named("Aster")))].into());
        assert_eq!(lag.seen(1, None, at(2000)), None);
        assert!(lag.unlike(at(2000)).is_empty());
    }

    #[test]
    fn what_everybody_sees_is_not_kept() {
        let mut lag = Lag::new(at(10));
        for millis in 0..100 {
            lag.changed(1, None, at(millis));
            lag.changed(2, Some(aster()), at(millis));
        }
        assert_eq!(lag.ends.len(), 20);
        lag.changed(3, None, at(1000));
        assert_eq!((lag.ends.len(), lag.earlier.len()), (1, 1));
        let mut off = Lag::new(Duration::ZERO);
        off.changed(1, None, at(0));
        assert!(off.ends.is_empty());
    }
}
