//! Rows that can't be read: neither CSV nor JSON, whatever they were meant to be.

use super::chance::Chance;
use super::encode::{self, Format};
use super::row::{CONTACT, Field, Row, Value};

/// Lines that can't be read, and how many rows they are: two lines may be one row, because
/// a quote that is left open swallows line ends.
pub(super) struct Broken {
    pub(super) bytes: Vec<u8>,
    pub(super) rows: u64,
}

impl Broken {
    fn one(text: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: text.into(),
            rows: 1,
        }
    }

    fn two(first: &str, second: &str) -> Self {
        Self {
            bytes: format!("{first}\n{second}").into_bytes(),
            rows: 2,
        }
    }
}

type Break = fn(&Row, &mut Chance) -> Broken;

/// The longest row that is read, in bytes (docs/interface.md, "limits").
const LONGEST_ROW: usize = 4 << 20;

/// Bytes that are no UTF-8 (RFC 3629 §4): Latin-1, a truncated character, one without its
/// beginning, an overlong one, half of a surrogate pair, one beyond the last, and bytes
/// that never occur.
const NO_UTF_8: [&[u8]; 7] = [
    b"\xfc",
    b"\xe5\x90",
    b"\x80",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80",
    b"\xff",
];

/// The ways in which a row of `format` can't be read.
pub(super) fn ways(format: Format) -> &'static [Break] {
    match format {
        Format::Csv => &CSV,
        Format::Jsonl => &JSONL,
    }
}

/// A row well beyond the limit, with its closing quote.
pub(super) fn endless(row: &Row, format: Format) -> Broken {
    let mut row = row.clone();
    let long = "All too long, ".repeat(LONGEST_ROW / 10);
    row.set(Field::AddressLine2, Value::Text(long));
    Broken::one(encode::line(&row, format))
}

/// A table's last row, with a quote that is never closed.
pub(super) fn left_open(row: &Row) -> Broken {
    let cells = tame(row);
    Broken::one(format!("{},\"{}", cells[0], cells[1..].join(",")))
}

const CSV: [Break; 17] = [
    |row, chance| {
        let cells = tame(row);
        let kept = 1 + usize::try_from(chance.below(15)).unwrap_or_default();
        Broken::one(cells[..kept].join(","))
    },
    |row, _| Broken::one(tame(row).join(";")),
    |row, _| Broken::one(encode::in_quotes(&tame(row).join(","))),
    |row, _| Broken::one(format!("{},surplus", tame(row).join(","))),
    // Only a filled last cell shows that there is one too many.
    |row, _| Broken::one(with_company(row, "Farrow, Pike & Partners") + "GB"),
    |row, _| Broken::one(with_company(row, "\"Farrow\" & Pike")),
    |row, _| Broken::one(with_company(row, "\"5\" Pipe\"")),
    |row, _| Broken::one(with_company(row, "\"Farrow \"and\" Pike\"")),
    // A line end outside quotes makes two rows of one.
    |row, _| {
        let cells = tame(row);
        let (here, there) = (cells[..11].join(","), cells[11..].join(","));
        Broken::two(&here, &format!("Street,{there}"))
    },
    // A quote left open takes the next row with it, up to that row's quote.
    |row, _| {
        let cells = tame(row);
        let next = with_company(row, "\"Farrow, Pike\"");
        let open = format!("{},\"{}\n{next}", cells[0], cells[1..].join(","));
        Broken::one(open)
    },
    |row, _| without_utf_8(row, 0),
    |row, _| without_utf_8(row, 1),
    |row, _| without_utf_8(row, 2),
    |row, _| without_utf_8(row, 3),
    |row, _| without_utf_8(row, 4),
    |row, _| without_utf_8(row, 5),
    |row, _| without_utf_8(row, 6),
];

/// The cells without any that would need quotes, so that each way of breaking a row occurs
/// alone.
fn tame(row: &Row) -> Vec<String> {
    let flat = |cell: String| cell.replace([',', '"', '\n', '\r'], " ");
    encode::cells(row).map(flat).to_vec()
}

fn with_company(row: &Row, company: &str) -> String {
    let mut cells = tame(row);
    company.clone_into(&mut cells[1]);
    cells.join(",")
}

