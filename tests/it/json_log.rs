//! The JSON log (`docs/json-log.md`): on standard error, and in a file.

use kable_bulk::report::event_log::EVENTS;
use serde_json::Value;

use crate::common::{Run, rows};

/// The events of a log, each of which is an object with a time, a level and a known name.
fn events(log: &str) -> Vec<Value> {
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).expect(line);
        let time = event["time"].as_str().expect(line);
        assert!(time.len() == 20 && time.ends_with('Z'), "{line}");
        assert!(["info", "warn", "error"].contains(&event["level"].as_str().expect(line)));
        let name = event["event"].as_str().expect(line);
        assert!(EVENTS.contains(&name), "{line}");
        event
    };
    log.lines().map(event).collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect()
}

#[test]
fn standard_error_has_json_and_nothing_else_from_the_first_line_to_the_last() {
    let input = format!("{}x-1,,EUR,more\n", rows(40));
    let run = Run::new()
        .server(&["status:500@create:3", "throttle@create:5"])
        .input("in.csv", input);
    let ended = run.import("in.csv -v --log-format json").code(3);
    let events = events(&ended.stderr);
    let names = names(&events);
    assert_eq!(names.first(), Some(&"started"));
    assert_eq!(events[0]["command"], "import");
    assert_eq!(names.last(), Some(&"finished"));
    let finished = events.last().unwrap();
    assert_eq!(finished["exit_code"], 3);
    assert_eq!(finished["level"], "warn");
    assert_eq!(finished["rejected"], 1);
    assert_eq!(finished["rows_read"], 41);
    let rows = names.iter().filter(|name| **name == "row").count();
    assert_eq!(rows, 41);
    for name in ["message", "sending", "trouble", "throttled"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let problem = events.iter().find(|event| event["outcome"] == "rejected");
    assert_eq!(problem.unwrap()["line"], 42);
}

#[test]
fn errors_are_events_too() {
    let run = Run::new().input("in.csv", rows(1));
    for (line, code) in [
        ("import nowhere.csv --sandbox --log-format json", 1),
        ("import in.csv --sandbox --log-format=json --rate fast", 2),
        (
            "import in.csv --sandbox --log-format json --no-such-option",
            2,
        ),
    ] {
        let ended = run.go(line).code(code);
        let events = events(&ended.stderr);
        let error = events.last().unwrap();
        assert_eq!(error["event"], "error", "{line}");
        assert_eq!(error["exit_code"], code, "{line}");
        assert!(error["message"].as_str().unwrap().len() > 10, "{line}");
    }
    // As a file of options says.
    run.write("kable-bulk.toml", "log-format = 'json'\n");
    let ended = run.go("import nowhere.csv --sandbox").code(1);
    assert_eq!(names(&events(&ended.stderr)), ["started", "error"]);
}

#[test]
fn a_file_has_the_log_beside_what_is_shown() {
    let run = Run::new().server(&[]).input("in.csv", rows(20));
    let ended = run.import("in.csv --log-file run.log").code(0);
    assert!(ended.stderr.contains("To send: 20"), "{}", ended.stderr);
    run.import("in.csv -q --log-file run.log").code(0);
    let log = run.text("run.log");
    let both = events(&log);
    let ends: Vec<&Value> = both
        .iter()
        .filter(|event| event["event"] == "finished")
        .collect();
    assert_eq!(ends.len(), 2);
    assert_eq!(ends[0]["created"], 20);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(run.path("run.log"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    // The secret of the sandbox is in every request, and never in the log.
    assert!(!log.contains(kable_bulk::sandbox::settings::CLIENT_SECRET));
}

#[test]
fn a_file_that_is_no_log_is_not_written_to() {
    let run = Run::new().server(&[]).input("in.csv", rows(2));
    run.import("in.csv --log-file in.csv").refuses(
        1,
        &[
            "cannot write the log to in.csv",
            "something else than a log",
        ],
    );
    assert_eq!(run.text("in.csv"), rows(2));
}

#[test]
fn a_quiet_run_says_nothing_or_one_line() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    let good = run.import("in.csv -q").code(0);
    assert_eq!(good.stderr + &good.stdout, "");
    run.write("bad.csv", format!("{}x-1,,EUR\n", rows(3)));
    let bad = run
        .import("bad.csv -q --max-errors 100% --checkpoint b.db")
        .code(3);
    let line = "import bad.csv: 3 already existed, 1 rejected; ";
    assert!(bad.stderr.starts_with(line), "{}", bad.stderr);
    assert_eq!(bad.stderr.lines().count(), 1, "{}", bad.stderr);
    assert_eq!(bad.stdout, "");
    let error = run.import("nowhere.csv -q").code(1);
    assert_eq!(error.stderr.lines().count(), 1, "{}", error.stderr);
    let json = run
        .import("bad.csv -q --log-format json --checkpoint b.db")
        .code(3);
    assert_eq!(names(&events(&json.stderr)), ["finished"]);
}
