//! Splits a row of a table sixty-four bytes at a time.
//!
//! Only for rows that are whole in memory and well formed, as nearly every row is.
//! All others are left to the splitter; a property test checks that both agree.

use super::span::{MOST_CELLS, Span, SplitterState};
use crate::source::bytes::simd::{Block, WIDTH, lowest};

/// The result of scanning a block of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockScan {
    /// The row continues after it.
    On,
    /// The row ends in it, at this position.
    Ends(usize),
    /// The row needs the splitter.
    NotOurs,
}

/// The state of a row while it is scanned.
pub(super) struct FastPath<'d> {
    data: &'d [u8],
    delimiter: u8,
    spans: &'d mut Vec<Span>,
    /// The current cell.
    cell: Span,
    at: SplitterState,
    /// Whether the next quote is the second of a doubled quote.
    second: bool,
    /// Line ends within quoted cells.
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

    /// Scans `block`, which starts at `start`.
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
                if self.at == SplitterState::Bare && self.opens(place) {
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

    /// Scans a block that starts at `start` in an unquoted cell and has no quotes,
    /// as most blocks do.
    fn bare(&mut self, start: usize, delimiters: u64, ends: u64) -> BlockScan {
        if self.spans.len() + WIDTH > MOST_CELLS {
            return BlockScan::NotOurs;
        }
        let end = ends & ends.wrapping_neg();
        // Delimiters after the row's end belong to the next row.
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

    /// Whether the quote at `place` opens the cell: nothing but spaces precedes it.
    /// Within an unquoted cell, a quote is an ordinary character.
    fn opens(&self, place: usize) -> bool {
        let before = self.data.get(self.cell.start..place);
        before.is_some_and(|before| {
            before.is_empty() || self.delimiter != b' ' && before.iter().all(|byte| *byte == b' ')
        })
    }

    /// Handles the quote at `place` of a quoted cell; false if what follows it is
    /// not well formed.
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

    /// Whether the line end at `place` is a single byte, or the last byte of a CR
    /// LF.
    fn is_break(&self, place: usize) -> bool {
        self.data.get(place) == Some(&b'\n') || self.data.get(place + 1) != Some(&b'\n')
    }
}
