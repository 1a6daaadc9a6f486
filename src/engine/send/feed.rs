//! The second pass: rows become tickets, claimed in batches before they go on.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::batch_size::BatchSize;
use super::canary::CanaryRow;
use super::inbox::{RecorderMessage, other_id};
use super::part_feed::{PART_AGAIN, PartFeed};
use super::passed_rows::{PassedRows, is_done, is_looked_up, is_settled, is_unsent};
use super::selection::Selection;
use crate::domain::customer::{Customer, Fingerprint};
use crate::domain::decision::Decision;
use crate::domain::row::{Origin, Row, Rows};
use crate::domain::validate::CheckedRow;
use crate::engine::checker::{CheckSettings, Checker};
use crate::engine::claim_numbers::ClaimNumbers;
use crate::engine::stop::{Halt, Stop};
use crate::engine::survey::finding_store::{PriorClaim, RowVerdict, Verdicts};
use crate::engine::sync::plan::SyncPlan;
use crate::engine::sync::step::SyncStep;
use crate::engine::ticket::{ClaimTime, EarlierRuns, FirstStep, KnownCustomer, Ticket};
use crate::ledger::Claim;
use crate::ledger::workers::PartAnswer;

/// One reading of the input.
struct Pass<'s> {
    checker: Checker<'s>,
    row: Row,
    room: Vec<u8>,
    batch: Vec<Ticket>,
    /// The number of the next row, counted from 0.
    ordinal: u64,
    /// The rows before it that were passed over.
    passed: PassedRows,
    /// The part of the input that is read.
    part: Option<u32>,
}

/// Turns rows into claimed tickets.
pub(super) struct Feed<R> {
    pub(super) rows: R,
    pub(super) reading: Arc<CheckSettings>,
    pub(super) verdicts: Verdicts,
    /// What a sync does with each row.
    pub(super) sync: Option<SyncPlan>,
    pub(super) numbers: ClaimNumbers,
    /// Whether the ledger may have lost claims.
    pub(super) gaps: bool,
    pub(super) batch: BatchSize,
    pub(super) selection: Selection,
    /// What it does in a run that several workers share.
    pub(super) parts: Option<PartFeed<R>>,
    /// How many new rows that a canary has sent are still to come: they are not fed again.
    pub(super) sent_ahead: usize,
    /// Whether a saved plan is applied.
    pub(super) applies: bool,
    pub(super) stop: Stop,
    pub(super) recorder: mpsc::Sender<RecorderMessage>,
    /// Makes the recorder flush at once.
    pub(super) hurry: Arc<Notify>,
    pub(super) tickets: mpsc::Sender<Vec<Ticket>>,
    /// A permit for each batch that the dispatcher requests.
    pub(super) demand: Arc<Semaphore>,
    pub(super) runtime: Handle,
    /// When the run began.
    pub(super) began: Instant,
}

/// What the feed returns at its end.
pub(super) struct FeedResult {
    /// The verdicts, for the last pass.
    pub(super) verdicts: Verdicts,
    /// What a sync does with each row, for the last pass.
    pub(super) sync: Option<SyncPlan>,
    /// The rows of a canary.
    pub(super) ahead: Vec<CanaryRow>,
}

