//! The ledger's only writer: claims batches before they are sent, and settles outcomes
//! afterwards.
//!
//! Everything that waits is written in one transaction, so that many claims and
//! outcomes share one `fsync`. Nothing is reported as done before it is on disk.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::sender::Sender;
use super::settle::Settled;
use crate::domain::bottleneck::Bottleneck;
use crate::domain::outcome::Outcome;
use crate::domain::summary::RequestCounts;
use crate::domain::timeline::{IntervalCounts, RunMoment, TimelineRecorder, WaitKind};
use crate::engine::stop::Halt;
use crate::engine::ticket::ClaimTime;
use crate::engine::wall_clock::WallClock;
use crate::ledger::{Batch, Claim, ClaimRecord, IS_DURABLE, Ledger, RunFigures, Settlement};
use crate::report::keys::KeyFile;
use crate::report::{Event, FailedRow, Observer, Progress};

/// The most messages written in one transaction.
const MOST_AT_ONCE: usize = 2048;

/// Flush interval without a pending claim; a crash within it costs one look-up a row.
const LINGER: Duration = Duration::from_millis(20);

/// How often progress is reported while nothing is written.
const QUIET: Duration = Duration::from_secs(1);

/// How often latencies are written.
const FIGURED_EVERY: Duration = Duration::from_secs(1);

/// How often the run over time is written while the run waits.
const WRITTEN_EVERY: Duration = Duration::from_secs(10);

/// A request to the recorder.
#[derive(Debug)]
pub(super) enum RecorderMessage {
    /// These rows are about to be sent; answered with the time of their claims once they
    /// are on disk.
    Claim {
        claims: Vec<Claim>,
        written: oneshot::Sender<ClaimTime>,
    },
    /// Read a claim from the ledger.
    Read {
        id: u64,
        answer: oneshot::Sender<Option<ClaimRecord>>,
    },
    /// Settle a row.
    Settle(Settled),
    /// A customer was left as it is: for the progress.
    Left,
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
}

impl<L: Ledger, A: crate::kable::CustomerApi, O: Observer> Recorder<L, A, O> {
    /// Records until the channel closes; gives the ledger back, and the progress.
    ///
    /// An error stops the run: what can't be recorded must not be sent.
    pub(super) fn record(
        mut self,
        mut inbox: mpsc::Receiver<RecorderMessage>,
        runtime: &Handle,
    ) -> anyhow::Result<(L, Progress)> {
        let recorded = self.record_all(&mut inbox, runtime);
        if recorded.is_err() {
            self.sender.stop.halt(Halt::Broken);
        }
        recorded.map(|()| (self.ledger, self.progress))
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
        let claimed = ClaimTime::Now {
            at_ms: batch.now_ms,
            by_ms: batch.claimed_by,
        };
        let mut waiting = Vec::new();
        for message in messages.drain(..) {
            match message {
                RecorderMessage::Claim { claims, written } => {
                    batch.claims.extend(claims);
                    if IS_DURABLE {
                        waiting.push(written);
                    } else {
                        written.send(claimed).ok();
                    }
                }
                RecorderMessage::Read { id, answer } => {
                    answer.send(self.ledger.claim_record(id)?).ok();
                }
                RecorderMessage::Left => {
                    self.progress.done += 1;
                    self.progress.totals.left += 1;
                }
                RecorderMessage::Settle(Settled {
                    mut settlement,
                    keys,
                    from_before,
                }) => {
                    if let Some(file) = &mut self.keys {
                        let client_id = &settlement.client_id;
                        if settlement.keys_lost && from_before {
                            settlement.keys_lost =
                                !file.holds(client_id).context("cannot read keys.csv")?;
                        }
                        file.keep(client_id, &keys)
                            .context("cannot write to keys.csv")?;
                    }
                    batch.settlements.push(settlement);
                }
            }
        }
        // Keys are returned once: write them to disk before their rows are settled.
        if let Some(file) = &mut self.keys {
            file.sync().context("cannot write to keys.csv")?;
        }
        self.add_timeline(&mut batch);
        self.ledger.write(&batch)?;
        for written in waiting {
            // The feed may have been stopped meanwhile; the claim remains.
            written.send(claimed).ok();
        }
        self.report(&batch.settlements);
        self.report_failed(batch.settlements);
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
        self.sender.report_progress(progress);
    }
}

/// Waits for messages, and for [`LINGER`] for more; false when the channel is closed.
///
/// It sleeps through that time: waking up for each outcome costs more than writing it.
async fn gather(
    inbox: &mut mpsc::Receiver<RecorderMessage>,
    hurry: &Notify,
    messages: &mut Vec<RecorderMessage>,
) -> bool {
    if inbox.recv_many(messages, MOST_AT_ONCE).await == 0 {
        return false;
    }
    let waits = |message: &RecorderMessage| {
        !matches!(message, RecorderMessage::Settle(_) | RecorderMessage::Left)
    };
    if !messages.iter().any(waits) {
        timeout(LINGER, hurry.notified()).await.ok();
    }
    while messages.len() < MOST_AT_ONCE
        && let Ok(message) = inbox.try_recv()
    {
        messages.push(message);
    }
    true
}
