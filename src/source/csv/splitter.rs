//! Splits bytes into the rows and cells of a table, as spans, by RFC 4180.
//!
//! Written here because no library gives all three: a row's raw bytes, its line as
//! an editor counts lines, and a bound on the memory that one row may use. The
//! cells of a well-formed row are those of the `csv` crate; a differential test
//! checks it.

use std::io::{self, Read, Seek};

use memchr::{memchr, memchr3};

use super::fast_path::{BlockScan, FastPath};
use super::span::{MOST_CELLS, Span, SplitterState};
use crate::source::bytes::buffer::ReadBuffer;
use crate::source::bytes::chunk::{Cut, NextCut, table_rows};
use crate::source::bytes::line_ends::line_ends;
use crate::source::bytes::simd::WIDTH;
use crate::source::bytes::sniff::UTF8_MARK;

/// The longest row, in bytes. A longer one has lost a closing quote.
pub(in crate::source) const LONGEST_ROW: usize = 4 << 20;

/// Ctrl-Z, with which old programs end a file.
const END_MARK: u8 = 0x1a;

/// What is wrong with a row's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Unclosed,
    AfterQuote,
    TooLong,
    TooManyCells,
}

/// Splits bytes into rows and cells.
pub(in crate::source) struct Splitter<R> {
    /// Starts at the current row.
    window: ReadBuffer<R>,
    delimiter: u8,
    /// The line on which the row starts.
    pub(in crate::source) line: u64,
    /// Bytes of an overlong row that were discarded.
    dropped: usize,
    /// The position in the row.
    place: usize,
    /// The current cell.
    cell: Span,
    /// Whether the row has a quoted cell.
    quoted: bool,
    /// The row's cells.
    pub(super) spans: Vec<Span>,
    /// What is wrong with the row's form.
    pub(super) flaw: Option<Flaw>,
    /// The row's length without its line end.
    length: usize,
    /// The row's length with its line end.
    taken: usize,
    /// Line ends within the row, and the one that ends it.
    pub(in crate::source) breaks: u64,
    /// Whether a row counts as one line, as those of a sheet do.
    pub(super) rows_are_lines: bool,
}

impl Splitter<io::Empty> {
    /// Splits whole rows that were cut from an input.
    pub(super) fn over(cut: Cut, delimiter: u8) -> Self {
        let window = ReadBuffer::over(cut.bytes, cut.offset);
        Self::at(window, delimiter, cut.line)
    }
}

impl<R: Read> Splitter<R> {
    /// Splits what `from` yields.
    pub(in crate::source) fn new(from: R, delimiter: u8) -> Self {
        Self::at(ReadBuffer::new(from), delimiter, 1)
    }

    fn at(window: ReadBuffer<R>, delimiter: u8, line: u64) -> Self {
        Self {
            window,
            delimiter,
            line,
            dropped: 0,
            place: 0,
            cell: Span::at(0),
            quoted: false,
            spans: Vec::new(),
            flaw: None,
            length: 0,
            taken: 0,
            breaks: 0,
            rows_are_lines: false,
        }
    }

    /// Skips a byte-order mark at the start of the input; returns whether there is one.
    pub(super) fn skip_mark(&mut self) -> io::Result<bool> {
        while self.data().len() < UTF8_MARK.len() && self.window.fill()? {}
        let is_marked = self.data().starts_with(UTF8_MARK);
        if is_marked {
            self.window.pass(UTF8_MARK.len());
        }
        Ok(is_marked)
    }

    /// Reads in small pieces from now on.
    pub(super) fn read_little(&mut self) {
        self.window.read_little();
    }

    /// The offset of the row in the input.
    pub(in crate::source) fn offset(&self) -> u64 {
        self.window.offset - self.dropped as u64
    }

    fn data(&self) -> &[u8] {
        self.window.data()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.window.byte(at)
    }

    fn fill(&mut self) -> io::Result<bool> {
        self.window.fill()
    }

    /// Skips the current row.
    fn settle(&mut self) {
        self.window.pass(self.taken);
        self.line += if self.rows_are_lines {
            u64::from(self.taken > 0)
        } else {
            self.breaks
        };
        (self.taken, self.dropped, self.length, self.breaks) = (0, 0, 0, 0);
        self.spans.clear();
        self.flaw = None;
    }

