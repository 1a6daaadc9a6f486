//! What stops a run, and what the next run finds then.

use super::*;
use crate::domain::remote_change::RemoteChange;
use crate::domain::row::Origin;
use crate::engine::send::keyless_creates::KeylessCreates;

#[tokio::test]
async fn what_a_stopped_run_did_not_send_is_pending_and_sent_by_the_next() {
    let mut site = TestBed::one_by_one();
    let (stop, mut left) = (site.stop.clone(), 3);
    site.kable.behave(move |_| {
        left -= 1;
        if left == 0 {
            stop.halt(Halt::Interrupted);
        }
        CallFate::Answered
    });
    let first = site.import(good(10)).await;
    site.kable.behave(|_| CallFate::Answered);
    site.stop = Stop::default();
    site.import(good(10)).await;
    let outcomes = first.account.outcomes;
    assert_eq!(
        (outcomes.of(Outcome::Created), outcomes.of(Outcome::Pending)),
        (3, 7)
    );
    assert_eq!(site.kable.creates().len(), 10);
    assert_eq!(held_by(&site.kable), good_customers(10));
    assert!(site.kable.finds().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_before_its_claim_is_written() {
    let site = TestBed::new();
    let (entered, entering) = oneshot::channel();
    let (release, released) = std::sync::mpsc::channel();
    let door = Mutex::new((Some(entered), released));
    site.ledger.behind(move |batch| {
        let mut door = door.lock().unwrap();
        if let Some(entered) = door.0.take_if(|_| !batch.claims.is_empty()) {
            entered.send(()).unwrap();
            door.1.recv().unwrap();
        }
        Ok(())
    });
    let looking = async {
        entering.await.unwrap();
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        let seen = site.kable.creates();
        release.send(()).unwrap();
        seen
    };
    let (came, seen) = tokio::join!(site.import(good(3)), looking);
    assert_eq!(seen, Vec::<String>::new());
    assert_eq!(came.account.outcomes.of(Outcome::Created), 3);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_ends_the_run_before_anything_is_sent() {
    let site = TestBed::new();
    site.ledger.behind(|_| Err(MemoryLedger::no_room()));
    let failed = site
        .import_rows(MemoryRows::one(good(30)))
        .await
        .err()
        .unwrap();
    assert_eq!(failed.to_string(), "cannot write to checkpoint in memory");
    assert!(site.kable.creates().is_empty());
}

#[tokio::test]
async fn what_was_sent_when_the_ledger_failed_is_asked_for_by_the_next_run() {
    let mut site = TestBed::new();
    site.ledger.behind(|batch| {
        if batch.settlements.is_empty() {
            return Ok(());
        }
        Err(MemoryLedger::no_room())
    });
    assert!(site.import_rows(MemoryRows::one(good(30))).await.is_err());
    let sent = site.kable.creates();
    site.ledger.open();
    site.stop = Stop::default();
    site.import(good(30)).await;
    assert!(
        !sent.is_empty() && sent.iter().all(|id| site.kable.finds().contains(id)),
        "{sent:?}"
    );
    assert_eq!(site.kable.too_often(), Vec::<String>::new());
    assert_eq!(held_by(&site.kable), good_customers(30));
}

/// Refuses every create with a different message.
fn refusing(
    words: impl Fn(&str) -> String + Send + 'static,
) -> impl FnMut(ApiCall<'_>) -> CallFate + Send {
    move |ask| match ask {
        ApiCall::Create(id) => CallFate::Refused(words(id)),
        ApiCall::Update(_) | ApiCall::Remove(_) | ApiCall::Find(_) => CallFate::Answered,
    }
}

#[tokio::test]
async fn twenty_refusals_alike_from_the_start_end_the_run() {
    let site = TestBed::new();
    site.kable
        .behave(refusing(|id| format!("no Stripe for {id}")));
    let came = site.import(good(100)).await;
    let message = "status 400: no Stripe for c-20".to_owned();
    assert_eq!(
        came.halt,
        Some(Halt::AllAlike {
            rows: 20,
            kind: "to be created".into(),
            message,
        })
    );
    assert_eq!(site.kable.creates().len(), 20);
}

#[tokio::test]
async fn rows_that_were_refused_like_everybody_are_pending_and_sent_by_the_next_run() {
    let mut site = TestBed::new();
    site.kable.behave(refusing(|_| "no Stripe".to_owned()));
    let first = site.import(good(100)).await;
    site.kable.behave(|_| CallFate::Answered);
    site.stop = Stop::default();
    let second = site.import(good(100)).await;
    assert_eq!(first.account.outcomes.of(Outcome::Pending), 100);
    assert_eq!(second.account.outcomes.of(Outcome::Created), 100);
}

#[tokio::test]
async fn refusals_that_differ_fail_their_rows_and_nothing_else() {
    let site = TestBed::new();
    site.kable.behave(|ask| match ask {
        ApiCall::Create(id) if id.ends_with('3') => {
            CallFate::Refused(format!("bad plan of {}", id.len()))
        }
        ApiCall::Create(_) | ApiCall::Update(_) | ApiCall::Remove(_) | ApiCall::Find(_) => {
            CallFate::Answered
        }
    });
    let came = site.import(good(60)).await;
    let outcomes = came.account.outcomes;
    assert_eq!(
        (outcomes.of(Outcome::Failed), outcomes.of(Outcome::Created)),
        (6, 54)
    );
    assert_eq!(came.halt, None);
}

#[tokio::test]
async fn too_few_refusals_alike_to_be_everybodys_fail_their_rows() {
    let site = TestBed::new();
    site.kable.behave(refusing(|_| "no".to_owned()));
    let came = site.import(good(19)).await;
    assert_eq!(
        (came.account.outcomes.of(Outcome::Failed), came.halt),
        (19, None)
    );
}

#[tokio::test]
async fn a_row_that_failed_is_left_alone_unless_it_is_to_be_tried_again() {
    for (retry_failed, creates) in [(false, 1), (true, 2)] {
        let mut site = TestBed::new();
        site.policy.retry_failed = retry_failed;
        site.kable.behave(refusing(|_| "no".to_owned()));
        site.import(good(1)).await;
        site.import(good(1)).await;
        assert_eq!(site.kable.creates().len(), creates, "{retry_failed}");
    }
}

#[tokio::test]
async fn too_many_errors_end_the_run() {
    let mut site = TestBed::one_by_one();
    (site.settings.errors, site.settings.allowed_errors) = (2, 4);
    let words = AtomicUsize::new(0);
    site.kable.behave(refusing(move |_| {
        format!("reason {}", words.fetch_add(1, Ordering::Relaxed))
    }));
    let came = site.import(good(50)).await;
    assert_eq!(
        came.halt,
        Some(Halt::TooManyErrors {
            errors: 5,
            allowed: 4
        })
    );
    let outcomes = came.account.outcomes;
    assert_eq!(
        (outcomes.of(Outcome::Failed), outcomes.of(Outcome::Pending)),
        (3, 47)
    );
}

#[tokio::test]
async fn credentials_that_no_longer_hold_end_the_run_and_no_row_failed() {
    let site = TestBed::one_by_one();
    let mut left = 3;
    site.kable.behave(move |_| {
        left -= 1;
        if left >= 0 {
            CallFate::Answered
        } else {
            CallFate::Denied
        }
    });
    let came = site.import(good(10)).await;
    let outcomes = came.account.outcomes;
    assert_eq!(
        (outcomes.of(Outcome::Created), outcomes.of(Outcome::Pending)),
        (3, 7)
    );
    assert!(
        matches!(came.halt, Some(Halt::Denied { .. })),
        "{:?}",
        came.halt
    );
}

#[tokio::test]
async fn a_worker_that_fails_ends_the_run_and_its_row_stays_in_doubt() {
    let site = TestBed::one_by_one();
    site.kable.behave(|_| panic!("as planned"));
    let failed = site
        .import_rows(MemoryRows::one(good(5)))
        .await
        .err()
        .unwrap();
    assert_eq!(
        failed.to_string(),
        "a worker failed; this is a bug in kable-bulk"
    );
    assert!(site.ledger.is_in_doubt("c-1"));
}

/// Never answers.
struct PanickingApi;

impl CustomerApi for PanickingApi {
    async fn remove(
        &self,
        customer_id: &str,
        _removal: crate::kable::Removal,
    ) -> Exchange<Reply<crate::kable::RemovalEffect>> {
        panic!("an unplanned removal of {customer_id}")
    }

    async fn probe(&self) -> Exchange<crate::kable::ProbeReply> {
        std::future::pending().await
    }

    async fn create(&self, _customer: &Customer) -> Exchange<Reply<Created>> {
        std::future::pending().await
    }

    async fn change(
        &self,
        _address: crate::kable::CustomerAddress<'_>,
        _change: &RemoteChange,
    ) -> Exchange<Reply<Box<RemoteCustomer>>> {
        panic!("nothing is to be changed")
    }

    async fn find(&self, _address: crate::kable::CustomerAddress<'_>) -> Exchange<LookUpReply> {
        std::future::pending().await
    }

    async fn find_in_list(
        &self,
        _client_ids: &[String],
    ) -> Exchange<Result<Vec<LookUpReply>, crate::kable::Trouble>> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_an_answer_is_awaited_for_ten_seconds_and_its_row_stays_claimed() {
    let (recorder, mut inbox) = mpsc::channel(8);
    let (tickets, queue) = mpsc::channel(8);
    let dispatch = Dispatch {
        sender: Arc::new(sender_to(PanickingApi)),
        canary: false,
        concurrency: 1,
        errors: 0,
        allowed_errors: 0,
        recorder,
        stripe: false,
        alike: SystemicRefusal::default(),
        held_back: None,
        keyless: KeylessCreates::default(),
        waiting: WaitingRows::default(),
        said_until: Duration::ZERO,
    };
    let (stop, began) = (dispatch.sender.stop.clone(), Instant::now());
    let ticket = Ticket {
        id: 1,
        digest: digest_of(&aster()),
        customer: aster(),
        first_step: FirstStep::Create,
        place: Origin::default(),
        earlier: EarlierRuns::default(),
        other_id: None,
        claim: ClaimTime::Now {
            at_ms: NOW_MS,
            by_ms: None,
        },
    };
    tickets.send(vec![ticket]).await.unwrap();
    drop(tickets);
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.halt(Halt::Interrupted);
    };
    let (dispatched, ()) = tokio::join!(
        dispatch.dispatch(TicketQueue::of(
            queue,
            Arc::new(tokio::sync::Semaphore::new(0))
        )),
        stopping
    );
    dispatched.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(11));
    assert!(inbox.recv().await.is_none());
}
