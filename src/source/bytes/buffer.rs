//! The part of an input that is in memory: bytes that were read and not yet passed,
//! and their offset.

use std::io::{self, Read, Seek, SeekFrom};

/// The size of reads when an input is read in sequence. Chunks are copied out of
/// the buffer: below 128 KiB allocators reuse such memory, above it they commonly
/// return it to the system.
const CHUNK: usize = 120 << 10;

/// The size of reads when single rows are read.
const SMALL_CHUNK: usize = 1 << 10;

/// A buffer for usual rows, and one for any row: more than the longest, which is
/// 4 MiB, and a chunk. Between them a buffer does not grow step by step, because the old and
/// the new one would be held together; pages that are not written to use no memory.
const USUAL: usize = 4 * CHUNK;
const LONG: usize = 5 << 20;

/// Bytes of an input, read in large pieces.
pub(in crate::source) struct ReadBuffer<R> {
    from: R,
    chunk: usize,
    buffer: Vec<u8>,
    /// Where the unread bytes start in the buffer.
    start: usize,
    /// Where they end.
    end: usize,
    ended: bool,
    /// The offset in the input of the first unread byte.
    pub(in crate::source) offset: u64,
}

impl ReadBuffer<io::Empty> {
    /// A buffer that holds only `bytes`, from `offset` of an input.
    pub(in crate::source) fn over(bytes: Vec<u8>, offset: u64) -> Self {
        Self {
            from: io::empty(),
            chunk: CHUNK,
            start: 0,
            end: bytes.len(),
            buffer: bytes,
            ended: true,
            offset,
        }
    }
}

impl<R> ReadBuffer<R> {
    /// The unread bytes.
    pub(in crate::source) fn data(&self) -> &[u8] {
        let (until_end, _) = self.buffer.split_at(self.end);
        until_end.split_at(self.start).1
    }

    /// Reads in small pieces from now on, for single rows.
    pub(in crate::source) fn read_little(&mut self) {
        self.chunk = SMALL_CHUNK;
    }

    /// The byte at index `at`.
    pub(in crate::source) fn byte(&self, at: usize) -> Option<u8> {
        self.data().get(at).copied()
    }

    /// Whether the input ends with these bytes.
    pub(in crate::source) fn ended(&self) -> bool {
        self.ended
    }

    /// Skips the first `many` bytes.
    pub(in crate::source) fn pass(&mut self, many: usize) {
        self.start = (self.start + many).min(self.end);
        self.offset += many as u64;
    }
}

impl<R: Read> ReadBuffer<R> {
    /// A buffer at the start of an input.
    pub(in crate::source) fn new(from: R) -> Self {
        Self {
            from,
            chunk: CHUNK,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            ended: false,
            offset: 0,
        }
    }

    /// Reads more; false at the end of the input.
    pub(in crate::source) fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.make_room();
        loop {
            let (_, free) = self.buffer.split_at_mut(self.end);
            let (free, _) = free.split_at_mut(self.chunk);
            match self.from.read(free) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(false);
                }
                Ok(read) => {
                    self.end += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes room for a chunk after the unread bytes.
    fn make_room(&mut self) {
        let unread = self.end - self.start;
        let wanted = unread + self.chunk;
        if self.buffer.len() > USUAL && wanted <= USUAL {
            // A long row has passed, and few are long.
            self.buffer = self.data().to_vec();
        } else if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
        }
        (self.start, self.end) = (0, unread);
        if self.buffer.is_empty() {
            // The allocator has zeros ready; `resize` writes them.
            self.buffer = vec![0; wanted];
        } else if self.buffer.len() < wanted {
            if (USUAL..LONG).contains(&wanted) {
                self.buffer.reserve_exact(LONG - self.buffer.len());
            }
            self.buffer.resize(wanted, 0);
        }
    }

    /// Reads more if less than half a chunk is left, so that chunks are large.
    pub(in crate::source) fn widen(&mut self) -> io::Result<()> {
        while self.data().len() < self.chunk / 2 && self.fill()? {}
        Ok(())
    }
}

impl<R: Read + Seek> ReadBuffer<R> {
    /// Seeks to `offset` of the input.
    pub(in crate::source) fn go_to(&mut self, offset: u64) -> io::Result<()> {
        let ahead = offset.checked_sub(self.offset);
        match ahead.and_then(|ahead| usize::try_from(ahead).ok()) {
            Some(ahead) if ahead <= self.data().len() => self.pass(ahead),
            Some(_) | None => {
                self.from.seek(SeekFrom::Start(offset))?;
                (self.start, self.end, self.ended) = (0, 0, false);
                self.offset = offset;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{LONG, ReadBuffer, USUAL};

    #[test]
    fn the_memory_for_a_long_row_is_bounded_and_given_back() {
        let longest = LONG as u64 - USUAL as u64;
        let mut window = ReadBuffer::new(std::io::repeat(b'x').take(2 * longest));
        while (window.data().len() as u64) < longest {
            assert!(window.fill().unwrap());
            let held = window.buffer.capacity();
            assert!(held <= USUAL || held == LONG, "{held}");
        }
        window.pass(window.data().len() - 10);
        assert!(window.fill().unwrap());
        assert!(window.buffer.capacity() <= USUAL);
        while window.fill().unwrap() {}
        assert_eq!(window.offset + window.data().len() as u64, 2 * longest);
    }
}