    /// Moves to the next row; false at the end of the input.
    pub(in crate::source) fn advance(&mut self) -> io::Result<bool> {
        self.settle();
        if self.data().is_empty() && !self.fill()? {
            return Ok(false);
        }
        if !self.split_in_sight() {
            self.spans.clear();
            self.split()?;
        }
        Ok(true)
    }

    /// Splits a row that is whole in the buffer and well formed, as nearly every
    /// row is; otherwise false.
    fn split_in_sight(&mut self) -> bool {
        let data = self.window.data();
        let mut row = FastPath::new(data, self.delimiter, &mut self.spans);
        let blocks = data.chunks(WIDTH).take(LONGEST_ROW / WIDTH);
        let mut steps = blocks
            .enumerate()
            .map(|(number, block)| row.go_on(number * WIDTH, block));
        let Some(BlockScan::Ends(end)) = steps.find(|step| *step != BlockScan::On) else {
            return false;
        };
        drop(steps);
        let line_end = match (data.get(end), data.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => 2,
            // May be the first half of a CR LF.
            (Some(b'\r'), None) => return false,
            _ => 1,
        };
        self.breaks = row.breaks + 1;
        (self.length, self.taken) = (end, end + line_end);
        true
    }

    /// Finds the row's cells and its end.
    fn split(&mut self) -> io::Result<()> {
        let mut at = SplitterState::CellStart;
        self.place = 0;
        self.quoted = false;
        while let Some(next) = match at {
            SplitterState::CellStart => Some(self.start_cell()?),
            SplitterState::Bare => self.bare()?,
            SplitterState::Quoted => self.within_quotes()?,
            SplitterState::QuoteInQuoted => self.after_quote()?,
        } {
            at = next;
        }
        self.end_row()
    }

    /// Starts a cell. A quote opens it, also after spaces; spaces before anything else
    /// belong to the value.
    fn start_cell(&mut self) -> io::Result<SplitterState> {
        self.cell = Span::at(self.place);
        self.skip_blanks()?;
        if self.byte(self.place) == Some(b'"') {
            self.quoted = true;
            self.place += 1;
            self.cell = Span::at(self.place);
            return Ok(SplitterState::Quoted);
        }
        Ok(SplitterState::Bare)
    }

    /// Continues in an unquoted cell; `None` at the end of the row.
    fn bare(&mut self) -> io::Result<Option<SplitterState>> {
        let rest = self.data().split_at(self.place).1;
        if let Some(found) = memchr3(self.delimiter, b'\n', b'\r', rest) {
            self.place += found;
            return Ok(self.end_cell(self.place));
        }
        if self.more()? {
            return Ok(Some(SplitterState::Bare));
        }
        Ok(self.end_cell(self.place))
    }

    /// Continues in a quoted cell; `None` if the input ends within it.
    fn within_quotes(&mut self) -> io::Result<Option<SplitterState>> {
        let rest = self.data().split_at(self.place).1;
        if let Some(found) = memchr(b'"', rest) {
            self.place += found + 1;
            return Ok(Some(SplitterState::QuoteInQuoted));
        }
        if self.more()? {
            return Ok(Some(SplitterState::Quoted));
        }
        self.flaw.get_or_insert(Flaw::Unclosed);
        Ok(None)
    }

    /// Continues after a quote in a quoted cell: it closes the cell, or is the
    /// first of a doubled quote.
    fn after_quote(&mut self) -> io::Result<Option<SplitterState>> {
        if self.byte(self.place).is_none() {
            self.more()?;
        }
        if self.byte(self.place) == Some(b'"') {
            self.cell.escapes = true;
            self.place += 1;
            return Ok(Some(SplitterState::Quoted));
        }
        // May be 0: the cells of a discarded row are not kept.
        let end = self.place.saturating_sub(1);
        self.skip_blanks()?;
        if self.is_at_end_mark()? {
            self.place += 1;
        }
        match self.byte(self.place) {
            Some(byte) if byte != self.delimiter && !matches!(byte, b'\n' | b'\r') => {
                self.flaw.get_or_insert(Flaw::AfterQuote);
                Ok(Some(SplitterState::Bare))
            }
            Some(_) | None => Ok(self.end_cell(end)),
        }
    }

    /// Adds the cell, which ends at `end`; `None` if it is the row's last.
    fn end_cell(&mut self, end: usize) -> Option<SplitterState> {
        self.cell.end = end;
        if self.spans.len() < MOST_CELLS {
            self.spans.push(self.cell);
        } else {
            self.flaw.get_or_insert(Flaw::TooManyCells);
        }
        if self.byte(self.place) != Some(self.delimiter) {
            return None;
        }
        self.place += 1;
        Some(SplitterState::CellStart)
    }

