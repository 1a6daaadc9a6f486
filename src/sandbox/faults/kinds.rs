//! The kinds of faults: name, argument and effect of each, in one table.
//!
//! A new kind is a row in [`KINDS`] and in the tables below. If none of the
//! effects fits, it also needs a variant of [`ApiEffect`], [`CannedReply`] or
//! [`Spoilage`]; the compiler then names every `match` that has to handle it.
//!
//! | before the API, also for a wrong path or key | answer |
//! | --- | --- |
//! | `login-page` · `login-page:TIME` | 200 and an HTML page with a form |
//! | `not-found-page` · `not-found-page:TIME` | 404 and an HTML page |
//! | `no-slashes` | 404 and an HTML page to a path with `%2F` in it |
//! | `firewall:TEXT` | 403 and an HTML page to a request with TEXT in its body |
//!
//! | in the API, after every check | answer | the work is |
//! | --- | --- | --- |
//! | `reset` | the connection is reset | not done |
//! | `hang` | none, the connection stays open | not done |
//! | `delay:TIME` | the right one, after TIME | done after TIME, even if the client disconnects |
//! | `html` | 200 and an HTML page | not done |
//! | `status:NNN` | that status, with a message | not done |
//! | `bad-gateway` | 502 and a proxy's HTML page | not done |
//! | `throttle` · `throttle:SECONDS` | 429, without or with `Retry-After` | not done |
//! | `redirect:URL` | 307 to URL | not done |
//! | `revoke-key` | 401, to this and all later requests | not done |
//! | `outage:TIME` · `outage:COUNT` | this and all requests for TIME, or COUNT requests in total, are reset | not done |
//! | `down:TIME` | 503, to this and all requests of the same CALL for TIME; other calls work | not done |
//! | `land-late:TIME` | another name for `delay` | done after TIME, even if the client disconnects |
//! | `land-late-unchecked:TIME` | likewise, but a create looks for its `clientId` on arrival only: two may create the customer twice | done after TIME |
//! | `status-then-land:NNN/TIME` | that status at once, with a message | done after TIME |
//! | `reset-then-land:TIME` | the connection is reset at once | done after TIME |
//! | `lost-reply` | the connection is reset | done |
//! | `hang-after` | none, the connection stays open | done |
//! | `cut-body` | half of the right body, then the connection ends | done |
//! | `empty-body` | the right status, no body | done |
//! | `html-after` | 200 and an HTML page | done |
//! | `garbage` | the right status, a body that is not JSON | done |
//! | `other-body` | the right status, JSON with none of the members | done |
//! | `altered` | the right one with another `companyName` | done |
//! | `huge-body` | the right one, padded to more than a megabyte | done |
//! | `drip` · `drip:TIME` | the right one, byte by byte with TIME (5 ms) between | done |
//! | `status-after:NNN` | that status, with a message | done |
//! | `clock:SECONDS` | the right one; from here on `Date` is SECONDS ahead of the clock (`-3600`: an hour behind). Other faults strike as well | done |
//!
//! TIME is `30s` or `20ms`. Delayed work is done at once when the sandbox stops.
//! The list of all customers is streamed: `cut-body` cuts its last piece, and it
//! is neither padded nor dripped.

use std::time::Duration;

use axum::http::StatusCode;

use super::pages;
use crate::sandbox::store::task::Uniqueness;

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Effect {
    /// A proxy in front of the API replies to matching requests, before any check.
    Proxy(CannedReply, ProxyFilter),
    /// The API misbehaves, on a request that passed every check.
    Api(ApiEffect),
    /// From here on `Date` is ahead of the clock by so many seconds.
    SetClock(i64),
}

/// Which requests a proxy's fault matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum ProxyFilter {
    Any,
    EncodedSlash,
    BodyContains(String),
}

/// What a fault in the API does with a request.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum ApiEffect {
    /// Replies without doing the work.
    ReplyInstead(CannedReply),
    /// Refuses the key, now and from here on.
    RevokeKey,
    /// Resets this connection and those of the requests that follow.
    Outage(OutageLength),
    /// Does the work and replies something else.
    ReplyAfter(CannedReply),
    /// Does the work and spoils its response.
    Spoil(Spoilage),
    /// Does the work after a delay and responds then.
    Delay(Duration, Uniqueness),
    /// Replies at once and does the work after a delay.
    ReplyThenDelay(CannedReply, Duration),
}

/// A reply that does not depend on the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum CannedReply {
    Reset,
    Hang,
    /// A status with a message in JSON.
    Status(StatusCode),
    /// A status with an HTML page.
    Page(StatusCode, &'static str),
    /// 429, with `Retry-After` in seconds where one is given.
    Throttle(Option<u64>),
    /// 307 to this URL.
    Redirect(String),
}

/// What is done to the body of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Spoilage {
    CutInHalf,
    Empty,
    /// Replaced by these bytes.
    Replace(&'static str),
    /// Another `companyName`.
    Alter,
    /// Padded to more than a megabyte.
    Pad,
    /// Sent byte by byte with this pause.
    Drip(Duration),
}

/// How long an outage lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum OutageLength {
    Time(Duration),
    Requests(u64),
}

/// A kind of fault.
#[derive(Debug)]
pub(super) struct FaultKind {
    /// Its name, before the first `:`.
    pub(super) name: &'static str,
    pub(super) argument: Argument,
}

