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

/// A checkpoint and its log as a killed run leaves them, and how many claims
/// there were after each commit.
struct Killed {
    file: Vec<u8>,
    log: Vec<u8>,
    claims: Vec<u64>,
}

impl Killed {
    /// After `batches` of fifty rows. An earlier run was ended where `again`, so
    /// that what it wrote is left over in the log.
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

    /// Opens a copy of it with this log; gives back how many claims it knows, or
    /// `None` where it is said to be damaged.
    fn opens_with(&self, log: &[u8]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.db");
        std::fs::write(&path, &self.file).unwrap();
        std::fs::write(log_of(&path), log).unwrap();
        match SqliteLedger::open(&path, &target(), 2) {
            Ok(mut ledger) => Some(ledger.next_id().unwrap() - 1),
            Err(LedgerError::Damaged { .. }) => {
                assert!(std::fs::read(&path).unwrap() == self.file);
                // An empty one SQLite may take away.
                assert!(std::fs::read(log_of(&path)).unwrap_or_default() == log);
                None
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    /// How many frames of the log are this run's.
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
        keys_lost: false,
        customer_id: Some(format!("cus_{id}")),
        request_id: None,
        attempts: 1,
        status: Some(201),
        message: None,
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
fn a_log_as_a_killed_run_leaves_it_is_sound() {
    for again in [false, true] {
        let killed = Killed::after(8, again);
        assert_eq!(
            killed.opens_with(&killed.log),
            killed.claims.last().copied()
        );
        assert!(killed.frames() > 20);
        // What an earlier run wrote is left over behind it.
        assert_eq!(killed.log.len() > 32 + killed.frames() * FRAME, again);
    }
}

#[test]
fn a_log_that_is_gone_or_has_no_commit_is_a_lost_one() {
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

/// A run that breaks off without an end leaves its log, and so does the next one
/// that does not get as far as to begin.
#[test]
fn the_log_stays_until_a_run_has_ended() {
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
fn a_run_that_writes_is_looked_at_without_looking_at_its_log() {
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

#[test]
fn the_last_commit_alone_is_a_torn_one() {
    let killed = Killed::after(5, false);
    let mut log = killed.log.clone();
    let last = log.len() - 100;
    log[last] ^= 1;
    assert_eq!(killed.opens_with(&log), Some(200));
}

#[test]
fn a_log_of_zeros_or_garbage_is_damaged() {
    let killed = Killed::after(5, true);
    let many = killed.log.len();
    assert_eq!(killed.opens_with(&vec![0; many]), None);
    let mut chance = fastrand::Rng::with_seed(8);
    let garbage: Vec<u8> = std::iter::repeat_with(|| chance.u8(..))
        .take(many)
        .collect();
    assert_eq!(killed.opens_with(&garbage), None);
    // From the middle to the end.
    let middle = 32 + killed.frames() / 2 * FRAME + 99;
    let tail = [&killed.log[..middle], &garbage[middle..]].concat();
    assert_eq!(killed.opens_with(&tail), None);
    // Room that the system gave, and that nothing was written to.
    let room = [&killed.log[..32 + killed.frames() * FRAME], &[0; 3 * FRAME]].concat();
    assert_eq!(killed.opens_with(&room), killed.claims.last().copied());
}

#[test]
fn what_is_not_there_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!has_lost_commits(&folder.path().join("run.db")).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// As a power cut does.
    #[test]
    fn a_log_that_is_cut_off_anywhere_holds_the_commits_before(
        at in any::<prop::sample::Index>(),
        again in any::<bool>(),
    ) {
        let killed = Killed::after(6, again);
        let length = at.index(killed.log.len());
        match killed.opens_with(&killed.log[..length]) {
            Some(claims) => prop_assert!(killed.claims.contains(&claims), "{claims}"),
            // Not even the run's beginning is in it.
            None => prop_assert!(length < 32 + FRAME, "{length}"),
        }
    }

    /// What is damaged is said to be, unless nothing behind it was ever there.
    #[test]
    fn no_commit_is_lost_silently_where_a_later_one_is_there(
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
                // Only the last frame, which may as well have been torn.
                prop_assert!(first >= ours - FRAME, "{first} {behind} {ours}");
            }
        }
    }
}

/// What a program does that opens it, and is the last to close it.
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

/// So many batches long that the log was moved into the file on the way.
fn long_killed() -> (Killed, u64) {
    let killed = Killed::after(150, false);
    let all = *killed.claims.last().unwrap();
    (killed, all)
}

#[test]
fn a_log_that_another_program_folded_in_is_not_lost() {
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
fn a_log_that_is_gone_is_lost_wherever_the_run_was() {
    for batches in [0, 1, 40, 90, 150, 151, 190] {
        let killed = Killed::after(batches, false);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.db");
        std::fs::write(&path, &killed.file).unwrap();
        assert_eq!(opens(&path), None, "{batches}");
    }
}

/// As litestream does, or a person in a shell.
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
