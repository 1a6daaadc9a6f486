//! The ledger's only writer: claims batches before they are sent, and settles outcomes
//! afterwards.
//!
//! Everything that waits is written in one transaction, so that many claims and
//! outcomes share one `fsync`. Nothing is reported as done before it is on disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::inbox::{Claimed, MOST_AT_ONCE, RecorderMessage, gather};
use super::open_parts::OpenParts;
use super::sender::Sender;
use super::settle::Settled;
use crate::domain::bottleneck::Bottleneck;
use crate::domain::outcome::Outcome;
use crate::domain::summary::RequestCounts;
use crate::domain::timeline::{IntervalCounts, RunMoment, TimelineRecorder, WaitKind};
use crate::engine::stop::Halt;
use crate::engine::ticket::ClaimTime;
use crate::engine::wall_clock::WallClock;
use crate::ledger::workers::{ClaimAnswer, OtherWorkers, PartAnswer};
use crate::ledger::{Batch, IS_DURABLE, Ledger, RunFigures, Settlement};
use crate::report::keys::KeyFile;
use crate::report::{Event, FailedRow, Observer, Progress, WorkerHealth};

/// How often progress is reported while nothing is written.
const QUIET: Duration = Duration::from_secs(1);

/// How often latencies are written.
const FIGURED_EVERY: Duration = Duration::from_secs(1);

/// How often it is asked what the other workers have done.
const ASKED_EVERY: Duration = Duration::from_secs(2);

/// How often the run over time is written while the run waits.
const WRITTEN_EVERY: Duration = Duration::from_secs(10);

/// A request to claim rows, which is answered once they are written.
struct WaitingClaims {
    /// The part of the input that they are of, and their claims, in a run that several workers
    /// share.
    of_part: Option<(u32, Vec<u64>)>,
    written: oneshot::Sender<Claimed>,
}

/// Writes messages until all senders are gone.
pub(super) struct Recorder<L, A, O> {
    pub(super) ledger: L,
    pub(super) keys: Option<KeyFile>,
    pub(super) sender: Arc<Sender<A, O>>,
    pub(super) wall: WallClock,
    pub(super) progress: Progress,
    /// A claim is pending: flush now.
    pub(super) hurry: Arc<Notify>,
    /// When latencies were last written.
    pub(super) figured: Option<Instant>,
    /// The run over time.
    pub(super) timeline: TimelineRecorder,
    /// When anything was last written.
    pub(super) written: Instant,
    /// Of a run that several workers share.
    pub(super) parts: OpenParts,
    pub(super) others: OtherWorkers,
    /// When it was last asked what the others have done.
    pub(super) asked: Option<Instant>,
}

impl<L: Ledger, A: crate::kable::CustomerApi, O: Observer> Recorder<L, A, O> {
    /// Records until the channel closes; gives the ledger back, and the progress.
    ///
    /// An error stops the run: what can't be recorded must not be sent. Keys of requests that
    /// are still in flight are written.
    pub(super) fn record(
        mut self,
        mut inbox: mpsc::Receiver<RecorderMessage>,
        runtime: &Handle,
    ) -> anyhow::Result<(L, Progress)> {
        let recorded = self.record_all(&mut inbox, runtime);
        if recorded.is_err() {
            self.sender.stop.halt(Halt::Broken);
            self.keep_last_keys(&mut inbox, runtime);
        }
        recorded.map(|()| (self.ledger, self.progress))
    }

    /// Writes the keys that still arrive, without settling their rows, until all senders are
    /// gone. Claims that wait for an answer get none, so that the feed ends.
    fn keep_last_keys(&mut self, inbox: &mut mpsc::Receiver<RecorderMessage>, runtime: &Handle) {
        let mut messages = Vec::with_capacity(MOST_AT_ONCE);
        while runtime.block_on(inbox.recv_many(&mut messages, MOST_AT_ONCE)) > 0 {
            // An error stopped the run already, and is reported.
            self.keep_keys(&messages).ok();
            messages.clear();
        }
    }

    fn record_all(
        &mut self,
        inbox: &mut mpsc::Receiver<RecorderMessage>,
        runtime: &Handle,
    ) -> anyhow::Result<()> {
        let mut messages = Vec::with_capacity(MOST_AT_ONCE);
        loop {
            let gathering = gather(inbox, &self.hurry, &mut messages);
            let gathered = runtime.block_on(timeout(QUIET, gathering));
            // Before anything else that may fail.
            self.keep_keys(&messages)?;
            self.ask_for_others()?;
            match gathered {
                Ok(false) => return self.write_latencies(),
                // Progress is reported while the run waits, with the cause of the wait.
                Err(_quiet) if messages.is_empty() && !self.is_news() && !self.is_due() => {
                    let moment = self.moment(self.sender.metrics.requests());
                    self.timeline.add(moment, IntervalCounts::default());
                    self.report(&[]);
                }
                Ok(true) | Err(_) => self.write(&mut messages)?,
            }
        }
    }

