//! What an ODS shows of numbers, and its formulas without a value ([ODF 1.3] 9.1.4).
//!
//! The library reads the value of a number and not the text beside it, which is what
//! people see: of the value 7 that may be `00007`, or `CUST-0007`.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::escape::{resolve_xml_entity, unescape};
use quick_xml::events::{BytesStart, Event};

use super::cell_text::number_text;
use super::error::WorkbookError;
use super::marks::{CellMark, CellMarks, PlacedMark, holds_digits_of};

/// The marks of `sheet` in `content`.
pub(super) fn marks(content: impl BufRead, sheet: &str) -> Result<CellMarks, WorkbookError> {
    let mut xml = Reader::from_reader(content);
    // As the library reads it.
    xml.config_mut().check_end_names = false;
    let (mut scan, mut buffer) = (MarkScan::default(), Vec::new());
    loop {
        buffer.clear();
        let event = xml.read_event_into(&mut buffer);
        match event.map_err(WorkbookError::damaged)? {
            Event::Start(tag) => scan.begin(&tag, sheet)?,
            Event::Empty(tag) => {
                scan.begin(&tag, sheet)?;
                scan.end(tag.name().as_ref());
            }
            Event::End(tag) => scan.end(tag.name().as_ref()),
            Event::Text(text) => scan.text(&text.xml10_content()),
            Event::GeneralRef(name) => {
                let letter = name.resolve_char_ref().map_err(WorkbookError::damaged)?;
                match (resolve_xml_entity(name.as_ref()), letter) {
                    (Some(text), _) => scan.text(text),
                    (None, Some(letter)) => scan.text(letter.encode_utf8(&mut [0; 4])),
                    (None, None) => {}
                }
            }
            Event::Eof => return Ok(CellMarks::of(scan.marks)),
            Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
}

/// A cell that is being read.
#[derive(Debug, Default)]
struct OdsCell {
    repeats: u32,
    has_formula: bool,
    /// Whether the library takes its value from an attribute, or its text as its value.
    has_value: bool,
    /// Its value, if it is a number without decimals.
    number: Option<String>,
    text: String,
    paragraphs: u32,
}

/// Where a sheet is read, and the marks that were found.
#[derive(Debug, Default)]
struct MarkScan {
    in_sheet: bool,
    in_note: bool,
    /// The first row and column that were not read, and how often the row is repeated.
    row: u32,
    column: u32,
    row_repeats: u32,
    /// The marks of the row: their columns.
    row_marks: Vec<(u32, u32, CellMark)>,
    cell: Option<OdsCell>,
    marks: Vec<PlacedMark>,
}

impl MarkScan {
    fn begin(&mut self, tag: &BytesStart<'_>, sheet: &str) -> Result<(), WorkbookError> {
        match tag.name().as_ref() {
            "table:table" => {
                self.in_sheet = attribute(tag, "table:name")?.is_some_and(|name| name == sheet);
                self.row = 0;
            }
            _ if !self.in_sheet => {}
            "table:table-row" => {
                self.row_repeats = repeats(tag, "table:number-rows-repeated")?;
                self.column = 0;
            }
            "table:table-cell" | "table:covered-table-cell" => self.cell = Some(OdsCell::of(tag)?),
            "office:annotation" => self.in_note = true,
            "text:p" if !self.in_note => {
                if let Some(cell) = &mut self.cell {
                    cell.paragraphs += 1;
                }
            }
            "text:s" => self.text(" "),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if let Some(cell) = &mut self.cell
            && !self.in_note
            && cell.paragraphs > 0
        {
            cell.text.push_str(text);
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "table:table" => self.in_sheet = false,
            "office:annotation" => self.in_note = false,
            "table:table-row" if self.in_sheet => self.end_row(),
            "table:table-cell" | "table:covered-table-cell" => {
                if let Some(cell) = self.cell.take() {
                    let end = self.column.saturating_add(cell.repeats);
                    if let Some(mark) = cell.mark() {
                        self.row_marks.push((self.column, end, mark));
                    }
                    self.column = end;
                }
            }
            _ => {}
        }
    }

    fn end_row(&mut self) {
        let end = self.row.saturating_add(self.row_repeats);
        if !self.row_marks.is_empty() {
            for row in self.row..end {
                for (first, end, mark) in &self.row_marks {
                    let columns = *first..*end;
                    let placed = columns.map(|column| ((row, column), mark.clone()));
                    self.marks.extend(placed);
                }
            }
        }
        self.row = end;
        self.row_marks.clear();
    }
}

impl OdsCell {
    fn of(tag: &BytesStart<'_>) -> Result<Self, WorkbookError> {
        let kind = attribute(tag, "office:value-type")?.unwrap_or_default();
        let mut has_value = kind == "string";
        for name in ["string", "date", "time", "boolean"] {
            has_value |= attribute(tag, &format!("office:{name}-value"))?.is_some();
        }
        let number = attribute(tag, "office:value")?;
        let whole = number.as_deref().filter(|_| kind == "float");
        let whole = whole
            .and_then(|number| number.parse().ok())
            .map(number_text);
        Ok(Self {
            repeats: repeats(tag, "table:number-columns-repeated")?,
            has_formula: attribute(tag, "table:formula")?.is_some(),
            has_value: has_value || number.is_some(),
            number: whole.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit())),
            ..Self::default()
        })
    }

    fn mark(self) -> Option<CellMark> {
        let shown = self.text.trim();
        match self.number {
            Some(number) if self.paragraphs == 1 => {
                is_more_than(shown, &number).then(|| CellMark::Shown(shown.into()))
            }
            _ if self.has_value => None,
            _ if self.has_formula => Some(CellMark::Uncalculated),
            _ => (!shown.is_empty()).then(|| CellMark::Shown(shown.into())),
        }
    }
}

/// Whether `shown` is the whole number `value` with leading zeros or with other text, and
/// not just with separators or decimals.
fn is_more_than(shown: &str, value: &str) -> bool {
    let is_part_of_number = |c: char| c.is_ascii_digit() || ".,' \u{a0}\u{202f}’".contains(c);
    let bytes = shown.as_bytes();
    let is_padded = value != "0" && bytes.len() > value.len() && bytes.starts_with(b"0");
    let is_lost = shown.contains(['#', '%']) || shown.contains("E+");
    (is_padded || !shown.chars().all(is_part_of_number))
        && !is_lost
        && holds_digits_of(shown, value)
}

/// The value of the attribute `name`.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, WorkbookError> {
    let found = tag.try_get_attribute(name);
    let Some(found) = found.map_err(WorkbookError::damaged)? else {
        return Ok(None);
    };
    let text = unescape(&found.value).map_err(WorkbookError::damaged)?;
    Ok(Some(text.into_owned()))
}

