//! The sheets and cells of any workbook.

use std::fs::File;
use std::io::{BufReader, Seek};

use calamine::{
    Data, DataRef, Ods, OdsError, Reader, Sheet, SheetType, SheetVisible, Xls, XlsError, Xlsx,
    XlsxError,
};

use super::cell_text::text_of;
use super::error::WorkbookError;
use super::kind::WorkbookKind;
use super::marks::{CellMark, CellMarks, ensure_few};
use super::sheet_cell::{CellVisitor, SheetCell};

/// A sheet's name, and whether it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SheetInfo {
    /// Its name.
    pub(super) name: String,
    /// Whether it has cells: charts and macros have none.
    pub(super) has_cells: bool,
    /// Whether people see it.
    pub(super) is_visible: bool,
}

/// An open workbook.
pub(super) enum Book {
    Xlsx(Box<Xlsx<BufReader<File>>>),
    Xls(Box<Xls<BufReader<File>>>),
    Ods(Box<Ods<BufReader<File>>>),
}

impl Book {
    /// Opens `file`, which is a workbook of this `kind`.
    pub(super) fn open(file: &mut File, kind: WorkbookKind) -> Result<Self, WorkbookError> {
        file.rewind().map_err(WorkbookError::Read)?;
        let file = file.try_clone().map_err(WorkbookError::Read)?;
        let again = file.try_clone().map_err(WorkbookError::Read)?;
        let reader = BufReader::new(file);
        Ok(match kind {
            WorkbookKind::Xlsx => Self::Xlsx(Box::new(Xlsx::new(reader).map_err(of_xlsx)?)),
            WorkbookKind::Xlsb => return Err(binary()),
            WorkbookKind::Xls => match Xls::new(reader) {
                Ok(book) => Self::Xls(Box::new(book)),
                Err(error) => return Err(of_compound(BufReader::new(again), error)),
            },
            WorkbookKind::Ods => Self::Ods(Box::new(Ods::new(reader).map_err(of_ods)?)),
        })
    }

    /// Its sheets, in their order.
    pub(super) fn sheets(&self) -> Vec<SheetInfo> {
        let sheets = match self {
            Self::Xlsx(book) => book.sheets_metadata(),
            Self::Xls(book) => book.sheets_metadata(),
            Self::Ods(book) => book.sheets_metadata(),
        };
        let info = |sheet: &Sheet| SheetInfo {
            name: sheet.name.clone(),
            has_cells: sheet.typ == SheetType::WorkSheet,
            is_visible: sheet.visible == SheetVisible::Visible,
        };
        sheets.iter().map(info).collect()
    }

    /// Calls `visit` with the cells of `sheet` that have a value or a mark, row by row.
    pub(super) fn visit(
        &mut self,
        sheet: &str,
        marks: CellMarks,
        visit: &mut CellVisitor<'_>,
    ) -> Result<(), WorkbookError> {
        let range = match self {
            Self::Xlsx(book) => return visit_xlsx(book, sheet, marks, visit),
            Self::Xls(book) => book.worksheet_range(sheet).map_err(of_xls)?,
            Self::Ods(book) => book.worksheet_range(sheet).map_err(of_ods)?,
        };
        visit_range(&range, marks, visit)
    }

    /// The cells of `sheet` that have a formula without a value, in an XLSX. An empty
    /// text is a value.
    pub(super) fn uncalculated(&mut self, sheet: &str) -> Result<CellMarks, WorkbookError> {
        let mut marks = Vec::new();
        if let Self::Xlsx(book) = self {
            let mut cells = book.worksheet_cells_reader(sheet).map_err(of_xlsx)?;
            let mut next = || cells.next_cell_with_formula_metadata().map_err(of_xlsx);
            while let Some(cell) = next()? {
                if cell.formula.is_some() && cell.value == DataRef::Empty {
                    marks.push((cell.pos, CellMark::Uncalculated));
                    ensure_few(&marks)?;
                }
            }
        }
        Ok(CellMarks::of(marks))
    }
}

