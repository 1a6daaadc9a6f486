//! What all rows share: the API, the pace, and what each response means for the run.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::absence::{Doubt, Landing};
use super::facts::Facts;
use super::legibility::Legibility;
use super::list_lookup::ListLookup;
use super::metrics::Metrics;
use super::ownership::Clocks;
use super::retries::Blame;
use super::server_clock::ServerClock;
use super::systemic_failure::{FailedCreate, SystemicFailure};
use super::systemic_refusal::RequestKinds;
use crate::domain::bottleneck::{Bottleneck, Pacing};
use crate::domain::decision::ExistingPolicy;
use crate::domain::plan_policy::PlanRules;
use crate::domain::remote::MissingContact;
use crate::domain::send_times::SendTimes;
use crate::engine::pace::backoff::RetryPolicy;
use crate::engine::pace::circuit_breaker::{Access, CircuitBreaker, FailureContext};
use crate::engine::pace::retry_budget::RetryBudget;
use crate::engine::pace::timing::RequestTiming;
use crate::engine::pace::{Pacer, Permit};
use crate::engine::stop::{Halt, Stop};
use crate::engine::ticket::Ticket;
use crate::engine::wall_clock::WallClock;
use crate::kable::{CustomerApi, Exchange, Refusal, Trouble};
use crate::ledger::RunFigures;
use crate::ledger::workers::{LeaseDeadline, SharedPace};
use crate::report::{Event, Observer, Progress};

/// The pause if this machine has no room for a single request.
const CROWDED_PAUSE: Duration = Duration::from_secs(1);

/// What all workers share.
#[derive(Debug)]
pub(in crate::engine) struct Sender<A, O> {
    pub(in crate::engine) api: A,
    pub(in crate::engine) observer: O,
    pub(in crate::engine) pace: Pacer,
    pub(in crate::engine) retry: RetryPolicy,
    /// How long lost creates may take to land.
    pub(in crate::engine) landing: Landing,
    pub(in crate::engine) existing: ExistingPolicy,
    pub(in crate::engine) plans: PlanRules,
    /// What it means that a response has no `billingContact`.
    pub(in crate::engine) missing_contact: MissingContact,
    /// Whether only rows in doubt are settled: nothing is created or updated.
    pub(in crate::engine) doubts_only: bool,
    /// Whether creates ask for keys.
    pub(in crate::engine) keys: bool,
    pub(in crate::engine) metrics: Metrics,
    pub(in crate::engine) stop: Stop,
    pub(in crate::engine) wall: WallClock,
    /// Draws from 0 to 1.
    pub(in crate::engine) jitter: fn() -> f64,
    pub(in crate::engine) began: Instant,
    pub(in crate::engine) budget: Mutex<RetryBudget>,
    pub(in crate::engine) breaker: Mutex<CircuitBreaker>,
    pub(in crate::engine) changed: Notify,
    pub(in crate::engine) clock: Mutex<ServerClock>,
    /// When creates of earlier runs may have taken effect.
    pub(in crate::engine) earlier: Arc<SendTimes>,
    /// The longest time that a request took, with or without a response, or was seen to
    /// take to land.
    pub(in crate::engine) slowest: Mutex<Duration>,
    /// Rows that wait for the list of all customers.
    pub(in crate::engine) list: ListLookup,
    /// Whether creates ask for customers at Stripe (`--stripe`).
    pub(in crate::engine) stripe: bool,
    pub(in crate::engine) systemic: Mutex<SystemicFailure>,
    /// Whether answers about customers can be read.
    pub(in crate::engine) legibility: Mutex<Legibility>,
    /// Whether the API responds with a web page for an absent customer.
    pub(in crate::engine) absence_is_page: OnceLock<bool>,
    /// Until when this process may send, if another one can take its place.
    pub(in crate::engine) lease: Option<Arc<LeaseDeadline>>,
    /// What it shares with other workers.
    pub(in crate::engine) shared_pace: Option<Arc<dyn SharedPace>>,
    /// How many rows failed in other workers of this run.
    pub(in crate::engine) failed_elsewhere: AtomicU64,
}

/// What a response carries beside its meaning.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerTime {
    pub(super) sent: RequestTiming,
    /// The server's `Date`.
    pub(super) date_ms: Option<i64>,
}

