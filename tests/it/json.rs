//! JSON as people have it: arrays, wrapped lists, objects over several lines; right, wrong
//! and cut off.

use std::collections::BTreeMap;

use kable_bulk::domain::row::{ReadState, Row, Rows};
use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::source::Settings;
use kable_bulk::source::input::open;
use kable_bulk::source::reader::InputReader;
use serde_json::{Value, json};

use crate::common::{Run, json_lines, until};

fn customer(number: usize) -> Value {
    json!({
        "clientId": format!("c-{number}"),
        "companyName": format!("Company {number} \"{{[,]}}\""),
        "currency": "USD",
        "billingContact": {"city": "Köln"},
    })
}

fn customers(many: usize) -> Vec<Value> {
    (1..=many).map(customer).collect()
}

fn by_id(customers: &[Value]) -> BTreeMap<String, Value> {
    let id = |body: &Value| body["clientId"].as_str().unwrap().to_owned();
    customers
        .iter()
        .map(|body| (id(body), body.clone()))
        .collect()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[test]
fn every_arrangement_of_the_same_customers_is_the_same_import() {
    let all = customers(6);
    let list = Value::from(all.clone());
    let each = |write: &dyn Fn(&Value) -> String| -> String {
        all.iter().map(|body| write(body) + "\n").collect()
    };
    let pages = format!(
        "{}\n{}\n",
        json!({"object": "list", "data": all[..3], "has_more": true}),
        json!({"object": "list", "data": all[3..], "has_more": false})
    );
    let wrapped = |body: &Value| json!({"customer": body}).to_string();
    for (name, text) in [
        ("array.json", list.to_string()),
        ("pretty.json", pretty(&list)),
        ("crlf.json", pretty(&list).replace('\n', "\r\n")),
        ("wrapped.json", json!({"customers": list}).to_string()),
        ("wrapped-pretty.json", pretty(&json!({"meta": {}, "data": list}))),
        ("nested.json", json!({"data": {"customers": {"edges": all.iter().map(|body| json!({"node": body})).collect::<Vec<_>>()}}}).to_string()),
        ("objects.json", each(&pretty)),
        ("unwrapped.jsonl", each(&wrapped)),
        ("list.json", json!({"list": all.iter().map(|body| json!({"customer": body, "card": {}})).collect::<Vec<_>>()}).to_string()),
        ("pages.json", pages),
        ("arrays.json", format!("{}{}", json!(all[..2]), json!(all[2..]))),
        ("array.jsonl", pretty(&list)),
        ("no-name", list.to_string()),
    ] {
        let run = Run::new().input(name, text);
        run.import(name).code(0);
        run.summary(name).outcomes(&[("created", 6)]);
        run.holds(&by_id(&all));
    }
}

#[test]
fn an_array_is_read_from_standard_input() {
    let all = customers(3);
    let run = Run::new().stdin(pretty(&Value::from(all.clone())));
    run.import("- --checkpoint c.db --out out").code(0);
    run.holds(&by_id(&all));
}

#[test]
fn rows_of_an_array_have_the_lines_of_the_file() {
    let mut all = customers(20);
    all[4]["currency"] = json!("Euro");
    let text = pretty(&Value::from(all.clone()));
    let line = 1 + text
        .lines()
        .position(|line| line.contains("c-5\""))
        .unwrap() as u64;
    let run = Run::new().input("in.json", text);
    run.import("in.json").code(3);
    let summary = run.summary("in.json");
    // The object begins before its first member, an object of three lines.
    assert_eq!(summary.lines_of("unknown_currency"), [line - 4]);
    summary.outcomes(&[("created", 19)]);
    let rejects = run.text("in.json.results/rejects.jsonl");
    let row = &json_lines(&rejects)[0];
    assert_eq!(row["_line"], line - 4);
    assert_eq!(row["billingContact"], all[4]["billingContact"]);
    run.write("mended.jsonl", rejects.replace("Euro", "EUR"));
    run.import("mended.jsonl --checkpoint in.json.checkpoint.db")
        .code(0);
    assert_eq!(run.held().len(), 20);
    assert_eq!(run.held()["c-5"]["currency"], "EUR");
}

#[test]
fn a_wrapped_row_is_rejected_with_its_wrapper_and_taken_back() {
    let mut wrong = customer(2);
    wrong["currency"] = json!("Euro");
    let text = format!("{}\n{}\n", customer(1), json!({"customer": wrong}));
    let run = Run::new().input("in.jsonl", text);
    run.import("in.jsonl").code(3);
    let rejects = run.text("in.jsonl.results/rejects.jsonl");
    assert_eq!(json_lines(&rejects)[0]["customer"], wrong);
    run.write("mended.jsonl", rejects.replace("Euro", "USD"));
    run.import("mended.jsonl --checkpoint in.jsonl.checkpoint.db")
        .code(0);
    run.holds(&by_id(&customers(2)));
}

#[test]
fn broken_objects_of_an_array_are_rejected_each_by_itself() {
    let good = |number| customer(number).to_string();
    let text = format!(
        "[\n{},\n{{\"clientId\": oops}},\n17,\n{},\n{{\"clientId\":\"c-9\",\"companyName\":\"x}},\n{},\n{{\"clientId\":\"c-8\",",
        good(1),
        good(2),
        good(3)
    );
    let run = Run::new().input("in.json", text);
    run.go("validate in.json")
        .code(3)
        .says("not JSON at line 3, column 14");
    let problems = run.text("in.json.results/problems.csv");
    assert!(
        problems.contains("this is a number, wanted a JSON object"),
        "{problems}"
    );
    let summary = run.summary("in.json");
    // Each cause is counted by itself.
    let mut lines = summary.lines_of("malformed_row");
    lines.sort_unstable();
    assert_eq!(lines, [3, 4, 6, 8]);
    summary.outcomes(&[("pending", 3)]);
    let rejects = json_lines(&run.text("in.json.results/rejects.jsonl"));
    assert_eq!(rejects[0]["_raw"], "{\"clientId\": oops}");
    assert_eq!(rejects[3]["_raw"], "{\"clientId\":\"c-8\"");
}

#[test]
fn an_import_of_an_array_that_was_killed_goes_on() {
    let all = customers(60);
    let run = Run::new()
        .server(&[])
        .input("in.json", pretty(&json!({"data": all})));
    let running = run.start_import("in.json --rate 40/s");
    until("ten creates", || run.counts().of(Call::Create) >= 10);
    running.kill();
    run.import("in.json").code(0);
    let summary = run.summary("in.json");
    let done = summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!(done, 60, "{:#}", summary.0);
    run.holds(&by_id(&all));
    assert_eq!(run.creates_in_vain(), 0);
    assert_eq!(run.results("in.json").len(), 60);
}

/// The states of all rows of `text`, read through the program's own entry point.
fn states(name: &str, text: &[u8]) -> Vec<Result<String, String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let input = open(path.as_os_str(), &Settings::default(), folder.path()).unwrap();
    let mut reader = InputReader::new([input].into(), None);
    let (mut states, mut row) = (Vec::new(), Row::default());
    while reader.next(&mut row).unwrap() {
        states.push(match &row.state {
            ReadState::Good | ReadState::Skipped(_) => Ok(row.text().to_owned()),
            ReadState::Broken(why) => Err(why.clone()),
        });
    }
    states
}

