//! External merge sort: sorts more items than fit into memory, by way of a
//! temporary file.
//!
//! Items are byte arrays and sorted as such, so numbers are written big-endian.
//! The files are unnamed and vanish with the process, however it ends. A sorter
//! has one file for all its runs, so that no input is too long for the number of
//! files that a process may open.
//!
//! - `divided.rs`: items divided into groups by their hashes
//! - `repeats.rs`: sorts only the items whose hash occurs more than once

mod divided;
pub mod repeats;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The memory for items of all sorters that are filled at the same time, and the
/// least for one. What fits in a processor's cache is sorted quickest, and merging a hundred
/// runs of that size costs no more than merging a few large ones.
const HELD: usize = 2 << 20;
const LEAST_HELD: usize = 1 << 18;

/// The size of all buffers together when runs are read back.
const READ_BACK: usize = 2 << 20;

/// How many items are read back at a time where runs are not merged.
const AT_ONCE: usize = 1 << 10;

/// The least and the largest buffer for one run.
const BUFFER: Range<usize> = 4 << 10..64 << 10;

/// Takes items in any order.
#[derive(Debug)]
pub struct Sorter<const N: usize> {
    folder: PathBuf,
    /// The most items held in memory.
    most: usize,
    held: Vec<[u8; N]>,
    file: Option<File>,
    /// The sorted runs, as ranges of the file.
    runs: Vec<Range<u64>>,
    /// The last item of the last run.
    last: Option<[u8; N]>,
}

impl<const N: usize> Sorter<N> {
    /// A sorter with its file in `folder`, one of `among` that are filled at the
    /// same time.
    pub fn new(folder: &Path, among: usize) -> Self {
        let held = (HELD / among.max(1)).max(LEAST_HELD);
        Self::holding(folder, held / N)
    }

    fn holding(folder: &Path, most: usize) -> Self {
        const { assert!(N > 0, "an item has bytes") };
        Self {
            folder: folder.to_owned(),
            most,
            held: Vec::new(),
            file: None,
            runs: Vec::new(),
            last: None,
        }
    }

    /// Adds an item.
    pub fn push(&mut self, item: [u8; N]) -> io::Result<()> {
        if self.held.len() >= self.most {
            self.held.sort_unstable_by(compare);
            self.spill()?;
        }
        self.hold(item);
        Ok(())
    }

    /// Adds an item that only [`Self::drain`] returns: it is not sorted.
    fn push_unsorted(&mut self, item: [u8; N]) -> io::Result<()> {
        if self.held.len() >= self.most {
            self.spill()?;
        }
        self.hold(item);
        Ok(())
    }

    fn hold(&mut self, item: [u8; N]) {
        if self.held.capacity() == 0 {
            // Reserved at once, so that nothing is copied as it grows; pages that
            // are not written to use no memory.
            self.held.reserve_exact(self.most);
        }
        self.held.push(item);
    }

    /// Returns the items in order.
    pub fn finish(self) -> io::Result<Sorted<N>> {
        Sorted::of(vec![self])
    }

    /// Writes the items in memory to the file, as a run.
    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        let start = file.seek(SeekFrom::End(0))?;
        file.write_all(self.held.as_flattened())?;
        let end = start + (self.held.len() * N) as u64;
        // Items that come in order make one run, so that nothing is to be merged.
        let follows = |last| self.held.first().is_some_and(|first| last <= *first);
        match self.runs.last_mut() {
            Some(run) if self.last.is_some_and(follows) => run.end = end,
            Some(_) | None => self.runs.push(start..end),
        }
        self.last = self.held.last().copied();
        self.held.clear();
        Ok(())
    }

    /// Passes all items to `each`, some at a time, in the order in which they were pushed
    /// unsorted.
    fn drain(self, mut each: impl FnMut(&[[u8; N]]) -> io::Result<()>) -> io::Result<()> {
        let written: u64 = self.runs.iter().map(|run| run.end - run.start).sum();
        if let Some(mut file) = self.file {
            file.rewind()?;
            let mut left = written / N as u64;
            let mut items = Vec::with_capacity(AT_ONCE);
            while left > 0 {
                let count = usize::try_from(left).map_or(AT_ONCE, |left| left.min(AT_ONCE));
                items.resize(count, [0; N]);
                file.read_exact(items.as_flattened_mut())?;
                each(&items)?;
                left -= count as u64;
            }
        }
        each(&self.held)
    }
}

/// Compares as byte arrays, the first eight bytes at once, in which nearly all
/// items differ.
fn compare<const N: usize>(one: &[u8; N], other: &[u8; N]) -> Ordering {
    match (one.first_chunk(), other.first_chunk()) {
        (Some(first), Some(second)) => u64::from_be_bytes(*first)
            .cmp(&u64::from_be_bytes(*second))
            .then_with(|| one.cmp(other)),
        _ => one.cmp(other),
    }
}

/// Items in order.
#[derive(Debug, Default)]
pub struct Sorted<const N: usize> {
    /// The runs with items left, the one with the smallest next item on top.
    heap: BinaryHeap<Reverse<RunHead<N>>>,
    /// The runs that have been read to their end.
    finished: Vec<Run<N>>,
}

impl<const N: usize> Sorted<N> {
    /// The items of several sorters, in one order.
    pub fn of(sorters: Vec<Sorter<N>>) -> io::Result<Self> {
        let runs: usize = sorters.iter().map(|sorter| sorter.runs.len()).sum();
        let buffer = (READ_BACK / runs.max(1)).clamp(BUFFER.start, BUFFER.end);
        let mut sorted = Self::default();
        for sorter in sorters {
            sorted.add_runs(sorter, buffer);
        }
        sorted.rewind()?;
        Ok(sorted)
    }

