//! Tests of one clause of the contract each.

use super::{
    LedgerStore, account, all_records, claim, counts, open, open_for_run, record, run_start,
    scanned, settlement, write_claims, write_settlements,
};
use crate::domain::decision::{KnownClaim, UNKNOWN_DIGEST};
use crate::domain::outcome::Outcome;
use crate::domain::summary::TargetAccount;
use crate::domain::timeline::Timeline;
use crate::ledger::{
    Batch, Claim, Ledger, LedgerError, LedgerStatus, RunFigures, RunStart, Settlement,
};

pub(crate) fn a_new_ledger_is_empty<S: LedgerStore>(store: &S) {
    let mut ledger = open(store);
    assert_eq!(ledger.next_id().unwrap(), 1);
    assert_eq!(ledger.claim_record(1).unwrap(), None);
    assert!(scanned(&mut ledger).is_empty());
    assert_eq!(all_records(&mut ledger), []);
    assert!(!ledger.has_gaps().unwrap());
    assert_eq!(ledger.landing_ms(0).unwrap(), 0);
    let empty = LedgerStatus {
        target: account(),
        ..LedgerStatus::default()
    };
    assert_eq!(counts(&mut ledger), empty);
}

pub(crate) fn a_claim_without_a_settlement_is_in_doubt_after_a_crash<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    write_claims(&mut ledger, vec![claim(1), claim(2)]);
    write_settlements(&mut ledger, vec![settlement(1, Outcome::Created)]);
    store.crash(ledger);

    let mut ledger = open_for_run(store);
    let found = scanned(&mut ledger);
    assert_eq!(found["c-1"].last, Some(Outcome::Created));
    assert!(!found["c-1"].in_doubt && found["c-2"].in_doubt);
    assert_eq!(ledger.next_id().unwrap(), 3);
    let customer_id = record(&mut ledger, 1).customer_id;
    assert_eq!(customer_id.as_deref(), Some("cus_1"));
    assert_eq!(ledger.status().unwrap().tally.of(Outcome::Unresolved), 1);
}

pub(crate) fn a_claim_in_doubt_keeps_its_time<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    let claim_at = |ledger: &mut S::Opened, now_ms| {
        let batch = Batch {
            now_ms,
            claimed_by: Some(now_ms + 10),
            claims: vec![claim(1)],
            ..Batch::default()
        };
        ledger.write(&batch).unwrap();
    };
    claim_at(&mut ledger, 100);
    claim_at(&mut ledger, 200);
    assert_eq!(scanned(&mut ledger)["c-1"].claimed_by, Some(110));
    // Later estimates of the server's clock don't change it.
    let figures = RunFigures {
        clock_ahead_ms: Some(-5000),
        ..RunFigures::default()
    };
    let batch = Batch {
        figures,
        ..Batch::default()
    };
    ledger.write(&batch).unwrap();
    assert_eq!(scanned(&mut ledger)["c-1"].claimed_by, Some(110));
    write_settlements(&mut ledger, vec![settlement(1, Outcome::Pending)]);
    claim_at(&mut ledger, 300);
    assert_eq!(scanned(&mut ledger)["c-1"].claimed_by, Some(310));
}

/// It may have been sent with the values of either row.
pub(crate) fn a_claim_in_doubt_of_an_edited_row_has_no_known_digest<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    let (row, edited) = ([8; 16], [9; 16]);
    let of_row = |id, digest| Claim {
        digest,
        ..claim(id)
    };
    for (id, last, expected) in [
        (1, None, UNKNOWN_DIGEST),
        (2, Some(Outcome::Pending), edited),
        (3, Some(Outcome::Created), row),
        (4, Some(Outcome::Failed), UNKNOWN_DIGEST),
    ] {
        write_claims(&mut ledger, vec![of_row(id, row)]);
        let settled = last.map(|last| Settlement {
            digest: row,
            ..settlement(id, last)
        });
        write_settlements(&mut ledger, settled.into_iter().collect());
        for _ in 0..2 {
            write_claims(&mut ledger, vec![of_row(id, edited)]);
            assert_eq!(record(&mut ledger, id).digest, expected, "{last:?}");
        }
        // That of the first row does not make it known again.
        write_claims(&mut ledger, vec![of_row(id, row)]);
        let kept = if expected == row { row } else { UNKNOWN_DIGEST };
        assert_eq!(record(&mut ledger, id).digest, kept, "{last:?}");
    }
}

