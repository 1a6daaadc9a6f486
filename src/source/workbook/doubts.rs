//! What is said of cells whose text is not what the sheet shows, or would show.

use super::sheet_cell::SheetCell;
use crate::domain::spoilt::UNCALCULATED;

/// The cells of a sheet that something is said of.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// How many formulas have no value.
    uncalculated: u64,
    /// How many numbers are read without their format, and the first.
    unapplied: u64,
    example: String,
}

impl Doubts {
    pub(super) fn add(&mut self, cell: &SheetCell<'_>) {
        self.uncalculated += u64::from(cell.text == UNCALCULATED);
        if let Some(format) = cell.unapplied {
            if self.unapplied == 0 {
                let (row, column) = (cell.row + 1, letters(cell.column));
                self.example = format!("{} in {column}{row}, format {format}", cell.text);
            }
            self.unapplied += 1;
        }
    }

    /// What is said, each part after a semicolon.
    pub(super) fn described(self) -> String {
        let mut parts = Vec::new();
        if self.uncalculated > 0 {
            parts.push(format!(
                "; formulas without a value: {} (open the workbook in a spreadsheet program, \
                 which calculates them, and save it)",
                self.uncalculated
            ));
        }
        if self.unapplied > 0 {
            parts.push(format!(
                "; numbers that the sheet shows in another way: {}, such as {}",
                self.unapplied, self.example
            ));
        }
        parts.concat()
    }
}

/// The name of a column, counted from 0: `A`, `Z`, `AA`.
fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        let digit = (rest - 1) % 26;
        letters.extend(char::from_digit(digit + 10, 36));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().map(char::to_ascii_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{Doubts, SheetCell, UNCALCULATED, letters};

    #[test]
    fn columns_have_the_names_that_sheets_show() {
        let names = [0, 25, 26, 701, 702, 16_383].map(letters);
        assert_eq!(names, ["A", "Z", "AA", "ZZ", "AAA", "XFD"]);
    }

    #[test]
    fn doubts_are_counted_with_an_example() {
        let mut doubts = Doubts::default();
        for (text, unapplied) in [
            ("x", None),
            (UNCALCULATED, None),
            ("7", Some("0 b")),
            ("8", Some("0 c")),
        ] {
            doubts.add(&SheetCell {
                row: 4,
                column: 1,
                text,
                unapplied,
            });
        }
        assert_eq!(
            doubts.described(),
            "; formulas without a value: 1 (open the workbook in a spreadsheet program, which \
             calculates them, and save it); numbers that the sheet shows in another way: 2, such as 7 in B5, \
             format 0 b"
        );
        assert_eq!(Doubts::default().described(), "");
    }
}
