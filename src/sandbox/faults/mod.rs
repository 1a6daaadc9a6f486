//! Faults: how a sandbox misbehaves, and on which requests.
//!
//! ```text
//! FAULT = KIND [":" ARGUMENT] ["=" CHANCE "%"] ["*" TIMES] ["@" TARGET]
//! TARGET = CALL [":" POSITION] | "client:" CLIENTID
//! CALL  = request | authenticate | plans | bundles | plan | bundle | create | list | lookup
//!       | entitlements | update | add-plans | remove-plans | add-bundle | remove-bundle | cancel
//!       | delete
//! POSITION = N | N "+" | N "-" M | "every-" N
//! ```
//!
//! - `lost-reply=1%` loses the response to one request in a hundred
//! - `lost-reply@create:17` loses the response to the 17th create
//! - `status:503@create:10-20` refuses eleven creates
//! - `reset*2@client:c-5` resets the first two connections with a request about
//!   `c-5`: its create, or a call with `c-5` in its path
//! - `revoke-key@create:500+` refuses the key from the 500th create on
//!
//! Without a TARGET a fault can strike every request. If several faults match a
//! request, the first one strikes.
//!
//! Requests are counted from 1, and only those that pass every check: a request
//! that the API refuses (400, 401, 429, …) is neither counted nor struck. The
//! faults of a proxy are the exception: they count every request that arrives,
//! also one with a wrong path or key, and come before all others.
//!
//! A fault that lasts for a TIME strikes all requests of its CALL from its first
//! strike until the TIME is over, and none after that.
//!
//! CHANCE is drawn from the seed and the request's number: every run strikes the
//! same numbers.
//!
//! - `kinds.rs`: the kinds, with the argument and the effect of each
//! - `parse.rs`: reads a fault from text
//! - `schedule.rs`: which fault strikes which request
//! - `effects.rs`: replies in place of the API's, and spoilt responses
//! - `pages.rs`: the HTML pages of such replies
//! - `delayed.rs`: work that is done some time after its request

pub(super) mod delayed;
pub(super) mod effects;
pub(super) mod kinds;
mod pages;
pub(super) mod parse;
pub(super) mod schedule;

use std::time::Duration;

use self::kinds::{Effect, KINDS};
use super::http::routes::Call;

/// A way to misbehave, and the requests that it strikes.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// The name of its kind.
    pub(super) name: &'static str,
    pub(super) effect: Effect,
    /// For how long after its first strike it strikes all requests of its call.
    pub(super) lasts: Option<Duration>,
    pub(super) target: FaultTarget,
    /// The share of these requests that it strikes, 0 to 1.
    pub(super) chance: Option<f64>,
    /// How often it strikes at most.
    pub(super) times: Option<u64>,
}

/// The requests that a fault can strike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FaultTarget {
    /// Those of this call, or of any; counted among themselves.
    Call(Option<Call>, Position),
    /// Those about this `clientId`.
    Client(String),
}

/// Which requests of a call, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    All,
    From(u64),
    Between(u64, u64),
    Every(u64),
}

impl Position {
    pub(super) fn includes(self, number: u64) -> bool {
        match self {
            Self::All => true,
            Self::From(first) => number >= first,
            Self::Between(first, last) => (first..=last).contains(&number),
            Self::Every(nth) => number.is_multiple_of(nth),
        }
    }
}

/// How alike the name of a fault must be to be offered, by the similarity of Jaro and Winkler.
const ALIKE: f64 = 0.8;

/// The fault that was perhaps meant by `name`.
fn perhaps(name: &str) -> String {
    let names = KINDS.iter().map(|kind| kind.name);
    let alike = names.map(|known| (strsim::jaro_winkler(known, name), known));
    let alike = alike.filter(|(likeness, _)| *likeness > ALIKE);
    let nearest = alike.max_by(|one, other| one.0.total_cmp(&other.0));
    nearest.map_or_else(String::new, |(_, near)| format!(", perhaps {near}"))
}

/// Why a text is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// No kind has this name.
    #[error(
        "unknown fault {0:?}{near} (wanted one of {names})",
        near = perhaps(.0),
        names = KINDS.each_ref().map(|kind| kind.name).join(", ")
    )]
    Kind(String),
    /// The kind takes another argument, or none.
    #[error("{kind} takes {wanted}, not {found:?}")]
    Argument {
        /// The name of the kind.
        kind: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What was found.
        found: String,
    },
    /// The chance is not a percentage.
    #[error("{0:?} is not a chance (wanted a number from 0 to 100 and %, such as 1%)")]
    Chance(String),
    /// The limit is not a count.
    #[error("{0:?} is not a number of times (wanted a whole number above 0)")]
    Times(String),
    /// No call has this name.
    #[error(
        "{0:?} is not a call (wanted request, client:CLIENTID, or one of {calls})",
        calls = Call::ALL.map(Call::word).join(", ")
    )]
    Target(String),
    /// The position is not a number or range.
    #[error("{0:?} is not a position (wanted 17, 17+, 17-20 or every-5, counted from 1)")]
    Position(String),
}

#[cfg(test)]
mod tests {
    use crate::sandbox::faults::Position;

    #[test]
    fn positions_are_counted_from_one() {
        let included = |position: Position| {
            let numbers = (1..=10).filter(|number| position.includes(*number));
            numbers.collect::<Vec<u64>>()
        };
        assert_eq!(included(Position::Between(3, 3)), [3]);
        assert_eq!(included(Position::Between(3, 5)), [3, 4, 5]);
        assert_eq!(included(Position::From(9)), [9, 10]);
        assert_eq!(included(Position::Every(4)), [4, 8]);
        assert_eq!(included(Position::All).len(), 10);
    }
}
