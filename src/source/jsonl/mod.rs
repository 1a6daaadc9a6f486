//! Reads JSONL into rows: an object a line, in the form of the API's request body or
//! of another system.
//!
//! Members become cells under their path (`billingContact.email`); the columns grow
//! as new paths are seen. A repeated member that feeds a field breaks its row, because
//! it is not known which of the two was meant.
//!
//! - `syntax.rs`: JSON's grammar
//! - `unescape.rs`: the text of a string with escapes
//! - `paths.rs`: the columns: the paths of members
//! - `object.rs`: reads a JSON object into cells under their paths
//! - `fast_path.rs`: the same for JSON as programs write it
//! - `wrapper.rs`: rows like `{"customer": {…}}`
//! - `numbered.rs`: lines that say where they came from

mod fast_path;
pub(super) mod numbered;
mod object;
pub(super) mod paths;
pub(super) mod syntax;
mod unescape;
mod wrapper;

use std::io::{self, Read, Seek};
use std::sync::Arc;

use self::numbered::{LONGEST_PREFIX, Numbered};
use self::object::{ParsedValue, RowFault, ValueText};
use self::paths::Paths;
use self::syntax::SyntaxFault;
use self::wrapper::Wrapped;
use super::SourceError;
use super::bytes::buffer::ReadBuffer;
use super::bytes::chunk::{Cut, NextCut, lines};
use super::bytes::sniff::UTF8_MARK;
use super::csv::splitter::LONGEST_ROW;
use crate::domain::mapping::ADDED;
use crate::domain::row::{CellKind, Columns, Origin, ReadState, Row};
use crate::domain::skip::SkipReason;

/// How the lines of an input are read.
#[derive(Debug, Clone, Default)]
pub(super) struct LineForm {
    /// Whether each line says where it came from.
    pub(super) is_numbered: bool,
    /// The paths that the mapping names.
    pub(super) named: Arc<[String]>,
}

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
    is_numbered: bool,
    paths: Paths,
    found: Vec<ParsedValue>,
    marks: Vec<u64>,
    /// Whether the row before was in a wrapper.
    was_wrapped: bool,
}

impl JsonlRows<io::Empty> {
    /// Reads rows that were cut from an input.
    pub(super) fn over(cut: Cut, input: u16, form: LineForm) -> Self {
        let window = ReadBuffer::over(cut.bytes, cut.offset);
        Self::at(window, "", (input, cut.line), form)
    }
}

impl<R> JsonlRows<R> {
    fn at(window: ReadBuffer<R>, name: &str, place: (u16, u64), form: LineForm) -> Self {
        let (input, line) = place;
        Self {
            window,
            name: name.to_owned(),
            input,
            line: line - 1,
            length: 0,
            taken: 0,
            dropped: 0,
            is_numbered: form.is_numbered,
            paths: Paths::naming(form.named),
            found: Vec::new(),
            marks: Vec::new(),
            was_wrapped: false,
        }
    }

    /// How its lines are read.
    pub(super) fn form(&self) -> LineForm {
        LineForm {
            is_numbered: self.is_numbered,
            named: Arc::clone(self.paths.named()),
        }
    }

    /// The most bytes of a line.
    fn longest(&self) -> usize {
        LONGEST_ROW + if self.is_numbered { LONGEST_PREFIX } else { 0 }
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
        let number = if self.is_numbered {
            place.record
        } else {
            place.line
        };
        self.line = number.saturating_sub(1);
        self.window
            .go_to(place.byte)
            .map_err(|error| self.failed(error))
    }
}

impl<R: Read> JsonlRows<R> {
    pub(super) fn new(from: R, name: &str, input: u16, form: LineForm) -> Self {
        Self::at(ReadBuffer::new(from), name, (input, 1), form)
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
            if self.window.data().len() > self.longest() {
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
        let mut origin = Origin {
            input: self.input,
            line: self.line,
            record: self.line,
            byte: start,
        };
        let mut line = self.window.data().split_at(self.length).0;
        line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut broken = None;
        if self.is_numbered {
            let Numbered {
                line: of,
                why,
                text,
            } = numbered::split(line);
            (line, origin.line, broken) = (text, of, why);
        } else if start == 0 {
            line = line.strip_prefix(UTF8_MARK).unwrap_or(line);
        }
        let long = self.dropped > 0 || line.len() > LONGEST_ROW;
        let kept = if long { &[] } else { line };
        if row.refill(origin, kept).is_none() {
            return Ok(true);
        }
        if let Some(why) = broken {
            row.break_off(why);
        } else if long {
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
            if seen > self.longest() + 1 {
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
        self.read_members(text)
            .map_err(|fault| self.explain(&fault, text))
    }

    fn read_members(&mut self, text: &str) -> Result<(), RowFault> {
        self.found.clear();
        let was_wrapped = std::mem::take(&mut self.was_wrapped);
        if was_wrapped && let Some(wrapped) = wrapper::wrapped(text, self.paths.named()) {
            return self.read_inner(text, &wrapped);
        }
        let mark = self.paths.mark();
        if !fast_path::read(text, &mut self.paths, &mut self.found, &mut self.marks) {
            self.found.clear();
            object::read(text, &mut self.paths, &mut self.found)?;
        }
        let wrappers = self.paths.wrappers();
        let is_wrapper = |found: &ParsedValue| {
            found.kind == CellKind::Object && wrappers.contains(&found.column)
        };
        if !wrappers.is_empty()
            && self.found.iter().any(is_wrapper)
            && let Some(wrapped) = wrapper::wrapped(text, self.paths.named())
        {
            // The columns that the wrapper's members would have been.
            self.paths.forget_since(mark);
            return self.read_inner(text, &wrapped);
        }
        Ok(())
    }

    /// Reads the object in a wrapper.
    fn read_inner(&mut self, text: &str, wrapped: &Wrapped) -> Result<(), RowFault> {
        self.found.clear();
        self.was_wrapped = true;
        wrapper::read(text, wrapped, &mut self.paths, &mut self.found)
    }

    fn fill(&mut self, row: &mut Row) {
        // In a rejects file, a line that was not JSON is a string, which may have
        // been mended.
        if let Some(raw) = self.paths.raw()
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

impl<R> JsonlRows<R> {
    fn explain(&self, fault: &RowFault, text: &str) -> String {
        let wanted = if self.is_numbered {
            "wanted a JSON object"
        } else {
            "wanted one JSON object a line"
        };
        match fault {
            RowFault::Unclear(why) => why.clone(),
            RowFault::NoObject(kind) => format!("this is {}, {wanted}", kind.name()),
            RowFault::Syntax(SyntaxFault { at, what }) => {
                let before = text.get(..*at).unwrap_or(text);
                let column = before.chars().count() + 1;
                format!("not JSON at column {column}: {what} ({wanted})")
            }
        }
    }
}

#[cfg(test)]
mod tests;
