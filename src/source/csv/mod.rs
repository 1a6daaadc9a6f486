//! Reads CSV into rows: headers, delimiters, and common deviations from RFC 4180.
//!
//! - `dialect.rs`: the first bytes → the delimiter, and where the header is
//! - `splitter.rs`: bytes → rows and cells, by the full grammar
//! - `fast_path.rs`: the same for well-formed rows
//! - `span.rs`: the positions of cells, shared by both
//! - `table.rs`: the cells of a row → columns; rows that are no customers
//! - `footer.rs`: the texts of totals, time stamps and notes
//! - `total_row.rs`: whether a row with the label of a total is one, or a customer
//! - `stray_quote.rs`: rows that a stray quote made part of a cell

pub(super) mod dialect;
mod fast_path;
mod footer;
mod span;
pub(super) mod splitter;
mod stray_quote;
mod table;
mod total_row;

use std::io::{self, Read, Seek};
use std::sync::Arc;

use self::dialect::TableLayout;
use self::footer::is_blank;
use self::span::MOST_CELLS;
use self::splitter::{Flaw, LONGEST_ROW, Splitter};
use self::stray_quote::LongRow;
use self::table::{TableShape, push_cells};
use super::SourceError;
use super::bytes::chunk::{Cut, NextCut};
use crate::domain::row::{Columns, Origin, ReadState, Row};

/// The rows of one CSV input.
pub(super) struct CsvRows<R> {
    splitter: Splitter<R>,
    name: String,
    input: u16,
    table: Arc<TableShape>,
    records: u64,
}

impl CsvRows<io::Empty> {
    /// Reads rows that were cut from an input with this `table`; the first is its
    /// `record`-th.
    pub(super) fn over(cut: Cut, record: u64, input: u16, table: Arc<TableShape>) -> Self {
        let mut splitter = Splitter::over(cut, table.columns.delimiter);
        splitter.rows_are_lines = table.columns.is_sheet;
        Self {
            splitter,
            name: String::new(),
            input,
            table,
            records: record - 1,
        }
    }
}

impl<R: Read> CsvRows<R> {
    /// Reads the header of `from`.
    pub(super) fn new(
        from: R,
        name: &str,
        input: u16,
        layout: &TableLayout,
    ) -> Result<Self, SourceError> {
        let none = Columns::table(Vec::new(), "", layout.delimiter);
        let mut splitter = Splitter::new(from, layout.delimiter);
        splitter.rows_are_lines = layout.is_sheet;
        let mut rows = Self {
            splitter,
            name: name.to_owned(),
            input,
            table: Arc::new(TableShape::new(none, layout)),
            records: 0,
        };
        let columns = rows.header(layout)?;
        rows.table = Arc::new(TableShape::new(columns, layout));
        rows.records = 0;
        Ok(rows)
    }

    /// Reads up to the header, and its columns.
    fn header(&mut self, layout: &TableLayout) -> Result<Columns, SourceError> {
        let marked = self.splitter.skip_mark();
        let is_marked = marked.map_err(|source| self.failed(source))?;
        let mut header = Row::default();
        loop {
            if !self.read(&mut header)? {
                return Err(SourceError::Empty {
                    name: self.name.clone(),
                });
            }
            if self.splitter.offset() < layout.header {
                continue;
            }
            let line = header.origin.line;
            match &header.state {
                ReadState::Good | ReadState::Skipped(_) if is_blank(header.text()) => {}
                ReadState::Good | ReadState::Skipped(_) => break,
                ReadState::Broken(_) if !header.raw().is_empty() && header.text().is_empty() => {
                    return Err(SourceError::HeaderEncoding {
                        name: self.name.clone(),
                        line,
                    });
                }
                ReadState::Broken(why) => {
                    let why = why.clone();
                    return Err(SourceError::Header {
                        name: self.name.clone(),
                        line,
                        why,
                    });
                }
            }
        }
        push_cells(&mut header, &self.splitter.spans, 0);
        let names = header.cells().map(|cell| cell.value.trim().to_owned());
        Ok(Columns {
            is_sheet: layout.is_sheet,
            is_marked: is_marked || layout.is_converted,
            line_end: match self.splitter.line_end() {
                b"\r\n" => "\r\n",
                _ => "\n",
            },
            header_line: header.origin.line,
            ..Columns::table(names.collect(), header.text(), layout.delimiter)
        })
    }