/// Issue 12, point 3: a claim erases nothing that is known.
pub(crate) fn a_claim_keeps_what_is_known_and_a_release_restores_it<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    write_claims(&mut ledger, vec![claim(1)]);
    write_settlements(&mut ledger, vec![settlement(1, Outcome::Created)]);
    let (known, settled) = (scanned(&mut ledger)["c-1"], record(&mut ledger, 1));

    let edited = Claim {
        digest: [8; 16],
        ..claim(1)
    };
    write_claims(&mut ledger, vec![edited]);
    let claimed = scanned(&mut ledger)["c-1"];
    assert!(claimed.in_doubt && claimed.ours && claimed.there);
    assert_eq!((claimed.last, claimed.digest), (known.last, known.digest));
    assert_eq!(record(&mut ledger, 1).outcome, Outcome::Unresolved);

    let released = Settlement {
        digest: [8; 16],
        attempts: 0,
        ours: false,
        message: Some("it was not sent".to_owned()),
        ..settlement(1, Outcome::Pending)
    };
    write_settlements(&mut ledger, vec![released]);
    let restored = KnownClaim {
        claimed_by: known.claimed_by,
        ..scanned(&mut ledger)["c-1"]
    };
    assert_eq!(restored, known);
    assert_eq!(record(&mut ledger, 1), settled);
}

pub(crate) fn an_unresolved_settlement_keeps_what_is_known_and_the_doubt<S: LedgerStore>(
    store: &S,
) {
    let mut ledger = open_for_run(store);
    write_claims(&mut ledger, vec![claim(1)]);
    write_settlements(&mut ledger, vec![settlement(1, Outcome::Created)]);
    write_claims(&mut ledger, vec![claim(1)]);
    let unresolved = Settlement {
        digest: [8; 16],
        ours: false,
        ..settlement(1, Outcome::Unresolved)
    };
    write_settlements(&mut ledger, vec![unresolved]);
    let known = scanned(&mut ledger)["c-1"];
    assert_eq!(
        (known.in_doubt, known.ours, known.last, known.digest),
        (true, true, Some(Outcome::Created), [7; 16])
    );
    // The next run settles it without a claim of its own.
    store.crash(ledger);
    let mut ledger = open_for_run(store);
    write_settlements(&mut ledger, vec![settlement(1, Outcome::Failed)]);
    let known = scanned(&mut ledger)["c-1"];
    assert!(known.ours && known.there && !known.in_doubt);
    let status = ledger.status().unwrap();
    assert_eq!((status.ours, status.tally.of(Outcome::Failed)), (1, 1));
}

/// The customer was deleted at Kable and made anew by others, or by this checkpoint.
pub(crate) fn what_is_known_of_a_customer_is_not_true_of_another_one<S: LedgerStore>(store: &S) {
    let (same, another) = (Some("cus_1"), Some("cus_2"));
    let mut ledger = open_for_run(store);
    for (number, (shown, outcome, proved, expected)) in (1..).zip([
        (same, Outcome::Updated, false, (true, Some(100))),
        (None, Outcome::Failed, false, (true, Some(100))),
        (None, Outcome::Unresolved, false, (true, Some(100))),
        (another, Outcome::Updated, false, (false, None)),
        (another, Outcome::Unchanged, false, (false, None)),
        (another, Outcome::AlreadyExisted, false, (false, None)),
        (another, Outcome::Failed, false, (false, None)),
        (another, Outcome::Unresolved, false, (false, None)),
        // Not what is there, but what was: nothing was changed.
        (another, Outcome::Pending, false, (true, Some(100))),
        (another, Outcome::Created, true, (true, None)),
        (another, Outcome::Unresolved, true, (true, None)),
    ]) {
        write_claims(&mut ledger, vec![claim(number)]);
        let made = Settlement {
            customer_id: Some("cus_1".to_owned()),
            modified: Some(100),
            ..settlement(number, Outcome::Created)
        };
        write_settlements(&mut ledger, vec![made]);
        write_claims(&mut ledger, vec![claim(number)]);
        let found = Settlement {
            ours: proved,
            customer_id: shown.map(str::to_owned),
            ..settlement(number, outcome)
        };
        write_settlements(&mut ledger, vec![found]);
        let record = record(&mut ledger, number);
        let known = (record.ours, record.modified);
        assert_eq!(known, expected, "{shown:?} {outcome:?} {proved}");
    }
    // Of a checkpoint that did not record an id, it stays ours.
    write_claims(&mut ledger, vec![claim(12)]);
    for (outcome, customer_id) in [
        (Outcome::Created, None),
        (Outcome::Updated, Some("cus_2".to_owned())),
    ] {
        let found = Settlement {
            ours: outcome == Outcome::Created,
            customer_id,
            ..settlement(12, outcome)
        };
        write_settlements(&mut ledger, vec![found]);
        write_claims(&mut ledger, vec![claim(12)]);
    }
    assert!(record(&mut ledger, 12).ours);
}

