//! Compound files ([MS-CFB]), as XLS is: whether one is whole, and its streams.
//!
//! A library reads what is there of one that is cut off, and rows would be missing; it
//! follows a chain of sectors that leads back into itself until memory ends. So all
//! sectors and chains are looked at before the library is.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::error::WorkbookError;

/// A sector that is not used.
const FREE: u32 = u32::MAX;

/// The largest number of a sector; higher ones have other meanings.
const HIGHEST: u32 = 0xffff_fffa;

/// Shorter streams are kept in parts of a stream of their own.
const SHORT: u64 = 4096;

/// The size of such a part.
const PART: usize = 64;

/// The size of an entry of the directory.
const ENTRY: usize = 128;

/// A compound file that is whole.
#[derive(Debug)]
pub(super) struct CompoundFile<'f> {
    file: &'f mut File,
    /// The numbers of the header.
    header: Vec<u32>,
    /// The size of a sector.
    size: u64,
    /// How many sectors there are.
    sectors: u64,
    /// Which sector follows each.
    table: Vec<u32>,
}

/// An entry of the directory.
#[derive(Debug)]
struct DirectoryEntry {
    name: String,
    start: u32,
    length: u64,
}

impl<'f> CompoundFile<'f> {
    /// Opens `file`; an error if it lacks sectors that it uses, or a chain of sectors
    /// has no end.
    pub(super) fn open(file: &'f mut File) -> Result<Self, WorkbookError> {
        let length = file.seek(SeekFrom::End(0)).map_err(WorkbookError::Read)?;
        let header = numbers(&bytes(file, 0, 512)?);
        let number = |at: usize| header.get(at / 4).copied().unwrap_or(FREE);
        let size = 1_u64 << (number(28) >> 16).clamp(9, 12);
        let mut compound = Self {
            // The header takes the place of one sector. A sector that is not filled is
            // cut off.
            sectors: (length / size).saturating_sub(1),
            file,
            header,
            size,
            table: Vec::new(),
        };
        compound.read_table()?;
        compound.ensure_ends()?;
        Ok(compound)
    }

    /// The number at the byte `at` of the header.
    fn number(&self, at: usize) -> u32 {
        self.header.get(at / 4).copied().unwrap_or(FREE)
    }

    fn sector(&mut self, sector: u32) -> Result<Vec<u8>, WorkbookError> {
        bytes(self.file, (u64::from(sector) + 1) * self.size, self.size)
    }

    /// Reads the allocation table. Its own sectors are named in the header, and in a
    /// chain of sectors.
    fn read_table(&mut self) -> Result<(), WorkbookError> {
        let mut places: Vec<u32> = self.header.iter().skip(76 / 4).copied().collect();
        let (mut next, most) = (self.number(68), self.sectors + self.size);
        while next < HIGHEST {
            if u64::from(next) >= self.sectors {
                return Err(cut_off());
            }
            if places.len() as u64 > most {
                return Err(endless());
            }
            let mut more = numbers(&self.sector(next)?);
            next = more.pop().unwrap_or(FREE);
            places.extend(more);
        }
        for place in places.into_iter().filter(|place| *place < HIGHEST) {
            if u64::from(place) >= self.sectors {
                return Err(cut_off());
            }
            let entries = numbers(&self.sector(place)?);
            self.table.extend(entries);
        }
        let used = self.table.iter().rposition(|entry| *entry != FREE);
        if used.is_some_and(|used| used as u64 >= self.sectors) {
            return Err(cut_off());
        }
        Ok(())
    }

    /// An error if a chain of sectors leads back into itself.
    fn ensure_ends(&self) -> Result<(), WorkbookError> {
        // The chain in which each sector was seen first.
        let mut seen = vec![FREE; self.table.len()];
        for start in (0..FREE).take(self.table.len()) {
            let mut next = start;
            while let Some(chain) = seen.get_mut(next as usize) {
                if *chain == start {
                    return Err(endless());
                }
                if *chain != FREE {
                    break;
                }
                *chain = start;
                next = self.table.get(next as usize).copied().unwrap_or(FREE);
            }
        }
        Ok(())
    }

