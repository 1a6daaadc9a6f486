//! Writes a list in the format of `--as`, row by row, so that its length doesn't
//! matter.
//!
//! Values are written as they are, also those that a spreadsheet would run as a
//! formula: a list is joined with other tables by its ids. On a terminal, characters
//! that could harm it are escaped.

use std::borrow::Cow;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};

use anyhow::Context;
use serde::Serialize;

use crate::cli::{ListingFormat, ListingOptions, ListingSwitches};
use crate::domain::text::{escaped, escaped_json, escaped_lines};

/// So many rows of a table are held, to find how wide its columns are.
const MEASURED_ROWS: usize = 1000;

/// The blanks between two columns of a table.
const GAP: &str = "  ";

/// A row of a list. As JSON it has members of the columns' names.
pub(super) trait ListedRow: Serialize {
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// A text for each column.
    fn cells(&self) -> Vec<Cow<'_, str>>;

    /// The row of a file of values: what is found, and what it becomes.
    fn value(&self) -> Option<(&str, &str)>;
}

/// The cell of a text that may not be known.
pub(super) fn cell_of(text: Option<&str>) -> Cow<'_, str> {
    text.unwrap_or_default().into()
}

/// A list that is being written.
pub(super) struct Listing<W: Write> {
    out: ListingWriter<W>,
    /// Whether it is read on a terminal.
    is_terminal: bool,
    rows: u64,
}

/// One variant for each format.
enum ListingWriter<W: Write> {
    Table(TableWriter<W>),
    Csv(csv::Writer<W>),
    Values(csv::Writer<W>),
    Jsonl(W),
    Json(W),
}

impl Listing<BufWriter<StdoutLock<'static>>> {
    /// A list on standard output.
    pub(super) fn on_stdout(format: ListingFormat) -> Self {
        let out = io::stdout();
        let is_terminal = out.is_terminal();
        Self::new(BufWriter::new(out.lock()), format, is_terminal)
    }
}

impl<W: Write> Listing<W> {
    fn new(out: W, format: ListingFormat, is_terminal: bool) -> Self {
        let out = match format {
            ListingFormat::Table => ListingWriter::Table(TableWriter::new(out)),
            ListingFormat::Csv => ListingWriter::Csv(csv::Writer::from_writer(out)),
            ListingFormat::Values => ListingWriter::Values(csv::Writer::from_writer(out)),
            ListingFormat::Jsonl => ListingWriter::Jsonl(out),
            ListingFormat::Json => ListingWriter::Json(out),
        };
        Self {
            out,
            is_terminal,
            rows: 0,
        }
    }

    /// Writes what is before the first row. An empty table has no head.
    pub(super) fn begin<R: ListedRow>(&mut self) -> io::Result<()> {
        match &mut self.out {
            ListingWriter::Table(table) => {
                let names = R::COLUMNS.iter().map(|name| (*name).to_owned());
                table.add(names.collect())
            }
            ListingWriter::Csv(out) => out.write_record(R::COLUMNS).map_err(io_error),
            ListingWriter::Values(out) => out.write_record(["from", "to"]).map_err(io_error),
            ListingWriter::Jsonl(_) => Ok(()),
            ListingWriter::Json(out) => out.write_all(b"["),
        }
    }

    /// Writes a row.
    pub(super) fn add<R: ListedRow>(&mut self, row: &R) -> io::Result<()> {
        let is_first = self.rows == 0;
        self.rows += 1;
        let is_terminal = self.is_terminal;
        let shown = |cell| if is_terminal { harmless(cell) } else { cell };
        match &mut self.out {
            ListingWriter::Table(table) => {
                let cells = row.cells().into_iter();
                table.add(cells.map(|cell| escaped(&cell).into_owned()).collect())
            }
            ListingWriter::Csv(out) => {
                let cells: Vec<Cow<'_, str>> = row.cells().into_iter().map(shown).collect();
                let cells = cells.iter().map(|cell| cell.as_bytes());
                out.write_record(cells).map_err(io_error)
            }
            ListingWriter::Values(out) => match row.value() {
                Some((from, to)) => {
                    let cells = [shown(from.into()), shown(to.into())];
                    let cells = cells.iter().map(|cell| cell.as_bytes());
                    out.write_record(cells).map_err(io_error)
                }
                None => Ok(()),
            },
            ListingWriter::Jsonl(out) => {
                let object = serde_json::to_string(row)?;
                writeln!(out, "{}", escaped_json(&object))
            }
            ListingWriter::Json(out) => {
                let object = serde_json::to_string(row)?;
                let before = if is_first { "\n  " } else { ",\n  " };
                write!(out, "{before}{}", escaped_json(&object))
            }
        }
    }

