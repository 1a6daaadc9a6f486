//! How a sandbox is told to misbehave: one fault is what happens and when.
//!
//! ```text
//! FAULT = WHAT [":" ARGUMENT] ["=" CHANCE "%"] ["*" TIMES] ["@" WHEN]
//! WHEN  = CALL [":" WHICH] | "client:" CLIENTID
//! CALL  = request | authenticate | plans | bundles | plan | bundle | create | list | lookup
//!       | entitlements | update | add-plans | remove-plans | add-bundle | remove-bundle | cancel
//!       | delete
//! WHICH = N | N "+" | N "-" M | "every-" N
//! ```
//!
//! `lost-reply=1%` loses the answer to one request in a hundred, `lost-reply@create:17`
//! that to the 17th create, `status:503@create:10-20` refuses eleven creates,
//! `reset*2@client:c-5` breaks the first two connections that are about `c-5`
//! (its create, or a call with `c-5` in its path), `revoke-key@create:500+` lets the key
//! be wrong from the 500th create on. Without WHEN every request is meant.
//!
//! Requests are counted from 1, and only those that pass every check: a request
//! that the API refuses for its own faults (400, 401, 429, …) is neither counted
//! nor struck. Of several faults that would strike a request, the first does.
//!
//! The faults of a proxy in front of the API (the first table) are the exception:
//! they count and strike every request that arrives, also one with a wrong path
//! or key, and come before all others. With a TIME they strike all requests of
//! their CALL for so long from the first strike on, and none after that.
//!
//! Chance is drawn from the seed and the request's number: the same numbers are
//! struck in every run.
//!
//! | what | happens |
//! | --- | --- |
//! | `login-page` · `login-page:TIME` | 200 and an HTML page with a form |
//! | `not-found-page` · `not-found-page:TIME` | 404 and an HTML page |
//! | `no-slashes` | 404 and an HTML page to a path with `%2F` in it |
//! | `firewall:TEXT` | 403 and an HTML page to a request whose body holds TEXT |
//!
//! | what | happens | the work is |
//! | --- | --- | --- |
//! | `reset` | the connection is reset | not done |
//! | `hang` | no answer ever | not done |
//! | `delay:TIME` | it waits before it begins, even if the client goes | done, late |
//! | `html` | 200 and a page | not done |
//! | `status:NNN` | that status, with a message | not done |
//! | `bad-gateway` | 502 and a proxy's page | not done |
//! | `throttle` · `throttle:SECONDS` | 429, without and with `Retry-After` | not done |
//! | `redirect:URL` | 307 to there | not done |
//! | `revoke-key` | 401, to this and all later requests | not done |
//! | `outage:TIME` · `outage:COUNT` | this and all requests for so long, or so many, are reset | not done |
//! | `down:TIME` | 503 to this and all requests of the same CALL for so long; other calls work | not done |
//! | `land-late:TIME` | it is done so long after its arrival, even if the client goes, and answered then | done, late |
//! | `land-late-unchecked:TIME` | likewise, but a create looks for its `clientId` on arrival only: two may become two customers | done, late |
//! | `status-then-land:NNN/TIME` | that status at once, with a message | done, late |
//! | `reset-then-land:TIME` | the connection is reset at once | done, late |
//! | `lost-reply` | the connection is reset instead of an answer | done |
//! | `hang-after` | no answer ever | done |
//! | `cut-body` | half of the answer's body, then the end | done |
//! | `empty-body` | the right status, no body | done |
//! | `html-after` | 200 and a page | done |
//! | `garbage` | the right status, a body that is not JSON | done |
//! | `other-body` | the right status, JSON with none of the members | done |
//! | `altered` | the right answer, but for another `companyName` | done |
//! | `huge-body` | the right answer, padded to more than a megabyte | done |
//! | `drip` · `drip:TIME` | the right answer, byte by byte, so long between two (5 ms) | done |
//! | `status-after:NNN` | that status, with a message | done |
//! | `clock:SECONDS` | from this request on `Date` is so far from the clock, `-3600` an hour behind; other faults strike as well | done |
//!
//! TIME is `30s` or `20ms`. What is to land late lands at once when the sandbox is stopped. The list of all customers is a stream: it is cut within
//! its last piece, and neither padded nor dripped.
//!
//! - `parse.rs`: reads a fault from text and writes it again
//! - `schedule.rs`: which request which fault strikes
//! - `effects.rs`: what a fault makes of a request or its answer
//! - `late.rs`: work that is done some time after its request