    /// The run's figures; includes latencies only at intervals, because they are many.
    fn figures(&mut self) -> RunFigures {
        if self.figured.is_some_and(|at| at.elapsed() < FIGURED_EVERY) {
            return self.sender.counts();
        }
        self.figured = Some(Instant::now());
        self.sender.figures()
    }

    fn write_latencies(&mut self) -> anyhow::Result<()> {
        self.figured = None;
        let mut batch = Batch {
            now_ms: self.wall.now_ms(),
            figures: self.figures(),
            ..Batch::default()
        };
        self.add_timeline(&mut batch);
        self.ledger.write(&batch)?;
        Ok(())
    }

    /// Adds the run over time to `batch`, with what the batch settles.
    fn add_timeline(&mut self, batch: &mut Batch) {
        let mut rows = IntervalCounts::default();
        for settled in &batch.settlements {
            rows.count(settled.outcome);
        }
        let moment = self.moment(batch.figures.requests);
        self.timeline.add(moment, rows);
        batch.figures.timeline = Some(self.timeline.timeline());
        self.written = Instant::now();
    }

    /// What the run is doing now, after these `requests`.
    fn moment(&self, requests: RequestCounts) -> RunMoment {
        let pacing = self.sender.pacing();
        let at = self.sender.began.elapsed();
        RunMoment {
            at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            requests,
            allowed: pacing.rate,
            waits: match pacing.bound {
                Bottleneck::Pause => Some(WaitKind::Pause),
                Bottleneck::Down => Some(WaitKind::Outage),
                Bottleneck::Rows
                | Bottleneck::Rate
                | Bottleneck::MaxRate
                | Bottleneck::Advertised
                | Bottleneck::Refused
                | Bottleneck::Growing
                | Bottleneck::Latency
                | Bottleneck::Concurrency => {
                    let is_idle = pacing.in_flight == 0 && pacing.waiting > 0;
                    is_idle.then_some(WaitKind::Proof)
                }
            },
        }
    }

    fn write(&mut self, messages: &mut Vec<RecorderMessage>) -> anyhow::Result<()> {
        let (now_ms, figures) = (self.wall.now_ms(), self.figures());
        let mut batch = Batch {
            now_ms,
            claimed_by: figures.clock_ahead_ms.map(|ahead| now_ms + ahead),
            figures,
            ..Batch::default()
        };
        let time = ClaimTime::Now {
            at_ms: batch.now_ms,
            by_ms: batch.claimed_by,
        };
        let mut waiting = Vec::new();
        let mut wanted = None;
        for message in messages.drain(..) {
            match message {
                RecorderMessage::Claim {
                    claims,
                    part,
                    written,
                } => {
                    let ids = |part| (part, claims.iter().map(|claim| claim.id).collect());
                    let claimed = WaitingClaims {
                        of_part: part.map(ids),
                        written,
                    };
                    batch.claims.extend(claims);
                    if IS_DURABLE {
                        waiting.push(claimed);
                    } else {
                        self.answer_claims(vec![claimed], time, &HashMap::new());
                    }
                }
                RecorderMessage::TakePart { from, answer } => wanted = Some((from, answer)),
                RecorderMessage::Fed(part) => self.parts.fed(part),
                RecorderMessage::Read { id, answer } => {
                    answer.send(self.ledger.claim_record(id)?).ok();
                }
                RecorderMessage::Left => {
                    self.progress.done += 1;
                    self.progress.totals.left += 1;
                }
                RecorderMessage::Settle(settled) => {
                    let settled = self.compare_with_record(settled)?;
                    let settlement = self.look_for_keys(settled)?;
                    batch.settlements.push(settlement);
                }
                RecorderMessage::Keys { .. } => {}
            }
        }
        self.add_timeline(&mut batch);
        self.parts.settle(&batch.settlements);
        self.parts.add_ended(&mut batch);
        let answers = self.ledger.write(&batch)?.into_iter().collect();
        self.answer_claims(waiting, time, &answers);
        self.take_part(wanted)?;
        self.report(&batch.settlements);
        self.report_failed(batch.settlements);
        Ok(())
    }

    /// Leases a part of the input, if one is wanted.
    fn take_part(
        &mut self,
        wanted: Option<(u32, oneshot::Sender<PartAnswer>)>,
    ) -> anyhow::Result<()> {
        if let (Some((from, answer)), Some(shared)) = (wanted, self.ledger.shared()) {
            // The feed may have been stopped meanwhile; the part is released at the end.
            answer.send(shared.take_part(from)?).ok();
        }
        Ok(())
    }

