//! Feed, dispatch, record: two bounded queues and one stop signal.
//!
//! - `batch_size.rs`: how many rows are claimed at once
//! - `feed.rs`: rows become tickets, claimed in batches before they go on
//! - `passed_rows.rs`: rows that the feed passes over, which are not read
//! - `part_feed.rs`: how the input is read part by part, in a run that several workers share
//! - `queue.rs`: the rows that are next, and rows that wait for a time
//! - `selection.rs`: which rows are sent
//! - `dispatch.rs`: starts rows, and passes their results to the recorder
//! - `sender.rs`: what all rows share, and what a response means for the run
//! - `admission.rs`: the gates before every request
//! - `delivery.rs`: one row in flight, from its first request to its end
//! - `row_state.rs`: what a response means for the row, and which request is next
//! - `seen_customer.rs`: what the API has shown of a row's customer
//! - `addressing.rs`: the path by which a customer is changed
//! - `retries.rs`: how often a row was tried, and when it may be tried again
//! - `facts.rs`: what the run knows when a response is judged
//! - `settle.rs`: how a row ended → its settlement
//! - `look_up.rs`: finds out whether a customer exists
//! - `legibility.rs`: whether answers about customers can be read
//! - `list_lookup.rs`: rows that wait for the list of all customers
//! - `absence.rs`: when a customer that was not found is proved absent
//! - `ownership.rs`: whether an existing customer is this checkpoint's
//! - `server_clock.rs`: how far the server's clock can be ahead of ours
//! - `systemic_refusal.rs`: refusals with one cause
//! - `keyless_creates.rs`: creates that ask for keys and get none
//! - `systemic_failure.rs`: server errors with one cause
//! - `orphaned_claims.rs`: claims in doubt whose rows have left the input
//! - `removal/`: cancels or deletes customers, through the same gates
//! - `canary.rs`: the first rows are read back before any other is sent
//! - `metrics.rs`: counts requests and their latencies
//! - `inbox.rs`: what is asked of the recorder
//! - `record.rs`: the ledger's only writer
//! - `open_parts.rs`: which parts of the input are done, in a run that several workers share
//! - `simulation/`: a thousand workers in virtual time, as a test

pub mod absence;
mod addressing;
mod admission;
mod batch_size;
pub mod canary;
mod delivery;
mod dispatch;
mod facts;
mod feed;
mod inbox;
mod keyless_creates;
pub(super) mod legibility;
pub(super) mod list_lookup;
mod look_up;
pub mod metrics;
mod misdirection;
mod open_parts;
pub mod orphaned_claims;
mod ownership;
mod part_feed;
mod passed_rows;
mod queue;
mod record;
pub mod removal;
mod retries;
mod row_state;
mod seen_customer;
pub mod selection;
pub(super) mod sender;
pub(super) mod server_clock;
mod settle;
mod systemic_failure;
mod systemic_refusal;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::absence::Landing;
use self::batch_size::BatchSize;
use self::canary::CanaryResult;
use self::dispatch::Dispatch;
use self::feed::Feed;
use self::list_lookup::ListLookup;
use self::metrics::Metrics;
use self::open_parts::OpenParts;
use self::orphaned_claims::Orphans;
pub use self::part_feed::PartFeed;
use self::queue::{TicketQueue, WaitingRows};
use self::record::Recorder;
use self::selection::Selection;
use self::sender::Sender;
use self::server_clock::ServerClock;
use super::checker::CheckSettings;
use super::claim_numbers::ClaimNumbers;
use super::pace::backoff::RetryPolicy;
use super::pace::circuit_breaker::CircuitBreaker;
use super::pace::retry_budget::{Allowance, RetryBudget};
use super::pace::token_bucket::TokenBucket;
use super::pace::{PaceSettings, Pacer};
use super::stop::Stop;
use super::survey::finding_store::Verdicts;
use super::sync::plan::SyncPlan;
use super::wall_clock::WallClock;
use crate::domain::decision::ExistingPolicy;
use crate::domain::plan_policy::PlanRules;
use crate::domain::remote::MissingContact;
use crate::domain::row::Rows;
use crate::domain::summary::{OrphanCounts, RequestCounts};
use crate::domain::timeline::TimelineRecorder;
use crate::kable::CustomerApi;
use crate::ledger::Ledger;
use crate::ledger::workers::OtherWorkers;
use crate::report::keys::KeyFile;
use crate::report::{Observer, Progress};

/// How many messages may wait for the recorder.
const WAITING: usize = 4096;

