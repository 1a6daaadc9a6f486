//! Compares our readers with the usual libraries: what both accept as well formed, both
//! read alike.
//!
//! Whole files are read through the program's own entry point, in pieces as the system
//! returns them; `src/source/*_tests.rs` has the small differences and the places of rows.
//! The comparisons are counted, because a test that skips all of them would pass.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use kable_bulk::domain::row::{CellKind, ReadState, Row, Rows};
use kable_bulk::source::input::open;
use kable_bulk::source::reader::InputReader;
use kable_bulk::source::{Format, FormatChoice, Settings, SourceError};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Where the first piece ends that a reader takes (`CHUNK` of `src/source/bytes/buffer.rs`).
/// Generated text is placed around it.
const PIECE: usize = 120 << 10;

/// A cell under its column: its kind, and its text.
type Found = (String, CellKind, String);

/// A row as we read it.
#[derive(Debug)]
struct Ours {
    raw: Bytes,
    state: ReadState,
    cells: Vec<Found>,
}

/// All rows of a file; `None` if it is refused as a whole.
fn ours(name: &str, content: &[u8], settings: &Settings) -> Option<(Vec<Ours>, Format)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    // A broken byte would be a sign of another encoding.
    let settings = Settings {
        encoding: Some(encoding_rs::UTF_8),
        ..settings.clone()
    };
    let input = match open(path.as_os_str(), &settings, folder.path()) {
        Ok(input) => input,
        Err(SourceError::OtherKind { .. }) => return None,
        other => other.unwrap(),
    };
    let format = input.format;
    let mut reader = InputReader::new([input].into(), None);
    let (mut rows, mut row) = (Vec::new(), Row::default());
    loop {
        match reader.next(&mut row) {
            Ok(true) => {}
            Ok(false) => return Some((rows, format)),
            other => assert!(other.is_ok(), "{other:?}"),
        }
        let names = &reader.columns().names;
        let found = row.cells().map(|cell| {
            let name = names.get(cell.column).cloned().unwrap_or_default();
            (name, cell.kind, cell.value.to_owned())
        });
        rows.push(Ours {
            raw: Bytes(row.raw().to_owned()),
            state: row.state.clone(),
            cells: found.collect(),
        });
    }
}

/// Runs this many cases; failures are shrunk.
fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> TestCaseResult) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(strategy, test);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

fn count(counter: &Cell<u32>) {
    counter.set(counter.get() + 1);
}

/// Bytes that are shown as text.
#[derive(Clone, PartialEq, Eq)]
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// A table behind a header of three columns.
#[derive(Debug, Clone)]
struct Table {
    delimiter: u8,
    /// Whether the delimiter is given or detected.
    told: bool,
    mark: bool,
    /// How many bytes before the end of a piece `rows` begins; right after the header if
    /// there are none.
    before: Option<usize>,
    rows: Bytes,
}

impl Table {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = if self.mark { b"\xef\xbb\xbf" } else { &b""[..] }.to_vec();
        let d = char::from(self.delimiter);
        bytes.extend(format!("clientId{d}companyName{d}currency\n").bytes());
        if let Some(before) = self.before {
            let more = PIECE - before - bytes.len() - 5;
            bytes.extend(format!("{}{d}p{d}p\n", "p".repeat(more)).bytes());
        }
        bytes.extend(&self.rows.0);
        bytes
    }

    fn settings(&self) -> Settings {
        Settings {
            format: FormatChoice::Csv,
            delimiter: self.told.then_some(self.delimiter),
            ..Settings::default()
        }
    }
}

/// Rows as people write them, in quotes or not, right or wrong.
fn written(delimiter: u8) -> impl Strategy<Value = Vec<u8>> {
    let text = "[ab ,;\t|\"\n\ré名\u{1f600}]{0,6}";
    let quoted = text.prop_map(|text| format!("\"{}\"", text.replace('"', "\"\"")));
    let cell = prop_oneof![3 => quoted, 2 => "[ab é'\"]{0,5}", 1 => text];
    let end = prop::sample::select(vec!["\n", "\r\n", "\r", " \n"]);
    let cells = prop_oneof![
        8 => prop::collection::vec(cell.clone(), 3),
        1 => prop::collection::vec(cell, 0..6),
    ];
    prop::collection::vec((cells, end), 1..9).prop_map(move |rows| {
        let d = char::from(delimiter).to_string();
        let rows = rows.iter().map(|(cells, end)| cells.join(&d) + end);
        rows.collect::<String>().into_bytes()
    })
}

