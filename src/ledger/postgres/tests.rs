//! The contract of ledgers on a real server, at two isolation levels, and what only a server
//! can do to a ledger.

use std::time::Duration;

use super::address::DatabaseAddress;
use super::format::SchemaKind;
use super::lease::{self, NewWorker, Registration};
use super::{PostgresLedger, WorkerSettings, runs};
use crate::domain::outcome::Outcome;
use crate::domain::summary::TargetAccount;
use crate::ledger::conformance::{LedgerStore, account, claim, ledger_contract, settlement};
use crate::ledger::workers::{ClaimAnswer, PartAnswer, SharedLedger, SharedRun};
use crate::ledger::{Batch, Ledger, LedgerError, RunStart};

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
pub(super) struct PostgresStore<const SERIALIZABLE: bool> {
    pub(super) address: String,
}

impl<const SERIALIZABLE: bool> PostgresStore<SERIALIZABLE> {
    pub(super) fn open_as(
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

    pub(super) fn address(&self) -> DatabaseAddress {
        DatabaseAddress::parse(&self.address, &|_| None).unwrap()
    }

    /// Whatever workers there were are dead, and their requests have ended.
    ///
    /// Not by `psql`: while a process is started, it has the locks that other tests hold.
    fn bury_all(&self) {
        let mut ledger = PostgresLedger::connected(self.address()).unwrap();
        if ledger.schema_kind().unwrap() != SchemaKind::Empty {
            self.sql("UPDATE kb.worker SET state = 'dead', gone = now() - interval '1 hour'");
        }
    }

    /// Does statements in which `kb` stands for the schema.
    pub(super) fn sql(&self, sql: &str) {
        let mut ledger = PostgresLedger::connected(self.address()).unwrap();
        let done = ledger.connection.run("write to", async |session, _| {
            session.execute_all(sql).await
        });
        done.unwrap();
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

/// A run that is shared, of three parts.
pub(super) fn shared_run() -> RunStart {
    RunStart {
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
    }
}

/// A ledger for a worker that shares its run.
pub(super) fn sharing(store: &PostgresStore<false>) -> PostgresLedger {
    let mut ledger = store.open_as(&account(), true).unwrap();
    ledger.begin(&shared_run()).unwrap();
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

/// What a worker is told that claims row 1.
pub(super) fn claimed(ledger: &mut PostgresLedger) -> Vec<(u64, ClaimAnswer)> {
    let batch = Batch {
        claimed_by: Some(70),
        claims: vec![claim(1)],
        ..Batch::default()
    };
    ledger.write(&batch).unwrap()
}

/// The claims that it may lack were made by workers whose requests may be under way.
#[test]
fn after_a_standby_took_over_claims_wait_and_rows_are_looked_up() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let mut first = sharing(&store);
    // A row that was released is to be claimed again, and is not settled.
    assert_eq!(claimed(&mut first), []);
    let released = Batch {
        settlements: vec![settlement(1, Outcome::Pending)],
        ..Batch::default()
    };
    first.write(&released).unwrap();
    // As if the server had begun another timeline meanwhile.
    store.sql("UPDATE kb.account SET timeline = timeline + 1");
    let mut second = sharing(&store);
    assert!(second.is_joined() && second.has_gaps().unwrap());
    assert_eq!(claimed(&mut first), [(1, ClaimAnswer::Held)]);
    assert_eq!(claimed(&mut second), [(1, ClaimAnswer::Held)]);
    store.sql("UPDATE kb.account SET claims_after = now()");
    let in_doubt = ClaimAnswer::InDoubt {
        claimed_by: Some(70),
    };
    assert_eq!(claimed(&mut second), [(1, in_doubt)]);
    assert_eq!(claimed(&mut first), [(1, ClaimAnswer::Held)]);
    // It is noted once.
    let mut third = sharing(&store);
    assert_eq!(claimed(&mut third), [(1, ClaimAnswer::Held)]);
    store.sql(
        "DO $$ BEGIN IF (SELECT claims_after > now() FROM kb.account) THEN
            RAISE EXCEPTION 'noted again'; END IF; END $$",
    );
}

#[test]
fn a_worker_whose_batches_are_gone_keeps_no_lease() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let mut ledger = sharing(&store);
    claimed(&mut ledger);
    let place = ledger.writer.as_ref().unwrap().place;
    let renewed = |ledger: &mut PostgresLedger| {
        ledger.connection.run("write to", async |session, _| {
            lease::renew(session, (place.id, place.nonce), 1, Duration::from_secs(9)).await
        })
    };
    renewed(&mut ledger).unwrap();
    store.sql("UPDATE kb.worker SET batch = 0; DELETE FROM kb.customer");
    assert!(matches!(
        renewed(&mut ledger),
        Err(LedgerError::Fenced { .. })
    ));
}

/// A server that took over gave the number of a worker that it lacks to another one.
#[test]
fn a_worker_whose_number_another_one_has_writes_nothing() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let mut ledger = sharing(&store);
    store.sql("UPDATE kb.worker SET nonce = nonce + 1");
    let batch = Batch {
        claims: vec![claim(1)],
        ..Batch::default()
    };
    assert!(matches!(
        ledger.write(&batch),
        Err(LedgerError::LostCommits { .. })
    ));
}

#[test]
fn a_run_that_is_gone_has_no_parts_that_are_done() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let mut ledger = sharing(&store);
    store.sql("DELETE FROM kb.part; DELETE FROM kb.run");
    assert!(matches!(
        ledger.take_part(0),
        Err(LedgerError::LostCommits { .. })
    ));
}