/// Values that are JSON, values that are not, and such on which parsers disagree.
const RIGHT: [&str; 24] = [
    "{}",
    "{\"\":0}",
    "{\"a\":{}}",
    "{\"a\":[]}",
    "{\"a\":-0}",
    "{\"a\":-1.5E-10}",
    "{\"a\":\"\\u0000\"}",
    "{\"a\":\"\\ud83d\\ude80\"}",
    "{\"a\":\"\u{7f}\u{2028}\"}",
    "{\"a\":\"\\/\\\\\\\"\"}",
    "{ \"a\" :\t1 }",
    "{\"a\":[[[[1]]]]}",
    "{\"a\":true,\"b\":null}",
    "{\"a\":\"\u{10ffff}\"}",
    "{\"a\":\"//\"}",
    "{\"a\":\"}\"}",
    "{\"a\":1,\"a\":2}",
    // Implementations differ on these; here they feed nothing.
    "{\"a\":\"\\ud800\"}",
    "{\"a\":\"\\udc00\\ud800\"}",
    "{\"a\":1e400}",
    "{\"a\":-1e-400}",
    "{\"a\":123456789012345678901234567890}",
    "{\"a\":0.1e00000000001}",
    "{\"\\ud800\":1}",
];
const WRONG: [&str; 38] = [
    "{\"a\":}",
    "{\"a\"}",
    "{a:1}",
    "{'a':1}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\":01}",
    "{\"a\":1.}",
    "{\"a\":.5}",
    "{\"a\":+1}",
    "{\"a\":1e}",
    "{\"a\":0x1}",
    "{\"a\":NaN}",
    "{\"a\":Infinity}",
    "{\"a\":-}",
    "{\"a\":tru}",
    "{\"a\":True}",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12\"}",
    "{\"a\":\"\t\"}",
    "{\"a\":\"\u{1f}\"}",
    "{\"a\":[1,]}",
    "{\"a\":[1 2]}",
    "{\"a\":[1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1/*x*/}",
    "{\"a\":1}//x",
    "{\"a\"::1}",
    "{\"a\":\u{a0}1}",
    "{1:1}",
    "{null:1}",
    "{\"a\":'x'}",
    "[1]",
    "\"x\"",
    "7",
    "null",
    "truth",
    "\u{feff}{}",
];

