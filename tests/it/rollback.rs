//! `rollback`: deletes exactly the customers that an import created.

use std::time::Duration;

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::store::inspect;
use rusqlite::Connection;
use serde_json::Value;

use crate::common::{DATABASE, EndedRun, Run, Running, customers_of_csv, rows, rows_from, until};

fn start(run: &Run, rest: &str) -> Running {
    let rate = if rest.contains("--rate") {
        ""
    } else {
        "--rate unlimited"
    };
    run.start(&format!(
        "rollback {rest} --base-url URL {rate} --timeout 20s"
    ))
}

fn rollback(run: &Run, rest: &str) -> EndedRun {
    start(run, rest).end()
}

/// The summary's counts; their sum is the number of customers.
fn outcomes(run: &Run) -> Vec<(String, u64)> {
    let summary: Value =
        serde_json::from_str(&run.text("in.csv.results/rollback-summary.json")).unwrap();
    counts(&summary)
}

fn counts(summary: &Value) -> Vec<(String, u64)> {
    let all = summary["outcomes"].as_object().unwrap();
    let all = all
        .iter()
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap()));
    let found: Vec<(String, u64)> = all.filter(|(_, count)| *count > 0).collect();
    let sum: u64 = found.iter().map(|(_, count)| count).sum();
    assert_eq!(summary["customers"], sum);
    found
}

fn count(name: &str, count: u64) -> (String, u64) {
    (name.to_owned(), count)
}

/// Ten customers were there before; `in.csv` has these and twenty more, which it created.
fn twenty_of_thirty_are_ours(faults: &[&str]) -> Run {
    let run = Run::new()
        .server(faults)
        .input("before.csv", rows(10))
        .input("in.csv", rows(30));
    run.import("before.csv").code(0);
    run.import("in.csv").code(0);
    run.summary("in.csv")
        .outcomes(&[("created", 20), ("already_existed", 10)]);
    run
}

/// `in.csv` was rolled back, whatever happened meanwhile.
fn only_the_ten_are_left(run: &Run) {
    run.holds(&customers_of_csv(&rows(10)));
}

#[test]
fn what_the_import_created_is_deleted_and_nothing_else_and_it_is_created_anew_once() {
    let run = twenty_of_thirty_are_ours(&[]);
    rollback(&run, "in.csv --yes")
        .code(0)
        .says("          20  deleted")
        .says("are gone");
    only_the_ten_are_left(&run);
    assert_eq!(outcomes(&run), [count("deleted", 20)]);
    let lines = crate::common::json_lines(&run.text("in.csv.results/rolled-back.jsonl"));
    assert_eq!(lines.len(), 20);
    for line in &lines {
        assert_eq!(line["outcome"], "deleted");
        assert!(line["customerId"].as_str().unwrap().starts_with("cus_"));
        assert!(line["requestId"].is_string());
    }
    run.go("status in.csv").code(0).says("20  deleted");
    let listed = run.go("list deleted in.csv").code(0);
    assert_eq!(listed.stdout.lines().count(), 21);

    rollback(&run, "in.csv --yes")
        .code(0)
        .says("nothing to delete");
    assert_eq!(run.counts().of(Call::Delete), 20);

    run.import("in.csv").code(0);
    run.summary("in.csv")
        .outcomes(&[("created", 20), ("already_existed", 10)]);
    run.holds(&customers_of_csv(&rows(30)));
    assert_eq!(run.creates_in_vain(), 10);
    rollback(&run, "--checkpoint in.csv.checkpoint.db --yes").code(0);
    only_the_ten_are_left(&run);
}

/// A create that was done and refused, as if the customer had been there: whether others made
/// it meanwhile is not known.
#[test]
fn only_what_is_proved_is_said_to_be_gone() {
    let faults = ["status-after:400@create:1"];
    let run = Run::new().server(&faults).input("in.csv", rows(3));
    run.import("in.csv").code(0);
    rollback(&run, "in.csv --yes")
        .code(0)
        .says("2  deleted")
        .says("All customers that are proved to be this checkpoint's are gone")
        .says("1 other customer that it found at Kable is left");
    assert_eq!(run.held().len(), 1);
    rollback(&run, "in.csv --yes")
        .code(0)
        .says("There is nothing to delete: no customer is proved to be this checkpoint's")
        .says("1 other customer that it found at Kable is left");
}

