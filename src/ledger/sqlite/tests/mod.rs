//! The ledger contract on a real file, and tests of the file itself.

mod opening;

use std::path::Path;

use super::SqliteLedger;
use crate::domain::outcome::Outcome;
use crate::domain::summary::TargetAccount;
use crate::ledger::conformance::{self, LedgerStore, ledger_contract};
use crate::ledger::latencies::MOST_LISTS;
use crate::ledger::{Batch, Claim, Ledger, LedgerError, RunFigures, RunStart, Settlement};

/// A folder for one checkpoint.
struct SqliteStore(tempfile::TempDir);

impl LedgerStore for SqliteStore {
    type Opened = SqliteLedger;

    fn start() -> Option<Self> {
        Some(Self(tempfile::tempdir().unwrap()))
    }

    fn open(&self, account: &TargetAccount) -> Result<SqliteLedger, LedgerError> {
        SqliteLedger::open(&self.0.path().join("run.db"), account, 1)
    }
}

ledger_contract!(SqliteStore);

fn target() -> TargetAccount {
    conformance::account()
}

fn open(path: &Path) -> SqliteLedger {
    let mut ledger = SqliteLedger::open(path, &target(), 1).unwrap();
    ledger
        .begin(&RunStart {
            command: "import".to_owned(),
            inputs: vec!["in.csv".to_owned()],
            fit_rows: 3,
            now_ms: 1,
            shared: None,
        })
        .unwrap();
    ledger
}

fn claim(id: u64) -> Claim {
    Claim {
        id,
        client_id: format!("c-{id}"),
        digest: [7; 16],
    }
}

/// The column `created` is for users' own queries; no run reads it.
#[test]
fn the_file_keeps_when_a_customer_was_first_known_to_be_created() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    for (now_ms, outcome) in [(7, Outcome::Created), (9, Outcome::Failed)] {
        let batch = Batch {
            claims: vec![claim(1)],
            ..Batch::default()
        };
        ledger.write(&batch).unwrap();
        let settlement = Settlement {
            id: 1,
            client_id: "c-1".to_owned(),
            digest: [7; 16],
            outcome,
            ours: outcome == Outcome::Created,
            orphan: false,
            place: None,
            keys_lost: false,
            customer_id: None,
            request_id: None,
            attempts: 1,
            status: None,
            message: None,
            modified: None,
            differing: None,
        };
        let batch = Batch {
            now_ms,
            settlements: vec![settlement],
            ..Batch::default()
        };
        ledger.write(&batch).unwrap();
    }
    let created: i64 = ledger
        .db
        .query_row("SELECT created FROM customer", [], |row| row.get(0))
        .unwrap();
    assert_eq!(created, 7);
}

/// A sync runs every night for years.
#[test]
fn a_run_leaves_a_line_and_the_latencies_of_all_are_kept_in_a_few_lists() {
    const RUNS: u64 = 50;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut longest = 0;
    for run in 1..=RUNS {
        let mut ledger = open(&path);
        // Every second run has the same values.
        let latencies = (0..200).map(|at| (at * (1 + run % 2), 1)).collect();
        let batch = Batch {
            figures: RunFigures {
                latencies,
                ..RunFigures::default()
            },
            ..Batch::default()
        };
        ledger.write(&batch).unwrap();
        ledger.end("done", 2).unwrap();
        let kept: Vec<(u64, u64)> = ledger.status().unwrap().figures.latencies;
        assert_eq!(kept.iter().map(|(_, times)| times).sum::<u64>(), run * 200);
        let length = "SELECT sum(length(latencies)) FROM run";
        let length: i64 = ledger.db.query_row(length, [], |row| row.get(0)).unwrap();
        longest = longest.max(length);
    }
    let db = rusqlite::Connection::open(&path).unwrap();
    let lists = "SELECT count(*) FROM run WHERE latencies <> '[]'";
    let lists: i64 = db.query_row(lists, [], |row| row.get(0)).unwrap();
    assert!(lists <= i64::try_from(MOST_LISTS).unwrap(), "{lists} lists");
    let text = 200 * "[399,99],".len() * (MOST_LISTS + 1);
    assert!(usize::try_from(longest).unwrap() < text, "{longest} bytes");
}
