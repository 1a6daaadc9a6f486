//! What a worker that is alone finds out after a standby took over, or a backup was restored.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use parking_lot::Mutex;

use super::PostgresLedger;
use super::keeper::Kept;
use super::tests::{PostgresStore, claimed, shared_run, sharing};
use crate::ledger::conformance::{LedgerStore, account};
use crate::ledger::workers::{ClaimAnswer, LeaseDeadline, LedgerObserver};
use crate::ledger::{Ledger, LedgerError, RunStart};

/// A store, and a ledger for a worker that is alone in its run, in which it claimed row 1.
fn alone() -> Option<(PostgresStore<false>, PostgresLedger)> {
    let store = PostgresStore::<false>::start()?;
    let mut ledger = store.open(&account()).unwrap();
    let run = RunStart {
        command: "sync".to_owned(),
        inputs: vec!["in.csv".to_owned()],
        fit_rows: 3,
        now_ms: 1,
        shared: None,
    };
    ledger.begin(&run).unwrap();
    assert_eq!(claimed(&mut ledger), []);
    Some((store, ledger))
}

/// A standby takes over, which has no batch of any worker.
const TOOK_OVER: &str = "UPDATE kb.account SET timeline = timeline + 1;
    UPDATE kb.worker SET batch = 0; DELETE FROM kb.customer";

fn has_gaps(store: &PostgresStore<false>) -> bool {
    let reading = PostgresLedger::open_to_read(store.address());
    reading.unwrap().has_gaps().unwrap()
}

fn is_loss<T>(result: &Result<T, LedgerError>) -> bool {
    matches!(result, Err(LedgerError::LostCommits { .. }))
}

/// In its account it writes no batch by which it would notice.
#[test]
fn an_account_of_claims_that_are_gone_fails_and_they_are_noted() {
    let Some((store, mut ledger)) = alone() else {
        return;
    };
    assert!(ledger.claim_record(1).unwrap().is_some());
    ledger.ahead.forget();
    store.sql(TOOK_OVER);
    ledger.connection.cut();
    assert!(is_loss(&ledger.claim_record(1)));
    assert!(has_gaps(&store));
    // Nor later, on the connection that stands by now.
    assert!(is_loss(&ledger.claim_record(2)));
    assert!(is_loss(&ledger.records(&mut |_| Ok(()))));
    assert!(is_loss(&ledger.end("done", 1)));
}

/// It may be killed before it does anything more.
#[test]
fn claims_that_are_gone_are_noted_with_the_timeline() {
    let Some((store, mut ledger)) = alone() else {
        return;
    };
    store.sql(TOOK_OVER);
    ledger.connection.cut();
    assert!(is_loss(&ledger.landing_ms(1)));
    store.sql(
        "DO $$ BEGIN IF (SELECT NOT gaps OR claims_after < now() FROM kb.account) THEN
            RAISE EXCEPTION 'not noted'; END IF; END $$",
    );
}

/// A dump that was restored begins no timeline.
#[test]
fn a_run_does_not_end_well_whose_claims_are_gone() {
    let Some((store, mut ledger)) = alone() else {
        return;
    };
    store.sql("UPDATE kb.worker SET batch = 0; DELETE FROM kb.customer");
    assert!(is_loss(&ledger.end("done", 1)));
    assert!(has_gaps(&store));
    store.sql(
        "DO $$ BEGIN IF (SELECT count(ended) <> 0 FROM kb.run) THEN
            RAISE EXCEPTION 'ended'; END IF; END $$",
    );
}

#[test]
fn a_worker_that_was_taken_for_dead_has_no_account() {
    let Some((store, mut ledger)) = alone() else {
        return;
    };
    store.sql("UPDATE kb.worker SET state = 'dead', gone = now()");
    let is_fenced = |error| matches!(error, LedgerError::Fenced { .. });
    assert!(is_fenced(ledger.end("done", 1).unwrap_err()));
    assert!(is_fenced(ledger.claim_record(1).unwrap_err()));
    assert!(!has_gaps(&store));
}

#[test]
fn a_worker_that_lost_nothing_goes_on() {
    let Some((store, mut ledger)) = alone() else {
        return;
    };
    store.sql("UPDATE kb.account SET timeline = timeline + 1");
    ledger.connection.cut();
    assert_eq!(claimed(&mut ledger), []);
    assert!(!has_gaps(&store));
    ledger.end("done", 1).unwrap();
}

/// Another one may have taken its place, and that one's batches are gone.
#[test]
fn a_worker_whose_lease_may_have_ended_does_not_know() {
    let Some((store, mut ledger)) = alone() else {
        return;
    };
    let silent = Kept {
        worker: ledger.writer.as_ref().unwrap().kept.worker,
        deadline: Arc::new(LeaseDeadline::new(|| Duration::ZERO)),
        acknowledged: AtomicI64::new(1),
        observer: Mutex::default(),
        shares: false,
        requests_live: Duration::from_secs(9),
    };
    store.sql("UPDATE kb.account SET timeline = timeline + 1");
    let checked = ledger
        .connection
        .run("write to", async |session, _| silent.check(session).await);
    checked.unwrap();
    assert!(has_gaps(&store));
}

/// Its own lease and time-out are shorter.
#[test]
fn claims_wait_for_the_requests_of_the_worker_whose_live_longest() {
    let Some((store, mut ledger)) = alone() else {
        return;
    };
    store.sql(
        "UPDATE kb.account SET timeline = timeline + 1;
        UPDATE kb.worker SET batch = 0, quarantine = interval '10 min'",
    );
    ledger.connection.cut();
    assert!(is_loss(&ledger.landing_ms(1)));
    store.sql(
        "DO $$ BEGIN IF (SELECT claims_after < now() + interval '9 min' FROM kb.account) THEN
            RAISE EXCEPTION 'too early'; END IF; END $$",
    );
}

#[test]
fn workers_with_different_leases_share_no_run() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let _first = sharing(&store);
    let other = PostgresStore::<false> {
        address: format!("{}&lease=30s", store.address),
    };
    let mut second = other.open_as(&account(), true).unwrap();
    let Err(LedgerError::OtherRun { what, .. }) = second.begin(&shared_run()) else {
        panic!("it was joined");
    };
    assert_eq!(what, "the lease (30s here, 20s there)");
}

/// One that never stops.
#[derive(Debug)]
struct Patient;

impl LedgerObserver for Patient {
    fn waits(&self, _what: &str) {}

    fn goes_on(&self) {}

    fn warns(&self, _what: &str) {}

    fn is_stopped(&self) -> bool {
        false
    }

    fn stop(&self, _reason: &str) {}
}

/// No part of the input comes back to it, in which a row that is held would be met again.
#[test]
fn a_worker_that_is_alone_waits_until_claims_are_granted() {
    let Some((store, mut ledger)) = alone() else {
        return;
    };
    ledger.observe(Arc::new(Patient));
    store.sql(
        "DELETE FROM kb.customer; UPDATE kb.account SET gaps = true,
            claims_after = clock_timestamp() + interval '300 ms'",
    );
    let answers = claimed(&mut ledger);
    let [(1, ClaimAnswer::InDoubt { claimed_by })] = answers[..] else {
        panic!("{answers:?}");
    };
    // Those that are gone were made before it.
    assert!(claimed_by.unwrap() > 70, "{claimed_by:?}");
}
