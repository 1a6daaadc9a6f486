//! Claims and settlements in a real file.

mod model;
mod opening;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::SqliteLedger;
use crate::domain::decision::KnownClaim;
use crate::domain::outcome::Outcome;
use crate::domain::summary::TargetAccount;
use crate::ledger::{Batch, Claim, Ledger, LedgerError, RunFigures, RunStart, Settlement};

fn target() -> TargetAccount {
    TargetAccount {
        base_url: "https://test.kable.example".to_owned(),
        kable_client_id: "kci_1".to_owned(),
    }
}

fn open(path: &std::path::Path) -> SqliteLedger {
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

fn settled(id: u64, outcome: Outcome) -> Settlement {
    Settlement {
        id,
        client_id: format!("c-{id}"),
        digest: [7; 16],
        outcome,
        ours: outcome == Outcome::Created,
        orphan: false,
        keys_lost: false,
        customer_id: Some(format!("cus_{id}")),
        request_id: None,
        attempts: 1,
        status: Some(201),
        message: None,
    }
}

fn known(ledger: &mut SqliteLedger) -> BTreeMap<String, KnownClaim> {
    let mut found = BTreeMap::new();
    ledger
        .scan(&mut |client_id, known| {
            assert!(found.insert(client_id.to_owned(), known).is_none(), "twice");
            Ok(())
        })
        .unwrap();
    found
}

#[test]
fn nothing_is_claimed_for_a_run_that_has_not_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut ledger = SqliteLedger::open(&path, &target(), 1).unwrap();
    let batch = Batch {
        claims: vec![claim(1)],
        ..Batch::default()
    };
    assert!(ledger.write(&batch).is_err());
    assert!(known(&mut ledger).is_empty());
}

#[test]
fn entries_are_found_in_order_and_out_of_it_as_they_were_written_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    let write = |ledger: &mut SqliteLedger, claims: Vec<Claim>, settlements| {
        let batch = Batch {
            claims,
            settlements,
            ..Batch::default()
        };
        ledger.write(&batch).unwrap();
    };
    write(&mut ledger, (1..=600).map(claim).collect(), vec![]);
    let id_of = |ledger: &mut SqliteLedger, id| {
        let entry = ledger.claim_record(id).unwrap();
        entry.map(|entry| (entry.client_id, entry.outcome))
    };
    let orders = (1..=600).chain([600, 3, 4, 5, 2, 601, 1, 2, 599, 600, 601]);
    for id in orders {
        let wanted = (id <= 600).then(|| (format!("c-{id}"), Outcome::Unresolved));
        assert_eq!(id_of(&mut ledger, id), wanted, "{id}");
    }
    // What was read ahead is not told once it was written over.
    id_of(&mut ledger, 7);
    id_of(&mut ledger, 8);
    write(&mut ledger, vec![], vec![settled(9, Outcome::Created)]);
    let wanted = Some(("c-9".to_owned(), Outcome::Created));
    assert_eq!(id_of(&mut ledger, 9), wanted);
}

#[test]
fn what_is_claimed_and_not_settled_is_in_doubt_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut ledger = open(&path);
    ledger
        .write(&Batch {
            claims: vec![claim(1), claim(2)],
            settlements: vec![],
            ..Batch::default()
        })
        .unwrap();
    ledger
        .write(&Batch {
            settlements: vec![settled(1, Outcome::Created)],
            ..Batch::default()
        })
        .unwrap();
    drop(ledger);
    let mut again = open(&path);
    let found = known(&mut again);
    assert_eq!(found["c-1"].last, Some(Outcome::Created));
    assert!(!found["c-1"].in_doubt && found["c-2"].in_doubt);
    assert_eq!(again.next_id().unwrap(), 3);
    assert_eq!(
        again
            .claim_record(1)
            .unwrap()
            .unwrap()
            .customer_id
            .as_deref(),
        Some("cus_1")
    );
    assert_eq!(again.status().unwrap().tally.of(Outcome::Unresolved), 1);
}

#[test]
fn keys_that_were_lost_stay_lost_until_the_customer_is_created_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    for (outcome, keys_lost, wanted) in [
        (Outcome::Created, true, true),
        (Outcome::Updated, false, true),
        (Outcome::Created, false, false),
    ] {
        ledger
            .write(&Batch {
                claims: vec![claim(1)],
                ..Batch::default()
            })
            .unwrap();
        let settlement = Settlement {
            keys_lost,
            ..settled(1, outcome)
        };
        ledger
            .write(&Batch {
                settlements: vec![settlement],
                ..Batch::default()
            })
            .unwrap();
        let entry = ledger.claim_record(1).unwrap().unwrap();
        assert_eq!(entry.keys_lost, wanted, "{outcome:?}");
    }
}

