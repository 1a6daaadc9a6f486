//! How many cells an ODS holds once repeated rows and cells are written out.
//!
//! The library holds a cell for each place between the first and the last with a
//! value, and a few bytes can say "repeat this a million times". It reads a sheet that
//! has no end forever. Both are found by a look at the tags, before any cell is held,
//! with the parser that the library uses: no other agrees with it on every file.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::error::WorkbookError;

/// The most cells of all sheets.
const MOST_CELLS: u64 = 10_000_000;

/// The most rows and columns of a sheet: the library leaves out what is beyond them.
const MOST_ROWS: u64 = 1 << 20;
const MOST_COLUMNS: u64 = 1 << 14;

/// The most bytes of text in all sheets: a repeated cell holds its text each time.
const MOST_TEXT: u64 = 256 << 20;

/// The attributes of a cell with a value.
const VALUES: [&str; 6] = [
    "office:value",
    "office:string-value",
    "office:date-value",
    "office:time-value",
    "office:boolean-value",
    "table:formula",
];

/// An error if the sheets in `content` have too many cells to be held, or one has no
/// end.
pub(super) fn ensure_small(content: impl BufRead) -> Result<(), WorkbookError> {
    let mut xml = Reader::from_reader(content);
    // As the library reads it.
    xml.config_mut().check_end_names = false;
    let (mut size, mut buffer) = (OdsSize::default(), Vec::new());
    loop {
        buffer.clear();
        let event = xml.read_event_into(&mut buffer);
        match event.map_err(WorkbookError::damaged)? {
            Event::Start(tag) => size.begin(&tag)?,
            Event::Empty(tag) => {
                size.begin(&tag)?;
                size.end(tag.name().as_ref());
            }
            Event::End(tag) => size.end(tag.name().as_ref()),
            Event::Eof if size.in_sheet => {
                return Err(WorkbookError::damaged("a sheet in it has no end"));
            }
            Event::Eof => return Ok(()),
            Event::Text(text) => size.cell_text += text.len() as u64,
            Event::GeneralRef(_) => size.cell_text += 1,
            Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
        size.ensure_small()?;
    }
}

/// Counts the cells of `content.xml`.
#[derive(Debug, Default)]
struct OdsSize {
    /// Whether a sheet has begun and not ended.
    in_sheet: bool,
    /// The cells of earlier sheets.
    cells: u64,
    /// Rows up to the last with a value, and empty ones behind it.
    rows: u64,
    empty_rows: u64,
    /// The widest row.
    width: u64,
    row_repeats: u64,
    /// Cells of the row up to the last with a value, and empty ones behind it.
    row_cells: u64,
    empty_cells: u64,
    cell_repeats: u64,
    /// The bytes of text of all rows before, of the row, and of the cell.
    text: u64,
    row_text: u64,
    cell_text: u64,
}

impl OdsSize {
    /// The cells of the current sheet.
    fn sheet(&self) -> u64 {
        let rows = self.rows.saturating_add(self.row_repeats);
        rows.saturating_mul(self.width.max(self.row_cells))
            .max(self.row_cells)
    }

    fn ensure_small(&self) -> Result<(), WorkbookError> {
        if self.rows > MOST_ROWS {
            return Err(WorkbookError::damaged("a row's number is too high"));
        }
        if self.row_cells > MOST_COLUMNS {
            return Err(WorkbookError::damaged("a column's number is too high"));
        }
        let cells = self.cells.saturating_add(self.sheet());
        let text = self.text.saturating_add(self.row_text);
        if cells > MOST_CELLS || text.saturating_add(self.cell_text) > MOST_TEXT {
            return Err(WorkbookError::Refused {
                why: "is an ODS with too many cells to be read".to_owned(),
                hint: "save the sheet as XLSX or CSV and name that file",
            });
        }
        Ok(())
    }

    fn begin(&mut self, tag: &BytesStart<'_>) -> Result<(), WorkbookError> {
        match tag.name().as_ref() {
            "table:table" => {
                *self = Self {
                    in_sheet: true,
                    cells: self.cells.saturating_add(self.sheet()),
                    text: self.text,
                    ..Self::default()
                };
            }
            "table:table-row" => {
                self.row_repeats = number(tag, "table:number-rows-repeated")?;
                (self.row_cells, self.empty_cells, self.row_text) = (0, 0, 0);
            }
            "table:table-cell" | "table:covered-table-cell" => {
                self.cell_repeats = number(tag, "table:number-columns-repeated")?;
                self.cell_text = text_in(tag)?;
                self.empty_cells = self.empty_cells.saturating_add(self.cell_repeats);
                let is_value = |name: &&str| tag.contains(*name);
                if VALUES.iter().any(is_value) {
                    let empty = std::mem::take(&mut self.empty_cells);
                    self.row_cells = self.row_cells.saturating_add(empty);
                }
            }
            // Blanks that are counted.
            "text:s" => {
                let blanks = number(tag, "text:c")?;
                self.cell_text = self.cell_text.saturating_add(blanks);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str) {
        match name {
            "table:table" => self.in_sheet = false,
            "table:table-row" => self.end_row(),
            "table:table-cell" | "table:covered-table-cell" => {
                let text = std::mem::take(&mut self.cell_text);
                let text = text.saturating_mul(self.cell_repeats);
                self.row_text = self.row_text.saturating_add(text);
            }
            _ => {}
        }
    }

    fn end_row(&mut self) {
        let repeats = std::mem::take(&mut self.row_repeats);
        let text = std::mem::take(&mut self.row_text).saturating_mul(repeats);
        self.text = self.text.saturating_add(text);
        if self.row_cells == 0 {
            self.empty_rows = self.empty_rows.saturating_add(repeats);
        } else {
            let rows = self.empty_rows.saturating_add(repeats);
            self.rows = self.rows.saturating_add(rows);
            self.empty_rows = 0;
            self.width = self.width.max(self.row_cells);
        }
        self.row_cells = 0;
    }
}

/// The number in the attribute `name` of `tag`; 1 without it.
fn number(tag: &BytesStart<'_>, name: &str) -> Result<u64, WorkbookError> {
    let found = tag.try_get_attribute(name);
    let found = found.map_err(WorkbookError::damaged)?;
    // What is not written in digits is as much as can't be.
    let number = |value: &str| value.parse().unwrap_or(u64::from(u32::MAX));
    Ok(found.map_or(1, |attribute| number(&attribute.value)))
}

/// How many bytes of text the attributes of a cell have.
fn text_in(tag: &BytesStart<'_>) -> Result<u64, WorkbookError> {
    let mut text = 0;
    for name in ["office:string-value", "table:formula"] {
        let found = tag.try_get_attribute(name);
        let found = found.map_err(WorkbookError::damaged)?;
        text += found.map_or(0, |attribute| attribute.value.len() as u64);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::ensure_small;

    const VALUE: &str = "office:value-type=\"float\" office:value=\"1\"";

    /// Whether the sheets in `text` can be read, however it comes in pieces.
    fn is_small(text: &str) -> bool {
        let read = |piece| ensure_small(BufReader::with_capacity(piece, text.as_bytes())).is_ok();
        let is_small = read(text.len());
        assert_eq!(is_small, read(7));
        is_small
    }

    /// Whether a sheet with these rows can be read.
    fn fits(rows: &str) -> bool {
        is_small(&format!(
            "<x><table:table table:name=\"a\">{rows}</table:table></x>"
        ))
    }

    #[test]
    fn empty_rows_and_cells_at_the_end_count_nothing() {
        assert!(fits(&format!(
            "<table:table-row><table:table-cell {VALUE}/><table:table-cell \
             table:number-columns-repeated=\"16383\"/></table:table-row><table:table-row \
             table:number-rows-repeated=\"1048575\"><table:table-cell \
             table:number-columns-repeated=\"16384\"/></table:table-row>"
        )));
    }

    #[test]
    fn repeated_values_and_gaps_between_values_count() {
        let wide = format!("<table:table-cell table:number-columns-repeated=\"16384\" {VALUE}/>");
        let row = format!("<table:table-row>{wide}</table:table-row>");
        assert!(fits(&row.repeat(600)));
        assert!(!fits(&row.repeat(700)));
        assert!(!fits(&format!(
            "<table:table-row table:number-rows-repeated='1000'>{wide}</table:table-row>"
        )));
        let far = format!(
            "<table:table-row><table:table-cell table:number-columns-repeated=\"16383\"/>\
             <table:table-cell {VALUE}/></table:table-row>"
        );
        assert!(!fits(&format!(
            "{far}<table:table-row table:number-rows-repeated=\"9000\"><table:table-cell/>\
             </table:table-row>{far}"
        )));
    }

    #[test]
    fn numbers_and_values_are_found_wherever_they_stand() {
        for cell in [
            // A bracket in an attribute, a number that is not written in digits, a value
            // of text.
            format!("a='>' table:number-columns-repeated='16384' {VALUE}"),
            format!("table:number-columns-repeated = \"&#49;6384\" {VALUE}"),
            "table:number-columns-repeated=\"16384\" office:string-value=\"x\"".to_owned(),
        ] {
            let row = format!("<table:table-row><table:table-cell {cell}/></table:table-row>");
            assert!(!fits(&row.repeat(700)), "{cell}");
        }
    }

    /// The library would leave the rest out without a word.
    #[test]
    fn what_is_beyond_any_sheet_is_an_error() {
        let cell = |columns: u32| {
            format!("<table:table-cell table:number-columns-repeated='{columns}' {VALUE}/>")
        };
        let rows = |rows: u32, columns| {
            let cell = cell(columns);
            format!("<table:table-row table:number-rows-repeated='{rows}'>{cell}</table:table-row>")
        };
        assert!(fits(&rows(1, 16_384)));
        assert!(!fits(&rows(1, 16_385)));
        assert!(fits(&rows(1 << 20, 1)));
        assert!(!fits(&rows((1 << 20) + 1, 1)));
        assert!(!fits(&format!("{}{}", rows(1 << 20, 1), rows(1, 1))));
    }

    #[test]
    fn a_long_text_counts_as_often_as_it_is_repeated() {
        let long = "x".repeat(1 << 16);
        for (attribute, content) in [
            (format!("office:string-value='{long}'"), String::new()),
            (format!("table:formula='{long}'"), String::new()),
            (String::new(), format!("<text:p>{long}</text:p>")),
            (
                String::new(),
                "<text:p><text:s text:c='65536'/></text:p>".to_owned(),
            ),
        ] {
            let cells = |rows: u32, columns: u32| {
                format!(
                    "<table:table-row table:number-rows-repeated='{rows}'><table:table-cell \
                     table:number-columns-repeated='{columns}' office:value-type='string' \
                     {attribute}>{content}</table:table-cell></table:table-row>"
                )
            };
            assert!(fits(&cells(1000, 4)), "{attribute}{content}");
            assert!(!fits(&cells(1000, 5)), "{attribute}{content}");
            assert!(!fits(&cells(5, 1000)), "{attribute}{content}");
            assert!(!fits(&cells(1, 2000).repeat(3)), "{attribute}{content}");
        }
    }

    /// The library would read on forever.
    #[test]
    fn a_sheet_without_end_is_an_error() {
        for (text, is_sound) in [
            ("<x><table:table/></x>", true),
            ("<x><table:table a='>'/></x>", true),
            ("<x><table:table></table:table><table:table></x>", false),
            ("<x><table:table></table):table></x>", false),
            ("<x><table:table><!-- </table:table> --></x>", false),
            ("<x><table:table><y a='</table:table>'/></x>", false),
            ("<x><table:table", false),
        ] {
            assert_eq!(is_small(text), is_sound, "{text}");
        }
    }
}
