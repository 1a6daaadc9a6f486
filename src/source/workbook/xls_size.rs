//! How many cells the sheets of an XLS span ([MS-XLS] 2.1.4).
//!
//! The library holds a cell for each place between the first and the last with a
//! value, and makes room for as many as a sheet says that it has. The numbers are
//! compared before any cell is held.

use std::fs::File;

use super::compound::CompoundFile;
use super::error::WorkbookError;

/// The largest XLS that is read: all of it is held in memory.
const LARGEST_XLS: u64 = 128 << 20;

/// The most cells of all sheets: as many as one sheet of XLS can have.
const MOST_CELLS: u64 = 65_536 * 256;

/// Kinds of records.
pub(super) const END: u16 = 0x000a;
const PASSWORD: u16 = 0x002f;
pub(super) const SHEET: u16 = 0x0085;
const SHEET_SIZE: u16 = 0x0200;
pub(super) const SUBSTREAM: u16 = 0x0809;
pub(super) const SEVERAL_NUMBERS: u16 = 0x00bd;
const CELLS: [u16; 8] = [
    0x0006, 0x00d6, 0x00fd, 0x0203, 0x0204, 0x0205, 0x0207, 0x027e,
];

/// An error if `file` is cut off, or would need too much memory.
pub(super) fn ensure_sound(file: &mut File) -> Result<(), WorkbookError> {
    let size = file.metadata().map_err(WorkbookError::Read)?.len();
    if size > LARGEST_XLS {
        return Err(WorkbookError::Refused {
            why: format!(
                "is larger than {} MiB, too large for XLS",
                LARGEST_XLS >> 20
            ),
            hint: "save it as XLSX or CSV and name that file",
        });
    }
    let mut compound = CompoundFile::open(file)?;
    for name in ["Workbook", "Book"] {
        if let Some(book) = compound.stream(name)? {
            return ensure_small(&book);
        }
    }
    Ok(())
}

/// An error if the sheets in the stream `book` have too many cells to be held.
fn ensure_small(book: &[u8]) -> Result<(), WorkbookError> {
    let mut sheets = Vec::new();
    for (kind, data) in Records(book) {
        match kind {
            END => break,
            // What follows is encrypted.
            PASSWORD if number(data, 0, 2) != 0 => return Ok(()),
            SHEET => sheets.push(number(data, 0, 4)),
            _ => {}
        }
    }
    let (mut cells, mut passed) = (0, 0);
    for place in sheets {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let Some(sheet) = book.get(place..) else {
            continue;
        };
        let mut records = Records(sheet);
        cells += cells_of(&mut records)?;
        passed += sheet.len() - records.0.len();
        if cells > MOST_CELLS {
            return Err(too_many());
        }
        // Of two sheets that share their cells, each would be held.
        if passed > book.len() {
            return Err(WorkbookError::damaged("its sheets overlap"));
        }
    }
    Ok(())
}

/// How many cells the sheet at `records` spans.
fn cells_of(records: &mut Records<'_>) -> Result<u64, WorkbookError> {
    let (mut span, mut depth) = (SheetSpan::default(), 0_u64);
    for (kind, data) in records.by_ref() {
        match kind {
            // What is within a sheet, a chart say, has cells of its own.
            SUBSTREAM => depth += 1,
            END if depth < 2 => break,
            END => depth -= 1,
            _ if depth > 1 => {}
            SHEET_SIZE => ensure_size(data)?,
            SEVERAL_NUMBERS => {
                let column = number(data, 2, 2);
                let numbers = data.len().saturating_sub(6) / 6;
                span.add(number(data, 0, 2), column);
                span.add(number(data, 0, 2), column + numbers as u64);
            }
            _ if CELLS.contains(&kind) => span.add(number(data, 0, 2), number(data, 2, 2)),
            _ => {}
        }
    }
    Ok(span.cells())
}

/// An error if a sheet says that it has more cells than can be.
fn ensure_size(data: &[u8]) -> Result<(), WorkbookError> {
    let width = if data.len() == 10 { 2 } else { 4 };
    let (first, end) = (number(data, 0, width), number(data, width, width));
    let columns = number(data, 2 * width + 2, 2);
    if end > 0 && columns > 0 && first > end {
        return Err(WorkbookError::damaged("a sheet ends before it begins"));
    }
    if end.saturating_sub(first).saturating_mul(columns) > MOST_CELLS {
        return Err(too_many());
    }
    Ok(())
}

fn too_many() -> WorkbookError {
    WorkbookError::Refused {
        why: "is an XLS with too many cells to be read".to_owned(),
        hint: "save it as XLSX or CSV and name that file",
    }
}

/// The places between the first and the last cell.
#[derive(Debug, Default)]
struct SheetSpan(Option<([u64; 2], [u64; 2])>);

impl SheetSpan {
    fn add(&mut self, row: u64, column: u64) {
        let (rows, columns) = self.0.get_or_insert(([row, row], [column, column]));
        for ([least, most], at) in [(rows, row), (columns, column)] {
            *least = at.min(*least);
            *most = at.max(*most);
        }
    }

