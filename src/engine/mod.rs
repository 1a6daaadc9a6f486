//! The engine: three passes over the input, and the pipeline in the middle one.
//!
//! `survey` reads everything once and finds out what is to be done; `pipeline`
//! does it (`feed` → `dispatch` → `record`, two bounded queues, one stop
//! signal); `account` reads everything again and says of each row what became
//! of it, from the ledger and not from counters that died with a process.
//!
//! This file holds the nouns that those share.

mod abreast;
pub mod absence;
pub mod account;
mod alike;
pub mod bucket;
pub mod budget;
pub mod canary;
mod codec;
mod delivery;
mod dispatch;
mod features;
mod feed;
mod findings;
pub mod foresight;
pub mod gauges;
mod identity;
mod life;
mod list_lookup;
pub mod listed;
mod local_room;
mod look_up;
mod mended;
pub mod orphans;
mod outage;
mod ownership;
pub mod pace;
pub mod passed;
mod people;
pub mod pipeline;
mod queue;
pub mod rate;
mod record;
mod repeats;
pub mod retry;
mod sending;
mod server_clock;
pub mod stop;
pub mod survey;
mod systemic_failure;
pub mod tempo;
#[cfg(test)]
mod testing;
pub mod told;
mod unfit;
pub mod unused;
pub mod verdicts;
pub mod window;

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::customer::{Customer, Fingerprint};
use crate::domain::mapping::{Binding, Mapping, MappingError};
use crate::domain::outcome::Outcome;
use crate::domain::row::{Columns, Row};
use crate::domain::rules::Rules;
use crate::domain::validate::{Checked, check};

/// What a pass over the input holds each row against.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Which column feeds which field.
    pub mapping: Mapping,
    /// What values are checked against.
    pub rules: Rules,
    /// The inputs' names.
    pub names: Vec<String>,
}

/// Checks rows of several inputs, each by its own columns.
#[derive(Debug)]
pub(crate) struct Checker<'r> {
    reading: &'r Reading,
    /// The input that the binding is worked out for.
    bound_to: Option<u16>,
    binding: Binding,
}

impl<'r> Checker<'r> {
    pub(crate) fn new(reading: &'r Reading) -> Self {
        Self {
            reading,
            bound_to: None,
            binding: Binding::default(),
        }
    }

    /// Checks `row`, which came from an input with `columns`.
    pub(crate) fn check<'c>(
        &'c mut self,
        row: &'c Row,
        columns: &Columns,
    ) -> Result<Checked<'c>, MappingError> {
        let reading = self.reading;
        Ok(check(
            row,
            self.bind(row.origin.input, columns)?,
            &reading.rules,
        ))
    }

    /// Begins with rows whose columns are their own, if they are met one by one.
    pub(crate) fn begin_part(&mut self) {
        if self.binding.is_open() {
            self.bound_to = None;
        }
    }

    /// What the user calls an input.
    pub(crate) fn input_name(&self, input: u16) -> &'r str {
        let name = self.reading.names.get(usize::from(input));
        name.map_or("the input", String::as_str)
    }

    /// What the columns of an input feed.
    pub(crate) fn bind(&mut self, input: u16, columns: &Columns) -> Result<&Binding, MappingError> {
        if self.bound_to == Some(input) {
            self.binding.extend(columns);
        } else {
            self.binding = Binding::new(&self.reading.mapping, columns, self.input_name(input))?;
            self.bound_to = Some(input);
        }
        Ok(&self.binding)
    }
}

/// A row on its way: what is claimed, and then sent.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is known by itself, and they come in many combinations"
)]
pub(crate) struct Ticket {
    /// The claim's number in the ledger.
    pub(crate) id: u64,
    /// What is sent.
    pub(crate) customer: Customer,
    /// Its digest.
    pub(crate) digest: Fingerprint,
    /// Whether an earlier run may have sent it, or it is known to exist: then
    /// it is asked for first.
    pub(crate) ask_first: bool,
    /// Whether a claim of ours may have been sent and is in doubt.
    pub(crate) in_doubt: bool,
    /// Whether the row is another one than an earlier run settled, or claimed.
    pub(crate) changed: bool,
    /// What it was last settled as, also while it is in doubt.
    pub(crate) history: Option<Outcome>,
    /// Whether the customer was ever seen at Kable.
    pub(crate) there: bool,
    /// Whether this checkpoint created the customer.
    pub(crate) ours: bool,
    /// Whether the row was given back for repeating another one's `clientId`, and still
    /// does: the customer is that one's, and is not changed.
    pub(crate) is_repeat: bool,
    /// Whether an earlier run may have sent it and its claim may be lost. Then
    /// it is asked for first, and where it is there nobody can say whose it is.
    pub(crate) forgotten: bool,
    /// When the claim in doubt was made.
    pub(crate) claim: ClaimTime,
}

/// When a claim was made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ClaimTime {
    /// In an earlier run: a moment on the server's clock not before it, where
    /// that is known.
    Earlier(Option<i64>),
    /// In this run.
    Now {
        /// In Unix milliseconds by our clock.
        at_ms: i64,
        /// A moment on the server's clock not before it, as far as that was known at
        /// the claim: a clock that is set later does not move it.
        by_ms: Option<i64>,
    },
}

/// Where the time comes from: Unix milliseconds, as this machine's clock told them at
/// the start and time has passed since. A clock that is set meanwhile changes nothing.
///
/// Handed in, for nothing below the front reads a clock by itself.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    began_ms: i64,
    began: Option<Instant>,
}

impl WallClock {
    /// A clock that shows `now_ms` now.
    pub fn starting_at(now_ms: i64) -> Self {
        Self {
            began_ms: now_ms,
            began: Some(Instant::now()),
        }
    }

    /// A clock that always shows `now_ms`.
    pub const fn stopped_at(now_ms: i64) -> Self {
        Self {
            began_ms: now_ms,
            began: None,
        }
    }

    /// Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        let passed = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        self.began_ms.saturating_add(passed)
    }
}
