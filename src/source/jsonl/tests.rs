use proptest::prelude::*;

use super::{JsonlRows, LineForm};
use crate::domain::row::{CellKind, ReadState, Row};
use crate::domain::skip::SkipReason;

fn read(text: &[u8]) -> (Vec<Row>, Vec<String>) {
    read_naming(text, &[])
}

/// The same if the mapping names these columns.
fn read_naming(text: &[u8], named: &[&str]) -> (Vec<Row>, Vec<String>) {
    let form = LineForm {
        is_numbered: false,
        named: named.iter().map(|name| (*name).to_owned()).collect(),
    };
    read_as(text, form)
}

fn read_as(text: &[u8], form: LineForm) -> (Vec<Row>, Vec<String>) {
    let mut rows = JsonlRows::new(text, "in.jsonl", 0, form);
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
            ("a[0]", CellKind::Text, "x"),
            ("a[1]", CellKind::Number, "1"),
            ("a[2]", CellKind::Object, ""),
            ("a[2].b", CellKind::EmptyList, ""),
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
    assert_eq!(
        broken("[1]"),
        "this is an array, wanted one JSON object a line"
    );
    assert_eq!(
        broken(r#"{"é":"cut o"#),
        "not JSON at column 12: cut off within a string (wanted one JSON object a line)"
    );
    assert!(broken("{} {}").starts_with("not JSON at column 4: something follows"));
    for twice in [
        r#"{"clientId":1,"clientId":2}"#,
        r#"{"billingContact":{},"billingContact":{}}"#,
    ] {
        assert!(broken(twice).starts_with("a member stands twice: \""));
    }
    assert_eq!(
        broken(r#"{"billingContact":{"email":1,"email":2}}"#),
        "a member stands twice: \"billingContact.email\", wanted once"
    );
    assert_eq!(
        broken(r#"{"companyName":"A\ud83d"}"#),
        "companyName has half of a surrogate pair (\"A\\\\ud83d\"), wanted whole characters"
    );
}

/// Whatever is wrong inside a member that feeds nothing rejects no row, as long as the
/// line is JSON by its grammar.
#[test]
fn a_member_that_feeds_nothing_rejects_no_row() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    for value in [
        "1e999",
        "-0.0e-999",
        "123456789012345678901234567890",
        r#""\ud800""#,
        r#"{"\ud800":1}"#,
        r#"{"a":1,"a":2}"#,
        &deep,
        &objects,
    ] {
        for text in [
            format!(r#"{{"x":{value},"clientId":"c-1"}}"#),
            format!(r#"{{"clientId":"c-1","metadata":{{"y":[{value}]}}}}"#),
            format!(r#"{{"x":1,"x":{value},"clientId":"c-1"}}"#),
        ] {
            let (rows, names) = read(text.as_bytes());
            let shown: String = text.chars().take(80).collect();
            assert_eq!(rows[0].state, ReadState::Good, "{shown}");
            let cells = cells(&rows[0], &names);
            assert!(
                cells.contains(&("clientId", CellKind::Text, "c-1")),
                "{shown}"
            );
        }
    }
    // What the mapping names matters.
    for text in [
        r#"{"id":1,"id":2}"#,
        r#"{"m":{"k":"\ud800"}}"#,
        r#"{"m":{},"m":{}}"#,
    ] {
        let (rows, _) = read_naming(text.as_bytes(), &["id", "m.k"]);
        assert!(matches!(rows[0].state, ReadState::Broken(_)), "{text}");
    }
}

#[test]
fn numbers_and_booleans_keep_their_text() {
    for (number, text) in [
        ("12345678901234567890.5", "12345678901234567890.5"),
        ("18446744073709551616", "18446744073709551616"),
        ("1e3", "1e3"),
        ("1.0e3", "1.0e3"),
        ("-0", "-0"),
        ("12345.00", "12345"),
        ("12345.10", "12345.10"),
    ] {
        let (rows, names) = read(format!(r#"{{"a":{number},"b":true}}"#).as_bytes());
        assert_eq!(
            cells(&rows[0], &names),
            [("a", CellKind::Number, text), ("b", CellKind::Bool, "true")]
        );
    }
}

#[test]
fn a_member_whose_name_is_a_path_is_not_the_nested_one() {
    let text = br#"{"billingContact.email":"x","a":{"b.c":1,"d[0]":2},"d[x]":3}"#;
    let (rows, names) = read(text);
    assert_eq!(
        cells(&rows[0], &names),
        [
            ("[\"billingContact.email\"]", CellKind::Text, "x"),
            ("a", CellKind::Object, ""),
            ("a[\"b.c\"]", CellKind::Number, "1"),
            ("a[\"d[0]\"]", CellKind::Number, "2"),
            ("d[x]", CellKind::Number, "3"),
        ]
    );
}

#[test]
fn a_mapping_reaches_a_member_by_its_literal_name() {
    let email = |text: &str| {
        let (rows, names) = read_naming(text.as_bytes(), &["address.city"]);
        let cells = cells(&rows[0], &names);
        let cities = cells.iter().filter(|cell| cell.0 == "address.city");
        cities.map(|cell| cell.2.to_owned()).collect::<Vec<_>>()
    };
    for (text, city) in [
        (r#"{"address.city":"Lyon"}"#, "Lyon"),
        (r#"{"address":{"city":"Lyon"}}"#, "Lyon"),
        // The nested one goes first, wherever it stands.
        (r#"{"address.city":"no","address":{"city":"Lyon"}}"#, "Lyon"),
        (r#"{"address":{"city":"Lyon"},"address.city":"no"}"#, "Lyon"),
    ] {
        assert_eq!(email(text), [city], "{text}");
    }
}

#[test]
fn items_and_maps_written_as_lists_are_columns() {
    let text = br#"{"planIds":["p"],"aliases":["a","b","c","d","e"],"metadata":[{"id":1,"key":"tier","value":"gold"},{"value":7,"key":"n"}],"more":[{"x":"y"}]}"#;
    let (rows, names) = read_naming(text, &["aliases[4]"]);
    let found = cells(&rows[0], &names);
    let columns: Vec<_> = found.iter().map(|cell| (cell.0, cell.2)).collect();
    let aliases = ["a", "b", "c", "d", "e"].map(|item| ("aliases", item));
    let items = [
        ("aliases[0]", "a"),
        ("aliases[1]", "b"),
        ("aliases[2]", "c"),
        ("aliases[3]", "d"),
        ("aliases[4]", "e"),
        ("metadata", ""),
        ("metadata.tier", "gold"),
        ("metadata.n", "7"),
        ("more", ""),
        ("more[0]", ""),
        ("more[0].x", "y"),
    ];
    assert_eq!(
        columns,
        [&[("planIds", "p")][..], &aliases, &items].concat()
    );
    // An empty map that PHP wrote.
    let (rows, names) = read(br#"{"metadata":[]}"#);
    assert_eq!(
        cells(&rows[0], &names),
        [("metadata", CellKind::EmptyList, "")]
    );
}

#[test]
fn rows_are_unwrapped_each_by_itself() {
    let text = b"{\"id\":\"a\"}\n{\"customer\":{\"id\":\"b\",\"n\":{\"m\":\"x\"}}}\n{\"customer\":{\"id\":\"c\"},\"at\":1}\n{\"id\":\"d\"}";
    let (rows, names) = read(text);
    let found: Vec<_> = rows.iter().map(|row| cells(row, &names)).collect();
    assert_eq!(found[0], [("id", CellKind::Text, "a")]);
    assert_eq!(
        found[1],
        [
            ("id", CellKind::Text, "b"),
            ("n", CellKind::Object, ""),
            ("n.m", CellKind::Text, "x")
        ]
    );
    assert_eq!(
        found[2],
        [("id", CellKind::Text, "c"), ("at", CellKind::Number, "1")]
    );
    assert_eq!(found[3], [("id", CellKind::Text, "d")]);
    assert_eq!(names, ["id", "n", "n.m", "at"]);
    assert_eq!(rows[2].raw(), b"{\"customer\":{\"id\":\"c\"},\"at\":1}");
}

#[test]
fn numbered_lines_have_the_place_in_the_input() {
    let form = LineForm {
        is_numbered: true,
        named: [].into(),
    };
    let (rows, names) = read_as(
        b"3\t{\"a\":\"x\"}\n9!not JSON at line 9\t{\"a\n12\t7\n",
        form,
    );
    let places: Vec<_> = rows
        .iter()
        .map(|row| (row.origin.line, row.origin.record, row.origin.byte))
        .collect();
    assert_eq!(places, [(3, 1, 0), (9, 2, 12), (12, 3, 37)]);
    assert_eq!(cells(&rows[0], &names), [("a", CellKind::Text, "x")]);
    assert_eq!(rows[1].raw(), b"{\"a");
    assert_eq!(
        rows[1].state,
        ReadState::Broken("not JSON at line 9".to_owned())
    );
    assert_eq!(
        rows[2].state,
        ReadState::Broken("this is a number, wanted a JSON object".to_owned())
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
    assert_eq!(names.len(), super::paths::MOST_COLUMNS);
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
fn an_error_does_not_quote_the_line() {
    assert_eq!(
        broken("\"##[add-mask]\"\n"),
        "this is a string, wanted one JSON object a line"
    );
}
