//! Reads JSONL into rows: the API's request body, one a line.
//!
//! Members become cells under their path (`billingContact.email`); the columns grow
//! as new paths are seen. A repeated member breaks its row, because it is not known
//! which of the two was meant.
//!
//! - `object.rs`: reads a JSON object into cells under their paths
//! - `fast_path.rs`: the same for JSON as programs write it

mod fast_path;
mod object;

use std::io::{self, Read, Seek};

use serde::de::DeserializeSeed;

use self::object::{ObjectReader, ParsedValue, Paths, ValueText};
use super::SourceError;
use super::bytes::buffer::ReadBuffer;
use super::bytes::chunk::{Cut, NextCut, lines};
use super::bytes::sniff::UTF8_MARK;
use super::csv::splitter::LONGEST_ROW;
use crate::domain::mapping::ADDED;
use crate::domain::row::{CellKind, Columns, Origin, ReadState, Row};
use crate::domain::skip::SkipReason;
use crate::domain::text::{SHOWN, defused, shown};

/// The member of a rejects file that holds a line that was not JSON.
const RAW: &str = "_raw";

/// The rows of one JSONL input.
pub(super) struct JsonlRows<R> {
    window: ReadBuffer<R>,
    name: String,
    input: u16,
    line: u64,
    /// The line's length without its end.
    length: usize,
    /// The line's length with its end.
    taken: usize,
    /// Bytes of an overlong line that were discarded.
    dropped: usize,
    paths: Paths,
    found: Vec<ParsedValue>,
    marks: Vec<u64>,
}

impl JsonlRows<io::Empty> {
    /// Reads rows that were cut from an input.
    pub(super) fn over(cut: Cut, input: u16) -> Self {
        let window = ReadBuffer::over(cut.bytes, cut.offset);
        Self::at(window, "", input, cut.line)
    }
}

impl<R> JsonlRows<R> {
    fn at(window: ReadBuffer<R>, name: &str, input: u16, line: u64) -> Self {
        Self {
            window,
            name: name.to_owned(),
            input,
            line: line - 1,
            length: 0,
            taken: 0,
            dropped: 0,
            paths: Paths::default(),
            found: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// The members seen so far.
    pub(super) fn columns(&self) -> &Columns {
        &self.paths.columns
    }

    /// Skips the current line.
    fn settle(&mut self) {
        self.window.pass(self.taken);
        (self.taken, self.dropped, self.length) = (0, 0, 0);
    }

    fn failed(&self, source: io::Error) -> SourceError {
        SourceError::reading(&self.name, Some(self.line + 1), source)
    }
}

impl<R: Read + Seek> JsonlRows<R> {
    /// Reads in small pieces from now on.
    pub(super) fn read_little(&mut self) {
        self.window.read_little();
    }

    /// Seeks to the row at `place`, which is read next.
    pub(super) fn go_to(&mut self, place: Origin) -> Result<(), SourceError> {
        self.settle();
        self.line = place.line - 1;
        self.window
            .go_to(place.byte)
            .map_err(|error| self.failed(error))
    }
}

impl<R: Read> JsonlRows<R> {
    pub(super) fn new(from: R, name: &str, input: u16) -> Self {
        Self::at(ReadBuffer::new(from), name, input, 1)
    }

    /// Cuts off at most `most` rows to be parsed elsewhere.
    pub(super) fn cut(&mut self, most: u64) -> Result<NextCut, SourceError> {
        self.cut_lines(most).map_err(|error| self.failed(error))
    }

    fn cut_lines(&mut self, most: u64) -> io::Result<NextCut> {
        self.settle();
        self.window.widen()?;
        loop {
            let rows = lines(self.window.data(), self.window.ended(), most);
            if rows.many > 0 {
                let cut = Cut::off(&mut self.window, rows, self.line + 1);
                self.line += rows.breaks;
                return Ok(NextCut::Rows(cut));
            }
            if self.window.data().len() > LONGEST_ROW {
                return Ok(NextCut::Overlong);
            }
            // At the end of the input the rest is a row, even without a line end.
            if !self.window.fill()? && self.window.data().is_empty() {
                return Ok(NextCut::End);
            }
        }
    }

    /// Skips the next row; false at the end.
    pub(super) fn skip(&mut self) -> Result<bool, SourceError> {
        self.advance().map_err(|error| self.failed(error))
    }

    /// Reads the next row; false at the end.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool, SourceError> {
        if !self.skip()? {
            return Ok(false);
        }
        let start = self.window.offset - self.dropped as u64;
        let origin = Origin {
            input: self.input,
            line: self.line,
            record: self.line,
            byte: start,
        };
        let mut line = self.window.data().split_at(self.length).0;
        line = line.strip_suffix(b"\r").unwrap_or(line);
        if start == 0 {
            line = line.strip_prefix(UTF8_MARK).unwrap_or(line);
        }
        let long = self.dropped > 0 || line.len() > LONGEST_ROW;
        let kept = if long { &[] } else { line };
        if row.refill(origin, kept).is_none() {
            return Ok(true);
        }
        if long {
            row.break_off(format!(
                "the row is longer than {} MiB, wanted one customer a line",
                LONGEST_ROW >> 20
            ));
        } else {
            self.parse(row);
        }
        Ok(true)
    }

    /// Moves to the next line; false at the end. An overlong line is discarded.
    fn advance(&mut self) -> io::Result<bool> {
        self.settle();
        let mut seen = 0;
        loop {
            let data = self.window.data();
            if let Some(end) = memchr::memchr(b'\n', data.split_at(seen).1) {
                self.length = seen + end;
                self.taken = self.length + 1;
                break;
            }
            seen = data.len();
            if seen > LONGEST_ROW + 1 {
                self.dropped += seen;
                self.window.pass(seen);
                seen = 0;
            }
            if !self.window.fill()? {
                if seen + self.dropped == 0 {
                    return Ok(false);
                }
                (self.length, self.taken) = (seen, seen);
                break;
            }
        }
        self.line += 1;
        Ok(true)
    }

    fn parse(&mut self, row: &mut Row) {
        if row.text().trim().is_empty() {
            row.state = ReadState::Skipped(SkipReason::Blank);
            return;
        }
        match self.parse_text(row.text()) {
            Ok(()) => self.fill(row),
            Err(why) => row.break_off(why),
        }
    }

    fn parse_text(&mut self, text: &str) -> Result<(), String> {
        self.found.clear();
        if fast_path::read(text, &mut self.paths, &mut self.found, &mut self.marks) {
            return Ok(());
        }
        self.found.clear();
        self.paths.begin_row();
        let mut json = serde_json::Deserializer::from_str(text);
        let members = ObjectReader {
            text,
            node: 0,
            paths: &mut self.paths,
            found: &mut self.found,
        };
        members
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| explain(&error))
    }