    /// The header.
    pub(super) fn columns(&self) -> &Arc<Columns> {
        &self.table.columns
    }

    /// The header, and how rows are read.
    pub(super) fn table(&self) -> &Arc<TableShape> {
        &self.table
    }

    /// Cuts off at most `most` rows to be parsed elsewhere; returns them with the
    /// number of the first.
    pub(super) fn cut(&mut self, most: u64) -> Result<(NextCut, u64), SourceError> {
        let found = self
            .splitter
            .cut(most)
            .map_err(|error| self.failed(error))?;
        let first = self.records + 1;
        match &found {
            NextCut::Rows(cut) => self.records += cut.rows,
            NextCut::Overlong | NextCut::End => {}
        }
        Ok((found, first))
    }

    /// Reads the next row; false at the end.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool, SourceError> {
        if !self.read(row)? {
            return Ok(false);
        }
        self.splitter.drop_end_mark();
        let spans = &self.splitter.spans;
        if row.state == ReadState::Good {
            self.table.fill(row, spans);
            if self.splitter.breaks > 1 {
                self.look_for_rows_in(row);
            }
        } else {
            row.added_cells = self.table.added_to(row.raw(), spans);
        }
        Ok(true)
    }

    /// Looks for rows of the table in the cells of `row`, which has several lines.
    fn look_for_rows_in(&self, row: &mut Row) {
        let line = row.origin.line;
        match &mut row.state {
            // A footer may have taken rows along as well.
            ReadState::Good | ReadState::Skipped(_) => {}
            ReadState::Broken(why) => {
                why.push_str(&swallowed(line, self.splitter.breaks));
                return;
            }
        }
        let columns = &self.table.columns;
        let long = LongRow {
            text: row.text(),
            spans: &self.splitter.spans,
            names: &columns.names,
            added: self.table.added(),
            delimiter: char::from(columns.delimiter),
            line: (!columns.is_sheet).then_some(line),
        };
        row.swallowed = long.swallowed();
    }

    /// Reads the next row, without its cells; false at the end.
    fn read(&mut self, row: &mut Row) -> Result<bool, SourceError> {
        if !self
            .splitter
            .advance()
            .map_err(|source| self.failed(source))?
        {
            return Ok(false);
        }
        self.records += 1;
        let splitter = &self.splitter;
        let origin = Origin {
            input: self.input,
            line: splitter.line,
            record: self.records,
            byte: splitter.offset(),
        };
        if row.refill(origin, splitter.raw()).is_none() {
            return Ok(true);
        }
        match splitter.flaw {
            None => {}
            Some(Flaw::Unclosed) => row.break_off(format!(
                "a quote is opened and never closed, wanted one that closes it{}",
                swallowed(origin.line, splitter.breaks)
            )),
            Some(Flaw::AfterQuote) => {
                row.break_off(
                    "text follows a closing quote (a quote within a value must be doubled)",
                );
            }
            Some(Flaw::TooManyCells) => {
                row.break_off(format!(
                    "the row has more than {MOST_CELLS} cells, wanted as many as in the header"
                ));
            }
            Some(Flaw::TooLong) => row.break_off(format!(
                "the row is longer than {} MiB; a closing quote is probably missing{}",
                LONGEST_ROW >> 20,
                swallowed(origin.line, splitter.breaks)
            )),
        }
        Ok(true)
    }

    fn failed(&self, source: io::Error) -> SourceError {
        SourceError::reading(&self.name, Some(self.splitter.line), source)
    }
}

impl<R: Read + Seek> CsvRows<R> {
    /// Reads in small pieces from now on.
    pub(super) fn read_little(&mut self) {
        self.splitter.read_little();
    }

    /// Seeks to the row at `place`, which is read next.
    pub(super) fn go_to(&mut self, place: Origin) -> Result<(), SourceError> {
        self.records = place.record - 1;
        self.splitter
            .go_to(place.byte, place.line)
            .map_err(|error| self.failed(error))
    }
}

/// Describes how many lines a row spans that lacks a closing quote.
fn swallowed(line: u64, breaks: u64) -> String {
    if breaks < 2 {
        return String::new();
    }
    format!(
        ": everything from line {line} to {} was read as one row",
        line + breaks - 1
    )
}

#[cfg(test)]
mod tests;
