//! The settings of a sandbox.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::throttle::phases::Rps;
use crate::sandbox::faults::Fault;
use crate::sandbox::throttle::RateHeaders;

/// The `Kable-Client-Id` that a sandbox accepts by default.
pub const CLIENT_ID: &str = "kci_5a6d0c1e5a6d0c1e5a6d0c1e5a6d0c1e";

/// The `Kable-Client-Secret` that a sandbox accepts by default. It is valid nowhere else.
pub const CLIENT_SECRET: &str = "sk_test.sandbox-only-not-a-secret";

/// How a sandbox behaves, and where it listens.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent switch"
)]
pub struct Settings {
    /// The SQLite file of its customers; created if it is missing.
    pub database: PathBuf,
    /// The address to listen on; with port 0 the system chooses one.
    pub address: SocketAddr,
    /// The only `Kable-Client-Id` that it accepts.
    pub client_id: String,
    /// The only `Kable-Client-Secret` that it accepts.
    pub client_secret: String,
    /// The rate above which it answers 429.
    pub requests_per_second: Option<Rps>,
    /// The headers that describe this rate.
    pub rate_headers: RateHeaders,
    /// How long every response is held back after the work is done.
    pub latency: Duration,
    /// How many requests spend their `latency` at the same time; others queue, so more
    /// requests in flight only take longer. 0 is no limit.
    pub at_once: usize,
    /// Whether the account is connected to Stripe.
    pub stripe_connected: bool,
    /// The status for a create whose `clientId` exists: the reference leaves it open.
    pub exists_status: u16,
    /// How long look-ups and the list still show a customer as it was before a change.
    /// Writes see the change at once.
    pub read_lag: Duration,
    /// Whether `clientId`s that differ only in case are the same.
    pub ignore_case: bool,
    /// Whether a create whose `clientId` exists succeeds with the existing customer.
    pub upsert: bool,
    /// Whether such a create also updates the customer.
    pub upsert_updates: bool,
    /// Whether a customer's `stripeCustomerId` is shown: document 1.2.1 has it, 1.0.0 has not.
    pub show_stripe_ids: bool,
    /// How it misbehaves; if several faults match a request, the first one strikes.
    pub faults: Vec<Fault>,
    /// The seed of everything random, so that a run can be repeated.
    pub seed: u64,
    /// The clock for `created`, `modified` and `Date`.
    pub now: fn() -> SystemTime,
}

impl Settings {
    /// A well-behaved sandbox over `database`, on a port of the system's choice.
    pub fn new(database: impl Into<PathBuf>) -> Self {
        Self {
            database: database.into(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.to_owned(),
            requests_per_second: None,
            rate_headers: RateHeaders::default(),
            latency: Duration::ZERO,
            at_once: 0,
            stripe_connected: false,
            exists_status: 409,
            read_lag: Duration::ZERO,
            ignore_case: false,
            upsert: false,
            upsert_updates: false,
            show_stripe_ids: false,
            faults: Vec::new(),
            seed: 1,
            now: wall_clock,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the default of `Settings::now`, which replaces it"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
