//! The Kable API as the engine sees it: one request, and what its response means.
//!
//! The engine does not interpret status codes: a [`Reply`] says what a response *means*.
//! [`Failure::Unsent`] and [`Failure::Unknown`] are distinct because after the first
//! the request certainly had no effect, and after the second it may have had one.
//!
//! - `client.rs`: each call of the API, one request each
//! - `settings.rs`: what a client is built from
//! - `endpoints.rs`: the URL of each call
//! - `transport.rs`: HTTP: sends a request and reads the whole response
//! - `trouble.rs`: why the result of a request is not known
//! - `failure.rs`: classifies requests without a whole response
//! - `response.rs`: interprets whole responses
//! - `wire.rs`: the JSON bodies of requests and responses
//! - `created_keys.rs`: the API keys in the answer to a create
//! - `json_time.rs`: times in those of responses
//! - `change_body.rs`: the JSON bodies of changes
//! - `message.rs`: the error message in a body
//! - `array_stream.rs`: splits a streamed JSON array into its elements
//! - `customer_pages.rs`: reads the list of all customers, page after page
//! - `paging.rs`: the headers of a page that say where the next one is
//! - `customer_reader.rs`: parses customers from the list of all
//! - `list_search.rs`: searches that list for customers
//! - `headers.rs`: `Date`, `Retry-After` and request ids
//! - `limits.rs`: rate limits that headers advertise
//! - `structured_fields.rs`: the syntax of those headers (RFC 9651)
//! - `pair_filter.rs`: a quick test for text without secrets
//! - `redaction.rs`: removes secrets from text that a server sent
//! - `decoding.rs`: decodes escapes in such a text

mod array_stream;
mod change_body;
pub mod client;
mod created_keys;
pub mod customer_pages;
pub mod customer_reader;
mod decoding;
mod endpoints;
mod failure;
mod headers;
mod json_time;
mod limits;
mod list_search;
mod message;
mod paging;
mod pair_filter;
mod redaction;
mod response;
pub mod settings;
mod structured_fields;
mod transport;
mod trouble;
mod wire;

use std::time::Duration;

pub use trouble::Trouble;

use crate::domain::customer::Customer;
use crate::domain::remote::RemoteCustomer;
use crate::domain::remote_change::RemoteChange;

/// An API key that Kable made for a customer. It is shown only once.
pub type Key = secrecy::SecretString;

/// A response by which the API refuses a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The API's message, or the body if it has none.
    pub message: String,
    /// `X-REQUEST-ID`.
    pub request_id: Option<String>,
}

impl Refusal {
    /// Whether the reason may be that the customer exists already. No status is
    /// documented for that (`docs/api.md`, "Calls"), so words in the message count
    /// as well.
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

    /// Converts the refusal of a call whose result it leaves unknown.
    pub fn into_trouble(self) -> Trouble {
        Trouble {
            status: Some(self.status),
            message: format!("status {}: {}", self.status, self.message),
            request_id: self.request_id,
            ..Trouble::default()
        }
    }
}

/// The id by which a path names a customer. The API takes either kind (`docs/api.md`,
/// "Calls"), and a customer's `clientId` may be another one's id at Kable: only an answer
/// tells which customer a path finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerAddress<'a> {
    /// The `clientId` of the customer that is meant.
    pub client_id: &'a str,
    /// Kable's id of it, which its path has then.
    pub customer_id: Option<&'a str>,
}

impl<'a> CustomerAddress<'a> {
    /// The customer with this `clientId`, which its path has.
    pub fn by_client_id(client_id: &'a str) -> Self {
        Self {
            client_id,
            customer_id: None,
        }
    }

    /// The id in its path.
    pub fn path_id(self) -> &'a str {
        self.customer_id.unwrap_or(self.client_id)
    }

    /// Whether `remote` is the customer that is meant.
    fn is_of(self, remote: &RemoteCustomer) -> bool {
        remote.client_id == self.client_id
            && self.customer_id.is_none_or(|id| id == remote.customer_id)
    }
}

