//! JSONL → rows: the API's own body, one a line.
//!
//! Members become cells under their path (`billingContact.email`); the columns
//! grow as new paths are met. A member that stands twice breaks its row: which
//! of the two was meant can't be told.

use std::io::{self, BufRead, BufReader, Read};

use serde::de::DeserializeSeed;

use super::SourceError;
use super::decode::UTF8_MARK;
use super::members::{Found, Members, Paths, Value};
use super::splitter::LONGEST_ROW;
use crate::domain::row::{Columns, Kind, Origin, Row, State};

/// A member of a rejects file that holds a line which was no JSON.
const RAW: &str = "_raw";

/// The rows of one JSONL input.
pub(super) struct JsonlRows<R> {
    from: BufReader<R>,
    name: String,
    input: u16,
    line: u64,
    offset: u64,
    buffer: Vec<u8>,
    paths: Paths,
    found: Vec<Found>,
}

impl<R: Read> JsonlRows<R> {
    pub(super) fn new(from: R, name: &str, input: u16) -> Self {
        Self {
            from: BufReader::with_capacity(256 << 10, from),
            name: name.to_owned(),
            input,
            line: 0,
            offset: 0,
            buffer: Vec::new(),
            paths: Paths::default(),
            found: Vec::new(),
        }
    }

    /// The members met so far.
    pub(super) fn columns(&self) -> &Columns {
        &self.paths.columns
    }

    /// Goes past the next row; false at the end.
    pub(super) fn skip(&mut self) -> Result<bool, SourceError> {
        let taken = self.read_line().map_err(|source| SourceError::Io {
            name: self.name.clone(),
            source,
        })?;
        self.line += u64::from(taken > 0);
        self.offset += taken;
        Ok(taken > 0)
    }

    /// Reads the next row; false at the end.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool, SourceError> {
        let start = self.offset;
        if !self.skip()? {
            return Ok(false);
        }
        let origin = Origin {
            input: self.input,
            line: self.line,
            record: self.line,
            byte: start,
        };
        let mut line = self.buffer.as_slice();
        if start == 0 {
            line = line.strip_prefix(UTF8_MARK).unwrap_or(line);
        }
        let long = line.len() > LONGEST_ROW;
        let kept = if long { &[] } else { line };
        if row.refill(origin, kept).is_none() {
            return Ok(true);
        }
        if long {
            row.break_off(format!("the row is longer than {} MiB", LONGEST_ROW >> 20));
        } else {
            self.parse(row);
        }
        Ok(true)
    }

    /// Reads a line into the buffer, without its end; how many bytes it takes.
    /// Of a line beyond all bounds only the start is kept.
    fn read_line(&mut self) -> io::Result<u64> {
        self.buffer.clear();
        let mut taken = 0;
        loop {
            let data = match self.from.fill_buf() {
                Ok(data) => data,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = memchr::memchr(b'\n', data);
            let size = end.map_or(data.len(), |end| end + 1);
            if self.buffer.len() <= LONGEST_ROW {
                self.buffer
                    .extend_from_slice(data.get(..size).unwrap_or_default());
            }
            taken += size as u64;
            self.from.consume(size);
            if end.is_some() || size == 0 {
                break;
            }
        }
        for end in [b"\n", b"\r"] {
            if self.buffer.ends_with(end) {
                self.buffer.pop();
            }
        }
        Ok(taken)
    }

    fn parse(&mut self, row: &mut Row) {
        if row.text().trim().is_empty() {
            row.state = State::Blank;
            return;
        }
        match self.parse_text(row.text()) {
            Ok(()) => self.fill(row),
            Err(why) => row.break_off(why),
        }
    }

    fn parse_text(&mut self, text: &str) -> Result<(), String> {
        self.found.clear();
        let mut json = serde_json::Deserializer::from_str(text);
        let members = Members {
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
        // A line of a rejects file that was no JSON comes back as a string, in
        // which it may have been mended.
        if let Some(raw) = self
            .paths
            .known(0, RAW)
            .and_then(|node| self.paths.column(node))
            && let Some(found) = self.found.iter().find(|found| found.column == raw)
            && found.kind == Kind::Text
        {
            let mended = match &found.value {
                Value::Text(text) => text.clone(),
                Value::Span(start, end) => {
                    row.text().get(*start..*end).unwrap_or_default().to_owned()
                }
            };
            let origin = row.origin;
            if row.refill(origin, mended.as_bytes()).is_some() {
                match self.parse_text(&mended) {
                    Ok(()) => self.fill_cells(row),
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
                Value::Span(start, end) => row.push_span(found.column, found.kind, start, end),
                Value::Text(text) => row.push_unescaped(found.column, found.kind, &text),
            }
        }
    }
}

/// What a parser's error says, for a line: its own line number is always 1.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    if error.is_data() && error.column() == 0
        || text.starts_with("a member")
        || text.starts_with("wanted")
    {
        return text.to_owned();
    }
    format!("not JSON at column {}: {text}", error.column())
}

#[cfg(test)]
#[path = "jsonl_tests.rs"]
mod tests;
