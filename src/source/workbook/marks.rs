//! What a workbook says of cells beside the values that the library gives.

use std::iter::Peekable;
use std::rc::Rc;
use std::vec::IntoIter;

use super::error::WorkbookError;
use super::number_format::{Formatted, with_format};
use super::sheet_cell::{CellVisitor, SheetCell};
use crate::domain::spoilt::UNCALCULATED;

/// The most formulas without a value of a sheet.
const MOST_MARKS: usize = 1 << 21;

/// What is said of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CellMark {
    /// It has a formula, and no program has calculated its value.
    Uncalculated,
    /// The sheet shows this text, which is more than the value.
    Shown(Box<str>),
    /// A number has this format.
    Format(Rc<str>),
}

/// A mark, its row and its column, counted from 0.
pub(super) type PlacedMark = ((u32, u32), CellMark);

/// An error if so many marks are not held.
pub(super) fn ensure_few(marks: &[PlacedMark]) -> Result<(), WorkbookError> {
    if marks.len() <= MOST_MARKS {
        return Ok(());
    }
    Err(WorkbookError::Refused {
        why: "is a workbook with too many formulas without a value".to_owned(),
        hint: "open it in a spreadsheet program, which calculates them, and save it",
    })
}

/// The marks of a sheet, in the order of its cells.
pub(super) struct CellMarks(Peekable<IntoIter<PlacedMark>>);

impl CellMarks {
    /// No marks.
    pub(super) fn none() -> Self {
        Self::of(Vec::new())
    }

    /// These marks.
    pub(super) fn of(marks: Vec<PlacedMark>) -> Self {
        Self(marks.into_iter().peekable())
    }

    /// Calls `visit` with `cell` as its mark says, after the marked cells before it,
    /// which the library left out. Returns whether to go on.
    pub(super) fn visit(
        &mut self,
        cell: SheetCell<'_>,
        visit: &mut CellVisitor<'_>,
    ) -> Result<bool, WorkbookError> {
        let place = (cell.row, cell.column);
        let mut own = None;
        while let Some((at, mark)) = self.0.next_if(|(at, _)| *at <= place) {
            if at == place {
                own = Some(mark);
            } else if !visit_left_out(at, &mark, visit)? {
                return Ok(false);
            }
        }
        let made;
        let cell = match &own {
            Some(CellMark::Format(format)) => {
                made = with_format(cell.text, format);
                match &made {
                    Formatted::Text(text) => SheetCell { text, ..cell },
                    Formatted::AsIs => cell,
                    Formatted::Unknown => SheetCell {
                        unapplied: Some(format),
                        ..cell
                    },
                }
            }
            Some(mark) => SheetCell {
                text: marked(cell.text, mark),
                ..cell
            },
            None => cell,
        };
        Ok(cell.text.is_empty() || visit(cell)?)
    }

    /// Calls `visit` with the marked cells that are left.
    pub(super) fn finish(self, visit: &mut CellVisitor<'_>) -> Result<(), WorkbookError> {
        for (at, mark) in self.0 {
            if !visit_left_out(at, &mark, visit)? {
                break;
            }
        }
        Ok(())
    }
}

fn visit_left_out(
    (row, column): (u32, u32),
    mark: &CellMark,
    visit: &mut CellVisitor<'_>,
) -> Result<bool, WorkbookError> {
    let text = marked("", mark);
    let cell = SheetCell {
        row,
        column,
        text,
        unapplied: None,
    };
    Ok(text.is_empty() || visit(cell)?)
}

/// The text of a cell with this value and mark.
fn marked<'t>(value: &'t str, mark: &'t CellMark) -> &'t str {
    match mark {
        CellMark::Uncalculated if value.is_empty() => UNCALCULATED,
        // A mark of another cell, if the library counts in another way, has other digits.
        CellMark::Shown(shown) if holds_digits_of(shown, value) => shown,
        CellMark::Uncalculated | CellMark::Shown(_) | CellMark::Format(_) => value,
    }
}

/// Whether the digits of `value`, in this order, are digits of `shown`.
pub(super) fn holds_digits_of(shown: &str, value: &str) -> bool {
    let digits = |text: &str| -> String { text.matches(|c: char| c.is_ascii_digit()).collect() };
    digits(shown).contains(&digits(value))
}

#[cfg(test)]
mod tests {
    use super::{CellMark, CellMarks, SheetCell, UNCALCULATED};

    /// The cells of a row, given its values and marks.
    fn visited(values: &[(u32, &str)], marks: &[(u32, CellMark)]) -> Vec<(u32, String)> {
        let mut visited = Vec::new();
        let mut visit = |cell: SheetCell<'_>| {
            visited.push((cell.column, cell.text.to_owned()));
            Ok(true)
        };
        let marks = marks.iter().cloned();
        let mut marks = CellMarks::of(marks.map(|(at, mark)| ((0, at), mark)).collect());
        for (column, text) in values {
            let cell = SheetCell {
                row: 0,
                column: *column,
                text,
                unapplied: None,
            };
            assert!(marks.visit(cell, &mut visit).unwrap());
        }
        marks.finish(&mut visit).unwrap();
        visited
    }

    #[test]
    fn a_formula_without_a_value_is_a_cell_wherever_it_stands() {
        let marks = [0, 1, 2, 3, 9].map(|at| (at, CellMark::Uncalculated));
        let wanted = [
            (0, UNCALCULATED),
            (1, UNCALCULATED),
            (2, "x"),
            (3, UNCALCULATED),
            (9, UNCALCULATED),
        ];
        let wanted = wanted.map(|(at, text)| (at, text.to_owned()));
        assert_eq!(visited(&[(1, ""), (2, "x"), (4, "")], &marks), wanted);
    }

    #[test]
    fn what_is_shown_of_another_value_is_left_alone() {
        let shown = |text: &str| CellMark::Shown(text.into());
        let marks = [(0, shown("00007")), (1, shown("00007")), (2, shown("x"))];
        let wanted = [(0, "00007"), (1, "8"), (2, "x")].map(|(at, text)| (at, text.to_owned()));
        assert_eq!(visited(&[(0, "7"), (1, "8")], &marks), wanted);
    }
}