/// What the engine needs of the response to a create.
#[derive(Debug, Clone)]
pub struct Created {
    /// Kable's id for it.
    pub customer_id: String,
    /// Its keys, if they were requested.
    pub keys: Vec<Key>,
    /// `created`, in Unix milliseconds by the server's clock, if the response has it.
    pub created: Option<i64>,
    /// `modified`, likewise.
    pub modified: Option<i64>,
    /// Whether the company name or currency in the response differs from the request.
    pub altered: bool,
}

/// How a customer is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is cancelled: still there, and no longer charged.
    Cancel,
    /// It is deleted.
    Delete,
}

/// What a removal met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalEffect {
    /// The customer was removed.
    Removed,
    /// There was none (404).
    WasAbsent,
}

/// The result of one create or update.
#[derive(Debug, Clone)]
pub enum Reply<T> {
    /// It was done.
    Done {
        /// The customer as it is now.
        customer: T,
        /// The HTTP status.
        status: u16,
        /// `X-REQUEST-ID`.
        request_id: Option<String>,
    },
    /// The API refused it, perhaps because the customer exists
    /// ([`Refusal::may_say_exists`]).
    Refused(Refusal),
    /// The request had no result.
    Failed(Failure),
}

/// Why a request had no result for its customer.
#[derive(Debug, Clone)]
pub enum Failure {
    /// Not allowed (401, 403); nothing was done. Whether the credentials are wrong or
    /// this one request is refused, only `/authenticate` can tell.
    Denied(Refusal),
    /// Too many requests (429); nothing was done. Holds how long the server asks to wait.
    Throttled(Option<Duration>),
    /// The request certainly did not reach the API.
    Unsent(Trouble),
    /// There was no response, or none that can be parsed: a create or an update may
    /// have taken effect.
    Unknown(Trouble),
    /// The API answered about another customer, as it would answer the same request again.
    /// What took effect is not known. Holds the other customer, if it answers a create.
    Misdirected(Trouble, Option<Box<AnsweredCustomer>>),
}

/// A customer that the API says it created, under another `clientId` than was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredCustomer {
    /// Kable's id for it.
    pub customer_id: String,
    /// `created`, in Unix milliseconds by the server's clock, if the response has it.
    pub created: Option<i64>,
    /// Whether its company name or currency differs from the request.
    pub altered: bool,
}

/// The result of a look-up.
#[derive(Debug, Clone)]
pub enum LookUpReply {
    /// The customer exists.
    There {
        /// The customer, as Kable holds it.
        remote: Box<RemoteCustomer>,
        /// `X-REQUEST-ID`.
        request_id: Option<String>,
    },
    /// It does not exist (404).
    Absent,
    /// A 404 with a web page: either the API's, or that of a proxy without the API
    /// behind it.
    AbsentPage(Trouble),
    /// Another customer was found under this id.
    Other {
        /// That customer, as Kable holds it.
        remote: Box<RemoteCustomer>,
        /// `X-REQUEST-ID`.
        request_id: Option<String>,
    },
    /// The look-up had no result.
    Failed(Failure),
}

/// The meaning of a response, with what its headers say about clock and pace.
#[derive(Debug, Clone)]
pub struct Exchange<T> {
    /// What the response means, or that there was none.
    pub reply: T,
    /// The server's `Date`, in Unix milliseconds (whole seconds).
    pub date_ms: Option<i64>,
    /// The server's waits and rate limits.
    pub advice: Advice,
}

impl<T> Exchange<T> {
    /// A request that got no response.
    pub fn without_response(reply: T) -> Self {
        Self {
            reply,
            date_ms: None,
            advice: Advice::default(),
        }
    }

    /// The same exchange, with another reply.
    pub fn map<U>(self, reply: impl FnOnce(T) -> U) -> Exchange<U> {
        Exchange {
            reply: reply(self.reply),
            date_ms: self.date_ms,
            advice: self.advice,
        }
    }
}

