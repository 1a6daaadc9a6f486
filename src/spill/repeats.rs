//! Sorts only the items whose hash occurs more than once.
//!
//! Nearly every customer is in a file once, so sorting all of them would be mostly
//! wasted. Every item begins with a hash. A one-hash Bloom filter holds the hashes
//! that were seen twice; only items that it finds are sorted. It has false
//! positives (an item is sorted needlessly) and no false negatives. Items are filtered a
//! group at a time (`divided.rs`), so that the filter is small.

use std::io;
use std::path::Path;

use super::divided::{DividedItems, GROUP_BITS, GROUPS, hash_of};
use super::{Sorted, Sorter};

/// The largest table of a group: 2²³ bits are 1 MiB. Of ten million different hashes one in
/// twenty is a false positive, of a hundred million two in three; of billions all are, and
/// then everything is sorted.
const MOST_BITS: u32 = 23;
const FEWEST_BITS: u32 = 10;

/// How many bits of a table there are for each item of a smaller group.
const BITS_PER_ITEM: usize = 32;

/// By how much the table of the hashes seen again is smaller: few are.
const FEWER_BITS: u32 = 2;

/// The hashes of a group, seen once and more than once.
struct RepeatFilter {
    once: BitTable,
    again: BitTable,
}

impl RepeatFilter {
    /// A filter for so many items.
    fn of(items: usize) -> Self {
        let wanted = items.min(1 << MOST_BITS) * BITS_PER_ITEM;
        let bits = wanted.next_power_of_two().ilog2();
        let bits = bits.clamp(FEWEST_BITS, MOST_BITS);
        // The tables use other bits of the hash than the group, and than each other: of two
        // hashes that collide in the first, only the later one is in the second.
        Self {
            once: BitTable::new(GROUP_BITS, bits),
            again: BitTable::new(GROUP_BITS + bits, bits - FEWER_BITS),
        }
    }

    fn add(&mut self, hash: u64) {
        if self.once.set(hash) {
            self.again.set(hash);
        }
    }

    fn is_repeat(&self, hash: u64) -> bool {
        self.again.is_set(hash)
    }
}

/// A bit for each value of some bits of a hash.
struct BitTable {
    /// How many bits of a hash come before those.
    before: u32,
    bits: u32,
    words: Vec<u64>,
}

impl BitTable {
    fn new(before: u32, bits: u32) -> Self {
        let words = vec![0; 1 << (bits - 6)];
        Self {
            before,
            bits,
            words,
        }
    }

    /// The word, and the bit in it, that `hash` chooses.
    fn place(&self, hash: u64) -> (usize, u64) {
        let place = hash << self.before >> (u64::BITS - self.bits);
        ((place >> 6) as usize, 1 << (place & 63))
    }

    /// Sets a bit and returns whether it was set before. An index outside of the table,
    /// which does not occur, would count as set: no repeat may be lost.
    fn set(&mut self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.words.get_mut(word).is_none_or(|word| {
            let before = *word;
            *word |= bit;
            before & bit != 0
        })
    }

    fn is_set(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        let word = self.words.get(word);
        word.is_none_or(|word| word & bit != 0)
    }
}

/// Takes items in any order, each of which begins with a hash of at least eight
/// bytes.
#[derive(Debug)]
pub struct RepeatSorter<const N: usize> {
    items: DividedItems<N>,
    /// Those that are returned in any case.
    kept: DividedItems<N>,
}

