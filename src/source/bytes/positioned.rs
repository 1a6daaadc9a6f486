//! Reads a file at its own position, and checks each block against the hash from
//! the first pass.
//!
//! Standard input is copied to an unnamed file, which can't be opened again, and a
//! duplicate of its handle shares its position (POSIX, `dup`). Two readers that
//! used that position in parallel would disturb each other.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::block_hashes::{Altered, BLOCK, BlockHashes};

/// The first `size` bytes of a file, and the position of the next read.
///
/// Bytes appended to the file later are not read.
#[derive(Debug)]
pub(in crate::source) struct Positioned {
    file: File,
    size: u64,
    at: u64,
    blocks: Arc<BlockHashes>,
    /// The last block read for a request of less than a block.
    held: Vec<u8>,
    /// The offset of `held`.
    held_at: Option<u64>,
}

impl Positioned {
    /// Reads the first `size` bytes of `file` from the start, and checks them
    /// against `blocks`.
    pub(in crate::source) fn new(file: File, size: u64, blocks: Arc<BlockHashes>) -> Self {
        Self {
            file,
            size,
            at: 0,
            blocks,
            held: Vec::new(),
            held_at: None,
        }
    }

    /// Fills `buffer` with whole blocks from `start`, which is a block boundary.
    fn read_blocks(&self, start: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match read_at(&self.file, rest, start + filled as u64) {
                Ok(0) => return Err(Altered::Shortened.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let first = usize::try_from(start / BLOCK as u64).unwrap_or(usize::MAX);
        for (number, block) in buffer.chunks(BLOCK).enumerate() {
            self.blocks.ensure_same(first + number, block)?;
        }
        if start + filled as u64 == self.size {
            self.ensure_finished(buffer.last().copied())?;
        }
        Ok(())
    }

    /// An error if the file ended within a line that has been extended since: the
    /// part that was read may look like a whole row.
    fn ensure_finished(&self, last: Option<u8>) -> io::Result<()> {
        let is_line_end = |byte: u8| matches!(byte, b'\n' | b'\r');
        if last.is_none_or(is_line_end) || self.file.metadata()?.len() <= self.size {
            return Ok(());
        }
        let mut next = [0];
        match read_at(&self.file, &mut next, self.size)? {
            1 if !is_line_end(next[0]) => Err(Altered::Unfinished.into()),
            _ => Ok(()),
        }
    }
}

fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    #[cfg(unix)]
    let read = std::os::unix::fs::FileExt::read_at(file, buffer, at);
    #[cfg(windows)]
    let read = std::os::windows::fs::FileExt::seek_read(file, buffer, at);
    read
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.at);
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let within = usize::try_from(self.at % BLOCK as u64).unwrap_or_default();
        // As many whole blocks as fit, or all that is left.
        let whole = if buffer.len() >= left {
            left
        } else {
            buffer.len() / BLOCK * BLOCK
        };
        if within == 0 && whole > 0 {
            let (room, _) = buffer.split_at_mut(whole);
            self.read_blocks(self.at, room)?;
            self.at += whole as u64;
            return Ok(whole);
        }
        let start = self.at - within as u64;
        if self.held_at != Some(start) {
            self.held_at = None;
            let mut held = std::mem::take(&mut self.held);
            held.resize(BLOCK.min(within + left), 0);
            self.read_blocks(start, &mut held)?;
            (self.held, self.held_at) = (held, Some(start));
        }
        let (_, mut rest) = self.held.split_at(within);
        let read = rest.read(buffer)?;
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
            SeekFrom::End(by) => from(self.size, by)?,
        };
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::sync::Arc;

    use super::Positioned;
    use crate::source::bytes::block_hashes::{Altered, BLOCK, BlockHashes};

    fn content(many: usize) -> Vec<u8> {
        let mut chance = fastrand::Rng::with_seed(12);
        std::iter::repeat_with(|| chance.u8(b' '..b'~'))
            .take(many)
            .collect()
    }

    struct SampleFile {
        file: std::fs::File,
        size: u64,
        blocks: Arc<BlockHashes>,
    }

    impl SampleFile {
        fn of(bytes: &[u8]) -> Self {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            Self {
                file,
                size: bytes.len() as u64,
                blocks: Arc::default(),
            }
        }

        fn reader(&self) -> Positioned {
            let file = self.file.try_clone().unwrap();
            Positioned::new(file, self.size, Arc::clone(&self.blocks))
        }

        /// Reads all of it in pieces of `piece` bytes.
        fn read(&self, piece: usize) -> Result<Vec<u8>, Altered> {
            let (mut reader, mut all) = (self.reader(), Vec::new());
            let mut room = vec![0; piece];
            loop {
                match reader.read(&mut room) {
                    Ok(0) => return Ok(all),
                    Ok(read) => all.extend_from_slice(&room[..read]),
                    Err(error) => return Err(Altered::in_error(&error).unwrap()),
                }
            }
        }

        fn write(&mut self, at: usize, bytes: &[u8]) {
            self.file.seek(SeekFrom::Start(at as u64)).unwrap();
            self.file.write_all(bytes).unwrap();
        }
    }

    #[test]
    fn it_reads_the_same_in_pieces_of_any_size() {
        for many in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 7] {
            let bytes = content(many);
            let kept = SampleFile::of(&bytes);
            for piece in [777, BLOCK, 3 * BLOCK, 3 * BLOCK + 1] {
                assert!(kept.read(piece).unwrap() == bytes, "{many} {piece}");
            }
        }
    }

    #[test]
    fn a_changed_byte_is_detected_whatever_the_size_of_reads() {
        let bytes = content(5 * BLOCK + 7);
        for at in [0, BLOCK - 1, BLOCK, 5 * BLOCK + 6] {
            let mut kept = SampleFile::of(&bytes);
            kept.read(3 * BLOCK).unwrap();
            kept.write(at, b"~");
            for piece in [1000, 3 * BLOCK] {
                assert_eq!(kept.read(piece), Err(Altered::Rewritten), "{at} {piece}");
            }
        }
    }

    #[test]
    fn appended_lines_are_ignored_and_an_extended_last_line_is_an_error() {
        for (end, added, wanted) in [
            ("\n", "c-9,More,USD\n", None),
            ("", "\nc-9,More,USD\n", None),
            ("", "ple,USD\n", Some(Altered::Unfinished)),
        ] {
            let bytes = [&content(BLOCK + 9), end.as_bytes()].concat();
            let mut kept = SampleFile::of(&bytes);
            assert!(kept.read(999).unwrap() == bytes);
            kept.write(bytes.len(), added.as_bytes());
            assert_eq!(kept.read(999).err(), wanted, "{end:?} {added:?}");
        }
    }

    #[test]
    fn a_truncated_file_is_an_error() {
        let kept = SampleFile::of(&content(3 * BLOCK));
        kept.read(BLOCK).unwrap();
        kept.file.set_len(2 * BLOCK as u64 + 1).unwrap();
        assert_eq!(kept.read(BLOCK), Err(Altered::Shortened));
    }
}