impl<A: CustomerApi, O: Observer> Sender<A, O> {
    /// The context of a failure now.
    pub(super) fn failure(&self) -> FailureContext<'_> {
        FailureContext {
            now: self.began.elapsed(),
            policy: &self.retry,
            jitter: (self.jitter)(),
        }
    }

    /// How many milliseconds requests of this run that got no response may take to land.
    fn landing_ms(&self) -> u64 {
        let landing = self.landing.time(Doubt::Unanswered, *self.slowest.lock());
        u64::try_from(landing.as_millis()).unwrap_or(u64::MAX)
    }

    /// Sends one request, and learns from its latency, the server's clock and the limits in
    /// its headers.
    pub(super) async fn timed<T>(
        &self,
        permit: Permit<'_>,
        request: impl Future<Output = Exchange<T>>,
    ) -> (AnswerTime, T) {
        let sent_ms = self.wall.now_ms();
        let answered = request.await;
        let sent = permit.ended();
        self.took(sent.latency);
        let date_ms = answered.date_ms;
        if let Some(date_ms) = date_ms {
            self.metrics.took(sent.latency);
            self.clock
                .lock()
                .heard(date_ms, sent_ms, self.wall.now_ms());
        }
        if answered.advice.capped {
            let message = "the API asks for a longer pause than the hour that is obeyed";
            self.observer.observe(&Event::Trouble {
                message: message.to_owned(),
            });
        }
        if !answered.advice.quotas.is_empty() {
            self.pace.set_advertised(&answered.advice.quotas);
        }
        (AnswerTime { sent, date_ms }, answered.reply)
    }

    /// Learns the clock of `created` from a create that the API has just acknowledged.
    pub(super) fn made(&self, created_ms: Option<i64>, latency: Duration) {
        let Some(created_ms) = created_ms else {
            return;
        };
        let now_ms = self.wall.now_ms();
        let latency_ms = i64::try_from(latency.as_millis()).unwrap_or(i64::MAX);
        let sent_ms = now_ms.saturating_sub(latency_ms);
        self.clock.lock().made(created_ms, sent_ms, now_ms);
    }

    /// What a failed request is attributed to; `on_trial` if it was the trial for an outage
    /// of writes.
    pub(super) fn blame(&self, trouble: &Trouble, access: Access, on_trial: bool) -> Blame {
        let blame = if trouble.local {
            Blame::Machine(self.crowded(trouble))
        } else if self.is_outage(trouble, access) {
            Blame::Outage
        } else {
            self.report(trouble);
            Blame::Row
        };
        if on_trial {
            self.trial_failed();
        }
        blame
    }

    /// Reports a failure that is no outage to the observer.
    pub(super) fn report(&self, trouble: &Trouble) {
        let message = trouble.message.clone();
        self.observer.observe(&Event::Trouble { message });
    }

    /// This machine had no room for a request: reduces the requests in flight. Returns how
    /// long to pause.
    fn crowded(&self, trouble: &Trouble) -> Duration {
        if let Some(most) = self.pace.local_resources_exhausted() {
            let message = trouble.message.clone();
            self.observer.observe(&Event::Crowded { message, most });
        }
        // If others are in flight, one of them makes room; else wait for the shortage to
        // end.
        if self.pace.in_flight() == 0 {
            CROWDED_PAUSE
        } else {
            Duration::ZERO
        }
    }

    /// Whether a failure counts toward an outage.
    fn is_outage(&self, trouble: &Trouble, access: Access) -> bool {
        let failure = self.failure();
        let was_down = self.breaker().is_down(Access::Write);
        // A response that is no server error comes from a working API, however odd it is,
        // unless it is a web page.
        let is_odd = trouble.status.is_some_and(|status| status < 500) && !trouble.is_page;
        let is_down = if is_odd {
            let ended = self.breaker().answered(failure.now);
            self.is_there(ended);
            access == Access::Write && self.breaker().odd_write(failure)
        } else {
            self.breaker().trouble(failure, access, trouble.wait)
        };
        if is_down {
            if !was_down {
                let message = trouble.message.clone();
                self.observer.observe(&Event::Down { message });
            }
            self.changed.notify_waiters();
        }
        is_down
    }

    /// The API responded.
    pub(super) fn answered(&self, sent: RequestTiming) {
        self.pace.accepted(sent);
        let ended = self.breaker().answered(self.began.elapsed());
        self.is_there(ended);
    }

    /// The API responded to a create or an update.
    pub(super) fn worked(&self, sent: RequestTiming) {
        self.pace.accepted(sent);
        self.has_worked();
    }

    /// The same, and its answer had a customer.
    pub(super) fn worked_with_customer(&self, sent: RequestTiming) {
        self.worked(sent);
        self.has_read();
    }

    /// A create or an update got a response, or turned out to have been done.
    pub(super) fn has_worked(&self) {
        Metrics::count(&self.metrics.worked);
        let ended = self.breaker().worked(self.began.elapsed());
        self.is_there(ended);
    }

    pub(super) fn is_there(&self, outage_ended: bool) {
        if outage_ended {
            self.changed.notify_waiters();
            if !self.breaker().is_down(Access::Write) {
                self.observer.observe(&Event::Up);
            }
        }
    }

    /// The server limits the rate (429): no request starts for a while.
    pub(super) fn hold_back(&self, sent: RequestTiming, wait: Option<Duration>) {
        Metrics::count(&self.metrics.throttled);
        // A server that limits the rate is reachable.
        let ended = self.breaker().answered(self.began.elapsed());
        self.is_there(ended);
        let jitter = (self.jitter)();
        if let Some(wait) = self.pace.refused(sent, wait, &self.retry, jitter) {
            self.observer.observe(&Event::Paused { wait });
        }
    }

    /// The credentials are refused: stops the run.
    pub(super) fn shut_out(&self, refusal: &Refusal) {
        self.stop.halt(Halt::Denied {
            message: format!("status {}: {}", refusal.status, refusal.message),
        });
    }

    /// A look-up failed, after `earlier` ones of its row: if no answer can be read, the run
    /// stops. Each create whose answer can't be read is followed by a look-up.
    pub(super) fn has_not_read(&self, trouble: &Trouble, earlier: u32) {
        if self.legibility.lock().is_hopeless_after(trouble, earlier) {
            let message = trouble.message.clone();
            self.stop.halt(Halt::Unreadable { message });
        }
    }

    /// An answer had a customer.
    pub(super) fn has_read(&self) {
        self.legibility.lock().has_read();
    }

    /// A create succeeded.
    pub(super) fn went_through(&self, ticket: &Ticket) {
        let kinds = RequestKinds::of_create(&ticket.customer, self.stripe);
        self.systemic.lock().accepted(kinds);
    }

    /// The API answered a create with an error, and the customer is absent: if many rows
    /// fail for one cause, the run stops. Returns whether creates of other kinds
    /// work meanwhile and none of its own kind did.
    pub(super) fn failed(&self, ticket: &Ticket, trouble: &Trouble, words: &str) -> bool {
        let failed = FailedCreate {
            id: ticket.id,
            kinds: RequestKinds::of_create(&ticket.customer, self.stripe),
            words,
            now: self.began.elapsed(),
            worked: Metrics::read(&self.metrics.worked),
        };
        let verdict = self.systemic.lock().failed(failed);
        if let Some((kind, rows)) = verdict.one_cause {
            self.stop.halt(Halt::AllAlike {
                rows,
                kind: kind.name().into(),
                message: trouble.message.clone(),
            });
        }
        verdict.others_work
    }

    pub(super) fn breaker(&self) -> MutexGuard<'_, CircuitBreaker> {
        self.breaker.lock()
    }

    /// What is known now, apart from the row, to judge a response.
    pub(super) fn facts(&self) -> Facts {
        Facts {
            now: self.began.elapsed(),
            clocks: Clocks {
                server: *self.clock.lock(),
                now_ms: self.wall.now_ms(),
                earlier: Arc::clone(&self.earlier),
            },
            worked: Metrics::read(&self.metrics.worked),
            absence_is_page: self.absence_is_page.get().is_some(),
            landing: self.landing,
            slowest: *self.slowest.lock(),
            retry: self.retry,
            jitter: (self.jitter)(),
            existing: self.existing,
            plans: self.plans,
            missing_contact: self.missing_contact,
            keys: self.keys,
        }
    }

    /// Records how long a request took to land: others may take as long.
    pub(super) fn took(&self, time: Duration) {
        let mut slowest = self.slowest.lock();
        *slowest = (*slowest).max(time);
    }

    /// The rate, and what limits it.
    pub(super) fn pacing(&self) -> Pacing {
        let mut pacing = self.pace.pacing();
        pacing.waiting = Metrics::read(&self.metrics.waiting);
        if self.breaker().is_down(Access::Write) {
            pacing.bound = Bottleneck::Down;
        }
        pacing
    }

    /// Reports `progress`, with the requests and the pace of now.
    pub(super) fn report_progress(&self, progress: &mut Progress) {
        progress.totals.requests = self.metrics.requests();
        progress.totals.latencies = self.metrics.latency_buckets();
        progress.pacing = self.pacing();
        let progress = Box::new(*progress);
        self.observer.observe(&Event::Progress(progress));
    }

    /// The run's figures so far.
    pub(super) fn figures(&self) -> RunFigures {
        RunFigures {
            latencies: self.metrics.latencies(),
            ..self.counts()
        }
    }

    /// The run's figures so far, without its latencies, which are many.
    pub(super) fn counts(&self) -> RunFigures {
        RunFigures {
            elapsed_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            requests: self.metrics.requests(),
            latencies: Vec::new(),
            clock_ahead_ms: self.clock.lock().most_ahead_ms(),
            pacing: Some(self.pacing()),
            landing_ms: self.landing_ms(),
            timeline: None,
        }
    }
}
