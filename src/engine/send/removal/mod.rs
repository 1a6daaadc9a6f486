//! Cancels or deletes customers, each looked up and compared first, through the same gates
//! as creates.
//!
//! - `removal_subject.rs`: a customer to be removed, compared with the one that is there
//! - `removal_state.rs`: what a response means for the customer, and which request is next
//! - `removing.rs`: one removal in flight
//! - `conclusion.rs`: how a removal ended → what is reported and recorded
//! - `created_claims.rs`: the customers that a rollback removes
//! - `listed_targets.rs`: the listed customers that a sync cancels
//! - `removal_settings.rs`: how customers are removed
//! - `removal_result.rs`: what is reported of each
//! - `no_ledger.rs`: for removals that are not recorded

mod conclusion;
pub mod created_claims;
pub mod listed_targets;
pub mod no_ledger;
mod removal_result;
mod removal_settings;
mod removal_state;
pub mod removal_subject;
mod removing;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::conclusion::ClaimedRemoval;
pub use self::removal_result::{RemovalOutcome, RemovalResult};
pub use self::removal_settings::RemovalSettings;
use self::removal_subject::RemovalSubject;
use self::removing::Removing;
use super::inbox::RecorderMessage;
use super::open_parts::OpenParts;
use super::record::Recorder;
use super::selection::Selection;
use super::sender::Sender;
use super::systemic_refusal::{RefusalVerdict, RequestKinds, SystemicRefusal, words};
use super::{RunContext, Settings, WAITING, build_sender, ended};
use crate::domain::decision::ExistingPolicy;
use crate::domain::plan_policy::PlanRules;
use crate::domain::remote::MissingContact;
use crate::domain::summary::RequestCounts;
use crate::domain::timeline::TimelineRecorder;
use crate::engine::stop::Halt;
use crate::kable::CustomerApi;
use crate::ledger::Ledger;
use crate::ledger::workers::OtherWorkers;
use crate::report::{Observer, Progress};

/// How many removals are under way at once, those that wait included.
const AT_ONCE: usize = 1024;

/// A customer to be removed.
#[derive(Debug)]
pub enum RemovalTarget {
    /// The customer of this claim.
    Claim(u64),
    /// A customer that has no claim.
    Listed(Box<RemovalSubject>),
}

/// The parts of a removal.
pub struct RemovalParts<A, L, O> {
    /// The customers to be removed. Read on a thread that may block.
    pub targets: Box<dyn Iterator<Item = io::Result<RemovalTarget>> + Send>,
    /// The API.
    pub api: A,
    /// The ledger, in which a run has begun; [`NoLedger`](no_ledger::NoLedger) if nothing
    /// is recorded.
    pub ledger: L,
    /// Receives events.
    pub observer: O,
    /// Stop signal, clock and random numbers.
    pub context: RunContext,
}

impl<A, L, O> std::fmt::Debug for RemovalParts<A, L, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemovalParts").finish_non_exhaustive()
    }
}

/// Removes the customers, and passes what became of each to `on_result`, once each. Returns
/// the ledger, and the requests that were sent.
///
/// # Errors
///
/// If the targets can't be read, the ledger not written, or `on_result` fails.
pub async fn run<A, L, O>(
    mut parts: RemovalParts<A, L, O>,
    mut settings: RemovalSettings,
    on_result: impl FnMut(RemovalResult) -> io::Result<()>,
) -> anyhow::Result<(L, RequestCounts)>
where
    A: CustomerApi,
    L: Ledger + 'static,
    O: Observer,
{
    let earlier_ms = parts.ledger.landing_ms(parts.context.wall.now_ms())?;
    settings.landing.earlier = Duration::from_millis(earlier_ms);
    let sending = sending(&settings);
    let sender = build_sender(
        parts.api,
        parts.observer,
        &sending,
        &parts.context,
        (false, &mut parts.ledger),
    )?;
    let (recorder, inbox) = mpsc::channel(WAITING);
    let record = Recorder {
        ledger: parts.ledger,
        keys: None,
        sender: Arc::clone(&sender),
        wall: parts.context.wall,
        progress: Progress::default(),
        hurry: Arc::new(Notify::new()),
        figured: None,
        timeline: TimelineRecorder::default(),
        written: Instant::now(),
        parts: OpenParts::default(),
        others: OtherWorkers::default(),
        asked: None,
    };
    let recording = tokio::task::spawn_blocking(move || record.record(inbox, &Handle::current()));
    let (targets, queue) = mpsc::channel(64);
    let reading = tokio::task::spawn_blocking(move || {
        for target in parts.targets {
            if targets.blocking_send(target?).is_err() {
                break;
            }
        }
        anyhow::Ok(())
    });
    let removals = Removals {
        sender: Arc::clone(&sender),
        recorder,
        settings,
        alike: SystemicRefusal::default(),
        on_result,
    };
    let removed = removals.run(queue).await;
    if removed.is_err() {
        sender.stop.halt(Halt::Broken);
    }
    // The recorder's error first: the others follow from it.
    let (ledger, _) = ended("recorder", recording).await?;
    removed?;
    ended("reader of what is to be removed", reading).await?;
    Ok((ledger, sender.metrics.requests()))
}