    /// Adds the items of another sorter, and rewinds to the first item.
    pub fn add(&mut self, sorter: Sorter<N>) -> io::Result<()> {
        self.add_runs(sorter, BUFFER.start);
        self.rewind()
    }

    fn add_runs(&mut self, mut sorter: Sorter<N>, buffer: usize) {
        sorter.held.sort_unstable_by(compare);
        if let Some(file) = sorter.file.map(Arc::new) {
            let runs = sorter.runs.into_iter();
            self.finished.extend(runs.map(|range| {
                Run::in_file(Spilled {
                    file: Arc::clone(&file),
                    unread: range.clone(),
                    range,
                    at_once: (buffer / N).max(1),
                })
            }));
        }
        self.finished.push(Run::in_memory(sorter.held));
    }

    /// Rewinds to the first item.
    pub fn rewind(&mut self) -> io::Result<()> {
        let unfinished = self.heap.drain().map(|Reverse(head)| *head.run);
        let mut runs = std::mem::take(&mut self.finished);
        runs.extend(unfinished);
        for mut run in runs {
            run.rewind();
            match run.read_next()? {
                Some(item) => {
                    let run = Box::new(run);
                    self.heap.push(Reverse(RunHead { item, run }));
                }
                None => self.finished.push(run),
            }
        }
        Ok(())
    }

    /// The next item, or `None` after the last.
    pub fn read_next(&mut self) -> io::Result<Option<[u8; N]>> {
        let Some(mut top) = self.heap.peek_mut() else {
            return Ok(None);
        };
        let Reverse(head) = &mut *top;
        let item = head.item;
        match head.run.read_next()? {
            Some(following) => head.item = following,
            None => self.finished.push(*PeekMut::pop(top).0.run),
        }
        Ok(Some(item))
    }
}

/// A run and its next item, by which it is ordered.
#[derive(Debug)]
struct RunHead<const N: usize> {
    item: [u8; N],
    /// Boxed, because the heap moves its entries.
    run: Box<Run<N>>,
}

impl<const N: usize> Ord for RunHead<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.item, &other.item)
    }
}

impl<const N: usize> PartialOrd for RunHead<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> PartialEq for RunHead<N> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<const N: usize> Eq for RunHead<N> {}

/// Items in sorted order.
#[derive(Debug)]
struct Run<const N: usize> {
    /// The items in memory: all, or those last read from the file.
    items: Vec<[u8; N]>,
    /// The index of the next of them.
    next: usize,
    spilled: Option<Spilled>,
}

impl<const N: usize> Run<N> {
    fn in_memory(items: Vec<[u8; N]>) -> Self {
        Self {
            items,
            next: 0,
            spilled: None,
        }
    }

    fn in_file(spilled: Spilled) -> Self {
        Self {
            items: Vec::new(),
            next: 0,
            spilled: Some(spilled),
        }
    }

    fn rewind(&mut self) {
        self.next = 0;
        if let Some(spilled) = &mut self.spilled {
            spilled.unread = spilled.range.clone();
            self.items.clear();
        }
    }

    fn read_next(&mut self) -> io::Result<Option<[u8; N]>> {
        if self.next == self.items.len()
            && let Some(spilled) = &mut self.spilled
        {
            spilled.read_into(&mut self.items)?;
            self.next = 0;
        }
        let item = self.items.get(self.next).copied();
        self.next += usize::from(item.is_some());
        Ok(item)
    }
}

/// The part of the file that holds a run.
#[derive(Debug)]
struct Spilled {
    file: Arc<File>,
    range: Range<u64>,
    unread: Range<u64>,
    /// How many items are read at a time.
    at_once: usize,
}

impl Spilled {
    /// Replaces `items` by the next ones; by none at the end of the run.
    fn read_into<const N: usize>(&mut self, items: &mut Vec<[u8; N]>) -> io::Result<()> {
        let left = (self.unread.end - self.unread.start) / N as u64;
        let count = usize::try_from(left).map_or(self.at_once, |left| left.min(self.at_once));
        items.resize(count, [0; N]);
        if count > 0 {
            let mut file = &*self.file;
            file.seek(SeekFrom::Start(self.unread.start))?;
            file.read_exact(items.as_flattened_mut())?;
            self.unread.start += (count * N) as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Sorted, Sorter};

    proptest! {
        #[test]
        fn all_items_come_out_in_order(
            items in proptest::collection::vec(any::<[u8; 9]>(), 0..60),
            most in 1usize..20,
            many in 1usize..4,
            read_before in 0usize..60,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let sorters = std::iter::repeat_with(|| Sorter::holding(folder.path(), most));
            let mut sorters: Vec<_> = sorters.take(many).collect();
            for (place, item) in items.iter().enumerate() {
                sorters[place % many].push(*item).unwrap();
            }
            let mut sorted = Sorted::of(sorters).unwrap();
            let mut expected = items;
            expected.sort_unstable();
            // Rewinding works at the end and anywhere before it.
            for _ in 0..read_before {
                sorted.read_next().unwrap();
            }
            for _ in 0..2 {
                sorted.rewind().unwrap();
                let mut read = Vec::new();
                while let Some(item) = sorted.read_next().unwrap() {
                    read.push(item);
                }
                prop_assert_eq!(&read, &expected);
            }
        }
    }
}
