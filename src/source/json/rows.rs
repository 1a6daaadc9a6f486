//! Finds the rows of nested JSON and writes each on one line, with its line in the
//! input. At most one row is held in memory, and no more of it than a row may have.

use std::io::{self, Read, Write};

use serde_json::{Map, Value};

use super::balance::{Balance, BareEnd, Step};
use super::one_line::{fault_in, put_on_one_line};
use super::pages::{CountedList, counted_list, is_looked_at, more_after};
use super::position::{InputPosition, LineColumn};
use crate::domain::text::{counted, quoted, thousands};
use crate::source::bytes::sniff::UTF8_MARK;
use crate::source::csv::splitter::LONGEST_ROW;
use crate::source::input_note::InputNote;
use crate::source::jsonl::numbered;

/// The most bytes of a member beside a list that are looked at.
const LONGEST_BESIDE: usize = 4 << 10;

/// Why the rows could not be written.
#[derive(Debug)]
pub(in crate::source) enum RowsError {
    /// The input can't be read.
    Read(io::Error),
    /// The rows can't be written.
    Write(io::Error),
}

/// Writes the rows of `from` to `to`, those of the list at `path` if its objects have
/// one. Returns what is to be said about the input.
pub(in crate::source) fn write_rows(
    from: impl Read,
    path: &[String],
    to: &mut impl Write,
) -> Result<Vec<InputNote>, RowsError> {
    let mut writer = RowWriter {
        from: InputPosition::new(from),
        to,
        path,
        text: Vec::new(),
        line: Vec::new(),
        rows: 0,
        lists: 0,
        is_cut_off: false,
        before_list: None,
        beside: Map::new(),
        more: None,
        list: None,
    };
    writer.documents()?;
    writer.to.flush().map_err(RowsError::Write)?;
    Ok(writer.notes())
}

struct RowWriter<'p, R, W> {
    from: InputPosition<R>,
    to: &'p mut W,
    path: &'p [String],
    /// The value that was read last; empty if it is too long.
    text: Vec<u8>,
    /// The same on one line.
    line: Vec<u8>,
    rows: u64,
    /// How many objects around a list were read.
    lists: u64,
    /// Whether the input ended within an array or object.
    is_cut_off: bool,
    /// What was read of an object in which the list was not found yet.
    before_list: Option<Vec<u8>>,
    /// The members beside the list that say something of its pages.
    beside: Map<String, Value>,
    /// What says that there are more pages.
    more: Option<String>,
    /// The list, if it says how many rows it has.
    list: Option<CountedList>,
}

/// How the reading of an object around a list ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AroundEnd {
    Closed,
    /// The input ended.
    CutOff,
    /// It is not JSON from here on.
    Broken,
}

/// A value that was read into `text`.
#[derive(Debug, Clone, Copy)]
struct ReadValue {
    start: LineColumn,
    is_too_long: bool,
    /// Whether the input ended within it.
    is_cut_off: bool,
}

