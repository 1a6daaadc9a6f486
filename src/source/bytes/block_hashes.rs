//! A hash of each block of an input, from when it was first read.
//!
//! The survey, the sending and the account each read the whole input. A block that
//! is read again must have the same hash as before, or none of its rows is passed
//! on: every pass sees the same rows at the same positions even if the file is
//! written to meanwhile. Eight bytes per 40 KiB are kept.

use std::io;

use parking_lot::Mutex;
use twox_hash::XxHash3_128;

/// The size of a block; large reads are multiples of it.
pub(super) const BLOCK: usize = 40 << 10;

/// How an input differs from what an earlier pass read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Altered {
    /// Its bytes have changed.
    #[error("it no longer holds what was checked")]
    Rewritten,
    /// It is shorter.
    #[error("it ends sooner than when it was checked")]
    Shortened,
    /// The last line was incomplete when it was checked.
    #[error("its last line was not finished when it was checked")]
    Unfinished,
    /// Another file has its name, and the original is gone.
    #[error("another file stands in its place")]
    Replaced,
}

impl From<Altered> for io::Error {
    fn from(how: Altered) -> Self {
        Self::other(how)
    }
}

impl Altered {
    /// How the input was altered, if that is why it could not be read.
    pub(in crate::source) fn in_error(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

/// The hashes of an input's blocks; zero for a block that was not read yet.
#[derive(Debug, Default)]
pub(in crate::source) struct BlockHashes(Mutex<Vec<u64>>);

impl BlockHashes {
    /// Records the hash of block `number` at the first read; an error if a later
    /// read differs.
    pub(super) fn ensure_same(&self, number: usize, block: &[u8]) -> Result<(), Altered> {
        let [_, _, _, _, _, _, _, _, low @ ..] = XxHash3_128::oneshot(block).to_be_bytes();
        let hash = u64::from_be_bytes(low).max(1);
        let mut hashes = self.0.lock();
        if hashes.len() <= number {
            hashes.resize(number + 1, 0);
        }
        match hashes.get_mut(number) {
            Some(known) if *known == 0 => *known = hash,
            Some(known) if *known == hash => {}
            Some(_) | None => return Err(Altered::Rewritten),
        }
        Ok(())
    }
}
