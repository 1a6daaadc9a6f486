//! Reads a sheet of a workbook (XLSX, XLS, ODS) into a table.
//!
//! The cells become CSV once, in a copy that is read like any other table: a row of
//! the sheet is a record of the table, empty rows as well, so that a record's number
//! is the row's number in the sheet.
//!
//! - `kind.rs`: which kind of workbook a file is
//! - `error.rs`: why a workbook is not read
//! - `archive.rs`: the files in a ZIP archive, and limits on their sizes
//! - `ods_size.rs`: how many cells an ODS holds
//! - `shared_strings.rs`: how many strings an XLSX says that it has
//! - `xls_size.rs`: how many cells an XLS holds
//! - `compound.rs`: the streams of a compound file, as XLS is
//! - `sheet_cell.rs`: a cell of a sheet
//! - `book.rs`: the sheets and cells of any workbook
//! - `sheet_choice.rs`: which sheet is read
//! - `cell_text.rs`: a cell's value → text
//! - `number_format.rs`: what a number format makes of a number
//! - `marks.rs`: formulas without a value, and what is shown instead of a value
//! - `ods_marks.rs`: the marks of an ODS
//! - `xls_formats.rs`: the number formats of an XLS
//! - `doubts.rs`: what is said of cells
//! - `sheet_writer.rs`: cells → the rows of a table

mod archive;
mod book;
mod cell_text;
mod compound;
mod doubts;
mod error;
mod kind;
mod marks;
mod number_format;
mod ods_marks;
mod ods_size;
mod shared_strings;
mod sheet_cell;
mod sheet_choice;
mod sheet_writer;
mod xls_formats;
mod xls_size;

use std::fs::File;
use std::io::{BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use self::archive::Archive;
use self::book::Book;
use self::doubts::Doubts;
pub(in crate::source) use self::error::WorkbookError;
pub(in crate::source) use self::kind::WorkbookKind;
use self::marks::CellMarks;
use self::sheet_cell::SheetCell;
use self::sheet_choice::{SheetRequest, choose};
use self::sheet_writer::SheetWriter;
use super::input_note::InputNote;

/// Writes a sheet of the workbook `file` to `into` as CSV, and returns what was read
/// and why. `wanted` is the sheet's name or number, if the user gave one; `columns`
/// are names that a header is likely to have.
pub(in crate::source) fn write_sheet(
    file: &mut File,
    kind: WorkbookKind,
    (wanted, columns): (Option<&str>, &[String]),
    into: &mut impl Write,
) -> Result<InputNote, WorkbookError> {
    // The libraries trust their input more than is good: a damaged workbook must be
    // an error like any other.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let written = catch_unwind(AssertUnwindSafe(|| {
        write(file, kind, &SheetRequest { wanted, columns }, into)
    }));
    std::panic::set_hook(hook);
    match written {
        Ok(written) => written,
        Err(_panic) => Err(WorkbookError::damaged("its parts contradict each other")),
    }
}

fn write(
    file: &mut File,
    kind: WorkbookKind,
    request: &SheetRequest<'_>,
    into: &mut impl Write,
) -> Result<InputNote, WorkbookError> {
    let (mut archive, mut has_formulas) = (None, false);
    if kind == WorkbookKind::Xls {
        xls_size::ensure_sound(file)?;
    } else {
        let opened = Archive::open(file).map_err(WorkbookError::Read)?;
        let opened = opened.ok_or_else(|| WorkbookError::damaged("it is cut off"))?;
        has_formulas = opened.ensure_sound(file)?;
        archive = Some(opened);
    }
    let mut book = Book::open(file, kind)?;
    let choice = choose(&mut book, request)?;
    let marks = match &archive {
        Some(archive) if kind == WorkbookKind::Ods => {
            let content = archive.content("content.xml", file)?;
            ods_marks::marks(BufReader::new(content), &choice.sheet)?
        }
        None => {
            let sheets = book.sheets();
            let place = sheets.iter().position(|sheet| sheet.name == choice.sheet);
            xls_formats::marks(file, place.unwrap_or(usize::MAX))?
        }
        Some(_) if has_formulas => book.uncalculated(&choice.sheet)?,
        Some(_) => CellMarks::none(),
    };
    let mut writer = SheetWriter::new(into);
    let mut doubts = Doubts::default();
    book.visit(&choice.sheet, marks, &mut |cell: SheetCell<'_>| {
        doubts.add(&cell);
        writer.cell(cell)?;
        Ok(true)
    })?;
    writer.finish().map_err(WorkbookError::Write)?;
    let doubts = doubts.described();
    let text = format!("{}, {}{doubts}", kind.name(), choice.note);
    Ok(if choice.leaves_rows {
        InputNote::of_missing_rows(text)
    } else {
        InputNote::of(text)
    })
}
