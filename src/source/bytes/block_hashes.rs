//! A hash of each block of an input, from when it was first read.
//!
//! The survey, the sending and the account each read the whole input. A block
//! that is read again must hash to what it hashed to first, before any row of it
//! is passed on, so that every pass sees the same rows at the same places even if
//! the file is written to meanwhile. Eight bytes per 40 KiB are kept.

use std::io;

use parking_lot::Mutex;
use twox_hash::XxHash3_128;

/// Bytes of a block: what is read at a time of an input is a multiple of it.
pub(super) const BLOCK: usize = 40 << 10;

/// How an input differs from what was read of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Altered {
    /// Other bytes stand there.
    #[error("it no longer holds what was checked")]
    Rewritten,
    /// It ends sooner.
    #[error("it ends sooner than when it was checked")]
    Shortened,
    /// The last line was written in part when it was checked.
    #[error("its last line was not finished when it was checked")]
    Unfinished,
    /// Another file has its name, and the one that was read is gone.
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

/// The hashes of an input's blocks; zero where a block was not read yet.
#[derive(Debug, Default)]
pub(in crate::source) struct BlockHashes(Mutex<Vec<u64>>);

impl BlockHashes {
    /// Notes the block of this `number` when it is read first; later an error
    /// unless it is the same.
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
