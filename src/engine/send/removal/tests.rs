//! Removals that are not recorded, against an API in memory.

use std::sync::{Arc, Mutex};

use super::no_ledger::NoLedger;
use super::removal_subject::RemovalSubject;
use super::{RemovalOutcome, RemovalParts, RemovalSettings, RemovalTarget, run};
use crate::domain::remote::RemoteCustomer;
use crate::engine::pace::PaceSettings;
use crate::engine::pace::rate::Rate;
use crate::engine::send::RunContext;
use crate::engine::stop::{Halt, Stop};
use crate::engine::testing::ledger::MemoryLedger;
use crate::engine::testing::memory_api::{ApiCall, CallFate, MemoryApi};
use crate::engine::testing::{BELIEVING, DATE, EAGER, EventLog, NOW_MS, UNLIMITED_RETRIES};
use crate::engine::wall_clock::WallClock;
use crate::kable::Removal;

fn held(number: usize) -> RemoteCustomer {
    RemoteCustomer {
        customer_id: format!("cus_{number}"),
        client_id: format!("c-{number}"),
        status: "ACTIVE".to_owned(),
        created: Some(NOW_MS),
        modified: Some(NOW_MS),
        ..RemoteCustomer::default()
    }
}

fn target(number: usize) -> RemovalTarget {
    RemovalTarget::Listed(Box::new(RemovalSubject {
        client_id: format!("c-{number}"),
        customer_id: Some(format!("cus_{number}")),
        modified: Some(NOW_MS),
        is_ours: true,
        claimed_by: None,
        in_doubt: false,
        may_be_uncreated: false,
    }))
}

/// Cancels `many` customers; how many have which outcome, and why it stopped.
async fn cancel(api: &MemoryApi, many: usize) -> (Vec<(RemovalOutcome, usize)>, Option<Halt>) {
    let stop = Stop::default();
    let parts = RemovalParts {
        targets: Box::new((0..many).map(|number| Ok(target(number)))),
        api: api.clone(),
        ledger: NoLedger::default(),
        observer: EventLog::default(),
        context: RunContext {
            stop: stop.clone(),
            wall: WallClock::stopped_at(NOW_MS),
            jitter: || 1.0,
            bucket: None,
            dates: vec![DATE],
        },
    };
    let settings = RemovalSettings {
        removal: Removal::Cancel,
        even_if_changed: false,
        pacing: PaceSettings {
            ceiling: Rate::Unlimited,
            at_once: true,
            concurrency: 16,
        },
        retry: EAGER,
        landing: BELIEVING,
        allowance: UNLIMITED_RETRIES,
    };
    let mut counts: Vec<(RemovalOutcome, usize)> = Vec::new();
    run(parts, settings, |result| {
        match counts
            .iter_mut()
            .find(|(outcome, _)| *outcome == result.outcome)
        {
            Some((_, count)) => *count += 1,
            None => counts.push((result.outcome, 1)),
        }
        Ok(())
    })
    .await
    .unwrap();
    (counts, stop.reason())
}

fn api_with(many: usize) -> MemoryApi {
    let api = MemoryApi::new(&MemoryLedger::default());
    for number in 0..many {
        api.hold(held(number));
    }
    api
}

#[tokio::test]
async fn customers_without_a_ledger_are_cancelled_once_each() {
    let api = api_with(100);
    let removed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&removed);
    let mut calls = 0;
    api.behave(move |call| {
        let ApiCall::Remove(id) = call else {
            return CallFate::Answered;
        };
        calls += 1;
        match calls % 10 {
            1 => CallFate::LostBefore,
            2 => CallFate::LostAfter,
            3 => CallFate::Throttled,
            _ => {
                seen.lock().unwrap().push(id.to_owned());
                CallFate::Answered
            }
        }
    });
    let (counts, stopped) = cancel(&api, 100).await;
    assert_eq!(
        (counts, stopped),
        (vec![(RemovalOutcome::Removed, 100)], None)
    );
    let mut removed = removed.lock().unwrap().clone();
    let many = removed.len();
    removed.sort_unstable();
    removed.dedup();
    assert_eq!(removed.len(), many);
    let again = cancel(&api, 100).await;
    assert_eq!(again.0, [(RemovalOutcome::AlreadyGone, 100)]);
}

#[tokio::test]
async fn removals_that_are_refused_alike_stop_the_run_and_none_has_failed() {
    let api = api_with(50);
    api.behave(|call| match call {
        ApiCall::Remove(_) => CallFate::Refused("customers are kept here".to_owned()),
        ApiCall::Create(_) | ApiCall::Update(_) | ApiCall::Find(_) => CallFate::Answered,
    });
    let (counts, stopped) = cancel(&api, 50).await;
    assert_eq!(counts, [(RemovalOutcome::Pending, 50)]);
    assert!(matches!(stopped, Some(Halt::AllAlike { rows: 20, .. })));
}

#[tokio::test]
async fn a_removal_that_is_refused_for_itself_has_failed() {
    let api = api_with(50);
    api.behave(|call| match call {
        ApiCall::Remove("cus_7") => CallFate::Refused("it has open invoices".to_owned()),
        ApiCall::Remove(_) | ApiCall::Create(_) | ApiCall::Update(_) | ApiCall::Find(_) => {
            CallFate::Answered
        }
    });
    let (mut counts, stopped) = cancel(&api, 50).await;
    counts.sort_by_key(|(_, count)| *count);
    assert_eq!(
        counts,
        [(RemovalOutcome::Failed, 1), (RemovalOutcome::Removed, 49)]
    );
    assert_eq!(stopped, None);
}
