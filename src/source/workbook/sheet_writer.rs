//! The cells of a sheet as the rows of a table.
//!
//! A record is written for every row of the sheet up to the last with a value. A row
//! of a sheet has no end: records are filled up with empty cells, to the width of
//! the widest of the first thousand rows, so that none lacks the cells of the header.

use std::io::{self, Write};

use super::error::WorkbookError;
use super::sheet_cell::SheetCell;

/// The most rows of a sheet, in Excel and in `LibreOffice`.
const MOST_ROWS: u32 = 1 << 20;

/// The most columns of a sheet, in Excel and in `LibreOffice`.
const MOST_COLUMNS: u32 = 1 << 14;

/// The longest row: one text can be shared by all cells of a row.
const LONGEST_ROW: usize = 64 << 20;

/// How many rows are held before the first is written.
const HELD: usize = 1000;

/// How many bytes are held until then, of rows that are finished.
const HELD_BYTES: usize = 8 << 20;

/// Writes the records of a table.
pub(super) struct SheetWriter<W> {
    into: W,
    /// Rows that are not written yet; the last is not finished.
    held: Vec<Vec<String>>,
    /// How many bytes they take, and the last of them.
    held_bytes: usize,
    row_bytes: usize,
    /// The number of the last row, counted from 0.
    row: u32,
    /// The least number of cells in a record, once it is known.
    width: Option<usize>,
}

impl<W: Write> SheetWriter<W> {
    pub(super) fn new(into: W) -> Self {
        Self {
            into,
            held: vec![Vec::new()],
            held_bytes: 0,
            row_bytes: 0,
            row: 0,
            width: None,
        }
    }

    /// Adds a cell. Cells come row by row, and in each from the left.
    pub(super) fn cell(&mut self, cell: SheetCell<'_>) -> Result<(), WorkbookError> {
        if cell.row < self.row {
            return Err(WorkbookError::damaged("its rows are out of order"));
        }
        if cell.row >= MOST_ROWS {
            return Err(WorkbookError::damaged("a row's number is too high"));
        }
        if cell.column >= MOST_COLUMNS {
            return Err(WorkbookError::damaged("a column's number is too high"));
        }
        while self.row < cell.row {
            self.end_row().map_err(WorkbookError::Write)?;
            self.row += 1;
        }
        let column = cell.column as usize;
        if let Some(cells) = self.held.last_mut() {
            // Two rows with one number, or two cells in one place: the last would win.
            let Some(added @ 1..) = (column + 1).checked_sub(cells.len()) else {
                return Err(WorkbookError::damaged("its cells are out of order"));
            };
            self.row_bytes += added * size_of::<String>() + cell.text.len();
            if self.row_bytes > LONGEST_ROW {
                return Err(WorkbookError::damaged("a row is too long"));
            }
            cells.resize(cells.len() + added, String::new());
            if let Some(slot) = cells.get_mut(column) {
                cell.text.clone_into(slot);
            }
        }
        Ok(())
    }

    /// Ends the current row and begins the next.
    fn end_row(&mut self) -> io::Result<()> {
        self.held_bytes += std::mem::take(&mut self.row_bytes);
        let is_full = self.held.len() >= HELD || self.held_bytes >= HELD_BYTES;
        if self.width.is_some() || is_full {
            self.write_held()?;
        }
        self.held.push(Vec::new());
        Ok(())
    }

    fn write_held(&mut self) -> io::Result<()> {
        let widest = || self.held.iter().map(Vec::len).max().unwrap_or_default();
        let width = self.width.unwrap_or_else(widest);
        self.width = Some(width);
        self.held_bytes = 0;
        for cells in self.held.drain(..) {
            write_record(&cells, width, &mut self.into)?;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.write_held()?;
        self.into.flush()
    }
}

fn write_record(cells: &[String], width: usize, into: &mut impl Write) -> io::Result<()> {
    let is_special = |byte: u8| matches!(byte, b',' | b'"' | b'\r' | b'\n');
    // An empty row is a blank line: a row of delimiters would be as empty.
    let missing = if cells.is_empty() {
        0
    } else {
        width.saturating_sub(cells.len())
    };
    for (number, cell) in cells.iter().enumerate() {
        if number > 0 {
            into.write_all(b",")?;
        }
        if cell.bytes().any(is_special) {
            write!(into, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            into.write_all(cell.as_bytes())?;
        }
    }
    for _ in 0..missing {
        into.write_all(b",")?;
    }
    into.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::{SheetCell, SheetWriter};

    /// What is written of `cells`; `None` if they are no sheet's.
    fn written<'t>(cells: impl IntoIterator<Item = (u32, u32, &'t str)>) -> Option<String> {
        let mut text = Vec::new();
        let mut writer = SheetWriter::new(&mut text);
        for (row, column, text) in cells {
            let cell = SheetCell {
                row,
                column,
                text,
                unapplied: None,
            };
            writer.cell(cell).ok()?;
        }
        writer.finish().unwrap();
        String::from_utf8(text).ok()
    }

    #[test]
    fn rows_are_as_wide_as_the_widest() {
        let cells = [(0, 0, "a"), (0, 2, "b,\""), (2, 1, "c")];
        assert_eq!(written(cells).unwrap(), "a,,\"b,\"\"\"\n\n,c,\n");
    }

    /// Else the second would replace the first: a customer would be gone without a word.
    #[test]
    fn two_cells_in_one_place_are_an_error() {
        let first = [(0, 0, "id"), (1, 0, "a"), (1, 1, "Aster")];
        for second in [(1, 0, "b"), (1, 1, "Birch"), (0, 0, "b")] {
            assert!(written(first.into_iter().chain([second])).is_none());
        }
        assert!(written(first.into_iter().chain([(1, 2, "EUR")])).is_some());
    }

    /// `ZZZZZZ2` would need gigabytes for the cells before it.
    #[test]
    fn a_cell_beyond_any_sheet_is_an_error() {
        assert!(written([(1, (1 << 14) - 1, "x")]).is_some());
        assert!(written([(1, 1 << 14, "x")]).is_none());
        assert!(written([(1, 321_272_405, "x")]).is_none());
        assert!(written([(1 << 20, 0, "x")]).is_none());
    }

    /// One text of eight MiB may be shared by all cells of a sheet.
    #[test]
    fn a_long_text_in_many_cells_is_an_error_or_written_at_once() {
        let long = "x".repeat(8 << 20);
        assert!(written((0..9).map(|column| (0, column, long.as_str()))).is_none());
        let mut writer = SheetWriter::new(std::io::sink());
        for row in 0..4 {
            let cell = SheetCell {
                row,
                column: 0,
                text: &long,
                unapplied: None,
            };
            writer.cell(cell).unwrap();
            assert!(writer.held.len() <= 2);
        }
    }
}
