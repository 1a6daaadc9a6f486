use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Delivery, InFlight, RowProgress, RowState, Sender};
use crate::domain::customer::Customer;
use crate::domain::customer::tests::{aster, digest_of};
use crate::domain::decision::ExistingPolicy;
use crate::domain::outcome::Outcome;
use crate::domain::remote::RemoteCustomer;
use crate::domain::remote_change::RemoteChange;
use crate::domain::row::Origin;
use crate::domain::summary::RequestCounts;
use crate::engine::pace::circuit_breaker::{self, Access};
use crate::engine::pace::rate::Rate;
use crate::engine::pace::retry_budget::{Allowance, RetryBudget};
use crate::engine::pace::{PaceSettings, Pacer};
use crate::engine::send::server_clock::ServerClock;
use crate::engine::send::settle::{Settled, left};
use crate::engine::stop::Halt;
use crate::engine::testing::scripted_api::{ScriptedApi, ScriptedReply, to_update};
use crate::engine::testing::{CLAIMED_BY, EventLog, NOW_MS, remote_of, sender_to};
use crate::engine::ticket::{ClaimTime, EarlierRuns, FirstStep, KnownCustomer, Ticket};
use crate::kable::{
    Advice, Created, CustomerAddress, CustomerApi, Exchange, Failure, Key, LookUpReply, ProbeReply,
    Refusal, Reply, Trouble,
};
use crate::ledger::Settlement;
use crate::report::{Event, Observer};

/// Sends `ticket` until its result is known, or everything is stopped.
async fn deliver<A: CustomerApi, O: Observer>(sender: &Sender<A, O>, ticket: Ticket) -> Delivery {
    let mut state = Box::new(RowState::of(ticket));
    loop {
        match InFlight::new(sender, state).progress().await {
            RowProgress::Ended(delivery) => return delivery,
            RowProgress::Waits(waiting, until) => {
                tokio::select! {
                    () = tokio::time::sleep_until(sender.began + until) => {}
                    () = sender.stop.halted() => return left(&waiting),
                }
                state = waiting;
            }
        }
    }
}

/// A ticket for a new row, claimed just now; each test changes what it is about.
fn ticket() -> Ticket {
    Ticket {
        id: 7,
        digest: digest_of(&aster()),
        customer: aster(),
        first_step: FirstStep::Create,
        place: Origin::default(),
        earlier: EarlierRuns::default(),
        other_id: None,
        claim: ClaimTime::Now {
            at_ms: NOW_MS,
            by_ms: Some(CLAIMED_BY),
        },
    }
}

/// A ticket for a row whose claim by an earlier run may be lost.
fn forgotten() -> Ticket {
    Ticket {
        first_step: FirstStep::LookUpLostClaim,
        ..ticket()
    }
}

/// A ticket that an earlier run may have sent.
fn doubtful() -> Ticket {
    Ticket {
        first_step: FirstStep::ResolveDoubt,
        claim: ClaimTime::Earlier(Some(CLAIMED_BY)),
        ..ticket()
    }
}

fn scripted<const N: usize>(answers: [ScriptedReply; N]) -> Sender<ScriptedApi, EventLog> {
    sender_to(ScriptedApi::new(answers))
}

fn created() -> ScriptedReply {
    created_with(&[])
}

fn created_with(keys: &[&str]) -> ScriptedReply {
    created_at(CLAIMED_BY, keys)
}

fn created_at(created_ms: i64, keys: &[&str]) -> ScriptedReply {
    let keys = keys.iter().map(|key| Key::from((*key).to_owned()));
    ScriptedReply::from(Reply::Done {
        customer: Created {
            customer_id: remote_of(&aster(), CLAIMED_BY).customer_id,
            keys: keys.collect(),
            created: Some(created_ms),
            modified: Some(created_ms),
            altered: false,
        },
        status: 201,
        request_id: Some("req-1".to_owned()),
    })
}

fn refusal(message: &str) -> Refusal {
    Refusal {
        status: 400,
        message: message.to_owned(),
        request_id: Some("req-2".to_owned()),
    }
}

fn refused(message: &str) -> ScriptedReply {
    ScriptedReply::from(Reply::Refused(refusal(message)))
}

fn trouble(status: u16) -> Trouble {
    Trouble {
        status: Some(status),
        message: "it is broken".to_owned(),
        ..Trouble::default()
    }
}

fn lost() -> ScriptedReply {
    ScriptedReply::from(Reply::Failed(Failure::Unknown(trouble(502))))
}

/// The API reports a failure.
fn failing() -> Reply<Created> {
    Reply::Failed(Failure::Unknown(Trouble {
        by_api: true,
        ..trouble(500)
    }))
}

fn unsent() -> ScriptedReply {
    ScriptedReply::from(Reply::Failed(Failure::Unsent(Trouble::default())))
}

fn there(remote: RemoteCustomer) -> ScriptedReply {
    ScriptedReply::from(LookUpReply::There {
        remote: Box::new(remote),
        request_id: Some("req-3".to_owned()),
    })
}

/// The row's customer is there, created at that time.
fn there_since(created: i64) -> ScriptedReply {
    there(remote_of(&aster(), created))
}

fn absent() -> ScriptedReply {
    ScriptedReply::from(LookUpReply::Absent)
}

fn unanswered() -> ScriptedReply {
    ScriptedReply::from(LookUpReply::Failed(Failure::Unknown(trouble(503))))
}

fn settled(delivery: Delivery) -> Settlement {
    match delivery {
        Delivery::Settled(settled) => settled.settlement,
        other @ (Delivery::Refused { .. } | Delivery::InDoubt) => {
            panic!("not settled: {other:?}")
        }
    }
}

/// Asserts that a row was certainly not sent and is as it was before its claim.
#[track_caller]
fn assert_released(delivery: &Delivery) {
    assert!(
        matches!(delivery, Delivery::Settled(settled)
            if settled.settlement.outcome == Outcome::Pending && settled.settlement.message.is_none()),
        "{delivery:?}"
    );
}