impl<const N: usize> RepeatSorter<N> {
    /// A sorter with its files in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self::over(|| DividedItems::new(folder))
    }

    fn over(items: impl Fn() -> DividedItems<N>) -> Self {
        Self {
            items: items(),
            kept: items(),
        }
    }

    /// Adds an item.
    pub fn push(&mut self, item: [u8; N]) -> io::Result<()> {
        self.items.push(item)
    }

    /// Adds an item that [`Self::sorted`] returns even if its hash occurs once.
    pub fn push_kept(&mut self, item: [u8; N]) -> io::Result<()> {
        self.kept.push(item)
    }

    /// Returns, in order, all items of `sorters` whose hash occurs more than once,
    /// and perhaps some others.
    pub fn sorted(sorters: Vec<Self>) -> io::Result<Sorted<N>> {
        let Some(first) = sorters.first() else {
            return Ok(Sorted::default());
        };
        let none = DividedItems::new(first.items.folder());
        let (items, _) = repeats(&sorters, &none)?;
        drop(sorters);
        items.finish()
    }

    /// As [`Self::sorted`], with `others`. They are not sorted: each, in the order in which
    /// they were pushed, is passed to `on_other` with whether its hash (perhaps) occurs more
    /// than once. What is pushed to the sorter there is returned with the items.
    pub fn sorted_with<const M: usize>(
        sorters: Vec<Self>,
        others: OrderedItems<M>,
        mut on_other: impl FnMut(&[u8; M], bool, &mut Sorter<N>) -> io::Result<()>,
    ) -> io::Result<Sorted<N>> {
        let mut of_others = Sorter::new(others.hashes.folder(), AMONG);
        let (items, places) = repeats(&sorters, &others.hashes)?;
        drop(sorters);
        let mut places = places.finish()?;
        let (mut place, mut next) = (0_u64, places.read_next()?);
        others.items.drain(|items| {
            for item in items {
                let is_repeat = next == Some(place.to_be_bytes());
                if is_repeat {
                    next = places.read_next()?;
                }
                on_other(item, is_repeat, &mut of_others)?;
                place += 1;
            }
            Ok(())
        })?;
        Sorted::of(vec![items, of_others])
    }
}

/// The memory of a sorter is that of one of several, because ids and same customers are
/// sorted at the same time, and verdicts beside them.
const AMONG: usize = 4;

/// Bytes of a hash and a place.
const HASH_SIZE: usize = 8 + 8;

/// Items that begin with a hash, in the order in which they are pushed.
#[derive(Debug)]
pub struct OrderedItems<const N: usize> {
    items: Sorter<N>,
    /// Their hashes, with their places among the items.
    hashes: DividedItems<HASH_SIZE>,
    count: u64,
}

impl<const N: usize> OrderedItems<N> {
    /// Items with their files in `folder`.
    pub fn new(folder: &Path) -> Self {
        // They are not sorted, so longer runs would be no better.
        let items = Sorter::new(folder, usize::MAX);
        Self::over(items, DividedItems::new(folder))
    }

    fn over(items: Sorter<N>, hashes: DividedItems<HASH_SIZE>) -> Self {
        Self {
            items,
            hashes,
            count: 0,
        }
    }

    /// Adds an item.
    pub fn push(&mut self, item: [u8; N]) -> io::Result<()> {
        let mut hash = [0; HASH_SIZE];
        let (first, last) = hash.split_at_mut(8);
        first.copy_from_slice(&hash_of(&item).to_be_bytes());
        last.copy_from_slice(&self.count.to_be_bytes());
        self.count += 1;
        self.hashes.push(hash)?;
        self.items.push_unsorted(item)
    }
}

/// Sorts the items of `sorters` whose hash occurs more than once among them and `hashes`,
/// and the places of such hashes.
fn repeats<const N: usize>(
    sorters: &[RepeatSorter<N>],
    hashes: &DividedItems<HASH_SIZE>,
) -> io::Result<(Sorter<N>, Sorter<8>)> {
    let folder = hashes.folder();
    let (mut items, mut places) = (Sorter::new(folder, AMONG), Sorter::new(folder, AMONG));
    for group in 0..GROUPS {
        let counts = sorters
            .iter()
            .map(|sorter| sorter.items.count(group) + sorter.kept.count(group));
        let mut filter = RepeatFilter::of(counts.sum::<usize>() + hashes.count(group));
        for sorter in sorters {
            add_to(&mut filter, &sorter.items, group)?;
            add_to(&mut filter, &sorter.kept, group)?;
            // As if they were there twice.
            add_to(&mut filter, &sorter.kept, group)?;
        }
        add_to(&mut filter, hashes, group)?;
        let filter = &filter;
        for sorter in sorters {
            for some in [&sorter.items, &sorter.kept] {
                push_repeats(filter, some, group, |item| items.push(*item))?;
            }
        }
        push_repeats(filter, hashes, group, |hash| {
            let [_, _, _, _, _, _, _, _, place @ ..] = *hash;
            places.push(place)
        })?;
    }
    Ok((items, places))
}