/// How a run sends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The rate and the number of requests in flight.
    pub pacing: PaceSettings,
    /// Retries and backoff.
    pub retry: RetryPolicy,
    /// How long lost creates may take to land.
    pub landing: Landing,
    /// The retry budget.
    pub allowance: Allowance,
    /// What is done about customers that exist and differ.
    pub existing: ExistingPolicy,
    /// What is compared and changed of plans and bundles.
    pub plans: PlanRules,
    /// What it means that a response has no `billingContact`.
    pub missing_contact: MissingContact,
    /// Whether creates ask for customers at Stripe.
    pub stripe: bool,
    /// Which rows are sent.
    pub selection: Selection,
    /// Rows rejected or failed before this run sends.
    pub errors: u64,
    /// How many rows may be rejected or fail.
    pub allowed_errors: u64,
    /// Rows that were rejected.
    pub rejected: u64,
    /// Whether a saved plan is applied, for which the customers were listed.
    pub applies: bool,
}

/// The parts of a pipeline.
pub struct PipelineParts<R, A, L, O> {
    /// The input, from its start.
    pub rows: R,
    /// What rows are checked against.
    pub reading: Arc<CheckSettings>,
    /// The result of the survey.
    pub verdicts: Verdicts,
    /// What a sync does with each row; `None` if the survey decides.
    pub sync: Option<SyncPlan>,
    /// Claims in doubt without a row, to be looked up beside the rows.
    pub orphans: Orphans,
    /// The numbers of new claims.
    pub numbers: ClaimNumbers,
    /// Whether the ledger may have lost claims.
    pub gaps: bool,
    /// What it does in a run that several workers share.
    pub parts: Option<PartFeed<R>>,
    /// The API.
    pub api: A,
    /// The ledger.
    pub ledger: L,
    /// Where keys are written, with `--keys`.
    pub keys: Option<KeyFile>,
    /// Receives events.
    pub observer: O,
    /// Stop signal, clock and random numbers.
    pub context: RunContext,
}

/// What a run depends on: the stop signal, the clock and random numbers.
#[derive(Debug, Clone)]
pub struct RunContext {
    /// Stops it.
    pub stop: Stop,
    /// Our clock.
    pub wall: WallClock,
    /// Draws from 0 to 1.
    pub jitter: fn() -> f64,
    /// The token bucket of `--rate`, if it is shared with the calls before the first create
    /// and with the canary.
    pub bucket: Option<Arc<TokenBucket>>,
    /// The server's `Date`s, each with `wall` before and after.
    pub dates: Vec<(i64, i64, i64)>,
}

impl<R, A, L, O> std::fmt::Debug for PipelineParts<R, A, L, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipelineParts").finish_non_exhaustive()
    }
}

/// What a pipeline returns at its end.
#[derive(Debug)]
pub struct PipelineResult<L> {
    /// The ledger.
    pub ledger: L,
    /// The result of the survey, for the account.
    pub verdicts: Verdicts,
    /// What a sync does with each row, for the account.
    pub sync: Option<SyncPlan>,
    /// The outcomes of claims without a row.
    pub left: OrphanCounts,
    /// The requests.
    pub requests: RequestCounts,
    /// The results of reading the canary's rows back.
    pub sightings: Vec<CanaryResult>,
}

