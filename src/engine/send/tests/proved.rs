//! What is proved of customers whose rows are not done, and what a rollback does with them.

use super::*;
use crate::engine::send::removal::created_claims::CreatedClaims;
use crate::engine::send::removal::{self, RemovalOutcome, RemovalParts, RemovalSettings};
use crate::kable::Removal;

/// Deletes what the ledger's runs created, as `rollback` does: each customer's outcome.
async fn roll_back(site: &TestBed) -> Vec<(String, RemovalOutcome)> {
    let mut ledger = site.ledger.clone();
    let claims = CreatedClaims::of(&mut ledger, None, site.folder.path()).unwrap();
    ledger
        .begin(&RunStart {
            command: "rollback".to_owned(),
            inputs: Vec::new(),
            fit_rows: 0,
            now_ms: NOW_MS,
            shared: None,
        })
        .unwrap();
    let parts = RemovalParts {
        targets: Box::new(claims),
        api: site.kable.clone(),
        ledger,
        observer: Silent,
        context: RunContext {
            stop: Stop::default(),
            wall: WallClock::stopped_at(NOW_MS),
            jitter: || 1.0,
            bucket: None,
            dates: vec![DATE],
        },
    };
    let settings = RemovalSettings {
        removal: Removal::Delete,
        even_if_changed: false,
        pacing: site.settings.pacing,
        retry: EAGER,
        landing: BELIEVING,
        allowance: UNLIMITED_RETRIES,
    };
    let mut results = Vec::new();
    let keep = |result: removal::RemovalResult| {
        results.push((result.client_id, result.outcome));
        Ok(())
    };
    removal::run(parts, settings, keep).await.unwrap();
    results
}

/// Refuses every update.
fn no_updates(call: ApiCall<'_>) -> CallFate {
    match call {
        ApiCall::Update(_) => CallFate::Refused("no such currency".to_owned()),
        ApiCall::Create(_) | ApiCall::Remove(_) | ApiCall::Find(_) => CallFate::Answered,
    }
}

#[tokio::test]
async fn a_rollback_takes_a_customer_whose_update_was_refused() {
    let mut site = TestBed::with_existing(ExistingPolicy::Update);
    site.ledger.remember(&plain("Aster"), None);
    site.kable
        .hold(remote_of(&plain("Aster"), CLAIMED_EARLIER_BY));
    site.kable.behave(no_updates);
    let came = site.import(["c-1,Astre,USD"]).await;
    assert!(came.told[0].starts_with("2 failed"), "{:?}", came.told);
    let record = site.ledger.claim_record(1).unwrap().unwrap();
    assert_eq!(
        (record.outcome, record.ours, record.customer_id.as_deref()),
        (Outcome::Failed, true, Some("cus_c-1"))
    );
    // A failed row is left alone, and looked up where it is tried again.
    site.import(["c-1,Astre,USD"]).await;
    site.policy.retry_failed = true;
    site.import(["c-1,Astre,USD"]).await;
    assert_eq!(site.kable.creates(), Vec::<String>::new());
    assert_eq!(site.kable.finds().len(), 2);
    let removed = roll_back(&site).await;
    assert_eq!(removed, [("c-1".to_owned(), RemovalOutcome::Removed)]);
    assert_eq!(site.kable.customers(), []);
}

#[tokio::test]
async fn a_rollback_takes_customers_whose_updates_were_refused_alike() {
    let site = TestBed::with_existing(ExistingPolicy::Update);
    site.kable.behave(|call| match call {
        ApiCall::Create(_) => CallFate::LostAfter,
        ApiCall::Update(_) | ApiCall::Remove(_) | ApiCall::Find(_) => no_updates(call),
    });
    site.kable.alter();
    let came = site.import(good(100)).await;
    assert!(
        matches!(came.halt, Some(Halt::AllAlike { rows: 20, .. })),
        "{:?}",
        came.halt
    );
    let outcomes = came.account.outcomes;
    assert_eq!(outcomes.of(Outcome::Failed), 0);
    assert!(outcomes.of(Outcome::Unresolved) >= 20, "{outcomes:?}");
    assert!(site.kable.customers().len() >= 20);
    site.kable.behave(no_updates);
    roll_back(&site).await;
    assert_eq!(site.kable.customers(), []);
}

/// A run with keys on an API that creates customers with other values and refuses to mend them.
async fn with_altered_creates(existing: ExistingPolicy) -> (TestBed, RunResult, usize) {
    let mut site = TestBed::with_existing(existing);
    site.keys = true;
    site.kable.behave(no_updates);
    site.kable.alter();
    let came = site.import(good(100)).await;
    let keys = std::fs::read_to_string(site.folder.path().join("keys.csv")).unwrap();
    let customers = site.kable.customers();
    for (id, _) in &customers {
        assert!(keys.contains(&format!("\n{id},sk_{id}\n")), "{keys}");
    }
    assert_eq!(keys.lines().count(), 1 + customers.len());
    (site, came, customers.len())
}

#[tokio::test]
async fn no_key_is_lost_with_a_row_that_fails() {
    let (site, came, _) = with_altered_creates(ExistingPolicy::Fail).await;
    assert_eq!(came.account.outcomes.of(Outcome::Failed), 100);
    assert_eq!(roll_back(&site).await.len(), 100);
    assert_eq!(site.kable.customers(), []);
}

#[tokio::test]
async fn updates_that_are_refused_alike_end_a_run_with_keys_and_lose_none() {
    let (mut site, came, created) = with_altered_creates(ExistingPolicy::Update).await;
    assert!(
        matches!(came.halt, Some(Halt::AllAlike { rows: 20, .. })),
        "{:?}",
        came.halt
    );
    assert!((20..100).contains(&created), "{created}");
    let outcomes = came.account.outcomes;
    assert_eq!(
        (
            outcomes.of(Outcome::Failed),
            outcomes.of(Outcome::Unresolved)
        ),
        (0, created as u64)
    );
    // Once updates are taken, the same command makes them right, and says of no key that it
    // is lost.
    site.kable.behave(|_| CallFate::Answered);
    site.stop = Stop::default();
    let again = site.import(good(created)).await;
    assert_eq!(
        again.account.outcomes.of(Outcome::Updated),
        created as u64,
        "{:?}",
        again.told
    );
    for id in 1..=created as u64 {
        let record = site.ledger.claim_record(id).unwrap().unwrap();
        assert!(record.ours && !record.keys_lost, "{record:?}");
    }
}

/// The plan creates both. One was created by another client after the plan was checked.
#[tokio::test]
async fn a_plan_that_creates_a_customer_changes_none_that_it_meets() {
    for applies in [false, true] {
        let mut site = TestBed::with_existing(ExistingPolicy::Update);
        site.settings.applies = applies;
        site.kable.hold(remote_of(&plain("Somebody's"), NOW_MS));
        let came = site.import(["c-1,Aster,USD", "c-2,Birch,USD"]).await;
        let outcomes = came.account.outcomes;
        assert_eq!(outcomes.of(Outcome::Created), 1);
        let (outcome, name) = if applies {
            (Outcome::Differs, "Somebody's")
        } else {
            (Outcome::Updated, "Aster")
        };
        assert_eq!(outcomes.of(outcome), 1, "{applies}");
        let held = site.kable.customers();
        let kept = held.iter().find(|(id, _)| id == "c-1").unwrap();
        assert_eq!(kept.1, name);
    }
}