    /// Writes what is behind the last row; returns how many there were.
    pub(super) fn finish(self) -> io::Result<u64> {
        let rows = self.rows;
        match self.out {
            ListingWriter::Table(table) => table.finish(rows)?,
            ListingWriter::Csv(mut out) | ListingWriter::Values(mut out) => out.flush()?,
            ListingWriter::Jsonl(mut out) => out.flush()?,
            ListingWriter::Json(mut out) => {
                out.write_all(if rows == 0 { b"]\n" } else { b"\n]\n" })?;
                out.flush()?;
            }
        }
        Ok(rows)
    }
}

/// The error of the system, whose kind csv's own conversion would hide.
fn io_error(error: csv::Error) -> io::Error {
    if error.is_io_error()
        && let csv::ErrorKind::Io(error) = error.into_kind()
    {
        return error;
    }
    io::Error::other("a row of the list has another number of cells than its head")
}

/// `cell` for a terminal.
fn harmless(cell: Cow<'_, str>) -> Cow<'_, str> {
    match cell {
        Cow::Borrowed(text) => escaped_lines(text),
        Cow::Owned(text) => escaped_lines(&text).into_owned().into(),
    }
}

/// The result of writing a list; `None` if the reader closed the pipe early (`| head`),
/// which is no error.
pub(super) fn unless_closed<T>(written: io::Result<T>) -> anyhow::Result<Option<T>> {
    match written {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// Whether the option `long` of those that decide how a list is written was typed.
/// `--as` and `--json` replace each other.
pub(super) fn types_listing(
    listing: ListingOptions,
    switches: ListingSwitches,
    long: &str,
) -> bool {
    match long {
        "as" | "json" => listing.written_as.is_some() || switches.json.is_some(),
        "quiet" => switches.quiet.is_some(),
        _other => false,
    }
}

/// Writes aligned columns. The first rows are held, to find how wide each column is;
/// a longer cell after them moves the rest of its line.
struct TableWriter<W: Write> {
    out: W,
    /// The head and the first rows.
    held: Vec<Vec<String>>,
    /// How wide each column is, once that is known.
    widths: Option<Vec<usize>>,
}

impl<W: Write> TableWriter<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            held: Vec::new(),
            widths: None,
        }
    }

    fn add(&mut self, cells: Vec<String>) -> io::Result<()> {
        if let Some(widths) = &self.widths {
            return write_cells(&mut self.out, &cells, widths);
        }
        self.held.push(cells);
        if self.held.len() > MEASURED_ROWS {
            // A column that is empty so far may have a value later.
            self.write_held(Ord::max)?;
        }
        Ok(())
    }

    /// Writes what is held. `decide` returns the width of a column, from that of its
    /// cells and that of its name; 0 leaves it out.
    fn write_held(&mut self, decide: impl Fn(usize, usize) -> usize) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        let Some((names, rows)) = held.split_first() else {
            return Ok(());
        };
        let of_cells = |column: usize| {
            let cells = rows.iter().filter_map(|cells| cells.get(column));
            cells.map(|cell| cell.chars().count()).max()
        };
        let widths = names.iter().enumerate().map(|(column, name)| {
            let width = of_cells(column).unwrap_or_default();
            decide(width, name.chars().count())
        });
        let widths: Vec<usize> = widths.collect();
        for cells in &held {
            write_cells(&mut self.out, cells, &widths)?;
        }
        self.widths = Some(widths);
        Ok(())
    }

    /// Writes what is still held, without columns in which nothing stands.
    fn finish(mut self, rows: u64) -> io::Result<()> {
        if self.widths.is_none() && rows > 0 {
            self.write_held(|width, name| if width == 0 { 0 } else { width.max(name) })?;
        }
        self.out.flush()
    }
}

