//! Sorts those of many items that may have something to do with each other, and
//! drops the others.
//!
//! Nearly every customer stands in a file once: to sort all of them is to sort
//! for nothing. Items begin with a hash. Whatever hash was met twice is kept in
//! mind, by a bit in a table and not by itself: that makes some items look as if
//! they had company, and none as if they had not.

use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::{Sorted, Sorter};

/// How many bits a table has: 8 MiB. Of two million hashes one in sixty looks as
/// if it had company, of twenty million one in six, and of hundreds of millions
/// nearly all do: then as much is sorted as without.
const BITS: u32 = 26;

/// How many bytes of items a sifter holds before they go to the file. They are
/// not sorted, and a longer run of them would be no better.
const HELD: usize = 1 << 19;

/// How many items are read back at a time.
const AT_ONCE: usize = 1 << 10;

/// The hashes that several sifters have met, twice at least and once. Nothing is
/// laid out before something is met.
#[derive(Debug, Default)]
pub struct RepeatFilter {
    once: OnceLock<Box<[AtomicU64]>>,
    again: OnceLock<Box<[AtomicU64]>>,
}

impl RepeatFilter {
    fn meet(&self, hash: u64) {
        // Each table by bits of its own, so that where two hashes share a place
        // in the first, the one that came first is not taken for the other.
        if set(self.once.get_or_init(table), hash) {
            set(self.again.get_or_init(table), hash << BITS);
        }
    }

    fn again(&self, hash: u64) -> bool {
        let (word, bit) = place(hash << BITS);
        let word = self.again.get().and_then(|table| table.get(word));
        word.is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0)
    }
}

fn table() -> Box<[AtomicU64]> {
    std::iter::repeat_with(AtomicU64::default)
        .take(1 << (BITS - 6))
        .collect()
}

/// The word and the bit in it that the upper bits of `hash` name.
const fn place(hash: u64) -> (usize, u64) {
    let upper = hash >> (u64::BITS - BITS);
    ((upper >> 6) as usize, 1 << (upper & 63))
}

/// Sets a bit, and says whether it was set.
fn set(table: &[AtomicU64], hash: u64) -> bool {
    let (word, bit) = place(hash);
    // Which thread was first is all that is asked.
    let word = table.get(word);
    word.is_none_or(|word| word.fetch_or(bit, Ordering::Relaxed) & bit != 0)
}

/// Takes items in any order, each of which begins with a hash of eight bytes or
/// more.
#[derive(Debug)]
pub struct RepeatSorter<const N: usize> {
    pile: Sorter<N>,
    met: Arc<RepeatFilter>,
}

impl<const N: usize> RepeatSorter<N> {
    /// A sifter whose file is kept in `folder`; those that are filled side by
    /// side have `met` in common.
    pub fn new(folder: &Path, met: &Arc<RepeatFilter>) -> Self {
        Self::over(Sorter::holding(folder, HELD / N.max(1)), met)
    }

    fn over(pile: Sorter<N>, met: &Arc<RepeatFilter>) -> Self {
        let met = Arc::clone(met);
        Self { pile, met }
    }

    /// Takes one item.
    pub fn push(&mut self, item: [u8; N]) -> io::Result<()> {
        if self.pile.is_full() {
            self.meet_held();
            self.pile.spill()?;
        }
        self.pile.hold(item);
        Ok(())
    }

    /// Takes one item that is to be among the [`Self::sorted`] ones, whether or not
    /// it shares its hash with others.
    pub fn push_kept(&mut self, item: [u8; N]) -> io::Result<()> {
        // It is met once more when the items that are held are.
        self.met.meet(hash_of(&item));
        self.push(item)
    }

    fn meet_held(&self) {
        for item in &self.pile.held {
            self.met.meet(hash_of(item));
        }
    }

    /// In order, all items of `sifters` that share a hash with others, and
    /// perhaps some that don't.
    pub fn sorted(sifters: Vec<Self>) -> io::Result<Sorted<N>> {
        if sifters.iter().all(|sifter| sifter.pile.file.is_none()) {
            return Sorted::of(sifters.into_iter().map(|sifter| sifter.pile).collect());
        }
        for sifter in &sifters {
            sifter.meet_held();
        }
        let many = sifters.len();
        let sorters = sifters.into_iter().map(|sifter| sifter.sift(many));
        Sorted::of(sorters.collect::<io::Result<_>>()?)
    }

    fn sift(self, among: usize) -> io::Result<Sorter<N>> {
        let mut sorter = Sorter::new(&self.pile.folder, among);
        let met = self.met;
        let mut sift = |items: &[[u8; N]]| {
            // Nothing else is done in this loop, so that it need not wait for
            // one place in the table before it asks for the next.
            let mut again = items.iter().filter(|item| met.again(hash_of(item)));
            again.try_for_each(|item| sorter.push(*item))
        };
        sift(&self.pile.held)?;
        drop(self.pile.held);
        let Some(mut file) = self.pile.file else {
            return Ok(sorter);
        };
        file.rewind()?;
        let mut buffer = Box::new([[0; N]; AT_ONCE]);
        let mut left: u64 = self.pile.runs.iter().map(|run| run.end - run.start).sum();
        while left > 0 {
            let bytes = buffer.as_flattened_mut();
            let many = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
            file.read_exact(bytes.get_mut(..many).unwrap_or_default())?;
            sift(buffer.get(..many / N.max(1)).unwrap_or_default())?;
            left -= many as u64;
        }
        Ok(sorter)
    }
}

fn hash_of<const N: usize>(item: &[u8; N]) -> u64 {
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

        /// Hashes are spread as hashes are, and few of them so that some repeat.
        #[test]
        fn all_that_share_a_hash_come_out_in_order_and_of_the_others_hardly_any(
            items in prop::collection::vec((0u64..40, any::<u8>()), 0..90),
            most in 1usize..20,
            many in 1usize..4,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let met = Arc::default();
            let pile = || RepeatSorter::over(Sorter::holding(folder.path(), most), &met);
            let mut sifters: Vec<_> = std::iter::repeat_with(pile).take(many).collect();
            let spills = items.len().div_ceil(many) > most;
            let mut all: Vec<[u8; 9]> = Vec::new();
            for (place, (hash, last)) in items.iter().enumerate() {
                let hash = twox_hash::XxHash3_128::oneshot(&hash.to_be_bytes());
                let [mut item @ .., _, _, _, _, _, _, _] = hash.to_be_bytes();
                item[8] = *last;
                sifters[place % many].push(item).unwrap();
                all.push(item);
            }
            let mut hashes = HashMap::new();
            for item in &all {
                *hashes.entry(hash_of(item)).or_insert(0) += 1;
            }
            // What fits into memory is not worth sifting.
            all.retain(|item| !spills || hashes[&hash_of(item)] > 1);
            all.sort_unstable();
            let mut sorted = RepeatSorter::sorted(sifters).unwrap();
            let mut given = Vec::new();
            while let Some(item) = sorted.read_next().unwrap() {
                given.push(item);
            }
            prop_assert_eq!(given, all);
        }
    }
}
