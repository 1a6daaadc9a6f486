//! How many rows are on their way at once, and what their ends mean for all.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::delivery::{InFlight, Progressed};
use super::metrics::Metrics;
use super::queue::{A_YEAR, Queue, Waiting};
use super::record::Message;
use super::row_state::RowState;
use super::sender::Sender;
use super::settle::{Delivery, Settled, left};
use super::systemic_refusal::{Finding, Kinds, SystemicRefusal};
use crate::domain::outcome::Outcome;
use crate::engine::stop::Halt;
use crate::engine::ticket::Ticket;
use crate::kable::CustomerApi;
use crate::ledger::Settlement;
use crate::report::{Event, Observer};

/// How long what is in flight may take after a stop.
const GRACE: Duration = Duration::from_secs(10);

/// The most rows that may wait until it is proved that they are absent; with more of
/// them no new row is begun, so that memory stays flat.
const MOST_WAITING: usize = 10_000;

/// How far a row came, with what it takes to record it and to judge refusals.
type Ended = (Named, Progressed);

/// A row on its way.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// The kinds of its create.
    creates: Kinds,
    /// Whether it failed in an earlier run, as it stands: then a refusal is its own,
    /// and was that before.
    failed_before: bool,
}

impl Named {
    fn of(ticket: &Ticket, stripe: bool) -> Self {
        Self {
            creates: Kinds::of_create(&ticket.customer, stripe),
            failed_before: ticket.earlier.outcome == Some(Outcome::Failed)
                && !ticket.earlier.is_changed,
        }
    }
}

/// Sends tickets and hands their ends to the recorder.
pub(super) struct Dispatch<A, O> {
    pub(super) sending: Arc<Sender<A, O>>,
    pub(super) concurrency: usize,
    /// Whether these rows are sent ahead of the others.
    pub(super) canary: bool,
    /// Rows rejected or failed before, and how many there may be.
    pub(super) errors: u64,
    pub(super) allowed_errors: u64,
    pub(super) recorder: mpsc::Sender<Message>,
    /// Whether creates ask for customers at Stripe.
    pub(super) stripe: bool,
    pub(super) alike: SystemicRefusal<Settlement>,
    /// A row of a kind of which no more may be in flight until it is known whether
    /// that kind is refused.
    pub(super) held_back: Option<Ticket>,
    /// Rows that wait for a time.
    pub(super) waiting: Waiting<Named>,
}

impl<A: CustomerApi, O: Observer> Dispatch<A, O> {
    /// Sends until there are no more tickets and nothing is in flight.
    pub(super) async fn dispatch(mut self, mut queue: Queue) -> anyhow::Result<()> {
        let mut tasks: JoinSet<Ended> = JoinSet::new();
        let stop = self.sending.stop.clone();
        let began = self.sending.began;
        let mut halted = pin!(stop.halted());
        let mut open = true;
        while open || self.held_back.is_some() || !tasks.is_empty() || !self.waiting.rows.is_empty()
        {
            let has_room = tasks.len() < self.concurrency;
            // Without any in flight it has room.
            if let Some(ticket) = self.held_back.take_if(|_| has_room) {
                self.begin(&mut tasks, ticket);
            }
            // No further ahead than the pace has use for: what is begun and not sent
            // is in doubt after a crash.
            let has_use = self.sending.pace.has_use_for(tasks.len());
            let takes_new = has_room
                && has_use
                && self.held_back.is_none()
                && self.waiting.rows.len() < MOST_WAITING;
            let first = began + self.waiting.first();
            tokio::select! {
                biased;
                () = &mut halted => break,
                Some(ended) = tasks.join_next() => self.ended(ended).await?,
                () = tokio::time::sleep_until(first), if has_room && first < began + A_YEAR => {
                    if let Some((named, state)) = self.waiting.pop() {
                        Metrics::set(&self.sending.metrics.waiting, self.waiting.rows.len());
                        self.start(&mut tasks, named, state);
                    }
                }
                ticket = queue.next(), if open && takes_new => match ticket {
                    Some(ticket) => self.begin(&mut tasks, ticket),
                    None => open = false,
                },
                () = self.sending.pace.started(), if open && !has_use => {}
            }
        }
        if stop.is_halted() {
            self.wind_up(tasks, queue).await?;
        }
        for mut settlement in self.alike.rest() {
            if stop.is_halted() || self.canary {
                // It was never known whose refusal it was: a canary is too few
                // rows to tell.
                settlement.outcome = Outcome::Pending;
                self.record(Settled::keyless(settlement)).await;
            } else {
                // Too few for a common cause: the row itself was refused.
                self.failed(settlement).await;
            }
        }
        Ok(())
    }

    fn begin(&mut self, tasks: &mut JoinSet<Ended>, ticket: Ticket) {
        let named = Named::of(&ticket, self.stripe);
        if !named.failed_before && !self.alike.has_room(named.creates) {
            self.held_back = Some(ticket);
            return;
        }
        self.start(tasks, named, Box::new(RowState::of(ticket)));
    }