/// Bytes that are significant to a reader, in random order.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let bytes = b"ab,;\t|\"\"\"\n\n\r  \xff\xc3\xa9\xe5".to_vec();
    prop::collection::vec(prop::sample::select(bytes), 1..80)
}

fn tables() -> impl Strategy<Value = Table> {
    let delimiter = prop::sample::select(b",;\t|".to_vec());
    let before = prop::option::of(0..64_usize);
    (delimiter, any::<bool>(), any::<bool>(), before).prop_flat_map(
        |(delimiter, told, mark, before)| {
            let rows = prop_oneof![3 => written(delimiter).boxed(), 1 => noise().boxed()];
            rows.prop_map(move |rows| Table {
                delimiter,
                told,
                mark,
                before,
                rows: Bytes(rows),
            })
        },
    )
}

/// The same value; or the crate's with the blanks after a closing quote, which our reader
/// drops.
fn same(ours: &str, theirs: &[u8], raw: &[u8]) -> bool {
    let rest = theirs.strip_prefix(ours.as_bytes());
    let behind_quote = raw.windows(2).any(|pair| pair == b"\" ");
    rest.is_some_and(|rest| {
        rest.is_empty() || behind_quote && rest.iter().all(|byte| *byte == b' ')
    })
}

/// Whether a quote follows blanks at the start of a cell: there it opens one for us, and
/// is a character for the crate.
fn quotes_after_blanks(bytes: &[u8], delimiter: u8) -> bool {
    let is_start = |byte: Option<&u8>| {
        byte.is_none_or(|byte| *byte == delimiter || matches!(byte, b'\n' | b'\r'))
    };
    (0..bytes.len()).any(|place| {
        let before = &bytes[..place];
        let blanks = before.iter().rev().take_while(|byte| **byte == b' ');
        let cell = &before[..place - blanks.count()];
        bytes[place] == b'"' && cell.len() < before.len() && is_start(cell.last())
    })
}

/// The number of cells that the message about a row of another length gives.
fn cells_told(why: &str) -> Option<usize> {
    let rest = why.strip_prefix("the row has ")?;
    rest.split(' ').next()?.parse().ok()
}

#[test]
fn tables_are_read_as_the_csv_crate_reads_them() {
    let (good, refused) = (Cell::new(0), Cell::new(0));
    run(400, &tables(), |table| {
        let bytes = table.bytes();
        let Some((ours, format)) = ours("in.csv", &bytes, &table.settings()) else {
            return Ok(());
        };
        let delimiter = table.delimiter;
        prop_assert_eq!(format, Format::Csv { delimiter });
        if quotes_after_blanks(&bytes, delimiter) {
            return Ok(());
        }
        let theirs: Vec<csv::ByteRecord> = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(&bytes[..])
            .into_byte_records()
            .map(Result::unwrap)
            .collect();
        // The crate skips empty lines.
        let ours: Vec<Ours> = ours
            .into_iter()
            .filter(|row| !row.raw.0.is_empty())
            .collect();
        let all = theirs.len();
        prop_assert_eq!(ours.len(), all);
        for (place, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            if let ReadState::Broken(why) = &ours.state {
                count(&refused);
                if let Some(cells) = cells_told(why) {
                    prop_assert_eq!(cells, theirs.len());
                    prop_assert_ne!(cells, 3);
                } else if why.starts_with("a quote is opened") {
                    prop_assert_eq!(place + 1, all, "it takes the rest");
                } else if why.starts_with("not UTF-8") {
                    prop_assert!(std::str::from_utf8(&ours.raw.0).is_err());
                } else {
                    prop_assert!(why.starts_with("text follows a closing quote"), "{}", why);
                }
                continue;
            }
            count(&good);
            // Empty cells beyond the header are dropped.
            prop_assert!(ours.cells.len() <= theirs.len());
            let mut surplus = theirs.iter().skip(ours.cells.len());
            prop_assert!(surplus.all(|cell| cell.trim_ascii().is_empty()));
            for ((_, kind, text), cell) in ours.cells.iter().zip(theirs) {
                prop_assert_eq!(*kind, CellKind::Text);
                prop_assert!(same(text, cell, &ours.raw.0), "{:?} {:?}", text, cell);
            }
        }
        Ok(())
    });
    assert!(good.get() > 500, "{} rows were compared", good.get());
    assert!(refused.get() > 100, "{} rows were refused", refused.get());
}

