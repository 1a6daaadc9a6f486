//! A checkpoint that is damaged, or of an older format: the run reports it, saves what can
//! be saved, and every customer is created exactly once nevertheless.

use std::collections::BTreeSet;
use std::io::{Seek, SeekFrom, Write};

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::settings::CLIENT_ID;

use crate::common::{Run, customers_of_csv, rows, until};

const CHECKPOINT: &str = "in.csv.checkpoint.db";

const SAVED: &str = "in.csv.checkpoint.db.saved";

/// A file as an older kable-bulk left it.
const FORMAT_1: &str = include_str!("../formats/format-1.sql");

/// The pages of the checkpoint that contain customers.
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
    overwrite(run, CHECKPOINT, (page - 1) * 4096, &[0; 4096]);
}

/// A run of which half is imported, and whose checkpoint lacks a page.
fn damaged(options: &str) -> Run {
    let run = Run::new().server(&[]).input("in.csv", rows(400));
    run.import(&format!("in.csv --limit 200 {options}")).code(0);
    let leaves = leaves(&run);
    assert!(leaves.len() > 3, "{leaves:?}");
    wipe(&run, leaves[1]);
    run
}

/// Rows that the saved checkpoint may lack are looked up, and no others.
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
    // Which page that is, and how many rows it contains, depends on SQLite.
    let lines = ended.stderr.lines();
    let said: Vec<&str> = lines
        .filter(|line| !line.starts_with("options from"))
        .collect();
    let said = said.join("\n").replace(|c: char| c.is_ascii_digit(), "9");
    insta::assert_snapshot!(said, @r"
    error: checkpoint in.csv.checkpoint.db is damaged: part of it can't be read; 999 of its 999 claims, 999 of them created, were saved to in.csv.checkpoint.db.saved (SQLite: Tree 9 page 9: btreeInitPage() returns error code 99)
    hint: run the same command with --checkpoint in.csv.checkpoint.db.saved: it asks for every customer that it does not know before sending it (the damaged file was left as it is)
    ");
    assert_eq!(run.counts().of(Call::Create), creates, "something was sent");
    assert!(
        run.bytes(CHECKPOINT) == before,
        "the damaged file was touched"
    );
    finish(&run);

    // And again, as if nothing had happened.
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

/// Killed in the middle, so that much of it is only in the log.
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
    // Rows that were not looked up were not sent, as far as this checkpoint knows.
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
    // It knows that they were changed after they were created.
    summary.outcomes(&[("created", 200), ("differs", 200)]);
    assert_eq!(run.creates_in_vain(), 0);
}

