//! Sorts more items than fit into memory, by way of a temporary file.
//!
//! Items are byte arrays that sort as they stand, so numbers go in big-endian.
//! The files have no name: they vanish with the process, however it ends. Each
//! sorter has one, whatever it holds, so that no input is too long for the
//! number of files that a process may open.

pub mod repeats;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How many bytes of items are held before they go to the file, by all sorters
/// that are filled side by side; and by one at least.
const HELD: usize = 8 << 20;
const LEAST_HELD: usize = 1 << 19;

/// The bytes that all buffers take together when runs are read back.
const READ_BACK: usize = 8 << 20;

/// The least and the most of them for one run, in items' bytes.
const BUFFER: Range<usize> = 4 << 10..64 << 10;

/// Takes items in any order.
#[derive(Debug)]
pub struct Sorter<const N: usize> {
    folder: PathBuf,
    most: usize,
    held: Vec<[u8; N]>,
    file: Option<File>,
    runs: Vec<Range<u64>>,
}

impl<const N: usize> Sorter<N> {
    /// A sorter whose file is kept in `folder`, one of so many that are filled
    /// side by side.
    pub fn new(folder: &Path, among: usize) -> Self {
        let held = (HELD / among.max(1)).max(LEAST_HELD);
        Self::holding(folder, held / N.max(1))
    }

    fn holding(folder: &Path, most: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            most,
            held: Vec::new(),
            file: None,
            runs: Vec::new(),
        }
    }

    /// Takes one item.
    pub fn push(&mut self, item: [u8; N]) -> io::Result<()> {
        if self.is_full() {
            self.held.sort_unstable_by(compare);
            self.spill()?;
        }
        self.hold(item);
        Ok(())
    }

    fn hold(&mut self, item: [u8; N]) {
        if self.held.capacity() == 0 {
            // All at once, so that nothing is copied as it grows; memory that is
            // not touched is not taken.
            self.held.reserve_exact(self.most);
        }
        self.held.push(item);
    }

    /// Whether no more can be held.
    fn is_full(&self) -> bool {
        self.held.len() >= self.most
    }

    /// Gives the items back in order.
    pub fn finish(self) -> io::Result<Sorted<N>> {
        Sorted::of(vec![self])
    }

    /// Writes what is held to the file, as a run.
    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        let start = file.seek(SeekFrom::End(0))?;
        let mut writer = BufWriter::with_capacity(1 << 18, file);
        for item in &self.held {
            writer.write_all(item)?;
        }
        writer.flush()?;
        self.runs.push(start..start + (self.held.len() * N) as u64);
        self.held.clear();
        Ok(())
    }
}

/// As the bytes compare, eight at once first: nearly all items differ there.
fn compare<const N: usize>(one: &[u8; N], other: &[u8; N]) -> Ordering {
    match (one.first_chunk(), other.first_chunk()) {
        (Some(first), Some(second)) => u64::from_be_bytes(*first)
            .cmp(&u64::from_be_bytes(*second))
            .then_with(|| one.cmp(other)),
        _ => one.cmp(other),
    }
}

/// Items in order.
#[derive(Debug)]
pub struct Sorted<const N: usize> {
    files: Vec<File>,
    runs: Vec<Run<N>>,
    /// The next item of each run, smallest on top.
    heap: BinaryHeap<Reverse<Next<N>>>,
}

impl<const N: usize> Default for Sorted<N> {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            runs: Vec::new(),
            heap: BinaryHeap::new(),
        }
    }
}

impl<const N: usize> Sorted<N> {
    /// The items of several sorters, in one order.
    pub fn of(sorters: Vec<Sorter<N>>) -> io::Result<Self> {
        let many: usize = sorters.iter().map(|sorter| sorter.runs.len()).sum();
        let size = READ_BACK / many.max(1);
        let size = size.clamp(BUFFER.start, BUFFER.end) / N.max(1) * N;
        let mut sorted = Self::default();
        for sorter in sorters {
            sorted.take(sorter, size.max(N));
        }
        sorted.rewind()?;
        Ok(sorted)
    }

    /// Adds the items of a further sorter, and begins again with the first.
    pub fn add(&mut self, sorter: Sorter<N>) -> io::Result<()> {
        self.take(sorter, BUFFER.start.max(N) / N.max(1) * N);
        self.rewind()
    }