#[test]
fn it_demands_a_yes_where_there_is_no_terminal() {
    let run = twenty_of_thirty_are_ours(&[]);
    rollback(&run, "in.csv").refuses(1, &["deletes customers", "no terminal"]);
    assert_eq!(run.held().len(), 30);
    rollback(&run, "other.csv --yes").refuses(1, &["there is no checkpoint"]);
    assert!(!run.exists("other.csv.checkpoint.db"));
}

#[test]
fn a_dry_run_deletes_nothing_and_says_what_it_would() {
    let run = twenty_of_thirty_are_ours(&[]);
    let before = run.bytes("in.csv.checkpoint.db");
    let lookups = run.counts().of(Call::Lookup);
    let ended = rollback(&run, "in.csv --dry-run")
        .code(0)
        .says("          20  would be deleted")
        .says("without --dry-run");
    assert!(!ended.stdout.contains("--dry-run\n"), "{}", ended.stdout);
    assert_eq!(run.held().len(), 30);
    assert_eq!(run.counts().of(Call::Delete), 0);
    assert_eq!(run.counts().of(Call::Lookup), lookups);
    assert!(run.bytes("in.csv.checkpoint.db") == before);
    let json = rollback(&run, "in.csv --dry-run --json").code(0).json();
    assert_eq!(counts(&json), [count("pending", 20)]);
}

/// Changes two of the customers that `in.csv` created, from another checkpoint.
fn change_two(run: &Run) {
    let text = rows_from(15, 16).replace("USD", "EUR");
    assert_ne!(text, rows_from(15, 16));
    run.write("change.csv", text);
    run.import("change.csv --existing update").code(0);
    run.summary("change.csv").outcomes(&[("updated", 2)]);
}

#[test]
fn customers_that_were_changed_are_left_unless_told() {
    let run = twenty_of_thirty_are_ours(&[]);
    change_two(&run);
    rollback(&run, "in.csv --dry-run")
        .code(0)
        .says("           2  left: changed");
    rollback(&run, "in.csv --yes")
        .code(3)
        .says("--even-if-changed");
    assert_eq!(outcomes(&run), [count("changed", 2), count("deleted", 18)]);
    assert_eq!(run.held().len(), 12);
    rollback(&run, "in.csv --yes --even-if-changed").code(0);
    assert_eq!(outcomes(&run), [count("deleted", 2)]);
    only_the_ten_are_left(&run);
}

#[test]
fn another_customer_of_the_same_id_is_never_touched() {
    let run = twenty_of_thirty_are_ours(&[]);
    std::fs::copy(
        run.path("in.csv.checkpoint.db"),
        run.path("copy.checkpoint.db"),
    )
    .unwrap();
    rollback(&run, "--checkpoint copy.checkpoint.db --yes").code(0);
    assert!(run.exists("copy.results/rollback-summary.json"));
    run.write("anew.csv", rows(30));
    run.import("anew.csv").code(0);
    rollback(&run, "in.csv --yes --even-if-changed").code(0);
    assert_eq!(outcomes(&run), [count("already_gone", 20)]);
    run.holds(&customers_of_csv(&rows(30)));
}

/// The customers of `in.csv` are deleted at Kable, and others make those of `text` by hand.
fn others_make_anew(run: &Run, text: String) {
    let copy = run.path("copy.checkpoint.db");
    std::fs::copy(run.path("in.csv.checkpoint.db"), copy).unwrap();
    rollback(run, "--checkpoint copy.checkpoint.db --yes").code(0);
    assert!(run.held().is_empty());
    run.write("others.csv", text);
    run.import("others.csv").code(0);
}