/// Keys are in `keys.csv`, or reported as lost.
#[test]
fn the_keys_of_lost_claims_are_kept_or_said_to_be_lost() {
    let run = damaged("--keys");
    run.import("in.csv --keys").code(1);
    // The keys of some of them were kept.
    let keys = run.text("in.csv.results/keys.csv");
    let kept: Vec<&str> = keys.lines().take(40).collect();
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
fn without_its_account_it_is_saved_for_this_runs() {
    let run = damaged("");
    wipe(&run, 2);
    run.import("in.csv")
        .refuses(1, &[CHECKPOINT, "is damaged", "of its 200 claims", SAVED])
        .says(&format!(
            "{} (account {CLIENT_ID}) was written there",
            url(&run)
        ));
    finish(&run);
}

fn url(run: &Run) -> String {
    run.url().trim_end_matches('/').to_owned()
}

/// The first page identifies a checkpoint.
#[test]
fn a_damaged_first_page_is_damage_and_costs_nothing() {
    for (first, many) in [(0, 16), (0, 100), (0, 4096), (16, 84), (100, 3996)] {
        let run = Run::new().server(&[]).input("in.csv", rows(400));
        run.import("in.csv --limit 200").code(0);
        overwrite(&run, CHECKPOINT, first, &vec![0xa5; many]);
        let before = run.bytes(CHECKPOINT);
        run.go("status in.csv").refuses(1, &["is damaged"]);
        run.import("in.csv --dry-run").refuses(1, &["is damaged"]);
        run.import("in.csv")
            .refuses(1, &["is damaged", "200 of its 200 claims", SAVED])
            .hints(&format!("--checkpoint {SAVED}"));
        assert!(run.bytes(CHECKPOINT) == before);
        run.import(&format!("in.csv --checkpoint {SAVED}")).code(0);
        run.holds(&customers_of_csv(&rows(400)));
        assert_eq!(run.creates_in_vain(), 0);
        run.summary("in.csv").outcomes(&[("created", 400)]);
    }
}

/// Text, or another program's database.
#[test]
fn what_was_never_ours_is_refused_and_left_alone() {
    let run = Run::new()
        .server(&[])
        .input("in.csv", rows(3))
        .input("notes.txt", "kable_client_id: kci_1\n");
    let db = rusqlite::Connection::open(run.path("other.db")).unwrap();
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(db);
    for name in ["notes.txt", "other.db"] {
        let before = run.bytes(name);
        for _ in 0..2 {
            run.import(&format!("in.csv --checkpoint {name}"))
                .refuses(1, &[name, "is not a checkpoint"]);
        }
        assert!(run.bytes(name) == before);
        assert!(!run.exists(&format!("{name}.saved")));
    }
    assert_eq!(run.counts().of(Call::Create), 0);
}

/// Overwrites a part of a file.
fn overwrite(run: &Run, name: &str, at: u64, with: &[u8]) {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(run.path(name))
        .unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(with).unwrap();
}

const LOG: &str = "in.csv.checkpoint.db-wal";

/// A run that was killed when much of it was in the log only.
fn killed(options: &str) -> Run {
    let run = Run::new().server(&[]).input("in.csv", rows(500));
    let running = run.start_import(&format!("in.csv --rate 400/s {options}"));
    until("some", || run.counts().of(Call::Create) >= 250);
    running.kill();
    assert!(run.bytes(LOG).len() > 20 * 4120);
    run
}

/// The damage is reported, and the saved checkpoint leads to everything that was sent.
fn is_said_and_finished(run: &Run, options: &str, words: &[&str]) {
    run.go("status in.csv").refuses(1, words);
    // Read late: requests of the killed run may arrive after its end.
    let sent = run.counts().of(Call::Create);
    run.import(&format!("in.csv --dry-run {options}"))
        .refuses(1, words);
    run.import(&format!("in.csv {options}")).refuses(1, words);
    // And again: reading it must not make it look undamaged.
    run.go("status in.csv").refuses(1, words);
    assert_eq!(run.counts().of(Call::Create), sent, "something was sent");
    run.comes_right(
        &format!("in.csv --checkpoint {SAVED} {options}"),
        &rows(500),
    );
}

#[test]
fn garbage_within_the_log_of_a_killed_run_is_damage() {
    let run = killed("");
    std::fs::remove_file(run.path("in.csv.checkpoint.db-shm")).unwrap();
    let middle = run.bytes(LOG).len() as u64 / 2;
    overwrite(&run, LOG, middle, &[0xa5; 3000]);
    let logged = run.bytes(LOG);
    is_said_and_finished(&run, "", &["is damaged", "its log is damaged"]);
    std::fs::remove_file(run.path(SAVED)).unwrap();
    run.import("in.csv")
        .refuses(1, &["claims (of how many can't be told)"]);
    assert!(run.bytes(LOG) == logged);
}

#[test]
fn a_log_that_was_left_behind_is_missed_and_can_be_put_back() {
    let run = killed("");
    let logged = run.bytes(LOG);
    for name in [LOG, "in.csv.checkpoint.db-shm"] {
        std::fs::remove_file(run.path(name)).unwrap();
    }
    run.import("in.csv")
        .refuses(
            1,
            &["is damaged", "its log (in.csv.checkpoint.db-wal) is lost"],
        )
        .hints("put in.csv.checkpoint.db-wal back");
    run.write(LOG, logged);
    run.comes_right("in.csv", &rows(500));
}

#[test]
fn without_its_log_a_killed_run_is_finished_from_what_was_saved() {
    let run = killed("");
    for name in [LOG, "in.csv.checkpoint.db-shm"] {
        std::fs::remove_file(run.path(name)).unwrap();
    }
    is_said_and_finished(&run, "", &["is damaged", LOG]);
}

#[test]
fn an_emptied_checkpoint_is_not_begun_anew() {
    for log_too in [false, true] {
        let run = killed("");
        run.write(CHECKPOINT, "");
        if log_too {
            std::fs::remove_file(run.path(LOG)).unwrap();
        }
        is_said_and_finished(&run, "", &["is damaged", "it is empty"]);
    }
}

/// Customers whose keys are in `keys.csv` have not lost them.
#[test]
fn keys_are_kept_or_said_to_be_lost_without_the_log_and_without_the_file() {
    for emptied in [false, true] {
        let run = killed("--keys");
        if emptied {
            run.write(CHECKPOINT, "");
        }
        std::fs::remove_file(run.path(LOG)).unwrap();
        let held: BTreeSet<String> = run.held().into_keys().collect();
        let before = run.text("in.csv.results/keys.csv");
        let before: BTreeSet<String> = before
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.split_once(',')?.0.to_owned()))
            .collect();
        is_said_and_finished(&run, "--keys", &["is damaged"]);
        let (kept, lost) = run.keys("in.csv");
        assert!(before.is_subset(&kept));
        // The server may have acted on some more after the kill.
        assert!(lost.is_superset(&held.difference(&before).cloned().collect()));
        assert!(kept.is_disjoint(&lost));
        assert_eq!(kept.len() + lost.len(), 500);
    }
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
    let before = run.bytes(CHECKPOINT);
    run.import("in.csv --max-errors 100% --dry-run").code(0);
    assert!(
        run.bytes(CHECKPOINT) == before,
        "it was only to be looked at"
    );
    run.import("in.csv --max-errors 100%").code(3);
    assert_eq!(format_of(&run), 6);
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
