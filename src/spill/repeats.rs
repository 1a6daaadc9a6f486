//! Sorts only the items whose hash occurs more than once.
//!
//! Nearly every customer is in a file once, so sorting all of them would be mostly
//! wasted. Every item begins with a hash. A one-hash Bloom filter holds the hashes
//! that were seen twice; only items that it finds are sorted. It has false
//! positives (an item is sorted needlessly) and no false negatives.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::{Sorted, Sorter};

/// The size of a table: 2²⁶ bits are 8 MiB. Of two million different hashes one in
/// sixty is a false positive, of twenty million one in six; of hundreds of millions
/// nearly all are, and then everything is sorted.
const BITS: u32 = 26;

/// The memory for items of a sorter, before they are written to the file. They are
/// not sorted then, so longer runs would be no better.
const HELD: usize = 1 << 19;

/// The hashes that several sorters have seen, once and more than once. Memory is
/// allocated with the first hash.
#[derive(Debug, Default)]
pub struct RepeatFilter {
    once: OnceLock<Box<[AtomicU64]>>,
    again: OnceLock<Box<[AtomicU64]>>,
}

impl RepeatFilter {
    fn add(&self, hash: u64) {
        // The second table uses other bits of the hash than the first: of two
        // hashes that collide in the first, only the later one is in the second.
        if set(self.once.get_or_init(table), hash) {
            set(self.again.get_or_init(table), hash << BITS);
        }
    }

    fn is_repeat(&self, hash: u64) -> bool {
        let again = self.again.get();
        again.is_some_and(|table| is_set(table, hash << BITS))
    }
}

fn table() -> Box<[AtomicU64]> {
    std::iter::repeat_with(AtomicU64::default)
        .take(1 << (BITS - 6))
        .collect()
}

/// The word, and the bit in it, that the upper bits of `hash` choose.
const fn place(hash: u64) -> (usize, u64) {
    let upper = hash >> (u64::BITS - BITS);
    ((upper >> 6) as usize, 1 << (upper & 63))
}

/// Sets a bit and returns whether it was set before. An index outside of the table,
/// which does not occur, would count as set: no repeat may be lost.
fn set(table: &[AtomicU64], hash: u64) -> bool {
    let (word, bit) = place(hash);
    let word = table.get(word);
    // Relaxed, because no other memory depends on the bit, only which thread was
    // first.
    word.is_none_or(|word| word.fetch_or(bit, Ordering::Relaxed) & bit != 0)
}

fn is_set(table: &[AtomicU64], hash: u64) -> bool {
    let (word, bit) = place(hash);
    let word = table.get(word);
    word.is_none_or(|word| word.load(Ordering::Relaxed) & bit != 0)
}

/// Takes items in any order, each of which begins with a hash of at least eight
/// bytes.
#[derive(Debug)]
pub struct RepeatSorter<const N: usize> {
    /// Holds the items, in runs that are not sorted.
    items: Sorter<N>,
    filter: Arc<RepeatFilter>,
}

impl<const N: usize> RepeatSorter<N> {
    /// A sorter with its file in `folder`. Sorters that are filled at the same time
    /// share a `filter`.
    pub fn new(folder: &Path, filter: &Arc<RepeatFilter>) -> Self {
        Self::over(Sorter::holding(folder, HELD / N), filter)
    }

    fn over(items: Sorter<N>, filter: &Arc<RepeatFilter>) -> Self {
        const { assert!(N >= 8, "an item begins with a hash") };
        let filter = Arc::clone(filter);
        Self { items, filter }
    }

    /// Adds an item.
    pub fn push(&mut self, item: [u8; N]) -> io::Result<()> {
        if self.items.is_full() {
            self.filter_held();
            self.items.spill()?;
        }
        self.items.hold(item);
        Ok(())
    }

    /// Adds an item that [`Self::sorted`] returns even if its hash occurs once.
    pub fn push_kept(&mut self, item: [u8; N]) -> io::Result<()> {
        // The filter gets it a second time with the other items.
        self.filter.add(hash_of(&item));
        self.push(item)
    }

    /// Adds the hashes of the items in memory to the filter.
    fn filter_held(&self) {
        for item in &self.items.held {
            self.filter.add(hash_of(item));
        }
    }

    /// Returns, in order, all items of `sorters` whose hash occurs more than once,
    /// and perhaps some others; all items if nothing was written to a file.
    pub fn sorted(sorters: Vec<Self>) -> io::Result<Sorted<N>> {
        if !sorters.iter().any(Self::has_written) {
            return Sorted::of(sorters.into_iter().map(|sorter| sorter.items).collect());
        }
        for sorter in &sorters {
            sorter.filter_held();
        }
        let among = sorters.len();
        let repeats = sorters.into_iter().map(|sorter| sorter.repeats(among));
        Sorted::of(repeats.collect::<io::Result<_>>()?)
    }