    /// Skips spaces around quotes, which files written by hand have.
    fn skip_blanks(&mut self) -> io::Result<()> {
        loop {
            match self.byte(self.place) {
                Some(b' ') if self.delimiter != b' ' => self.place += 1,
                None if self.more()? => {}
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// Reads more of a row that does not end in the buffer; false at the end of the
    /// input. A row longer than [`LONGEST_ROW`] is discarded as it is read.
    fn more(&mut self) -> io::Result<bool> {
        self.place = self.data().len();
        if self.place > LONGEST_ROW {
            self.flaw = Some(Flaw::TooLong);
            self.spans.clear();
            self.breaks += line_ends(self.data(), true);
            self.dropped += self.place;
            self.window.pass(self.place);
            self.place = 0;
            self.cell = Span::at(0);
        }
        self.fill()
    }

    /// Ends the row, at its line end or at the end of the input.
    fn end_row(&mut self) -> io::Result<()> {
        self.length = self.place;
        // Whether a row is too long must not depend on how the input was split into
        // reads.
        if self.dropped + self.place > LONGEST_ROW {
            self.flaw = Some(Flaw::TooLong);
            self.spans.clear();
        }
        let line_end = match self.byte(self.place) {
            Some(b'\r') => {
                if self.byte(self.place + 1).is_none() {
                    self.fill()?;
                }
                1 + usize::from(self.byte(self.place + 1) == Some(b'\n'))
            }
            Some(_) => 1,
            None => 0,
        };
        self.taken = self.place + line_end;
        if self.quoted || self.dropped > 0 {
            let row = self.data().split_at(self.place).0;
            self.breaks += line_ends(row, false);
        }
        self.breaks += u64::from(line_end > 0);
        Ok(())
    }

    /// Whether a Ctrl-Z comes next, and nothing after it.
    fn is_at_end_mark(&mut self) -> io::Result<bool> {
        let is_mark = self.byte(self.place) == Some(END_MARK);
        Ok(is_mark && self.byte(self.place + 1).is_none() && !self.fill()?)
    }

    /// Drops the Ctrl-Z with which old programs end a file from the last cell.
    pub(super) fn drop_end_mark(&mut self) {
        if self.raw().last() != Some(&END_MARK) || !self.line_end().is_empty() {
            return;
        }
        let end = self.length;
        if let Some(last) = self.spans.last_mut().filter(|last| last.end == end) {
            last.end = last.start.max(end - 1);
        }
    }

    /// The line end of the row; empty at the end of the input.
    pub(super) fn line_end(&self) -> &[u8] {
        let (row, _) = self.data().split_at(self.taken);
        row.split_at(self.length).1
    }

    /// The row's bytes without its line end; empty for an overlong row.
    pub(super) fn raw(&self) -> &[u8] {
        if self.flaw == Some(Flaw::TooLong) {
            return &[];
        }
        self.data().split_at(self.length).0
    }
}

impl<R: Read> Splitter<R> {
    /// Cuts off the whole rows in the buffer, at most `most` of them, and skips
    /// them. An overlong row is left to [`Splitter::advance`], which discards it.
    pub(super) fn cut(&mut self, most: u64) -> io::Result<NextCut> {
        self.settle();
        self.window.widen()?;
        loop {
            let rows = table_rows(self.data(), self.delimiter, self.window.ended(), most);
            if rows.many > 0 {
                let cut = Cut::off(&mut self.window, rows, self.line);
                self.line += if self.rows_are_lines {
                    rows.many
                } else {
                    rows.breaks
                };
                return Ok(NextCut::Rows(cut));
            }
            if self.data().len() > LONGEST_ROW {
                return Ok(NextCut::Overlong);
            }
            // At the end of the input the rest is a row, even without a line end.
            if !self.fill()? && self.data().is_empty() {
                return Ok(NextCut::End);
            }
        }
    }
}

impl<R: Read + Seek> Splitter<R> {
    /// Seeks to the row that starts at `offset`, on `line`.
    pub(super) fn go_to(&mut self, offset: u64, line: u64) -> io::Result<()> {
        self.settle();
        self.line = line;
        self.window.go_to(offset)
    }
}

#[cfg(test)]
#[path = "splitter_tests.rs"]
pub(crate) mod tests;
