//! A checkpoint that is damaged, or of an older format: it is said, what can be
//! saved is saved, and every customer is created exactly once all the same.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

#[expect(dead_code, reason = "each test file uses a part of the language")]
mod common;

use std::collections::BTreeSet;
use std::io::{Seek, SeekFrom, Write};

use common::{Run, customers_of_csv, rows, until};
use kable_bulk::sandbox::calls::Call;
use kable_bulk::sandbox::settings::CLIENT_ID;

const CHECKPOINT: &str = "in.csv.checkpoint.db";

const SAVED: &str = "in.csv.checkpoint.db.saved";

/// A file as an older kable-bulk left it.
const FORMAT_1: &str = include_str!("formats/format-1.sql");

/// The pages on which customers stand in the checkpoint.
fn leaves(run: &Run) -> Vec<u64> {
    let db = rusqlite::Connection::open(run.path(CHECKPOINT)).unwrap();
    let sql =
        "SELECT pageno FROM dbstat WHERE name = 'customer' AND pagetype = 'leaf' ORDER BY path";
    let mut pages = db.prepare(sql).unwrap();
    let pages = pages.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    pages.map(|page| page.unwrap().cast_unsigned()).collect()
}

/// Overwrites a page of the checkpoint with zeros.
fn wipe(run: &Run, page: u64) {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(run.path(CHECKPOINT))
        .unwrap();
    file.seek(SeekFrom::Start((page - 1) * 4096)).unwrap();
    file.write_all(&[0; 4096]).unwrap();
}

/// A run of which half is imported, and whose checkpoint has a page less.
fn damaged(options: &str) -> Run {
    let run = Run::new().server(&[]).input("in.csv", rows(400));
    run.import(&format!("in.csv --limit 200 {options}")).code(0);
    let leaves = leaves(&run);
    assert!(leaves.len() > 3, "{leaves:?}");
    wipe(&run, leaves[1]);
    run
}

/// What the saved checkpoint can't know is asked for, and no more than that.
fn finish(run: &Run) {
    run.import(&format!("in.csv --checkpoint {SAVED}")).code(0);
    run.holds(&customers_of_csv(&rows(400)));
    assert_eq!(run.creates_in_vain(), 0);
    assert_eq!(run.counts().of(Call::Create), 400);
    assert_eq!(run.results("in.csv").len(), 400);
    let summary = run.summary("in.csv");
    let lost = summary.outcome("already_existed");
    assert!((1..200).contains(&lost), "{lost}");
    summary.outcomes(&[("created", 400 - lost), ("already_existed", lost)]);
    assert_eq!(run.counts().of(Call::Lookup), 200 + lost);
}

