use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::has_lost_commits;
use crate::domain::outcome::Outcome;
use crate::domain::summary::TargetAccount;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Batch, Claim, Ledger, LedgerError, RunStart, Settlement};

const FRAME: usize = 24 + 4096;

fn target() -> TargetAccount {
    TargetAccount {
        base_url: "https://test.kable.example".to_owned(),
        kable_client_id: "kci_1".to_owned(),
    }
}

fn log_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// A checkpoint and its WAL as a killed run leaves them, and the number of claims
/// after each commit.
struct Killed {
    file: Vec<u8>,
    log: Vec<u8>,
    claims: Vec<u64>,
}

impl Killed {
    /// A run killed after `batches` of fifty rows. With `again`, an earlier run has
    /// ended, whose frames are left over in the WAL.
    fn after(batches: u64, again: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.db");
        let mut ledger = SqliteLedger::open(&path, &target(), 1).unwrap();
        let mut claims = vec![0];
        if again {
            begin(&mut ledger);
            claim(&mut ledger, 1, 6000);
            ledger.end("finished", 9).unwrap();
            claims = vec![6000];
        }
        begin(&mut ledger);
        for _ in 0..batches {
            let last = *claims.last().unwrap();
            claim(&mut ledger, last + 1, last + 50);
            claims.push(last + 50);
        }
        let (file, log) = (std::fs::read(&path), std::fs::read(log_of(&path)));
        Self {
            file: file.unwrap(),
            log: log.unwrap(),
            claims,
        }
    }

