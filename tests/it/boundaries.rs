//! Kills at every boundary in turn.
//!
//! Those of sending are held open until the kill: a sandbox that can't write its file
//! delays a response, a locked checkpoint keeps the recorder from writing. Result files are
//! written under unpredictable names: there the kill comes as soon as the boundary is seen,
//! and the assertions hold on either side of it.

use std::time::Duration;

use kable_bulk::sandbox::http::routes::Call;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::common::{DATABASE, Run, customers_of_csv, rows, until};

const CHECKPOINT: &str = "in.csv.checkpoint.db";

/// Claims of any kind.
const CLAIMED: &str = "true";
/// Claims without an outcome.
const IN_DOUBT: &str = "doubt = 1";
/// Claims with one.
const SETTLED: &str = "outcome IS NOT NULL";

/// A run over ten rows, and a sandbox that misbehaves like this.
fn ten_rows(faults: &[&str]) -> Run {
    Run::new().server(faults).input("in.csv", rows(10))
}

/// Reads the checkpoint while a run writes it; `None` as long as there is none.
fn checkpoint(run: &Run, sql: &str) -> Option<i64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = Connection::open_with_flags(run.path(CHECKPOINT), flags).ok()?;
    db.query_row(sql, [], |row| row.get(0)).ok()
}

/// How many claims of a kind the checkpoint holds.
fn claims(run: &Run, which: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM customer WHERE {which}");
    checkpoint(run, &sql).unwrap_or_default()
}

/// Blocks all writes to the database `name` until it is dropped.
///
/// It leaves the files as a killed process does, without cleaning up.
fn locked(run: &Run, name: &str) -> Connection {
    let db = Connection::open(run.path(name)).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    db
}

/// Starts an import, one request at a time, whose first request the server delays, and
/// whose responses arrive when nothing can be recorded any more.
fn answered_and_not_recorded(run: &Run, options: &str) -> (crate::common::Running, Connection) {
    let unanswered = locked(run, DATABASE);
    let running = run.start_import(&format!("in.csv --concurrency 1 {options}"));
    until("the first create", || run.counts().of(Call::Create) == 1);
    let unrecorded = locked(run, CHECKPOINT);
    drop(unanswered);
    (running, unrecorded)
}

