//! Reads that lag behind writes: the earlier versions that readers still see.
//!
//! The file is always up to date. The versions before recent changes are kept here,
//! in memory only: after a restart every read is up to date. The time is passed in;
//! there is no clock here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::customer::StoredCustomer;

/// The versions of customers before the changes that readers do not see yet.
#[derive(Debug)]
pub(super) struct ReadLag {
    /// How long a change stays invisible.
    delay: Duration,
    /// By the customer's number, oldest first.
    earlier: BTreeMap<i64, VecDeque<PriorState>>,
    /// The changes in the order in which they become visible.
    due: VecDeque<(Duration, i64)>,
}

/// A customer before a change.
#[derive(Debug)]
struct PriorState {
    /// When the change becomes visible.
    until: Duration,
    /// `None` if it did not exist.
    was: Option<StoredCustomer>,
}

impl ReadLag {
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            earlier: BTreeMap::new(),
            due: VecDeque::new(),
        }
    }

    /// Whether reads lag at all.
    pub(super) fn is_on(&self) -> bool {
        !self.delay.is_zero()
    }

    /// Notes what the customer was before a change at `at`.
    pub(super) fn changed(&mut self, number: i64, was: Option<StoredCustomer>, at: Duration) {
        if !self.is_on() {
            return;
        }
        self.forget(at);
        let until = at + self.delay;
        let earlier = PriorState { until, was };
        self.earlier.entry(number).or_default().push_back(earlier);
        self.due.push_back((until, number));
    }

    /// The version that is visible at `at`, of a customer that is `now` in the file.
    pub(super) fn visible(
        &self,
        number: i64,
        now: Option<StoredCustomer>,
        at: Duration,
    ) -> Option<StoredCustomer> {
        match self.before(number, at) {
            Some(earlier) => earlier.was.clone(),
            None => now,
        }
    }

    /// The visible versions at `at` that differ from the file, by the customer's number;
    /// `None` for customers that are not visible.
    pub(super) fn differing(&self, at: Duration) -> BTreeMap<i64, Option<StoredCustomer>> {
        self.earlier
            .keys()
            .filter_map(|number| Some((*number, self.before(*number, at)?.was.clone())))
            .collect()
    }

    fn before(&self, number: i64, at: Duration) -> Option<&PriorState> {
        let changes = self.earlier.get(&number)?;
        changes.iter().find(|earlier| earlier.until > at)
    }

    /// Drops the versions before changes that are visible by now.
    fn forget(&mut self, at: Duration) {
        while let Some((_, number)) = self.due.pop_front_if(|(until, _)| *until <= at) {
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

    use super::ReadLag;
    use crate::sandbox::store::customer::StoredCustomer;
    use crate::sandbox::store::customer::tests::aster;

    fn named(name: &str) -> StoredCustomer {
        StoredCustomer {
            company_name: name.to_owned(),
            ..aster()
        }
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn every_change_becomes_visible_after_the_delay() {
        let mut lag = ReadLag::new(at(2000));
        lag.changed(1, None, at(100));
        lag.changed(1, Some(named("Aster")), at(1000));
        let visible = |millis| lag.visible(1, Some(named("Beryl")), at(millis));
        assert_eq!(visible(1000), None);
        assert_eq!(visible(2099), None);
        assert_eq!(visible(2100), Some(named("Aster")));
        assert_eq!(visible(2999), Some(named("Aster")));
        assert_eq!(visible(3000), Some(named("Beryl")));
        assert_eq!(lag.visible(2, None, at(1000)), None);
    }

    #[test]
    fn a_deleted_customer_stays_visible_for_the_delay() {
        let mut lag = ReadLag::new(at(2000));
        lag.changed(1, Some(named("Aster")), at(0));
        assert_eq!(lag.visible(1, None, at(1)), Some(named("Aster")));
        assert_eq!(lag.differing(at(1)), [(1, Some(named("Aster")))].into());
        assert_eq!(lag.visible(1, None, at(2000)), None);
        assert!(lag.differing(at(2000)).is_empty());
    }

    #[test]
    fn versions_that_no_reader_sees_are_dropped() {
        let mut lag = ReadLag::new(at(10));
        for millis in 0..100 {
            lag.changed(1, None, at(millis));
            lag.changed(2, Some(aster()), at(millis));
        }
        assert_eq!(lag.due.len(), 20);
        lag.changed(3, None, at(1000));
        assert_eq!((lag.due.len(), lag.earlier.len()), (1, 1));
        let mut off = ReadLag::new(Duration::ZERO);
        off.changed(1, None, at(0));
        assert!(off.due.is_empty());
    }
}
