//! The Kable API as the engine sees it: one request, and what came of it.
//!
//! No status codes above this floor: a [`Reply`] says what an answer *means*.
//! [`Failure::Unsent`] and [`Failure::Unknown`] are two because they differ in the
//! one thing that matters: may the customer exist now?
//!
//! - `client.rs`: one request out, one meaning back
//! - `customers.rs`: the calls about one customer
//! - `listing.rs`: the call that lists all customers
//! - `array_stream.rs`: a JSON array that comes in pieces
//! - `wire.rs`: the JSON that goes over the wire, both ways
//! - `response.rs`: a whole answer → what it means
//! - `failure.rs`: what it means that no whole answer came
//! - `headers.rs`: what headers say about time and identity
//! - `limits.rs`: what headers say about how fast one may go
//! - `structured_fields.rs`: the grammar of such headers (RFC 9651)
//! - `message.rs`: what a body says to people
//! - `redaction.rs`: takes secrets out of text that a server gave back
//! - `decoding.rs`: the escapes by which a text may hide another

mod array_stream;
pub mod client;
mod customers;
mod decoding;
mod failure;
mod headers;
mod limits;
mod listing;
mod message;
mod redaction;
mod response;
mod structured_fields;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::customer::Customer;
use crate::domain::remote::RemoteCustomer;
use crate::domain::update::CustomerUpdate;

/// An API key that Kable made for a customer. It is shown only once.
pub type Key = secrecy::SecretString;

/// An answer that says no.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What the API says, or what stands there instead.
    pub message: String,
    /// `X-REQUEST-ID`.
    pub request_id: Option<String>,
}

impl Refusal {
    /// Whether it may say that the customer exists already. No status is documented
    /// for that, so the words count as well.
    pub fn may_say_exists(&self) -> bool {
        const WORDS: [&str; 6] = [
            "exist",
            "already",
            "duplicate",
            "unique",
            "taken",
            "conflict",
        ];
        let message = self.message.to_lowercase();
        self.status == 409 || WORDS.iter().any(|word| message.contains(word))
    }

    /// The same, where it settles nothing.
    pub fn into_trouble(self) -> Trouble {
        Trouble {
            status: Some(self.status),
            message: format!("status {}: {}", self.status, self.message),
            request_id: self.request_id,
            ..Trouble::default()
        }
    }
}

/// Why it isn't known what became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What happened; reads on after "the API: ".
    pub message: String,
    /// `X-REQUEST-ID`, where there was an answer.
    pub request_id: Option<String>,
    /// How long the server wants to be left alone.
    pub wait: Option<Duration>,
    /// Whether it is this machine's and no matter of the network or the server:
    /// it has no more descriptors, ports or buffers for a connection.
    pub local: bool,
    /// Whether the API itself answered that it failed (500 with its message), and
    /// no proxy or network in between.
    pub by_api: bool,
    /// Whether it is a web page, which no answer of the API's is.
    pub is_page: bool,
}

/// A customer that was created, as far as the engine needs it.
#[derive(Debug, Clone)]
pub struct Created {
    /// Kable's id for it.
    pub customer_id: String,
    /// Its keys, where they were asked for.
    pub keys: Vec<Key>,
    /// `created`, in Unix milliseconds by the server's clock, where it was given.
    pub created: Option<i64>,
    /// Whether the answer names another company or currency than was sent.
    pub altered: bool,
}

/// What came of one create, or of one update.
#[derive(Debug, Clone)]
pub enum Reply<T> {
    /// It was done.
    Done {
        /// The customer that came of it.
        customer: T,
        /// The HTTP status.
        status: u16,
        /// `X-REQUEST-ID`.
        request_id: Option<String>,
    },
    /// The API refused it. It may have refused because the customer exists:
    /// no status is documented for that, so none is relied on.
    Refused(Refusal),
    /// Nothing was learnt about the customer.
    Failed(Failure),
}

/// Why a request brought no answer about its customer.
#[derive(Debug, Clone)]
pub enum Failure {
    /// Not allowed (401, 403); nothing was done. Whether the credentials don't hold
    /// or something refuses this one request, only `/authenticate` can tell.
    Denied(Refusal),
    /// Too many requests (429); nothing was done. How long the server asks to wait.
    Throttled(Option<Duration>),
    /// The request certainly did not reach the API.
    Unsent(Trouble),
    /// There was no answer, or none that can be read: what was asked for may have
    /// been done.
    Unknown(Trouble),
}

/// What came of the question whether a customer is there.
#[derive(Debug, Clone)]
pub enum LookUpReply {
    /// It is there.
    There {
        /// The customer, as Kable holds it.
        remote: Box<RemoteCustomer>,
        /// `X-REQUEST-ID`.
        request_id: Option<String>,
    },
    /// It is not.
    Absent,
    /// A web page says that it is not: the API's own way, or a proxy without the
    /// API behind it.
    AbsentPage(Trouble),
    /// Another customer was found under this id.
    Other {
        /// That customer, as Kable holds it.
        remote: Box<RemoteCustomer>,
        /// `X-REQUEST-ID`.
        request_id: Option<String>,
    },
    /// Nothing was learnt about the customer.
    Failed(Failure),
}