/// The number in the attribute `name`; 1 without it.
fn repeats(tag: &BytesStart<'_>, name: &str) -> Result<u32, WorkbookError> {
    let number = attribute(tag, name)?;
    number.map_or(Ok(1), |number| {
        number.parse().map_err(WorkbookError::damaged)
    })
}

#[cfg(test)]
mod tests {
    use super::{is_more_than, marks};
    use crate::source::workbook::sheet_cell::SheetCell;

    /// The texts of the marked cells of sheet `S`, which has these rows.
    fn marked(rows: &str) -> Vec<((u32, u32), String)> {
        let text = format!(
            "<x><table:table table:name='R'><table:table-row><table:table-cell \
             table:formula='=A1'/></table:table-row></table:table>\
             <table:table table:name='S'>{rows}</table:table></x>"
        );
        let mut visited = Vec::new();
        let found = marks(text.as_bytes(), "S").unwrap();
        found
            .finish(&mut |cell: SheetCell<'_>| {
                visited.push(((cell.row, cell.column), cell.text.to_owned()));
                Ok(true)
            })
            .unwrap();
        visited
    }

    #[test]
    fn marks_stand_where_their_cells_stand() {
        let number = "<table:table-cell office:value-type='float' office:value='7'><text:p>007\
                      </text:p></table:table-cell>";
        let found = marked(&format!(
            "<table:table-row table:number-rows-repeated='3'><table:table-cell/></table:table-row>\
             <table:table-row table:number-rows-repeated='2'><table:covered-table-cell \
             table:number-columns-repeated='2'/>{number}<table:table-cell \
             table:formula='=A1' table:number-columns-repeated='2'/></table:table-row>\
             <table:table-row>{number}</table:table-row>"
        ));
        let places: Vec<(u32, u32)> = found.iter().map(|(place, _)| *place).collect();
        assert_eq!(
            places,
            [(3, 2), (3, 3), (3, 4), (4, 2), (4, 3), (4, 4), (5, 0)]
        );
        assert_eq!(found.last().unwrap().1, "007");
    }

    #[test]
    fn formulas_with_a_value_have_no_mark() {
        for (attributes, content, wanted) in [
            ("", "", 1),
            ("office:value-type='float'", "", 1),
            (
                "office:value='7' office:value-type='float'",
                "<text:p>7</text:p>",
                0,
            ),
            // An empty text.
            ("office:value-type='string'", "<text:p/>", 0),
            ("office:value-type='string' office:string-value=''", "", 0),
            (
                "office:value-type='date' office:date-value='2026-01-01'",
                "",
                0,
            ),
            ("office:boolean-value='true'", "", 0),
        ] {
            let found = marked(&format!(
                "<table:table-row><table:table-cell table:formula='=A1' {attributes}>{content}\
                 </table:table-cell></table:table-row>"
            ));
            assert_eq!(found.len(), wanted, "{attributes}");
        }
    }

    #[test]
    fn what_is_shown_is_read_without_notes_and_with_entities() {
        let found = marked(
            "<table:table-row><table:table-cell office:value-type='float' office:value='7'>\
             <office:annotation><text:p>08</text:p></office:annotation>\
             <text:p>R&amp;D<text:s/><text:span>0&#x30;7</text:span></text:p>\
             </table:table-cell></table:table-row>",
        );
        assert_eq!(found, [((0, 0), "R&D 007".to_owned())]);
    }

    #[test]
    fn separators_and_decimals_are_no_other_number() {
        for (shown, value) in [
            ("00007", "7"),
            ("CUST-0042", "42"),
            ("2024-0042", "42"),
            ("(555) 123-4567", "5551234567"),
        ] {
            assert!(is_more_than(shown, value), "{shown}");
        }
        for (shown, value) in [
            ("7", "7"),
            ("0", "0"),
            ("0.00", "0"),
            ("7,00", "7"),
            ("1,234", "1234"),
            ("1.234,00", "1234"),
            ("1\u{202f}234", "1234"),
            ("1'234", "1234"),
            ("1.23E+12", "1234567890123"),
            ("700%", "7"),
            ("###", "7"),
            ("7 Mio", "7000000"),
            ("", "7"),
        ] {
            assert!(!is_more_than(shown, value), "{shown}");
        }
    }
}
