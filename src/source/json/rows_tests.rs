use std::io::Read;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::write_rows;
use crate::source::csv::splitter::LONGEST_ROW;

/// The rows of `text`, and what is said about it.
fn written(text: &[u8], path: &[&str]) -> (Vec<String>, Vec<String>) {
    let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
    let mut out = Vec::new();
    let notes = write_rows(FewBytes(text), &path, &mut out).unwrap();
    for note in &notes {
        let of_rows = ["it is one page", "it ends before", "it has "];
        let is_of_rows = of_rows.iter().any(|text| note.text.starts_with(text));
        assert_eq!(note.lacks_rows, is_of_rows, "{note:?}");
    }
    let notes = notes.into_iter().map(|note| note.text).collect();
    let text = String::from_utf8_lossy(&out).replace('\t', "|");
    (text.lines().map(str::to_owned).collect(), notes)
}

fn rows(text: &str) -> Vec<String> {
    written(text.as_bytes(), &[]).0
}

/// Returns few bytes at a time.
struct FewBytes<'t>(&'t [u8]);

impl Read for FewBytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let few = buffer.len().min(7);
        self.0.read(&mut buffer[..few])
    }
}

#[test]
fn rows_have_the_line_on_which_they_begin() {
    for (text, wanted) in [
        ("[]", &[][..]),
        (
            "[{\"a\":1},{\"b\":\"},{\"}]",
            &["1|{\"a\":1}", "1|{\"b\":\"},{\"}"],
        ),
        (
            "\u{feff}[\r\n  {\r\n    \"a\": [1,\r\n 2]\r\n  },\r\n  { }\r\n]\r\n",
            &["2|{ \"a\": [1, 2] }", "6|{ }"],
        ),
        (
            "[\r{\r\"a\": 1\r},\r\r{ }\r]\r",
            &["2|{ \"a\": 1 }", "6|{ }"],
        ),
        ("{\"a\":1}\r{\"a\":2}\r", &["1|{\"a\":1}", "2|{\"a\":2}"]),
        (
            "{\n \"a\": 1\n}\n{\n \"a\": 2\n}",
            &["1|{ \"a\": 1 }", "4|{ \"a\": 2 }"],
        ),
        (
            "[{}]\n[{}]\u{feff}[{}] {}",
            &["1|{}", "2|{}", "2|{}", "2|{}"],
        ),
        ("{\"a\":1},\n{\"a\":2},", &["1|{\"a\":1}", "2|{\"a\":2}"]),
        (
            "[1, \"x\",\nnull, [{}]]",
            &["1|1", "1|\"x\"", "2|null", "2|[{}]"],
        ),
    ] {
        assert_eq!(rows(text), wanted, "{text}");
    }
}

#[test]
fn what_is_broken_is_one_row_with_its_place() {
    for (text, wanted) in [
        (
            "[{\"a\":1},\n{\"a\":oops},\n{\"a\":2}]",
            &[
                "1|{\"a\":1}",
                "2!not JSON at line 2, column 6: a value is missing or misspelt (wanted a JSON object)|{\"a\":oops}",
                "3|{\"a\":2}",
            ][..],
        ),
        (
            "[\n  {\n    \"a\": 1\n    \"b\": 2\n  }\n]",
            &[
                "2!not JSON at line 4, column 5: wanted , or } here (wanted a JSON object)|{ \"a\": 1 \"b\": 2 }",
            ],
        ),
        (
            "[{\"a\":1},{\"a\":\"cut o",
            &[
                "1|{\"a\":1}",
                "1!not JSON at line 1, column 21: cut off within a string, where the file ends (wanted a JSON object)|{\"a\":\"cut o",
            ],
        ),
        (
            "[{\"a\":1}} x]",
            &[
                "1|{\"a\":1}",
                "1!not JSON at line 1, column 9: a value is missing or misspelt (wanted a JSON object)|}",
                "1!not JSON at line 1, column 11: a value is missing or misspelt (wanted a JSON object)|x",
            ],
        ),
    ] {
        assert_eq!(rows(text), wanted, "{text}");
    }
}

#[test]
fn a_broken_row_takes_no_others_with_it() {
    for text in [
        "[\n{\"a\":\"x},\n{\"a\":2},\n{\"a\":3}\n]",
        "[\n{\"a\":1,\n{\"a\":2},\n{\"a\":3}\n]",
        "[\n{\"a\":[1,\n{\"a\":2},\n{\"a\":3}\n]",
        "{\n \"a\": {\n{\n \"a\": 2\n}\n{\n \"a\": 3\n}\n",
    ] {
        let rows = rows(text);
        let good = rows.iter().filter(|row| !row.contains('!')).count();
        let least = if text.contains('[') && text.contains("[1,") {
            0
        } else {
            2
        };
        assert!(good >= least && rows.len() > good, "{text}: {rows:?}");
    }
}