#[test]
fn what_others_made_anew_stays_theirs_when_it_is_updated() {
    for (command, third, left) in [
        ("import --existing update", "already_existed", vec![]),
        // A sync sends nothing for a customer that equals its row.
        (
            "sync --max-changes 90%",
            "unchanged",
            vec![count("already_gone", 1)],
        ),
    ] {
        let run = Run::new().server(&[]).input("in.csv", rows(4));
        run.import("in.csv").code(0);
        let changed = rows(4).replace("USD", "EUR");
        let others = rows(2) + "c-3,Company 3,EUR\n";
        others_make_anew(&run, others.clone());
        run.write("in.csv", &changed);
        run.go(&format!("{command} in.csv --base-url URL")).code(0);
        run.summary("in.csv")
            .outcomes(&[("updated", 2), (third, 1), ("created", 1)]);
        assert_eq!(run.held().len(), 4);
        rollback(&run, "in.csv --yes --even-if-changed").code(0);
        let mut expected = left;
        expected.push(count("deleted", 1));
        assert_eq!(outcomes(&run), expected, "{command}");
        // As they were made.
        run.holds(&customers_of_csv(&others));
    }
}

#[test]
fn lost_answers_are_settled_by_asking_and_limits_are_kept() {
    let run = twenty_of_thirty_are_ours(&[
        "lost-reply=20%@delete",
        "reset=20%@delete",
        "status:503=10%@delete",
        "throttle:1=5%@delete",
        "cut-body=10%@delete",
    ]);
    rollback(&run, "in.csv --yes").code(0);
    assert_eq!(
        outcomes(&run).iter().map(|(_, count)| count).sum::<u64>(),
        20
    );
    only_the_ten_are_left(&run);
}

#[test]
fn two_processes_do_not_roll_back_one_checkpoint() {
    let run = twenty_of_thirty_are_ours(&[]);
    let running = start(&run, "in.csv --yes --rate 10/s");
    until("a delete", || run.counts().of(Call::Delete) >= 1);
    rollback(&run, "in.csv --yes --out other").refuses(1, &["is in use by"]);
    running.end().code(0);
    only_the_ten_are_left(&run);
}

#[test]
fn it_is_stopped_softly_and_goes_on() {
    let run = twenty_of_thirty_are_ours(&[]);
    let running = start(&run, "in.csv --yes --rate 10/s");
    until("two deletes", || run.counts().of(Call::Delete) >= 2);
    running.signal("INT");
    running.end().code(130).says("Go on where it stopped:");
    let left = run.held().len() as u64;
    assert!((11..30).contains(&left), "{left}");
    let done = count("deleted", 30 - left);
    assert_eq!(outcomes(&run), [done, count("pending", left - 10)]);
    rollback(&run, "in.csv --yes").code(0);
    only_the_ten_are_left(&run);
    assert_eq!(run.counts().of(Call::Delete), 20);
}

#[test]
fn the_clock_stops_it_with_its_own_code() {
    let run = twenty_of_thirty_are_ours(&[]);
    rollback(&run, "in.csv --yes --rate 10/s --max-duration 500ms")
        .code(4)
        .says("Stopped by --max-duration");
    rollback(&run, "in.csv --yes").code(0);
    only_the_ten_are_left(&run);
}

#[test]
fn a_revoked_key_stops_it_and_no_customer_counts_as_failed() {
    let mut run = twenty_of_thirty_are_ours(&["revoke-key@delete:5"]);
    rollback(&run, "in.csv --yes --concurrency 1")
        .code(1)
        .hints("mend the credentials");
    assert!(outcomes(&run).iter().all(|(name, _)| name != "failed"));
    run.server_again(|_| {});
    rollback(&run, "in.csv --yes").code(0);
    only_the_ten_are_left(&run);
}