    /// Writes the keys of these messages to disk. They are returned once: it is done before
    /// their rows are settled.
    fn keep_keys(&mut self, messages: &[RecorderMessage]) -> anyhow::Result<()> {
        let Some(mut file) = self.keys.take() else {
            return Ok(());
        };
        for message in messages {
            let (client_id, keys) = match message {
                RecorderMessage::Settle(settled) => (&settled.settlement.client_id, &settled.keys),
                RecorderMessage::Keys { client_id, keys } => (client_id, keys),
                RecorderMessage::Claim { .. }
                | RecorderMessage::TakePart { .. }
                | RecorderMessage::Fed(_)
                | RecorderMessage::Read { .. }
                | RecorderMessage::Left => continue,
            };
            // After an error it stays closed: a key must not follow an incomplete line.
            file.keep(client_id, keys)
                .context("cannot write to keys.csv")?;
        }
        file.sync().context("cannot write to keys.csv")?;
        self.keys = Some(file);
        Ok(())
    }

    /// What counts as created because it is on record as ours existed already, if Kable's id
    /// is another one: the recorded customer is gone, and others made this one.
    fn compare_with_record(&mut self, mut settled: Settled) -> anyhow::Result<Settled> {
        if settled.by_record {
            let recorded = self.ledger.claim_record(settled.settlement.id)?;
            if recorded.is_some_and(|recorded| settled.settlement.is_of_another(&recorded)) {
                settled.settlement.outcome = Outcome::AlreadyExisted;
            }
        }
        Ok(settled)
    }

    /// Looks in the file for the keys that may have been lost when an earlier run ended.
    fn look_for_keys(&mut self, settled: Settled) -> anyhow::Result<Settlement> {
        let mut settlement = settled.settlement;
        if let Some(file) = &mut self.keys
            && settlement.keys_lost
            && settled.from_before
        {
            let holds = file.holds(&settlement.client_id);
            settlement.keys_lost = !holds.context("cannot read keys.csv")?;
        }
        Ok(settlement)
    }

    /// Answers the requests to claim rows, all of which were in one batch.
    fn answer_claims(
        &mut self,
        waiting: Vec<WaitingClaims>,
        time: ClaimTime,
        answers: &HashMap<u64, ClaimAnswer>,
    ) {
        for claims in waiting {
            if let Some((part, ids)) = claims.of_part {
                self.parts.claimed(part, &ids, answers);
            }
            let answers = answers.clone();
            // The feed may have been stopped meanwhile; the claim remains.
            claims.written.send(Claimed { time, answers }).ok();
        }
    }

    /// Finds out from time to time what the other workers have done.
    fn ask_for_others(&mut self) -> anyhow::Result<()> {
        if self.asked.is_some_and(|at| at.elapsed() < ASKED_EVERY) {
            return Ok(());
        }
        if let Some(shared) = self.ledger.shared() {
            self.others = shared.others()?;
            let failed = self.others.failed;
            self.sender
                .failed_elsewhere
                .store(failed, Ordering::Relaxed);
            let oldest_heartbeat = Duration::from_millis(self.others.silent_ms);
            let health = WorkerHealth { oldest_heartbeat };
            self.sender.observer.observe(&Event::Workers(health));
        }
        self.asked = Some(Instant::now());
        Ok(())
    }

    fn report_failed(&self, settlements: Vec<Settlement>) {
        let failed = settlements
            .into_iter()
            .filter(|settled| settled.outcome == Outcome::Failed);
        for settled in failed {
            if let Some(place) = settled.place {
                self.sender.observer.observe(&Event::Failed(FailedRow {
                    place: *place,
                    status: settled.status,
                    request_id: settled.request_id,
                    message: settled.message,
                }));
            }
        }
    }

    /// Whether nothing was written for so long that a kill would lose much of a wait.
    fn is_due(&self) -> bool {
        self.written.elapsed() >= WRITTEN_EVERY
    }

    /// Whether the bottleneck has changed since progress was last reported.
    fn is_news(&self) -> bool {
        self.sender.pacing().bound != self.progress.pacing.bound
    }

    fn report(&mut self, settlements: &[Settlement]) {
        let progress = &mut self.progress;
        for settled in settlements.iter().filter(|settled| !settled.orphan) {
            if settled.outcome != Outcome::Pending {
                progress.totals.outcomes.add(settled.outcome);
                progress.done += 1;
            }
        }
        let mut shown = self.progress;
        shown.done += self.others.settled;
        shown.elsewhere = self.others.settled;
        self.sender.report_progress(&mut shown);
    }
}
