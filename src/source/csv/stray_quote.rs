//! Finds rows that a stray quote made part of a cell: `c-1,"Acme,USD` ↵ `c-2,Beta",USD`.
//!
//! Each line of such a row is a whole row, if the stray quotes are taken for characters.
//! An address or a note of several lines hardly ever is: its lines have no delimiters, or
//! blanks after them, or not as many as the header.

use super::span::Span;
use crate::domain::swallowed_rows::SwallowedRows;

/// The fewest columns whose number alone is evidence.
const FEWEST_COLUMNS: usize = 3;

/// A row of several lines, and the table that it is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct LongRow<'r> {
    pub(super) text: &'r str,
    pub(super) spans: &'r [Span],
    /// The names of the table's columns.
    pub(super) names: &'r [String],
    /// How many of them an earlier rejects file has added.
    pub(super) added: usize,
    pub(super) delimiter: char,
    /// The line on which it begins; `None` in a sheet.
    pub(super) line: Option<u64>,
}

impl<'r> LongRow<'r> {
    /// The rows in its cells.
    pub(super) fn swallowed(self) -> Option<SwallowedRows> {
        let mut lines = (0_u64..).zip(self.lines());
        let (_, first) = lines.next()?;
        let first_cells = self.own_cells(first)?;
        let (mut count, mut last, mut is_prose, mut are_alike) = (0, 0, false, true);
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let cells = self.own_cells(line)?;
            (count, last) = (count + 1, number);
            is_prose |= self.blanks_follow(line).any(|follows| follows);
            are_alike &= is_alike(&first_cells, &cells);
        }
        // Some tables have blanks after all their delimiters.
        let is_prose = is_prose && !self.blanks_follow(first).all(|follows| follows);
        let is_table = first_cells.len() >= FEWEST_COLUMNS && !is_prose;
        (count > 0 && (is_table || are_alike)).then(|| SwallowedRows {
            columns: self.columns(),
            count,
            lines: self.line.map(|line| (line + 1, line + last)),
        })
    }

    fn lines(self) -> impl Iterator<Item = &'r str> {
        let end = if self.text.contains('\n') { '\n' } else { '\r' };
        let lines = self.text.split(end);
        lines.map(|line| line.strip_suffix('\r').unwrap_or(line))
    }

    /// The cells of `line` without those that a rejects file added; `None` if they are
    /// not as many as the table has columns.
    fn own_cells(self, line: &'r str) -> Option<Vec<&'r str>> {
        let own = self.names.len().checked_sub(self.added)?;
        let cells = cells_of(line, self.delimiter, self.names.len())?;
        match cells.len().checked_sub(own)? {
            0 => Some(cells),
            more if more == self.added => Some(cells.into_iter().skip(more).collect()),
            _another => None,
        }
    }

    /// Whether a blank follows, as in prose, for each delimiter in `line`.
    fn blanks_follow(self, line: &str) -> impl Iterator<Item = bool> {
        let cells = line.split(self.delimiter).skip(1);
        cells.map(|cell| cell.starts_with(' '))
    }

    /// The columns whose cells have several lines.
    fn columns(self) -> Vec<(usize, String)> {
        let lacking = self.names.len().saturating_sub(self.spans.len());
        let cells = (lacking..).zip(self.spans).filter(|(_, span)| {
            let cell = self.text.split_at(span.end).0.split_at(span.start).1;
            cell.contains(['\n', '\r'])
        });
        cells
            .map(|(column, _)| {
                let name = self.names.get(column).cloned();
                (column, name.unwrap_or_default())
            })
            .collect()
    }
}

/// The cells of one line, of which a quote that is not closed in it is a character; `None`
/// beyond `most`.
fn cells_of(line: &str, delimiter: char, most: usize) -> Option<Vec<&str>> {
    let (mut cells, mut rest) = (Vec::new(), Some(line));
    while let Some(text) = rest {
        if cells.len() == most {
            return None;
        }
        let (cell, after) = match quoted_cell(text, delimiter) {
            Some(found) => found,
            None => match text.split_once(delimiter) {
                Some((cell, after)) => (cell, Some(after)),
                None => (text, None),
            },
        };
        cells.push(cell);
        rest = after;
    }
    Some(cells)
}

/// The quoted cell at the start of `text`, and what follows the delimiter after it.
fn quoted_cell(text: &str, delimiter: char) -> Option<(&str, Option<&str>)> {
    let inner = text.strip_prefix('"')?;
    let mut quotes = inner.match_indices('"');
    while let Some((place, _)) = quotes.next() {
        let after = inner.split_at(place + 1).1;
        if after.starts_with('"') {
            quotes.next();
            continue;
        }
        let cell = inner.split_at(place).0;
        return match after.strip_prefix(delimiter) {
            None if after.is_empty() => Some((cell, None)),
            next => next.map(|next| (cell, Some(next))),
        };
    }
    None
}