#[test]
fn a_claim_in_doubt_keeps_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let clocked = |claims, now_ms| Batch {
        now_ms,
        claimed_by: Some(now_ms + 10),
        claims,
        ..Batch::default()
    };
    let mut ledger = open(&path);
    ledger.write(&clocked(vec![claim(1)], 100)).unwrap();
    ledger.write(&clocked(vec![claim(1)], 200)).unwrap();
    assert_eq!(known(&mut ledger)["c-1"].claimed_by, Some(110));
    // What is known later of the server's clock doesn't move it.
    ledger
        .write(&Batch {
            figures: RunFigures {
                clock_ahead_ms: Some(-5000),
                ..RunFigures::default()
            },
            ..Batch::default()
        })
        .unwrap();
    assert_eq!(known(&mut ledger)["c-1"].claimed_by, Some(110));
    settle(&mut ledger, settled(1, Outcome::Pending));
    ledger.write(&clocked(vec![claim(1)], 300)).unwrap();
    assert_eq!(known(&mut ledger)["c-1"].claimed_by, Some(310));
}

#[test]
fn how_long_requests_of_earlier_runs_may_take_is_kept_for_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut ledger = open(&path);
    assert_eq!(ledger.landing_ms(0).unwrap(), 0);
    for (now_ms, landing_ms) in [(100, 60_000), (200, 5000)] {
        let figures = RunFigures {
            landing_ms,
            ..RunFigures::default()
        };
        ledger
            .begin(&RunStart {
                command: "import".to_owned(),
                inputs: Vec::new(),
                fit_rows: 1,
                now_ms,
            })
            .unwrap();
        let batch = Batch {
            now_ms,
            figures,
            ..Batch::default()
        };
        ledger.write(&batch).unwrap();
    }
    let day = 24 * 60 * 60 * 1000;
    // A clock that was put back makes no run older.
    for (now_ms, kept) in [(0, 60_000), (day + 100, 60_000), (day + 101, 5000)] {
        assert_eq!(ledger.landing_ms(now_ms).unwrap(), kept, "{now_ms}");
    }
    assert_eq!(ledger.landing_ms(day + 201).unwrap(), 0);
}

fn settle(ledger: &mut SqliteLedger, settlement: Settlement) {
    let settlements = vec![settlement];
    ledger
        .write(&Batch {
            now_ms: 7,
            settlements,
            ..Batch::default()
        })
        .unwrap();
}

fn claim_again(ledger: &mut SqliteLedger, digest: [u8; 16]) {
    let claims = vec![Claim { digest, ..claim(1) }];
    ledger
        .write(&Batch {
            claims,
            ..Batch::default()
        })
        .unwrap();
}

/// Issue 12, point 3: what was once known is not forgotten.
#[test]
fn a_claim_erases_nothing_and_a_row_that_is_released_is_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    claim_again(&mut ledger, [7; 16]);
    settle(&mut ledger, settled(1, Outcome::Created));
    let before = known(&mut ledger)["c-1"];
    let told = ledger.claim_record(1).unwrap().unwrap();

    claim_again(&mut ledger, [8; 16]);
    let claimed = known(&mut ledger)["c-1"];
    assert!(claimed.in_doubt && claimed.ours && claimed.there);
    assert_eq!((claimed.last, claimed.digest), (before.last, before.digest));
    assert_eq!(
        ledger.claim_record(1).unwrap().unwrap().outcome,
        Outcome::Unresolved
    );

    let released = Settlement {
        digest: [8; 16],
        attempts: 0,
        ours: false,
        message: Some("it was not sent".to_owned()),
        ..settled(1, Outcome::Pending)
    };
    settle(&mut ledger, released);
    assert_eq!(
        KnownClaim {
            claimed_by: before.claimed_by,
            ..known(&mut ledger)["c-1"]
        },
        before
    );
    assert_eq!(ledger.claim_record(1).unwrap().unwrap(), told);
}

#[test]
fn what_could_not_be_found_out_leaves_what_was_known_and_stays_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    claim_again(&mut ledger, [7; 16]);
    settle(&mut ledger, settled(1, Outcome::Created));
    claim_again(&mut ledger, [8; 16]);
    let lost = Settlement {
        digest: [8; 16],
        ours: false,
        ..settled(1, Outcome::Unresolved)
    };
    settle(&mut ledger, lost);
    let left = known(&mut ledger)["c-1"];
    assert_eq!(
        (left.in_doubt, left.ours, left.last, left.digest),
        (true, true, Some(Outcome::Created), [7; 16])
    );
    let failed = Settlement {
        ours: false,
        ..settled(1, Outcome::Failed)
    };
    settle(&mut ledger, failed);
    let left = known(&mut ledger)["c-1"];
    assert!(left.ours && left.there && !left.in_doubt);
    let standing = ledger.status().unwrap();
    assert_eq!((standing.ours, standing.tally.of(Outcome::Failed)), (1, 1));
    let created: i64 = ledger
        .db
        .query_row("SELECT created FROM customer", [], |row| row.get(0))
        .unwrap();
    assert_eq!(created, 7);
}

#[test]
fn a_claim_never_changes_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    claim_again(&mut ledger, [7; 16]);
    let others = Claim {
        client_id: "c-2".to_owned(),
        ..claim(1)
    };
    let batch = Batch {
        claims: vec![claim(2), others],
        ..Batch::default()
    };
    assert!(ledger.write(&batch).is_err());
    assert_eq!(known(&mut ledger).into_keys().collect::<Vec<_>>(), ["c-1"]);
}