    fn fill(&mut self, row: &mut Row) {
        // In a rejects file, a line that was not JSON is a string, which may have
        // been mended.
        if let Some(raw) = self
            .paths
            .known(0, RAW)
            .and_then(|node| self.paths.column(node))
            && let Some(found) = self.found.iter().find(|found| found.column == raw)
            && found.kind == CellKind::Text
        {
            let text = |found: &ParsedValue| match &found.value {
                ValueText::Text(text) => text.clone(),
                ValueText::Span(start, end) => {
                    row.text().split_at(*end).0.split_at(*start).1.to_owned()
                }
            };
            let mended = text(found);
            // The members that were added beside it give its origin.
            let names = &self.paths.columns.names;
            let is_ours = |column| {
                let mut ours = ADDED.iter().filter(|_| column != raw);
                ours.any(|name| names.get(column).is_some_and(|found| found == name))
            };
            let beside = self.found.iter().filter(|found| is_ours(found.column));
            let beside: Vec<_> = beside
                .map(|found| (found.column, found.kind, text(found)))
                .collect();
            let origin = row.origin;
            if row.refill(origin, mended.as_bytes()).is_some() {
                match self.parse_text(&mended) {
                    Ok(()) => {
                        self.fill_cells(row);
                        for (column, kind, text) in beside {
                            row.push_unescaped(column, kind, &text);
                        }
                    }
                    Err(why) => row.break_off(why),
                }
            }
            return;
        }
        self.fill_cells(row);
    }

    fn fill_cells(&mut self, row: &mut Row) {
        for found in self.found.drain(..) {
            match found.value {
                ValueText::Span(start, end) => row.push_span(found.column, found.kind, start, end),
                ValueText::Text(text) => row.push_unescaped(found.column, found.kind, &text),
            }
        }
    }
}

/// A parser's error without its line number, which is always 1.
fn explain(error: &serde_json::Error) -> String {
    // The error may quote the whole line.
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(text, _)| text);
    let text = &defused(&without_middle(text));
    if text.starts_with("a member") || text.starts_with("wanted") {
        return text.to_owned();
    }
    let place = match error.column() {
        0 if error.is_data() => String::new(),
        column => format!("not JSON at column {column}: "),
    };
    format!("{place}{text} (wanted one JSON object a line)")
}

/// `text`; if it is long, only its start and end.
fn without_middle(text: &str) -> String {
    match text.char_indices().rev().nth(SHOWN) {
        Some((place, _)) if place > 2 * SHOWN => {
            format!("{}…{}", shown(text), text.get(place..).unwrap_or_default())
        }
        Some(_) | None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