/// Whether some cells of two rows in one column look alike, as ids and addresses do:
/// `c-17` and `c-204`.
fn is_alike(row: &[&str], other: &[&str]) -> bool {
    row.iter().zip(other).any(|(cell, other)| {
        let is_telling = cell.contains(|letter: char| letter == '@' || letter.is_ascii_digit());
        is_telling && shape(cell) == shape(other)
    })
}

/// `cell` with runs of letters and of digits as one each.
fn shape(cell: &str) -> String {
    let marks = cell.trim().chars().map(|letter| {
        if letter.is_alphabetic() {
            'a'
        } else if letter.is_numeric() {
            '0'
        } else {
            letter
        }
    });
    let mut shape = String::new();
    for mark in marks.filter(|mark| *mark != '"') {
        if !(mark.is_alphanumeric() && shape.ends_with(mark)) {
            shape.push(mark);
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::{LongRow, Span, SwallowedRows};

    /// What is found in `text`, a row of a table with these columns.
    fn found(header: &str, text: &str) -> Option<SwallowedRows> {
        let delimiter = if header.contains(';') { ';' } else { ',' };
        let names: Vec<String> = header.split(delimiter).map(str::to_owned).collect();
        let added = names.iter().filter(|name| name.starts_with('_')).count();
        // As one cell, in the last column.
        let span = Span {
            end: text.len(),
            ..Span::at(0)
        };
        let row = LongRow {
            text,
            spans: &[span],
            names: &names,
            added,
            delimiter,
            line: Some(3),
        };
        row.swallowed()
    }

    #[test]
    fn lines_that_are_rows_are_found() {
        for (header, text, count, lines) in [
            ("id,name,cur", "c-1,\"Acme,USD\nc-2,Beta\",USD", 1, (4, 4)),
            (
                "id,name,cur",
                "c-1,\"Acme,USD\r\nc-2,Beta,USD\r\nc-3,Coda\",USD",
                2,
                (4, 5),
            ),
            (
                "id,name,cur",
                "c-1,\"A,USD\rc-2,B,USD\rc-3,C\",USD",
                2,
                (4, 5),
            ),
            ("id;name;cur", "1;\"Acme;USD\n2;Beta\";USD", 1, (4, 4)),
            // Another cell is quoted as it should be.
            (
                "id,name,city,cur",
                "c-1,\"Acme, Inc.\",\"Bonn,USD\nc-2,\"\"Beta\"\",Ulm\",USD",
                1,
                (4, 4),
            ),
            // Opened in the last cell.
            (
                "id,name,cur,note",
                "c-1,A,USD,\"x\nc-2,B,USD,y\nc-3,C,USD,\"",
                2,
                (4, 5),
            ),
            // Two columns, with ids that look alike.
            ("id,name", "c-1,\"Acme\nc-17,Beta\"", 1, (4, 4)),
            ("mail,name", "a@a.example,\"A\nb@b.example,B\"", 1, (4, 4)),
            // A table with blanks after its delimiters.
            ("id, name, cur", "c-1, \"A, USD\nc-2, B\", USD", 1, (4, 4)),
            // A rejects file, whose columns the swallowed lines don't have.
            (
                "_line,_code,id,name,cur",
                "7,x,c-1,\"A,USD\nc-2,B\",USD",
                1,
                (4, 4),
            ),
        ] {
            let swallowed = found(header, text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (swallowed.count, swallowed.lines),
                (count, Some(lines)),
                "{text}"
            );
            let last = header.split([',', ';']).next_back().unwrap();
            assert_eq!(swallowed.columns[0].1, last);
        }
    }

    #[test]
    fn addresses_and_notes_are_no_rows() {
        for (header, text) in [
            ("id,street,cur", "c-1,\"12 Elm St\nLevel 2\",USD"),
            ("id,street,cur", "c-1,\"12 Elm St, Rear\nReno, NV\",USD"),
            ("id,street,cur", "c-1,\"12 Elm St,\nRear, Reno,\n\",USD"),
            ("id,street", "c-1,\"12 Elm St\nReno, NV\""),
            ("id,street", "17,\"Elm St 12\n10115 Berlin, Mitte\""),
            ("id,street", "c-1,\"12 Elm St, Rear\nReno, NV\""),
            ("id,note,cur", "c-1,\"a\n\nb\",USD"),
            ("id", "\"a\nb\""),
        ] {
            assert_eq!(found(header, text), None, "{text}");
        }
    }
}