    fn start(&mut self, tasks: &mut JoinSet<Ended>, named: Named, state: Box<RowState>) {
        self.alike.started(named.creates);
        let sending = Arc::clone(&self.sending);
        // In a box, for it is moved about several times before it is polled.
        tasks.spawn(Box::pin(async move {
            (named, InFlight::new(&sending, state).progress().await)
        }));
    }

    /// Lets what is in flight finish, and gives back what was not sent.
    async fn wind_up(&mut self, mut tasks: JoinSet<Ended>, mut queue: Queue) -> anyhow::Result<()> {
        self.sending.observer.observe(&Event::Finishing {
            in_flight: self.sending.pace.in_flight() as u64,
        });
        let until = tokio::time::Instant::now() + GRACE;
        if let Some(ticket) = self.held_back.take() {
            self.release(ticket).await;
        }
        while let Some((named, state)) = self.waiting.pop() {
            self.delivered(named, left(&state)).await;
        }
        // The feed ends by itself now; what it had claimed was not sent.
        loop {
            tokio::select! {
                ended = tokio::time::timeout_at(until, tasks.join_next()), if !tasks.is_empty() => match ended {
                    Ok(Some(ended)) => self.ended(ended).await?,
                    // Whatever is cut off here stays claimed, and is asked for
                    // by the next run.
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

    /// Gives back a row that was claimed and not started, unless it is in doubt.
    async fn release(&self, ticket: Ticket) {
        if let Delivery::Settled(settled) = left(&RowState::of(ticket)) {
            self.record(settled).await;
        }
    }

    async fn ended(&mut self, ended: Result<Ended, JoinError>) -> anyhow::Result<()> {
        let (row, progressed) = match ended {
            Ok(ended) => ended,
            Err(error) if error.is_cancelled() => return Ok(()),
            // A row whose worker panicked stays claimed; the run must not go on
            // as if nothing had happened.
            Err(error) => {
                self.sending.stop.halt(Halt::Broken);
                return Err(anyhow::Error::new(error)
                    .context("a worker failed; this is a bug in kable-bulk"));
            }
        };
        self.alike.ended(row.creates);
        match progressed {
            Progressed::Waits(state, _) if self.sending.stop.is_halted() => {
                self.delivered(row, left(&state)).await;
            }
            Progressed::Waits(state, until) => {
                self.waiting.push(until, row, state);
                Metrics::set(&self.sending.metrics.waiting, self.waiting.rows.len());
            }
            Progressed::Ended(delivery) => self.delivered(row, delivery).await,
        }
        Ok(())
    }

    async fn delivered(&mut self, row: Named, delivery: Delivery) {
        match delivery {
            Delivery::Settled(settled) => {
                for refused in self.learn(&row, &settled.settlement) {
                    self.failed(refused).await;
                }
                if settled.settlement.outcome == Outcome::Failed {
                    self.failed(settled.settlement).await;
                } else {
                    self.record(settled).await;
                }
            }
            Delivery::Refused { settlement, .. } if row.failed_before => {
                self.failed(settlement).await;
            }
            Delivery::Refused {
                settlement,
                words,
                is_update,
            } => {
                let kinds = if is_update {
                    Kinds::UPDATE
                } else {
                    row.creates
                };
                self.refused(kinds, &words, settlement).await;
            }
            Delivery::InDoubt => {}
        }
    }

    /// Learns from a row's end whether its kinds are accepted; gives the rows back
    /// that were refused for their own sake.
    fn learn(&mut self, row: &Named, settled: &Settlement) -> Vec<Settlement> {
        let is_success = settled.status.is_some_and(|status| status < 300);
        match settled.outcome {
            Outcome::Created if is_success => self.alike.accepted(row.creates),
            // A look-up alone would have been one request.
            Outcome::Updated if settled.attempts > 1 => {
                self.alike.found(row.creates);
                self.alike.accepted(Kinds::UPDATE)
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

    async fn refused(&mut self, kinds: Kinds, words: &str, settlement: Settlement) {
        let message = settlement.message.clone().unwrap_or_default();
        let status = settlement.status.unwrap_or_default();
        match self.alike.refused(kinds, words, settlement) {
            Finding::Held => {}
            Finding::Theirs(rows) => {
                for settlement in rows {
                    self.failed(settlement).await;
                }
            }
            Finding::OneCause { kind, many, rows } => {
                self.sending.stop.halt(Halt::AllAlike {
                    rows: many,
                    kind: kind.name(),
                    message: format!("status {status}: {message}"),
                });
                // None of them would be wrong once the cause is mended.
                for mut settlement in rows {
                    settlement.outcome = Outcome::Pending;
                    self.record(Settled::keyless(settlement)).await;
                }
            }
        }
    }

    async fn failed(&mut self, settlement: Settlement) {
        self.errors += 1;
        if self.errors > self.allowed_errors {
            self.sending.stop.halt(Halt::TooManyErrors {
                errors: self.errors,
                allowed: self.allowed_errors,
            });
        }
        self.record(Settled::keyless(settlement)).await;
    }

    async fn record(&self, settled: Settled) {
        // A recorder that is gone has said why, and ended everything.
        if self.recorder.send(Message::Settle(settled)).await.is_err() {
            self.sending.stop.halt(Halt::Broken);
        }
    }
}