/// An answer, and when the server says it gave it.
#[derive(Debug, Clone)]
pub struct Exchange<T> {
    /// What it means.
    pub reply: T,
    /// The server's `Date`, in Unix milliseconds (whole seconds).
    pub date_ms: Option<i64>,
    /// What the server says about how fast one may go.
    pub advice: Advice,
}

impl<T> Exchange<T> {
    /// The same answer, with another meaning.
    pub fn map<U>(self, meaning: impl FnOnce(T) -> U) -> Exchange<U> {
        Exchange {
            reply: meaning(self.reply),
            date_ms: self.date_ms,
            advice: self.advice,
        }
    }
}

/// What one response's headers say about how fast one may go. Most say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advice {
    /// How long the server wants to be left alone: `Retry-After` (RFC 9110
    /// §10.2.3), but an hour at most.
    pub wait: Option<Duration>,
    /// Whether the server asked for more than `wait`, which is then the longest
    /// that is obeyed.
    pub capped: bool,
    /// The limits that the server tells of, at most sixteen. A name that it gives
    /// twice is here twice.
    pub quotas: Vec<Quota>,
}

/// What a server says of one of its limits: the IETF's
/// draft-ietf-httpapi-ratelimit-headers, or the customs that it grew out of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quota {
    /// The policy's name, the same on every response; empty where the server
    /// has no names.
    pub name: String,
    /// How many are allowed in `window`, or at once where the unit is
    /// [`QuotaUnit::InFlight`]; `None` where not told.
    pub limit: Option<u64>,
    /// The span that `limit` is for, never zero and at most a year; `None` where
    /// not told.
    pub window: Option<Duration>,
    /// How many are left, rounded down. It may be more than `limit`. `None`
    /// where not told.
    pub remaining: Option<u64>,
    /// How long from the response until there are more, at most a year; `None`
    /// where not told. A moment is turned into a span by the server's own
    /// `Date`.
    pub reset: Option<Duration>,
    /// What is counted.
    pub unit: QuotaUnit,
}

/// What a quota counts. Quotas of bytes, or of anything else, are not told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QuotaUnit {
    /// Requests, over time (`requests`).
    #[default]
    Requests,
    /// Requests that are under way at once (`concurrent-requests`).
    InFlight,
}

/// The calls that an import needs.
///
/// Each sends one request; none retries and none sleeps, so that every attempt
/// is paced and counted by the caller.
pub trait CustomerApi: Send + Sync + 'static {
    /// Creates `customer`.
    fn create(&self, customer: &Customer) -> impl Future<Output = Exchange<Reply<Created>>> + Send;

    /// Changes the customer with this `clientId`.
    fn update(
        &self,
        client_id: &str,
        change: &CustomerUpdate,
    ) -> impl Future<Output = Exchange<Reply<Box<RemoteCustomer>>>> + Send;

    /// Finds out whether the API is there and the credentials hold.
    fn reach(&self) -> impl Future<Output = Exchange<ProbeReply>> + Send;

    /// Asks for the customer with this `clientId`.
    fn find(&self, client_id: &str) -> impl Future<Output = Exchange<LookUpReply>> + Send;

    /// Looks for the customers with these `clientId`s in the list of all, for those
    /// that can't be found by path: what was found of each, in their order.
    ///
    /// An id that differs from a customer's in case only finds [`LookUpReply::Other`].
    fn find_in_list(
        &self,
        client_ids: &[String],
    ) -> impl Future<Output = Exchange<Result<Vec<LookUpReply>, Trouble>>> + Send;
}

/// What came of the question whether the API is there.
#[derive(Debug, Clone)]
pub enum ProbeReply {
    /// It is, and does not refuse the credentials.
    Good,
    /// It refuses the credentials.
    Denied(Refusal),
    /// There was no answer, a server error, or no answer of the API's.
    Trouble(Trouble),
}

/// What came of a call that is made before the first create.
#[derive(Debug, Clone)]
pub enum Preflight<T> {
    /// It holds.
    Good(T),
    /// The credentials don't hold.
    Denied(Refusal),
    /// The API answered otherwise than its reference says.
    Refused(Refusal),
    /// There was no answer, or none that can be read; `true` where nothing
    /// listens at all, so that waiting for it is no use.
    Unreachable(Trouble, bool),
}

/// The plans that bundles bring: ids of plans by the bundle's id.
pub type BundlePlans = HashMap<String, Vec<String>>;

/// Reads customers as they stand in the list of all.
#[derive(Debug, Clone, Default)]
pub struct CustomerReader {
    redaction: redaction::Redaction,
    bundle_plans: Arc<BundlePlans>,
}

impl CustomerReader {
    /// Reads one customer; `None` where it can't be read.
    pub fn read(&self, body: &[u8]) -> Option<RemoteCustomer> {
        let mut remote = wire::customer(body, &self.bundle_plans).ok()?;
        response::redact_customer(&mut remote, &self.redaction);
        Some(remote)
    }
}
