//! The doubles that the engine's tests use.
//!
//! - `rows.rs`: rows in memory
//! - `scripted_api.rs`: an API that answers from a list
//! - `memory_api.rs`: an API that keeps customers in memory
//! - `ledger.rs`: a ledger in memory

pub(super) mod ledger;
pub(super) mod memory_api;
pub(super) mod rows;
pub(super) mod scripted_api;

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::checker::CheckSettings;
use super::pace::backoff::RetryPolicy;
use super::pace::circuit_breaker::CircuitBreaker;
use super::pace::rate::Rate;
use super::pace::retry_budget::{Allowance, RetryBudget};
use super::pace::{PaceSettings, Pacer};
use super::send::absence::Landing;
use super::send::list_lookup::ListLookup;
use super::send::metrics::Metrics;
use super::send::sender::Sender;
use super::send::server_clock::ServerClock;
use super::stop::Stop;
use super::survey::settings::SurveySettings;
use super::wall_clock::WallClock;
use crate::domain::customer::Customer;
use crate::domain::decision::{ExistingPolicy, RowPolicy};
use crate::domain::plan_policy::PlanRules;
use crate::domain::remote::{MissingContact, RemoteCustomer};
use crate::report::{Event, Observer};

/// The fixed time of our clock.
pub(super) const NOW_MS: i64 = 1_000_000;

/// A `Date` of the server's, with our clock before and after: it bounds the server's clock
/// to at most a second ahead.
pub(super) const DATE: (i64, i64, i64) = (NOW_MS, NOW_MS, NOW_MS);

/// The first moment on the server's clock that is certainly not before a claim
/// made at [`NOW_MS`], once [`DATE`] is known.
pub(super) const CLAIMED_BY: i64 = NOW_MS + 1000;

/// A survey by two threads.
pub(super) fn survey_settings<'s>(
    check: &'s CheckSettings,
    folder: &'s Path,
    stop: &'s Stop,
) -> SurveySettings<'s> {
    SurveySettings {
        check,
        policy: RowPolicy::default(),
        folder,
        threads: 2,
        note_rows: false,
        stop,
    }
}

/// `customer` as Kable would hold it.
pub(super) fn remote_of(customer: &Customer, created: i64) -> RemoteCustomer {
    RemoteCustomer {
        customer_id: format!("cus_{}", customer.client_id()),
        client_id: customer.client_id().to_owned(),
        company_name: customer.company_name().to_owned(),
        currency: customer.currency().to_owned(),
        stripe_customer_id: None,
        status: "ACTIVE".to_owned(),
        brought_plan_ids: None,
        plan_ids: Some(customer.plan_ids().map(str::to_owned).collect()),
        bundle_ids: Some(customer.bundle_ids().map(str::to_owned).collect()),
        contact: Some(customer.contact().collect()),
        created: Some(created),
        modified: Some(created),
        namesake: None,
    }
}

/// A retry budget without a limit, for tests that are about something else.
pub(super) const UNLIMITED_RETRIES: Allowance = Allowance::new(f64::INFINITY, 20.0);

/// One look-up that finds nothing proves absence.
pub(super) const BELIEVING: Landing = Landing {
    given: Some(Duration::ZERO),
    timeout: Duration::from_secs(30),
    earlier: Duration::ZERO,
};

/// A sender to `api` with the usual retries, no rate limit, and a known server clock.
pub(super) fn sender_to<A>(api: A) -> Sender<A, EventLog> {
    let mut clock = ServerClock::default();
    clock.heard(DATE.0, DATE.1, DATE.2);
    Sender {
        lease: None,
        shared_pace: None,
        failed_elsewhere: std::sync::atomic::AtomicU64::new(0),
        api,
        observer: EventLog::default(),
        pace: Pacer::new(PaceSettings {
            ceiling: Rate::Unlimited,
            at_once: true,
            concurrency: 64,
        }),
        retry: RetryPolicy::default(),
        landing: BELIEVING,
        doubts_only: false,
        existing: ExistingPolicy::Skip,
        plans: PlanRules::IMPORT,
        missing_contact: MissingContact::Unknown,
        keys: false,
        metrics: Metrics::new(),
        stop: Stop::default(),
        wall: WallClock::stopped_at(NOW_MS),
        jitter: || 1.0,
        began: Instant::now(),
        budget: parking_lot::Mutex::new(RetryBudget::new(UNLIMITED_RETRIES)),
        breaker: parking_lot::Mutex::new(CircuitBreaker::default()),
        changed: Notify::new(),
        clock: parking_lot::Mutex::new(clock),
        earlier: Arc::default(),
        slowest: parking_lot::Mutex::default(),
        list: ListLookup::default(),
        stripe: false,
        systemic: parking_lot::Mutex::default(),
        legibility: parking_lot::Mutex::default(),
        absence_is_page: OnceLock::new(),
    }
}

/// Keeps the events that it observes.
#[derive(Debug, Clone, Default)]
pub(super) struct EventLog(Arc<Mutex<Vec<Event>>>);

impl EventLog {
    pub(super) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for EventLog {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// Retries at once, with the usual number of attempts.
pub(super) const EAGER: RetryPolicy = RetryPolicy {
    retries: 8,
    first_delay: Duration::ZERO,
    longest_delay: Duration::ZERO,
};