fn without_utf_8(row: &Row, which: usize) -> Broken {
    let cells = tame(row);
    let mut bytes = format!("{},M", cells[0]).into_bytes();
    bytes.extend(NO_UTF_8[which]);
    bytes.extend(format!(",{}", cells[2..].join(",")).into_bytes());
    Broken::one(bytes)
}

const JSONL: [Break; 35] = [
    |row, chance| {
        let body = body(row);
        let end = 1 + chance.below(body.len() as u64 - 1);
        let end =
            (0..=usize::try_from(end).unwrap_or_default()).rfind(|end| body.is_char_boundary(*end));
        Broken::one(body.split_at(end.unwrap_or(1).max(1)).0)
    },
    |row, _| Broken::one(with(row, ",")),
    |row, _| Broken::one(body(row).replacen(",\"", " \"", 1)),
    |row, _| Broken::one(body(row).replacen("\":", "\" ", 1)),
    |row, _| Broken::one(body(row).replace('"', "'")),
    |row, _| Broken::one(body(row).replace("\"clientId\"", "clientId")),
    |row, _| Broken::one(with(row, r#","vip":True"#)),
    |row, _| Broken::one(with(row, r#","score":NaN"#)),
    |row, _| Broken::one(with(row, r#","score":01"#)),
    |row, _| Broken::one(with(row, r#","score":.5"#)),
    |row, _| Broken::one(with(row, r#","score":0x1F"#)),
    |row, _| Broken::one(format!("{0} {0}", body(row))),
    |row, _| Broken::one(format!("{}{}", body(row), "{}")),
    |row, _| Broken::one(format!("[{}]", body(row))),
    |row, _| Broken::one(format!("{},", body(row))),
    |row, _| Broken::one(format!("{} // new", body(row))),
    |row, _| Broken::one(format!("\u{feff}{}", body(row))),
    |row, _| Broken::one(serde_json::Value::from(body(row)).to_string()),
    |_, _| Broken::one("null"),
    |_, _| Broken::one("4711"),
    |_, _| Broken::one("# customers of the north"),
    |row, _| Broken::one(encode::line(row, Format::Csv).replace(['\n', '\r'], " ")),
    |row, _| Broken::one(in_company(row, b"\t")),
    |row, _| Broken::one(in_company(row, b"\0")),
    |row, _| Broken::one(in_company(row, br"\ud83d")),
    |row, _| Broken::one(in_company(row, br"\x41")),
    |row, _| Broken::one(in_company(row, NO_UTF_8[0])),
    |row, _| Broken::one(in_company(row, NO_UTF_8[1])),
    |row, _| Broken::one(in_company(row, NO_UTF_8[3])),
    |row, _| Broken::one(in_company(row, NO_UTF_8[4])),
    |row, _| {
        let body = body(row);
        let (here, there) = body.split_once("\"companyName\":\"").unwrap_or_default();
        Broken::two(&format!("{here}\"companyName\":\"Farrow"), there)
    },
    // A member that occurs twice: which of the two was meant is ambiguous.
    |row, _| Broken::one(with(row, r#","currency":"EUR""#)),
    |row, _| Broken::one(with(row, r#","curr\u0065ncy":null"#)),
    |row, _| {
        let mut row = row.clone();
        row.contact = Some(r#"{"city":"Leeds","state":"","city":"Leeds"}"#);
        Broken::one(body(&row))
    },
    |row, _| {
        let mut row = row.clone();
        row.contact = Some("{}");
        Broken::one(with(&row, &format!(",\"{CONTACT}\":{{}}")))
    },
];

fn body(row: &Row) -> String {
    encode::line(row, Format::Jsonl)
}

/// The body with more at its end.
fn with(row: &Row, more: &str) -> String {
    let body = body(row);
    format!("{}{more}}}", body.strip_suffix('}').unwrap_or(&body))
}

/// The body with these bytes in the company's name.
fn in_company(row: &Row, bytes: &[u8]) -> Vec<u8> {
    let body = body(row);
    let (here, there) = body.split_once("\"companyName\":\"").unwrap_or_default();
    let start = format!("{here}\"companyName\":\"Farrow").into_bytes();
    [&start[..], bytes, there.as_bytes()].concat()
}