/// The settings of the gates.
fn sending(settings: &RemovalSettings) -> Settings {
    Settings {
        pacing: settings.pacing,
        retry: settings.retry,
        landing: settings.landing,
        allowance: settings.allowance,
        existing: ExistingPolicy::Skip,
        plans: PlanRules::IMPORT,
        missing_contact: MissingContact::Unknown,
        stripe: false,
        selection: Selection::ALL,
        errors: 0,
        allowed_errors: u64::MAX,
        rejected: 0,
        applies: false,
    }
}

/// Starts removals, and passes on what became of them.
struct Removals<A, O, F> {
    sender: Arc<Sender<A, O>>,
    recorder: mpsc::Sender<RecorderMessage>,
    settings: RemovalSettings,
    alike: SystemicRefusal<RemovalResult>,
    on_result: F,
}

impl<A, O, F> Removals<A, O, F>
where
    A: CustomerApi,
    O: Observer,
    F: FnMut(RemovalResult) -> io::Result<()>,
{
    async fn run(mut self, mut queue: mpsc::Receiver<RemovalTarget>) -> anyhow::Result<()> {
        let mut tasks: JoinSet<Option<RemovalResult>> = JoinSet::new();
        let mut number = 0;
        loop {
            let has_room = tasks.is_empty()
                || tasks.len() < AT_ONCE && self.alike.has_room(RequestKinds::REMOVAL);
            tokio::select! {
                target = queue.recv(), if has_room => {
                    let Some(target) = target else { break };
                    number += 1;
                    let claimed = self.claimed(target, number).await?;
                    if self.sender.stop.is_halted() {
                        self.pending(&claimed)?;
                    } else {
                        self.start(&mut tasks, claimed);
                    }
                }
                Some(ended) = tasks.join_next() => self.ended(ended?)?,
            }
        }
        while let Some(ended) = tasks.join_next().await {
            self.ended(ended?)?;
        }
        for mut result in self.alike.rest() {
            if self.sender.stop.is_halted() {
                result.outcome = RemovalOutcome::Pending;
            }
            (self.on_result)(result).context("cannot write the results")?;
        }
        Ok(())
    }

    /// The target with what the ledger holds of it.
    async fn claimed(&self, target: RemovalTarget, number: u64) -> anyhow::Result<ClaimedRemoval> {
        match target {
            RemovalTarget::Listed(subject) => Ok(ClaimedRemoval::unclaimed(number, *subject)),
            RemovalTarget::Claim(id) => {
                let (answer, answered) = oneshot::channel();
                let read = RecorderMessage::Read { id, answer };
                self.recorder.send(read).await.ok();
                let record = answered.await.ok().flatten();
                let record = record.context("the checkpoint can't be read any more")?;
                Ok(ClaimedRemoval::of_claim(id, &record))
            }
        }
    }

    fn start(&mut self, tasks: &mut JoinSet<Option<RemovalResult>>, claimed: ClaimedRemoval) {
        self.alike.started(RequestKinds::REMOVAL);
        let (sender, recorder) = (Arc::clone(&self.sender), self.recorder.clone());
        let settings = self.settings;
        tasks.spawn(async move {
            let removing = Removing::new(&*sender, &recorder, &settings, claimed);
            removing.remove().await
        });
    }

    /// A customer that nothing was sent for.
    fn pending(&mut self, claimed: &ClaimedRemoval) -> anyhow::Result<()> {
        let subject = &claimed.subject;
        let result = RemovalResult {
            client_id: subject.client_id.clone(),
            customer_id: subject.customer_id.clone(),
            outcome: RemovalOutcome::Pending,
            request_id: None,
            attempts: 0,
            status: None,
            message: None,
        };
        (self.on_result)(result).context("cannot write the results")
    }

    /// A removal ended. Refusals are held back until one is accepted.
    fn ended(&mut self, result: Option<RemovalResult>) -> anyhow::Result<()> {
        let kinds = RequestKinds::REMOVAL;
        self.alike.ended(kinds);
        // The recorder has failed; its error is returned instead.
        let Some(result) = result else { return Ok(()) };
        let results = match result.outcome {
            RemovalOutcome::Removed => {
                let mut held = self.alike.accepted(kinds);
                held.push(result);
                held
            }
            RemovalOutcome::Failed => self.refused(result),
            RemovalOutcome::AlreadyGone
            | RemovalOutcome::NotOurs
            | RemovalOutcome::Changed
            | RemovalOutcome::Unresolved
            | RemovalOutcome::Pending => vec![result],
        };
        for result in results {
            (self.on_result)(result).context("cannot write the results")?;
        }
        Ok(())
    }

    /// Those of the refused removals whose fate is decided.
    fn refused(&mut self, result: RemovalResult) -> Vec<RemovalResult> {
        let message = result.message.clone().unwrap_or_default();
        let ids = [
            Some(result.client_id.as_str()),
            result.customer_id.as_deref(),
        ];
        let own = ids
            .into_iter()
            .flatten()
            .chain(result.request_id.as_deref());
        let words = words(result.status.unwrap_or_default(), &message, own);
        match self.alike.refused(RequestKinds::REMOVAL, &words, result) {
            RefusalVerdict::Held => Vec::new(),
            RefusalVerdict::Theirs(results) => results,
            RefusalVerdict::OneCause { kind, many, rows } => {
                self.sender.stop.halt(Halt::AllAlike {
                    rows: many,
                    kind: kind.name().into(),
                    message,
                });
                let pending = rows.into_iter().map(|result| RemovalResult {
                    outcome: RemovalOutcome::Pending,
                    ..result
                });
                pending.collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