/// What a kind takes behind its name, and the effect that this makes.
#[derive(Debug)]
pub(super) enum Argument {
    Nothing(Effect),
    Time(fn(Duration) -> Effect),
    /// The time for which all requests of the call are struck.
    Lasting(Effect),
    /// Likewise, but it can be left out.
    MayLast(Effect),
    /// The pause between two bytes; it can be left out.
    Pause(fn(Duration) -> Effect),
    Status(fn(StatusCode) -> Effect),
    StatusAndTime(fn(StatusCode, Duration) -> Effect),
    /// Seconds to wait; they can be left out.
    Wait(fn(Option<u64>) -> Effect),
    Seconds(fn(i64) -> Effect),
    Outage(fn(OutageLength) -> Effect),
    Url(fn(String) -> Effect),
    Text(fn(String) -> Effect),
}

/// All kinds, in the order of the tables above.
pub(super) static KINDS: [FaultKind; 31] = [
    kind(
        "login-page",
        Argument::MayLast(proxy(LOGIN_PAGE, ProxyFilter::Any)),
    ),
    kind(
        "not-found-page",
        Argument::MayLast(proxy(NOT_FOUND_PAGE, ProxyFilter::Any)),
    ),
    kind(
        "no-slashes",
        Argument::Nothing(proxy(NOT_FOUND_PAGE, ProxyFilter::EncodedSlash)),
    ),
    kind(
        "firewall",
        Argument::Text(|text| proxy(FIREWALL_PAGE, ProxyFilter::BodyContains(text))),
    ),
    kind("reset", Argument::Nothing(instead(CannedReply::Reset))),
    kind("hang", Argument::Nothing(instead(CannedReply::Hang))),
    kind(
        "delay",
        Argument::Time(|time| delay(time, Uniqueness::Checked)),
    ),
    kind("html", Argument::Nothing(instead(WELCOME_PAGE))),
    kind(
        "status",
        Argument::Status(|status| instead(CannedReply::Status(status))),
    ),
    kind("bad-gateway", Argument::Nothing(instead(BAD_GATEWAY_PAGE))),
    kind(
        "throttle",
        Argument::Wait(|wait| instead(CannedReply::Throttle(wait))),
    ),
    kind(
        "redirect",
        Argument::Url(|url| instead(CannedReply::Redirect(url))),
    ),
    kind(
        "revoke-key",
        Argument::Nothing(Effect::Api(ApiEffect::RevokeKey)),
    ),
    kind(
        "outage",
        Argument::Outage(|length| Effect::Api(ApiEffect::Outage(length))),
    ),
    kind("down", Argument::Lasting(instead(UNAVAILABLE))),
    kind(
        "land-late",
        Argument::Time(|time| delay(time, Uniqueness::Checked)),
    ),
    kind(
        "land-late-unchecked",
        Argument::Time(|time| delay(time, Uniqueness::Unchecked)),
    ),
    kind(
        "status-then-land",
        Argument::StatusAndTime(|status, time| then_delay(CannedReply::Status(status), time)),
    ),
    kind(
        "reset-then-land",
        Argument::Time(|time| then_delay(CannedReply::Reset, time)),
    ),
    kind("lost-reply", Argument::Nothing(after(CannedReply::Reset))),
    kind("hang-after", Argument::Nothing(after(CannedReply::Hang))),
    kind("cut-body", Argument::Nothing(spoil(Spoilage::CutInHalf))),
    kind("empty-body", Argument::Nothing(spoil(Spoilage::Empty))),
    kind("html-after", Argument::Nothing(after(WELCOME_PAGE))),
    kind(
        "garbage",
        Argument::Nothing(spoil(Spoilage::Replace("{\"customerId\": \"cus_"))),
    ),
    kind(
        "other-body",
        Argument::Nothing(spoil(Spoilage::Replace("{\"ok\":true}"))),
    ),
    kind("altered", Argument::Nothing(spoil(Spoilage::Alter))),
    kind("huge-body", Argument::Nothing(spoil(Spoilage::Pad))),
    kind(
        "drip",
        Argument::Pause(|pause| spoil(Spoilage::Drip(pause))),
    ),
    kind(
        "status-after",
        Argument::Status(|status| after(CannedReply::Status(status))),
    ),
    kind("clock", Argument::Seconds(Effect::SetClock)),
];

const LOGIN_PAGE: CannedReply = CannedReply::Page(StatusCode::OK, pages::LOGIN);
const WELCOME_PAGE: CannedReply = CannedReply::Page(StatusCode::OK, pages::WELCOME);
const NOT_FOUND_PAGE: CannedReply = CannedReply::Page(StatusCode::NOT_FOUND, pages::NOT_FOUND);
const FIREWALL_PAGE: CannedReply = CannedReply::Page(StatusCode::FORBIDDEN, pages::FIREWALL);
const BAD_GATEWAY_PAGE: CannedReply =
    CannedReply::Page(StatusCode::BAD_GATEWAY, pages::BAD_GATEWAY);
const UNAVAILABLE: CannedReply = CannedReply::Status(StatusCode::SERVICE_UNAVAILABLE);

const fn kind(name: &'static str, argument: Argument) -> FaultKind {
    FaultKind { name, argument }
}

const fn proxy(reply: CannedReply, filter: ProxyFilter) -> Effect {
    Effect::Proxy(reply, filter)
}

const fn instead(reply: CannedReply) -> Effect {
    Effect::Api(ApiEffect::ReplyInstead(reply))
}

const fn after(reply: CannedReply) -> Effect {
    Effect::Api(ApiEffect::ReplyAfter(reply))
}

const fn spoil(spoilage: Spoilage) -> Effect {
    Effect::Api(ApiEffect::Spoil(spoilage))
}

const fn delay(time: Duration, uniqueness: Uniqueness) -> Effect {
    Effect::Api(ApiEffect::Delay(time, uniqueness))
}

const fn then_delay(reply: CannedReply, time: Duration) -> Effect {
    Effect::Api(ApiEffect::ReplyThenDelay(reply, time))
}
