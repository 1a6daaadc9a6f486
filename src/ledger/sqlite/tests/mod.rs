//! The ledger contract on a real file, and tests of the file itself.

mod opening;

use std::path::Path;

use super::SqliteLedger;
use crate::domain::outcome::Outcome;
use crate::domain::summary::TargetAccount;
use crate::ledger::conformance::{self, LedgerStore, ledger_contract};
use crate::ledger::{Batch, Claim, Ledger, LedgerError, RunStart, Settlement};

/// A folder for one checkpoint.
struct SqliteStore(tempfile::TempDir);

impl LedgerStore for SqliteStore {
    type Opened = SqliteLedger;

    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
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
