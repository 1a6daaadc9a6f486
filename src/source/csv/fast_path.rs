//! A row of a table, split sixty-four bytes at a time.
//!
//! For rows that are whole, in memory and without a flaw of form, which is
//! nearly every row. All others are the splitter's, which knows what to make of
//! them; a property test holds the two together.

use super::span::{MOST_CELLS, Span, SplitterState};
use crate::source::bytes::simd::{Block, WIDTH, lowest};

/// What a block of a row came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockScan {
    /// The row goes on behind it.
    On,
    /// The row ends in it, at this place.
    Ends(usize),
    /// The row has something in it that wants a closer look.
    NotOurs,
}

/// A row that is split sixty-four bytes at a time.
pub(super) struct FastPath<'d> {
    data: &'d [u8],
    delimiter: u8,
    spans: &'d mut Vec<Span>,
    /// The cell that it is in.
    cell: Span,
    at: SplitterState,
    /// Whether the next quote is the second of two that stand for one.
    second: bool,
    /// Line ends within cells.
    pub(super) breaks: u64,
}

impl<'d> FastPath<'d> {
    pub(super) fn new(data: &'d [u8], delimiter: u8, spans: &'d mut Vec<Span>) -> Self {
        Self {
            data,
            delimiter,
            spans,
            cell: Span::at(0),
            at: SplitterState::Bare,
            second: false,
            breaks: 0,
        }
    }

    /// Goes through `block`, which begins at `start`.
    pub(super) fn go_on(&mut self, start: usize, block: &[u8]) -> BlockScan {
        let (bytes, there) = (Block::of(block), lowest(block.len()));
        let quotes = bytes.equal(b'"') & there;
        let delimiters = bytes.equal(self.delimiter) & there;
        let ends = (bytes.equal(b'\n') | bytes.equal(b'\r')) & there;
        if quotes == 0 && self.at == SplitterState::Bare {
            return self.bare(start, delimiters, ends);
        }
        let mut marks = quotes | delimiters | ends;
        while marks != 0 {
            let mark = marks & marks.wrapping_neg();
            marks ^= mark;
            let place = start + mark.trailing_zeros() as usize;
            if self.at == SplitterState::Quoted {
                if quotes & mark != 0 {
                    if !self.quote(place) {
                        return BlockScan::NotOurs;
                    }
                } else if ends & mark != 0 {
                    self.breaks += u64::from(self.is_break(place));
                }
            } else if quotes & mark != 0 {
                // Elsewhere than at a cell's start it is a character like others.
                if self.at == SplitterState::Bare && place == self.cell.start {
                    self.cell = Span::at(place + 1);
                    self.at = SplitterState::Quoted;
                }
            } else {
                if self.at == SplitterState::Bare {
                    self.cell.end = place;
                }
                if self.spans.len() >= MOST_CELLS {
                    return BlockScan::NotOurs;
                }
                self.spans.push(self.cell);
                if delimiters & mark == 0 {
                    return BlockScan::Ends(place);
                }
                self.cell = Span::at(place + 1);
                self.at = SplitterState::Bare;
            }
        }
        BlockScan::On
    }

    /// Goes through a block that begins at `start`, in a cell without quotes, and
    /// has no quotes either, which is most of them.
    fn bare(&mut self, start: usize, delimiters: u64, ends: u64) -> BlockScan {
        if self.spans.len() + WIDTH > MOST_CELLS {
            return BlockScan::NotOurs;
        }
        let end = ends & ends.wrapping_neg();
        // What stands behind the row's end is another row's.
        let mut marks = (delimiters | end) & (end ^ end.wrapping_sub(1));
        while marks != 0 {
            let place = start + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            self.cell.end = place;
            self.spans.push(self.cell);
            self.cell = Span::at(place + 1);
        }
        match end {
            0 => BlockScan::On,
            _ => BlockScan::Ends(start + end.trailing_zeros() as usize),
        }
    }

    /// Takes the quote at `place` of a cell with quotes; false where it is
    /// followed by what should not follow it.
    fn quote(&mut self, place: usize) -> bool {
        if std::mem::take(&mut self.second) {
            return true;
        }
        match self.data.get(place + 1) {
            Some(b'"') => {
                self.second = true;
                self.cell.escapes = true;
                true
            }
            Some(byte) => {
                self.cell.end = place;
                self.at = SplitterState::QuoteInQuoted;
                *byte == self.delimiter || matches!(byte, b'\n' | b'\r')
            }
            None => false,
        }
    }

    /// Whether the line end at `place` is one alone, or the last byte of
    /// one.
    fn is_break(&self, place: usize) -> bool {
        self.data.get(place) == Some(&b'\n') || self.data.get(place + 1) != Some(&b'\n')
    }
}
