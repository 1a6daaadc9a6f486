//! What a nightly job needs: metrics, one line for the log, and samples that fit.

use crate::common::Run;

const SERVICE: &str = include_str!("../../samples/nightly/kable-bulk-sync.service");
const CRONTAB: &str = include_str!("../../samples/nightly/crontab");

const ROWS: &str = "clientId,companyName,currency\nc-1,Aster,USD\nc-2,Birch,EUR\n";

#[test]
fn metrics_are_those_of_the_run_and_keep_the_last_success() {
    let run = Run::new().server(&[]).input("in.csv", ROWS);
    let command = format!(
        "sync in.csv --base-url {} --metrics-file night.prom",
        run.url()
    );
    run.go(&format!("{command} --dry-run")).code(0);
    assert!(!run.exists("night.prom"), "a dry run writes none");
    run.go(&command).code(0).says("sync in.csv: 2 created; ");
    let success = |text: &str| {
        let name = "kable_bulk_last_success_timestamp_seconds{";
        let line = text.lines().find(|line| line.starts_with(name));
        line.unwrap().to_owned()
    };
    let first = run.text("night.prom");
    let labels = r#"command="sync",task="night""#;
    assert!(first.contains(&format!("outcomes{{{labels},outcome=\"created\"}} 2\n")));
    assert!(
        first.contains(&format!("exit_code{{{labels}}} 0\n")),
        "{first}"
    );
    assert!(
        !first.contains("Aster") && !first.contains("c-1"),
        "{first}"
    );
    run.write("in.csv", format!("{ROWS}c-3,,USD\n"));
    run.go(&format!("{command} --max-errors 5 --quiet")).code(3);
    let second = run.text("night.prom");
    assert!(second.contains(&format!("rows{{{labels},state=\"rejected\"}} 1\n")));
    assert!(
        second.contains(&format!("exit_code{{{labels}}} 3\n")),
        "{second}"
    );
    assert_eq!(success(&second), success(&first));
}

#[test]
fn every_command_that_compares_or_sends_writes_metrics() {
    let run = Run::new().server(&[]).input("in.csv", ROWS);
    let metrics = |name: &str, rest: &str, exit: i32| {
        let url = run.url();
        let command = format!("{name} in.csv {rest} --base-url {url} --metrics-file {name}.prom");
        run.go(&command).code(exit);
        run.text(&format!("{name}.prom"))
    };
    let outcomes = |name: &str, outcome: &str| {
        let labels = format!("command=\"{name}\",task=\"{name}\",outcome=\"{outcome}\"");
        format!("kable_bulk_outcomes{{{labels}}} 2\n")
    };
    let text = metrics("verify", "", 3);
    assert!(text.contains(&outcomes("verify", "missing")), "{text}");
    let text = metrics("import", "", 0);
    assert!(text.contains(&outcomes("import", "created")), "{text}");
    let text = metrics("rollback", "--yes", 0);
    assert!(text.contains(&outcomes("rollback", "deleted")), "{text}");
    assert!(!text.contains("kable_bulk_rows"), "{text}");
}

#[test]
fn a_file_that_metrics_must_not_replace_is_refused_before_anything_is_sent() {
    let run = Run::new().server(&[]).input("in.csv", ROWS);
    for place in ["in.csv", "none/night.prom", "."] {
        run.import(&format!("in.csv --metrics-file {place}"))
            .code(1)
            .says("cannot write the metrics to");
    }
    assert_eq!(run.text("in.csv"), ROWS);
    assert!(run.held().is_empty());
}

/// The words of the sample's command, from `sync` on.
fn words(text: &str) -> Vec<String> {
    let start = text.find("kable-bulk sync customers.csv").unwrap();
    let line = text.get(start..).unwrap().lines().next().unwrap();
    let words = line
        .split_whitespace()
        .take_while(|word| !word.starts_with(">>"));
    words.map(|word| word.replace("%%", "%")).collect()
}

#[test]
fn the_samples_give_options_that_exist() {
    for words in [words(SERVICE), words(CRONTAB)] {
        assert!(words.len() > 5, "{words:?}");
        let parsed = kable_bulk::cli::command().try_get_matches_from(&words);
        assert!(parsed.is_ok(), "{words:?}: {parsed:?}");
    }
}

fn codes(text: &str) -> Vec<u8> {
    let numbers = text.split(|letter: char| !letter.is_ascii_digit());
    numbers.filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn the_samples_take_an_end_by_the_clock_for_no_failure() {
    let status = SERVICE
        .lines()
        .find(|line| line.starts_with("SuccessExitStatus="));
    assert_eq!(codes(status.unwrap()), [4, 130]);
    let case = CRONTAB.split("case $code in ").nth(1).unwrap();
    assert_eq!(codes(case.split(')').next().unwrap()), [0, 4]);
}
