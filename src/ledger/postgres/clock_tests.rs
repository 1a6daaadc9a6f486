//! What becomes of times that lie ahead when the database's clock is set back.

use std::time::Duration;

use super::lease::{self, NewWorker};
use super::tests::PostgresStore;
use super::{PostgresLedger, pace};
use crate::ledger::conformance::{LedgerStore, account};
use crate::ledger::workers::ProbeTurn;

/// All that was written by the clock was so before it was set back by an hour.
const SET_BACK: &str = "
    UPDATE kb.pace SET next_us = next_us + 3600000000, held_us = held_us + 3600000000,
        probe_us = probe_us + 3600000000, seen_us = seen_us + 3600000000;
    UPDATE kb.worker SET beat = beat + interval '1 hour', expires = expires + interval '1 hour',
        gone = gone + interval '1 hour';
    UPDATE kb.part SET not_before = not_before + interval '1 hour';
    UPDATE kb.account SET claims_after = claims_after + interval '1 hour'";

const EVERY: Duration = Duration::from_millis(10);

/// How far ahead the first of `count` starts is that are reserved.
fn reserve(ledger: &mut PostgresLedger, count: u32) -> Duration {
    let asked = tokio::time::Instant::now().into_std();
    let starts = ledger.connection.run("write to", async |session, _| {
        pace::reserve(session, count, EVERY).await
    });
    starts.unwrap().first.saturating_duration_since(asked)
}

#[test]
fn requests_start_as_before() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let mut ledger = store.open(&account()).unwrap();
    // Ten minutes are reserved.
    reserve(&mut ledger, 60_000);
    store.sql(SET_BACK);
    let ahead = reserve(&mut ledger, 1);
    let ten_minutes = Duration::from_mins(10);
    let minute = Duration::from_mins(1);
    assert!(
        ahead + minute > ten_minutes && ahead < ten_minutes + minute,
        "{ahead:?}"
    );
    // It was set back once.
    let later = reserve(&mut ledger, 1);
    assert!(later + minute > ten_minutes, "{later:?}");
}

#[test]
fn a_pause_takes_no_longer_and_no_shorter() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let mut ledger = store.open(&account()).unwrap();
    let (pause, minute) = (Duration::from_mins(20), Duration::from_mins(1));
    let is_as_before = |wait: Duration| wait + minute > pause && wait < pause + minute;
    let hold = ledger.connection.run("write to", async |session, _| {
        pace::hold(session, pause).await
    });
    hold.unwrap();
    store.sql(SET_BACK);
    assert!(is_as_before(held(&mut ledger)));
    let ahead = reserve(&mut ledger, 1);
    assert!(is_as_before(ahead), "{ahead:?}");
    assert!(is_as_before(held(&mut ledger)));
}

/// For how long no request may start.
fn held(ledger: &mut PostgresLedger) -> Duration {
    let held = ledger
        .connection
        .run("read", async |session, _| pace::held(session).await);
    held.unwrap()
}

#[test]
fn an_outage_is_probed_by_another_worker() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let mut ledger = store.open(&account()).unwrap();
    let mut probe = || {
        let turn = ledger.connection.run("write to", async |session, _| {
            pace::probe(session, None).await
        });
        turn.unwrap().0
    };
    assert_eq!(probe(), ProbeTurn::Yours);
    assert_eq!(probe(), ProbeTurn::Others);
    store.sql(SET_BACK);
    assert_eq!(probe(), ProbeTurn::Yours);
    assert_eq!(probe(), ProbeTurn::Others);
}

#[test]
fn leases_and_quarantines_end_as_if_they_had_begun_now() {
    let Some(store) = PostgresStore::<false>::start() else {
        return;
    };
    let mut ledger = store.open(&account()).unwrap();
    let worker = NewWorker {
        shares: true,
        host: "there".to_owned(),
        process: 2,
        lease: Duration::from_secs(9),
        quarantine: Duration::from_secs(9),
        nonce: 99,
    };
    let mut register = || {
        let registered = ledger.connection.run("write to", async |session, _| {
            lease::register(session, &worker, false).await
        });
        registered.unwrap();
    };
    store.sql(
        "UPDATE kb.worker SET shares = true;
        INSERT INTO kb.worker (shares, first_id, runs, host, process, state, expires, gone, quarantine)
            VALUES (true, 1, 0, '', 1, 'dead', now(), now(), interval '9 s');
        INSERT INTO kb.part (run, no, not_before) VALUES (1, 0, now());
        UPDATE kb.account SET claims_after = now()",
    );
    store.sql(SET_BACK);
    register();
    let mut release = || {
        let released = ledger.connection.run("write to", async |session, _| {
            lease::release_parts(session).await
        });
        released.unwrap();
    };
    release();
    store.sql(
        "DO $$ BEGIN
            IF (SELECT count(*) < 3 OR max(expires) > now() + interval '1 min'
                    OR max(gone) > now() + interval '1 min' FROM kb.worker)
                OR (SELECT not_before > now() + interval '1 min' FROM kb.part)
                OR (SELECT claims_after > now() + interval '1 min' FROM kb.account)
            THEN RAISE EXCEPTION 'they lie ahead'; END IF; END $$",
    );
}