#[test]
fn refusals_with_one_cause_stop_it_and_no_customer_counts_as_failed() {
    let run = Run::new()
        .server(&["status:403@delete"])
        .input("in.csv", rows(30));
    run.import("in.csv").code(0);
    rollback(&run, "in.csv --yes").code(5).says("refused alike");
    assert_eq!(outcomes(&run), [count("pending", 30)]);
    run.go("status in.csv").code(0).says("30  created");
}

#[test]
fn a_customer_that_cannot_be_deleted_fails_alone() {
    let run = twenty_of_thirty_are_ours(&["status:409@delete:7-8"]);
    rollback(&run, "in.csv --yes --concurrency 1").code(3);
    assert_eq!(outcomes(&run), [count("deleted", 18), count("failed", 2)]);
    rollback(&run, "in.csv --yes").code(0);
    only_the_ten_are_left(&run);
}

#[test]
fn rows_that_an_import_left_in_doubt_are_looked_up() {
    // `Date` has whole seconds: a customer is proved to be created after its claim if more
    // than one lies between them.
    let run = Run::new()
        .server(&["delay:2500ms@create:50-75"])
        .input("before.csv", rows(10))
        .input("in.csv", rows(200));
    run.import("before.csv").code(0);
    let running = run.start_import("in.csv --rate 100/s");
    until("some creates", || run.counts().of(Call::Create) >= 60);
    running.kill();
    run.settled();
    rollback(&run, "in.csv --yes").code(0);
    only_the_ten_are_left(&run);
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(200)));
    let summary = run.summary("in.csv");
    assert_eq!(
        summary.outcome("created") + summary.outcome("already_existed"),
        200
    );
}

#[test]
fn a_customer_that_a_killed_run_created_anew_is_left_and_said() {
    let run = Run::new()
        .server(&["hang-after@create:2"])
        .input("in.csv", rows(1));
    // The claim is made before the look-ups that prove its absence.
    let sync = format!("sync in.csv --settle 3s --base-url {}", run.url());
    run.go(&sync).code(0);
    run.post("customers/c-1/delete");
    assert_eq!(run.held().len(), 0);
    let running = run.start(&sync);
    until("it is created anew", || run.held().len() == 1);
    running.kill();
    // It may also be that of others, and a change of the one before in doubt.
    rollback(&run, "in.csv --yes").code(3);
    assert_eq!(outcomes(&run), [count("not_ours", 1)]);
    assert_eq!(run.held().len(), 1);
}

/// Moves all that a checkpoint knows a day into the past.
fn a_day_ago(run: &Run, checkpoint: &str) {
    let db = Connection::open(run.path(checkpoint)).unwrap();
    db.execute_batch(
        "UPDATE run SET began = began - 86400000, changed = changed - 86400000;
        UPDATE customer SET claimed = claimed - 86400000, claimed_by = claimed_by - 86400000;",
    )
    .unwrap();
}

#[test]
fn what_others_created_a_day_after_a_killed_import_stays_theirs() {
    let mut run = Run::new().server(&["hang@create"]).input("in.csv", rows(2));
    let running = run.start_import("in.csv --timeout 20s");
    until("both creates", || run.counts().of(Call::Create) == 2);
    running.kill();
    run.server_again(|settings| settings.faults.clear());
    a_day_ago(&run, "in.csv.checkpoint.db");
    run.write("others.csv", rows(2));
    run.import("others.csv").code(0);

    let copy = run.path("copy.checkpoint.db");
    std::fs::copy(run.path("in.csv.checkpoint.db"), copy).unwrap();
    rollback(&run, "--checkpoint copy.checkpoint.db --dry-run")
        .code(0)
        .says("2  left: not proved");
    rollback(&run, "--checkpoint copy.checkpoint.db --yes").code(3);
    let summary = serde_json::from_str(&run.text("copy.results/rollback-summary.json"));
    assert_eq!(counts(&summary.unwrap()), [count("not_ours", 2)]);
    run.import("in.csv").code(0);
    run.summary("in.csv").outcomes(&[("already_existed", 2)]);
    rollback(&run, "in.csv --yes")
        .code(0)
        .says("nothing to delete");
    run.holds(&customers_of_csv(&rows(2)));
}

