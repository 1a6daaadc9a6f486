//! What a sandbox is told at its start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::throttle::phases::Rps;
use crate::sandbox::faults::Fault;
use crate::sandbox::throttle::RateHeaders;

/// The `Kable-Client-Id` that a sandbox takes if not told another.
pub const CLIENT_ID: &str = "kci_5a6d0c1e5a6d0c1e5a6d0c1e5a6d0c1e";

/// The `Kable-Client-Secret` that a sandbox takes if not told another. It opens nothing else.
pub const CLIENT_SECRET: &str = "sk_test.sandbox-only-not-a-secret";

/// How a sandbox is to be.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that is set by itself"
)]
pub struct Settings {
    /// The SQLite file of its customers; made if it is missing.
    pub database: PathBuf,
    /// Where it listens; port 0 leaves the choice to the system.
    pub address: SocketAddr,
    /// The one `Kable-Client-Id` it takes.
    pub client_id: String,
    /// The one `Kable-Client-Secret` it takes.
    pub client_secret: String,
    /// Requests a second above which it answers 429.
    pub requests_per_second: Option<Rps>,
    /// Which headers tell of that rate.
    pub rate_headers: RateHeaders,
    /// How long every answer takes, after the work is done.
    pub latency: Duration,
    /// How many requests it works at at once; others wait for their turn, so that
    /// more of them only take longer. 0 is no limit.
    pub at_once: usize,
    /// Whether the account is connected to Stripe.
    pub stripe_connected: bool,
    /// The status for a create whose `clientId` is there: the reference leaves it open.
    pub exists_status: u16,
    /// How long after a change a look-up and the list still show what was before it.
    /// Writes see the change at once.
    pub read_lag: Duration,
    /// Whether `clientId`s that differ in case only are one.
    pub ignore_case: bool,
    /// Whether a create for a `clientId` that is there is answered with that customer, as with success.
    pub upsert: bool,
    /// Whether such a create also updates the customer.
    pub upsert_updates: bool,
    /// Whether a customer's `stripeCustomerId` is shown: document 1.2.1 has it, 1.0.0 has not.
    pub show_stripe_ids: bool,
    /// How it misbehaves; of several that would strike, the first does.
    pub faults: Vec<Fault>,
    /// Where chance begins, so that a run can be had again.
    pub seed: u64,
    /// What time it is, for `created`, `modified` and `Date`.
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
    reason = "a server's own clock; whoever wants another sets `now`"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
