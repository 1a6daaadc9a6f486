//! Starts rows, as many as may be in flight, and hands their results to the recorder.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::delivery::{InFlight, RowProgress};
use super::inbox::RecorderMessage;
use super::keyless_creates::KeylessCreates;
use super::metrics::Metrics;
use super::queue::{A_YEAR, TicketQueue, WaitingRows};
use super::row_state::RowState;
use super::sender::Sender;
use super::settle::{Delivery, RefusedRow, Settled, left};
use super::systemic_refusal::{RefusalVerdict, RequestKinds, SystemicRefusal};
use crate::domain::outcome::Outcome;
use crate::engine::stop::Halt;
use crate::engine::ticket::Ticket;
use crate::kable::CustomerApi;
use crate::ledger::Settlement;
use crate::report::{Event, Observer};

/// How long requests in flight may take after a stop.
const GRACE: Duration = Duration::from_secs(10);

/// The most rows that may wait for the proof of their absence; beyond it no new row is
/// begun, so that memory stays flat.
const MOST_WAITING: usize = 10_000;

/// A wait that is longer than was said is said again if it is by this much.
const WORTH_SAYING: Duration = Duration::from_secs(1);

/// A row that left its task, with what is needed to judge refusals.
type TaskOutput = (RowKinds, RowProgress);

/// What the result of a row in flight means for the refusals of others.
#[derive(Debug, Clone)]
pub(super) struct RowKinds {
    /// The kinds to which its create belongs.
    creates: RequestKinds,
    /// Whether the same row failed in an earlier run: another refusal of it says nothing
    /// about other rows.
    failed_before: bool,
}

impl RowKinds {
    fn of(ticket: &Ticket, stripe: bool) -> Self {
        Self {
            creates: RequestKinds::of_create(&ticket.customer, stripe),
            failed_before: ticket.earlier.outcome == Some(Outcome::Failed)
                && !ticket.earlier.is_changed,
        }
    }
}

/// Sends tickets and hands their ends to the recorder.
pub(super) struct Dispatch<A, O> {
    pub(super) sender: Arc<Sender<A, O>>,
    pub(super) concurrency: usize,
    /// Whether these rows are sent ahead of the others.
    pub(super) canary: bool,
    /// Rows rejected or failed so far, and how many are allowed (`--max-errors`).
    pub(super) errors: u64,
    pub(super) allowed_errors: u64,
    pub(super) recorder: mpsc::Sender<RecorderMessage>,
    /// Whether creates ask for customers at Stripe.
    pub(super) stripe: bool,
    pub(super) alike: SystemicRefusal<RefusedRow>,
    /// A row that waits because no more of its kind may be in flight until it is known
    /// whether the kind is refused.
    pub(super) held_back: Option<Ticket>,
    pub(super) keyless: KeylessCreates,
    /// Rows that wait for a time.
    pub(super) waiting: WaitingRows<RowKinds>,
    /// Until when it was said that nothing is sent because of them.
    pub(super) said_until: Duration,
}

impl<A: CustomerApi, O: Observer> Dispatch<A, O> {
    /// Sends until there are no more tickets and nothing is in flight.
    pub(super) async fn dispatch(mut self, mut queue: TicketQueue) -> anyhow::Result<()> {
        let mut tasks: JoinSet<TaskOutput> = JoinSet::new();
        let stop = self.sender.stop.clone();
        let began = self.sender.began;
        let mut halted = pin!(stop.halted());
        let mut open = true;
        while open || self.held_back.is_some() || !tasks.is_empty() || !self.waiting.rows.is_empty()
        {
            let has_room = tasks.len() < self.concurrency;
            // It may start once none of its kind is in flight.
            if let Some(ticket) = self.held_back.take_if(|_| has_room) {
                self.begin(&mut tasks, ticket);
            }
            // Begin no more rows than the pace can send soon: a row that is begun and not
            // sent is in doubt after a crash.
            let has_use = self.sender.pace.has_use_for(tasks.len());
            let takes_new = has_room
                && has_use
                && self.held_back.is_none()
                && self.waiting.rows.len() < MOST_WAITING;
            if tasks.is_empty() && (!open || self.waiting.rows.len() >= MOST_WAITING) {
                self.say_waiting();
            }
            let first = began + self.waiting.first();
            tokio::select! {
                biased;
                () = &mut halted => break,
                Some(ended) = tasks.join_next() => self.ended(ended).await?,
                () = tokio::time::sleep_until(first), if has_room && first < began + A_YEAR => {
                    if let Some((kinds_of_row, state)) = self.waiting.pop() {
                        Metrics::set(&self.sender.metrics.waiting, self.waiting.rows.len());
                        self.start(&mut tasks, kinds_of_row, state);
                    }
                }
                ticket = queue.next(), if open && takes_new => match ticket {
                    Some(ticket) => self.begin(&mut tasks, ticket),
                    None => open = false,
                },
                () = self.sender.pace.started(), if open && !has_use => {}
            }
        }
        if stop.is_halted() {
            self.wind_up(tasks, queue).await?;
        }
        for row in self.alike.rest() {
            if stop.is_halted() || self.canary {
                // Whether the refusals have one cause is unknown. A canary has too few rows
                // to decide it.
                self.record(row.undecided()).await;
            } else {
                // Too few for a common cause: the rows themselves are at fault.
                self.failed(row.settled).await;
            }
        }
        Ok(())
    }

