//! `report`: the page of a checkpoint, written again without sending anything.

use kable_bulk::domain::timeline::{IntervalCounts, RunHistory};
use kable_bulk::ledger::Ledger;
use kable_bulk::ledger::sqlite::SqliteLedger;
use kable_bulk::sandbox::http::routes::Call;

use crate::common::{Run, rows, until};
use crate::page::{agrees, counts};

const PAGE: &str = "in.csv.results/report.html";
const SUMMARY: &str = "in.csv.results/summary.json";

/// Rows of which one is rejected, one refused, and one blank.
fn mixed(many: usize) -> String {
    rows(many) + "c-bad,No Currency,\n\nc-refused,Refused,USD\n"
}

fn count(page: &str, name: &str) -> u64 {
    let counts = counts(page);
    let found = counts.iter().find(|(known, _)| known == name);
    found.map_or(0, |(_, count)| *count)
}

/// The runs of the checkpoint.
fn histories(run: &Run) -> Vec<RunHistory> {
    let path = run.path("in.csv.checkpoint.db");
    let mut ledger = SqliteLedger::open_to_read(&path).unwrap();
    ledger.runs().unwrap()
}

#[test]
fn it_says_the_same_as_the_run_without_credentials_or_requests() {
    let run = Run::new()
        .server(&["status:422*1@client:c-refused"])
        .input("in.csv", mixed(6));
    run.import("in.csv --max-errors 9").code(3);
    let of_import = run.text(PAGE);
    let calls = run.counts();
    let (was, rejects) = (run.bytes(SUMMARY), run.bytes("in.csv.results/rejects.csv"));
    let run = run
        .env("KABLE_CLIENT_ID", "")
        .env("KABLE_CLIENT_SECRET", "");
    let ended = run.go("report in.csv").code(0);
    assert_eq!(ended.stdout, format!("Wrote {PAGE}\n"));
    agrees(&run, PAGE, SUMMARY);
    let page = run.text(PAGE);
    for part in ["Finished, but 2 of 8 rows need attention", "Written again"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("c-refused</td><td>failed</td>"));
    assert_eq!(counts(&page), counts(&of_import));
    assert_eq!(run.mode(PAGE), 0o600);
    assert_eq!(format!("{:?}", run.counts()), format!("{calls:?}"));
    assert_eq!(run.bytes(SUMMARY), was);
    assert_eq!(run.bytes("in.csv.results/rejects.csv"), rejects);
    assert_eq!(run.go("report in.csv -q").code(0).stdout, "");
}

#[test]
fn after_a_kill_and_beside_a_running_process_it_accounts_for_every_row() {
    let run = Run::new().server(&[]).input("in.csv", mixed(60));
    let running = run.start_import("in.csv --rate 20/s --max-errors 9");
    until("five creates", || run.counts().of(Call::Create) >= 5);
    run.go("report in.csv").code(0);
    let page = run.text(PAGE);
    assert!(page.contains("<h1 class=\"warn\">Running: "), "{page}");
    assert_eq!(count(&page, "read"), 63);
    running.kill();
    run.go("report in.csv").code(0);
    let page = run.text(PAGE);
    assert!(page.contains("<h1 class=\"warn\">Cut off: "));
    assert!(page.contains("run the same import command again"));
    let all = counts(&page);
    assert_eq!(count(&page, "read"), 63);
    assert_eq!(all.iter().map(|(_, rows)| rows).sum::<u64>(), 2 * 63);
    // What was in flight is in doubt, and nothing that was settled is missing.
    let known = count(&page, "created") + count(&page, "unresolved");
    assert!(known >= run.held().len() as u64, "{all:?}");
    assert!(count(&page, "pending") > 0, "{all:?}");
    // Of the killed run, what it did over time is there to its last settlement.
    let killed = histories(&run).pop().unwrap();
    assert_eq!(killed.ended, None);
    assert_eq!(killed.timeline.total().created, count(&page, "created"));
    assert!(page.contains("UTC") && page.contains("cut off"));

    run.import("in.csv --max-errors 9").code(3);
    run.go("report in.csv").code(0);
    agrees(&run, PAGE, SUMMARY);
    let runs = histories(&run);
    let totals = runs.iter().map(|run| run.timeline.total());
    let total = totals.reduce(IntervalCounts::plus).unwrap();
    let summary = run.summary("in.csv");
    assert_eq!(total.created, summary.outcome("created"));
    assert_eq!(total.sent, summary.requests("sent"));
    assert_eq!(total.retried, summary.requests("retried"));
    let page = run.text(PAGE);
    assert_eq!(page.matches("<svg class=\"work\"").count(), 2);
    assert!(page.contains("Nothing ran for "));
}

#[test]
fn without_the_input_it_has_what_the_checkpoint_knows_and_says_so() {
    let run = Run::new()
        .server(&["status:422*1@client:c-refused"])
        .stdin(mixed(6));
    run.import("- --checkpoint run.db --out night --max-errors 9")
        .code(3);
    let ended = run.go("report --checkpoint run.db --out night").code(0);
    ended.says("its rows came from standard input");
    let page = run.text("night/report.html");
    let known = [("created", 6), ("failed", 1), ("read", 7)];
    let known = known.map(|(name, rows)| (name.to_owned(), rows));
    assert_eq!(counts(&page), known);
    for part in [
        "from the checkpoint alone",
        "Rows that the checkpoint knows",
        "c-refused</td>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Its results are named after the checkpoint where they have no other name.
    run.go("report --checkpoint run.db").code(0);
    assert!(run.exists("run.db.results/report.html"));
    run.go("report nothing.csv")
        .refuses(1, &["there is no checkpoint nothing.csv.checkpoint.db"]);
    run.go("report").refuses(2, &["neither an input"]);
}

#[test]
fn a_changed_input_and_a_changed_page_are_not_passed_over() {
    let run = Run::new().server(&[]).input("in.csv", rows(4)).input(
        "kable-bulk.toml",
        "out = 'night'\ncheckpoint = 'run.db'\nlimit = 3\n",
    );
    run.import("in.csv").code(0);
    run.write("night/report.html", "a person's notes");
    run.write(
        "in.csv",
        rows(4).replace("Company 2", "Other") + "c-9,New,USD\n",
    );
    let ended = run.go("report --limit 5").code(0);
    ended.says("night/report.html was changed since it was written: it is kept as night/report.kept-1.html");
    assert_eq!(run.text("night/report.kept-1.html"), "a person's notes");
    let page = run.text("night/report.html");
    assert_eq!(count(&page, "pending"), 2, "{:?}", counts(&page));
    assert!(
        page.contains(
            "The latest run had 3 rows to send, and by the input as it is now there are 5"
        )
    );
}

#[test]
fn syncs_and_rollbacks_have_a_page_as_well() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    run.go("sync in.csv --base-url URL").code(0);
    run.go("sync in.csv --base-url URL").code(0);
    run.go("report in.csv").code(0);
    agrees_with(&run.text(PAGE), &[("created", 3), ("read", 3)]);
    run.go("rollback in.csv --base-url URL --yes").code(0);
    run.go("report in.csv").code(0);
    let page = run.text(PAGE);
    agrees_with(&page, &[("deleted", 3), ("read", 3)]);
    assert!(page.contains(
        "<h1 class=\"good\">Rolled back: 3 customers are deleted, none that the import created is left"
    ));
}

fn agrees_with(page: &str, wanted: &[(&str, u64)]) {
    let wanted = wanted
        .iter()
        .map(|(name, rows)| ((*name).to_owned(), *rows));
    assert_eq!(counts(page), wanted.collect::<Vec<_>>());
}