    /// The bytes of the chain of sectors that begins with `start`, at most `most`.
    fn chain(&mut self, start: u32, most: u64) -> Result<Vec<u8>, WorkbookError> {
        let (mut next, mut chain) = (start, Vec::new());
        while next < HIGHEST && (chain.len() as u64) < most {
            if u64::from(next) >= self.sectors {
                return Err(cut_off());
            }
            chain.extend(self.sector(next)?);
            next = self.table.get(next as usize).copied().unwrap_or(FREE);
        }
        chain.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(chain)
    }

    /// The stream called `name`, whatever its case; `None` if there is none.
    pub(super) fn stream(&mut self, name: &str) -> Result<Option<Vec<u8>>, WorkbookError> {
        let entries = self.chain(self.number(48), u64::MAX)?;
        let (entries, _) = entries.as_chunks::<ENTRY>();
        let is_wide = self.size > 512;
        let entry = |entry: &[u8; ENTRY]| DirectoryEntry::of(entry, is_wide);
        let root = entries.first().map(entry);
        let mut entries = entries.iter().map(entry);
        let found = entries.find(|entry| entry.name.eq_ignore_ascii_case(name));
        let Some(found) = found else {
            return Ok(None);
        };
        match root {
            Some(root) if found.length < SHORT => self.short_stream(&root, &found).map(Some),
            Some(_) | None => self.chain(found.start, found.length).map(Some),
        }
    }

    /// A stream in parts of the stream at `root`.
    fn short_stream(
        &mut self,
        root: &DirectoryEntry,
        entry: &DirectoryEntry,
    ) -> Result<Vec<u8>, WorkbookError> {
        let parts = self.chain(root.start, root.length)?;
        let table = self.chain(self.number(60), u64::MAX)?;
        let table = numbers(&table);
        let (mut next, mut stream) = (entry.start as usize, Vec::new());
        while let Some(part) = parts.chunks(PART).nth(next)
            && (stream.len() as u64) < entry.length
        {
            stream.extend(part);
            next = table.get(next).map_or(usize::MAX, |next| *next as usize);
        }
        stream.truncate(usize::try_from(entry.length).unwrap_or(usize::MAX));
        Ok(stream)
    }
}

impl DirectoryEntry {
    /// Reads an entry; of files with large sectors, lengths have 64 bits.
    fn of(entry: &[u8; ENTRY], is_wide: bool) -> Self {
        let (name, _) = entry.split_at(64);
        let (letters, _) = name.as_chunks::<2>();
        let letters = letters.iter().map(|letter| u16::from_le_bytes(*letter));
        let letters = char::decode_utf16(letters.take_while(|letter| *letter != 0));
        let numbers = numbers(entry);
        let number = |at: usize| numbers.get(at / 4).copied().unwrap_or_default();
        let high = if is_wide { number(124) } else { 0 };
        Self {
            name: letters.map(|letter| letter.unwrap_or('\u{fffd}')).collect(),
            start: number(116),
            length: u64::from(high) << 32 | u64::from(number(120)),
        }
    }
}

fn endless() -> WorkbookError {
    WorkbookError::damaged("a chain of its sectors has no end")
}

fn cut_off() -> WorkbookError {
    WorkbookError::damaged("it is cut off")
}

/// The `many` bytes at `offset`.
fn bytes(file: &mut File, offset: u64, many: u64) -> Result<Vec<u8>, WorkbookError> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.take(many).read_to_end(&mut bytes))
        .map_err(WorkbookError::Read)?;
    if bytes.len() as u64 != many {
        return Err(cut_off());
    }
    Ok(bytes)
}

/// The little-endian numbers in `bytes`.
fn numbers(bytes: &[u8]) -> Vec<u32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers
        .iter()
        .map(|bytes| u32::from_le_bytes(*bytes))
        .collect()
}