pub(crate) fn a_claim_for_another_client_id_writes_nothing_of_its_batch<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    write_claims(&mut ledger, vec![claim(1)]);
    let before = (scanned(&mut ledger), counts(&mut ledger));
    let other = Claim {
        client_id: "c-2".to_owned(),
        ..claim(1)
    };
    let batch = Batch {
        now_ms: 900,
        settlements: vec![settlement(1, Outcome::Created)],
        claims: vec![claim(2), other],
        figures: RunFigures {
            elapsed_ms: 5,
            ..RunFigures::default()
        },
        ..Batch::default()
    };
    assert!(ledger.write(&batch).is_err());
    assert_eq!((scanned(&mut ledger), counts(&mut ledger)), before);
    assert_eq!(ledger.next_id().unwrap(), 2);
}

pub(crate) fn a_batch_settles_before_it_claims<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    write_claims(&mut ledger, vec![claim(1)]);
    let batch = Batch {
        claims: vec![claim(1)],
        settlements: vec![settlement(1, Outcome::Created)],
        ..Batch::default()
    };
    ledger.write(&batch).unwrap();
    let known = scanned(&mut ledger)["c-1"];
    assert_eq!((known.last, known.in_doubt), (Some(Outcome::Created), true));
}

pub(crate) fn nothing_is_written_before_a_run_begins<S: LedgerStore>(store: &S) {
    let batch = Batch {
        claims: vec![claim(1)],
        ..Batch::default()
    };
    let mut ledger = open(store);
    assert!(ledger.write(&batch).is_err());
    // A run begun before the ledger was reopened does not count.
    ledger.begin(&run_start(1)).unwrap();
    store.crash(ledger);
    let mut ledger = open(store);
    assert!(ledger.write(&batch).is_err());
    assert!(scanned(&mut ledger).is_empty());
}

pub(crate) fn lost_keys_stay_lost_until_the_customer_is_created_again<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    for (outcome, keys_lost, expected) in [
        (Outcome::Created, true, true),
        (Outcome::Updated, false, true),
        (Outcome::Created, false, false),
        (Outcome::Unresolved, true, true),
        (Outcome::Updated, false, true),
    ] {
        write_claims(&mut ledger, vec![claim(1)]);
        let settled = Settlement {
            keys_lost,
            ..settlement(1, outcome)
        };
        write_settlements(&mut ledger, vec![settled]);
        let record = record(&mut ledger, 1);
        assert_eq!(record.keys_lost, expected, "{outcome:?}");
    }
}

pub(crate) fn records_are_current_in_every_order_of_reading<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    write_claims(&mut ledger, (1..=600).map(claim).collect());
    let read = |ledger: &mut S::Opened, id| {
        let record = ledger.claim_record(id).unwrap();
        record.map(|record| (record.client_id, record.outcome))
    };
    let orders = (1..=600).chain([600, 3, 4, 5, 2, 601, 1, 2, 599, 600, 601]);
    for id in orders {
        let expected = (id <= 600).then(|| (format!("c-{id}"), Outcome::Unresolved));
        assert_eq!(read(&mut ledger, id), expected, "{id}");
    }
    // A ledger that reads ahead must not return what a write has replaced.
    read(&mut ledger, 7);
    read(&mut ledger, 8);
    write_settlements(&mut ledger, vec![settlement(9, Outcome::Created)]);
    let expected = Some(("c-9".to_owned(), Outcome::Created));
    assert_eq!(read(&mut ledger, 9), expected);
}

pub(crate) fn all_records_come_in_the_order_of_their_claims<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    // More than a ledger is likely to read at once.
    write_claims(&mut ledger, (1..=3000).map(claim).collect());
    write_settlements(&mut ledger, vec![settlement(2050, Outcome::Created)]);
    let records = all_records(&mut ledger);
    assert_eq!(records.len(), 3000);
    for (id, found) in (1..).zip(&records) {
        assert_eq!(found.client_id, claim(id).client_id);
    }
    assert_eq!(records[2049], record(&mut ledger, 2050));
    assert_eq!(records[2049].customer_id.as_deref(), Some("cus_2050"));
    assert_eq!(records[2050].outcome, Outcome::Unresolved);
}

pub(crate) fn an_error_of_the_caller_ends_a_reading_of_all_records<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    write_claims(&mut ledger, vec![claim(1), claim(2)]);
    let mut calls = 0;
    let error = ledger
        .records(&mut |_| {
            calls += 1;
            Err(std::io::ErrorKind::BrokenPipe.into())
        })
        .unwrap_err();
    assert_eq!(calls, 1);
    assert!(
        matches!(&error, LedgerError::Io { source, .. }
            if source.kind() == std::io::ErrorKind::BrokenPipe),
        "{error:?}"
    );
}

