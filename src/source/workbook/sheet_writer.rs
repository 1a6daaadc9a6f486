//! The cells of a sheet as the rows of a table.
//!
//! A record is written for every row of the sheet up to the last with a value. A row
//! of a sheet has no end: records are filled up with empty cells, to the width of
//! the widest of the first thousand rows, so that none lacks the cells of the header.

use std::io::{self, Write};

use super::book::SheetCell;
use super::error::WorkbookError;

/// The most rows of a sheet, in Excel and in `LibreOffice`.
const MOST_ROWS: u32 = 1 << 20;

/// How many rows are held before the first is written.
const HELD: usize = 1000;

/// How many cells are held at most.
const HELD_CELLS: usize = 1 << 18;

/// Writes the records of a table.
pub(super) struct SheetWriter<W> {
    into: W,
    /// Rows that are not written yet; the last is not finished.
    held: Vec<Vec<String>>,
    held_cells: usize,
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
            held_cells: 0,
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
        while self.row < cell.row {
            self.end_row().map_err(WorkbookError::Write)?;
            self.row += 1;
        }
        let column = cell.column as usize;
        if let Some(cells) = self.held.last_mut() {
            let added = (column + 1).saturating_sub(cells.len());
            self.held_cells += added;
            cells.resize(cells.len() + added, String::new());
            if let Some(slot) = cells.get_mut(column) {
                cell.text.clone_into(slot);
            }
        }
        Ok(())
    }

    /// Ends the current row and begins the next.
    fn end_row(&mut self) -> io::Result<()> {
        let is_full = self.held.len() >= HELD || self.held_cells >= HELD_CELLS;
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
        self.held_cells = 0;
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