/// Sends the rows that the survey left to send.
///
/// # Errors
///
/// If the input or the ledger fails. What was settled is on disk.
#[expect(
    clippy::too_many_lines,
    reason = "it joins the stages, each of which is a struct of its parts"
)]
pub async fn run<R, A, L, O>(
    mut parts: PipelineParts<R, A, L, O>,
    mut settings: Settings,
) -> anyhow::Result<PipelineResult<L>>
where
    R: Rows<Error: std::error::Error + Send + Sync + 'static> + Send + 'static,
    A: CustomerApi,
    L: Ledger + 'static,
    O: Observer,
{
    let earlier_ms = parts.ledger.landing_ms(parts.context.wall.now_ms())?;
    settings.landing.earlier = Duration::from_millis(earlier_ms);
    let asks_for_keys = parts.keys.is_some();
    let sender = build_sender(
        parts.api,
        parts.observer,
        &settings,
        &parts.context,
        (asks_for_keys, &mut parts.ledger),
    )?;
    let stop = parts.context.stop;
    let (recorder, inbox) = mpsc::channel(WAITING);
    let (tickets, batches) = mpsc::channel(1);
    let hurry = Arc::new(Notify::new());
    let demand = Arc::new(Semaphore::new(0));

    let record = Recorder {
        ledger: parts.ledger,
        keys: parts.keys,
        sender: Arc::clone(&sender),
        wall: parts.context.wall,
        progress: Progress::default(),
        hurry: Arc::clone(&hurry),
        figured: None,
        timeline: TimelineRecorder::after_rejecting(settings.rejected),
        written: Instant::now(),
        parts: OpenParts::default(),
        others: OtherWorkers::default(),
        asked: None,
    };
    let recording = tokio::task::spawn_blocking(move || record.record(inbox, &Handle::current()));
    let feed = Feed {
        rows: parts.rows,
        reading: parts.reading,
        verdicts: parts.verdicts,
        sync: parts.sync,
        numbers: parts.numbers,
        parts: parts.parts,
        gaps: parts.gaps,
        batch: BatchSize::at(settings.pacing.ceiling),
        selection: settings.selection,
        sent_ahead: settings.selection.sent_ahead(),
        applies: settings.applies,
        stop,
        recorder: recorder.clone(),
        hurry: Arc::clone(&hurry),
        tickets,
        demand: Arc::clone(&demand),
        runtime: Handle::current(),
        began: sender.began,
    };
    let feeding = tokio::task::spawn_blocking(move || feed.feed());
    let asking = tokio::spawn(orphaned_claims::ask(
        parts.orphans,
        Arc::clone(&sender),
        recorder.clone(),
    ));
    let dispatch = Dispatch {
        sender: Arc::clone(&sender),
        concurrency: settings.pacing.concurrency,
        canary: settings.selection.read_back().is_some(),
        stripe: settings.stripe,
        errors: settings.errors,
        allowed_errors: settings.allowed_errors,
        recorder,
        alike: systemic_refusal::SystemicRefusal::default(),
        held_back: None,
        keyless: keyless_creates::KeylessCreates::default(),
        waiting: WaitingRows::default(),
        said_until: Duration::ZERO,
    };
    // Run on a worker thread, with the requests: here, each row would wake a thread twice.
    let dispatching = tokio::spawn(dispatch.dispatch(TicketQueue::of(batches, demand)));
    let dispatched = ended("dispatcher", dispatching).await;
    let asked = ended("look-up of claims without a row", asking).await;
    hurry.notify_one();
    // The recorder's error first: the others follow from it.
    let (mut ledger, mut progress) = ended("recorder", recording).await?;
    let left = match ended("feed", feeding).await {
        Ok(left) => left,
        // What was sent is settled: the run ended and was not killed.
        Err(error) => {
            ledger.end("stopped", parts.context.wall.now_ms())?;
            return Err(error);
        }
    };
    dispatched?;
    let left_the_file = asked?;
    let sightings = canary::read_back(left.ahead, &sender, &mut ledger).await?;
    if !sightings.is_empty() {
        sender.report_progress(&mut progress);
    }
    Ok(PipelineResult {
        ledger,
        verdicts: left.verdicts,
        sync: left.sync,
        left: left_the_file,
        requests: sender.metrics.requests(),
        sightings,
    })
}

/// What all rows share, at the start.
fn build_sender<A: CustomerApi, O: Observer>(
    api: A,
    observer: O,
    settings: &Settings,
    context: &RunContext,
    (keys, ledger): (bool, &mut impl Ledger),
) -> anyhow::Result<Arc<Sender<A, O>>> {
    Ok(Arc::new(Sender {
        earlier: Arc::new(ledger.send_times()?),
        lease: ledger.lease(),
        shared_pace: ledger.shared().and_then(|shared| shared.pace()),
        failed_elsewhere: AtomicU64::new(0),
        api,
        observer,
        pace: match &context.bucket {
            Some(bucket) => Pacer::sharing(settings.pacing, Some(Arc::clone(bucket))),
            None => Pacer::new(settings.pacing),
        },
        retry: settings.retry,
        existing: settings.existing,
        plans: settings.plans,
        missing_contact: settings.missing_contact,
        keys,
        metrics: Metrics::new(),
        stop: context.stop.clone(),
        wall: context.wall,
        jitter: context.jitter,
        began: Instant::now(),
        budget: Mutex::new(RetryBudget::new(settings.allowance)),
        breaker: Mutex::new(CircuitBreaker::default()),
        changed: Notify::new(),
        clock: Mutex::new(ServerClock::begun(&context.dates)),
        slowest: Mutex::default(),
        list: ListLookup::default(),
        stripe: settings.stripe,
        systemic: Mutex::default(),
        legibility: Mutex::default(),
        absence_is_page: OnceLock::new(),
        landing: settings.landing,
        doubts_only: settings.selection == Selection::InDoubt,
    }))
}

/// The result of a stage that runs in its own task.
async fn ended<T>(stage: &str, handle: JoinHandle<anyhow::Result<T>>) -> anyhow::Result<T> {
    handle
        .await
        .with_context(|| format!("the {stage} failed; this is a bug in kable-bulk"))?
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