#[test]
fn a_list_is_found_at_its_path() {
    let page = r#"{"object":"list","data":[{"a":1},{"a":2}],"has_more":true}"#;
    let (rows, notes) = written(page.as_bytes(), &["data"]);
    assert_eq!(rows, ["1|{\"a\":1}", "1|{\"a\":2}"]);
    assert_eq!(
        notes,
        [
            "its rows are the list \"data\"",
            "it is one page of more (\"has_more\" is true): the customers of the other pages are not in it",
        ]
    );
    let last = page.replace("true", "false");
    let (rows, notes) = written(format!("{page}\n{last}\n{{\"a\":3}}").as_bytes(), &["data"]);
    assert_eq!(rows[2..], ["2|{\"a\":1}", "2|{\"a\":2}", "3|{\"a\":3}"]);
    assert_eq!(notes.len(), 1, "{notes:?}");
    let counted = page.replace("\"has_more\":true", "\"total\":4");
    let (_, notes) = written(counted.as_bytes(), &["data"]);
    assert_eq!(
        notes[1..],
        ["it has 2 rows of the 4 that \"total\" beside them counts"]
    );
    let (_, notes) = written(counted.repeat(2).as_bytes(), &["data"]);
    assert_eq!(notes.len(), 1, "{notes:?}");
    let deep =
        r#"{"data":{"customers":{"edges":[{"node":{"a":1}}],"pageInfo":{"hasNextPage":true}}}}"#;
    let (rows, notes) = written(deep.as_bytes(), &["data", "customers", "edges"]);
    assert_eq!(rows, ["1|{\"node\":{\"a\":1}}"]);
    assert!(notes[1].contains("pageInfo.hasNextPage"), "{notes:?}");
}

#[test]
fn a_list_that_is_cut_off_keeps_its_rows() {
    for (text, many) in [
        (r#"{"data":[{"a":1},{"a":2}"#, 2),
        (r#"{"data":[{"a":1},"#, 1),
        (r#"{"data":[{"a":1},{"a":"#, 2),
        (r#"{"data":[{"a":1}],"has_"#, 1),
        (r#"[{"a":1}"#, 1),
    ] {
        let (rows, notes) = written(text.as_bytes(), &["data"]);
        assert_eq!(rows.len(), many, "{rows:?}");
        assert!(
            notes.iter().any(|note| note.contains("cut off")),
            "{text}: {notes:?}"
        );
    }
    let (rows, _) = written(br#"{"data":[{"a":1}] oops "x":1}"#, &["data"]);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows[1].starts_with("1!not JSON at line 1, column 19"),
        "{rows:?}"
    );
}

#[test]
fn an_object_above_the_limit_is_one_row_and_is_not_held() {
    let long = "x".repeat(LONGEST_ROW);
    let text = format!("[{{\"a\":1}},{{\"a\":\"{long}\"}},\n{{\"a\":2}}]");
    let mut out = Vec::new();
    write_rows(text.as_bytes(), &[], &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "1\t{\"a\":1}\n1!the row is longer than 4 MiB\t\n2\t{\"a\":2}\n"
    );
    let deep = "[".repeat(LONGEST_ROW + 1000);
    let mut out = Vec::new();
    write_rows(format!("[{deep}").as_bytes(), &[], &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "1!the row is longer than 4 MiB\t\n"
    );
}

fn objects() -> impl Strategy<Value = Vec<Value>> {
    let leaf = prop_oneof![
        "[ab\"\\\\{}\\[\\],:\n\té名]{0,6}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!({"k": [{}, []]})),
        Just(Value::Null),
    ];
    let members = prop::collection::btree_map("[a-c\"{]{1,2}", leaf, 0..4);
    let object = members.prop_map(|members| Value::Object(members.into_iter().collect()));
    prop::collection::vec(object, 0..5)
}

proptest! {
    #[test]
    fn objects_are_the_same_rows_however_they_are_written(objects in objects()) {
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let list = Value::from(objects.clone());
        let lines = |pretty: &dyn Fn(&Value) -> String, end: &str| {
            objects.iter().map(|object| pretty(object) + end).collect::<String>()
        };
        let ways = [
            list.to_string(),
            pretty(&list),
            pretty(&list).replace('\n', "\r\n"),
            lines(&pretty, "\n"),
            lines(&Value::to_string, " "),
            json!({"a": 1, "data": list, "meta": {"data": []}}).to_string(),
            pretty(&json!({"data": list})),
        ];
        for text in ways {
            let mut out = Vec::new();
            write_rows(FewBytes(text.as_bytes()), &["data".to_owned()], &mut out).unwrap();
            let out = String::from_utf8(out).unwrap();
            let mut found = Vec::new();
            for line in out.lines() {
                let (number, row) = line.split_once('\t').unwrap();
                let at = text.lines().nth(number.parse::<usize>().unwrap() - 1).unwrap();
                prop_assert!(at.contains('{'), "{}: {}", number, text);
                found.push(serde_json::from_str::<Value>(row).unwrap());
            }
            prop_assert_eq!(&found, &objects, "{}", text);
        }
    }

    #[test]
    fn garbage_never_panics_and_ends(pieces in prop::collection::vec(prop::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"", "\\", "a", "1", " ", "\n", "\"data\":", "\u{feff}", "\r"]), 0..40), bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        for text in [pieces.concat().into_bytes(), [pieces.concat().as_bytes(), &bytes].concat()] {
            let (rows, _) = written(&text, &["data"]);
            for row in rows {
                prop_assert!(row.contains('|'), "{}", row);
            }
        }
    }
}