/// JSON in which a member can occur twice.
#[derive(Debug)]
enum Json {
    Object(Vec<(String, Json)>),
    Other,
}

impl Json {
    /// Whether a member occurs twice in this object or in a nested one.
    fn has_twice(&self) -> bool {
        let Self::Object(members) = self else {
            return false;
        };
        let mut names: Vec<&String> = members.iter().map(|(name, _)| name).collect();
        names.sort();
        names.windows(2).any(|pair| pair[0] == pair[1])
            || members.iter().any(|(_, value)| value.has_twice())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Json::Object(members))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push((items.len().to_string(), item));
                }
                Ok(Json::Object(items))
            }
            fn visit_str<E>(self, _: &str) -> Result<Json, E> {
                Ok(Json::Other)
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
                Ok(Json::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
                Ok(Json::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
                Ok(Json::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
                Ok(Json::Other)
            }
        }
        from.deserialize_any(Any)
    }
}

/// The expected cells of an object, by path.
fn expected(object: &serde_json::Map<String, Value>, above: &str, cells: &mut Vec<Found>) {
    for (name, value) in object {
        // A name that looks like a path is another column than that path.
        let path = if name.contains('.') || name.contains("[\"") {
            format!("{}[{name:?}]", above.strip_suffix('.').unwrap_or(above))
        } else {
            format!("{above}{name}")
        };
        expected_value(value, &path, cells);
    }
}

/// The expected cells of a value; the first items of an array have cells of their own,
/// except in the API's own lists.
fn expected_value(value: &Value, path: &str, cells: &mut Vec<Found>) {
    let mut add = |kind, text: &str| cells.push((path.to_owned(), kind, text.to_owned()));
    match value {
        Value::Null => add(CellKind::Null, ""),
        Value::Bool(bool) => add(CellKind::Bool, &bool.to_string()),
        Value::Number(number) => add(CellKind::Number, &number.to_string()),
        Value::String(text) => add(CellKind::Text, text),
        Value::Array(items) if items.is_empty() => add(CellKind::EmptyList, ""),
        Value::Array(items) => {
            if items.iter().all(Value::is_string) {
                for item in items {
                    add(CellKind::Item, item.as_str().unwrap());
                }
            } else {
                add(CellKind::MixedList, "");
            }
            let columns = if path == "planIds" { 0 } else { 4 };
            for (index, item) in items.iter().take(columns).enumerate() {
                expected_value(item, &format!("{path}[{index}]"), cells);
            }
        }
        Value::Object(members) => {
            add(CellKind::Object, "");
            expected(members, &format!("{path}."), cells);
        }
    }
}

/// Cells whose numbers are rounded as the library rounds them, which is not always to the
/// nearest.
fn rounded(mut cells: Vec<Found>) -> Vec<Found> {
    for (_, kind, text) in &mut cells {
        if *kind == CellKind::Number
            && let Ok(number) = serde_json::from_str::<serde_json::Number>(text)
        {
            *text = number.to_string();
        }
    }
    cells
}

/// Cells by path, so that members may be in any order; the items of a list keep theirs.
/// Numbers are normalized.
fn by_path(cells: Vec<Found>) -> BTreeMap<String, Vec<(String, String)>> {
    let mut all: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (path, kind, text) in cells {
        let text = if kind == CellKind::Number {
            // The library is off in the last digit at times.
            format!("{:.12e}", text.parse::<f64>().unwrap())
        } else {
            text
        };
        all.entry(path)
            .or_default()
            .push((format!("{kind:?}"), text));
    }
    all
}

/// Any JSON, a few levels deep, with few names so that they repeat.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ab\"\\\\/\n\t\u{7}é名\u{1f600}]{0,8}".prop_map(Value::from),
        prop::collection::vec("[ab\n\"é]{0,4}", 0..4).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["clientId", "planIds", "billingContact", "email", "a", "é"])
            .prop_map(str::to_owned),
        1 => "[a-c\"\n é]{0,3}",
    ]
}

/// An object as text; a member may occur twice.
fn objects() -> impl Strategy<Value = String> {
    prop::collection::vec((names(), values()), 0..6).prop_map(|members| {
        let member =
            |(name, value): &(String, Value)| format!("{}:{value}", Value::from(name.as_str()));
        let members: Vec<String> = members.iter().map(member).collect();
        format!("{{{}}}", members.join(", "))
    })
}

