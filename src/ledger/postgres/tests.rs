//! The contract of ledgers on a real server, at two isolation levels, and what only a server
//! can do to a ledger.

use std::time::Duration;

use super::address::DatabaseAddress;
use super::format::SchemaKind;
use super::{PostgresLedger, WorkerSettings};
use crate::domain::summary::TargetAccount;
use crate::ledger::conformance::{LedgerStore, account, ledger_contract};
use crate::ledger::workers::{PartAnswer, SharedLedger, SharedRun};
use crate::ledger::{Ledger, LedgerError, RunStart};

#[expect(
    clippy::disallowed_methods,
    dead_code,
    unreachable_pub,
    reason = "it is shared with the end-to-end tests, which need more of it"
)]
#[path = "../../../tests/support/postgres_server.rs"]
pub(crate) mod server;

use self::server::PostgresServer;

/// A schema of its own.
struct PostgresStore<const SERIALIZABLE: bool> {
    address: String,
}

impl<const SERIALIZABLE: bool> PostgresStore<SERIALIZABLE> {
    fn open_as(
        &self,
        account: &TargetAccount,
        shares: bool,
    ) -> Result<PostgresLedger, LedgerError> {
        PostgresLedger::open(
            self.address(),
            &WorkerSettings {
                target: account,
                now_ms: 1,
                shares,
                host: ("here".to_owned(), 1),
                timeout: Duration::ZERO,
                clock: || Duration::ZERO,
                says: &|_| {},
                is_stopped: &|| false,
            },
        )
    }

    fn address(&self) -> DatabaseAddress {
        DatabaseAddress::parse(&self.address, &|_| None).unwrap()
    }

    /// Whatever workers there were are dead, and their requests have ended.
    ///
    /// Not by `psql`: while a process is started, it has the locks that other tests hold.
    fn bury_all(&self) {
        let mut ledger = PostgresLedger::connected(self.address()).unwrap();
        if ledger.schema_kind().unwrap() == SchemaKind::Empty {
            return;
        }
        let sql = "UPDATE kb.worker SET state = 'dead', gone = now() - interval '1 hour'";
        let buried = ledger.connection.run("write to", async |session, _| {
            session.execute_all(sql).await
        });
        buried.unwrap();
    }
}

impl<const SERIALIZABLE: bool> LedgerStore for PostgresStore<SERIALIZABLE> {
    type Opened = PostgresLedger;

    const HISTORIES: u32 = 8;

    fn start() -> Option<Self> {
        let server = PostgresServer::shared()?;
        let mut address = server.address();
        if SERIALIZABLE {
            address.push_str("&options=-c%20default_transaction_isolation%3Dserializable");
        }
        Some(Self { address })
    }

    fn open(&self, account: &TargetAccount) -> Result<PostgresLedger, LedgerError> {
        self.bury_all();
        self.open_as(account, false)
    }
}

mod read_committed {
    use super::{PostgresStore, ledger_contract};

    ledger_contract!(PostgresStore<false>);
}

mod serializable {
    use super::{PostgresStore, ledger_contract};

    ledger_contract!(PostgresStore<true>);
}

/// A ledger for a worker that shares its run, which has three parts.
fn sharing(store: &PostgresStore<false>) -> PostgresLedger {
    let mut ledger = store.open_as(&account(), true).unwrap();
    let run = RunStart {
        command: "import".to_owned(),
        inputs: vec!["in.csv".to_owned()],
        fit_rows: 150,
        now_ms: 1,
        shared: Some(SharedRun {
            rows: 150,
            input: [0; 16],
            options: Vec::new(),
            may_begin: true,
        }),
    };
    ledger.begin(&run).unwrap();
    ledger
}

#[test]
fn a_part_is_leased_again_to_a_worker_that_was_not_told() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let mut ledger = sharing(&store);
    assert_eq!(ledger.take_part(0).unwrap(), PartAnswer::Take(0));
    assert_eq!(ledger.take_part(1).unwrap(), PartAnswer::Take(1));
    // The answer was lost with the connection.
    ledger.writer.as_mut().unwrap().parts.remove(&1);
    assert_eq!(ledger.take_part(2).unwrap(), PartAnswer::Take(1));
    assert_eq!(ledger.take_part(2).unwrap(), PartAnswer::Take(2));
    assert_eq!(ledger.take_part(3).unwrap(), PartAnswer::Wait);
}

/// A worker may be killed between the moment when others can join it and the moment when it
/// begins the run.
#[test]
fn another_worker_begins_the_run_of_one_that_ended_before_it_did() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let account = TargetAccount::default();
    let run = |may_begin| RunStart {
        command: "import".to_owned(),
        inputs: vec!["in.csv".to_owned()],
        fit_rows: 3,
        now_ms: 1,
        shared: Some(SharedRun {
            rows: 3,
            input: [0; 16],
            options: Vec::new(),
            may_begin,
        }),
    };
    let first = store.open_as(&account, true).unwrap();
    let [mut second, mut third] = [(); 2].map(|()| store.open_as(&account, true).unwrap());
    assert!(second.is_joined() && third.is_joined());
    drop(first);
    // A canary goes before the run, and is the first worker's.
    assert!(matches!(
        second.begin(&run(false)),
        Err(LedgerError::OtherRun { .. })
    ));
    second.begin(&run(true)).unwrap();
    third.begin(&run(true)).unwrap();
    assert!(!second.is_joined() && third.is_joined());
    assert_eq!(third.take_part(0).unwrap(), PartAnswer::Take(0));
    assert_eq!(second.take_part(0).unwrap(), PartAnswer::Wait);
}
