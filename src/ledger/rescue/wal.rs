//! Checks SQLite's write-ahead log (SQLite documentation, "WAL-mode File Format"),
//! without SQLite.
//!
//! SQLite reads the WAL up to the first invalid frame and silently ignores the
//! rest. After a crash that frame is the last one, of a torn write. If commits
//! follow it, the WAL is damaged: they were durable, and customers were sent on
//! the strength of them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::ledger::sqlite::file::{PAGE, log_length, log_path};

/// The length of the WAL header.
const HEADER: usize = 32;

/// The length of a frame header, which precedes the page.
const FRAME: usize = 24;

/// The magic number of a WAL; its last bit is the byte order of the checksums.
const MAGIC: u32 = 0x377f_0682;

/// How many times a WAL is restarted at most, rather too many. The header's count is that of
/// the connection that wrote it, and begins anew while others keep the WAL alive.
const MOST_RESTARTS: u32 = 1 << 16;

/// The length of a WAL with one frame. A shorter one holds no commit.
pub(super) const LEAST: u64 = HEADER as u64 + FRAME as u64 + PAGE;

/// Whether the WAL holds frames that SQLite would ignore and that are not due to a
/// torn write.
pub(super) fn has_lost_commits(path: &Path) -> io::Result<bool> {
    if log_length(path) <= HEADER as u64 {
        return Ok(false);
    }
    let mut file = BufReader::with_capacity(1 << 16, File::open(log_path(path))?);
    let mut header = [0; HEADER];
    file.read_exact(&mut header)?;
    // The header is synced before the first frame is written: a crash can't tear it.
    let Some(mut log) = WalState::of(&header) else {
        return Ok(true);
    };
    let mut frame = vec![0; FRAME + log.page];
    while is_filled(&mut file, &mut frame)? {
        if !log.accepts(&frame) {
            break;
        }
    }
    // The first invalid frame may be a torn write; check those after it.
    while is_filled(&mut file, &mut frame)? {
        if log.is_loss(&frame) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads a frame; `false` at the end of the file.
fn is_filled(file: &mut impl Read, frame: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(frame) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The fields of a WAL header, and the running checksum of the frames so far.
struct WalState {
    page: usize,
    /// The first salt is incremented on each restart, the second is random.
    salts: (u32, u32),
    big_endian: bool,
    sums: (u32, u32),
}

impl WalState {
    fn of(header: &[u8; HEADER]) -> Option<Self> {
        let [magic, _version, page, _rounds, salt, salt_too, sum, sum_too] = words(header);
        let mut log = Self {
            page: usize::try_from(page).ok()?,
            salts: (salt, salt_too),
            big_endian: magic & 1 == 1,
            sums: (0, 0),
        };
        log.add(header.get(..24)?);
        let is_one = magic & !1 == MAGIC
            && log.sums == (sum, sum_too)
            && page.is_power_of_two()
            && (512..=65_536).contains(&page);
        is_one.then_some(log)
    }

    /// Whether SQLite considers this frame valid. Adds it to the running checksum.
    fn accepts(&mut self, frame: &[u8]) -> bool {
        let [page, _size, salt, salt_too, sum, sum_too] = words(frame);
        let (head, data) = frame.split_at(FRAME);
        self.add(head.split_at(8).0);
        self.add(data);
        page != 0 && (salt, salt_too) == self.salts && self.sums == (sum, sum_too)
    }

    /// Whether this frame, after the first invalid one, shows that the WAL is damaged:
    /// it is a commit of this round, or neither left over from an earlier one nor zeros.
    fn is_loss(&self, frame: &[u8]) -> bool {
        let [page, size, salt, salt_too, sum, sum_too] = words(frame);
        if (salt, salt_too) == self.salts {
            return size != 0;
        }
        let age = self.salts.0.wrapping_sub(salt);
        let is_left_over = (1..=MOST_RESTARTS).contains(&age);
        let is_blank = [page, size, salt, salt_too, sum, sum_too] == [0; 6];
        !is_left_over && !is_blank
    }

    /// Adds `data` to the running checksum.
    fn add(&mut self, data: &[u8]) {
        let (mut sum, mut sum_too) = self.sums;
        let (pairs, _rest) = data.as_chunks::<8>();
        for pair in pairs {
            let [mut word, mut word_too] = words(pair);
            if !self.big_endian {
                (word, word_too) = (word.swap_bytes(), word_too.swap_bytes());
            }
            sum = sum.wrapping_add(word).wrapping_add(sum_too);
            sum_too = sum_too.wrapping_add(word_too).wrapping_add(sum);
        }
        self.sums = (sum, sum_too);
    }
}

/// The first big-endian numbers in `bytes`; missing ones are zero.
fn words<const MANY: usize>(bytes: &[u8]) -> [u32; MANY] {
    let (chunks, _rest) = bytes.as_chunks::<4>();
    let mut words = [0; MANY];
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = u32::from_be_bytes(*chunk);
    }
    words
}

#[cfg(test)]
#[path = "wal_tests.rs"]
mod tests;
