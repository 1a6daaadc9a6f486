//! A row as it was read: where it stood, its bytes, its cells.
//!
//! Nothing is trimmed or guessed here. A row that cannot be read is a [`Row`]
//! too, with the reason in it, so that it flows on and is accounted for. The
//! cells are spans of the row's own text: reading a row copies it once, and a
//! reader fills the same `Row` again and again.

/// Where a row stands, as an editor would point at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// Which of the inputs, counted from 0.
    pub input: u16,
    /// The physical line on which the row starts, counted from 1.
    pub line: u64,
    /// The row's number among the rows of its input, counted from 1; blank
    /// rows count, the header doesn't.
    pub record: u64,
    /// The offset of the row's first byte in its (decoded) input.
    pub byte: u64,
}

/// What kind of value a cell holds. CSV knows only [`CellKind::Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// A string.
    Text,
    /// One string of an array; each item is a cell of its own.
    Item,
    /// An array without items.
    EmptyList,
    /// JSON's `null`.
    Null,
    /// A number, as written.
    Number,
    /// `true` or `false`.
    Bool,
    /// An object where none belongs.
    Object,
    /// An array that holds something else than strings.
    MixedList,
}

impl CellKind {
    /// The kind's name for a message.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text | Self::Item => "a string",
            Self::EmptyList | Self::MixedList => "an array",
            Self::Null => "null",
            Self::Number => "a number",
            Self::Bool => "a boolean",
            Self::Object => "an object",
        }
    }
}

/// One value of a row: which column, what kind, and where its text is.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// The column's place in [`Columns`].
    pub column: usize,
    /// What kind of value it is.
    pub kind: CellKind,
    start: usize,
    end: usize,
    unescaped: bool,
}

/// Whether a row is one, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReadState {
    /// The row's cells can be used.
    #[default]
    Good,
    /// Nothing but blanks: not a customer, and not an error either.
    Blank,
    /// It cannot be read; the text says why and reads on after "line 7: ".
    Broken(String),
}

/// A row of the input.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Where it stands.
    pub origin: Origin,
    /// Whether it can be used.
    pub state: ReadState,
    /// The row without its line end, where it is UTF-8.
    text: String,
    /// The row without its line end, where it is not.
    bytes: Vec<u8>,
    cells: Vec<Cell>,
    /// Values whose text differs from what stands in the row (escapes).
    unescaped: String,
    /// Whether no byte of it is part of a control character.
    printable: bool,
}

impl Row {
    /// Makes this the row that holds `raw`, without cells yet.
    ///
    /// Returns its text, or `None` and the state [`ReadState::Broken`] where `raw`
    /// is not UTF-8.
    pub fn refill(&mut self, origin: Origin, raw: &[u8]) -> Option<&str> {
        self.origin = origin;
        self.state = ReadState::Good;
        self.cells.clear();
        self.unescaped.clear();
        self.bytes.clear();
        self.printable = is_printable(raw);
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

    /// The row's bytes, just as they stood, without the line end.
    pub fn raw(&self) -> &[u8] {
        if self.bytes.is_empty() {
            self.text.as_bytes()
        } else {
            &self.bytes
        }
    }

    /// Whether no value can hold a control character. Where this says no they
    /// may be without all the same.
    pub fn is_printable(&self) -> bool {
        self.printable && self.unescaped.is_empty()
    }

    /// The row's text; empty where it is not UTF-8.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a cell that stands in the row's text at `start..end`.
    pub fn push_span(&mut self, column: usize, kind: CellKind, start: usize, end: usize) {
        self.cells.push(Cell {
            column,
            kind,
            start,
            end,
            unescaped: false,
        });
    }

    /// Adds the cells of a table's row, of which the next stands in its text at
    /// the first of `spans`, and so on.
    pub fn push_texts(&mut self, spans: impl ExactSizeIterator<Item = (usize, usize)>) {
        let first = self.cells.len();
        let cells = spans.enumerate().map(|(place, (start, end))| Cell {
            column: first + place,
            kind: CellKind::Text,
            start,
            end,
            unescaped: false,
        });
        self.cells.extend(cells);
    }

    /// Adds a cell whose value is written otherwise than it stands in the row.
    pub fn push_unescaped(&mut self, column: usize, kind: CellKind, value: &str) {
        let start = self.unescaped.len();
        self.unescaped.push_str(value);
        self.cells.push(Cell {
            column,
            kind,
            start,
            end: self.unescaped.len(),
            unescaped: true,
        });
    }

    /// Takes back the cells from the `len`-th on.
    pub fn truncate_cells(&mut self, len: usize) {
        self.cells.truncate(len);
    }

    /// Says that the row cannot be used, and why.
    pub fn break_off(&mut self, why: impl Into<String>) {
        self.cells.clear();
        self.state = ReadState::Broken(why.into());
    }

    /// The cells, in the order they were read.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The value of `cell`, which must be one of this row's.
    pub fn value(&self, cell: &Cell) -> &str {
        let text = if cell.unescaped {
            &self.unescaped
        } else {
            &self.text
        };
        text.get(cell.start..cell.end).unwrap_or_default()
    }
}

/// Whether no byte of `text` is part of a control character: those beyond ASCII
/// all begin with C2 in UTF-8, which other characters do too.
///
/// All bytes are looked at, which is faster than to stop at one.
pub fn is_printable(text: &[u8]) -> bool {
    let printable = |byte: u8| byte >= b' ' && byte != 0x7f && byte != 0xc2;
    text.iter().fold(true, |all, byte| all & printable(*byte))
}

/// How the names of columns are matched to fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matching {
    /// A table's header: case, blanks, `_`, `-` and `.` make no difference.
    #[default]
    Header,
    /// The API's own body: names are taken as they are.
    Exact,
}