#[test]
fn a_customer_in_doubt_whose_update_is_refused_then_is_deleted_too() {
    let mut run = Run::new()
        .server(&["delay:2500ms@create:1"])
        .input("in.csv", rows(1));
    let running = run.start_import("in.csv");
    until("the create", || run.counts().of(Call::Create) == 1);
    running.kill();
    run.settled();
    run.server_again(|settings| settings.faults = vec!["status:422@update".parse().unwrap()]);
    run.write("in.csv", rows(1).replace("USD", "EUR"));
    run.import("in.csv --existing update").code(3);
    let result = run.result("in.csv", "c-1");
    assert_eq!(result["outcome"], "failed");
    assert!(result["customerId"].is_string(), "{result}");
    rollback(&run, "in.csv --yes").code(0);
    assert_eq!(outcomes(&run), [count("deleted", 1)]);
    assert!(run.held().is_empty());
}

/// Deletes that land late, and reads that lag.
const LATE: [&str; 4] = [
    "lost-reply=5%@delete",
    "reset=5%@delete",
    "land-late:700ms=3%@delete",
    "reset-then-land:300ms=3%@delete",
];

#[test]
fn killed_at_any_moment_exactly_the_created_ones_are_gone() {
    let run = Run::new()
        .input("before.csv", rows(50))
        .input("in.csv", rows(400))
        .env("KABLE_BULK_SETTLE", "2s")
        .server_with(&LATE, |settings| {
            settings.read_lag = Duration::from_millis(100);
        });
    run.import("before.csv").code(0);
    run.import("in.csv").code(0);
    run.settled();
    let many = || inspect::count(&run.path(DATABASE)).unwrap();
    let seed = fastrand::u64(..);
    let mut chance = fastrand::Rng::with_seed(seed);
    let line =
        "rollback in.csv --yes --base-url URL --rate unlimited --concurrency 16 --timeout 500ms";
    for kill in 0..20 {
        let mut running = run.start(line);
        let goal = many().saturating_sub(chance.usize(0..=25)).max(50);
        let mut looks = chance.usize(5..100);
        until("some customers fewer", || {
            looks = looks.saturating_sub(1);
            many() <= goal || looks == 0 || !running.runs()
        });
        if !running.runs() {
            break;
        }
        running.kill();
        println!("kill {kill}: {} left", many());
    }
    run.go(line).code(0);
    run.settled();
    run.holds(&customers_of_csv(&rows(50)));
    // Everything is created anew, once, and no delete of before reaches it.
    run.import("in.csv --timeout 500ms").code(0);
    run.settled();
    run.holds(&customers_of_csv(&rows(400)));
    println!("seed {seed}");
}

/// An API that answers 201 for a customer that exists says nothing about who created it.
#[test]
fn what_another_checkpoint_created_seconds_before_is_left_alone() {
    let mut run = Run::new()
        .server_with(&[], |settings| settings.now = seconds_ago)
        .input("others.csv", rows(5))
        .input("in.csv", rows(8));
    run.import("others.csv").code(0);
    run.server_again(|settings| settings.upsert = true);
    run.import("in.csv").code(0);
    rollback(&run, "in.csv --dry-run")
        .code(0)
        .says("5  left: not proved");
    rollback(&run, "in.csv --yes").code(3);
    assert_eq!(outcomes(&run), [count("deleted", 3), count("not_ours", 5)]);
    run.holds(&customers_of_csv(&rows(5)));
    // It still says so, and still deletes none.
    rollback(&run, "in.csv --yes").code(3);
    assert_eq!(outcomes(&run), [count("not_ours", 5)]);
    run.holds(&customers_of_csv(&rows(5)));
}

/// Three seconds before now.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox's own clock, set back"
)]
fn seconds_ago() -> std::time::SystemTime {
    std::time::SystemTime::now() - Duration::from_secs(3)
}
