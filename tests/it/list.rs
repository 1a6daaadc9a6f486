//! `list`: what the checkpoint knows of its customers, with the ids that Kable gave them.

use std::collections::BTreeMap;

use kable_bulk::sandbox::store::inspect;
use serde_json::Value;

use crate::common::{DATABASE, Run, rows, rows_from, until};

/// Three customers of which one was there before and differs, and one is refused.
fn imported() -> Run {
    let run = Run::new()
        .server(&["status:422*1@client:c-3"])
        .input("before.csv", rows_from(2, 2).replace("Company", "Other"))
        .input("in.csv", rows(4));
    run.import("before.csv").code(0);
    run.import("in.csv").code(3);
    run
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    let ids = lines.iter().map(|line| line["clientId"].as_str().unwrap());
    ids.collect()
}

#[test]
fn every_customer_is_listed_with_the_id_that_kable_gave_it() {
    let run = imported();
    let ended = run.go("list in.csv --as jsonl").code(0);
    assert_eq!(ended.stderr, "");
    let listed = lines(&ended.stdout);
    let held: BTreeMap<String, String> = inspect::customers(&run.path(DATABASE))
        .unwrap()
        .into_iter()
        .map(|customer| (customer.client_id, customer.customer_id))
        .collect();
    let mut sorted = ids(&listed);
    sorted.sort_unstable();
    assert_eq!(sorted, ["c-1", "c-2", "c-3", "c-4"]);
    for line in &listed {
        let id = line["clientId"].as_str().unwrap();
        let outcome = match id {
            "c-2" => "differs",
            "c-3" => "failed",
            _ => "created",
        };
        assert_eq!(line["outcome"], outcome);
        assert_eq!(line["createdByThisCheckpoint"], outcome == "created");
        assert_eq!(
            line["customerId"].as_str(),
            held.get(id).map(String::as_str)
        );
        let result = run.result("in.csv", id);
        for name in ["outcome", "customerId", "requestId", "attempts"] {
            assert_eq!(line[name], result[name], "{id}: {name}");
        }
    }
    let failed = listed
        .iter()
        .find(|line| line["clientId"] == "c-3")
        .unwrap();
    assert_eq!(failed["status"], 422);
    assert!(
        failed["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
}

#[test]
fn csv_is_the_default_and_has_the_same_values() {
    let run = imported();
    let csv = run.go("list in.csv").code(0).stdout;
    let array = run.go("list in.csv --json").code(0).json();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 4);
    for (record, object) in records.iter().zip(array.as_array().unwrap()) {
        assert_eq!(names.len(), object.as_object().unwrap().len());
        for (name, cell) in names.iter().zip(record) {
            let text = match &object[name] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other
                @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                    other.to_string()
                }
            };
            assert_eq!(cell, text, "{name}");
        }
    }
    let table = run.go("list failed in.csv --as table").code(0).stdout;
    assert_eq!(table.lines().count(), 2);
    assert!(!table.contains("customerId"), "{table}");
}

#[test]
fn outcomes_are_chosen_and_a_misspelt_one_is_named() {
    let run = imported();
    let listed = |words: &str| {
        let text = run.go(&format!("list {words} --as jsonl")).code(0).stdout;
        let mut found: Vec<String> = ids(&lines(&text)).into_iter().map(str::to_owned).collect();
        found.sort();
        found
    };
    assert_eq!(listed("created in.csv"), ["c-1", "c-4"]);
    assert_eq!(listed("differs,failed in.csv"), ["c-2", "c-3"]);
    assert_eq!(listed("failed --checkpoint in.csv.checkpoint.db"), ["c-3"]);
    let ended = run.go("list deleted in.csv").code(0);
    assert_eq!(ended.stdout.lines().count(), 1);
    ended.says("no such customer");
    let ended = run.go("list deleted in.csv -q").code(0);
    assert_eq!(ended.stderr, "");
    run.go("list craeted in.csv")
        .refuses(2, &["\"craeted\"", "perhaps \"created\""])
        .hints("./NAME");
    run.go("list xyz in.csv").refuses(2, &["\"xyz\""]);
    run.go("list").refuses(2, &["--checkpoint"]);
    run.go("list created").refuses(2, &["--checkpoint"]);
}