#[test]
fn a_damaged_checkpoint_is_said_to_be_and_the_saved_one_goes_on() {
    let run = damaged("");
    let (before, creates) = (run.bytes(CHECKPOINT), run.counts().of(Call::Create));
    let ended = run
        .import("in.csv")
        .refuses(1, &[CHECKPOINT, "is damaged", "of its 200 claims", SAVED])
        .hints(&format!("the same command with --checkpoint {SAVED}"));
    // Which page that is, and how many rows stand on it, is SQLite's business.
    let said = ended.stderr.replace(|c: char| c.is_ascii_digit(), "9");
    insta::assert_snapshot!(said, @r"
    error: checkpoint in.csv.checkpoint.db is damaged: part of it can't be read (Tree 9 page 9: btreeInitPage() returns error code 99); 999 of its 999 claims, 999 of them created, were saved to in.csv.checkpoint.db.saved
    hint: run the same command with --checkpoint in.csv.checkpoint.db.saved: it asks for every customer that it does not know before sending it (the damaged file was left as it is)
    ");
    assert_eq!(run.counts().of(Call::Create), creates, "something was sent");
    assert!(
        run.bytes(CHECKPOINT) == before,
        "the damaged file was touched"
    );
    finish(&run);

    // And again, as if nothing had been.
    let (creates, lookups) = (run.counts().of(Call::Create), run.counts().of(Call::Lookup));
    run.import(&format!("in.csv --checkpoint {SAVED}")).code(0);
    assert_eq!(run.counts().of(Call::Create), creates);
    assert_eq!(run.counts().of(Call::Lookup), lookups);
}

#[test]
fn the_same_command_names_what_was_saved_before() {
    let run = damaged("");
    run.import("in.csv").refuses(1, &["were saved to"]);
    let saved = run.bytes(SAVED);
    run.import("in.csv")
        .refuses(1, &[CHECKPOINT, "is damaged", SAVED, "already"])
        .hints(&format!("--checkpoint {SAVED}"));
    assert!(run.bytes(SAVED) == saved, "it was replaced");
    finish(&run);
}

#[test]
fn status_says_so_and_writes_nothing() {
    let run = damaged("");
    let before = run.bytes(CHECKPOINT);
    let files = run.files().len();
    run.go("status in.csv")
        .refuses(1, &[CHECKPOINT, "is damaged", "nothing was changed"])
        .hints("run the import again");
    assert!(run.bytes(CHECKPOINT) == before);
    assert_eq!(run.files().len(), files);
    run.import("in.csv").code(1);
    run.go(&format!("status --checkpoint {SAVED}"))
        .code(0)
        .says("saved from a damaged checkpoint");
}

/// Killed in the middle, so that much of it waits in the log.
#[test]
fn a_killed_runs_damaged_checkpoint_is_saved_with_its_log() {
    let run = Run::new().server(&[]).input("in.csv", rows(400));
    run.import("in.csv --limit 150").code(0);
    let running = run.start_import("in.csv --rate 100/s");
    until("some more", || run.counts().of(Call::Create) >= 180);
    running.kill();
    let log = format!("{CHECKPOINT}-wal");
    let logged = run.bytes(&log);
    assert!(!logged.is_empty());
    // The first page of customers was full long ago, and is not in the log.
    let copy = Run::new();
    copy.write(CHECKPOINT, run.bytes(CHECKPOINT));
    wipe(&run, leaves(&copy)[0]);
    let before = run.bytes(CHECKPOINT);
    run.go("status in.csv").refuses(1, &["is damaged"]);
    run.import("in.csv").refuses(1, &["is damaged", SAVED]);
    assert!(run.bytes(CHECKPOINT) == before && run.bytes(&log) == logged);
    run.import(&format!("in.csv --checkpoint {SAVED}")).code(0);
    run.holds(&customers_of_csv(&rows(400)));
    assert_eq!(run.creates_in_vain(), 0);
    assert_eq!(run.results("in.csv").len(), 400);
}

#[test]
fn a_saved_run_that_is_stopped_and_killed_creates_every_customer_once() {
    let run = damaged("");
    run.import("in.csv").code(1);
    let command = format!("in.csv --checkpoint {SAVED} --rate 200/s");
    let asked = || run.counts().of(Call::Lookup);
    let running = run.start_import(&command);
    until("some questions", || asked() >= 10);
    running.signal("INT");
    running.end().code(130);
    // What was not asked for was not sent, as far as this checkpoint knows.
    assert_eq!(run.summary("in.csv").outcome("unresolved"), 0);
    let before = asked();
    let running = run.start_import(&command);
    until("some more questions", || asked() >= before + 60);
    running.kill();
    run.import(&format!("in.csv --checkpoint {SAVED}")).code(0);
    run.holds(&customers_of_csv(&rows(400)));
    assert_eq!(run.creates_in_vain(), 0);
    assert_eq!(run.results("in.csv").len(), 400);
}

#[test]
fn a_customer_that_was_lost_and_changed_since_differs() {
    let run = damaged("");
    run.import("in.csv").code(1);
    run.write("in.csv", rows(400).replace("Company ", "Firm "));
    run.import(&format!("in.csv --checkpoint {SAVED}")).code(3);
    let summary = run.summary("in.csv");
    // Those that it knows were changed after they were created.
    summary.outcomes(&[("created", 200), ("differs", 200)]);
    assert_eq!(run.creates_in_vain(), 0);
}

/// Keys are in `keys.csv`, or said to be lost.
#[test]
fn the_keys_of_lost_claims_are_kept_or_said_to_be_lost() {
    let run = damaged("--keys");
    run.import("in.csv --keys").code(1);
    // Of some of them the keys were kept.
    let keys = run.text("in.csv.results/keys.csv");
    let kept: Vec<&str> = keys.lines().take(60).collect();
    run.write("in.csv.results/keys.csv", kept.join("\n") + "\n");
    run.import(&format!("in.csv --checkpoint {SAVED} --keys"))
        .code(0);
    let keys = run.text("in.csv.results/keys.csv");
    let with_key: BTreeSet<&str> = keys
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split_once(',')?.0))
        .collect();
    let problems = run.text("in.csv.results/problems.csv");
    let told: BTreeSet<&str> = problems
        .lines()
        .filter(|line| line.contains(",keys_lost,"))
        .filter_map(|line| line.split(',').nth(2))
        .collect();
    let results = run.results("in.csv");
    let forgotten: BTreeSet<&str> = results
        .iter()
        .filter(|line| line["outcome"] == "already_existed")
        .map(|line| line["clientId"].as_str().unwrap())
        .collect();
    let (with, without): (BTreeSet<&str>, BTreeSet<&str>) =
        forgotten.iter().partition(|id| with_key.contains(*id));
    assert!(
        !with.is_empty() && !without.is_empty(),
        "{with:?} {without:?}"
    );
    assert_eq!(told, without);
}