/// How many bytes a process has read.
#[cfg(target_os = "linux")]
fn has_read(process: u32) -> u64 {
    let figures = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap();
    let read = figures
        .lines()
        .find_map(|line| line.strip_prefix("rchar: "));
    read.unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn while_checking() {
    let run = ten_rows(&[]);
    run.import("in.csv").code(0);
    let many = rows(200_000);
    run.write("in.csv", &many);
    let running = run.start_import("in.csv");
    let process = running.id();
    until("half is read", || has_read(process) > many.len() as u64 / 2);
    running.kill();
    assert_eq!(checkpoint(&run, "SELECT count(*) FROM run"), Some(1));
    assert_eq!(run.counts().of(Call::Create), 10);
    assert_eq!(run.results("in.csv").len(), 10);

    run.write("in.csv", rows(20));
    run.comes_right("in.csv", &rows(20));
    assert_eq!(run.counts().of(Call::Create), 20);
}

/// A row that can't be claimed is not sent, however long it takes to find out.
#[test]
fn before_the_claim_is_on_disk() {
    let run = ten_rows(&[]);
    let (running, unrecorded) = answered_and_not_recorded(&run, "--rate 4/s");
    let claimed = claims(&run, CLAIMED);
    assert!((1..=3).contains(&claimed), "one is sent, two may wait");
    running
        .end()
        .refuses(1, &["cannot write to checkpoint"])
        .hints("what was done is kept");
    drop(unrecorded);
    assert_eq!(claims(&run, CLAIMED), claimed);
    assert_eq!(i64::try_from(run.held().len()), Ok(claimed));

    run.comes_right("in.csv", &rows(10));
}

#[test]
fn after_the_claim_and_before_the_request() {
    let run = ten_rows(&[]);
    // The three first calls count too: the first create is sent after 15 s.
    let running = run.start_import("in.csv --rate 12/m");
    // Only as many rows are claimed as are ready for the next start.
    until("the next one is claimed and one is settled", || {
        (claims(&run, CLAIMED), claims(&run, SETTLED)) == (2, 1)
    });
    running.kill();
    assert_eq!(run.counts().of(Call::Create), 1);
    assert_eq!(run.held().len(), 1);

    run.comes_right("in.csv", &rows(10));
    assert_eq!(run.counts().of(Call::Lookup), 1, "it is asked for first");
    assert_eq!(run.counts().of(Call::Create), 10);
}

/// Kills while the fourth create hangs, before or after the server has acted; returns how
/// many creates there were in the end.
fn hanging(fault: &str, acted: usize) -> u64 {
    let run = ten_rows(&[fault]);
    let running = run.start_import("in.csv --concurrency 1");
    until("the fourth create hangs", || {
        run.counts().all_faults() == 1 && claims(&run, SETTLED) == 3
    });
    until("the server has acted", || run.held().len() == acted);
    running.kill();
    assert_eq!(claims(&run, IN_DOUBT), 7);
    assert_eq!(run.held().len(), acted);

    run.comes_right("in.csv", &rows(10));
    assert_eq!(run.counts().of(Call::Lookup), 7);
    run.counts().of(Call::Create)
}

#[test]
fn after_the_request_and_before_the_server_acts() {
    assert_eq!(hanging("hang@create:4", 3), 11);
}

#[test]
fn after_the_server_acted_and_before_its_answer() {
    assert_eq!(hanging("hang-after@create:4", 4), 10);
}

/// A request may be on its way when its sender dies.
#[test]
fn before_the_server_acts_that_acts_later() {
    let run = ten_rows(&[]);
    let unanswered = locked(&run, DATABASE);
    let running = run.start_import("in.csv --concurrency 1");
    until("the first create", || run.counts().of(Call::Create) == 1);
    running.kill();
    assert_eq!(run.held().len(), 0);
    drop(unanswered);
    until("the customer", || run.held().len() == 1);
    assert_eq!(claims(&run, IN_DOUBT), 10);

    run.comes_right("in.csv", &rows(10));
    assert_eq!(run.counts().of(Call::Create), 10);
}

#[test]
fn after_the_answer_and_before_it_is_recorded() {
    let run = ten_rows(&[]);
    let (running, unrecorded) = answered_and_not_recorded(&run, "");
    // One at a time: when the last one exists, the others got their responses.
    until("all customers", || run.held().len() == 10);
    running.kill();
    drop(unrecorded);
    assert_eq!(claims(&run, IN_DOUBT), 10);

    run.comes_right("in.csv", &rows(10));
    assert_eq!(run.counts().of(Call::Create), 10);
}

#[test]
fn after_the_keys_are_kept_and_before_the_row_is_settled() {
    // The first key comes so much earlier that it is written without the others.
    let run = ten_rows(&["delay:300ms@create:2"]);
    let (mut running, unrecorded) = answered_and_not_recorded(&run, "--keys");
    let keys = || run.text("in.csv.results/keys.csv").lines().count() - 1;
    until("a key and all customers", || {
        keys() > 0 && run.held().len() == 10 || !running.runs()
    });
    running.kill();
    drop(unrecorded);
    let kept_before = keys();
    assert!(kept_before > 0);
    assert_eq!(claims(&run, IN_DOUBT), 10);

    run.comes_right("in.csv --keys", &rows(10));
    let (kept, lost) = run.keys("in.csv");
    assert_eq!(kept.len(), kept_before);
    assert!(kept.is_disjoint(&lost), "{lost:?}");
    let all = customers_of_csv(&rows(10));
    assert!(kept.union(&lost).eq(all.keys()), "{kept:?} {lost:?}");
}

/// A run that looks rows up may be killed too, and leaves as much in doubt.
#[test]
fn while_asking_what_came_of_an_earlier_kill() {
    let run = ten_rows(&["hang-after@create:4", "hang@lookup:1", "hang@lookup:4"]);
    let running = run.start_import("in.csv --concurrency 1");
    until("four customers", || run.held().len() == 4);
    until("three are settled", || claims(&run, SETTLED) == 3);
    running.kill();
    for (settled, faults) in [(3, 2), (5, 3)] {
        let running = run.start_import("in.csv --concurrency 1");
        until("a question hangs", || {
            run.counts().all_faults() == faults && claims(&run, SETTLED) == settled
        });
        running.kill();
        assert_eq!(claims(&run, IN_DOUBT), 10 - settled);
    }

    run.comes_right("in.csv", &rows(10));
    assert_eq!(run.counts().of(Call::Create), 10);
}

#[test]
fn after_the_sending_and_before_the_results() {
    let run = ten_rows(&[]);
    let running = run.start_import("in.csv");
    let ended = "SELECT count(*) FROM run WHERE ended = 'finished'";
    until("the sending has ended", || {
        checkpoint(&run, ended) == Some(1)
    });
    running.kill();
    assert_eq!(claims(&run, SETTLED), 10);
    // A file that is not in place yet is hidden; the last one put in place is the summary.
    let names = std::fs::read_dir(run.path("in.csv.results")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    let is_hidden = |name: &std::ffi::OsString| name.to_string_lossy().starts_with('.');
    assert!(names.iter().all(is_hidden) || names.iter().any(|name| name == "summary.json"));

    run.comes_right("in.csv", &rows(10));
    assert_eq!(run.counts().of(Call::Lookup), 0);
    assert_eq!(run.counts().of(Call::Create), 10);
}

#[test]
fn while_the_results_are_being_written() {
    let unfit = format!("x-1,{},Euro\n", "long ".repeat(100)).repeat(30_000);
    let run = Run::new().server(&[]).input("in.csv", rows(10) + &unfit);
    let running = run.start_import("in.csv --max-errors 100%");
    until("a part of the rejects", || {
        let hidden = run.files().into_iter().filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with('.') && name.contains("rejects.csv")
        });
        let lengths = hidden.filter_map(|path| std::fs::metadata(path).ok());
        { lengths }.any(|found| found.len() > 0) || run.exists("in.csv.results/rejects.csv")
    });
    running.kill();
    // Files that are in place are complete.
    if run.exists("in.csv.results/rejects.csv") {
        assert_eq!(
            run.text("in.csv.results/rejects.csv").lines().count(),
            30_001
        );
    }

    // The rows were corrected or removed meanwhile: there are no rejects any more.
    run.write("in.csv", rows(10));
    run.comes_right("in.csv", &rows(10));
    assert_eq!(run.counts().of(Call::Create), 10);
}