/// The wait and the rate limits in a response's headers; most have none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advice {
    /// How long the server asks to wait: `Retry-After` (RFC 9110 §10.2.3), capped at
    /// an hour.
    pub wait: Option<Duration>,
    /// Whether the server asked for a longer wait, and `wait` is the cap.
    pub capped: bool,
    /// The limits that the server advertises, at most sixteen; names may repeat.
    pub quotas: Vec<Quota>,
}

/// One limit that a server advertises, by the IETF's
/// draft-ietf-httpapi-ratelimit-headers or one of the conventions before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quota {
    /// The policy's name, the same on every response; empty where the server
    /// has no names.
    pub name: String,
    /// How many are allowed in `window`, or at once where the unit is
    /// [`QuotaUnit::InFlight`]; `None` if not advertised.
    pub limit: Option<u64>,
    /// The span that `limit` is for, never zero and at most a year; `None` if not
    /// advertised.
    pub window: Option<Duration>,
    /// How many are left, rounded down; may exceed `limit`. `None` if not advertised.
    pub remaining: Option<u64>,
    /// How long from the response until the quota resets, at most a year; `None` if
    /// not advertised. A point in time is converted by the server's own `Date`.
    pub reset: Option<Duration>,
    /// What is counted.
    pub unit: QuotaUnit,
}

/// What a quota counts. Quotas of bytes, or of anything else, are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QuotaUnit {
    /// Requests, over time (`requests`).
    #[default]
    Requests,
    /// Requests in flight at once (`concurrent-requests`).
    InFlight,
}

/// The calls that an import needs.
///
/// Each sends one request; none retries and none sleeps, so that every attempt
/// is paced and counted by the caller.
pub trait CustomerApi: Send + Sync + 'static {
    /// Creates `customer`.
    fn create(&self, customer: &Customer) -> impl Future<Output = Exchange<Reply<Created>>> + Send;

    /// Changes the customer at `address`, at which a look-up has found it.
    fn change(
        &self,
        address: CustomerAddress<'_>,
        change: &RemoteChange,
    ) -> impl Future<Output = Exchange<Reply<Box<RemoteCustomer>>>> + Send;

    /// Removes the customer with this id, Kable's own. A customer that has its `clientId` by
    /// the time that the request takes effect is another one, and is not removed.
    fn remove(
        &self,
        customer_id: &str,
        removal: Removal,
    ) -> impl Future<Output = Exchange<Reply<RemovalEffect>>> + Send;

    /// Finds out whether the API is reachable and accepts the credentials.
    fn probe(&self) -> impl Future<Output = Exchange<ProbeReply>> + Send;

    /// Looks the customer at `address` up.
    fn find(
        &self,
        address: CustomerAddress<'_>,
    ) -> impl Future<Output = Exchange<LookUpReply>> + Send;

    /// Looks for customers with these `clientId`s in the list of all, for ids that
    /// can't be looked up by path; returns one reply each, in their order.
    ///
    /// An id that differs from a customer's in case only gets [`LookUpReply::Other`].
    fn find_in_list(
        &self,
        client_ids: &[String],
    ) -> impl Future<Output = Exchange<Result<Vec<LookUpReply>, Trouble>>> + Send;
}

/// The result of a probe of the API.
#[derive(Debug, Clone)]
pub enum ProbeReply {
    /// It is reachable and does not refuse the credentials.
    Good,
    /// It refuses the credentials.
    Denied(Refusal),
    /// There was no response, a server error, or a response that is not the API's.
    Trouble(Trouble),
}

/// The result of a call that is made before the first create.
#[derive(Debug, Clone)]
pub enum Preflight<T> {
    /// It succeeded.
    Good(T),
    /// The credentials are refused.
    Denied(Refusal),
    /// The response is not one that the API documents.
    Refused(Refusal),
    /// There was no response, or none that can be parsed; `true` if no connection
    /// could be opened at all, so that waiting does not help.
    Unreachable(Trouble, bool),
}
