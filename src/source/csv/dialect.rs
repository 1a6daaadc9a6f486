//! Finds out how a table is written: its delimiter, and where its header is.
//!
//! Every likely delimiter is tried on the first rows. The best one gives the header the
//! most names that are known; where none is known, the rows after it decide.

use std::collections::HashSet;
use std::sync::Arc;

use super::footer::is_blank;
use super::splitter::Splitter;
use crate::domain::header::{normalised, usual_names};
use crate::domain::mapping::ADDED;
use crate::source::bytes::sniff::UTF8_MARK;
use crate::source::{Settings, ShortRows, SourceError};

/// The delimiters that are detected, the most likely first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Delimiters that are recognised and must be given: what they are, and how.
const UNUSUAL: [(u8, &str, &str); 4] = [
    (b' ', "blanks", "say so: --delimiter ' '"),
    (b':', "colons", "say so: --delimiter :"),
    (b'^', "carets", "say so: --delimiter '^'"),
    (b'~', "tildes", "say so: --delimiter '~'"),
];

/// How many rows are looked at.
const LOOKED_AT: usize = 60;

/// Among how many rows the header is searched.
const HEADER_WITHIN: usize = 20;

/// How many names below a title are a header.
const CELLS_OF_TABLE: usize = 3;

/// How a table is written, where it starts, and how its rows are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::source) struct TableLayout {
    /// The delimiter.
    pub(in crate::source) delimiter: u8,
    /// The offset of the header: titles and comments precede it.
    pub(super) header: u64,
    /// Whether lines with text precede it, other than a `sep=` line.
    pub(in crate::source) has_titles: bool,
    /// Names of columns that the user gave.
    pub(super) named: Arc<[String]>,
    /// What becomes of short rows.
    pub(in crate::source) short_rows: ShortRows,
    /// Whether it was converted to UTF-8: what is written back gets a byte-order mark.
    pub(in crate::source) is_converted: bool,
    /// Whether it is a workbook's sheet, in which a row counts as one line.
    pub(in crate::source) is_sheet: bool,
}

impl TableLayout {
    /// The layout of the table `name`, which starts with `start`.
    pub(in crate::source) fn detect(
        start: &[u8],
        settings: &Settings,
        name: &str,
    ) -> Result<Self, SourceError> {
        let text = start.strip_prefix(UTF8_MARK).unwrap_or(start);
        let (separator, text) = match separator_line(text) {
            Some((separator, rest)) => (Some(separator), rest),
            None => (None, text),
        };
        let known = KnownNames::new(&settings.columns);
        let found = match settings.delimiter.or(separator) {
            Some(delimiter) => HeaderCandidate::find(text, delimiter, &known),
            None => detected(text, &known, name)?,
        };
        let skipped = start.len() - text.len();
        let (delimiter, header, has_titles) = match found {
            Some(found) => (
                found.delimiter,
                found.offset + skipped,
                found.is_below_titles,
            ),
            None => (b',', skipped, false),
        };
        Ok(Self {
            is_sheet: false,
            delimiter,
            header: header as u64,
            has_titles,
            named: Arc::clone(&settings.columns),
            short_rows: ShortRows::Reject,
            is_converted: false,
        })
    }
}

/// The best candidate of all delimiters.
fn detected(
    text: &[u8],
    known: &KnownNames,
    name: &str,
) -> Result<Option<HeaderCandidate>, SourceError> {
    let find = |delimiter| HeaderCandidate::find(text, delimiter, known);
    let found = DELIMITERS.into_iter().rev().filter_map(find);
    let (broken, readable): (Vec<_>, Vec<_>) = found.partition(|found| found.is_flawed);
    // Of equals, the last is returned: the most likely.
    let best = readable.into_iter().max_by_key(HeaderCandidate::score);
    if best
        .as_ref()
        .is_some_and(|best| best.known > 0 || best.cells > 1)
    {
        return Ok(best);
    }
    let unusual = UNUSUAL.into_iter().find(|(delimiter, ..)| {
        find(*delimiter).is_some_and(|found| {
            !found.is_flawed && found.known > 1 && found.known * 2 >= found.cells
        })
    });
    if let Some((_, found, hint)) = unusual {
        return Err(SourceError::OtherDelimiter {
            name: name.to_owned(),
            found,
            hint,
        });
    }
    // A header that can't be read is more worth reporting than one that names no field.
    Ok(broken.into_iter().next_back().or(best))
}

/// The header that a table has if it is split at a delimiter.
#[derive(Debug)]
struct HeaderCandidate {
    delimiter: u8,
    offset: usize,
    /// Whether lines with text precede it.
    is_below_titles: bool,
    /// Whether it can't be read.
    is_flawed: bool,
    /// How many of its names are known.
    known: usize,
    cells: usize,
    /// How many rows in a thousand have as many cells.
    agreeing: usize,
    /// Whether its names look whole: no blank before them, no bracket cut in two.
    is_plain: bool,
}

impl HeaderCandidate {
    fn find(text: &[u8], delimiter: u8, known: &KnownNames) -> Option<Self> {
        let rows = first_rows(text, delimiter);
        let place = header_among(&rows, known);
        let (_, from_header) = rows.split_at_checked(place)?;
        let (header, rows) = from_header.split_first()?;
        Some(Self {
            delimiter,
            offset: header.offset,
            is_below_titles: place > 0,
            is_flawed: header.is_flawed,
            known: known.count(header),
            cells: header.cells.len(),
            agreeing: agreeing(header, rows),
            is_plain: header.cells.iter().all(|name| is_plain(name)),
        })
    }

    fn score(&self) -> (usize, bool, usize, bool, usize) {
        let is_split = self.cells > 1;
        (
            self.known,
            is_split,
            self.agreeing,
            self.is_plain,
            self.cells,
        )
    }
}

