//! The number formats of the cells of an XLS ([MS-XLS] 2.4.126, 2.4.353).
//!
//! The library uses them to tell dates from numbers and does not pass them on.

use std::collections::HashMap;
use std::fs::File;
use std::rc::Rc;

use super::compound::CompoundFile;
use super::error::WorkbookError;
use super::marks::{CellMark, CellMarks, PlacedMark};
use super::number_format::{Formatted, formatted};
use super::xls_size::{END, Records, SEVERAL_NUMBERS, SHEET, SUBSTREAM, number};

/// Kinds of records.
const FORMAT: u16 = 0x041e;
const STYLE: u16 = 0x00e0;
const NUMBERS: [u16; 3] = [0x0006, 0x0203, 0x027e];

/// The formats of cells with numbers in the sheet at place `sheet` of the list of sheets.
pub(super) fn marks(file: &mut File, sheet: usize) -> Result<CellMarks, WorkbookError> {
    let stream = CompoundFile::open(file)?.stream("Workbook")?;
    Ok(CellMarks::of(formats_in(
        &stream.unwrap_or_default(),
        sheet,
    )))
}

fn formats_in(book: &[u8], sheet: usize) -> Vec<PlacedMark> {
    let (mut formats, mut styles, mut sheets) = (HashMap::new(), Vec::new(), Vec::new());
    for (kind, data) in Records(book) {
        match kind {
            END => break,
            FORMAT => {
                formats.insert(number(data, 0, 2), text(data));
            }
            STYLE => styles.push(number(data, 2, 2)),
            SHEET => sheets.push(number(data, 0, 4)),
            _ => {}
        }
    }
    let styles: Vec<Option<Rc<str>>> = styles
        .iter()
        .map(|format| {
            formats
                .get(format)
                .filter(|format| changes(format))
                .cloned()
        })
        .collect();
    let place = sheets.get(sheet).map(|place| usize::try_from(*place));
    let Some(Ok(place)) = place else {
        return Vec::new();
    };
    let mut marks = Vec::new();
    let mut mark = |row: u64, column: u64, style: u64| {
        let format = usize::try_from(style)
            .ok()
            .and_then(|at| styles.get(at)?.clone());
        if let (Some(format), Ok(row), Ok(column)) = (format, row.try_into(), column.try_into()) {
            marks.push(((row, column), CellMark::Format(format)));
        }
    };
    let mut depth = 0_u64;
    for (kind, data) in Records(book.get(place..).unwrap_or_default()) {
        let (row, column) = (number(data, 0, 2), number(data, 2, 2));
        match kind {
            SUBSTREAM => depth += 1,
            END if depth < 2 => break,
            END => depth -= 1,
            _ if depth > 1 => {}
            SEVERAL_NUMBERS => {
                for at in 0..data.len().saturating_sub(6) / 6 {
                    mark(row, column + at as u64, number(data, 4 + 6 * at, 2));
                }
            }
            _ if NUMBERS.contains(&kind) => mark(row, column, number(data, 4, 2)),
            _ => {}
        }
    }
    marks.sort_by_key(|(place, _)| *place);
    marks
}

/// Whether `format` makes another text of some number.
fn changes(format: &str) -> bool {
    let is_changed = |digits| formatted(format, digits) != Formatted::AsIs;
    is_changed("1") || is_changed("1234567890")
}

/// The text of a format: its length, a byte that tells whether letters take two bytes,
/// and the letters.
fn text(data: &[u8]) -> Rc<str> {
    let is_wide = number(data, 4, 1) & 1 == 1;
    let size = if is_wide { 2 } else { 1 };
    let length = usize::try_from(number(data, 2, 2)).unwrap_or_default();
    let letters = data.get(5..).unwrap_or_default().chunks_exact(size);
    let codes: Vec<u16> = letters
        .take(length)
        .map(|letter| {
            letter
                .iter()
                .rev()
                .fold(0, |code, byte| code << 8 | u16::from(*byte))
        })
        .collect();
    String::from_utf16_lossy(&codes).into()
}

#[cfg(test)]
mod tests {
    use super::{CellMark, END, FORMAT, STYLE, SUBSTREAM, formats_in};
    use crate::source::workbook::xls_size::{SEVERAL_NUMBERS, SHEET};

    fn record(kind: u16, numbers: &[u16], rest: &[u8]) -> Vec<u8> {
        let data = [
            numbers.iter().flat_map(|n| n.to_le_bytes()).collect(),
            rest.to_vec(),
        ]
        .concat();
        let length = u16::try_from(data.len()).unwrap();
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), &data].concat()
    }

    #[test]
    fn numbers_have_the_formats_of_their_styles() {
        let globals = |place: u16| {
            [
                record(FORMAT, &[164, 5], b"\x0000000"),
                record(FORMAT, &[165, 2], b"\x01K\x000\x00"),
                record(FORMAT, &[166, 4], b"\x000.00"),
                record(STYLE, &[0, 0], &[]),
                record(STYLE, &[0, 164], &[]),
                record(STYLE, &[0, 165], &[]),
                record(STYLE, &[0, 166], &[]),
                record(SHEET, &[0, 0], &[]),
                record(SHEET, &[place, 0], &[]),
                record(END, &[], &[]),
            ]
            .concat()
        };
        let sheet = [
            record(SUBSTREAM, &[], &[]),
            record(0x0203, &[4, 7, 2], &[0; 8]),
            record(0x0203, &[1, 0, 1], &[0; 8]),
            // Another format, a text, an unknown style.
            record(0x0203, &[1, 1, 3], &[0; 8]),
            record(0x00fd, &[1, 2, 1], &[0; 4]),
            record(0x0203, &[1, 3, 99], &[0; 8]),
            // Three numbers in a row: each with its style.
            record(SEVERAL_NUMBERS, &[3, 5, 1, 0, 0, 0, 0, 0, 1, 0, 0, 7], &[]),
            record(SUBSTREAM, &[], &[]),
            record(0x0203, &[9, 9, 1], &[0; 8]),
            record(END, &[], &[]),
            record(END, &[], &[]),
            record(0x0203, &[8, 8, 1], &[0; 8]),
        ]
        .concat();
        let place = u16::try_from(globals(0).len()).unwrap();
        let book = [globals(place), sheet].concat();
        let format = |text: &str| CellMark::Format(text.into());
        let wanted = [
            ((1, 0), format("00000")),
            ((3, 5), format("00000")),
            ((3, 7), format("00000")),
            ((4, 7), format("K0")),
        ];
        assert_eq!(formats_in(&book, 1), wanted);
        assert_eq!(formats_in(&book, 2), []);
        for end in 0..book.len() {
            formats_in(book.get(..end).unwrap(), 1);
        }
    }
}
