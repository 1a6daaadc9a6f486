//! The place in an input that is read in sequence: its bytes, lines and columns.

use std::io::{self, Read};

use crate::source::bytes::buffer::ReadBuffer;
use crate::source::bytes::line_ends::line_ends;
use crate::source::jsonl::syntax::is_blank;

/// A line and a column, both counted from 1. Columns are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineColumn {
    pub(super) line: u64,
    pub(super) column: usize,
}

/// Reads an input, and knows where it is.
pub(super) struct InputPosition<R> {
    window: ReadBuffer<R>,
    pub(super) here: LineColumn,
    /// Whether only blanks came before on this line.
    pub(super) is_first: bool,
    /// Whether a CR was passed last: an LF belongs to it.
    is_after_return: bool,
}

impl<R: Read> InputPosition<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            window: ReadBuffer::new(from),
            here: LineColumn { line: 1, column: 1 },
            is_first: true,
            is_after_return: false,
        }
    }

    /// The bytes that come next; none at the end of the input.
    pub(super) fn data(&mut self) -> io::Result<&[u8]> {
        while self.window.data().is_empty() {
            if !self.window.fill()? {
                break;
            }
        }
        Ok(self.window.data())
    }

    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.data()?.first().copied())
    }

    /// Whether `wanted` comes next, and passes it.
    pub(super) fn skip_over(&mut self, wanted: &[u8]) -> io::Result<bool> {
        while self.window.data().len() < wanted.len() {
            if !self.window.fill()? {
                break;
            }
        }
        let is_here = self.window.data().starts_with(wanted);
        if is_here {
            self.window.pass(wanted.len());
        }
        Ok(is_here)
    }

    /// Passes the next `many` bytes.
    pub(super) fn pass(&mut self, many: usize) {
        let (passed, _) = self.window.data().split_at(many);
        let Some(end) = passed.last() else {
            return;
        };
        let mut breaks = line_ends(passed, false);
        if self.is_after_return && passed.first() == Some(&b'\n') {
            // The second half of a line end that was counted.
            breaks = breaks.saturating_sub(1);
        }
        self.is_after_return = *end == b'\r';
        let last = memchr::memrchr2(b'\n', b'\r', passed).map(|last| last + 1);
        let (_, tail) = passed.split_at(last.unwrap_or(0));
        let is_blank_so_far = tail.iter().copied().all(is_blank);
        if last.is_some() {
            self.here.line += breaks;
            self.here.column = 1;
            self.is_first = true;
        }
        self.here.column += tail.len();
        self.is_first &= is_blank_so_far;
        self.window.pass(many);
    }

    /// Passes blanks.
    pub(super) fn skip_blanks(&mut self) -> io::Result<()> {
        loop {
            let data = self.data()?;
            let blanks = data.iter().take_while(|byte| is_blank(**byte)).count();
            if blanks == 0 {
                return Ok(());
            }
            self.pass(blanks);
        }
    }
}