    /// As [`Self::sorted`], where `others` share the filter. They are not sorted: each, in
    /// the order in which they were pushed, is passed to `on_other` with whether its hash
    /// (perhaps) occurs more than once. What is pushed to the sorter there is returned with
    /// the items.
    pub fn sorted_with<const M: usize>(
        sorters: Vec<Self>,
        others: RepeatSorter<M>,
        mut on_other: impl FnMut(&[u8; M], bool, &mut Sorter<N>) -> io::Result<()>,
    ) -> io::Result<Sorted<N>> {
        let is_filtered = others.has_written() || sorters.iter().any(Self::has_written);
        if is_filtered {
            sorters.iter().for_each(Self::filter_held);
            others.filter_held();
        }
        let among = sorters.len() + 1;
        let mut of_others = Sorter::new(&others.items.folder, among);
        let filter = others.filter;
        let mut repeats = Vec::new();
        others.items.drain(|items| {
            // A loop of its own, as in `repeats`.
            repeats.clear();
            let is_repeat = |item| !is_filtered || filter.is_repeat(hash_of(item));
            repeats.extend(items.iter().map(is_repeat));
            let mut items = items.iter().zip(&repeats);
            items.try_for_each(|(item, is_repeat)| on_other(item, *is_repeat, &mut of_others))
        })?;
        let mut all = vec![of_others];
        for sorter in sorters {
            all.push(if is_filtered {
                sorter.repeats(among)?
            } else {
                sorter.items
            });
        }
        Sorted::of(all)
    }

    /// Whether some items are in the file, and in the filter.
    fn has_written(&self) -> bool {
        self.items.file.is_some()
    }

    /// The items that the filter finds, in one of `among` sorters.
    fn repeats(self, among: usize) -> io::Result<Sorter<N>> {
        let mut sorter = Sorter::new(&self.items.folder, among);
        let filter = self.filter;
        self.items.drain(|items| {
            // Nothing else is done in this loop, so that the processor can load the
            // next word of the table before the last one arrives.
            let mut repeats = items.iter().filter(|item| filter.is_repeat(hash_of(item)));
            repeats.try_for_each(|item| sorter.push(*item))
        })?;
        Ok(sorter)
    }
}

fn hash_of<const N: usize>(item: &[u8; N]) -> u64 {
    // `N` is at least eight.
    item.first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::{RepeatSorter, hash_of};
    use crate::spill::Sorter;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The hashes are spread like real ones, but are few, so that some repeat.
        #[test]
        fn items_that_share_a_hash_are_returned_in_order(
            items in prop::collection::vec((0u64..40, any::<u8>()), 0..90),
            most in 1usize..20,
            many in 1usize..4,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let filter = Arc::default();
            let sorter = || RepeatSorter::over(Sorter::holding(folder.path(), most), &filter);
            let mut sorters: Vec<_> = std::iter::repeat_with(sorter).take(many).collect();
            let spills = items.len().div_ceil(many) > most;
            let mut expected: Vec<[u8; 9]> = Vec::new();
            for (place, (hash, last)) in items.iter().enumerate() {
                let hash = twox_hash::XxHash3_128::oneshot(&hash.to_be_bytes());
                let [mut item @ .., _, _, _, _, _, _, _] = hash.to_be_bytes();
                item[8] = *last;
                sorters[place % many].push(item).unwrap();
                expected.push(item);
            }
            let mut hashes = HashMap::new();
            for item in &expected {
                *hashes.entry(hash_of(item)).or_insert(0) += 1;
            }
            // Items that fit into memory are not filtered.
            expected.retain(|item| !spills || hashes[&hash_of(item)] > 1);
            expected.sort_unstable();
            let mut sorted = RepeatSorter::sorted(sorters).unwrap();
            let mut read = Vec::new();
            while let Some(item) = sorted.read_next().unwrap() {
                read.push(item);
            }
            prop_assert_eq!(read, expected);
        }

        /// Half of the items are others, which are pushed to the sorter if they repeat.
        #[test]
        fn others_that_share_a_hash_with_any_item_are_found(
            items in prop::collection::vec((0u64..40, any::<u8>(), any::<bool>()), 0..90),
            most in 1usize..20,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let filter = Arc::default();
            let mut sorter = RepeatSorter::<9>::over(Sorter::holding(folder.path(), most), &filter);
            let mut others = RepeatSorter::<10>::over(Sorter::holding(folder.path(), most), &filter);
            let (mut all, mut pushed) = (Vec::new(), Vec::new());
            for (hash, last, is_other) in &items {
                let hash = twox_hash::XxHash3_128::oneshot(&hash.to_be_bytes());
                let [mut item @ .., _, _, _, _, _, _, _] = hash.to_be_bytes();
                item[8] = *last;
                all.push(item);
                if *is_other {
                    let mut other = [0; 10];
                    other[..9].copy_from_slice(&item);
                    others.push(other).unwrap();
                    pushed.push(item);
                } else {
                    sorter.push(item).unwrap();
                }
            }
            let written = sorter.has_written() || others.has_written();
            let is_repeat = |item: &[u8; 9]| {
                !written || all.iter().filter(|other| hash_of(other) == hash_of(item)).count() > 1
            };
            let mut met = Vec::new();
            let mut sorted = RepeatSorter::sorted_with(vec![sorter], others, |other, again, sorter| {
                let [item @ .., _] = *other;
                met.push(item);
                assert_eq!(again, is_repeat(&item));
                if again { sorter.push(item) } else { Ok(()) }
            })
            .unwrap();
            let mut expected: Vec<_> = all.iter().copied().filter(|item| is_repeat(item)).collect();
            expected.sort_unstable();
            let mut read = Vec::new();
            while let Some(item) = sorted.read_next().unwrap() {
                read.push(item);
            }
            prop_assert_eq!((met, read), (pushed, expected));
        }
    }
}