#[test]
fn after_some_results_are_in_place() {
    let run = ten_rows(&[]);
    let running = run.start_import("in.csv");
    until("the results", || run.exists("in.csv.results/results.jsonl"));
    running.kill();
    assert_eq!(run.results("in.csv").len(), 10);

    run.comes_right("in.csv", &rows(10));
    assert_eq!(run.counts().of(Call::Create), 10);
}

/// The limit of errors is exceeded before anything is sent; rows that an earlier run may
/// have sent are looked up nevertheless, and nothing is created.
#[test]
fn rows_in_doubt_are_asked_for_where_too_many_are_rejected() {
    let run = ten_rows(&["hang-after@create:4"]);
    let running = run.start_import("in.csv --concurrency 1");
    until("the fourth create hangs", || {
        run.counts().all_faults() == 1 && run.held().len() == 4 && claims(&run, SETTLED) == 3
    });
    running.kill();
    let creates = run.counts().of(Call::Create);
    run.write("in.csv", rows(10) + "c-x,,USD\n");

    run.import("in.csv --max-errors 0").code(5);
    assert_eq!(run.counts().of(Call::Create), creates, "nothing is sent");
    // In a run's first second it can't always be proved who created it.
    let outcome = run.result("in.csv", "c-4")["outcome"].clone();
    assert!(["created", "already_existed"].contains(&outcome.as_str().unwrap()));
    assert_eq!(run.held().len(), 4);
    assert_eq!(claims(&run, IN_DOUBT), 0);
}