pub(super) mod effects;
pub(super) mod late;
pub(super) mod parse;
pub(super) mod schedule;

use std::time::Duration;

use axum::http::StatusCode;

use super::http::routes::Call;

/// One way to misbehave, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub(super) what: What,
    pub(super) when: When,
    /// The share of the requests meant that it strikes, 0 to 1.
    pub(super) chance: Option<f64>,
    /// How often it strikes at most.
    pub(super) times: Option<u64>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Reset,
    Hang,
    Delay(Duration),
    Html,
    Status(StatusCode),
    BadGateway,
    Throttle(Option<u64>),
    Redirect(String),
    RevokeKey,
    Outage(Length),
    LostReply,
    HangAfter,
    CutBody,
    EmptyBody,
    HtmlAfter,
    Garbage,
    OtherBody,
    Altered,
    HugeBody,
    Drip(Duration),
    StatusAfter(StatusCode),
    LandLate(Duration),
    LandLateUnchecked(Duration),
    StatusThenLand(StatusCode, Duration),
    ResetThenLand(Duration),
    Down(Duration),
    LoginPage(Option<Duration>),
    NotFoundPage(Option<Duration>),
    NoSlashes,
    Firewall(String),
    Clock(i64),
}

/// How long an outage lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Time(Duration),
    Requests(u64),
}

/// Which requests are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum When {
    /// Those of this call, or of any; counted among themselves.
    Call(Option<Call>, Which),
    /// Those about this `clientId`.
    Client(String),
}

/// Which of them, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    All,
    From(u64),
    Between(u64, u64),
    Every(u64),
}

impl Which {
    pub(super) fn has(self, number: u64) -> bool {
        match self {
            Self::All => true,
            Self::From(first) => number >= first,
            Self::Between(first, last) => (first..=last).contains(&number),
            Self::Every(nth) => number.is_multiple_of(nth),
        }
    }
}

/// Where a request is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In front of the API, by a proxy that knows nothing of it.
    Proxy,
    /// In the API, after every check.
    Api,
}

/// All words, in the order of the tables above.
pub(super) const WORDS: [&str; 31] = [
    "login-page",
    "not-found-page",
    "no-slashes",
    "firewall",
    "reset",
    "hang",
    "delay",
    "html",
    "status",
    "bad-gateway",
    "throttle",
    "redirect",
    "revoke-key",
    "outage",
    "down",
    "land-late",
    "land-late-unchecked",
    "status-then-land",
    "reset-then-land",
    "lost-reply",
    "hang-after",
    "cut-body",
    "empty-body",
    "html-after",
    "garbage",
    "other-body",
    "altered",
    "huge-body",
    "drip",
    "status-after",
    "clock",
];

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// There is no such word.
    #[error("{0:?} is no fault (wanted one of {words})", words = WORDS.join(", "))]
    Word(String),
    /// The word wants another argument, or none.
    #[error("{word} takes {wanted}, not {found:?}")]
    Argument {
        /// The word.
        word: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What it was given.
        found: String,
    },
    /// The share is none.
    #[error("{0:?} is no share (wanted a number from 0 to 100 and %, such as 1%)")]
    Chance(String),
    /// The limit is none.
    #[error("{0:?} is no number of times (wanted a whole number above 0)")]
    Times(String),
    /// No request is called so.
    #[error(
        "{0:?} names no requests (wanted request, client:CLIENTID, or one of {calls})",
        calls = Call::ALL.map(Call::word).join(", ")
    )]
    When(String),
    /// The number is none.
    #[error("{0:?} is no position (wanted 17, 17+, 17-20 or every-5, counted from 1)")]
    Which(String),
}