    /// Opens a copy of it with this WAL. Returns the number of claims, or `None` if
    /// it is reported as damaged.
    fn opens_with(&self, log: &[u8]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.db");
        std::fs::write(&path, &self.file).unwrap();
        std::fs::write(log_of(&path), log).unwrap();
        match SqliteLedger::open(&path, &target(), 2) {
            Ok(mut ledger) => Some(ledger.next_id().unwrap() - 1),
            Err(LedgerError::Damaged { .. }) => {
                assert!(std::fs::read(&path).unwrap() == self.file);
                // SQLite may delete an empty one.
                assert!(std::fs::read(log_of(&path)).unwrap_or_default() == log);
                None
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    /// The number of frames in the WAL that are this run's.
    fn frames(&self) -> usize {
        let frames = self.log[32..].chunks_exact(FRAME);
        let ours = |frame: &&[u8]| frame[8..16] == self.log[16..24];
        frames.take_while(ours).count()
    }
}

fn begin(ledger: &mut SqliteLedger) {
    let run = RunStart {
        command: "import".to_owned(),
        inputs: vec!["in.csv".to_owned()],
        fit_rows: 9,
        now_ms: 1,
        shared: None,
    };
    ledger.begin(&run).unwrap();
}

fn claim(ledger: &mut SqliteLedger, first: u64, last: u64) {
    let claims = (first..=last).map(|id| Claim {
        id,
        client_id: format!("c-{id}"),
        digest: [7; 16],
    });
    let settlements = (1..first).rev().take(50).map(|id| Settlement {
        id,
        client_id: format!("c-{id}"),
        digest: [7; 16],
        outcome: Outcome::Created,
        ours: true,
        orphan: false,
        place: None,
        keys_lost: false,
        customer_id: Some(format!("cus_{id}")),
        request_id: None,
        attempts: 1,
        status: Some(201),
        message: None,
        modified: None,
        differing: None,
    });
    let batch = Batch {
        now_ms: 2,
        claims: claims.collect(),
        settlements: settlements.collect(),
        ..Batch::default()
    };
    ledger.write(&batch).unwrap();
}

#[test]
fn the_wal_of_a_killed_run_is_sound() {
    for again in [false, true] {
        let killed = Killed::after(8, again);
        assert_eq!(
            killed.opens_with(&killed.log),
            killed.claims.last().copied()
        );
        assert!(killed.frames() > 20);
        // Frames of an earlier run are left over after it.
        assert_eq!(killed.log.len() > 32 + killed.frames() * FRAME, again);
    }
}

#[test]
fn a_missing_wal_or_one_without_a_commit_is_damage() {
    let killed = Killed::after(3, false);
    for length in [0, 1, 31, 32, 33, 4000, 32 + FRAME - 1] {
        assert_eq!(killed.opens_with(&killed.log[..length]), None, "{length}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    std::fs::write(&path, &killed.file).unwrap();
    for _ in 0..2 {
        let error = SqliteLedger::open_to_read(&path).unwrap_err();
        assert!(error.to_string().contains("run.db-wal"), "{error}");
        assert!(error.hint().unwrap().contains("put run.db-wal back"));
    }
}

/// Opening the checkpoint of a killed run, without beginning a run, keeps the WAL.
#[test]
fn the_wal_is_kept_until_a_run_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut ledger = SqliteLedger::open(&path, &target(), 1).unwrap();
    begin(&mut ledger);
    claim(&mut ledger, 1, 50);
    drop(ledger);
    for _ in 0..2 {
        assert!(log_of(&path).exists());
        let mut ledger = SqliteLedger::open(&path, &target(), 1).unwrap();
        assert_eq!(ledger.next_id().unwrap(), 51);
        drop(ledger);
        SqliteLedger::open_to_read(&path).unwrap();
    }
    let mut ledger = SqliteLedger::open(&path, &target(), 1).unwrap();
    begin(&mut ledger);
    ledger.end("finished", 3).unwrap();
    drop(ledger);
    assert!(!log_of(&path).exists());
    SqliteLedger::open_to_read(&path).unwrap();
    drop(SqliteLedger::open(&path, &target(), 1).unwrap());
    assert!(!log_of(&path).exists());
    SqliteLedger::open(&path, &target(), 1).unwrap();
}

#[test]
fn the_checkpoint_of_a_writing_run_can_be_opened_for_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut ledger = SqliteLedger::open(&path, &target(), 1).unwrap();
    begin(&mut ledger);
    for batch in 0..40 {
        claim(&mut ledger, batch * 50 + 1, batch * 50 + 50);
        let mut looking = SqliteLedger::open_to_read(&path).unwrap();
        assert_eq!(looking.next_id().unwrap(), batch * 50 + 51);
    }
}

/// Its connection keeps the WAL, in which each run leaves frames over for the next.
#[test]
fn a_reader_may_be_open_across_many_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    drop(SqliteLedger::open(&path, &target(), 1).unwrap());
    let mut reader = SqliteLedger::open_to_read(&path).unwrap();
    let mut last = 0;
    for rows in [600, 300, 30, 0, 1, 60, 1, 0, 1] {
        let mut ledger = SqliteLedger::open(&path, &target(), 2).unwrap();
        begin(&mut ledger);
        if rows > 0 {
            claim(&mut ledger, last + 1, last + rows);
            last += rows;
        }
        ledger.end("finished", 9).unwrap();
        drop(ledger);
        assert_eq!(reader.next_id().unwrap(), last + 1);
        assert_eq!(opens(&path), Some(last));
    }
    assert!(log_of(&path).exists());
}

#[test]
fn a_damaged_last_commit_counts_as_a_torn_write() {
    let killed = Killed::after(5, false);
    let mut log = killed.log.clone();
    let last = log.len() - 100;
    log[last] ^= 1;
    assert_eq!(killed.opens_with(&log), Some(200));
}

#[test]
fn a_wal_of_zeros_or_garbage_is_damaged() {
    let killed = Killed::after(5, true);
    let many = killed.log.len();
    assert_eq!(killed.opens_with(&vec![0; many]), None);
    let mut chance = fastrand::Rng::with_seed(8);
    let garbage: Vec<u8> = std::iter::repeat_with(|| chance.u8(..))
        .take(many)
        .collect();
    assert_eq!(killed.opens_with(&garbage), None);
    // Garbage from the middle to the end.
    let middle = 32 + killed.frames() / 2 * FRAME + 99;
    let tail = [&killed.log[..middle], &garbage[middle..]].concat();
    assert_eq!(killed.opens_with(&tail), None);
    // Preallocated space after the last frame.
    let room = [&killed.log[..32 + killed.frames() * FRAME], &[0; 3 * FRAME]].concat();
    assert_eq!(killed.opens_with(&room), killed.claims.last().copied());
}

#[test]
fn a_missing_wal_has_no_lost_commits() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!has_lost_commits(&folder.path().join("run.db")).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// As after a power failure.
    #[test]
    fn a_wal_truncated_anywhere_holds_the_commits_before(
        at in any::<prop::sample::Index>(),
        again in any::<bool>(),
    ) {
        let killed = Killed::after(6, again);
        let length = at.index(killed.log.len());
        match killed.opens_with(&killed.log[..length]) {
            Some(claims) => prop_assert!(killed.claims.contains(&claims), "{claims}"),
            // Too short for a single commit.
            None => prop_assert!(length < 32 + FRAME, "{length}"),
        }
    }

    #[test]
    fn damage_before_the_last_commit_is_always_reported(
        at in any::<prop::sample::Index>(),
        many in 1..3 * FRAME,
        seed in any::<u64>(),
        again in any::<bool>(),
    ) {
        let killed = Killed::after(6, again);
        let mut log = killed.log.clone();
        let ours = 32 + killed.frames() * FRAME;
        let first = at.index(ours);
        let behind = (first + many).min(ours);
        let mut chance = fastrand::Rng::with_seed(seed);
        log[first..behind].fill_with(|| chance.u8(..));
        let all = killed.claims.last().copied();
        match killed.opens_with(&log) {
            None => {}
            found if found == all => {}
            Some(_) => {
                // Only the last frame is damaged, as by a torn write.
                prop_assert!(first >= ours - FRAME, "{first} {behind} {ours}");
            }
        }
    }
}

/// Runs `sql` on a connection of its own, as another program would.
fn look_at_by_another_program(path: &Path, sql: &str) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(sql).unwrap();
    db.close().unwrap();
}