#[test]
fn without_its_account_nothing_is_saved_and_a_new_one_finds_what_is_there() {
    let run = damaged("");
    wipe(&run, 2);
    run.import("in.csv")
        .refuses(1, &[CHECKPOINT, "is damaged", "nothing could be saved"])
        .hints("begin a new one with --checkpoint FILE");
    assert!(!run.exists(SAVED));
    run.import("in.csv --checkpoint new.db").code(0);
    run.holds(&customers_of_csv(&rows(400)));
    run.summary("in.csv")
        .outcomes(&[("created", 200), ("already_existed", 200)]);
}

/// The file of an older format, for this test's sandbox.
fn with_format_1() -> Run {
    let run = Run::new().server(&[]).input("in.csv", rows(5));
    let db = rusqlite::Connection::open(run.path(CHECKPOINT)).unwrap();
    db.execute_batch(FORMAT_1).unwrap();
    db.execute(
        "UPDATE account SET base_url = ?, kable_client_id = ?",
        [run.url().trim_end_matches('/'), CLIENT_ID],
    )
    .unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.close().unwrap();
    run
}

fn format_of(run: &Run) -> i64 {
    let db = rusqlite::Connection::open(run.path(CHECKPOINT)).unwrap();
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn a_checkpoint_of_an_older_format_is_brought_up_to_date_and_goes_on() {
    let run = with_format_1();
    run.import("in.csv --max-errors 100%").code(3);
    assert_eq!(format_of(&run), 2);
    run.summary("in.csv")
        .outcomes(&[("created", 4), ("failed", 1)]);
    // The first was created before there was this sandbox; the third had failed.
    let held: Vec<String> = run.held().into_keys().collect();
    assert_eq!(held, ["c-2", "c-4", "c-5"]);
    assert_eq!(
        run.counts().of(Call::Lookup),
        1,
        "only the second is in doubt"
    );
    assert_eq!(
        run.result("in.csv", "c-1")["customerId"],
        "cus_0000000000000000f1de83e1"
    );
}

#[test]
fn status_reads_an_older_format_and_leaves_it_as_it_is() {
    let run = with_format_1();
    let before = run.bytes(CHECKPOINT);
    run.go("status in.csv")
        .code(0)
        .says("1  created")
        .says("1  in doubt")
        .keeps_to_itself("damaged");
    assert!(run.bytes(CHECKPOINT) == before);
    assert_eq!(format_of(&run), 1);
}

#[test]
fn a_damaged_checkpoint_of_an_older_format_is_saved_in_the_newest() {
    let run = with_format_1();
    // Its second table is that of the runs.
    wipe(&run, 3);
    run.import("in.csv")
        .refuses(1, &["3 of its 3 claims, 1 of them created"]);
    assert_eq!(format_of(&run), 1);
    run.import(&format!("in.csv --checkpoint {SAVED} --max-errors 100%"))
        .code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 4), ("failed", 1)]);
    assert_eq!(run.counts().of(Call::Lookup), 3, "all that is not settled");
}