    /// Says that nothing is sent while rows wait for the proof of their absence.
    fn say_waiting(&mut self) {
        let (now, said_until) = (self.sender.began.elapsed(), self.said_until);
        let is_news = |last: &Duration| {
            *last > said_until && (said_until <= now || *last > said_until + WORTH_SAYING)
        };
        if let Some(last) = self.waiting.last().filter(is_news) {
            self.said_until = last;
            self.sender.observer.observe(&Event::Waiting {
                rows: self.waiting.counts(),
                longest: last.saturating_sub(now),
            });
        }
    }

    fn begin(&mut self, tasks: &mut JoinSet<TaskOutput>, ticket: Ticket) {
        let kinds_of_row = RowKinds::of(&ticket, self.stripe);
        if !kinds_of_row.failed_before && !self.alike.has_room(kinds_of_row.creates) {
            self.held_back = Some(ticket);
            return;
        }
        self.start(tasks, kinds_of_row, Box::new(RowState::of(ticket)));
    }

    fn start(
        &mut self,
        tasks: &mut JoinSet<TaskOutput>,
        kinds_of_row: RowKinds,
        state: Box<RowState>,
    ) {
        self.alike.started(kinds_of_row.creates);
        let sender = Arc::clone(&self.sender);
        // Boxed: it is moved several times before it is polled.
        tasks.spawn(Box::pin(async move {
            (kinds_of_row, InFlight::new(&sender, state).progress().await)
        }));
    }

    /// Lets requests in flight finish, and releases rows that were not sent.
    async fn wind_up(
        &mut self,
        mut tasks: JoinSet<TaskOutput>,
        mut queue: TicketQueue,
    ) -> anyhow::Result<()> {
        self.sender.observer.observe(&Event::Finishing {
            in_flight: self.sender.pace.in_flight() as u64,
        });
        let until = tokio::time::Instant::now() + GRACE;
        if let Some(ticket) = self.held_back.take() {
            self.release(ticket).await;
        }
        while let Some((kinds_of_row, state)) = self.waiting.pop() {
            self.delivered(kinds_of_row, left(&state)).await;
        }
        // The feed ends on the stop signal; what it claimed was not sent.
        loop {
            tokio::select! {
                ended = tokio::time::timeout_at(until, tasks.join_next()), if !tasks.is_empty() => match ended {
                    Ok(Some(ended)) => self.ended(ended).await?,
                    // Rows that are aborted here stay claimed, and the next run looks them
                    // up.
                    Ok(None) | Err(_) => tasks.abort_all(),
                },
                ticket = queue.next(), if !queue.is_over() => {
                    if let Some(ticket) = ticket {
                        self.release(ticket).await;
                    }
                }
                else => return Ok(()),
            }
        }
    }

    /// Releases a row that was claimed and not started, unless it is in doubt.
    async fn release(&self, ticket: Ticket) {
        if let Delivery::Settled(settled) = left(&RowState::of(ticket)) {
            self.record(settled).await;
        }
    }

    async fn ended(&mut self, ended: Result<TaskOutput, JoinError>) -> anyhow::Result<()> {
        let (row, progressed) = match ended {
            Ok(ended) => ended,
            Err(error) if error.is_cancelled() => return Ok(()),
            // A row whose worker panicked stays claimed; the run must not continue.
            Err(error) => {
                self.sender.stop.halt(Halt::Broken);
                return Err(anyhow::Error::new(error)
                    .context("a worker failed; this is a bug in kable-bulk"));
            }
        };
        self.alike.ended(row.creates);
        match progressed {
            RowProgress::Waits(state, _) if self.sender.stop.is_halted() => {
                self.delivered(row, left(&state)).await;
            }
            RowProgress::Waits(state, until) => {
                self.waiting.push(until, row, state);
                Metrics::set(&self.sender.metrics.waiting, self.waiting.rows.len());
            }
            RowProgress::Ended(delivery) => self.delivered(row, delivery).await,
        }
        Ok(())
    }

