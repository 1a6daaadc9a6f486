use proptest::prelude::*;

use super::JsonlRows;
use crate::domain::row::{CellKind, ReadState, Row};
use crate::domain::skip::SkipReason;

fn read(text: &[u8]) -> (Vec<Row>, Vec<String>) {
    let mut rows = JsonlRows::new(text, "in.jsonl", 0);
    let mut all = Vec::new();
    let mut row = Row::default();
    while rows.next(&mut row).unwrap() {
        all.push(row.clone());
    }
    (all, rows.columns().names.clone())
}

fn cells<'r>(row: &'r Row, names: &'r [String]) -> Vec<(&'r str, CellKind, &'r str)> {
    row.cells()
        .map(|cell| (names[cell.column].as_str(), cell.kind, cell.value))
        .collect()
}

fn broken(text: &str) -> String {
    match &read(text.as_bytes()).0[0].state {
        ReadState::Broken(why) => why.clone(),
        ReadState::Good | ReadState::Skipped(_) => String::new(),
    }
}

#[test]
fn members_become_cells_under_their_path() {
    let (rows, names) = read(
        br#"{"clientId":"c-1","planIds":["a","b\n"],"billingContact":{"email":"x@y.example","phone":null},"n":1.5}"#,
    );
    assert_eq!(
        cells(&rows[0], &names),
        [
            ("clientId", CellKind::Text, "c-1"),
            ("planIds", CellKind::Item, "a"),
            ("planIds", CellKind::Item, "b\n"),
            ("billingContact", CellKind::Object, ""),
            ("billingContact.email", CellKind::Text, "x@y.example"),
            ("billingContact.phone", CellKind::Null, ""),
            ("n", CellKind::Number, "1.5"),
        ]
    );
}

/// A field is read however many other members precede it, and the time for a row is
/// linear in its members.
#[test]
fn a_field_after_thousands_of_other_members_is_read() {
    let others: Vec<String> = (0..20_000).map(|n| format!("\"x{n}\":{n}")).collect();
    let text = format!(
        "{{{}}}\n{{\"clientId\":\"c-1\",\"planIds\":[\"p\"],\"billingContact\":{{\"email\":\"e\"}},\"_line\":\"7\"}}",
        others.join(",")
    );
    let (rows, names) = read(text.as_bytes());
    assert_eq!(
        cells(&rows[1], &names),
        [
            ("clientId", CellKind::Text, "c-1"),
            ("planIds", CellKind::Item, "p"),
            ("billingContact", CellKind::Object, ""),
            ("billingContact.email", CellKind::Text, "e"),
            ("_line", CellKind::Text, "7"),
        ]
    );
}

#[test]
fn escapes_and_other_scripts_are_read() {
    let (rows, names) = read(r#"{"a":"x\"é\u00fc","b":"名前"}"#.as_bytes());
    assert_eq!(
        cells(&rows[0], &names),
        [
            ("a", CellKind::Text, "x\"éü"),
            ("b", CellKind::Text, "名前")
        ]
    );
}

#[test]
fn arrays_of_anything_else_are_one_cell() {
    let (rows, names) = read(br#"{"a":["x",1,{"b":[]}],"c":[]}"#);
    assert_eq!(
        cells(&rows[0], &names),
        [
            ("a", CellKind::MixedList, ""),
            ("c", CellKind::EmptyList, "")
        ]
    );
}

#[test]
fn places_are_lines_and_blank_lines_are_blank() {
    let (rows, _) = read(b"\xef\xbb\xbf{}\r\n\n  \n{}");
    let places: Vec<_> = rows
        .iter()
        .map(|row| (row.origin.line, row.origin.byte))
        .collect();
    assert_eq!(places, [(1, 0), (2, 7), (3, 8), (4, 11)]);
    assert_eq!(rows[1].state, ReadState::Skipped(SkipReason::Blank));
    assert_eq!(rows[2].state, ReadState::Skipped(SkipReason::Blank));
    assert_eq!(rows[3].state, ReadState::Good);
    assert_eq!(rows[0].raw(), b"{}");
}

#[test]
fn a_broken_line_is_one_broken_row() {
    assert!(
        broken(r#"{"a":1"#).starts_with("not JSON at column "),
        "{}",
        broken(r#"{"a":1"#)
    );
    assert!(broken("[1]").contains("a JSON object"), "{}", broken("[1]"));
    assert!(broken("{} {}").starts_with("not JSON at column "));
    assert_eq!(
        broken(r#"{"a":1,"a":2}"#),
        "a member stands twice: \"a\", wanted once"
    );
    assert_eq!(
        broken(r#"{"a":{"b":1,"b":2}}"#),
        "a member stands twice: \"b\", wanted once"
    );
    let deep = "[".repeat(100_000);
    assert!(
        broken(&format!(r#"{{"a":{deep}"#)).contains("recursion"),
        "{}",
        broken(&deep)
    );
}

#[test]
fn a_mended_line_of_a_rejects_file_is_read() {
    let (rows, names) = read(
        br#"{"_line":3,"_code":"malformed_row","clientId":"no","_raw":"{\"clientId\":\"c-1\"}"}"#,
    );
    assert_eq!(
        cells(&rows[0], &names),
        [
            ("clientId", CellKind::Text, "c-1"),
            ("_line", CellKind::Number, "3"),
            ("_code", CellKind::Text, "malformed_row"),
        ]
    );
    assert_eq!(rows[0].raw(), br#"{"clientId":"c-1"}"#);
}

#[test]
fn a_line_that_was_not_mended_is_rejected_unchanged() {
    let (rows, _) = read(br#"{"_line":3,"_raw":"acct_9;Foo;USD"}"#);
    assert_eq!(rows[0].raw(), b"acct_9;Foo;USD");
    assert!(
        matches!(rows[0].state, ReadState::Broken(_)),
        "{:?}",
        rows[0].state
    );
}

#[test]
fn the_number_of_columns_is_bounded() {
    let lines: Vec<String> = (0..5000).map(|n| format!("{{\"m{n}\":1}}")).collect();
    let (rows, names) = read(lines.join("\n").as_bytes());
    assert_eq!(rows.len(), 5000);
    assert_eq!(names.len(), super::object::MOST_COLUMNS);
}

proptest! {
    #[test]
    fn strings_are_read_as_serde_reads_them(value in any::<String>()) {
        let line = serde_json::json!({ "a": value }).to_string();
        let (rows, names) = read(line.as_bytes());
        prop_assert_eq!(cells(&rows[0], &names), [("a", CellKind::Text, value.as_str())]);
    }

    #[test]
    fn garbage_never_panics_and_every_line_is_a_row(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let lines = bytes.split(|byte| *byte == b'\n').count() - usize::from(bytes.is_empty() || bytes.ends_with(b"\n"));
        prop_assert_eq!(read(&bytes).0.len(), lines);
    }
}

#[test]
fn a_quoted_line_in_an_error_is_shortened_and_starts_no_command() {
    let why = broken(&format!("\"##[add-mask]{}\"\n", "x".repeat(100_000)));
    assert!(why.starts_with("not JSON at column "), "{why}");
    assert!(why.contains("##\\u{5b}add-mask]xxx"), "{why}");
    assert!(
        why.ends_with("x\", expected a JSON object (wanted one JSON object a line)"),
        "{why}"
    );
    assert!(why.len() < 300, "{}", why.len());
}
