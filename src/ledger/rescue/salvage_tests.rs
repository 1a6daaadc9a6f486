use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{IdRanges, beside};
use crate::domain::outcome::Outcome;
use crate::domain::summary::TargetAccount;
use crate::ledger::rescue::damage::{Rescue, Saved};
use crate::ledger::rescue::tables::{CUSTOMER, CUSTOMER_3, RUN, Table};
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Batch, Claim, Ledger, LedgerError, RunFigures, RunStart, Settlement};

const ROWS: u64 = 3000;

/// SQLite's default page size.
const PAGE: u64 = 4096;

fn target() -> TargetAccount {
    TargetAccount {
        base_url: "https://test.kable.example".to_owned(),
        kable_client_id: "kci_1".to_owned(),
    }
}

fn settlement(id: u64) -> Settlement {
    let outcome = [Outcome::Created, Outcome::AlreadyExisted, Outcome::Failed]
        [usize::try_from(id % 3).unwrap()];
    Settlement {
        id,
        client_id: format!("c-{id}"),
        digest: [7; 16],
        outcome,
        ours: outcome == Outcome::Created,
        orphan: false,
        place: None,
        keys_lost: id.is_multiple_of(7),
        customer_id: Some(format!("cus_{id:016}")),
        request_id: None,
        attempts: 1,
        status: Some(201),
        message: id
            .is_multiple_of(50)
            .then(|| "it is long ".repeat(usize::try_from(id).unwrap())),
        modified: id.is_multiple_of(2).then_some(1_795_355_219_000),
        differing: id
            .is_multiple_of(3)
            .then(|| r#"{"currency":"EUR"}"#.to_owned()),
    }
}

/// Figures of a run that knows the server's clock.
fn clocked() -> RunFigures {
    RunFigures {
        clock_ahead_ms: Some(10),
        ..RunFigures::default()
    }
}

/// Claims the rows from `first` to `last`, and settles most of them.
fn fill(ledger: &mut SqliteLedger, first: u64, last: u64) {
    let run = RunStart {
        command: "import".to_owned(),
        inputs: vec!["in.csv".to_owned()],
        fit_rows: last,
        now_ms: 5,
        shared: None,
    };
    ledger.begin(&run).unwrap();
    let claims = (first..=last).map(|id| Claim {
        id,
        client_id: format!("c-{id}"),
        digest: [7; 16],
    });
    let batch = Batch {
        now_ms: 6,
        claimed_by: Some(16),
        claims: claims.collect(),
        figures: clocked(),
        ..Batch::default()
    };
    ledger.write(&batch).unwrap();
    let settlements = (first..=last).filter(|id| !id.is_multiple_of(10));
    let batch = Batch {
        now_ms: 7,
        settlements: settlements.map(settlement).collect(),
        figures: clocked(),
        ..Batch::default()
    };
    ledger.write(&batch).unwrap();
}

/// A checkpoint of two runs and many rows.
struct TestCheckpoint {
    folder: tempfile::TempDir,
}

impl TestCheckpoint {
    fn new() -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut ledger = SqliteLedger::open(&site.path(), &target(), 1).unwrap();
        fill(&mut ledger, 1, ROWS / 2);
        ledger.end("finished", 8).unwrap();
        drop(ledger);
        let mut ledger = SqliteLedger::open(&site.path(), &target(), 1).unwrap();
        fill(&mut ledger, ROWS / 2 + 1, ROWS);
        ledger.end("finished", 8).unwrap();
        drop(ledger);
        site
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("run.db")
    }

    fn saved(&self) -> PathBuf {
        beside(&self.path(), ".saved")
    }

    fn overwrite(&self, at: u64, with: &[u8]) {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .open(self.path())
            .unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(with).unwrap();
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }

    fn open(&self) -> Result<SqliteLedger, LedgerError> {
        SqliteLedger::open(&self.path(), &target(), 9)
    }

    /// Opens the checkpoint, which must be reported as damaged and not be changed.
    fn rescue(&self) -> Rescue {
        let before = self.bytes();
        let error = self.open().unwrap_err();
        assert!(self.bytes() == before, "the damaged file was written to");
        let LedgerError::Damaged { rescue, .. } = error else {
            panic!("{error:?}");
        };
        rescue
    }

    fn rescued(&self) -> Saved {
        let rescue = self.rescue();
        let Rescue::Saved(saved) = rescue else {
            panic!("{rescue:?}");
        };
        saved
    }

    /// The leaf pages of the customer table, each with the ids on it.
    fn leaves(&self) -> Vec<(u64, BTreeSet<i64>)> {
        let db = Connection::open(self.path()).unwrap();
        let mut statement = db
            .prepare("SELECT pageno, ncell FROM dbstat WHERE name = 'customer' AND pagetype = 'leaf' ORDER BY path")
            .unwrap();
        let leaves: Vec<(u64, i64)> = statement
            .query_map([], |row| {
                Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut next = 1;
        let ids = |(page, many): (u64, i64)| {
            let ids = (next..next + many).collect();
            next += many;
            (page, ids)
        };
        let leaves: Vec<_> = leaves.into_iter().map(ids).collect();
        assert_eq!(next, ROWS.cast_signed() + 1);
        leaves
    }
}

/// All rows of a table, by key.
fn rows(path: &Path, table: &Table) -> BTreeMap<i64, Vec<Value>> {
    let db = Connection::open(path).unwrap();
    let mut statement = db.prepare(&table.select("")).unwrap();
    let many = table.columns.len();
    let rows = statement.query_map([], |row| {
        let values = (0..many)
            .map(|at| row.get::<_, Value>(at))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((row.get(0)?, values))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn garbage(seed: u64, many: usize) -> Vec<u8> {
    let mut chance = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| chance.u8(..))
        .take(many)
        .collect()
}

/// Checks that the saved checkpoint is sound, has gaps, and opens for the account.
fn ensure_usable(saved: &Path) -> SqliteLedger {
    let mut ledger = SqliteLedger::open(saved, &target(), 9).unwrap();
    assert!(ledger.has_gaps().unwrap());
    ledger
        .scan(&mut |client_id, known| {
            assert_eq!(client_id, format!("c-{}", known.id));
            assert_eq!(known.claimed_by, None);
            Ok(())
        })
        .unwrap();
    ledger.status().unwrap();
    ledger
}

#[test]
fn a_damaged_page_loses_only_the_rows_on_it() {
    for content in [vec![0; 4096], garbage(1, 4096)] {
        let site = TestCheckpoint::new();
        let (originals, mut runs) = (rows(&site.path(), &CUSTOMER_3), rows(&site.path(), &RUN));
        let leaves = site.leaves();
        let (page, lost) = &leaves[leaves.len() / 2];
        site.overwrite((page - 1) * PAGE, &content);
        let saved = site.rescued();
        assert_eq!(saved.of, Some(ROWS));
        assert_eq!(saved.claims, ROWS - lost.len() as u64);
        let mut wanted = originals;
        wanted.retain(|id, _| !lost.contains(id));
        for row in wanted.values_mut() {
            assert_eq!(
                std::mem::replace(&mut row[15], Value::Null),
                Value::Integer(16)
            );
        }
        assert_eq!(rows(&saved.path, &CUSTOMER_3), wanted);
        // Without the clock, what look-ups find can't be attributed to these runs.
        for run in runs.values_mut() {
            assert_eq!(run.pop(), Some(Value::Integer(10)));
            run.push(Value::Null);
        }
        assert_eq!(rows(&saved.path, &RUN), runs);
        let tally = ensure_usable(&saved.path).status().unwrap().tally;
        assert_eq!(tally.of(Outcome::Created), saved.created);
    }
}

#[test]
fn without_the_last_page_the_number_of_claims_is_unknown() {
    let site = TestCheckpoint::new();
    let leaves = site.leaves();
    let (page, lost) = leaves.last().unwrap();
    site.overwrite((page - 1) * PAGE, &[0; 4096]);
    let saved = site.rescued();
    assert_eq!((saved.claims, saved.of), (ROWS - lost.len() as u64, None));
}

#[test]
fn the_remaining_rows_of_a_truncated_file_are_saved() {
    let site = TestCheckpoint::new();
    let originals = rows(&site.path(), &CUSTOMER);
    let whole = site.bytes();
    // Within a row whose digest would end in zeros, and between two pages.
    let digest = b"c-1400\x07\x07";
    let within = whole
        .windows(digest.len())
        .position(|bytes| bytes == digest);
    for length in [
        within.unwrap() + digest.len(),
        whole.len() / 2 / 4096 * 4096,
    ] {
        std::fs::write(site.path(), &whole[..length]).unwrap();
        let saved = site.rescued();
        assert!((ROWS / 4..ROWS).contains(&saved.claims), "{saved:?}");
        for (id, values) in rows(&saved.path, &CUSTOMER) {
            assert_eq!(values, originals[&id]);
        }
        ensure_usable(&saved.path);
        std::fs::remove_file(saved.path).unwrap();
    }
}

/// Replacing it with a new checkpoint would send rows without a look-up.
#[test]
fn a_file_truncated_anywhere_is_damaged_and_not_replaced() {
    let site = TestCheckpoint::new();
    let whole = site.bytes();
    for length in [
        0,
        1,
        15,
        16,
        40,
        99,
        100,
        511,
        4095,
        4096,
        5000,
        8192,
        whole.len() - 1,
    ] {
        std::fs::write(site.path(), &whole[..length]).unwrap();
        let saved = site.rescued();
        assert_eq!(saved.account.is_some(), length < 8192, "{length}");
        ensure_usable(&saved.path);
        std::fs::remove_file(saved.path).unwrap();
    }
}

#[test]
fn a_checkpoint_with_an_unreadable_account_is_saved_for_the_runs_account() {
    let site = TestCheckpoint::new();
    // The account is on the second page: its table is the first.
    site.overwrite(PAGE, &[0; 4096]);
    let saved = site.rescued();
    assert_eq!(saved.claims, ROWS);
    let account = "https://test.kable.example (account kci_1)";
    assert_eq!(saved.account.as_deref(), Some(account));
    ensure_usable(&saved.path);
}

/// The first page is the same in all checkpoints.
#[test]
fn a_damaged_first_page_loses_no_rows() {
    for (at, content) in [
        (0, vec![0; 16]),
        (0, vec![0; 100]),
        (0, garbage(3, 4096)),
        (16, garbage(3, 84)),
        (16, garbage(4, 4080)),
        (60, garbage(3, 12)),
        (100, vec![0; 3996]),
    ] {
        let site = TestCheckpoint::new();
        let originals = rows(&site.path(), &CUSTOMER);
        site.overwrite(at, &content);
        let saved = site.rescued();
        assert_eq!((saved.claims, &saved.account), (ROWS, &None), "{at}");
        assert!(rows(&saved.path, &CUSTOMER) == originals);
        ensure_usable(&saved.path);
    }
}

/// By its name, its lock file, its application id or its schema.
#[test]
fn a_damaged_checkpoint_is_distinguished_from_a_foreign_file() {
    let whole = {
        let site = TestCheckpoint::new();
        site.overwrite(0, &[0; 16]);
        site.bytes()
    };
    let mut unmarked = whole.clone();
    unmarked[68..72].fill(0);
    let mut garbled = whole.clone();
    garbled[..4096].copy_from_slice(&garbage(5, 4096));
    for (name, content, lock, is_ours) in [
        ("a.checkpoint.db", &garbled, false, true),
        ("a.checkpoint.db.saved", &garbled, false, true),
        ("a.db", &garbled, true, true),
        ("a.db", &whole, false, true),
        ("a.db", &unmarked, false, true),
        ("a.db", &garbled, false, false),
        ("a.sql", &b"kable_client_id TEXT".to_vec(), false, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        if lock {
            std::fs::write(beside(&path, ".lock"), "").unwrap();
        }
        let error = SqliteLedger::open(&path, &target(), 9).unwrap_err();
        let told = matches!(error, LedgerError::Damaged { .. });
        assert_eq!(told, is_ours, "{name} {error}");
        assert!(&std::fs::read(&path).unwrap() == content);
        assert_eq!(beside(&path, ".saved").exists(), is_ours);
        assert!(is_ours || !beside(&path, ".lock").exists());
    }
}

#[test]
fn a_file_without_tables_is_damaged_and_not_replaced() {
    let site = TestCheckpoint::new();
    let db = Connection::open(site.path()).unwrap();
    db.execute_batch("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema;")
        .unwrap();
    drop(db);
    ensure_usable(&site.rescued().path);
}

#[test]
fn a_file_that_lacks_a_table_or_a_column_is_damaged() {
    for sql in [
        "DROP TABLE run",
        "ALTER TABLE customer RENAME message TO massage",
    ] {
        let site = TestCheckpoint::new();
        let db = Connection::open(site.path()).unwrap();
        db.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
            .unwrap();
        drop(db);
        let saved = site.rescued();
        assert_eq!(saved.claims, ROWS, "{sql}");
        ensure_usable(&saved.path);
    }
}

/// Also if its first page is replaced by that of a new checkpoint.
#[test]
fn a_file_of_an_older_format_is_saved_with_its_claims_in_doubt() {
    for (sql, doubts, many) in [
        (
            include_str!("../../../tests/formats/format-1.sql"),
            vec![2],
            3,
        ),
        (
            include_str!("../../../tests/formats/format-2.sql"),
            vec![2, 4, 5],
            6,
        ),
    ] {
        for ruin in ["mark", "schema"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("run.db");
            let db = Connection::open(&path).unwrap();
            db.execute_batch(sql).unwrap();
            db.execute_batch(match ruin {
                "mark" => "PRAGMA application_id = 0",
                _ => "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema;",
            })
            .unwrap();
            drop(db);
            let whose = TargetAccount {
                base_url: "http://127.0.0.1:8791".to_owned(),
                kable_client_id: "kci_5a6d0c1e5a6d0c1e5a6d0c1e5a6d0c1e".to_owned(),
            };
            let error = SqliteLedger::open(&path, &whose, 9).unwrap_err();
            let LedgerError::Damaged {
                rescue: Rescue::Saved(saved),
                ..
            } = error
            else {
                panic!("{error:?}");
            };
            assert_eq!(saved.claims, many);
            let mut ledger = SqliteLedger::open(&saved.path, &whose, 9).unwrap();
            let mut in_doubt = Vec::new();
            ledger
                .scan(&mut |_, known| {
                    in_doubt.extend(known.in_doubt.then_some(known.id));
                    assert_eq!(known.claimed_by, None);
                    assert_eq!(known.ours, [1, 5].contains(&known.id));
                    Ok(())
                })
                .unwrap();
            assert_eq!(in_doubt, doubts, "{ruin}");
        }
    }
}

/// They have no time, so that no customer found later is attributed to them.
#[test]
fn claims_whose_run_is_lost_are_saved_without_a_time() {
    let site = TestCheckpoint::new();
    // The runs are on the third page.
    site.overwrite(2 * PAGE, &[0; 4096]);
    let saved = site.rescued();
    assert_eq!(saved.claims, ROWS);
    let mut seen = 0;
    let mut ledger = ensure_usable(&saved.path);
    ledger
        .scan(&mut |_, known| {
            seen += 1;
            assert_eq!(known.claimed_by, None);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, ROWS);
    // The clock of the next run does not apply to their times.
    fill(&mut ledger, ROWS + 1, ROWS + 20);
    ledger
        .scan(&mut |_, known| {
            assert_eq!(known.claimed_by.is_some(), known.id > ROWS);
            Ok(())
        })
        .unwrap();
}

#[test]
fn rows_in_the_wal_are_saved_too_and_the_wal_is_kept() {
    let site = TestCheckpoint::new();
    let mut ledger = site.open().unwrap();
    fill(&mut ledger, ROWS + 1, ROWS + 5);
    // The file and its WAL as a killed process leaves them.
    let log = beside(&site.path(), "-wal");
    let copies =
        [site.path(), log.clone()].map(|path| (path.clone(), std::fs::read(path).unwrap()));
    drop(ledger);
    for (path, bytes) in &copies {
        std::fs::write(path, bytes).unwrap();
    }
    let leaves = {
        let db = Connection::open_in_memory().unwrap();
        db.execute(
            "ATTACH ? AS run",
            [format!("file:{}?immutable=1", site.path().display())],
        )
        .unwrap();
        let page: i64 = db
            .query_row("SELECT pageno FROM dbstat('run') WHERE name = 'customer' AND pagetype = 'leaf' ORDER BY path LIMIT 1", [], |row| row.get(0))
            .unwrap();
        page.cast_unsigned()
    };
    site.overwrite((leaves - 1) * PAGE, &[0; 4096]);
    let saved = site.rescued();
    assert_eq!(saved.of, Some(ROWS + 5));
    assert!(rows(&saved.path, &CUSTOMER).contains_key(&(ROWS.cast_signed() + 5)));
    assert!(
        std::fs::read(&log).unwrap() == copies[1].1,
        "the log was written to"
    );
}

#[test]
fn a_truncated_wal_is_not_damage() {
    let site = TestCheckpoint::new();
    let mut ledger = site.open().unwrap();
    fill(&mut ledger, ROWS + 1, ROWS + 500);
    let log = beside(&site.path(), "-wal");
    let (file, logged) = (site.bytes(), std::fs::read(&log).unwrap());
    drop(ledger);
    std::fs::write(site.path(), file).unwrap();
    std::fs::write(&log, &logged[..logged.len() * 2 / 3]).unwrap();
    let mut ledger = site.open().unwrap();
    assert!(ledger.next_id().unwrap() > ROWS);
    assert!(!ledger.has_gaps().unwrap());
}

#[test]
fn an_empty_file_is_damaged_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let log = beside(&path, "-wal");
    for logged in [None, Some("what was sent")] {
        std::fs::write(&path, "").unwrap();
        if let Some(logged) = logged {
            std::fs::write(&log, logged).unwrap();
        }
        let error = SqliteLedger::open_to_read(&path).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
        let error = SqliteLedger::open(&path, &target(), 1).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        assert_eq!(std::fs::read_to_string(&log).ok().as_deref(), logged);
        ensure_usable(&beside(&path, ".saved"));
        std::fs::remove_file(beside(&path, ".saved")).unwrap();
    }
    std::fs::remove_file(&path).unwrap();
    let error = SqliteLedger::open(&path, &target(), 1).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
    std::fs::remove_file(&log).unwrap();
    std::fs::remove_file(beside(&path, ".saved")).unwrap();
    SqliteLedger::open(&path, &target(), 1).unwrap();
    assert!(!beside(&path, ".part").exists());
}

/// Runs `sql` on a sound checkpoint.
fn altered(sql: &str) -> TestCheckpoint {
    let site = TestCheckpoint::new();
    Connection::open(site.path())
        .unwrap()
        .execute_batch(sql)
        .unwrap();
    site
}

/// The file is valid for SQLite, but a value in it is not.
#[test]
fn an_invalid_value_is_reported_as_damage_when_it_is_read() {
    for sql in [
        "UPDATE customer SET digest = X'00' WHERE id = 50",
        "UPDATE customer SET client_id = CAST(X'632D00003030' AS TEXT) WHERE id = 50",
        "UPDATE customer SET client_id = CAST(X'FFFE' AS TEXT) WHERE id = 50",
    ] {
        let site = altered(sql);
        let error = site.open().unwrap().scan(&mut |_, _| Ok(())).unwrap_err();
        let LedgerError::Damaged {
            rescue: Rescue::Saved(saved),
            ..
        } = error
        else {
            panic!("{sql}: {error:?}");
        };
        assert_eq!((saved.claims, saved.of), (ROWS - 1, Some(ROWS)), "{sql}");
        ensure_usable(&saved.path);
    }
    for sql in [
        "UPDATE customer SET attempts = -1 WHERE id = 50",
        "UPDATE customer SET message = CAST(X'FFFE' AS TEXT) WHERE id = 50",
    ] {
        let site = altered(sql);
        let error = site.open().unwrap().claim_record(50).unwrap_err();
        let LedgerError::Damaged {
            rescue: Rescue::Saved(saved),
            ..
        } = error
        else {
            panic!("{sql}: {error:?}");
        };
        assert_eq!(saved.claims, ROWS - 1, "{sql}");
        ensure_usable(&saved.path);
    }
}

#[test]
fn a_claim_with_an_unknown_outcome_is_in_doubt_not_damaged() {
    let site = altered("UPDATE customer SET outcome = 'eaten' WHERE id = 51");
    assert_eq!(
        site.open()
            .unwrap()
            .claim_record(51)
            .unwrap()
            .unwrap()
            .outcome,
        Outcome::Unresolved
    );
    let (page, _) = site.leaves().pop().unwrap();
    site.overwrite((page - 1) * PAGE, &[0; 4096]);
    let saved = site.rescued();
    assert_eq!(
        ensure_usable(&saved.path)
            .claim_record(51)
            .unwrap()
            .unwrap()
            .outcome,
        Outcome::Unresolved
    );
}

/// If it were dropped, its row would be sent again.
#[test]
fn a_scan_includes_claims_without_a_run() {
    let site = altered("PRAGMA foreign_keys = OFF; UPDATE customer SET run = 77 WHERE id = 50");
    let mut seen = 0;
    let mut each = |_: &str, _| {
        seen += 1;
        Ok(())
    };
    site.open().unwrap().scan(&mut each).unwrap();
    assert_eq!(seen, ROWS);
}

#[test]
fn damage_found_while_writing_is_reported_as_damage() {
    let site = TestCheckpoint::new();
    let mut ledger = site.open().unwrap();
    let (page, _) = site.leaves()[3].clone();
    // A write by another connection makes the first one reread its pages.
    Connection::open(site.path())
        .unwrap()
        .execute("UPDATE account SET begun = 2", [])
        .unwrap();
    site.overwrite((page - 1) * PAGE, &[0; 4096]);
    let settlements = (1..ROWS).map(settlement).collect();
    let batch = Batch {
        settlements,
        ..Batch::default()
    };
    let error = ledger.write(&batch).unwrap_err();
    assert!(
        matches!(
            &error,
            LedgerError::Damaged {
                rescue: Rescue::Saved(_),
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn opening_a_damaged_checkpoint_for_reading_saves_nothing() {
    let site = TestCheckpoint::new();
    let (page, _) = site.leaves()[3].clone();
    site.overwrite((page - 1) * PAGE, &[0; 4096]);
    let before = site.bytes();
    let error = SqliteLedger::open_to_read(&site.path()).unwrap_err();
    assert!(
        matches!(
            &error,
            LedgerError::Damaged {
                rescue: Rescue::NotTried,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(site.bytes() == before);
    assert!(!site.saved().exists());
}

#[test]
fn an_existing_file_at_the_path_to_save_to_is_not_replaced() {
    let site = TestCheckpoint::new();
    let (page, _) = site.leaves()[3].clone();
    site.overwrite((page - 1) * PAGE, &[0; 4096]);
    std::fs::write(site.saved(), "mine").unwrap();
    assert_eq!(site.rescue(), Rescue::Standing(site.saved()));
    assert_eq!(std::fs::read_to_string(site.saved()).unwrap(), "mine");
}

#[cfg(unix)]
#[test]
fn a_saved_checkpoint_is_readable_by_its_owner_only_and_no_temporary_file_is_left() {
    use std::os::unix::fs::PermissionsExt;
    let site = TestCheckpoint::new();
    let (page, _) = site.leaves()[3].clone();
    site.overwrite((page - 1) * PAGE, &[0; 4096]);
    let saved = site.rescued();
    let mode = std::fs::metadata(&saved.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: BTreeSet<_> = std::fs::read_dir(site.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        names,
        ["run.db", "run.db.lock", "run.db.saved"]
            .map(str::to_owned)
            .into()
    );
}

#[test]
fn a_saved_checkpoint_can_be_saved_again() {
    let site = TestCheckpoint::new();
    let (page, _) = site.leaves()[3].clone();
    site.overwrite((page - 1) * PAGE, &[0; 4096]);
    let saved = site.rescued();
    std::fs::rename(&saved.path, site.path()).unwrap();
    // The fourth page is the root of the customer table, the fifth one of its leaves.
    site.overwrite(4 * PAGE, &[0; 4096]);
    let again = site.rescued();
    assert!(again.claims < saved.claims);
    assert_eq!(again.of, None, "a file with gaps doesn't know how many");
    ensure_usable(&again.path);
}

#[test]
fn another_account_is_reported_before_damage() {
    let site = TestCheckpoint::new();
    let (page, _) = site.leaves()[3].clone();
    site.overwrite((page - 1) * PAGE, &[0; 4096]);
    let other = TargetAccount {
        kable_client_id: "kci_2".to_owned(),
        ..target()
    };
    let error = SqliteLedger::open(&site.path(), &other, 9).unwrap_err();
    assert!(
        matches!(error, LedgerError::OtherAccount { .. }),
        "{error:?}"
    );
    assert!(!site.saved().exists());
}

#[test]
fn the_search_ends_with_the_last_id() {
    for last in [0, 1, 2, 3, 64, 1000] {
        let mut search = IdRanges::new(1, last);
        let mut tried = 0;
        while let Some((first, last)) = search.next() {
            tried += 1;
            search.retry_from(first, last);
        }
        assert_eq!(tried, last.max(1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn overwritten_pages_are_reported_and_only_original_rows_are_saved(
        pages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u64>(), any::<bool>()), 1..6),
        leaves_only in any::<bool>(),
    ) {
        let site = TestCheckpoint::new();
        let originals = rows(&site.path(), &CUSTOMER);
        let leaves = site.leaves();
        let all = site.bytes().len() as u64 / PAGE;
        let mut lost = BTreeSet::new();
        for (index, seed, zeros) in pages {
            let page = if leaves_only {
                let (page, ids) = &leaves[index.index(leaves.len())];
                lost.extend(ids);
                *page
            } else {
                index.index(usize::try_from(all).unwrap()) as u64 + 1
            };
            let content = if zeros { vec![0; 4096] } else { garbage(seed, 4096) };
            site.overwrite((page - 1) * PAGE, &content);
        }
        let before = site.bytes();
        match site.open() {
            Ok(ledger) => {
                drop(ledger);
                prop_assert_eq!(rows(&site.path(), &CUSTOMER), originals);
            }
            Err(LedgerError::Damaged { rescue, .. }) => {
                prop_assert!(site.bytes() == before);
                match &rescue {
                    Rescue::Saved(saved) => {
                        ensure_usable(&saved.path);
                        let found = rows(&saved.path, &CUSTOMER);
                        prop_assert_eq!(found.len() as u64, saved.claims);
                        for (id, values) in &found {
                            prop_assert_eq!(values, &originals[id]);
                        }
                        if leaves_only {
                            let missing: BTreeSet<i64> = originals
                                .keys()
                                .copied()
                                .filter(|id| !found.contains_key(id))
                                .collect();
                            prop_assert_eq!(missing, lost);
                        }
                    }
                    Rescue::NotTried | Rescue::Standing(_) | Rescue::Unwritten { .. } => {
                        prop_assert!(false, "{rescue:?}");
                    }
                }
            }
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}
