//! How often each value of a field occurs, for fields with few different values.

use std::cmp::Reverse;
use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

/// How many different values are told apart. There are fewer currencies and countries.
const MOST_VALUES: usize = 400;

/// How often each value occurs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValueCounts {
    counts: HashMap<Box<str>, u64, FxBuildHasher>,
    /// Occurrences of values beyond the first [`MOST_VALUES`].
    others: u64,
}

impl ValueCounts {
    /// Counts an occurrence of `value`.
    pub fn add(&mut self, value: &str) {
        self.add_many(value, 1);
    }

    fn add_many(&mut self, value: &str, times: u64) {
        if let Some(count) = self.counts.get_mut(value) {
            *count += times;
        } else if self.counts.len() < MOST_VALUES {
            self.counts.insert(value.into(), times);
        } else {
            self.others += times;
        }
    }

    /// Adds the counts of other rows.
    pub fn add_all(&mut self, more: &Self) {
        for (value, times) in &more.counts {
            self.add_many(value, *times);
        }
        self.others += more.others;
    }

    /// The `most` values that occur most often, and how often all others do.
    pub fn largest(&self, most: usize) -> (Vec<(&str, u64)>, u64) {
        let counts = self.counts.iter();
        let mut all: Vec<(&str, u64)> = counts.map(|(value, times)| (&**value, *times)).collect();
        all.sort_unstable_by_key(|(value, times)| (Reverse(*times), *value));
        let rest = all.split_off(most.min(all.len()));
        let rest: u64 = rest.iter().map(|(_, times)| times).sum();
        (all, rest + self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_VALUES, ValueCounts};

    #[test]
    fn the_most_frequent_values_come_first_and_no_occurrence_is_lost() {
        let mut counts = ValueCounts::default();
        for value in ["USD", "EUR", "EUR", "GBP"] {
            counts.add(value);
        }
        let mut more = ValueCounts::default();
        more.add("GBP");
        more.add("GBP");
        counts.add_all(&more);
        assert_eq!(counts.largest(2), (vec![("GBP", 3), ("EUR", 2)], 1));
        assert_eq!(counts.largest(9).1, 0);
        for number in 0..2 * MOST_VALUES {
            counts.add(&number.to_string());
        }
        let (all, others) = counts.largest(usize::MAX);
        assert_eq!(all.len(), MOST_VALUES);
        let sum: u64 = all.iter().map(|(_, times)| times).sum();
        assert_eq!(sum + others, 6 + 2 * MOST_VALUES as u64);
    }
}
