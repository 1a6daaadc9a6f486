//! A file that is read at a position of one's own.
//!
//! Standard input is kept in a file without a name, which can't be opened again,
//! and a duplicate of its handle shares its position (POSIX, `dup`): of two that
//! read side by side each would read on where the other one stopped.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// A file, and where in it is read next.
#[derive(Debug)]
pub(super) struct Positioned {
    file: File,
    at: u64,
}

impl Positioned {
    /// `file`, read from its start.
    pub(super) fn new(file: File) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&self.file, buffer, self.at)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&self.file, buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let from = |start: u64, by: i64| {
            start
                .checked_add_signed(by)
                .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
        };
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => from(self.at, by)?,
            SeekFrom::End(by) => from(self.file.metadata()?.len(), by)?,
        };
        Ok(self.at)
    }
}
