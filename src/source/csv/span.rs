//! The positions of cells in a row, shared by the splitter and its fast path.

/// The most cells of a row: the column limit of common spreadsheets.
pub(super) const MOST_CELLS: usize = 16_384;

/// A cell's position in its row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it contains doubled quotes.
    pub(super) escapes: bool,
}

impl Span {
    /// An empty cell at `place`.
    pub(super) const fn at(place: usize) -> Self {
        Self {
            start: place,
            end: place,
            escapes: false,
        }
    }
}

/// The splitter's state within a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SplitterState {
    CellStart,
    Bare,
    Quoted,
    QuoteInQuoted,
}
