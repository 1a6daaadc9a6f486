//! Why a workbook is not read.

use std::fmt::Display;
use std::io;

/// Why a workbook was not read.
#[derive(Debug)]
pub(in crate::source) enum WorkbookError {
    /// The file cannot be read.
    Read(io::Error),
    /// The table cannot be written.
    Write(io::Error),
    /// The workbook or the sheet is the reason.
    Refused {
        /// What is wrong; follows "FILE ".
        why: String,
        /// What to do about it.
        hint: &'static str,
    },
}

impl WorkbookError {
    /// A workbook that does not follow its own format.
    pub(super) fn damaged(why: impl Display) -> Self {
        Self::Refused {
            why: format!("is a workbook that cannot be read ({why})"),
            hint: "open it in a spreadsheet program and save it again, or save the sheet as CSV",
        }
    }
}
