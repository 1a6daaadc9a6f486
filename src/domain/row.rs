//! A row as it was read: its position, its bytes, its cells.
//!
//! Nothing is trimmed or guessed here. A row that can't be read is a [`Row`] too,
//! with the reason in it, so that every row gets a result. The cells are spans of
//! the row's own text: reading a row copies it once, and a reader reuses one `Row`
//! for all.

use std::ops::Range;

pub use super::cell::{Cell, CellKind};

use super::printable::unprintable_in;
use super::row_findings::RowFindings;
use super::skip::SkipReason;
use super::swallowed_rows::SwallowedRows;

/// Where a row begins in the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// Which of the inputs, counted from 0.
    pub input: u16,
    /// The physical line on which the row starts, counted from 1; of a workbook, the
    /// row's number in its sheet.
    pub line: u64,
    /// The row's number among the rows of its input, counted from 1; blank rows and
    /// footers count, the header and what precedes it don't.
    pub record: u64,
    /// The offset of the row's first byte in its decoded input.
    pub byte: u64,
}

/// Where a cell's text is.
#[derive(Debug, Clone, Copy)]
struct CellSpan {
    column: usize,
    kind: CellKind,
    start: usize,
    end: usize,
    unescaped: bool,
}

/// Whether a row could be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReadState {
    /// The row's cells can be used.
    #[default]
    Good,
    /// The row is no customer, which is not an error.
    Skipped(SkipReason),
    /// The row can't be read; the text says why and follows "line 7: ".
    Broken(String),
}

/// A row of the input.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Where it begins.
    pub origin: Origin,
    /// Whether it could be read.
    pub state: ReadState,
    /// What the mapping found in it.
    pub findings: RowFindings,
    /// The row without its line end, if it is UTF-8.
    text: String,
    /// The row without its line end, if it is not.
    bytes: Vec<u8>,
    spans: Vec<CellSpan>,
    /// The values that are written with escapes, without them.
    unescaped: String,
    /// The part of the text outside of which all is printable.
    unprintable: Range<usize>,
    /// How many cells at its start were added by an earlier rejects file.
    pub added_cells: usize,
    /// The rows of the table that its cells hold.
    pub swallowed: Option<SwallowedRows>,
}

impl Row {
    /// Replaces the row by `raw`, without cells yet.
    ///
    /// Returns its text; if `raw` is not UTF-8, `None`, and the row is
    /// [`ReadState::Broken`].
    pub fn refill(&mut self, origin: Origin, raw: &[u8]) -> Option<&str> {
        self.origin = origin;
        self.state = ReadState::Good;
        if self.findings.is_derived {
            self.findings = RowFindings::default();
        }
        self.spans.clear();
        self.unescaped.clear();
        self.bytes.clear();
        self.added_cells = 0;
        self.swallowed = None;
        self.unprintable = unprintable_in(raw);
        self.text.clear();
        match simdutf8::compat::from_utf8(raw) {
            Ok(text) => {
                self.text.push_str(text);
                Some(&self.text)
            }
            Err(error) => {
                self.bytes.extend_from_slice(raw);
                self.break_off(format!(
                    "not UTF-8 at byte {} of the row, wanted UTF-8 throughout",
                    error.valid_up_to() + 1
                ));
                None
            }
        }
    }

    /// Names `encoding` in the reason of a row that is not valid in it, and says at
    /// which character it is not. The row was converted to UTF-8, but for the bytes
    /// that could not be.
    pub fn name_encoding(&mut self, encoding: &str) {
        let Err(error) = simdutf8::compat::from_utf8(&self.bytes) else {
            return;
        };
        let (valid, _) = self.bytes.split_at(error.valid_up_to());
        let place = String::from_utf8_lossy(valid).chars().count() + 1;
        self.break_off(format!(
            "not {encoding} at character {place} of the row, wanted {encoding} throughout"
        ));
    }

    /// The row's bytes, unchanged, without the line end.
    pub fn raw(&self) -> &[u8] {
        if self.bytes.is_empty() {
            self.text.as_bytes()
        } else {
            &self.bytes
        }
    }

    /// The row's text; empty if it is not UTF-8.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a cell whose value is the row's text at `start..end`.
    pub fn push_span(&mut self, column: usize, kind: CellKind, start: usize, end: usize) {
        self.spans.push(CellSpan {
            column,
            kind,
            start,
            end,
            unescaped: false,
        });
    }

    /// Adds the cells of a table's row: the columns from `first` on, each with the
    /// row's text at one of `spans`.
    pub fn push_texts(
        &mut self,
        first: usize,
        spans: impl ExactSizeIterator<Item = (usize, usize)>,
    ) {
        let cells = spans.enumerate().map(|(place, (start, end))| CellSpan {
            column: first + place,
            kind: CellKind::Text,
            start,
            end,
            unescaped: false,
        });
        self.spans.extend(cells);
    }

    /// Adds a cell whose value is written with escapes.
    pub fn push_unescaped(&mut self, column: usize, kind: CellKind, value: &str) {
        let start = self.unescaped.len();
        self.unescaped.push_str(value);
        self.spans.push(CellSpan {
            column,
            kind,
            start,
            end: self.unescaped.len(),
            unescaped: true,
        });
    }

    /// Marks the row as broken, and says why.
    pub fn break_off(&mut self, why: impl Into<String>) {
        self.spans.clear();
        self.state = ReadState::Broken(why.into());
    }