#[test]
fn no_row_is_lost_beside_any_value() {
    for (value, is_right) in RIGHT
        .iter()
        .map(|value| (*value, true))
        .chain(WRONG.iter().map(|value| (*value, false)))
    {
        let (first, last) = ("{\"f\":1}", "{\"l\":1}");
        let lines = states("in.jsonl", format!("{first}\n{value}\n{last}\n").as_bytes());
        assert_eq!(lines.len(), 3, "{value}: {lines:?}");
        let items = states(
            "in.json",
            format!("[{first},\n{value},\n{last}]").as_bytes(),
        );
        let alone = states("in.json", format!("[{value}]").as_bytes());
        states("in.json", value.as_bytes());
        states(
            "in.json",
            format!("{{\"data\":[{first},{value},{last}]}}").as_bytes(),
        );
        for rows in [&lines, &items] {
            let good: Vec<&String> = rows.iter().filter_map(|row| row.as_ref().ok()).collect();
            assert_eq!(good.first(), Some(&&first.to_owned()), "{value}: {rows:?}");
            assert_eq!(good.last(), Some(&&last.to_owned()), "{value}: {rows:?}");
        }
        if is_right {
            assert_eq!(lines[1], Ok(value.to_owned()), "{value}");
            assert_eq!(items[1], Ok(value.to_owned()), "{value}");
            assert_eq!(alone, [Ok(value.to_owned())], "{value}");
        } else {
            assert!(lines[1].is_err(), "{value}: {lines:?}");
            if !value.starts_with('\u{feff}') {
                let bad = items.iter().filter(|row| row.is_err()).count();
                assert!(bad > 0, "{value}: {items:?}");
            }
        }
    }
}

/// Cut off at any byte, an array has the rows before it, and no file is refused.
#[test]
fn an_array_that_is_cut_off_anywhere_keeps_its_rows() {
    let all = customers(3);
    for text in [
        Value::from(all.clone()).to_string(),
        pretty(&json!({"data": all, "has_more": false})),
        all.iter().map(pretty).collect(),
    ] {
        let ends: Vec<usize> = (0..text.len())
            .filter(|at| {
                text.as_bytes()[*at] == b'}'
                    && states("in.json", &text.as_bytes()[..=*at])
                        .iter()
                        .all(Result::is_ok)
            })
            .collect();
        for cut in (2..text.len()).step_by(7) {
            let rows = states("in.json", &text.as_bytes()[..cut]);
            let whole = rows.iter().filter(|row| row.is_ok()).count();
            let before = ends.iter().filter(|end| **end < cut).count();
            assert!(whole >= before.min(3), "{cut}: {rows:?}");
            assert!(rows.len() <= whole + 1, "{cut}: {rows:?}");
        }
    }
}

/// Only a spreadsheet writes an apostrophe that is not part of the value.
#[test]
fn an_apostrophe_is_part_of_a_json_value() {
    let run = Run::new().server(&[]).input(
        "in.jsonl",
        "{\"clientId\":\"'s-hertogenbosch\",\"companyName\":\"'t Hooft\",\"currency\":\"USD\"}\n",
    );
    run.import("in.jsonl").code(0);
    assert!(run.held().contains_key("'s-hertogenbosch"));
}

#[test]
fn json_with_record_separators_is_read_as_lines() {
    let rows = "\u{1e}{\"clientId\":\"c-1\",\"companyName\":\"A\",\"currency\":\"USD\"}\n\
                \u{1e}{\"clientId\":\"c-2\",\"companyName\":\"B\"}\n";
    for name in ["in.jsonl", "in.json-seq"] {
        let run = Run::new().input(name, rows);
        run.go(&format!("validate {name}"))
            .code(3)
            .says("record separators (RFC 7464)");
        assert_eq!(run.summary(name).lines_of("missing_field"), [2]);
    }
}

#[test]
fn json_that_is_no_list_of_objects_is_refused_by_name() {
    for (text, kind) in [
        (
            "{\"clientId\":[\"c-1\",\"c-2\"],\"companyName\":[\"A\",\"B\"]}",
            "a list for each column",
        ),
        (
            "{\"fields\":[\"clientId\"],\"rows\":[[\"c-1\"]]}",
            "columns apart from their rows",
        ),
    ] {
        let run = Run::new().input("in.json", text);
        run.go("validate in.json").says("jq -c").refuses(1, &[kind]);
    }
}
