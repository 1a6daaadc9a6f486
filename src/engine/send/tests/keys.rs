//! Keys are returned once: whatever fails, those that were received are kept.

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::super::inbox::RecorderMessage;
use super::super::open_parts::OpenParts;
use super::super::record::Recorder;
use super::super::settle::Settled;
use super::*;
use crate::domain::timeline::TimelineRecorder;
use crate::engine::testing::memory_api::LateAnswers;
use crate::kable::Key;
use crate::ledger::conformance::settlement;
use crate::ledger::workers::OtherWorkers;
use crate::report::Progress;

/// The lines of `keys.csv` after its header, sorted.
fn kept(bed: &TestBed) -> Vec<String> {
    let text = std::fs::read_to_string(bed.folder.path().join("keys.csv")).unwrap();
    let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The lines of `keys.csv` for all customers that were created.
fn created(bed: &TestBed) -> Vec<String> {
    let customers = bed.kable.customers().into_iter();
    let mut lines: Vec<String> = customers.map(|(id, _)| format!("{id},sk_{id}")).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn keys_that_come_after_the_ledger_failed_are_kept() {
    let mut bed = TestBed::new();
    bed.keys = true;
    bed.kable.late = Some(Arc::new(LateAnswers {
        many: bed.settings.pacing.concurrency,
        stop: bed.stop.clone(),
        creates: AtomicUsize::new(0),
    }));
    bed.ledger.behind(|batch| {
        if batch.settlements.is_empty() {
            return Ok(());
        }
        Err(MemoryLedger::no_room())
    });
    let failed = bed.import_rows(MemoryRows::one(good(30))).await;
    let error = failed.err().unwrap().to_string();
    assert_eq!(error, "cannot write to checkpoint in memory");
    assert!(created(&bed).len() >= bed.settings.pacing.concurrency);
    assert_eq!(kept(&bed), created(&bed));

    bed.ledger.open();
    (bed.stop, bed.kable.late) = (Stop::default(), None);
    let next = bed.import(good(30)).await;
    let lines: Vec<String> = (2..=31).map(|line| format!("{line} created")).collect();
    assert_eq!(next.told, lines);
    assert_eq!(created(&bed).len(), 30);
    assert_eq!(kept(&bed), created(&bed));
}

#[tokio::test]
async fn keys_that_wait_beside_a_request_that_fails_are_kept() {
    let mut bed = TestBed::new();
    bed.keys = true;
    bed.ledger.unreadable.store(true, Ordering::Relaxed);
    let sender = Arc::new(sender_to(bed.kable.clone()));
    let recorder = Recorder {
        ledger: bed.ledger.clone(),
        keys: bed.key_file(),
        sender: Arc::clone(&sender),
        wall: WallClock::stopped_at(NOW_MS),
        progress: Progress::default(),
        hurry: Arc::new(Notify::new()),
        figured: None,
        timeline: TimelineRecorder::after_rejecting(0),
        written: Instant::now(),
        parts: OpenParts::default(),
        others: OtherWorkers::default(),
        asked: None,
    };
    let (messages, inbox) = mpsc::channel(8);
    let (answer, answered) = oneshot::channel();
    let read = RecorderMessage::Read { id: 1, answer };
    messages.send(read).await.unwrap();
    let settled = Settled {
        keys: vec![Key::from("sk_1".to_owned()), Key::from("sk_2".to_owned())],
        ..Settled::keyless(settlement(1, Outcome::Created))
    };
    let id = settled.settlement.client_id.clone();
    let settle = RecorderMessage::Settle(settled);
    messages.send(settle).await.unwrap();
    let handle = Handle::current();
    let recording = tokio::task::spawn_blocking(move || recorder.record(inbox, &handle));
    // No task waits for a reply that is never sent.
    assert!(answered.await.is_err());
    drop(messages);
    let error = recording.await.unwrap().err().unwrap().to_string();
    assert_eq!(error, "cannot write to checkpoint in memory");
    assert_eq!(sender.stop.reason(), Some(Halt::Broken));
    assert_eq!(kept(&bed), [format!("{id},sk_1"), format!("{id},sk_2")]);
}
