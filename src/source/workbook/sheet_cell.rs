//! A cell of a sheet, as it is passed on.

use super::error::WorkbookError;

/// A cell with a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct SheetCell<'c> {
    /// The row, counted from 0.
    pub(super) row: u32,
    /// The column, counted from 0.
    pub(super) column: u32,
    /// Its text.
    pub(super) text: &'c str,
    /// The number format that was not applied, if the sheet shows another text by it.
    pub(super) unapplied: Option<&'c str>,
}

/// Is called with each cell; returns whether to go on.
pub(super) type CellVisitor<'v> = dyn FnMut(SheetCell<'_>) -> Result<bool, WorkbookError> + 'v;