/// The outcome of a settled row, and whether this checkpoint created it.
async fn outcome_of(sender: &Sender<ScriptedApi, EventLog>, ticket: Ticket) -> (Outcome, bool) {
    let settlement = settled(deliver(sender, ticket).await);
    (settlement.outcome, settlement.ours)
}

#[tokio::test(start_paused = true)]
async fn a_created_customer_is_ours_under_kables_id() {
    let delivery = deliver(&scripted([created()]), ticket()).await;
    let wanted = Settlement {
        id: 7,
        client_id: aster().client_id().to_owned(),
        digest: digest_of(&aster()),
        outcome: Outcome::Created,
        ours: true,
        orphan: false,
        place: None,
        keys_lost: false,
        customer_id: Some("cus_c-1".to_owned()),
        request_id: Some("req-1".to_owned()),
        attempts: 1,
        status: Some(201),
        message: None,
        modified: Some(CLAIMED_BY),
        differing: None,
    };
    assert_eq!(settled(delivery), wanted);
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_asked_for_and_did_not_come_are_lost() {
    for (asked, came, lost) in [
        (true, &[][..], true),
        (true, &["sk_1"], false),
        (false, &[], false),
    ] {
        let mut sender = scripted([created_with(came)]);
        sender.keys = asked;
        let settlement = settled(deliver(&sender, ticket()).await);
        assert_eq!(settlement.keys_lost, lost, "asked: {asked}, came: {came:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_came_are_handed_on() {
    match deliver(&scripted([created_with(&["sk_1", "sk_2"])]), ticket()).await {
        Delivery::Settled(settled) => assert_eq!(settled.keys.len(), 2),
        other @ (Delivery::Refused { .. } | Delivery::InDoubt) => {
            panic!("{other:?}")
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_customer_that_is_there_and_equal_already_existed() {
    // Even a customer created since the claim is not ours: our create was refused.
    for created in [NOW_MS - 1, CLAIMED_BY + 1] {
        let sender = scripted([refused("it exists"), there_since(created)]);
        assert_eq!(
            outcome_of(&sender, ticket()).await,
            (Outcome::AlreadyExisted, false)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_is_there_and_differs_is_left_or_counts_as_failed() {
    for (existing, outcome) in [
        (ExistingPolicy::Skip, Outcome::Differs),
        (ExistingPolicy::Fail, Outcome::Failed),
    ] {
        let mut other = remote_of(&aster(), NOW_MS - 1);
        other.company_name = "Astre".to_owned();
        let mut sender = scripted([refused("it exists"), there(other)]);
        sender.existing = existing;
        assert_eq!(outcome_of(&sender, ticket()).await, (outcome, false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_difference_is_told_with_the_refusals_status() {
    let mut other = remote_of(&aster(), NOW_MS - 1);
    other.currency = "EUR".to_owned();
    let sender = scripted([refused("it exists"), there(other)]);
    let settlement = settled(deliver(&sender, ticket()).await);
    assert_eq!(
        (settlement.status, settlement.message.as_deref()),
        (
            Some(400),
            Some("currency is \"EUR\" at Kable, \"USD\" in the file")
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_is_refused_and_absent_failed_with_words_that_name_no_row() {
    let sender = scripted([refused("plan of c-1 is unknown"), absent()]);
    match deliver(&sender, ticket()).await {
        Delivery::Refused { row, words, .. } => {
            let settlement = row.settled.settlement;
            assert_eq!(words, "400 plan of … is unknown");
            assert_eq!(
                settlement.message.as_deref(),
                Some("plan of c-1 is unknown")
            );
            assert_eq!(
                (settlement.outcome, settlement.status),
                (Outcome::Failed, Some(400))
            );
        }
        other @ (Delivery::Settled(_) | Delivery::InDoubt) => {
            panic!("{other:?}")
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_customer_whose_answer_was_lost_is_ours_if_it_was_created_since_the_claim() {
    for (created, found) in [
        (CLAIMED_BY, (Outcome::Created, true)),
        (CLAIMED_BY - 1, (Outcome::AlreadyExisted, false)),
    ] {
        let sender = scripted([lost(), there_since(created)]);
        assert_eq!(outcome_of(&sender, ticket()).await, found, "{created}");
    }
}

/// Rows in doubt after a kill are looked up several times. If their creates counted as
/// retries, the retry budget would let only a few a second through.
#[test]
fn a_first_create_is_no_retry_however_often_its_customer_was_looked_for() {
    let mut state = RowState::of(doubtful());
    state.retries.troubled = true;
    assert!(state.is_retry());
    state.next = super::NextRequest::Create;
    assert!(!state.is_retry());
    state.creates = 1;
    assert!(state.is_retry());
}

#[tokio::test(start_paused = true)]
async fn whose_a_customer_is_may_have_to_wait_for_the_servers_clock() {
    let sender = Arc::new(scripted([lost(), there_since(NOW_MS + 100)]));
    let other = Arc::clone(&sender);
    // A response to another row, just after the server's second began.
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.clock.lock().heard(NOW_MS - 1000, NOW_MS, NOW_MS + 10);
    });
    *sender.clock.lock() = ServerClock::begun(&[(NOW_MS, NOW_MS, NOW_MS)]);
    assert_eq!(
        outcome_of(&sender, ticket()).await,
        (Outcome::Created, true)
    );
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_was_found_is_not_created_where_it_is_not_found_any_more() {
    let lost = to_update(Reply::Failed(Failure::Unknown(trouble(503))));
    let sender = updating([there(renamed()), lost, absent()]);
    let mut row = ticket();
    row.first_step = FirstStep::LookUp;
    let (outcome, _) = outcome_of(&sender, row).await;
    assert_eq!(outcome, Outcome::Unresolved);
}

#[tokio::test(start_paused = true)]
async fn without_the_servers_clock_no_customer_that_is_found_is_ours() {
    let mut sender = scripted([lost(), there_since(i64::MAX)]);
    sender.clock = ServerClock::default().into();
    assert_eq!(
        outcome_of(&sender, ticket()).await,
        (Outcome::AlreadyExisted, false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_customer_without_a_time_is_not_ours() {
    let mut remote = remote_of(&aster(), CLAIMED_BY);
    remote.created = None;
    let sender = scripted([lost(), there(remote)]);
    assert_eq!(
        outcome_of(&sender, ticket()).await,
        (Outcome::AlreadyExisted, false)
    );
}

#[tokio::test(start_paused = true)]
async fn the_servers_clock_is_learnt_from_any_answer() {
    let dated = ScriptedReply::Create(Exchange {
        reply: Reply::Failed(Failure::Unknown(trouble(502))),
        date_ms: Some(NOW_MS + 60_000),
        advice: Advice::default(),
    });
    let mut sender = scripted([dated, there_since(CLAIMED_BY + 60_000)]);
    sender.clock = ServerClock::default().into();
    assert_eq!(
        outcome_of(&sender, ticket()).await,
        (Outcome::Created, true)
    );
}

#[tokio::test(start_paused = true)]
async fn how_far_created_is_ahead_of_date_is_learnt_from_creates() {
    let ahead_ms = 20_000;
    for (created, found) in [
        // By others, a second before the claim.
        (NOW_MS - 1000 + ahead_ms, (Outcome::AlreadyExisted, false)),
        (NOW_MS + 1500 + ahead_ms, (Outcome::Created, true)),
    ] {
        let first = created_at(NOW_MS + ahead_ms, &[]);
        let sender = scripted([first, lost(), there_since(created)]);
        outcome_of(&sender, ticket()).await;
        assert_eq!(outcome_of(&sender, ticket()).await, found, "{created}");
    }
}

/// A server whose `created` is two hours ahead, and that answers a create with the customer
/// that it has.
#[tokio::test(start_paused = true)]
async fn a_create_that_is_dated_after_its_answer_proves_nothing_by_itself() {
    let ahead_ms = 7_200_000;
    let made = |at_ms| {
        let ScriptedReply::Create(created) = created_at(at_ms + ahead_ms, &[]) else {
            panic!("no create");
        };
        ScriptedReply::Create(Exchange {
            date_ms: Some(NOW_MS),
            ..created
        })
    };
    let (old, new) = (NOW_MS - 60_000, NOW_MS + 5);
    let sender = scripted([made(old), made(new), made(old), made(new)]);
    for is_ours in [false, true, false, true] {
        let found = outcome_of(&sender, ticket()).await;
        assert_eq!(found, (Outcome::Created, is_ours));
    }
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_a_customer_whose_answer_was_lost_are_lost() {
    let mut sender = scripted([lost(), there_since(CLAIMED_BY)]);
    sender.keys = true;
    assert!(settled(deliver(&sender, ticket()).await).keys_lost);
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_a_customer_that_is_perhaps_ours_are_perhaps_lost() {
    let mut sender = scripted([lost(), there_since(NOW_MS)]);
    sender.keys = true;
    assert!(settled(deliver(&sender, ticket()).await).keys_lost);
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_a_customer_that_was_there_before_are_not_lost() {
    let mut sender = scripted([refused("exists"), there_since(NOW_MS - 5000)]);
    sender.keys = true;
    assert!(!settled(deliver(&sender, ticket()).await).keys_lost);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_customer_that_is_there_is_not_provably_ours_and_its_keys_are_perhaps_lost() {
    let mut sender = scripted([there_since(NOW_MS - 5000)]);
    sender.keys = true;
    let delivery = deliver(&sender, forgotten()).await;
    // An earlier run may have kept them, so `keys.csv` is consulted.
    assert!(
        matches!(
            delivery,
            Delivery::Settled(Settled {
                from_before: true,
                ..
            })
        ),
        "{delivery:?}"
    );
    let settlement = settled(delivery);
    assert_eq!(
        (settlement.outcome, settlement.ours, settlement.keys_lost),
        (Outcome::AlreadyExisted, false, true)
    );
    assert_eq!(sender.api.asked(), [(0, "find")]);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_customer_that_is_absent_is_sent() {
    let mut sender = scripted([absent(), created_with(&["sk_1"])]);
    sender.keys = true;
    let settlement = settled(deliver(&sender, forgotten()).await);
    assert_eq!(
        (settlement.outcome, settlement.ours, settlement.keys_lost),
        (Outcome::Created, true, false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_releases_a_forgotten_row_for_the_next_run_asks_as_well() {
    let sender = scripted([]);
    sender.stop.halt(Halt::Interrupted);
    let delivery = deliver(&sender, forgotten()).await;
    assert_released(&delivery);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_the_deed_has_lost_the_keys() {
    let mut sender = scripted([refused("no"), there_since(CLAIMED_BY)]);
    sender.keys = true;
    assert!(settled(deliver(&sender, ticket()).await).keys_lost);
}

#[tokio::test(start_paused = true)]
async fn a_customer_whose_answer_was_lost_and_that_is_absent_is_sent_again() {
    let sender = scripted([lost(), absent(), created()]);
    outcome_of(&sender, ticket()).await;
    assert_eq!(
        sender.api.asked(),
        [(0, "create"), (0, "find"), (500, "create")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_create_that_is_refused_after_all_finds_the_first() {
    // The first create was slow, not lost: it arrived after the look-up.
    let sender = scripted([
        lost(),
        absent(),
        refused("it exists"),
        there_since(CLAIMED_BY),
    ]);
    assert_eq!(
        outcome_of(&sender, ticket()).await,
        (Outcome::Created, true)
    );
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_lost_each_time_is_given_up_after_the_retries() {
    let tries = [failing(), failing(), failing()];
    let answers = tries.into_iter().flat_map(|reply| [reply.into(), absent()]);
    let mut sender = sender_to(ScriptedApi::new(answers));
    sender.retry.retries = 2;
    match deliver(&sender, ticket()).await {
        Delivery::Refused { row, words, .. } => {
            let settlement = row.settled.settlement;
            assert_eq!((settlement.status, settlement.attempts), (Some(500), 6));
            assert_eq!(words, "500 it is broken");
        }
        other @ (Delivery::Settled(_) | Delivery::InDoubt) => {
            panic!("{other:?}")
        }
    }
    let creates: Vec<_> = sender.api.asked().into_iter().step_by(2).collect();
    assert_eq!(creates, [(0, "create"), (500, "create"), (1500, "create")]);
}

#[tokio::test(start_paused = true)]
async fn a_row_in_doubt_from_an_earlier_run_is_asked_for_and_not_sent() {
    let sender = scripted([there_since(CLAIMED_BY)]);
    assert_eq!(
        outcome_of(&sender, doubtful()).await,
        (Outcome::Created, true)
    );
}

#[tokio::test(start_paused = true)]
async fn a_row_in_doubt_from_an_earlier_run_is_sent_once_it_is_known_to_be_absent() {
    let sender = scripted([absent(), created()]);
    outcome_of(&sender, doubtful()).await;
    assert_eq!(sender.api.asked(), [(0, "find"), (0, "create")]);
}

#[tokio::test(start_paused = true)]
async fn a_row_in_doubt_that_cannot_be_asked_about_is_unresolved_after_the_retries() {
    let mut sender = scripted([unanswered(), unanswered(), unanswered()]);
    sender.retry.retries = 2;
    let settlement = settled(deliver(&sender, doubtful()).await);
    assert_eq!(
        (settlement.outcome, settlement.status),
        (Outcome::Unresolved, Some(503))
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_row_that_cannot_be_asked_about_is_unresolved_after_the_retries() {
    let mut sender = scripted([refused("no"), unanswered(), unanswered()]);
    sender.retry.retries = 1;
    assert_eq!(
        outcome_of(&sender, ticket()).await,
        (Outcome::Unresolved, false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_throttled_request_waits_as_long_as_it_is_told() {
    let told = Some(Duration::from_mins(1));
    let sender = scripted([Reply::Failed(Failure::Throttled(told)).into(), created()]);
    outcome_of(&sender, ticket()).await;
    assert_eq!(sender.api.asked(), [(0, "create"), (60_000, "create")]);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_request_that_is_told_nothing_backs_off() {
    // A single one only slows the run down.
    let throttled = || Reply::Failed(Failure::Throttled(None)).into();
    let sender = scripted([throttled(), throttled(), throttled(), created()]);
    outcome_of(&sender, ticket()).await;
    let times: Vec<u128> = sender.api.asked().iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 0, 500, 1500]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_told_to_the_observer() {
    let told = Duration::from_secs(7);
    let sender = scripted([
        Reply::Failed(Failure::Throttled(Some(told))).into(),
        created(),
    ]);
    outcome_of(&sender, ticket()).await;
    assert_eq!(sender.observer.events(), [Event::Paused { wait: told }]);
}

#[tokio::test(start_paused = true)]
async fn throttling_does_not_count_as_a_try() {
    let throttled = || Reply::Failed(Failure::Throttled(None)).into();
    let mut sender = scripted([throttled(), throttled(), lost(), absent(), created()]);
    sender.retry.retries = 1;
    assert_eq!(
        outcome_of(&sender, ticket()).await,
        (Outcome::Created, true)
    );
}

#[tokio::test(start_paused = true)]
async fn a_throttled_question_is_asked_again() {
    let told = Some(Duration::from_secs(7));
    let mut sender = scripted([
        LookUpReply::Failed(Failure::Throttled(told)).into(),
        there_since(CLAIMED_BY),
    ]);
    sender.retry.retries = 0;
    outcome_of(&sender, doubtful()).await;
    assert_eq!(sender.api.asked(), [(0, "find"), (7000, "find")]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_did_not_leave_puts_nothing_in_doubt() {
    let sender = scripted([unsent(), unsent(), created()]);
    outcome_of(&sender, ticket()).await;
    assert_eq!(
        sender.api.asked(),
        [(0, "create"), (500, "create"), (1500, "create")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_did_not_leave_does_not_count_as_a_try() {
    let mut sender = scripted([unsent(), unsent(), lost(), absent(), created()]);
    sender.retry.retries = 1;
    assert_eq!(
        outcome_of(&sender, ticket()).await,
        (Outcome::Created, true)
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_comes_with_a_trouble_is_obeyed() {
    let told = Trouble {
        wait: Some(Duration::from_secs(9)),
        ..trouble(500)
    };
    let sender = scripted([
        Reply::Failed(Failure::Unknown(told)).into(),
        there_since(CLAIMED_BY),
    ]);
    outcome_of(&sender, ticket()).await;
    assert_eq!(sender.api.asked(), [(0, "create"), (9000, "find")]);
}

#[tokio::test(start_paused = true)]
async fn a_denied_create_ends_the_run_and_its_row_was_not_sent() {
    let mut sender = scripted([Reply::Failed(Failure::Denied(refusal("who are you"))).into()]);
    sender.api.credentials = ProbeReply::Denied(refusal("no key"));
    let delivery = deliver(&sender, ticket()).await;
    assert_released(&delivery);
    let message = "status 400: who are you".to_owned();
    assert_eq!(sender.stop.reason(), Some(Halt::Denied { message }));
}

#[tokio::test(start_paused = true)]
async fn a_denied_question_ends_the_run_and_its_row_stays_in_doubt() {
    let mut sender = scripted([
        lost(),
        LookUpReply::Failed(Failure::Denied(refusal("who are you"))).into(),
    ]);
    sender.api.credentials = ProbeReply::Denied(refusal("no key"));
    let delivery = deliver(&sender, ticket()).await;
    assert!(matches!(delivery, Delivery::InDoubt), "{delivery:?}");
    assert!(matches!(sender.stop.reason(), Some(Halt::Denied { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_found_absent_is_not_in_doubt_any_more() {
    let mut sender = scripted([
        absent(),
        Reply::Failed(Failure::Denied(refusal("who are you"))).into(),
    ]);
    sender.api.credentials = ProbeReply::Denied(refusal("no key"));
    let delivery = deliver(&sender, doubtful()).await;
    assert_released(&delivery);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_once_everything_is_stopped() {
    let sender = scripted([]);
    sender.stop.halt(Halt::Interrupted);
    let delivery = deliver(&sender, ticket()).await;
    assert_released(&delivery);
}

/// Stops a row after a second; returns its outcome, and after how many milliseconds.
async fn stopped_after_a_second(
    sender: Sender<ScriptedApi, EventLog>,
    ticket: Ticket,
) -> (Delivery, u128) {
    let (began, stop) = (Instant::now(), sender.stop.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.halt(Halt::Interrupted);
    });
    (deliver(&sender, ticket).await, began.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn a_stop_releases_a_row_that_waits_for_its_turn() {
    let sender =
        scripted([Reply::Failed(Failure::Throttled(Some(Duration::from_hours(1)))).into()]);
    let (delivery, at) = stopped_after_a_second(sender, ticket()).await;
    assert!(
        matches!((&delivery, at), (Delivery::Settled(_), 1000)),
        "{delivery:?} at {at}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_releases_a_row_that_waits_to_be_sent_again() {
    let told = Trouble {
        wait: Some(Duration::from_hours(1)),
        ..Trouble::default()
    };
    let sender = scripted([Reply::Failed(Failure::Unsent(told)).into()]);
    let (delivery, at) = stopped_after_a_second(sender, ticket()).await;
    assert!(
        matches!((&delivery, at), (Delivery::Settled(_), 1000)),
        "{delivery:?} at {at}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_releases_a_row_that_waits_for_the_end_of_an_outage() {
    let sender = scripted([]);
    for _ in 0..5 {
        let failure = circuit_breaker::FailureContext {
            now: Duration::from_hours(1),
            policy: &sender.retry,
            jitter: 1.0,
        };
        sender.breaker().trouble(failure, Access::Write, None);
    }
    let (delivery, at) = stopped_after_a_second(sender, ticket()).await;
    assert!(
        matches!((&delivery, at), (Delivery::Settled(_), 1000)),
        "{delivery:?} at {at}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_a_row_in_doubt_whose_answer_was_lost() {
    let told = Trouble {
        wait: Some(Duration::from_hours(1)),
        ..trouble(502)
    };
    let sender = scripted([Reply::Failed(Failure::Unknown(told)).into()]);
    let (delivery, at) = stopped_after_a_second(sender, ticket()).await;
    assert!(
        matches!((&delivery, at), (Delivery::InDoubt, 1000)),
        "{delivery:?} at {at}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_request_is_a_first_create_or_a_retry_or_a_question() {
    let sender = scripted([
        unsent(),
        Reply::Failed(Failure::Throttled(None)).into(),
        lost(),
        unanswered(),
        absent(),
        created(),
    ]);
    outcome_of(&sender, ticket()).await;
    let wanted = RequestCounts {
        sent: 6,
        retried: 3,
        throttled: 1,
        lookups: 2,
    };
    assert_eq!(sender.metrics.requests(), wanted);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_in_flight_after_the_last_answer() {
    let sender = scripted([lost(), absent(), created()]);
    outcome_of(&sender, ticket()).await;
    assert_eq!(sender.pace.in_flight(), 0);
}

/// Takes a tenth of a second to respond, and is down until ten seconds after the start:
/// creates don't leave, or their responses are lost.
struct DownApi {
    began: Instant,
    trouble: fn() -> Reply<Created>,
    starts: Mutex<Vec<u128>>,
}

impl DownApi {
    fn new(trouble: fn() -> Reply<Created>) -> Self {
        Self {
            began: Instant::now(),
            trouble,
            starts: Mutex::default(),
        }
    }

    /// Responds after its delay; returns whether it is up.
    async fn request(&self) -> bool {
        let at = self.began.elapsed();
        self.starts.lock().unwrap().push(at.as_millis());
        tokio::time::sleep(Duration::from_millis(100)).await;
        at >= Duration::from_secs(10)
    }
}

impl CustomerApi for DownApi {
    async fn remove(
        &self,
        customer_id: &str,
        _removal: crate::kable::Removal,
    ) -> Exchange<Reply<crate::kable::RemovalEffect>> {
        panic!("an unplanned removal of {customer_id}")
    }

    async fn probe(&self) -> Exchange<ProbeReply> {
        let up = self.request().await;
        Exchange {
            reply: if up {
                ProbeReply::Good
            } else {
                ProbeReply::Trouble(trouble(503))
            },
            date_ms: None,
            advice: Advice::default(),
        }
    }

    async fn create(&self, customer: &Customer) -> Exchange<Reply<Created>> {
        let reply = if self.request().await {
            Reply::Done {
                customer: Created {
                    customer_id: remote_of(customer, CLAIMED_BY).customer_id,
                    keys: Vec::new(),
                    created: Some(CLAIMED_BY),
                    modified: Some(CLAIMED_BY),
                    altered: false,
                },
                status: 201,
                request_id: None,
            }
        } else {
            (self.trouble)()
        };
        Exchange {
            reply,
            date_ms: None,
            advice: Advice::default(),
        }
    }

    async fn change(
        &self,
        _address: CustomerAddress<'_>,
        _change: &RemoteChange,
    ) -> Exchange<Reply<Box<RemoteCustomer>>> {
        panic!("nothing is to be changed")
    }

    async fn find(&self, _address: CustomerAddress<'_>) -> Exchange<LookUpReply> {
        let reply = if self.request().await {
            LookUpReply::Absent
        } else {
            LookUpReply::Failed(Failure::Unknown(trouble(503)))
        };
        Exchange {
            reply,
            date_ms: None,
            advice: Advice::default(),
        }
    }

    async fn find_in_list(
        &self,
        _client_ids: &[String],
    ) -> Exchange<Result<Vec<LookUpReply>, Trouble>> {
        panic!("no list is to be read")
    }
}

fn not_leaving() -> Reply<Created> {
    Reply::Failed(Failure::Unsent(Trouble {
        message: "nobody listens".to_owned(),
        ..Trouble::default()
    }))
}

fn losing() -> Reply<Created> {
    Reply::Failed(Failure::Unknown(trouble(502)))
}

/// Sends thirty rows at once; returns how many had each outcome.
async fn send_thirty(sender: &Arc<Sender<DownApi, EventLog>>) -> Vec<(Outcome, usize)> {
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let sender = Arc::clone(sender);
        tasks.spawn(async move { deliver(&sender, ticket()).await });
    }
    let outcomes: Vec<Outcome> = tasks
        .join_all()
        .await
        .into_iter()
        .map(|delivery| match delivery {
            Delivery::Settled(settled) => settled.settlement.outcome,
            Delivery::Refused { row, .. } => row.settled.settlement.outcome,
            Delivery::InDoubt => Outcome::Unresolved,
        })
        .collect();
    let many = |outcome| outcomes.iter().filter(|other| **other == outcome).count();
    Outcome::ALL
        .into_iter()
        .map(|outcome| (outcome, many(outcome)))
        .filter(|(_, many)| *many > 0)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn during_an_outage_one_request_at_a_time_finds_out_and_the_pauses_grow() {
    let sender = Arc::new(sender_to(DownApi::new(not_leaving)));
    send_thirty(&sender).await;
    let starts = sender.api.starts.lock().unwrap().clone();
    assert_eq!(starts[..30], [0; 30]);
    assert_eq!(starts[30..34], [1100, 3200, 7300, 15_400]);
    // One create shows that creates work, and then all are sent.
    assert_eq!(starts[34..], [&[15_500][..], &[15_600; 29]].concat());
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_once_when_it_begins_and_once_when_it_ends() {
    let sender = Arc::new(sender_to(DownApi::new(not_leaving)));
    send_thirty(&sender).await;
    let message = "nobody listens".to_owned();
    let mut told = sender.observer.events();
    told.retain(|event| !matches!(event, Event::Trouble { .. }));
    assert_eq!(told, [Event::Down { message }, Event::Up]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_held_against_the_rows() {
    for trouble in [not_leaving, losing] {
        let mut sender = sender_to(DownApi::new(trouble));
        // One for each of the four that failed before the outage was detected.
        sender.retry.retries = 1;
        let came = send_thirty(&Arc::new(sender)).await;
        assert_eq!(came, [(Outcome::Created, 30)]);
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_wait_for_their_turn_when_an_outage_begins_are_held_back_too() {
    let mut sender = sender_to(DownApi::new(not_leaving));
    sender.pace = Pacer::new(PaceSettings {
        ceiling: Rate::per_second(NonZeroU32::new(4).unwrap()),
        at_once: true,
        concurrency: 64,
    });
    let sender = Arc::new(sender);
    send_thirty(&sender).await;
    let starts = sender.api.starts.lock().unwrap().clone();
    let while_down = starts
        .iter()
        .filter(|at| (2000..10_000).contains(*at))
        .count();
    // Five until the outage is detected; then probes after one, two and four seconds.
    assert_eq!(while_down, 3, "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_always_answered_oddly_ends_unresolved() {
    let sender = scripted::<9>(std::array::from_fn(|_| {
        ScriptedReply::from(LookUpReply::Failed(Failure::Unknown(trouble(422))))
    }));
    assert_eq!(outcome_of(&sender, doubtful()).await.0, Outcome::Unresolved);
}

#[tokio::test(start_paused = true)]
async fn one_row_that_the_server_fails_at_is_not_taken_for_an_outage_for_ever() {
    let sender = sender_to(FailingApi(503));
    let delivery = deliver(&sender, doubtful()).await;
    assert_eq!(settled(delivery).outcome, Outcome::Unresolved);
}

/// Is reachable, and answers every look-up with a status.
struct FailingApi(u16);

impl CustomerApi for FailingApi {
    async fn remove(
        &self,
        customer_id: &str,
        _removal: crate::kable::Removal,
    ) -> Exchange<Reply<crate::kable::RemovalEffect>> {
        panic!("an unplanned removal of {customer_id}")
    }

    async fn probe(&self) -> Exchange<ProbeReply> {
        Exchange {
            reply: ProbeReply::Good,
            date_ms: None,
            advice: Advice::default(),
        }
    }

    async fn create(&self, _customer: &Customer) -> Exchange<Reply<Created>> {
        Exchange {
            reply: Reply::Failed(Failure::Unknown(trouble(self.0))),
            date_ms: None,
            advice: Advice::default(),
        }
    }

    async fn change(
        &self,
        _address: CustomerAddress<'_>,
        _change: &RemoteChange,
    ) -> Exchange<Reply<Box<RemoteCustomer>>> {
        panic!("nothing is to be changed")
    }

    async fn find(&self, _address: CustomerAddress<'_>) -> Exchange<LookUpReply> {
        Exchange {
            reply: LookUpReply::Failed(Failure::Unknown(trouble(self.0))),
            date_ms: None,
            advice: Advice::default(),
        }
    }

    async fn find_in_list(
        &self,
        _client_ids: &[String],
    ) -> Exchange<Result<Vec<LookUpReply>, Trouble>> {
        panic!("no list is to be read")
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_in_trouble_waits_until_a_retry_can_be_afforded() {
    let mut sender = scripted([lost(), absent(), created()]);
    let mut budget = RetryBudget::new(Allowance::at("20".parse().unwrap()));
    while budget.spend(Duration::ZERO).is_ok() {}
    sender.budget = parking_lot::Mutex::new(budget);
    deliver(&sender, ticket()).await;
    let asked = sender.api.asked();
    let [(0, "create"), (question, "find"), (again, "create")] = asked[..] else {
        panic!("{asked:?}")
    };
    assert!((800..=900).contains(&question), "{asked:?}");
    // The response to the look-up returned what it was charged.
    assert_eq!(again, question, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_twin_in_the_list_does_not_keep_a_lost_create_from_being_sent_again() {
    let page = || ScriptedReply::from(LookUpReply::AbsentPage(trouble(404)));
    for (created, refused_first) in [(NOW_MS - 1, false), (CLAIMED_BY, false), (NOW_MS - 1, true)] {
        let mut remote = Box::new(remote_of(&aster(), created));
        remote.client_id.make_ascii_uppercase();
        let twin = ScriptedReply::from(LookUpReply::Other {
            remote,
            request_id: None,
        });
        let first = if refused_first {
            refused("it exists")
        } else {
            lost()
        };
        // The second page answers for an id that no customer has.
        let sender = scripted([first, page(), page(), twin, self::created()]);
        let settlement = settled(deliver(&sender, ticket()).await);
        if refused_first {
            assert_eq!(settlement.outcome, Outcome::Failed, "{settlement:?}");
        } else {
            assert_eq!(settlement.outcome, Outcome::Created, "{settlement:?}");
            assert_eq!(calls(&sender), ["create", "find", "find", "list", "create"]);
        }
    }
}

/// The row's customer as Kable holds it, under another name.
fn renamed() -> RemoteCustomer {
    RemoteCustomer {
        company_name: "Astre".to_owned(),
        ..remote_of(&aster(), NOW_MS - 1)
    }
}

fn updated(remote: RemoteCustomer) -> ScriptedReply {
    to_update(Reply::Done {
        customer: Box::new(remote),
        status: 201,
        request_id: Some("req-4".to_owned()),
    })
}

/// A run that updates customers to equal their rows.
fn updating<const N: usize>(answers: [ScriptedReply; N]) -> Sender<ScriptedApi, EventLog> {
    Sender {
        existing: ExistingPolicy::Update,
        ..scripted(answers)
    }
}

fn refused_for_good(delivery: Delivery) -> Settlement {
    match delivery {
        Delivery::Refused { row, .. } => row.settled.settlement,
        other @ (Delivery::Settled(_) | Delivery::InDoubt) => {
            panic!("not refused: {other:?}")
        }
    }
}

fn calls(sender: &Sender<ScriptedApi, EventLog>) -> Vec<&'static str> {
    sender
        .api
        .asked()
        .into_iter()
        .map(|(_, call)| call)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_differs_is_updated_where_that_is_wanted() {
    let now = remote_of(&aster(), NOW_MS - 1);
    let sender = updating([refused("it exists"), there(renamed()), updated(now)]);
    let settlement = settled(deliver(&sender, ticket()).await);
    assert_eq!(settlement.outcome, Outcome::Updated);
    assert!(!settlement.ours, "who updates a customer has not made it");
    assert_eq!(settlement.request_id.as_deref(), Some("req-4"));
    assert_eq!(sender.metrics.requests().retried, 0);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_was_lost_is_asked_for_and_sent_again_if_need_be() {
    let same = || there_since(NOW_MS - 1);
    let lost = || to_update(Reply::Failed(Failure::Unknown(trouble(502))));
    let arrived = updating([refused("it exists"), there(renamed()), lost(), same()]);
    assert_eq!(
        outcome_of(&arrived, ticket()).await,
        (Outcome::Updated, false)
    );

    let now = remote_of(&aster(), NOW_MS - 1);
    let twice = updating([
        refused("it exists"),
        there(renamed()),
        lost(),
        there(renamed()),
        updated(now),
    ]);
    assert_eq!(
        outcome_of(&twice, ticket()).await,
        (Outcome::Updated, false)
    );
    assert_eq!(
        calls(&twice),
        ["create", "find", "update", "find", "update"]
    );
    assert_eq!(twice.metrics.requests().retried, 1);
}

#[tokio::test(start_paused = true)]
async fn an_update_is_not_sent_again_and_again() {
    let mut answers = vec![refused("it exists")];
    for _ in 0..3 {
        let failing = Trouble {
            by_api: true,
            ..trouble(500)
        };
        answers.extend([
            there(renamed()),
            to_update(Reply::Failed(Failure::Unknown(failing))),
        ]);
    }
    answers.push(there(renamed()));
    let mut sender = sender_to(ScriptedApi::new(answers));
    sender.existing = ExistingPolicy::Update;
    sender.retry.retries = 2;
    let settlement = refused_for_good(deliver(&sender, ticket()).await);
    assert_eq!(settlement.status, Some(500));
}

#[tokio::test(start_paused = true)]
async fn a_refused_update_is_final() {
    let no = to_update(Reply::Refused(refusal("no such currency")));
    let sender = updating([refused("it exists"), there(renamed()), no]);
    let settlement = refused_for_good(deliver(&sender, ticket()).await);
    assert_eq!(settlement.message.as_deref(), Some("no such currency"));
}

#[tokio::test(start_paused = true)]
async fn what_an_update_cannot_change_differs_still() {
    let mut with_plan = renamed();
    with_plan.plan_ids = Some(vec!["pln_x".to_owned()]);
    let mut after = with_plan.clone();
    after.company_name = "Aster".to_owned();
    let sender = updating([
        refused("it exists"),
        there(with_plan),
        updated(after.clone()),
        there(after.clone()),
    ]);
    let settlement = settled(deliver(&sender, ticket()).await);
    assert_eq!(settlement.outcome, Outcome::Differs);
    let said = settlement.message.unwrap();
    assert!(
        said.starts_with("planIds") && !said.contains("companyName"),
        "{said}"
    );

    let nothing_to_send = updating([refused("it exists"), there(after)]);
    let outcome = outcome_of(&nothing_to_send, ticket()).await;
    assert_eq!(outcome, (Outcome::Differs, false));
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_is_not_active_is_not_updated() {
    let mut cancelled = renamed();
    cancelled.status = "CANCELLED".to_owned();
    let sender = updating([refused("it exists"), there(cancelled)]);
    let settlement = settled(deliver(&sender, ticket()).await);
    assert_eq!(settlement.outcome, Outcome::Differs);
    let said = settlement.message.unwrap();
    assert!(
        said.contains("companyName") && said.contains("status"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_shows_less_than_was_sent_is_not_taken_for_it() {
    let short = RemoteCustomer {
        company_name: String::new(),
        ..renamed()
    };
    let sender = updating([
        refused("it exists"),
        there(renamed()),
        updated(short),
        there_since(NOW_MS - 1),
    ]);
    assert_eq!(
        outcome_of(&sender, ticket()).await,
        (Outcome::Updated, false)
    );
}

/// The row's customer as an unanswered create of ours left it: under another name.
fn altered() -> RemoteCustomer {
    RemoteCustomer {
        company_name: "Astre".to_owned(),
        ..remote_of(&aster(), CLAIMED_BY)
    }
}

/// What is recorded of a row's customer, whatever the row's outcome is.
fn proved(settled: &Settled) -> (bool, Option<&str>, Option<i64>, bool, usize) {
    let settlement = &settled.settlement;
    (
        settlement.ours,
        settlement.customer_id.as_deref(),
        settlement.modified,
        settlement.keys_lost,
        settled.keys.len(),
    )
}

fn any_settled(delivery: Delivery) -> Settled {
    match delivery {
        Delivery::Settled(settled) => settled,
        Delivery::Refused { row, .. } => row.settled,
        Delivery::InDoubt => panic!("in doubt"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_is_proved_ours_stays_so_however_its_row_ends() {
    let no = || to_update(Reply::Refused(refusal("no such currency")));
    let fails = |by_api| {
        to_update(Reply::Failed(Failure::Unknown(Trouble {
            by_api,
            ..trouble(500)
        })))
    };
    // Its path finds another customer, and so does Kable's id.
    let other = || {
        let mut remote = Box::new(altered());
        "another".clone_into(&mut remote.client_id);
        ScriptedReply::from(LookUpReply::Other {
            remote,
            request_id: None,
        })
    };
    let found = || there(altered());
    for (answers, outcome) in [
        (vec![found(), no()], Outcome::Failed),
        (vec![found(), fails(true), found()], Outcome::Failed),
        (vec![found(), fails(false), found()], Outcome::Unresolved),
        (vec![other(), found(), other(), found()], Outcome::Failed),
    ] {
        let mut sender = sender_to(ScriptedApi::new(answers));
        sender.existing = ExistingPolicy::Update;
        sender.retry.retries = 0;
        let settled = any_settled(deliver(&sender, doubtful()).await);
        assert_eq!(settled.settlement.outcome, outcome, "{settled:?}");
        let wanted = (true, Some("cus_c-1"), Some(CLAIMED_BY), false, 0);
        assert_eq!(proved(&settled), wanted, "{settled:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_was_there_before_is_not_ours_however_its_row_ends() {
    let no = to_update(Reply::Refused(refusal("no such currency")));
    let sender = updating([there(renamed()), no]);
    let settled = any_settled(deliver(&sender, doubtful()).await);
    let wanted = (false, Some("cus_c-1"), Some(NOW_MS - 1), false, 0);
    assert_eq!(proved(&settled), wanted);
}

#[tokio::test(start_paused = true)]
async fn a_refused_update_is_released_unless_its_customer_may_yet_be_ours() {
    for (created, earlier, undecided) in [
        (CLAIMED_BY, KnownCustomer::Unseen, Outcome::Unresolved),
        (CLAIMED_BY - 1, KnownCustomer::Unseen, Outcome::Unresolved),
        (CLAIMED_BY - 60_001, KnownCustomer::Unseen, Outcome::Pending),
        (CLAIMED_BY, KnownCustomer::Ours, Outcome::Pending),
    ] {
        let mut remote = altered();
        remote.created = Some(created);
        let no = to_update(Reply::Refused(refusal("no such currency")));
        let sender = updating([there(remote), no]);
        let mut ticket = doubtful();
        ticket.earlier.customer = earlier;
        match deliver(&sender, ticket).await {
            Delivery::Refused { row, .. } => {
                let outcome = row.undecided().settlement.outcome;
                assert_eq!(outcome, undecided, "{created} {earlier:?}");
            }
            other @ (Delivery::Settled(_) | Delivery::InDoubt) => panic!("{other:?}"),
        }
    }
}

/// A create that was acknowledged with a key, and not with the values sent.
fn acknowledged() -> ScriptedReply {
    ScriptedReply::from(Reply::Done {
        customer: Created {
            customer_id: altered().customer_id,
            keys: vec![Key::from("sk_1".to_owned())],
            created: Some(CLAIMED_BY),
            modified: Some(CLAIMED_BY),
            altered: true,
        },
        status: 201,
        request_id: None,
    })
}

#[tokio::test(start_paused = true)]
async fn keys_that_came_are_handed_on_however_the_row_ends() {
    let no = to_update(Reply::Refused(refusal("no such currency")));
    for (answers, existing) in [
        (
            vec![acknowledged(), there(altered()), no],
            ExistingPolicy::Update,
        ),
        (vec![acknowledged(), there(altered())], ExistingPolicy::Fail),
    ] {
        let mut sender = sender_to(ScriptedApi::new(answers));
        (sender.existing, sender.keys) = (existing, true);
        let settled = any_settled(deliver(&sender, ticket()).await);
        assert_eq!(settled.settlement.outcome, Outcome::Failed);
        let wanted = (true, Some("cus_c-1"), Some(CLAIMED_BY), false, 1);
        assert_eq!(proved(&settled), wanted, "{existing:?}");
    }
}

#[path = "whole_gate_tests.rs"]
mod whole_gate;