    async fn delivered(&mut self, row: RowKinds, delivery: Delivery) {
        match delivery {
            Delivery::Settled(settled) => {
                self.look_for_keys(&settled);
                for refused in self.learn(&row, &settled.settlement) {
                    self.failed(refused.settled).await;
                }
                if settled.settlement.outcome == Outcome::Failed {
                    self.failed(settled).await;
                } else {
                    self.record(settled).await;
                }
            }
            Delivery::Refused { row: refused, .. } if row.failed_before => {
                self.failed(refused.settled).await;
            }
            Delivery::Refused {
                row: mut refused,
                words,
                is_change,
            } => {
                let kinds = if is_change {
                    RequestKinds::UPDATE
                } else {
                    row.creates
                };
                self.keep_keys(&mut refused.settled).await;
                self.refused(kinds, &words, *refused).await;
            }
            Delivery::InDoubt => {}
        }
    }

    /// Ends the sending if creates that ask for keys get none.
    fn look_for_keys(&mut self, settled: &Settled) {
        // One that may have been there before has no new keys.
        let is_answer = settled.settlement.outcome == Outcome::Created
            && settled.settlement.ours
            && settled.settlement.status.is_some_and(|status| status < 300);
        if !self.sender.keys || !is_answer {
            return;
        }
        if let Some(creates) = self.keyless.created(!settled.keys.is_empty()) {
            self.sender.stop.halt(Halt::NoKeys { creates });
        }
    }

    /// Records from a row's result whether its kinds are accepted; returns the held rows
    /// that were refused for their own values.
    fn learn(&mut self, row: &RowKinds, settled: &Settlement) -> Vec<RefusedRow> {
        let is_success = settled.status.is_some_and(|status| status < 300);
        match settled.outcome {
            Outcome::Created if is_success => self.alike.accepted(row.creates),
            // A single request is only a look-up.
            Outcome::Updated if settled.attempts > 1 => {
                self.alike.found(row.creates);
                self.alike.accepted(RequestKinds::UPDATE)
            }
            Outcome::Created
            | Outcome::AlreadyExisted
            | Outcome::Updated
            | Outcome::Unchanged
            | Outcome::Differs
            | Outcome::Failed => {
                self.alike.found(row.creates);
                Vec::new()
            }
            Outcome::Deleted | Outcome::Missing | Outcome::Unresolved | Outcome::Pending => {
                Vec::new()
            }
        }
    }

    async fn refused(&mut self, kinds: RequestKinds, words: &str, row: RefusedRow) {
        let settlement = &row.settled.settlement;
        let message = settlement.message.clone().unwrap_or_default();
        let status = settlement.status.unwrap_or_default();
        match self.alike.refused(kinds, words, row) {
            RefusalVerdict::Held => {}
            RefusalVerdict::Theirs(rows) => {
                for row in rows {
                    self.failed(row.settled).await;
                }
            }
            RefusalVerdict::OneCause { kind, many, rows } => {
                self.sender.stop.halt(Halt::AllAlike {
                    rows: many,
                    kind: kind.name().into(),
                    message: format!("status {status}: {message}"),
                });
                // The rows are good once the cause is removed.
                for row in rows {
                    self.record(row.undecided()).await;
                }
            }
        }
    }

    async fn failed(&mut self, settled: Settled) {
        self.errors += 1;
        let elsewhere = self.sender.failed_elsewhere.load(Ordering::Relaxed);
        let errors = self.errors + elsewhere;
        if errors > self.allowed_errors {
            self.sender.stop.halt(Halt::TooManyErrors {
                errors,
                allowed: self.allowed_errors,
            });
        }
        self.record(settled).await;
    }

    /// Has the keys of a row written that is held back: they are returned once, and must not
    /// wait with it.
    async fn keep_keys(&self, settled: &mut Settled) {
        let keys = std::mem::take(&mut settled.keys);
        if !keys.is_empty() {
            let client_id = settled.settlement.client_id.clone();
            self.tell(RecorderMessage::Keys { client_id, keys }).await;
        }
    }

    async fn record(&self, settled: Settled) {
        self.tell(RecorderMessage::Settle(settled)).await;
    }

    async fn tell(&self, message: RecorderMessage) {
        // The recorder ends early only on an error, which it reports itself.
        if self.recorder.send(message).await.is_err() {
            self.sender.stop.halt(Halt::Broken);
        }
    }
}
