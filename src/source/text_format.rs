//! Whether an input is a table or JSON: by the ending of its name, unless its first bytes
//! are certainly the other.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;

use super::bytes::compression::Compression;
use super::jsonl::syntax::{Lexer, SyntaxFault};
use super::{FormatChoice, Settings};
use crate::domain::header::{normalised, usual_names};

/// Among how many lines the header of a table is searched.
const HEADER_WITHIN: usize = 20;

/// How many names that columns have make a line a header.
const NAMES_OF_HEADER: usize = 2;

/// How an input's text is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextFormat {
    /// Whether it is JSON, and not a table.
    pub(super) is_json: bool,
    /// What is to be said about it.
    pub(super) note: Option<String>,
}

impl TextFormat {
    /// The format of the input `name`; `text` is its start, without a byte-order mark.
    pub(super) fn of(name: &OsStr, text: &[u8], settings: &Settings) -> Self {
        let plain = |is_json| Self {
            is_json,
            note: None,
        };
        match settings.format {
            FormatChoice::Csv | FormatChoice::Xlsx => return plain(false),
            FormatChoice::Json => return plain(true),
            FormatChoice::Auto => {}
        }
        let ending = ending_of(name);
        let although = |is_json: bool| Self {
            is_json,
            note: Some(format!(
                "read as {}, though its name ends in .{ending}",
                if is_json { "JSON" } else { "a table" }
            )),
        };
        match ending.as_str() {
            "json" | "jsonl" | "ndjson" if is_surely_table(text) => although(false),
            "json" | "jsonl" | "ndjson" => plain(true),
            "csv" | "tsv" if is_surely_json(text) => although(true),
            "csv" | "tsv" => plain(false),
            _ => plain(matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))),
        }
    }
}

/// The ending of a file's name, without that of a compression.
fn ending_of(name: &OsStr) -> String {
    let ending = |path: &Path| {
        let ending = path.extension().map(|ending| ending.to_string_lossy());
        ending.unwrap_or_default().to_lowercase()
    };
    let path = Path::new(name);
    let outer = ending(path);
    match path.file_stem() {
        Some(stem) if Compression::is_ending(&outer) => ending(Path::new(stem)),
        Some(_) | None => outer,
    }
}

/// Whether `text` begins with an object of JSON, or with an array of them.
fn is_surely_json(text: &[u8]) -> bool {
    let object = match after(text, b'[') {
        Some(list) => after(list, b'{'),
        None => after(text, b'{'),
    };
    if object.and_then(|members| after(members, b'"')).is_none() {
        return false;
    }
    let text = String::from_utf8_lossy(text);
    let mut lexer = Lexer::new(&text, 0);
    lexer.skip_blanks();
    match lexer.skip_value() {
        Ok(()) => true,
        // Only the start was read.
        Err(SyntaxFault { at, .. }) => at >= text.len(),
    }
}

/// What follows the byte `first` if `text` begins with it, blanks aside.
fn after(text: &[u8], first: u8) -> Option<&[u8]> {
    text.trim_ascii_start().strip_prefix(&[first])
}

/// Whether `text` has a header with usual names, and no line that begins as JSON does.
fn is_surely_table(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    if text
        .split(['\n', '\r'])
        .any(|line| line.trim_start().starts_with(['{', '[']))
    {
        return false;
    }
    let usual: HashSet<String> = usual_names().collect();
    let is_header = |line: &str| {
        let names = line.split([',', ';', '\t', '|']);
        let names = names.map(|name| normalised(name.trim().trim_matches('"')));
        names.filter(|name| usual.contains(name)).count() >= NAMES_OF_HEADER
    };
    text.lines().take(HEADER_WITHIN).any(is_header)
}

#[cfg(test)]
mod tests {
    use super::TextFormat;
    use crate::source::Settings;

    /// Whether it is read as JSON, and whether that is said.
    fn format(name: &str, text: &str) -> (bool, bool) {
        let format = TextFormat::of(name.as_ref(), text.as_bytes(), &Settings::default());
        (format.is_json, format.note.is_some())
    }

    #[test]
    fn certain_content_beats_the_ending() {
        for text in [
            "{\"clientId\":\"c-1\"}\n{\"clientId\":\"c-2\"}\n",
            "[{\"clientId\":\"c-1\"}]",
            " \n[\n  {\n  \"clientId\": \"c-1\",\n \"na",
            "{\"data\":[{\"id\":1}]}",
        ] {
            assert_eq!(format("in.csv", text), (true, true), "{text}");
            assert_eq!(format("in.tsv.gz", text), (true, true), "{text}");
            assert_eq!(format("in.jsonl", text), (true, false), "{text}");
            assert_eq!(format("in", text), (true, false), "{text}");
        }
        for text in [
            "clientId,companyName,currency\nc-1,A,USD\n",
            "Customers of May\n\n\"Customer ID\";\"Company\";\"E-Mail\"\n",
        ] {
            assert_eq!(format("in.jsonl", text), (false, true), "{text}");
            assert_eq!(format("in.json", text), (false, true), "{text}");
            assert_eq!(format("in.csv", text), (false, false), "{text}");
        }
    }

    #[test]
    fn in_doubt_the_ending_decides() {
        for text in [
            "{clientId},{companyName}\n",
            "{\"clientId\",\"companyName\"}\n",
            "[id],[name]\n",
            "[]\n",
            "",
        ] {
            assert_eq!(format("in.csv", text), (false, false), "{text}");
        }
        for text in [
            "broken\n{\"clientId\":\"c-1\"}\n",
            "\"clientId\":\"c-1\",\"companyName\":\"A\"\n",
            "clientId\n",
            "",
        ] {
            assert_eq!(format("in.jsonl", text), (true, false), "{text}");
        }
    }
}