fn add_to<const N: usize>(
    filter: &mut RepeatFilter,
    items: &DividedItems<N>,
    group: usize,
) -> io::Result<()> {
    items.read(group, |items| {
        for item in items {
            filter.add(hash_of(item));
        }
        Ok(())
    })
}

/// Passes the items of `group` that `filter` finds to `push`.
fn push_repeats<const N: usize>(
    filter: &RepeatFilter,
    items: &DividedItems<N>,
    group: usize,
    mut push: impl FnMut(&[u8; N]) -> io::Result<()>,
) -> io::Result<()> {
    items.read(group, |items| {
        let mut repeats = items.iter().filter(|item| filter.is_repeat(hash_of(item)));
        repeats.try_for_each(&mut push)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{OrderedItems, RepeatSorter, hash_of};
    use crate::spill::divided::DividedItems;
    use crate::spill::{Sorted, Sorter};

    /// An item whose hash is spread like real ones, but is one of few.
    fn item((hash, last): (u64, u8)) -> [u8; 9] {
        let hash = twox_hash::XxHash3_128::oneshot(&hash.to_be_bytes());
        let [mut item @ .., _, _, _, _, _, _, _] = hash.to_be_bytes();
        item[8] = last;
        item
    }

    fn all(mut sorted: Sorted<9>) -> Vec<[u8; 9]> {
        std::iter::from_fn(|| sorted.read_next().unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn items_that_share_a_hash_are_returned_in_order(
            items in prop::collection::vec((0u64..40, any::<u8>(), 0u8..8), 0..90),
            most in 1usize..8,
            many in 1usize..4,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let sorter = || RepeatSorter::over(|| DividedItems::holding(folder.path(), most));
            let mut sorters: Vec<_> = std::iter::repeat_with(sorter).take(many).collect();
            for (place, (hash, last, kept)) in items.iter().enumerate() {
                let item = item((*hash, *last));
                let sorter = &mut sorters[place % many];
                if *kept == 0 { sorter.push_kept(item) } else { sorter.push(item) }.unwrap();
            }
            let repeats = |hash| items.iter().filter(|(other, _, _)| *other == hash).count() > 1;
            let returned = items.iter().filter(|(hash, _, kept)| *kept == 0 || repeats(*hash));
            let mut expected: Vec<_> = returned.map(|(hash, last, _)| item((*hash, *last))).collect();
            expected.sort_unstable();
            prop_assert_eq!(all(RepeatSorter::sorted(sorters).unwrap()), expected);
        }

        /// Half of the items are others, which are pushed to the sorter if they repeat.
        #[test]
        fn others_that_share_a_hash_with_any_item_are_found(
            items in prop::collection::vec((0u64..40, any::<u8>(), any::<bool>()), 0..90),
            most in 1usize..20,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = RepeatSorter::over(|| DividedItems::holding(folder.path(), most));
            let unsorted = Sorter::holding(folder.path(), most);
            let mut others = OrderedItems::<10>::over(unsorted, DividedItems::holding(folder.path(), most));
            let (mut all_items, mut pushed) = (Vec::new(), Vec::new());
            for (hash, last, is_other) in &items {
                let item = item((*hash, *last));
                all_items.push(item);
                if *is_other {
                    let mut other = [0; 10];
                    other[..9].copy_from_slice(&item);
                    others.push(other).unwrap();
                    pushed.push(item);
                } else {
                    sorter.push(item).unwrap();
                }
            }
            let is_repeat = |item: &[u8; 9]| {
                all_items.iter().filter(|other| hash_of(other) == hash_of(item)).count() > 1
            };
            let mut met = Vec::new();
            let sorted = RepeatSorter::sorted_with(vec![sorter], others, |other, again, sorter| {
                let [item @ .., _] = *other;
                met.push(item);
                assert_eq!(again, is_repeat(&item));
                if again { sorter.push(item) } else { Ok(()) }
            })
            .unwrap();
            let mut expected: Vec<_> = all_items.iter().copied().filter(|item| is_repeat(item)).collect();
            expected.sort_unstable();
            prop_assert_eq!((met, all(sorted)), (pushed, expected));
        }
    }
}