pub(crate) fn an_error_of_the_caller_ends_a_scan<S: LedgerStore>(store: &S) {
    let mut ledger = open_for_run(store);
    write_claims(&mut ledger, vec![claim(1), claim(2)]);
    let mut calls = 0;
    let error = ledger
        .scan(&mut |_, _| {
            calls += 1;
            Err(std::io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
    assert_eq!(calls, 1);
    assert!(
        matches!(&error, LedgerError::Io { source, .. }
            if source.kind() == std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
}

pub(crate) fn when_creates_may_have_taken_effect_is_kept<S: LedgerStore>(store: &S) {
    const HOUR_MS: i64 = 3_600_000;
    let mut ledger = open(store);
    ledger.begin(&run_start(10 * HOUR_MS)).unwrap();
    let batch = Batch {
        now_ms: 12 * HOUR_MS,
        figures: RunFigures {
            elapsed_ms: 7_200_000,
            clock_ahead_ms: Some(HOUR_MS),
            landing_ms: 600_000,
            ..RunFigures::default()
        },
        ..Batch::default()
    };
    ledger.write(&batch).unwrap();
    // The run that is going on is no earlier one.
    let own = ledger.send_times().unwrap();
    assert!(!own.include(Some(12 * HOUR_MS)));
    store.crash(ledger);
    let mut ledger = open(store);
    // A rollback creates nothing.
    let rollback = RunStart {
        command: "rollback".to_owned(),
        ..run_start(20 * HOUR_MS)
    };
    ledger.begin(&rollback).unwrap();
    ledger.end("done", 21 * HOUR_MS).unwrap();
    store.crash(ledger);
    let times = open(store).send_times().unwrap();
    for (created, expected) in [
        (10 * HOUR_MS, false),
        (11 * HOUR_MS, true),
        (13 * HOUR_MS + 600_000, true),
        (14 * HOUR_MS, false),
        (21 * HOUR_MS, false),
        (22 * HOUR_MS, false),
    ] {
        assert_eq!(times.include(Some(created)), expected, "{created}");
    }
}

pub(crate) fn landing_times_of_the_last_day_are_kept<S: LedgerStore>(store: &S) {
    let mut ledger = open(store);
    for (now_ms, landing_ms) in [(100, 60_000), (200, 5000)] {
        let batch = Batch {
            now_ms,
            figures: RunFigures {
                landing_ms,
                ..RunFigures::default()
            },
            ..Batch::default()
        };
        ledger.begin(&run_start(now_ms)).unwrap();
        ledger.write(&batch).unwrap();
        store.crash(ledger);
        ledger = open(store);
    }
    let day = 24 * 60 * 60 * 1000;
    // Also if the clock was set back since.
    for (now_ms, expected) in [(0, 60_000), (day + 100, 60_000), (day + 101, 5000)] {
        assert_eq!(ledger.landing_ms(now_ms).unwrap(), expected, "{now_ms}");
    }
    assert_eq!(ledger.landing_ms(day + 201).unwrap(), 0);
}

pub(crate) fn what_the_latest_runs_did_over_time_is_kept<S: LedgerStore>(store: &S) {
    let mut ledger = open(store);
    assert_eq!(ledger.runs().unwrap(), []);
    for run in 1..=20 {
        let timeline = Timeline {
            interval_ms: run,
            ..Timeline::default()
        };
        ledger
            .begin(&run_start(i64::try_from(run).unwrap()))
            .unwrap();
        for timeline in [Some(timeline), None] {
            let batch = Batch {
                now_ms: 100,
                figures: RunFigures {
                    timeline,
                    ..RunFigures::default()
                },
                ..Batch::default()
            };
            ledger.write(&batch).unwrap();
        }
    }
    ledger.end("done", 101).unwrap();
    store.crash(ledger);
    let runs = open(store).runs().unwrap();
    let lengths = runs
        .iter()
        .map(|run| (run.began_ms, run.timeline.interval_ms));
    let expected = (5..=20).map(|run| (run, u64::try_from(run).unwrap()));
    assert!(lengths.eq(expected), "{runs:?}");
    let ends = runs
        .iter()
        .map(|run| (run.changed_ms, run.ended.as_deref()));
    assert_eq!(ends.into_iter().next_back(), Some((101, Some("done"))));
    assert!(runs.iter().rev().skip(1).all(|run| run.ended.is_none()));
}

pub(crate) fn another_account_is_refused<S: LedgerStore>(store: &S) {
    let ledger = open_for_run(store);
    store.crash(ledger);
    let other = TargetAccount {
        kable_client_id: "kci_2".to_owned(),
        ..account()
    };
    let refused = store.open(&other).map(|_| ()).unwrap_err();
    assert!(
        matches!(refused, LedgerError::OtherAccount { .. }),
        "{refused:?}"
    );
    assert_eq!(open(store).status().unwrap().target, account());
}
