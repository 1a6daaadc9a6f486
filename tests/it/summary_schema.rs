//! Every `summary.json` is as `docs/summary.schema.json` says.

use serde_json::Value;

use crate::common::{Run, rows};

const SCHEMA: &str = include_str!("../../docs/summary.schema.json");

/// Where `value` is not as `schema` says; of JSON Schema, what our schema uses.
fn wrong(value: &Value, schema: &Value, at: &str, found: &mut Vec<String>) {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_type = |wanted: &Value| wanted == name || wanted == "number" && name == "integer";
    let several = schema["type"].as_array();
    let is_allowed =
        several.map_or_else(|| is_type(&schema["type"]), |all| all.iter().any(is_type));
    if !is_allowed {
        found.push(format!("{at} is a {name}"));
    }
    let is_listed = |listed: &Vec<Value>| listed.contains(value);
    if schema["enum"]
        .as_array()
        .is_some_and(|listed| !is_listed(listed))
    {
        found.push(format!("{at} is {value}"));
    }
    if let Some(members) = value
        .as_object()
        .filter(|_| schema["properties"].is_object())
    {
        for required in schema["required"].as_array().unwrap() {
            if !members.contains_key(required.as_str().unwrap()) {
                found.push(format!("{at} has no {required}"));
            }
        }
        for (name, value) in members {
            match schema["properties"].get(name) {
                Some(schema) => wrong(value, schema, &format!("{at}.{name}"), found),
                None => found.push(format!("{at}.{name} is not in the schema")),
            }
        }
    }
    for item in value.as_array().into_iter().flatten() {
        wrong(item, &schema["items"], &format!("{at}[]"), found);
    }
}

#[test]
fn the_summaries_of_all_commands_are_as_the_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let run = Run::new()
        .server(&["status:422@create:3"])
        .sample("with-mistakes.csv")
        .input("in.csv", rows(4));
    let target = "--base-url URL --json --rate unlimited";
    for (line, code) in [
        ("validate with-mistakes.csv --json".to_owned(), 3),
        (format!("validate in.csv --online {target}"), 0),
        (format!("import in.csv --dry-run {target}"), 0),
        (format!("import in.csv {target} --max-errors 100%"), 3),
        (format!("import in.csv {target} --retry-failed"), 0),
        (
            format!("import with-mistakes.csv {target} --max-errors 1"),
            5,
        ),
        (format!("verify in.csv {target}"), 0),
        (format!("sync in.csv {target} --prune cancel --yes"), 0),
    ] {
        let summary = run.go(&line).code(code).json();
        let mut found = Vec::new();
        wrong(&summary, &schema, "", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{line}\n{summary:#}");
    }
    // It is not so lax that everything passes.
    let mut found = Vec::new();
    wrong(
        &serde_json::json!({"command": "im"}),
        &schema,
        "",
        &mut found,
    );
    assert!(found.len() > 10, "{found:?}");
}

#[test]
fn a_resumed_run_tells_its_part_from_that_of_all() {
    let run = Run::new()
        .server(&["status:422@create:3"])
        .input("in.csv", rows(4));
    run.import("in.csv --max-errors 100%").code(3);
    run.write("in.csv", rows(10));
    let ended = run.import("in.csv --max-errors 100%").code(3);
    let ended = ended
        .says("9  created, 6 by this run")
        .says("This run: 6 requests");
    drop(ended.says("All runs: "));
    let summary: Value = serde_json::from_str(&run.text("in.csv.results/summary.json")).unwrap();
    assert_eq!(summary["outcomes"]["created"], 9);
    assert_eq!(summary["this_run"]["outcomes"]["created"], 6);
    assert_eq!(summary["this_run"]["outcomes"]["failed"], 0);
    assert_eq!(summary["this_run"]["requests"]["sent"], 6);
}
