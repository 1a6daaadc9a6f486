//! Which sheet of a workbook is read: the one that the user named, the only one with
//! rows, or the first with a header that is known.

use std::collections::HashSet;

use super::book::{Book, SheetInfo};
use super::error::WorkbookError;
use super::marks::CellMarks;
use super::sheet_cell::SheetCell;
use crate::domain::header::{normalised, usual_names};
use crate::domain::text::{listed, quoted};

/// How many rows of a sheet are searched for a header.
const SEARCHED: u32 = 40;

/// From so many known names on, a row is a header.
const HEADER_FROM: usize = 2;

/// How many sheets are named in a message.
const NAMED: usize = 8;

/// What is known of the sheet that is wanted.
#[derive(Debug)]
pub(super) struct SheetRequest<'r> {
    /// Its name, or its number counted from 1, if the user gave one.
    pub(super) wanted: Option<&'r str>,
    /// Names that its header is likely to have.
    pub(super) columns: &'r [String],
}

/// The sheet that is read.
#[derive(Debug)]
pub(super) struct SheetChoice {
    /// Its name.
    pub(super) sheet: String,
    /// Which it is, and which others there are.
    pub(super) note: String,
    /// Whether other sheets have rows, and the user did not choose.
    pub(super) leaves_rows: bool,
}

/// A sheet's first rows.
#[derive(Debug, Default)]
struct SheetPreview {
    has_rows: bool,
    /// The most known names in a row.
    known: usize,
}

/// Chooses the sheet of `book` that is read.
pub(super) fn choose(
    book: &mut Book,
    request: &SheetRequest<'_>,
) -> Result<SheetChoice, WorkbookError> {
    let sheets = book.sheets();
    if let Some(wanted) = request.wanted {
        return named(&sheets, wanted);
    }
    let columns = request.columns.iter().map(|name| normalised(name));
    let known: HashSet<String> = usual_names().chain(columns).collect();
    let mut filled = Vec::new();
    for sheet in sheets.iter().filter(|sheet| sheet.has_cells) {
        let preview = preview(book, &sheet.name, &known)?;
        if preview.has_rows {
            filled.push((sheet, preview.known));
        }
    }
    let visible: Vec<_> = filled
        .iter()
        .filter(|(sheet, _)| sheet.is_visible)
        .collect();
    let known = visible.iter().find(|(_, known)| *known >= HEADER_FROM);
    let Some((chosen, _)) = known.or(visible.first()) else {
        return Err(nothing(&filled));
    };
    let names = |is_visible: bool| {
        let others = filled
            .iter()
            .filter(|(sheet, _)| sheet.name != chosen.name && sheet.is_visible == is_visible);
        others
            .map(|(sheet, _)| quoted(&sheet.name))
            .collect::<Vec<_>>()
    };
    let (others, hidden) = (names(true), names(false));
    let mut parts = vec![format!("sheet {}", quoted(&chosen.name))];
    for (others, what) in [(others, "other sheets"), (hidden, "hidden sheets")] {
        if !others.is_empty() {
            parts.push(format!("{what}: {}", listed(&others, NAMED)));
        }
    }
    let leaves_rows = parts.len() > 1;
    if leaves_rows {
        parts.push("--sheet NAME chooses".to_owned());
    }
    Ok(SheetChoice {
        sheet: chosen.name.clone(),
        note: parts.join("; "),
        leaves_rows,
    })
}

/// The sheet called `wanted`, or with that number.
fn named(sheets: &[SheetInfo], wanted: &str) -> Result<SheetChoice, WorkbookError> {
    let alike =
        |sheet: &&SheetInfo| sheet.name.trim().to_lowercase() == wanted.trim().to_lowercase();
    let number = wanted.trim().parse::<usize>().ok();
    let at = number.and_then(|number| sheets.get(number.checked_sub(1)?));
    let exact = sheets.iter().find(|sheet| sheet.name == wanted);
    let found = exact.or_else(|| sheets.iter().find(alike)).or(at);
    match found {
        Some(sheet) if sheet.has_cells => Ok(SheetChoice {
            sheet: sheet.name.clone(),
            note: format!("sheet {}, as --sheet says", quoted(&sheet.name)),
            leaves_rows: false,
        }),
        Some(sheet) => Err(WorkbookError::Refused {
            why: format!(
                "has no cells in sheet {}: it is a chart or a macro",
                quoted(&sheet.name)
            ),
            hint: "name a sheet with rows",
        }),
        None => {
            let names: Vec<String> = sheets.iter().map(|sheet| quoted(&sheet.name)).collect();
            Err(WorkbookError::Refused {
                why: format!(
                    "has no sheet {}, but {}",
                    quoted(wanted),
                    listed(&names, NAMED)
                ),
                hint: "name one of them, or its number, with --sheet",
            })
        }
    }
}

/// The error for a workbook without rows that people see.
fn nothing(hidden: &[(&SheetInfo, usize)]) -> WorkbookError {
    if hidden.is_empty() {
        return WorkbookError::Refused {
            why: "is a workbook without rows".to_owned(),
            hint: "export it again with its rows",
        };
    }
    let names: Vec<String> = hidden
        .iter()
        .map(|(sheet, _)| quoted(&sheet.name))
        .collect();
    WorkbookError::Refused {
        why: format!("has rows in hidden sheets only: {}", listed(&names, NAMED)),
        hint: "name one of them with --sheet if it is meant",
    }
}

/// Reads the first rows of `sheet`.
fn preview(
    book: &mut Book,
    sheet: &str,
    names: &HashSet<String>,
) -> Result<SheetPreview, WorkbookError> {
    let mut preview = SheetPreview::default();
    let (mut row, mut known) = (0, 0);
    book.visit(sheet, CellMarks::none(), &mut |cell: SheetCell<'_>| {
        preview.has_rows |= !cell.text.trim().is_empty();
        if cell.row != row {
            (row, known) = (cell.row, 0);
        }
        known += usize::from(names.contains(&normalised(cell.text)));
        preview.known = preview.known.max(known);
        Ok(cell.row < SEARCHED)
    })?;
    Ok(preview)
}
