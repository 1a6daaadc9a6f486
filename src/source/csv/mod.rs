//! Reads CSV into rows: headers, delimiters, and common deviations from RFC 4180.
//!
//! - `splitter.rs`: bytes → rows and cells, by the full grammar
//! - `fast_path.rs`: the same for well-formed rows
//! - `span.rs`: the positions of cells, shared by both

mod fast_path;
mod span;
pub(super) mod splitter;

use std::io::{self, Read, Seek};
use std::sync::Arc;

use self::span::{MOST_CELLS, Span};
use self::splitter::{Flaw, LONGEST_ROW, Splitter};
use super::SourceError;
use super::bytes::chunk::{Cut, NextCut};
use crate::domain::header::field_of_header;
use crate::domain::row::{CellKind, Columns, Origin, ReadState, Row};
use crate::domain::skip::SkipReason;

/// The delimiters that are detected, the most likely first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The rows of one CSV input.
pub(super) struct CsvRows<R> {
    splitter: Splitter<R>,
    name: String,
    input: u16,
    columns: Arc<Columns>,
    records: u64,
}

impl CsvRows<io::Empty> {
    /// Reads rows that were cut from an input with `columns`; the first is its
    /// `record`-th.
    pub(super) fn over(cut: Cut, record: u64, input: u16, columns: Arc<Columns>) -> Self {
        Self {
            splitter: Splitter::over(cut, columns.delimiter),
            name: String::new(),
            input,
            columns,
            records: record - 1,
        }
    }
}

impl<R: Read> CsvRows<R> {
    /// Reads the header of `from`.
    pub(super) fn new(from: R, name: &str, input: u16, delimiter: u8) -> Result<Self, SourceError> {
        let mut rows = Self {
            splitter: Splitter::new(from, delimiter),
            name: name.to_owned(),
            input,
            columns: Arc::new(Columns::table(Vec::new(), "", delimiter)),
            records: 0,
        };
        rows.splitter
            .skip_mark()
            .map_err(|source| rows.failed(source))?;
        let mut header = Row::default();
        loop {
            if !rows.read(&mut header)? {
                return Err(SourceError::Empty {
                    name: name.to_owned(),
                });
            }
            match &header.state {
                ReadState::Skipped(_) => {}
                // A `sep=` line, which was used when the delimiter was detected.
                ReadState::Good if is_separator_line(header.text()) => {}
                ReadState::Good => break,
                ReadState::Broken(_) if !header.raw().is_empty() && header.text().is_empty() => {
                    return Err(SourceError::HeaderEncoding {
                        name: name.to_owned(),
                        line: header.origin.line,
                    });
                }
                ReadState::Broken(why) => {
                    return Err(SourceError::Header {
                        name: name.to_owned(),
                        line: header.origin.line,
                        why: why.clone(),
                    });
                }
            }
        }
        let names = header.cells().map(|cell| cell.value.trim().to_owned());
        rows.columns = Arc::new(Columns::table(names.collect(), header.text(), delimiter));
        rows.records = 0;
        Ok(rows)
    }

    /// The header.
    pub(super) fn columns(&self) -> &Arc<Columns> {
        &self.columns
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
            NextCut::Overlong => {}
            NextCut::End => self.ensure_rows()?,
        }
        Ok((found, first))
    }

    /// Reads the next row; false at the end.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool, SourceError> {
        if !self.read(row)? {
            self.ensure_rows()?;
            return Ok(false);
        }
        let (cells, wanted) = (row.cells().len(), self.columns.names.len());
        if row.state == ReadState::Good && cells != wanted {
            row.break_off(format!(
                "the row has {cells} cells, wanted {wanted} as in the header{}",
                if cells > wanted {
                    " (a value that holds the delimiter must be in quotes)"
                } else {
                    ""
                }
            ));
        }
        Ok(true)
    }

    fn ensure_rows(&self) -> Result<(), SourceError> {
        if self.records > 0 {
            return Ok(());
        }
        Err(SourceError::OnlyHeader {
            name: self.name.clone(),
        })
    }

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
            None => fill_cells(row, &splitter.spans),
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

/// The raw text of a cell, with its quotes doubled.
fn text_of(row: &Row, span: Span) -> &str {
    row.text().split_at(span.end).0.split_at(span.start).1
}

fn fill_cells(row: &mut Row, spans: &[Span]) {
    let is_blank = |span: &Span| {
        let text = text_of(row, *span);
        text.chars().all(char::is_whitespace)
    };
    if spans.iter().all(is_blank) {
        row.state = ReadState::Skipped(SkipReason::Blank);
    }
    if !spans.iter().any(|span| span.escapes) {
        row.push_texts(spans.iter().map(|span| (span.start, span.end)));
        return;
    }
    for (column, span) in spans.iter().enumerate() {
        if span.escapes {
            let text = text_of(row, *span);
            let value = text.replace("\"\"", "\"");
            row.push_unescaped(column, CellKind::Text, &value);
        } else {
            row.push_span(column, CellKind::Text, span.start, span.end);
        }
    }
}

/// Whether `text` is a line like `sep=;`, with which spreadsheets give the
/// delimiter.
fn is_separator_line(text: &str) -> bool {
    separator_of(text.as_bytes()).is_some()
}

fn separator_of(line: &[u8]) -> Option<u8> {
    match line.strip_prefix(b"sep=") {
        Some([delimiter]) => Some(*delimiter),
        Some([delimiter, rest @ ..]) if rest.iter().all(u8::is_ascii_whitespace) => {
            Some(*delimiter)
        }
        Some(_) | None => None,
    }
}

/// Detects the delimiter of a table that starts with `start`: the one that gives
/// the header the most known fields, or, if it has none, the most columns.
pub(super) fn delimiter_of(start: &[u8]) -> u8 {
    let first_line = start
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .next()
        .unwrap_or_default();
    if let Some(delimiter) = separator_of(first_line) {
        return delimiter;
    }
    let mut best = (b',', (0, 0));
    let mut broken = None;
    for delimiter in DELIMITERS {
        let rows = match CsvRows::new(start, "", 0, delimiter) {
            Ok(rows) => rows,
            Err(_cannot_be_read) => {
                broken = broken.or(Some(delimiter));
                continue;
            }
        };
        let names = &rows.columns.names;
        let known = names
            .iter()
            .filter(|name| field_of_header(name).is_some())
            .count();
        let score = (known, names.len());
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    match broken {
        // If no delimiter gives a known field, a header that can't be read is more
        // worth reporting than one that names no field.
        Some(broken) if best.1.0 == 0 => broken,
        Some(_) | None => best.0,
    }
}

#[cfg(test)]
mod tests;
