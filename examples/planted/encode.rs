//! Rows → the bytes of a line, as CSV (RFC 4180) and as JSONL.

use std::fmt::Write as _;

use super::row::{CONTACT, Field, Row, Value};

/// The format of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Csv,
    Jsonl,
}

/// The first line of a table.
pub(super) fn header() -> String {
    Field::ALL.map(Field::path).join(",")
}

/// `row` as a line without its end.
pub(super) fn line(row: &Row, format: Format) -> String {
    match format {
        Format::Csv => cells(row).map(|cell| quoted(&cell)).join(","),
        Format::Jsonl => body(row),
    }
}

/// The values of a table's cells, as they are before they are quoted.
pub(super) fn cells(row: &Row) -> [String; 16] {
    Field::ALL.map(|field| match row.get(field) {
        Value::Absent => String::new(),
        Value::Text(text) => text.clone(),
        Value::Json(json) => (*json).to_owned(),
        Value::List(items) if row.separator == "[" => serde_json::json!(items).to_string(),
        Value::List(items) => items.join(row.separator),
    })
}

/// A cell as it is written: in quotes if they are needed.
pub(super) fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        in_quotes(cell)
    } else {
        cell.to_owned()
    }
}

pub(super) fn in_quotes(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

fn body(row: &Row) -> String {
    let mut outer = Vec::new();
    let mut inner = Vec::new();
    for field in Field::ALL {
        let Some(value) = json(row.get(field)) else {
            continue;
        };
        match field.in_contact() {
            Some(name) => inner.push(format!("\"{name}\":{value}")),
            None => outer.push(format!("\"{}\":{value}", field.path())),
        }
    }
    if let Some(contact) = row.contact {
        outer.push(format!("\"{CONTACT}\":{contact}"));
    } else if !inner.is_empty() {
        outer.push(format!("\"{CONTACT}\":{{{}}}", inner.join(",")));
    }
    let text = format!("{{{}{}}}", outer.join(","), row.extra);
    if row.escaped { ascii(&text) } else { text }
}

fn json(value: &Value) -> Option<String> {
    match value {
        Value::Absent => None,
        Value::Text(text) => Some(serde_json::Value::from(text.as_str()).to_string()),
        Value::List(items) => Some(serde_json::json!(items).to_string()),
        Value::Json(json) => Some((*json).to_owned()),
    }
}

/// JSON with an escape for every character beyond ASCII, as many programs
/// write it; those beyond 16 bits take two (RFC 8259 §7).
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string can't fail.
            write!(text, "\\u{unit:04x}").ok();
        }
    }
    text
}
