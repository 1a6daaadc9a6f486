//! SQLite's log beside the checkpoint (SQLite documentation, "WAL-mode File
//! Format"), read without SQLite.
//!
//! SQLite takes the log up to the first frame that isn't whole, and drops what
//! stands behind it without a word. After a crash that frame is the last one
//! that was being written. Where commits stand behind it, they were on disk
//! once, and customers were sent by them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::ledger::sqlite::file::{PAGE, log_length, log_path};

/// How long a log's header is.
const HEADER: usize = 32;

/// How long a frame's header is; its page comes behind it.
const FRAME: usize = 24;

/// What a log begins with; the last bit gives the byte order of its checksums.
const MAGIC: u32 = 0x377f_0682;

/// A log that is shorter than this holds no commit, and none was ever in it if
/// that is all there ever was of it.
pub(super) const LEAST: u64 = HEADER as u64 + FRAME as u64 + PAGE;

/// Whether the log holds what SQLite would drop, and what was no commit that was
/// broken off.
pub(super) fn has_lost_commits(path: &Path) -> io::Result<bool> {
    if log_length(path) <= HEADER as u64 {
        return Ok(false);
    }
    let mut file = BufReader::with_capacity(1 << 16, File::open(log_path(path))?);
    let mut header = [0; HEADER];
    file.read_exact(&mut header)?;
    // It is on disk before the first frame is written.
    let Some(mut log) = WalState::of(&header) else {
        return Ok(true);
    };
    let mut frame = vec![0; FRAME + log.page];
    while is_filled(&mut file, &mut frame)? {
        if !log.accepts(&frame) {
            break;
        }
    }
    // The frame that isn't whole is a commit's that was broken off.
    while is_filled(&mut file, &mut frame)? {
        if log.is_loss(&frame) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads a whole frame, if there is one.
fn is_filled(file: &mut impl Read, frame: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(frame) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a log's header says, and the sums of its frames so far.
struct WalState {
    page: usize,
    /// How often it was begun again from its top.
    rounds: u32,
    /// The first salt is one more each round, the second is random.
    salts: (u32, u32),
    big_endian: bool,
    sums: (u32, u32),
}

impl WalState {
    fn of(header: &[u8; HEADER]) -> Option<Self> {
        let [magic, _version, page, rounds, salt, salt_too, sum, sum_too] = words(header);
        let mut log = Self {
            page: usize::try_from(page).ok()?,
            rounds,
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

    /// Whether SQLite takes this frame; if so, its sums are what the next one's
    /// go on from.
    fn accepts(&mut self, frame: &[u8]) -> bool {
        let [page, _size, salt, salt_too, sum, sum_too] = words(frame);
        let (head, data) = frame.split_at(FRAME);
        self.add(head.split_at(8).0);
        self.add(data);
        page != 0 && (salt, salt_too) == self.salts && self.sums == (sum, sum_too)
    }

    /// Whether this frame behind the end is one that was whole once.
    fn is_loss(&self, frame: &[u8]) -> bool {
        let [page, size, salt, salt_too, sum, sum_too] = words(frame);
        if (salt, salt_too) == self.salts {
            return size != 0;
        }
        let age = self.salts.0.wrapping_sub(salt);
        let is_left_over = (1..=self.rounds).contains(&age);
        let is_blank = [page, size, salt, salt_too, sum, sum_too] == [0; 6];
        !is_left_over && !is_blank
    }

    /// Adds `data` to the sums.
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

/// The first numbers in `bytes`; what is missing of them reads as zero.
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
