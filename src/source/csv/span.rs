//! The places of cells in a row: what the splitter and its fast path share.

/// The most cells of a row: as many columns as a spreadsheet has.
pub(super) const MOST_CELLS: usize = 16_384;

/// A cell's place in its row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it holds doubled quotes.
    pub(super) escapes: bool,
}

impl Span {
    /// A cell that begins, and so far ends, at `place`.
    pub(super) const fn at(place: usize) -> Self {
        Self {
            start: place,
            end: place,
            escapes: false,
        }
    }
}

/// Where in a row the splitter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SplitterState {
    CellStart,
    Bare,
    Quoted,
    QuoteInQuoted,
}
