//! Value maps in CSV files: two columns, what is found and what it becomes.

use std::path::{Path, PathBuf};

use crate::domain::mapping::ValueMap;
use crate::domain::text::{quoted, trimmed};
use crate::source::bytes::whole_text::read_whole_text;

/// Why a file of values can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {wrong}", .path.display())]
pub(in crate::config) struct ValueFileError {
    path: PathBuf,
    wrong: String,
}

/// Reads the value map at `path`.
pub(in crate::config) fn read_values(path: &Path) -> Result<ValueMap, ValueFileError> {
    let wrong = |wrong| ValueFileError {
        path: path.to_owned(),
        wrong,
    };
    let text = read_whole_text(path).map_err(|error| wrong(error.to_string()))?;
    value_map(&text).map_err(wrong)
}

/// Reads a value map. A first line `from,to` or `to,from` is a header.
fn value_map(text: &str) -> Result<ValueMap, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|delimiter| {
        // Of equal counts the comma's is the first.
        (count(delimiter), *delimiter == b',')
    });
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter.unwrap_or(b','))
        .from_reader(text.as_bytes());
    let mut map = ValueMap::default();
    let mut is_swapped = false;
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, |place| line_of(text, place));
        let cells: Vec<&str> = record.iter().map(trimmed).collect();
        let Some((first, second)) = pair(&cells) else {
            return Err(format!("line {line}: {} cells, wanted 2", cells.len()));
        };
        let names = |from: &str, to: &str| {
            number == 0 && first.eq_ignore_ascii_case(from) && second.eq_ignore_ascii_case(to)
        };
        if names("to", "from") {
            is_swapped = true;
            continue;
        }
        if names("from", "to") || first.is_empty() && second.is_empty() {
            continue;
        }
        let (from, to) = if is_swapped {
            (second, first)
        } else {
            (first, second)
        };
        if from.is_empty() {
            let cell = if is_swapped { "second" } else { "first" };
            return Err(format!("line {line}: the {cell} cell is empty"));
        }
        if let Err(other) = map.add(from, to) {
            return Err(format!(
                "line {line}: {} stands for {} here, and for {} further up",
                quoted(from),
                quoted(to),
                quoted(&other)
            ));
        }
    }
    if map.is_empty() {
        return Err("no values, wanted lines such as Pro,pln_…".to_owned());
    }
    Ok(map)
}

/// The two cells of a line. Spreadsheets add empty ones.
fn pair<'c>(cells: &[&'c str]) -> Option<(&'c str, &'c str)> {
    match cells {
        [first, second, rest @ ..] if rest.iter().all(|cell| cell.is_empty()) => {
            Some((*first, *second))
        }
        _another => None,
    }
}

/// The line of the record at `place`, behind the blank lines before it.
fn line_of(text: &str, place: &csv::Position) -> u64 {
    let before = usize::try_from(place.byte()).unwrap_or(usize::MAX);
    let rest = text.bytes().skip(before);
    let blank = rest.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    place.line() + blank.filter(|byte| *byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::value_map;

    #[test]
    fn two_columns_with_or_without_header() {
        for text in [
            "from,to\nPro,p1\n\"A, B\",p2\n",
            "Pro,p1\n\"A, B\",p2",
            "\u{feff}From;To;\r\nPro;p1;\r\nA, B;p2;\r\n;;\r\n",
            "Pro\tp1\nA, B\tp2\nPro\tp1\n",
        ] {
            let map = value_map(text).unwrap();
            assert_eq!(map.len(), 2, "{text}");
        }
    }

    #[test]
    fn the_header_says_which_column_is_which() {
        for text in [
            "from,to\nPro,p1\n",
            "To,From\np1,Pro\n",
            "\u{feff}TO;from;\r\np1;Pro;\r\n",
        ] {
            assert_eq!(value_map(text), value_map("Pro,p1"), "{text}");
        }
        let wrong = value_map("to,from\np1,\n").unwrap_err();
        assert_eq!(wrong, "line 2: the second cell is empty");
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, wrong) in [
            (
                "Pro,p1\nPro,p2\n",
                "line 2: \"Pro\" stands for \"p2\" here, and for \"p1\" further up",
            ),
            ("Pro,p1\n\nBasic\n", "line 3: 1 cells, wanted 2"),
            ("a,b,c\n", "line 1: 3 cells, wanted 2"),
            ("a,b\n,c\n", "line 2: the first cell is empty"),
            ("from,to\n", "no values, wanted lines such as Pro,pln_…"),
        ] {
            assert_eq!(value_map(text).unwrap_err(), wrong);
        }
    }
}
