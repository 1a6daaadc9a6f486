//! Latencies of several runs: pairs of microseconds and a count.

use std::collections::BTreeMap;

/// Adds `more` to `all`. The result is in the order of the microseconds, each of which
/// stands in it once.
pub fn add(all: &mut Vec<(u64, u64)>, more: &[(u64, u64)]) {
    let mut sums = BTreeMap::new();
    for (micros, times) in all.iter().chain(more) {
        let sum: &mut u64 = sums.entry(*micros).or_default();
        *sum = sum.saturating_add(*times);
    }
    *all = sums.into_iter().collect();
}

/// How many runs may have latencies of their own before those are folded into one list.
pub(super) const MOST_LISTS: usize = 16;

/// The sum of lists that were written as JSON, as JSON. One that can't be read counts as empty.
pub(super) fn folded<'l>(lists: impl IntoIterator<Item = &'l str>) -> serde_json::Result<String> {
    let mut all = Vec::new();
    for list in lists {
        let list: Vec<(u64, u64)> = serde_json::from_str(list).unwrap_or_default();
        add(&mut all, &list);
    }
    serde_json::to_string(&all)
}

/// Those of `all` that are not among the `earlier` ones.
pub fn since(all: &[(u64, u64)], earlier: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let earlier: BTreeMap<u64, u64> = earlier.iter().copied().collect();
    let left = all.iter().map(|(micros, times)| {
        let before = earlier.get(micros).copied().unwrap_or_default();
        (*micros, times.saturating_sub(before))
    });
    left.filter(|(_, times)| *times > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::{add, since};

    #[test]
    fn what_is_added_can_be_told_from_what_was_there() {
        let before = vec![(5, 1), (9, 2)];
        let mut all = before.clone();
        add(&mut all, &[(7, 3), (9, 4)]);
        assert_eq!(all, [(5, 1), (7, 3), (9, 6)]);
        assert_eq!(since(&all, &before), [(7, 3), (9, 4)]);
        assert_eq!(since(&all, &all), []);
        add(&mut all, &[]);
        assert_eq!(all, [(5, 1), (7, 3), (9, 6)]);
    }
}