impl<R: Read, W: Write> RowWriter<'_, R, W> {
    fn notes(self) -> Vec<InputNote> {
        let mut notes = Vec::new();
        if !self.path.is_empty() {
            let list = quoted(&self.path.join("."));
            notes.push(match self.lists {
                0 | 1 => InputNote::of(format!("its rows are the list {list}")),
                pages => InputNote::of_pages(format!(
                    "its rows are the list {list} of {} objects",
                    thousands(pages)
                )),
            });
        }
        let part = self.list.filter(CountedList::is_part);
        if let Some(why) = self.more {
            let said = format!(
                "it is one page of more ({why}): the customers of the other pages are not in it"
            );
            notes.push(InputNote::of_part(said, part.map(|list| list.part)));
        } else if let Some(CountedList { name, part, .. }) = part {
            let rows = counted(part.rows, "row", "rows");
            let of = if part.rows > part.total {
                "and not"
            } else {
                "of"
            };
            let total = thousands(part.total);
            let said = format!("it has {rows} {of} the {total} that \"{name}\" beside them counts");
            notes.push(InputNote::of_part(said, Some(part)));
        }
        if self.is_cut_off {
            notes.push(InputNote::of_missing_rows(format!(
                "it ends before its JSON is closed, at line {}: it may have been cut off",
                thousands(self.from.here.line)
            )));
        }
        if self.rows == 0 {
            notes.push(InputNote::of_missing_rows("it has no rows"));
        }
        notes
    }

    fn peek(&mut self) -> Result<Option<u8>, RowsError> {
        self.from.peek().map_err(RowsError::Read)
    }

    /// The next byte that is not blank.
    fn next_token(&mut self) -> Result<Option<u8>, RowsError> {
        self.from.skip_blanks().map_err(RowsError::Read)?;
        self.peek()
    }

    /// Passes one byte.
    fn pass(&mut self, byte: u8) {
        self.from.pass(1);
        self.keep(&[byte]);
    }

    /// Keeps what may turn out to be a row of its own.
    fn keep(&mut self, bytes: &[u8]) {
        if let Some(before) = &mut self.before_list {
            before.extend_from_slice(bytes);
            // One byte more than a row may have says that it is too long.
            before.truncate(LONGEST_ROW + 1);
        }
    }

    /// Reads all arrays and objects of the input, one after the other.
    fn documents(&mut self) -> Result<(), RowsError> {
        while let Some(byte) = self.next_token()? {
            match byte {
                b',' => self.from.pass(1),
                b'[' => {
                    self.from.pass(1);
                    self.array()?;
                }
                b'{' if !self.path.is_empty() => self.document()?,
                // A byte-order mark, between files that were joined.
                0xef if self.from.skip_over(UTF8_MARK).map_err(RowsError::Read)? => {}
                _ => self.row(BareEnd::Line)?,
            }
        }
        Ok(())
    }

    /// Reads the items of an array whose bracket was passed.
    fn array(&mut self) -> Result<(), RowsError> {
        loop {
            match self.next_token()? {
                None => {
                    self.is_cut_off = true;
                    return Ok(());
                }
                Some(b',') => self.from.pass(1),
                Some(b']') => {
                    self.from.pass(1);
                    return Ok(());
                }
                Some(_) => self.row(BareEnd::Item)?,
            }
        }
    }

    /// Reads an object that should have the list.
    fn document(&mut self) -> Result<(), RowsError> {
        let start = self.from.here;
        self.before_list = Some(Vec::new());
        self.beside.clear();
        let rows_before = self.rows;
        let end = self.around(0)?;
        let before = self.before_list.take();
        if end != AroundEnd::Broken && before.is_none() {
            self.is_cut_off |= end == AroundEnd::CutOff;
            self.more = more_after(&self.beside);
            self.lists += 1;
            let rows = self.rows - rows_before;
            self.list = counted_list(self.list.take(), &self.beside, rows);
            return Ok(());
        }
        // Without a list it is a row itself; what is broken can't be told apart.
        let start = if before.is_some() {
            start
        } else {
            self.from.here
        };
        let mut text = before.unwrap_or_default();
        if end == AroundEnd::Broken {
            let mut rest = self.from.data().map_err(RowsError::Read)?.len();
            while rest > 0 {
                let data = self.from.data().map_err(RowsError::Read)?;
                text.extend_from_slice(data);
                text.truncate(LONGEST_ROW + 1);
                self.from.pass(rest);
                rest = self.from.data().map_err(RowsError::Read)?.len();
            }
        }
        let is_too_long = text.len() > LONGEST_ROW;
        if is_too_long {
            text.clear();
        }
        self.text = text;
        self.write(ReadValue {
            start,
            is_too_long,
            is_cut_off: end != AroundEnd::Closed,
        })
    }

    /// Reads the object around the list, whose brace is here; `level` is its depth.
    fn around(&mut self, level: usize) -> Result<AroundEnd, RowsError> {
        self.pass(b'{');
        loop {
            let name = match self.next_token()? {
                None => return Ok(AroundEnd::CutOff),
                Some(b'}') => {
                    self.pass(b'}');
                    return Ok(AroundEnd::Closed);
                }
                Some(b',') => {
                    self.pass(b',');
                    continue;
                }
                Some(b'"') => self.member()?,
                Some(_) => return Ok(AroundEnd::Broken),
            };
            match self.next_token()? {
                None => return Ok(AroundEnd::CutOff),
                Some(b':') => self.pass(b':'),
                Some(_) => return Ok(AroundEnd::Broken),
            }
            let is_next =
                matches!(&name, Value::String(name) if self.path.get(level) == Some(name));
            let is_list = level + 1 == self.path.len();
            match self.next_token()? {
                None => return Ok(AroundEnd::CutOff),
                Some(b'[') if is_next && is_list => {
                    self.before_list = None;
                    self.from.pass(1);
                    self.array()?;
                }
                Some(b'{') if is_next && !is_list => match self.around(level + 1)? {
                    AroundEnd::Closed => {}
                    unclosed @ (AroundEnd::CutOff | AroundEnd::Broken) => return Ok(unclosed),
                },
                Some(b',' | b'}' | b']') => return Ok(AroundEnd::Broken),
                Some(_) => {
                    let value = self.member()?;
                    if let Value::String(name) = name
                        && is_looked_at(&name)
                    {
                        self.beside.insert(name, value);
                    }
                }
            }
        }
    }

    /// Reads the name or value that is here; null if it is long, or not JSON.
    fn member(&mut self) -> Result<Value, RowsError> {
        let read = self.read_value(Balance::new(BareEnd::Item, None))?;
        let text = std::mem::take(&mut self.text);
        self.keep(&text);
        let is_short = !read.is_too_long && text.len() <= LONGEST_BESIDE;
        let value = is_short.then(|| serde_json::from_slice(&text).ok());
        self.text = text;
        Ok(value.flatten().unwrap_or_default())
    }

    /// Reads the value that is here and writes it as a row.
    fn row(&mut self, bare: BareEnd) -> Result<(), RowsError> {
        let is_first = self.from.is_first;
        let column = is_first.then_some(self.from.here.column);
        let value = self.read_value(Balance::new(bare, column))?;
        self.is_cut_off |= value.is_cut_off && bare == BareEnd::Item;
        self.write(value)
    }

    /// Reads the value that is here into `text`.
    fn read_value(&mut self, mut balance: Balance) -> Result<ReadValue, RowsError> {
        let mut value = ReadValue {
            start: self.from.here,
            is_too_long: false,
            is_cut_off: false,
        };
        self.text.clear();
        loop {
            let data = self.from.data().map_err(RowsError::Read)?;
            if data.is_empty() {
                value.is_cut_off = true;
                break;
            }
            let (length, has_ended) = part_of(data, &mut balance);
            self.text.extend_from_slice(data.split_at(length).0);
            if self.text.len() > LONGEST_ROW {
                value.is_too_long = true;
                self.text.clear();
            }
            self.from.pass(length);
            if has_ended {
                break;
            }
        }
        let end = self.text.trim_ascii_end();
        // The comma after a broken row, where another one begins.
        let end = end.strip_suffix(b",").unwrap_or(end).len();
        self.text.truncate(end);
        Ok(value)
    }

    fn write(&mut self, value: ReadValue) -> Result<(), RowsError> {
        let why = if value.is_too_long {
            self.text.clear();
            Some(format!("the row is longer than {} MiB", LONGEST_ROW >> 20))
        } else {
            fault_in(&self.text, value.start, value.is_cut_off)
        };
        self.line.clear();
        put_on_one_line(&self.text, &mut self.line);
        self.rows += 1;
        numbered::write(self.to, value.start.line, why.as_deref(), &self.line)
            .map_err(RowsError::Write)
    }
}

/// How many bytes of `data` belong to the value of `balance`, and whether it ends
/// with them.
fn part_of(data: &[u8], balance: &mut Balance) -> (usize, bool) {
    let mut at = 0;
    loop {
        if balance.is_plain_string() {
            let rest = data.get(at..).unwrap_or_default();
            at += memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
        }
        let Some(byte) = data.get(at) else {
            return (data.len(), false);
        };
        match balance.step(*byte) {
            Step::Within => at += 1,
            Step::Last => return (at + 1, true),
            Step::After | Step::Restart => return (at, true),
        }
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