impl<R> Feed<R>
where
    R: Rows<Error: std::error::Error + Send + Sync + 'static>,
{
    /// Feeds until the input ends or everything is stopped.
    pub(super) fn feed(mut self) -> anyhow::Result<FeedResult> {
        let mut ahead = Vec::new();
        // A canary may have read part of them.
        let rewound = match &mut self.sync {
            Some(plan) => plan.rewind().and_then(|()| self.verdicts.rewind()),
            None => self.verdicts.rewind(),
        };
        let fed = rewound
            .context("cannot read a temporary file")
            .and_then(|()| self.feed_all(&mut ahead));
        if fed.is_err() {
            self.stop.halt(Halt::Broken);
        }
        fed.map(|()| FeedResult {
            verdicts: self.verdicts,
            sync: self.sync,
            ahead,
        })
    }

    fn feed_all(&mut self, ahead: &mut Vec<CanaryRow>) -> anyhow::Result<()> {
        let reading = Arc::clone(&self.reading);
        let mut pass = Pass {
            checker: Checker::new(&reading),
            row: Row::default(),
            room: Vec::new(),
            batch: Vec::with_capacity(self.batch.now),
            ordinal: 0,
            passed: PassedRows::default(),
            part: None,
        };
        if self.parts.is_none() {
            self.feed_rows(0..u64::MAX, &mut pass, ahead)?;
        }
        while let Some((part, rows)) = self.next_part(&mut pass)? {
            pass.part = Some(part);
            let is_fed = self.feed_rows(rows, &mut pass, ahead)? && !self.stop.is_halted();
            if !is_fed || !self.send(&mut pass) {
                return Ok(());
            }
            self.recorder.blocking_send(RecorderMessage::Fed(part)).ok();
        }
        if !self.stop.is_halted() {
            self.send(&mut pass);
        }
        Ok(())
    }

    /// Feeds the rows whose numbers are in `rows`, and passes over those before. False if the
    /// dispatcher has ended.
    fn feed_rows(
        &mut self,
        rows: Range<u64>,
        pass: &mut Pass<'_>,
        ahead: &mut Vec<CanaryRow>,
    ) -> anyhow::Result<bool> {
        while !self.stop.is_halted() && pass.ordinal < rows.end {
            let verdict = self
                .verdicts
                .on(pass.ordinal)
                .context("cannot read a temporary file")?;
            let step = self.sync_step(pass.ordinal)?;
            let is_before = pass.ordinal < rows.start;
            pass.ordinal += 1;
            if self.is_complete(verdict.as_ref(), ahead.len()) {
                break;
            }
            if is_before || self.passes(verdict.as_ref(), step) {
                let place = verdict.map(|verdict| verdict.place);
                let next = (&mut self.rows, &mut pass.row);
                if !pass.passed.pass_over(place, next)? {
                    break;
                }
                continue;
            }
            let is_left = pass.passed.catch_up(&mut self.rows, &mut pass.row)?;
            if !is_left || !self.rows.next(&mut pass.row)? {
                break;
            }
            self.take_row(pass, (verdict, step), ahead)?;
            if pass.batch.len() >= self.batch.now && !self.send(pass) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes a ticket of the row that was read, if it is one to send.
    fn take_row(
        &mut self,
        pass: &mut Pass<'_>,
        (verdict, step): (Option<RowVerdict>, Option<SyncStep>),
        ahead: &mut Vec<CanaryRow>,
    ) -> anyhow::Result<()> {
        let row = &mut pass.row;
        let CheckedRow::Fit(fit) = pass.checker.check(row, self.rows.columns())? else {
            return Ok(());
        };
        let digest = fit.values.digest(&mut pass.room);
        let known = verdict.as_ref().and_then(|verdict| verdict.prior_claim);
        let customer = fit.values.to_customer();
        // `pass.ordinal` is the number of the row after this one.
        let place = (row.origin, pass.ordinal - 1);
        let mut ticket = self.ticket(place, (customer, digest), known);
        let is_listed = verdict.is_some_and(|verdict| verdict.listed.is_some());
        let is_doubted = ticket.first_step == FirstStep::ResolveDoubt;
        let is_unplanned = self.applies && !is_listed && !is_doubted;
        if let Some(step) = step {
            ticket.earlier.is_listed = is_listed;
            ticket.first_step = synced_step(step, &ticket);
        }
        let columns = self.rows.columns();
        // Also without a claim: another checkpoint may have the other row's.
        let binding = pass.checker.bind(row.origin.input, columns)?;
        ticket.earlier.is_left = is_unplanned || binding.was_duplicate(row, columns);
        if self.sent_ahead > 0 && !known.is_some_and(is_looked_up) {
            self.sent_ahead -= 1;
            return Ok(());
        }
        if self.selection.read_back().is_some() {
            ahead.push(CanaryRow::of(row.origin, &ticket));
        }
        if matches!(self.selection, Selection::Recheck(_)) {
            return Ok(());
        }
        pass.batch.push(ticket);
        Ok(())
    }

    /// Leases the next part of the input, and begins to read again if it stands before the
    /// current row. `None` if all parts are done, or everything was stopped.
    fn next_part(&mut self, pass: &mut Pass<'_>) -> anyhow::Result<Option<(u32, Range<u64>)>> {
        let Some(parts) = &mut self.parts else {
            return Ok(None);
        };
        let size = parts.rows;
        let from = u32::try_from(pass.ordinal.div_ceil(size)).unwrap_or(u32::MAX);
        let taken = loop {
            if self.stop.is_halted() {
                return Ok(None);
            }
            let (answer, answered) = oneshot::channel();
            let asked = RecorderMessage::TakePart { from, answer };
            if self.recorder.blocking_send(asked).is_err() {
                return Ok(None);
            }
            match answered.blocking_recv() {
                Ok(PartAnswer::Take(part)) => break part,
                Ok(PartAnswer::Wait) => self.runtime.block_on(async {
                    tokio::select! {
                        () = tokio::time::sleep(PART_AGAIN) => {}
                        () = self.stop.halted() => {}
                    }
                }),
                Ok(PartAnswer::Done) | Err(_) => return Ok(None),
            }
        };
        let start = u64::from(taken) * size;
        if start < pass.ordinal {
            self.rows = (parts.again)();
            let rewound = self.verdicts.rewind();
            rewound.context("cannot read a temporary file")?;
            (pass.ordinal, pass.passed) = (0, PassedRows::default());
            pass.checker.begin_part();
        }
        Ok(Some((taken, start..start + size)))
    }

    /// Whether no row from the one with this `verdict` on is wanted; `ahead` have been taken
    /// to be read back.
    fn is_complete(&self, verdict: Option<&RowVerdict>, ahead: usize) -> bool {
        let is_full = self.selection.read_back().is_some_and(|most| ahead >= most);
        let is_recheck = matches!(self.selection, Selection::Recheck(_));
        is_full || is_recheck && is_unsent(verdict, self.reading.rules.strict)
    }

    /// Whether the row with this `verdict` is not sent.
    fn passes(&self, verdict: Option<&RowVerdict>, step: Option<SyncStep>) -> bool {
        let strict = self.reading.rules.strict;
        let is_done = verdict.is_some_and(|verdict| is_done(verdict, strict));
        let is_done = step.map_or(is_done, |step| !step.sends());
        let claim = verdict.and_then(|verdict| verdict.prior_claim);
        match self.selection {
            Selection::AllBut(_) => is_done,
            Selection::Canary(_) => is_done || step.is_none() && claim.is_some_and(is_looked_up),
            Selection::Recheck(_) => !verdict.is_some_and(|verdict| is_settled(verdict, strict)),
            Selection::InDoubt => is_done || !claim.is_some_and(|claim| claim.in_doubt),
        }
    }

    fn sync_step(&mut self, ordinal: u64) -> anyhow::Result<Option<SyncStep>> {
        let step = self.sync.as_mut().map(|plan| plan.on(ordinal)).transpose();
        step.context("cannot read a temporary file")
    }

    fn ticket(
        &mut self,
        (place, ordinal): (Origin, u64),
        (customer, digest): (Customer, Fingerprint),
        known: Option<PriorClaim>,
    ) -> Ticket {
        let Some(known) = known else {
            return Ticket {
                id: self.numbers.of_row(ordinal),
                place,
                customer,
                digest,
                first_step: self.unknown_step(),
                earlier: EarlierRuns::default(),
                other_id: None,
                claim: ClaimTime::Earlier(None),
            };
        };
        let first_step = match known.decision {
            Decision::LookUp if known.in_doubt => FirstStep::ResolveDoubt,
            Decision::LookUp => FirstStep::LookUp,
            Decision::Create | Decision::Skip(_) => self.unknown_step(),
        };
        Ticket {
            other_id: other_id(&self.recorder, &known),
            id: known.id,
            place,
            customer,
            digest,
            first_step,
            earlier: EarlierRuns {
                outcome: known.last,
                is_changed: known.changed,
                customer: match (known.ours, known.there) {
                    (true, _) => KnownCustomer::Ours,
                    (false, true) => KnownCustomer::Seen,
                    (false, false) => KnownCustomer::Unseen,
                },
                ..EarlierRuns::default()
            },
            claim: ClaimTime::Earlier(known.claimed_by),
        }
    }

    /// The first step for a row that was not sent, according to the checkpoint.
    fn unknown_step(&self) -> FirstStep {
        if self.gaps {
            FirstStep::LookUpLostClaim
        } else {
            FirstStep::Create
        }
    }

    /// Claims the batch and passes it on; returns false if the dispatcher has ended.
    fn send(&mut self, pass: &mut Pass<'_>) -> bool {
        // Reserve the slot before claiming, once the dispatcher requests a batch.
        let demanded = async {
            tokio::select! {
                permit = self.demand.acquire() => permit.ok()?.forget(),
                () = self.tickets.closed() => return None,
                () = self.stop.halted() => return None,
            }
            self.tickets.reserve().await.ok()
        };
        let Some(room) = self.runtime.block_on(demanded) else {
            return false;
        };
        self.batch.room_at(Instant::now());
        let batch = &mut pass.batch;
        let claims = batch
            .iter()
            .map(|ticket| Claim {
                id: ticket.id,
                client_id: ticket.customer.client_id().to_owned(),
                digest: ticket.digest,
            })
            .collect();
        let (written, answer) = oneshot::channel();
        let claim = RecorderMessage::Claim {
            claims,
            part: pass.part,
            written,
        };
        if self.recorder.blocking_send(claim).is_err() {
            return false;
        }
        self.hurry.notify_one();
        // None of them may be sent before the claims are durable.
        let Ok(claimed) = answer.blocking_recv() else {
            return false;
        };
        let time = (claimed.time, self.began.elapsed());
        batch.retain_mut(|ticket| ticket.is_granted(claimed.answers.get(&ticket.id), time));
        room.send(std::mem::replace(batch, Vec::with_capacity(self.batch.now)));
        true
    }
}

/// The first step of a row that a sync sends. A customer that was seen before and is no
/// longer listed may be missing from a list that lags: its absence is proved before it is
/// created again.
fn synced_step(step: SyncStep, ticket: &Ticket) -> FirstStep {
    let is_known = ticket.earlier.customer != KnownCustomer::Unseen;
    match ticket.first_step {
        FirstStep::Create | FirstStep::LookUp if is_known && !ticket.earlier.is_listed => {
            FirstStep::LookUpLostClaim
        }
        FirstStep::Create if step == SyncStep::LookUp => FirstStep::LookUp,
        first @ (FirstStep::Create
        | FirstStep::LookUp
        | FirstStep::ResolveDoubt
        | FirstStep::LookUpLostClaim) => first,
    }
}
