//! Items divided into groups by the first bits of their hashes, on disk.
//!
//! Items with equal hashes are in the same group, so that what is done to find them needs
//! the memory for one group at a time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How many bits of the hash choose the group.
pub(super) const GROUP_BITS: u32 = 4;
pub(super) const GROUPS: usize = 1 << GROUP_BITS;

/// How many bytes of a group are written at a time. There are as many in memory for each
/// group, and a file of a billion rows has some millions of them.
const BLOCK: usize = 16 << 10;

/// Takes items in any order, each of which begins with a hash of at least eight bytes.
#[derive(Debug)]
pub(super) struct DividedItems<const N: usize> {
    folder: PathBuf,
    /// The most items of a group in memory.
    most: usize,
    groups: Vec<Group<N>>,
    file: Option<File>,
}

#[derive(Debug)]
struct Group<const N: usize> {
    held: Vec<[u8; N]>,
    /// The places of its blocks in the file, each of the most items.
    blocks: Vec<u64>,
}

impl<const N: usize> DividedItems<N> {
    /// Items with their file in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self::holding(folder, BLOCK / N)
    }

    pub(super) fn holding(folder: &Path, most: usize) -> Self {
        const { assert!(N >= 8, "an item begins with a hash") };
        Self {
            folder: folder.to_owned(),
            most,
            groups: Vec::new(),
            file: None,
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds an item.
    pub(super) fn push(&mut self, item: [u8; N]) -> io::Result<()> {
        if self.groups.is_empty() {
            let none = || Group {
                held: Vec::with_capacity(self.most),
                blocks: Vec::new(),
            };
            self.groups = std::iter::repeat_with(none).take(GROUPS).collect();
        }
        let group = (hash_of(&item) >> (u64::BITS - GROUP_BITS)) as usize;
        let group = self.groups.get_mut(group).ok_or_else(no_group)?;
        if group.held.len() >= self.most {
            let file = match &mut self.file {
                Some(file) => file,
                None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
            };
            group.blocks.push(file.seek(SeekFrom::End(0))?);
            file.write_all(group.held.as_flattened())?;
            group.held.clear();
        }
        group.held.push(item);
        Ok(())
    }

    /// How many items `group` has.
    pub(super) fn count(&self, group: usize) -> usize {
        let group = self.groups.get(group);
        group.map_or(0, |group| group.blocks.len() * self.most + group.held.len())
    }

    /// Passes the items of `group` to `each`, some at a time.
    pub(super) fn read(
        &self,
        group: usize,
        mut each: impl FnMut(&[[u8; N]]) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(group) = self.groups.get(group) else {
            return Ok(());
        };
        if let Some(mut file) = self.file.as_ref() {
            let mut items = vec![[0; N]; self.most];
            for place in &group.blocks {
                file.seek(SeekFrom::Start(*place))?;
                file.read_exact(items.as_flattened_mut())?;
                each(&items)?;
            }
        }
        each(&group.held)
    }
}

fn no_group() -> io::Error {
    io::Error::other("a hash has no group; this is a bug in kable-bulk")
}

pub(super) fn hash_of<const N: usize>(item: &[u8; N]) -> u64 {
    // `N` is at least eight.
    item.first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}