    /// The cells, in the order in which they were read.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = Cell<'_>> {
        self.spans.iter().map(|span| self.cell(span))
    }

    /// The cells of one column. An array has several.
    pub(super) fn cells_at(&self, column: usize) -> impl Iterator<Item = Cell<'_>> {
        // In a table the place of a cell is its column's.
        let is_it = move |span: &&CellSpan| span.column == column;
        let near = self.spans.get(column).filter(is_it).map(|_| column);
        let first = near.or_else(|| self.spans.iter().position(|span| span.column == column));
        let spans = self.spans.iter().skip(first.unwrap_or(self.spans.len()));
        spans.take_while(is_it).map(|span| self.cell(span))
    }

    fn cell(&self, span: &CellSpan) -> Cell<'_> {
        let unprintable = &self.unprintable;
        Cell {
            column: span.column,
            kind: span.kind,
            value: self.value(span),
            is_printable: !span.unescaped
                && (span.end <= unprintable.start || unprintable.end <= span.start),
        }
    }

    fn value(&self, span: &CellSpan) -> &str {
        let text = if span.unescaped {
            &self.unescaped
        } else {
            &self.text
        };
        let (text, _) = text.split_at(span.end);
        text.split_at(span.start).1
    }
}

/// How the names of columns are matched to fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matching {
    /// A table's header: case, blanks, `_`, `-` and `.` are ignored.
    #[default]
    Header,
    /// The API's own body: the names must be equal.
    Exact,
}

/// The columns of one input: a table's header, or the members found so far.
#[derive(Debug, Clone)]
pub struct Columns {
    /// How the names are matched.
    pub matching: Matching,
    /// The names, in the order of the header or of first appearance.
    pub names: Vec<String>,
    /// A table's header, unchanged; empty without one.
    pub header: String,
    /// The delimiter between a table's cells.
    pub delimiter: u8,
    /// Whether a table starts with a byte-order mark.
    pub is_marked: bool,
    /// The line end of a table's header.
    pub line_end: &'static str,
    /// Whether they are of a workbook's sheet: a row's line is its number there.
    pub is_sheet: bool,
    /// The line of a table's header.
    pub header_line: u64,
}

impl Columns {
    /// No columns yet; they are found as rows are read.
    pub fn open() -> Self {
        Self {
            matching: Matching::Exact,
            names: Vec::new(),
            header: String::new(),
            delimiter: b',',
            is_marked: false,
            line_end: "\n",
            is_sheet: false,
            header_line: 1,
        }
    }

    /// The columns of a table.
    pub fn table(names: Vec<String>, header: &str, delimiter: u8) -> Self {
        Self {
            matching: Matching::Header,
            names,
            header: header.to_owned(),
            delimiter,
            is_marked: false,
            line_end: "\n",
            is_sheet: false,
            header_line: 1,
        }
    }
}

/// Rows, one after the other, from one or several inputs.
pub trait Rows {
    /// An error of the input itself; a bad row is none.
    type Error;

    /// Reads the next row into `row`; false at the end of the last input.
    fn next(&mut self, row: &mut Row) -> Result<bool, Self::Error>;

    /// Skips the next row; false at the end of the last input. The content of `row`
    /// is unspecified afterwards.
    fn skip(&mut self, row: &mut Row) -> Result<bool, Self::Error> {
        self.next(row)
    }

    /// Skips `many` rows, of which the last stands at `_place`; false if the input ends
    /// before. The content of `row` is unspecified afterwards.
    fn skip_to(&mut self, _place: Origin, many: u64, row: &mut Row) -> Result<bool, Self::Error> {
        for _ in 0..many {
            if !self.skip(row)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The columns of the input of the last row.
    fn columns(&self) -> &Columns;
}

/// Consecutive rows of one input.
#[derive(Debug)]
pub struct InputPart<R> {
    /// The rows.
    pub rows: R,
    /// Which of the inputs they are of, counted from 0.
    pub input: u16,
    /// How many rows there are.
    pub count: u64,
}

/// Rows in parts that can be read in parallel. In their order they are all rows.
pub trait ParallelRows {
    /// An error of the input itself; a bad row is none.
    type Error;
    /// The rows of a part. Each part has its own columns: if the columns of an input
    /// are found as rows are read, a part begins with none.
    type Part: Rows<Error = Self::Error> + Send;

    /// The next part; `None` at the end of the last input.
    fn next_part(&mut self) -> Result<Option<InputPart<Self::Part>>, Self::Error>;
}

/// Rows that can be read again by their position.
pub trait Revisit: Rows {
    /// Reads the row at `origin`, which was read before, into `row`; false if there
    /// is no row any more. Going forward is cheap.
    fn revisit(&mut self, origin: Origin, row: &mut Row) -> Result<bool, Self::Error>;

    /// Call after the last row: an error if the inputs have changed.
    fn finish(&mut self) -> Result<(), Self::Error>;
}

/// A table's row without its first `cells` cells.
pub fn after_cells(row: &[u8], delimiter: u8, cells: usize) -> &[u8] {
    let (mut rest, mut left) = (row, cells);
    let mut quoted = false;
    while left > 0 {
        let Some((byte, after)) = rest.split_first() else {
            return rest;
        };
        rest = after;
        if *byte == b'"' {
            quoted = !quoted;
        } else if *byte == delimiter && !quoted {
            left -= 1;
        }
    }
    rest
}
