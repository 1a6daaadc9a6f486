//! Whether a compound file ([MS-CFB]), as XLS is, is whole: a library reads what is
//! there of one that is cut off, and rows would be missing.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::error::WorkbookError;

/// A sector that is not used.
const FREE: u32 = u32::MAX;

/// The largest number of a sector; higher ones have other meanings.
const HIGHEST: u32 = 0xffff_fffa;

/// An error if `file` lacks sectors that it uses.
pub(super) fn ensure_whole(file: &mut File) -> Result<(), WorkbookError> {
    match is_whole(file) {
        Ok(true) => Ok(()),
        Ok(false) => Err(WorkbookError::damaged("it is cut off")),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(WorkbookError::damaged("it is cut off"))
        }
        Err(error) => Err(WorkbookError::Read(error)),
    }
}

fn is_whole(file: &mut File) -> io::Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    let header = numbers(file, 0, 512)?;
    let number = |at: usize| header.get(at / 4).copied().unwrap_or(FREE);
    let shift = (number(28) >> 16).clamp(9, 12);
    let size = 1_u64 << shift;
    // The header takes the place of one sector. A sector that is not filled is cut off.
    let sectors = (length / size).saturating_sub(1);
    let offset = |sector: u32| (u64::from(sector) + 1) * size;
    // The sectors of the allocation table: in the header, and in a chain of sectors.
    let mut tables: Vec<u32> = header.iter().skip(76 / 4).copied().collect();
    let mut next = number(68);
    while next < HIGHEST && u64::from(next) < sectors && (tables.len() as u64) < sectors {
        let mut more = numbers(file, offset(next), size)?;
        next = more.pop().unwrap_or(FREE);
        tables.extend(more);
    }
    let mut first = 0;
    for table in tables.into_iter().filter(|table| *table < HIGHEST) {
        if u64::from(table) >= sectors {
            return Ok(false);
        }
        let entries = numbers(file, offset(table), size)?;
        let used = entries.iter().rposition(|entry| *entry != FREE);
        if used.is_some_and(|used| first + used as u64 >= sectors) {
            return Ok(false);
        }
        first += entries.len() as u64;
    }
    Ok(true)
}

/// The little-endian numbers in the `many` bytes at `offset`.
fn numbers(file: &mut File, offset: u64, many: u64) -> io::Result<Vec<u32>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    if file.take(many).read_to_end(&mut bytes)? as u64 != many {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let (numbers, _) = bytes.as_chunks::<4>();
    Ok(numbers
        .iter()
        .map(|bytes| u32::from_le_bytes(*bytes))
        .collect())
}