#[test]
fn what_a_lost_answer_had_confirmed_is_not_done_twice() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let mut ledger = store.open_as(&account(), true).unwrap();
    let worker = NewWorker {
        shares: true,
        host: "there".to_owned(),
        process: 2,
        lease: Duration::from_secs(9),
        quarantine: Duration::from_secs(9),
        nonce: 99,
    };
    let mut register = |is_again| {
        let registered = ledger.connection.run("write to", async |session, _| {
            lease::register(session, &worker, is_again).await
        });
        let Registration::Registered(place) = registered.unwrap() else {
            panic!("it was not registered");
        };
        place
    };
    let place = register(true);
    assert_eq!(register(true), place);
    assert_ne!(register(false).id, place.id);

    let run = RunStart {
        command: "sync".to_owned(),
        inputs: vec!["in.csv".to_owned()],
        fit_rows: 3,
        now_ms: 1,
        shared: None,
    };
    let mut begin = |after| {
        let begun = ledger.connection.run("write to", async |session, _| {
            runs::begin(session, place, &run, after).await
        });
        let runs::Begun::First(run) = begun.unwrap() else {
            panic!("it was not begun");
        };
        run
    };
    let canary = begin(Some(0));
    assert_eq!(begin(Some(0)), canary);
    // The run after a canary is not the canary's.
    let second = begin(Some(canary));
    assert_ne!(second, canary);
    assert_eq!(begin(Some(canary)), second);
    assert_ne!(begin(None), second);
}

/// As where a run fails, and what it has is dropped.
#[tokio::test]
async fn a_ledger_that_is_dropped_in_a_task_gives_its_lease_up() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let opened = tokio::task::spawn_blocking({
        let address = store.address.clone();
        move || {
            let store = PostgresStore::<false> { address };
            store.open(&account()).unwrap()
        }
    });
    drop(opened.await.unwrap());
    store.sql(
        "DO $$ BEGIN IF EXISTS (SELECT FROM kb.worker WHERE state <> 'left') THEN
            RAISE EXCEPTION 'not left'; END IF; END $$",
    );
}

#[test]
fn a_checkpoint_of_format_1_is_brought_up_to_date() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    drop(store.open(&account()).unwrap());
    let older = "ALTER TABLE kb.account DROP COLUMN timeline, DROP COLUMN claims_after;
        ALTER TABLE kb.worker DROP COLUMN nonce; ALTER TABLE kb.pace DROP COLUMN seen_us;
        UPDATE kb.account SET format = 1";
    store.sql(older);
    // To read it changes nothing.
    PostgresLedger::open_to_read(store.address())
        .unwrap()
        .status()
        .unwrap();
    let mut ledger = store.open(&account()).unwrap();
    assert_eq!(ledger.next_id().unwrap(), 1);
    store.sql(
        "DO $$ BEGIN IF NOT (SELECT timeline > 0 AND format = 3 FROM kb.account) THEN
            RAISE EXCEPTION 'not upgraded'; END IF; END $$; UPDATE kb.pace SET seen_us = 0",
    );
}