/// `text` with escapes for all but ASCII.
fn escaped(text: &str) -> String {
    let mut all = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            all.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(all, "\\u{unit:04X}").unwrap();
        }
    }
    all
}

/// Text inserted somewhere into a line, mostly breaking it.
const PATCHES: [&[u8]; 25] = [
    b"",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"1",
    b"0",
    b"-",
    b".",
    b"e9",
    b" ",
    b"\t",
    b"null",
    b"x",
    b"\\u",
    b"\\ud800",
    b"//",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"\0",
];

/// An object, often damaged at one place, and sometimes none.
fn lines() -> impl Strategy<Value = Bytes> {
    let place = any::<prop::sample::Index>();
    let patch = prop::sample::select(&PATCHES[..]);
    let mistreated =
        (objects(), place, 0..3_usize, patch).prop_map(|(text, place, many, patch)| {
            let mut bytes = text.into_bytes();
            let start = place.index(bytes.len());
            let end = (start + many).min(bytes.len());
            bytes.splice(start..end, patch.iter().copied());
            bytes
        });
    prop_oneof![
        3 => objects().prop_map(String::into_bytes),
        1 => objects().prop_map(|text| escaped(&text).into_bytes()),
        4 => mistreated,
        1 => values().prop_map(|value| value.to_string().into_bytes()),
    ]
    .prop_filter("one line", |line| !line.contains(&b'\n'))
    .prop_map(Bytes)
}

#[test]
fn jsonl_is_read_as_serde_json_reads_it() {
    let (good, twice, broken) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let before = prop::option::of(0..64_usize);
    let files = (prop::collection::vec(lines(), 1..6), before, any::<bool>());
    run(400, &files, |(lines, before, crlf)| {
        let end = if crlf { "\r\n" } else { "\n" };
        let mut content = format!(r#"{{"clientId":"c-1"}}{end}"#).into_bytes();
        let mut wanted = vec![Bytes(content[..content.len() - end.len()].to_vec())];
        if let Some(before) = before {
            let more = PIECE - before - content.len() - 8 - end.len();
            wanted.push(Bytes(
                format!(r#"{{"p":"{}"}}"#, "p".repeat(more)).into_bytes(),
            ));
        }
        wanted.extend(lines);
        content.clear();
        for line in &wanted {
            content.extend([&line.0[..], end.as_bytes()].concat());
        }
        let Some((ours, format)) = ours("in.jsonl", &content, &Settings::default()) else {
            return Ok(());
        };
        prop_assert_eq!(format, Format::Jsonl);
        prop_assert_eq!(ours.len(), wanted.len());
        for (ours, line) in ours.into_iter().zip(&wanted) {
            prop_assert_eq!(&ours.raw, line);
            let line = &line.0[..];
            let theirs = serde_json::from_slice::<Value>(line);
            match (&ours.state, theirs) {
                (ReadState::Skipped(_), _) => {
                    let text = String::from_utf8_lossy(line);
                    prop_assert!(text.trim().is_empty());
                }
                // Of members that feed nothing, the first is kept.
                (ReadState::Good, Ok(Value::Object(_)))
                    if serde_json::from_slice::<Json>(line).unwrap().has_twice() => {}
                (ReadState::Good, Ok(Value::Object(object))) => {
                    count(&good);
                    let mut cells = Vec::new();
                    expected(&object, "", &mut cells);
                    prop_assert_eq!(by_path(rounded(ours.cells)), by_path(cells));
                }
                (ReadState::Broken(why), Ok(Value::Object(_))) => {
                    count(&twice);
                    prop_assert!(why.starts_with("a member stands twice"), "{}", why);
                    prop_assert!(serde_json::from_slice::<Json>(line).unwrap().has_twice());
                }
                (ReadState::Broken(_), Ok(_) | Err(_)) => count(&broken),
                // What is only wrong in its value is no matter where it feeds no field:
                // a number beyond all that are kept, half of a surrogate pair.
                (ReadState::Good, theirs) => {
                    let passed_over = serde_json::from_slice::<serde::de::IgnoredAny>(line);
                    prop_assert!(theirs.is_err() && passed_over.is_ok(), "{:?}", theirs);
                }
            }
        }
        Ok(())
    });
    assert!(good.get() > 500, "{} objects were compared", good.get());
    assert!(twice.get() > 20, "{} had a member twice", twice.get());
    assert!(broken.get() > 200, "{} lines were refused", broken.get());
}