fn visit_xlsx(
    book: &mut Xlsx<BufReader<File>>,
    sheet: &str,
    mut marks: CellMarks,
    visit: &mut CellVisitor<'_>,
) -> Result<(), WorkbookError> {
    let mut cells = book.worksheet_cells_reader(sheet).map_err(of_xlsx)?;
    let mut last = 0;
    let mut text = String::new();
    loop {
        let next = cells.next_cell_with_style_id();
        let next = next.map_err(|error| in_row(of_xlsx(error), last))?;
        let Some((cell, style)) = next else {
            return marks.finish(visit);
        };
        let (row, column) = cell.get_position();
        last = row;
        let format = cells.styles().get(style);
        let format = format.and_then(|style| style.number_format.as_ref());
        let format = format.map(|format| format.format_code.as_str());
        text.clear();
        let is_unapplied = text_of(cell.get_value(), format, &mut text);
        let cell = SheetCell {
            row,
            column,
            text: &text,
            unapplied: format.filter(|_| is_unapplied),
        };
        if !marks.visit(cell, visit)? {
            return Ok(());
        }
    }
}

fn visit_range(
    range: &calamine::Range<Data>,
    mut marks: CellMarks,
    visit: &mut CellVisitor<'_>,
) -> Result<(), WorkbookError> {
    let (first_row, first_column) = range.start().unwrap_or_default();
    let mut text = String::new();
    for (row, cells) in (first_row..).zip(range.rows()) {
        for (column, value) in (first_column..).zip(cells) {
            text.clear();
            text_of(&borrowed(value), None, &mut text);
            let cell = SheetCell {
                row,
                column,
                text: &text,
                unapplied: None,
            };
            if !marks.visit(cell, visit)? {
                return Ok(());
            }
        }
    }
    marks.finish(visit)
}

fn borrowed(value: &Data) -> DataRef<'_> {
    match value {
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::String(text) => DataRef::SharedString(text),
        Data::Bool(is_true) => DataRef::Bool(*is_true),
        Data::DateTime(time) => DataRef::DateTime(*time),
        Data::DateTimeIso(text) => DataRef::DateTimeIso(text.clone()),
        Data::DurationIso(text) => DataRef::DurationIso(text.clone()),
        Data::Error(error) => DataRef::Error(error.clone()),
        Data::Empty => DataRef::Empty,
    }
}

/// Names the row after which a sheet cannot be read.
fn in_row(error: WorkbookError, last: u32) -> WorkbookError {
    match error {
        WorkbookError::Refused { why, hint } => WorkbookError::Refused {
            why: format!("{why}, in or after row {}", last.saturating_add(1)),
            hint,
        },
        other @ (WorkbookError::Read(_) | WorkbookError::Write(_)) => other,
    }
}

/// XLSB is not read: the library takes some of its cells for empty ones, such as a
/// formula's error and rich text, which would be lost without a word.
fn binary() -> WorkbookError {
    WorkbookError::Refused {
        why: "is a binary workbook (XLSB), which is not read".to_owned(),
        hint: "open it, save it as XLSX, and name that file",
    }
}

fn locked() -> WorkbookError {
    WorkbookError::Refused {
        why: "is a workbook with a password".to_owned(),
        hint: "open it, save a copy without a password, and name that file",
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a library's errors")]
fn of_xlsx(error: XlsxError) -> WorkbookError {
    match error {
        XlsxError::Password => locked(),
        XlsxError::CellError(text) => WorkbookError::Refused {
            why: format!("has a cell with the error {text}"),
            hint: "mend that cell, or save the sheet as CSV and name that file",
        },
        other => WorkbookError::damaged(other),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a library's errors")]
fn of_xls(error: XlsError) -> WorkbookError {
    match error {
        XlsError::Password => locked(),
        other => WorkbookError::damaged(other),
    }
}

/// The error of a compound file that is no XLS: a workbook of a newer kind with a
/// password is one.
fn of_compound(file: BufReader<File>, error: XlsError) -> WorkbookError {
    match Xlsx::new(file) {
        Err(XlsxError::Password) => locked(),
        Ok(_) | Err(_) => of_xls(error),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a library's errors")]
fn of_ods(error: OdsError) -> WorkbookError {
    match error {
        OdsError::Password => locked(),
        other => WorkbookError::damaged(other),
    }
}