fn opens(path: &Path) -> Option<u64> {
    match SqliteLedger::open_to_read(path) {
        Ok(mut ledger) => Some(ledger.next_id().unwrap() - 1),
        Err(LedgerError::Damaged { .. }) => None,
        Err(other) => panic!("{other:?}"),
    }
}

/// A killed run that is long enough to have moved its WAL into the file.
fn long_killed() -> (Killed, u64) {
    let killed = Killed::after(150, false);
    let all = *killed.claims.last().unwrap();
    (killed, all)
}

#[test]
fn a_wal_that_another_program_moved_into_the_file_is_not_lost() {
    for (killed, all) in [long_killed(), (Killed::after(1, true), 6050)] {
        for sql in [
            "SELECT count(*) FROM customer",
            "VACUUM",
            "PRAGMA wal_checkpoint(TRUNCATE)",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("run.db");
            std::fs::write(&path, &killed.file).unwrap();
            std::fs::write(log_of(&path), &killed.log).unwrap();
            look_at_by_another_program(&path, sql);
            assert!(!log_of(&path).exists());
            assert_eq!(opens(&path), Some(all), "{sql}");
            let mut ledger = SqliteLedger::open(&path, &target(), 2).unwrap();
            begin(&mut ledger);
            claim(&mut ledger, all + 1, all + 50);
            drop(ledger);
            assert_eq!(opens(&path), Some(all + 50));
        }
    }
}

#[test]
fn a_missing_wal_is_reported_wherever_the_run_was_killed() {
    for batches in [0, 1, 40, 90, 150, 151, 190] {
        let killed = Killed::after(batches, false);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.db");
        std::fs::write(&path, &killed.file).unwrap();
        assert_eq!(opens(&path), None, "{batches}");
    }
}

/// As done by litestream, or by a user in SQLite's shell.
#[test]
fn another_programs_checkpoint_moves_nothing_while_a_run_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut ledger = SqliteLedger::open(&path, &target(), 1).unwrap();
    begin(&mut ledger);
    for batch in 0..200 {
        claim(&mut ledger, batch * 50 + 1, batch * 50 + 50);
        look_at_by_another_program(&path, "PRAGMA wal_checkpoint(PASSIVE)");
        if batch % 20 == 0 {
            let copy = folder.path().join("copy.db");
            std::fs::copy(&path, &copy).unwrap();
            assert_eq!(opens(&copy), None, "{batch}");
        }
    }
    drop(ledger);
    assert_eq!(opens(&path), Some(10_000));
}