/// Writes a line of a table, without blanks at its end.
fn write_cells(out: &mut impl Write, cells: &[String], widths: &[usize]) -> io::Result<()> {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths).filter(|(_, width)| **width > 0) {
        line.push_str(cell);
        let missing = width.saturating_sub(cell.chars().count());
        line.extend(std::iter::repeat_n(' ', missing));
        line.push_str(GAP);
    }
    writeln!(out, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::io::{self, Write};

    use serde::Serialize;

    use super::{ListedRow, Listing, ListingFormat, MEASURED_ROWS, unless_closed};

    #[derive(Serialize)]
    struct Pair {
        left: &'static str,
        right: Option<u32>,
        note: &'static str,
    }

    impl ListedRow for Pair {
        const COLUMNS: &'static [&'static str] = &["left", "right", "note"];

        fn cells(&self) -> Vec<Cow<'_, str>> {
            let right = self.right.map(|right| right.to_string());
            let right = right.unwrap_or_default().into();
            vec![self.left.into(), right, self.note.into()]
        }

        fn value(&self) -> Option<(&str, &str)> {
            self.right.map(|_| (self.left, self.note))
        }
    }

    fn pair(left: &'static str, right: Option<u32>, note: &'static str) -> Pair {
        Pair { left, right, note }
    }

    fn written(format: ListingFormat, is_terminal: bool, rows: &[Pair]) -> String {
        let mut out = Vec::new();
        let mut listing = Listing::new(&mut out, format, is_terminal);
        listing.begin::<Pair>().unwrap();
        for row in rows {
            listing.add(row).unwrap();
        }
        assert_eq!(listing.finish().unwrap(), rows.len() as u64);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_format_has_its_frame_also_without_rows() {
        use ListingFormat::{Csv, Json, Jsonl, Table, Values};
        let rows = [pair("a,b", Some(7), "=1"), pair("ü", None, "")];
        for (format, none, two) in [
            (Table, "", "left  right  note\na,b   7      =1\nü\n"),
            (
                Csv,
                "left,right,note\n",
                "left,right,note\n\"a,b\",7,=1\nü,,\n",
            ),
            (Values, "from,to\n", "from,to\n\"a,b\",=1\n"),
            (
                Jsonl,
                "",
                "{\"left\":\"a,b\",\"right\":7,\"note\":\"=1\"}\n{\"left\":\"ü\",\"right\":null,\"note\":\"\"}\n",
            ),
            (
                Json,
                "[]\n",
                "[\n  {\"left\":\"a,b\",\"right\":7,\"note\":\"=1\"},\n  {\"left\":\"ü\",\"right\":null,\"note\":\"\"}\n]\n",
            ),
        ] {
            assert_eq!(written(format, false, &[]), none);
            assert_eq!(written(format, false, &rows), two);
        }
    }

    #[test]
    fn a_table_leaves_out_columns_without_values() {
        let rows = [pair("a", None, "x"), pair("bcdefg", None, "y")];
        let table = written(ListingFormat::Table, false, &rows);
        assert_eq!(table, "left    note\na       x\nbcdefg  y\n");
    }

    #[test]
    fn a_long_table_is_written_as_it_comes() {
        let rows: Vec<Pair> = (0..MEASURED_ROWS + 5)
            .map(|at| pair("a", (at > MEASURED_ROWS).then_some(7), "x"))
            .collect();
        let table = written(ListingFormat::Table, false, &rows);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), rows.len() + 1);
        assert_eq!(lines[1], "a            x");
        assert_eq!(lines[rows.len()], "a     7      x");
    }

    #[test]
    fn a_terminal_is_protected_and_a_file_has_the_values() {
        let rows = [pair("a\u{1b}[2J", Some(1), "b\nc")];
        let csv = |is_terminal| written(ListingFormat::Csv, is_terminal, &rows);
        assert!(csv(false).contains("a\u{1b}[2J,1,\"b\nc\""));
        assert!(csv(true).contains("a\\u{1b}[2J,1,\"b\nc\""));
        for format in [ListingFormat::Table, ListingFormat::Jsonl] {
            assert!(!written(format, false, &rows).contains('\u{1b}'));
        }
    }

    /// A pipe whose reader is gone, or a full disk.
    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is_one() {
        use ListingFormat::{Csv, Json, Jsonl, Table, Values};
        // More than is held before it is written.
        let note = "x".repeat(100_000).leak();
        for format in [Csv, Json, Jsonl, Table, Values] {
            let finished = |kind| {
                let mut listing = Listing::new(Broken(kind), format, false);
                let begun = listing.begin::<Pair>();
                let added = begun.and_then(|()| listing.add(&pair("a", Some(1), note)));
                added.and_then(|()| listing.finish())
            };
            let closed = unless_closed(finished(io::ErrorKind::BrokenPipe));
            assert_eq!(closed.unwrap(), None);
            unless_closed(finished(io::ErrorKind::StorageFull)).unwrap_err();
        }
    }
}