impl What {
    /// Its word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Hang => "hang",
            Self::Delay(_) => "delay",
            Self::Html => "html",
            Self::Status(_) => "status",
            Self::BadGateway => "bad-gateway",
            Self::Throttle(_) => "throttle",
            Self::Redirect(_) => "redirect",
            Self::RevokeKey => "revoke-key",
            Self::Outage(_) => "outage",
            Self::LostReply => "lost-reply",
            Self::HangAfter => "hang-after",
            Self::CutBody => "cut-body",
            Self::EmptyBody => "empty-body",
            Self::HtmlAfter => "html-after",
            Self::Garbage => "garbage",
            Self::OtherBody => "other-body",
            Self::Altered => "altered",
            Self::HugeBody => "huge-body",
            Self::Drip(_) => "drip",
            Self::StatusAfter(_) => "status-after",
            Self::LandLate(_) => "land-late",
            Self::LandLateUnchecked(_) => "land-late-unchecked",
            Self::StatusThenLand(..) => "status-then-land",
            Self::ResetThenLand(_) => "reset-then-land",
            Self::Down(_) => "down",
            Self::LoginPage(_) => "login-page",
            Self::NotFoundPage(_) => "not-found-page",
            Self::NoSlashes => "no-slashes",
            Self::Firewall(_) => "firewall",
            Self::Clock(_) => "clock",
        }
    }

    /// Where it strikes.
    pub(super) fn place(&self) -> Place {
        if matches!(
            self,
            Self::LoginPage(_) | Self::NotFoundPage(_) | Self::NoSlashes | Self::Firewall(_)
        ) {
            Place::Proxy
        } else {
            Place::Api
        }
    }

    /// For how long after its first strike it strikes all requests of its call.
    pub(super) fn lasts(&self) -> Option<Duration> {
        if let Self::Down(time) | Self::LoginPage(Some(time)) | Self::NotFoundPage(Some(time)) =
            self
        {
            Some(*time)
        } else {
            None
        }
    }

    /// What it takes, as it is written.
    pub(super) fn argument(&self) -> Option<String> {
        match self {
            Self::Delay(time)
            | Self::Drip(time)
            | Self::Outage(Length::Time(time))
            | Self::LandLate(time)
            | Self::LandLateUnchecked(time)
            | Self::ResetThenLand(time)
            | Self::Down(time) => Some(millis(*time)),
            Self::LoginPage(time) | Self::NotFoundPage(time) => time.map(millis),
            Self::StatusThenLand(status, time) => {
                Some(format!("{}/{}", status.as_u16(), millis(*time)))
            }
            Self::Firewall(text) => Some(text.clone()),
            Self::Clock(seconds) => Some(seconds.to_string()),
            Self::Status(status) | Self::StatusAfter(status) => Some(status.as_u16().to_string()),
            Self::Throttle(seconds) => seconds.map(|seconds| seconds.to_string()),
            Self::Redirect(url) => Some(url.clone()),
            Self::Outage(Length::Requests(count)) => Some(count.to_string()),
            Self::Reset
            | Self::Hang
            | Self::Html
            | Self::BadGateway
            | Self::RevokeKey
            | Self::LostReply
            | Self::HangAfter
            | Self::CutBody
            | Self::EmptyBody
            | Self::HtmlAfter
            | Self::Garbage
            | Self::OtherBody
            | Self::Altered
            | Self::HugeBody
            | Self::NoSlashes => None,
        }
    }
}

fn millis(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

#[cfg(test)]
mod tests {
    use crate::sandbox::faults::Which;

    #[test]
    fn positions_are_counted_from_one() {
        let struck = |which: Which| (1..=10).filter(|n| which.has(*n)).collect::<Vec<u64>>();
        assert_eq!(struck(Which::Between(3, 3)), [3]);
        assert_eq!(struck(Which::Between(3, 5)), [3, 4, 5]);
        assert_eq!(struck(Which::From(9)), [9, 10]);
        assert_eq!(struck(Which::Every(4)), [4, 8]);
        assert_eq!(struck(Which::All).len(), 10);
    }
}
