//! Sorts more items than fit into memory, by way of temporary files.
//!
//! Items are byte arrays that sort as they stand, so numbers go in big-endian.
//! The files have no name: they vanish with the process, however it ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// How many bytes of items are held before they go to a file.
const HELD: usize = 6 << 20;

/// The buffer of each file that is read back.
const READ_BACK: usize = 32 << 10;

/// Takes items in any order.
#[derive(Debug)]
pub struct Sorter<const N: usize> {
    folder: PathBuf,
    most: usize,
    held: Vec<[u8; N]>,
    runs: Vec<File>,
}

impl<const N: usize> Sorter<N> {
    /// A sorter whose files are kept in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self::holding(folder, HELD / N.max(1))
    }

    fn holding(folder: &Path, most: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            most,
            held: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Takes one item.
    pub fn push(&mut self, item: [u8; N]) -> io::Result<()> {
        if self.held.len() >= self.most {
            self.spill()?;
        }
        self.held.push(item);
        Ok(())
    }

    /// Gives the items back in order.
    pub fn finish(mut self) -> io::Result<Sorted<N>> {
        if self.runs.is_empty() {
            self.held.sort_unstable();
            return Ok(Sorted(Source::Held {
                items: self.held,
                next: 0,
            }));
        }
        self.spill()?;
        drop(self.held);
        let readers = self
            .runs
            .into_iter()
            .map(|run| BufReader::with_capacity(READ_BACK, run));
        let mut sorted = Sorted(Source::Spilled {
            heap: BinaryHeap::new(),
            readers: readers.collect(),
        });
        sorted.rewind()?;
        Ok(sorted)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        let mut writer = BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(&self.folder)?);
        for item in &self.held {
            writer.write_all(item)?;
        }
        self.runs.push(
            writer
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?,
        );
        self.held.clear();
        Ok(())
    }
}

/// Items in order.
#[derive(Debug)]
pub struct Sorted<const N: usize>(Source<N>);

impl<const N: usize> Default for Sorted<N> {
    fn default() -> Self {
        Self(Source::Held {
            items: Vec::new(),
            next: 0,
        })
    }
}

/// The next item of each run, smallest on top, with the run it came from.
type Heap<const N: usize> = BinaryHeap<Reverse<([u8; N], usize)>>;

#[derive(Debug)]
enum Source<const N: usize> {
    Held {
        items: Vec<[u8; N]>,
        next: usize,
    },
    Spilled {
        heap: Heap<N>,
        readers: Vec<BufReader<File>>,
    },
}

impl<const N: usize> Sorted<N> {
    /// Begins again with the first item.
    pub fn rewind(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Source::Held { next, .. } => *next = 0,
            Source::Spilled { heap, readers } => {
                heap.clear();
                for (place, reader) in readers.iter_mut().enumerate() {
                    reader.rewind()?;
                    if let Some(item) = read_item(reader)? {
                        heap.push(Reverse((item, place)));
                    }
                }
            }
        }
        Ok(())
    }

    /// The next item, or `None` after the last.
    pub fn read_next(&mut self) -> io::Result<Option<[u8; N]>> {
        match &mut self.0 {
            Source::Held { items, next } => {
                let item = items.get(*next).copied();
                *next += usize::from(item.is_some());
                Ok(item)
            }
            Source::Spilled { heap, readers } => {
                let Some(mut top) = heap.peek_mut() else {
                    return Ok(None);
                };
                let Reverse((item, place)) = *top;
                let following = match readers.get_mut(place) {
                    Some(reader) => read_item(reader)?,
                    None => None,
                };
                match following {
                    Some(following) => *top = Reverse((following, place)),
                    None => drop(PeekMut::pop(top)),
                }
                Ok(Some(item))
            }
        }
    }
}

fn read_item<const N: usize>(reader: &mut BufReader<File>) -> io::Result<Option<[u8; N]>> {
    let mut item = [0; N];
    match reader.read_exact(&mut item) {
        Ok(()) => Ok(Some(item)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Sorter;

    proptest! {
        #[test]
        fn what_went_in_comes_out_in_order(items in proptest::collection::vec(any::<[u8; 3]>(), 0..60), most in 1usize..20) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::holding(folder.path(), most);
            for item in &items {
                sorter.push(*item).unwrap();
            }
            let mut sorted = sorter.finish().unwrap();
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
