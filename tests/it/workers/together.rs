//! Who may join an import, who is refused, and what stops all of its workers.

use kable_bulk::sandbox::http::routes::Call;

use super::SharedImport;
use crate::common::{Summary, customers_of_csv, rows};

/// The results of these folders are the same and complete.
fn same_results(import: &SharedImport, folders: &[&str], many: usize) {
    let results = |out: &&str| import.run.text(&format!("{out}/results.jsonl"));
    let first = results(&folders[0]);
    assert_eq!(first.lines().count(), many);
    for out in folders {
        assert!(results(out) == first, "{out}");
    }
}

/// The exit code of an import that is stopped by `faults`, which must be the one of all of
/// its workers.
fn stopped_for_all(faults: &[&str], more: &str, code: i32, words: &str) {
    let Some(import) = SharedImport::of(2000, faults) else {
        return;
    };
    let more = format!("--rate 100/s {more}");
    let first = import.start("one", &more);
    import.until_live(1);
    let others = ["two", "three"].map(|out| import.start(out, &more));
    first.end().code(code).says(words);
    for other in others {
        other.end().code(code).says(words);
    }
    assert!(import.run.held().len() < 2000);
}

#[test]
fn workers_share_the_rows_and_write_the_same_results() {
    let Some(import) = SharedImport::of(1500, &[]) else {
        return;
    };
    let first = import.start("one", "--rate 100/s");
    import.until_live(1);
    let second = import.start("two", "--rate 100/s");
    second.end().code(0).says("joining an import");
    first.end().code(0).keeps_to_itself("joining an import");
    let by_worker = import.query("SELECT count(DISTINCT worker) FROM kb.customer");
    assert_eq!(by_worker, "2");
    same_results(&import, &["one", "two"], 1500);
    import.run.holds(&customers_of_csv(&rows(1500)));
    // One that comes when all is done has nothing to send, and all results.
    let creates = import.run.counts().of(Call::Create);
    import.start("three", "--rate 100/s").end().code(0);
    assert_eq!(import.run.counts().of(Call::Create), creates);
    same_results(&import, &["one", "two", "three"], 1500);
}

/// The lease is so long that the test would fail if anybody waited for its end.
#[test]
fn ctrl_c_on_one_leaves_the_others_running_and_frees_its_work_at_once() {
    let Some(mut import) = SharedImport::of(1000, &[]) else {
        return;
    };
    import.lease = "10min";
    let first = import.start("one", "--rate 50/s");
    import.until_held(5);
    let second = import.start("two", "--rate 50/s");
    import.until_live(2);
    first.signal("INT");
    let ended = first.end().code(130);
    ended.says("The import is not over: 1 other worker goes on with it");
    // What the other one is sending is not in doubt.
    let summary = Summary::of(&import.run.text("one/summary.json"));
    assert_eq!(summary.outcome("unresolved"), 0);
    let freed = import.query(
        "SELECT count(*) FROM kb.part p JOIN kb.worker w ON w.id = p.worker
            WHERE NOT p.done AND w.state <> 'live'",
    );
    assert_eq!(freed, "0");
    assert_eq!(import.live(), 1);
    second.end().code(0);
    import.run.holds(&customers_of_csv(&rows(1000)));
    assert_eq!(import.run.creates_in_vain(), 0);
}

#[test]
fn a_worker_that_differs_is_refused_and_told_in_what() {
    let Some(import) = SharedImport::of(3000, &[]) else {
        return;
    };
    import.run.write("other.csv", rows(2999));
    import.run.write(
        "same-size.csv",
        rows(3000).replace("Company 7,", "Company 8,"),
    );
    let first = import.start("one", "--rate 30/s");
    import.until_live(1);
    let line = import.line("two", "--rate 30/s");
    for (line, words) in [
        (
            line.replace("30/s", "70/s"),
            "--rate (70/s here, 30/s there)",
        ),
        (
            format!("{line} --existing update"),
            "--existing (update here, ",
        ),
        (format!("{line} --settle 7s"), "--settle (7s here, "),
        (
            format!("{line} --encoding windows-1252"),
            "--encoding (Windows-1252 here, UTF-8 there)",
        ),
        (format!("{line} --keys"), "--keys (on here, off there)"),
        (format!("{line} --max-errors 7"), "--max-errors (7 here, "),
        (format!("{line} --strict"), "--strict (on here, off there)"),
        (
            format!("{line} --limit 2999"),
            "the rows (2,999 here, 3,000 there)",
        ),
        (line.replace("in.csv", "other.csv"), "differs in the input"),
        (line.replace("in.csv", "same-size.csv"), "the input"),
    ] {
        let refused = import.run.start_import(&line).end();
        refused
            .code(1)
            .says("in use by an import that differs in")
            .says(words);
    }
    // Without a rate there is nothing to share, and it can't be joined.
    let refused = import.run.start_import(&import.line("two", "")).end();
    refused.refuses(1, &["is in use by process"]);
    first.signal("INT");
    first.end().code(130);
}

#[test]
fn an_import_without_a_rate_cannot_be_joined() {
    let Some(import) = SharedImport::of(300, &["delay:100ms@create"]) else {
        return;
    };
    let first = import.start("one", "--rate unlimited --concurrency 2");
    import.until_live(1);
    let refused = import.start("two", "--rate 60/s").end();
    refused.refuses(1, &["is in use by process"]);
    first.end().code(0);
    import.run.holds(&customers_of_csv(&rows(300)));
}

#[test]
fn most_errors_are_counted_over_all_workers() {
    stopped_for_all(
        &["status:400=20%@create"],
        "--max-errors 20",
        5,
        "--max-errors",
    );
}

#[test]
fn a_key_that_was_revoked_stops_all() {
    stopped_for_all(&["revoke-key@create:50"], "", 1, "401");
}

#[test]
fn refusals_that_are_all_alike_stop_all() {
    stopped_for_all(&["status:403@create"], "", 5, "403");
}

/// All of the input is one part.
#[test]
fn one_that_waits_takes_over_from_one_that_was_killed() {
    let Some(import) = SharedImport::of(150, &[]) else {
        return;
    };
    let first = import.start("one", "--rate 10/s");
    import.until_held(5);
    let second = import.start("two", "--rate 10/s");
    import.until_live(2);
    first.kill();
    second.end().code(0);
    import.run.holds(&customers_of_csv(&rows(150)));
    assert_eq!(import.run.creates_in_vain(), 0);
    let summary = Summary::of(&import.run.text("two/summary.json"));
    let well = summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!(well, 150);
}