    fn take(&mut self, mut sorter: Sorter<N>, size: usize) {
        let place = self.files.len();
        self.runs.extend(
            sorter
                .runs
                .into_iter()
                .map(|range| Run::spilled(place, range, size)),
        );
        self.files.extend(sorter.file);
        sorter.held.sort_unstable_by(compare);
        self.runs.push(Run::Held {
            items: sorter.held,
            next: 0,
        });
    }

    /// Begins again with the first item.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.heap.clear();
        for (place, run) in self.runs.iter_mut().enumerate() {
            run.rewind();
            if let Some(item) = run.read_next(&mut self.files)? {
                self.heap.push(Reverse(Next { item, run: place }));
            }
        }
        Ok(())
    }

    /// The next item, or `None` after the last.
    pub fn read_next(&mut self) -> io::Result<Option<[u8; N]>> {
        let Some(mut top) = self.heap.peek_mut() else {
            return Ok(None);
        };
        let Reverse(Next { item, run }) = *top;
        let following = match self.runs.get_mut(run) {
            Some(run) => run.read_next(&mut self.files)?,
            None => None,
        };
        match following {
            Some(item) => *top = Reverse(Next { item, run }),
            None => drop(PeekMut::pop(top)),
        }
        Ok(Some(item))
    }
}

/// The next item of a run.
#[derive(Debug, Clone, Copy)]
struct Next<const N: usize> {
    item: [u8; N],
    run: usize,
}

impl<const N: usize> Ord for Next<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.item, &other.item).then(self.run.cmp(&other.run))
    }
}

impl<const N: usize> PartialOrd for Next<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> PartialEq for Next<N> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<const N: usize> Eq for Next<N> {}

/// Items that are in order among themselves.
#[derive(Debug)]
enum Run<const N: usize> {
    Held {
        items: Vec<[u8; N]>,
        next: usize,
    },
    Spilled {
        /// Which of the files.
        file: usize,
        /// Where the run is in it.
        range: Range<u64>,
        /// What of it has not been read.
        left: Range<u64>,
        buffer: Vec<u8>,
        /// What of the buffer has not been given back.
        held: Range<usize>,
    },
}

impl<const N: usize> Run<N> {
    /// The items in a `range` of the file that is called `file`, read `size`
    /// bytes at a time.
    fn spilled(file: usize, range: Range<u64>, size: usize) -> Self {
        Self::Spilled {
            file,
            left: range.clone(),
            range,
            buffer: vec![0; size],
            held: 0..0,
        }
    }

    fn rewind(&mut self) {
        match self {
            Self::Held { next, .. } => *next = 0,
            Self::Spilled {
                range, left, held, ..
            } => {
                left.clone_from(range);
                *held = 0..0;
            }
        }
    }

    fn read_next(&mut self, files: &mut [File]) -> io::Result<Option<[u8; N]>> {
        match self {
            Self::Held { items, next } => {
                let item = items.get(*next).copied();
                *next += usize::from(item.is_some());
                Ok(item)
            }
            Self::Spilled {
                file,
                left,
                buffer,
                held,
                ..
            } => {
                if held.start == held.end && left.start < left.end {
                    let many = left.end - left.start;
                    let many = usize::try_from(many).map_or(buffer.len(), |m| m.min(buffer.len()));
                    if let (Some(file), Some(part)) = (files.get_mut(*file), buffer.get_mut(..many))
                    {
                        file.seek(SeekFrom::Start(left.start))?;
                        file.read_exact(part)?;
                    }
                    left.start += many as u64;
                    *held = 0..many;
                }
                let item = buffer.get(held.clone()).and_then(<[u8]>::first_chunk);
                held.start = (held.start + N).min(held.end);
                Ok(item.copied())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Sorted, Sorter};

    proptest! {
        #[test]
        fn what_went_in_comes_out_in_order(
            items in proptest::collection::vec(any::<[u8; 9]>(), 0..60),
            most in 1usize..20,
            many in 1usize..4,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let sorters = std::iter::repeat_with(|| Sorter::holding(folder.path(), most));
            let mut sorters: Vec<_> = sorters.take(many).collect();
            for (place, item) in items.iter().enumerate() {
                sorters[place % many].push(*item).unwrap();
            }
            let mut sorted = Sorted::of(sorters).unwrap();
            let mut wanted = items;
            wanted.sort_unstable();
            for _ in 0..2 {
                let mut given = Vec::new();
                while let Some(item) = sorted.read_next().unwrap() {
                    given.push(item);
                }
                prop_assert_eq!(&given, &wanted);
                sorted.rewind().unwrap();
            }
        }
    }
}
