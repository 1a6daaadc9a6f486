//! How many cells an ODS holds once repeated rows and cells are written out.
//!
//! The library holds a cell for each place between the first and the last with a
//! value, and a few bytes can say "repeat this a million times". The size is found
//! by a look at the tags, before any cell is held.

use super::error::WorkbookError;

/// The most cells of all sheets.
const MOST_CELLS: u64 = 10_000_000;

/// The longest tag that is looked at whole.
const LONGEST_TAG: usize = 4 << 10;

/// Counts the cells of `content.xml`.
#[derive(Debug, Default)]
pub(super) struct OdsSize {
    /// The tag that is being read.
    tag: Option<Vec<u8>>,
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
}

impl OdsSize {
    /// Reads more of the file; an error if there are too many cells.
    pub(super) fn read(&mut self, piece: &[u8]) -> Result<(), WorkbookError> {
        let mut rest = piece;
        while !rest.is_empty() {
            let Some(tag) = &mut self.tag else {
                let Some(start) = memchr::memchr(b'<', rest) else {
                    break;
                };
                rest = rest.split_at(start + 1).1;
                self.tag = Some(Vec::new());
                continue;
            };
            let end = memchr::memchr(b'>', rest);
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            let room = LONGEST_TAG.saturating_sub(tag.len()).min(part.len());
            tag.extend_from_slice(part.split_at(room).0);
            rest = after;
            if end.is_some() {
                let tag = self.tag.take().unwrap_or_default();
                self.count(&tag);
                if self.cells + self.sheet() > MOST_CELLS {
                    return Err(WorkbookError::Refused {
                        why: "is an ODS with too many cells to be read".to_owned(),
                        hint: "save the sheet as XLSX or CSV and name that file",
                    });
                }
            }
        }
        Ok(())
    }

    /// The cells of the current sheet.
    fn sheet(&self) -> u64 {
        let rows = self.rows + self.row_repeats;
        rows.saturating_mul(self.width.max(self.row_cells))
            .max(self.row_cells)
    }

    fn count(&mut self, tag: &[u8]) {
        let name = tag.split(u8::is_ascii_whitespace).next();
        match name.unwrap_or_default() {
            b"table:table" => {
                self.cells += self.sheet();
                *self = Self {
                    cells: self.cells,
                    ..Self::default()
                };
            }
            b"table:table-row" => self.begin_row(tag),
            b"/table:table-row" => self.end_row(),
            b"table:table-cell" | b"table:covered-table-cell" => {
                let repeats = repeats(tag, b"table:number-columns-repeated=");
                let has_value = [&b"office:value-type"[..], b"table:formula", b"office:value"]
                    .iter()
                    .any(|name| memchr::memmem::find(tag, name).is_some());
                if has_value {
                    self.row_cells += self.empty_cells + repeats;
                    self.empty_cells = 0;
                } else {
                    self.empty_cells = self.empty_cells.saturating_add(repeats);
                }
            }
            _ => {}
        }
    }

    fn begin_row(&mut self, tag: &[u8]) {
        self.row_repeats = repeats(tag, b"table:number-rows-repeated=");
        (self.row_cells, self.empty_cells) = (0, 0);
        if tag.ends_with(b"/") {
            self.end_row();
        }
    }

    fn end_row(&mut self) {
        let repeats = std::mem::take(&mut self.row_repeats);
        if self.row_cells == 0 {
            self.empty_rows = self.empty_rows.saturating_add(repeats);
        } else {
            self.rows = self.rows.saturating_add(self.empty_rows + repeats);
            self.empty_rows = 0;
            self.width = self.width.max(self.row_cells);
        }
        self.row_cells = 0;
    }
}

/// The number in the attribute of `tag` that begins with `name`; 1 without it.
fn repeats(tag: &[u8], name: &[u8]) -> u64 {
    // Beyond what any sheet has.
    const MOST: u64 = 1 << 21;
    let Some(place) = memchr::memmem::find(tag, name) else {
        return 1;
    };
    let digits = tag.iter().skip(place + name.len() + 1);
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u64, digit| {
        (number * 10 + u64::from(digit - b'0')).min(MOST)
    })
}

#[cfg(test)]
mod tests {
    use super::OdsSize;

    const VALUE: &str = "office:value-type=\"float\" office:value=\"1\"";

    /// Whether a sheet with these rows can be read, however it comes in pieces.
    fn fits(rows: &str) -> bool {
        let text = format!("<x><table:table table:name=\"a\">{rows}</table:table></x>");
        let read = |piece: usize| {
            let mut size = OdsSize::default();
            let mut pieces = text.as_bytes().chunks(piece);
            pieces.all(|piece| size.read(piece).is_ok())
        };
        let fits = read(text.len());
        assert_eq!(fits, read(7));
        fits
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
}
