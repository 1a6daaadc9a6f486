//! `validate` with the command line of an import or a sync.

use crate::common::{Run, rows};

#[test]
fn it_takes_the_command_line_of_an_import_and_ignores_what_is_about_sending() {
    let run = Run::new().input("in.csv", rows(3));
    let words = "in.csv --keys --yes --canary 2 --stop-at 23:00 --sandbox --rate 5 \
                 --save-plan plan.jsonl --metrics-file m.prom --metrics :0 --notify-command false";
    let ignored = "ignores --sandbox, --rate, --canary, --stop-at, --keys, --yes, --save-plan, \
                   --metrics-file, --metrics, --notify-command";
    run.go(&format!("validate {words}"))
        .code(0)
        .keeps_to_itself("ignores")
        .says("kable-bulk import in.csv");
    run.go(&format!("validate {words} -v"))
        .code(0)
        .says(ignored);
    for name in [
        "plan.jsonl",
        "m.prom",
        "kable-sandbox.db",
        "in.csv.checkpoint.db",
    ] {
        assert!(!run.exists(name), "{name}");
    }
    run.go("validate in.csv --prune cancel --max-changes 5")
        .code(0)
        .says("kable-bulk sync in.csv");
}

/// Of an option that is ignored, too: the import would refuse it.
#[test]
fn a_value_that_an_import_would_refuse_is_refused() {
    let run = Run::new().input("in.csv", rows(3));
    for (option, value) in [
        ("--max-duration", "never"),
        ("--stop-at", "25:00"),
        ("--rate", "fast"),
        ("--max-errors", "many"),
        ("--max-changes", "many"),
        ("--base-url", "http://kable.example"),
    ] {
        run.go(&format!("validate in.csv {option} {value}"))
            .refuses(2, &[option]);
    }
}

#[test]
fn what_a_file_says_about_sending_is_not_said_to_be_taken() {
    let run = Run::new()
        .input("in.csv", rows(3))
        .input("kable-bulk.toml", "strict = true\nretries = 3\n");
    run.go("validate in.csv")
        .code(0)
        .says("options from ./kable-bulk.toml: strict")
        .keeps_to_itself("retries");
}