/// The columns of one input: a table's header, or the members met so far.
#[derive(Debug, Clone)]
pub struct Columns {
    /// How the names are matched.
    pub matching: Matching,
    /// The names, in the order of the header or of first appearance.
    pub names: Vec<String>,
    /// A table's header just as it stood; empty where there is none.
    pub header: String,
    /// What stands between a table's cells.
    pub delimiter: u8,
}

impl Columns {
    /// Columns that are still to be met.
    pub fn open() -> Self {
        Self {
            matching: Matching::Exact,
            names: Vec::new(),
            header: String::new(),
            delimiter: b',',
        }
    }

    /// The columns of a table.
    pub fn table(names: Vec<String>, header: &str, delimiter: u8) -> Self {
        Self {
            matching: Matching::Header,
            names,
            header: header.to_owned(),
            delimiter,
        }
    }
}

/// Rows, one after the other, from one or several inputs.
pub trait Rows {
    /// What ends the reading: the input itself, never a bad row.
    type Error;

    /// Reads the next row into `row`; false at the end of the last input.
    fn next(&mut self, row: &mut Row) -> Result<bool, Self::Error>;

    /// Goes past the next row; false at the end of the last input. What `row`
    /// holds afterwards says nothing.
    fn skip(&mut self, row: &mut Row) -> Result<bool, Self::Error> {
        self.next(row)
    }

    /// The columns of the input that the last row came from.
    fn columns(&self) -> &Columns;
}

/// Some rows of one input that follow each other.
#[derive(Debug)]
pub struct InputPart<R> {
    /// The rows.
    pub rows: R,
    /// Which of the inputs they are from, counted from 0.
    pub input: u16,
    /// How many there are.
    pub many: u64,
}

/// Rows in parts that can be read side by side. One after the other they are
/// all rows.
pub trait ParallelRows {
    /// What ends the reading: the input itself, never a bad row.
    type Error;
    /// The rows of a part. Their columns are their own: a part of an input
    /// whose columns are only met in its rows begins with none.
    type Part: Rows<Error = Self::Error> + Send;

    /// Cuts off the next part; `None` at the end of the last input.
    fn next_part(&mut self) -> Result<Option<InputPart<Self::Part>>, Self::Error>;
}

/// Rows that can be read once more where they stand.
pub trait Revisit: Rows {
    /// Reads the row at `place`, which was read before, into `row`; false where
    /// there is none any more. Going forward is cheap.
    fn revisit(&mut self, place: Origin, row: &mut Row) -> Result<bool, Self::Error>;

    /// Says that no more rows are looked at: an error where the inputs are not
    /// what they were.
    fn finish(&mut self) -> Result<(), Self::Error>;
}

/// What stands in a row behind its first `cells` cells.
pub fn after_cells(row: &[u8], delimiter: u8, cells: usize) -> &[u8] {
    let mut left = cells;
    let mut quoted = false;
    for (place, byte) in row.iter().enumerate() {
        if left == 0 {
            return row.get(place..).unwrap_or_default();
        }
        if *byte == b'"' {
            quoted = !quoted;
        } else if *byte == delimiter && !quoted {
            left -= 1;
        }
    }
    if left == 0 && cells == 0 { row } else { &[] }
}