    fn cells(&self) -> u64 {
        let many = |[least, most]: [u64; 2]| most - least + 1;
        self.0
            .map_or(0, |(rows, columns)| many(rows) * many(columns))
    }
}

/// The records of a stream: their kinds and data.
pub(super) struct Records<'b>(pub(super) &'b [u8]);

impl<'b> Iterator for Records<'b> {
    type Item = (u16, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        let [kind, more_kind, length, more_length] = *head;
        let length = u16::from_le_bytes([length, more_length]);
        let (data, rest) = rest.split_at_checked(usize::from(length))?;
        self.0 = rest;
        Some((u16::from_le_bytes([kind, more_kind]), data))
    }
}

/// The little-endian number of `size` bytes at `at`; missing bytes are zero.
pub(super) fn number(data: &[u8], at: usize, size: usize) -> u64 {
    let digits = data.iter().skip(at).take(size).rev();
    digits.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::{END, SHEET, SHEET_SIZE, SUBSTREAM, ensure_small};

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap();
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
    }

    /// A stream with these sheets, each at the end of the one before or at `place`.
    fn book(sheets: &[Vec<u8>], place: Option<u32>) -> Vec<u8> {
        let mut at = u32::try_from(sheets.len() * 8 + 4).unwrap();
        let mut stream = Vec::new();
        for sheet in sheets {
            stream.extend(record(SHEET, &place.unwrap_or(at).to_le_bytes()));
            at += u32::try_from(sheet.len()).unwrap();
        }
        stream.extend(record(END, &[]));
        stream.extend(sheets.concat());
        stream
    }

    fn sheet(records: &[Vec<u8>]) -> Vec<u8> {
        [
            record(SUBSTREAM, &[0; 16]),
            records.concat(),
            record(END, &[]),
        ]
        .concat()
    }

    fn cell(row: u16, column: u16) -> Vec<u8> {
        let place = [row, column].map(u16::to_le_bytes).concat();
        record(0x0203, &[&place[..], &[0; 10]].concat())
    }

    fn size(rows: [u32; 2], columns: [u16; 2]) -> Vec<u8> {
        let rows = rows.map(u32::to_le_bytes).concat();
        let columns = columns.map(u16::to_le_bytes).concat();
        record(SHEET_SIZE, &[&rows[..], &columns, &[0; 2]].concat())
    }

    fn fits(records: &[Vec<u8>]) -> bool {
        ensure_small(&book(&[sheet(records)], None)).is_ok()
    }

    #[test]
    fn a_full_sheet_fits() {
        assert!(fits(&[
            size([0, 65_536], [0, 256]),
            cell(0, 0),
            cell(65_535, 255)
        ]));
        assert!(fits(&[size([0, 0], [0, 0])]) && fits(&[]));
        assert!(fits(&[size([7, 0], [0, 0]), cell(9, 9)]));
    }

    #[test]
    fn sizes_and_places_beyond_a_sheet_do_not_fit() {
        for records in [
            &[size([0, u32::MAX], [0, 256])][..],
            &[size([9, 3], [0, 256])],
            &[size([0, 65_536], [0, 257])],
            &[cell(0, 0), cell(65_535, 256)],
            &[record(0x00bd, &[0; 6 + 6 * 300]), cell(65_535, 0)],
        ] {
            assert!(!fits(records), "{records:?}");
        }
    }

    #[test]
    fn what_is_within_a_sheet_counts_nothing() {
        let chart = sheet(&[size([0, u32::MAX], [0, 256]), cell(65_535, 65_535)]);
        assert!(fits(&[cell(0, 0), chart.clone(), cell(1, 1)]));
        assert!(!fits(&[chart, cell(0, 0), cell(65_535, 256)]));
    }

    #[test]
    fn all_sheets_count_and_none_twice() {
        let full = sheet(&[cell(0, 0), cell(65_535, 255)]);
        assert!(ensure_small(&book(&[full.clone(), sheet(&[])], None)).is_ok());
        assert!(ensure_small(&book(&[full.clone(), full], None)).is_err());
        let small = sheet(&[cell(0, 0)]);
        let shared = book(&vec![small; 9], Some(9 * 8 + 4));
        assert!(ensure_small(&shared).is_ok());
        let long = sheet(&vec![cell(0, 0); 90]);
        let mut sheets = vec![sheet(&[]); 9];
        sheets.push(long);
        assert!(ensure_small(&book(&sheets, Some(10 * 8 + 4 + 9 * 24))).is_err());
    }

    #[test]
    fn a_stream_that_is_cut_off_or_locked_is_left_to_the_library() {
        let stream = book(&[sheet(&[cell(0, 0)])], None);
        for end in 0..stream.len() {
            assert!(ensure_small(&stream[..end]).is_ok());
        }
        let locked = [
            record(super::PASSWORD, &[1, 0, 1, 0]),
            book(&[sheet(&[cell(65_535, 65_535), cell(0, 0)])], None),
        ];
        assert!(ensure_small(&locked.concat()).is_ok());
    }
}