/// A row at the start of a table.
#[derive(Debug)]
struct SampleRow {
    offset: usize,
    cells: Vec<String>,
    is_flawed: bool,
    /// Whether it has a line end: the last row may be cut off.
    is_whole: bool,
}

impl SampleRow {
    fn filled(&self) -> usize {
        self.cells.iter().filter(|cell| !is_blank(cell)).count()
    }

    /// Whether it starts like a comment.
    fn is_comment(&self) -> bool {
        let first = self.cells.first();
        first.is_some_and(|cell| cell.trim_start().starts_with('#'))
    }
}

/// The first rows of a table that are not blank.
fn first_rows(text: &[u8], delimiter: u8) -> Vec<SampleRow> {
    let mut splitter = Splitter::new(text, delimiter);
    let mut rows = Vec::new();
    while rows.len() < LOOKED_AT && matches!(splitter.advance(), Ok(true)) {
        let raw = splitter.raw();
        let cell = |start: usize, end: usize| {
            let bytes = raw.get(start..end).unwrap_or_default();
            String::from_utf8_lossy(bytes).replace("\"\"", "\"")
        };
        let row = SampleRow {
            offset: usize::try_from(splitter.offset()).unwrap_or(usize::MAX),
            cells: splitter
                .spans
                .iter()
                .map(|span| cell(span.start, span.end))
                .collect(),
            is_flawed: splitter.flaw.is_some(),
            is_whole: !splitter.line_end().is_empty(),
        };
        if row.is_flawed || row.filled() > 0 {
            rows.push(row);
        }
    }
    rows
}

/// Which of `rows` is the header: one with known names that only titles and comments
/// precede, or else the first that is neither.
fn header_among(rows: &[SampleRow], known: &KnownNames) -> usize {
    let (near, _) = rows.split_at(rows.len().min(HEADER_WITHIN));
    let mut best = (0, 0);
    for (place, row) in near.iter().enumerate().filter(|(_, row)| !row.is_flawed) {
        let count = known.count(row);
        if count > best.1 {
            best = (place, count);
        }
    }
    if let (place, 2..) = best
        && let Some((header, before)) = near.split_at(place + 1).0.split_last()
    {
        // A row that is as full as the header is a row of a table.
        let is_title =
            |row: &SampleRow| row.is_comment() || row.is_flawed || row.filled() < header.filled();
        if before.iter().all(is_title) {
            return place;
        }
    }
    let is_header = |row: &SampleRow| !row.is_comment() || row.cells.len() > 1;
    let first = rows.iter().position(is_header).unwrap_or(0);
    // `Customers of May` in one cell, and then a table of names that are not known.
    let is_title = |row: &SampleRow| {
        !is_header(row) || !row.is_flawed && row.filled() == 1 && known.count(row) == 0
    };
    let below = near.iter().position(|row| !is_title(row));
    let is_table = |place: &usize| {
        near.get(*place)
            .is_some_and(|row| !row.is_flawed && row.filled() >= CELLS_OF_TABLE)
    };
    below.filter(is_table).unwrap_or(first)
}

/// How many in a thousand of the `rows` after `header` have as many cells as it has;
/// notes of one cell, and a last row that is cut off, don't count.
fn agreeing(header: &SampleRow, rows: &[SampleRow]) -> usize {
    let is_row = |row: &&SampleRow| row.is_flawed || row.filled() > 1 || header.cells.len() == 1;
    let (mut all, mut same) = (0, 0);
    for row in rows.iter().filter(is_row) {
        let agrees = !row.is_flawed && row.cells.len() == header.cells.len();
        if row.is_whole || agrees {
            all += 1;
            same += usize::from(agrees);
        }
    }
    (same * 1000).checked_div(all).unwrap_or(1000)
}

fn is_plain(name: &str) -> bool {
    let count = |bracket| name.matches(bracket).count();
    !name.starts_with(' ') && count('(') == count(')') && count('[') == count(']')
}

/// Names that a header is likely to have.
struct KnownNames(HashSet<String>);

impl KnownNames {
    /// The usual names, those that rejects files add, and the `named` ones.
    fn new(named: &[String]) -> Self {
        let others = ADDED.into_iter().map(normalised);
        let named = named.iter().map(|name| normalised(without_number(name)));
        Self(usual_names().chain(others).chain(named).collect())
    }

    fn count(&self, row: &SampleRow) -> usize {
        let is_known = |cell: &&String| self.0.contains(&normalised(cell));
        row.cells.iter().filter(is_known).count()
    }
}

/// A column's name without the `#2` that says which of several is meant.
fn without_number(name: &str) -> &str {
    match name.rsplit_once('#') {
        Some((before, number)) if number.parse::<u16>().is_ok() => before,
        Some(_) | None => name,
    }
}

/// The delimiter that a spreadsheet gives in a first line like `sep=;`, and what
/// follows that line.
fn separator_line(text: &[u8]) -> Option<(u8, &[u8])> {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
    let (line, rest) = text.split_at(end);
    let rest = rest
        .strip_prefix(b"\r\n")
        .or_else(|| rest.split_first().map(|(_, rest)| rest))?;
    let quoted = line.strip_prefix(b"\"").and_then(|line| {
        let line = line.strip_suffix(b"\"")?;
        Some(line)
    });
    let (keyword, value) = quoted.unwrap_or(line).split_at_checked(4)?;
    match value {
        [delimiter, blanks @ ..]
            if keyword.eq_ignore_ascii_case(b"sep=")
                && delimiter.is_ascii()
                && blanks.iter().all(u8::is_ascii_whitespace) =>
        {
            Some((*delimiter, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "dialect_tests.rs"]
mod tests;