#[test]
fn an_input_with_the_name_of_an_outcome_is_typed_with_its_folder() {
    let run = Run::new().server(&[]).input("created", rows(2));
    run.import("./created").code(0);
    let of = |words: &str| run.go(&format!("list {words}")).code(0).stdout;
    assert_eq!(of("./created").lines().count(), 3);
    assert_eq!(of("created ./created"), of("./created"));
    assert_eq!(of("failed created").lines().count(), 1);
}

#[test]
fn old_and_new_ids_are_a_file_of_values() {
    let run = imported();
    let values = run.go("list in.csv --as values").code(0).stdout;
    assert_eq!(values.lines().next(), Some("from,to"));
    assert_eq!(values.lines().count(), 4, "{values}");
    let is_pair = |line: &str| line.starts_with("c-") && line.contains(",cus_");
    assert!(values.lines().skip(1).all(is_pair), "{values}");
    run.write("ids.csv", &values);
    run.write("more.csv", rows(2));
    let ended = run.go("validate more.csv --values clientId=ids.csv --explain 1");
    ended.code(0).says("cus_");
}

#[test]
fn a_run_that_goes_on_is_read_and_not_disturbed() {
    let run = Run::new()
        .server(&["hang@client:c-7"])
        .input("in.csv", rows(40));
    let import = run.start_import("in.csv --timeout 300s");
    let listed = |words: &str| {
        let text = run
            .go(&format!("list {words} in.csv --as jsonl"))
            .code(0)
            .stdout;
        lines(&text)
    };
    until("the checkpoint", || run.exists("in.csv.checkpoint.db"));
    until("all but one", || listed("created").len() == 39);
    let doubtful = listed("unresolved");
    assert_eq!(ids(&doubtful), ["c-7"]);
    assert!(doubtful[0]["customerId"].is_null());
    run.go("status in.csv").code(0).says("running");
    import.kill();
    assert_eq!(ids(&listed("unresolved")), ["c-7"]);
    assert_eq!(listed("").len(), 40);
}

#[test]
fn the_checkpoint_is_left_as_it_is() {
    let run = imported();
    let before = run.bytes("in.csv.checkpoint.db");
    let files = run.files().len();
    run.go("list in.csv").code(0);
    assert_eq!(run.bytes("in.csv.checkpoint.db"), before);
    assert_eq!(run.files().len(), files);
    run.go("list none.csv")
        .refuses(1, &["there is no checkpoint none.csv.checkpoint.db"]);
    run.go("list --checkpoint in.csv")
        .refuses(1, &["in.csv is not a checkpoint"]);
    assert_eq!(run.files().len(), files);
}

#[test]
fn the_options_of_the_folder_and_patterns_are_read_as_by_status() {
    let run = Run::new()
        .server(&[])
        .input("dir/a.csv", rows(2))
        .input("dir/b.csv", rows_from(3, 3));
    run.import("dir/*.csv").code(0);
    assert_eq!(run.go("list dir/*.csv").code(0).stdout.lines().count(), 4);
    run.write(
        "kable-bulk.toml",
        "checkpoint = 'dir/a.csv.checkpoint.db'\nas = 'jsonl'\nrate = 5\n",
    );
    let ended = run.go("list created").code(0);
    assert_eq!(lines(&ended.stdout).len(), 3);
    ended.says("options from ./kable-bulk.toml: as, checkpoint\n");
    let ended = run.go("list --as csv --quiet").code(0);
    assert_eq!(ended.stdout.lines().count(), 4);
    assert_eq!(ended.stderr, "");
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_enough_ends_it_without_an_error() {
    let many = 3000;
    let mut run = Run::new().server(&[]).input("in.csv", rows(many));
    run.import("in.csv").code(0);
    run.shell(Some(
        r#"{ "$@"; echo "ended with $?" >&2; } | head -n 2"#.to_owned(),
    ));
    for format in ["csv", "jsonl", "json", "table", "values"] {
        let ended = run.go(&format!("list in.csv --as {format}")).code(0);
        assert_eq!(ended.stdout.lines().count(), 2, "{format}");
        assert_eq!(ended.stderr, "ended with 0\n", "{format}");
    }
}
