//! What people and scripts see of a run: progress, summary and result files.
//!
//! The engine reports events to an [`Observer`] and every row with its result to a
//! [`RowSink`]. Neither can change a run.
//!
//! - `progress.rs`: bars, or plain lines where there is no terminal
//! - `text.rs`: the summary at the end
//! - `files.rs`: results, problems, rejects, failures, summary
//! - `result_names.rs`: the names of those files
//! - `atomic_file.rs`: one of them while it is written
//! - `manifest.rs`: which files in a results folder are ours
//! - `reject_files.rs`: rows that are given back, byte for byte
//! - `keys.rs`: `keys.csv`
//! - `annotations.rs`: problems as annotations of a pull request
//! - `summary_sink.rs`: the first refusals, kept for the summary

pub mod annotations;
pub mod atomic_file;
pub mod files;
pub mod keys;
pub mod manifest;
pub mod progress;
mod reject_files;
pub mod result_names;
pub mod summary_sink;
pub mod text;

use std::io;
use std::time::Duration;

use crate::domain::bottleneck::Pacing;
use crate::domain::outcome::Outcome;
use crate::domain::problem::Problem;
use crate::domain::row::{Columns, Row};

/// Something that happens during a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The input is being read and checked; so many rows so far.
    Checking {
        /// Rows read.
        rows: u64,
    },
    /// The sending begins.
    Sending {
        /// Rows that are to be dealt with in this run.
        total: u64,
    },
    /// Outcomes are on disk.
    Progress(Progress),
    /// No request is sent for this long, because the server asked for it.
    Paused {
        /// How long.
        wait: Duration,
    },
    /// The API does not answer; one request at a time finds out when it does.
    Down {
        /// What happened last.
        message: String,
    },
    /// A request met trouble, and is tried again.
    Trouble {
        /// What happened.
        message: String,
    },
    /// This machine can't hold as many requests in flight as the pace allows.
    Crowded {
        /// What it has too little of.
        message: String,
        /// How many are in flight from now on.
        most: usize,
    },
    /// A row of the canary is not to be seen yet, and is looked up again.
    CanaryWaits {
        /// In how long.
        wait: Duration,
    },
    /// The API answers again.
    Up,
    /// The sending is over; what is in flight may finish.
    Finishing {
        /// Requests in flight.
        in_flight: u64,
    },
    /// Results are being written; so many rows so far.
    Accounting {
        /// Rows read.
        rows: u64,
    },
}

/// How far the sending is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// Rows dealt with in this run.
    pub done: u64,
    /// Of these, created.
    pub created: u64,
    /// Of these, there already.
    pub existed: u64,
    /// Of these, failed, differing or unresolved.
    pub failed: u64,
    /// Requests answered 429.
    pub throttled: u64,
    /// Requests sent again.
    pub retried: u64,
    /// Requests sent.
    pub sent: u64,
    /// How fast it is, and what binds.
    pub pacing: Pacing,
}

/// Receives events. It is called from several threads, and must not block.
pub trait Observer: Send + Sync + 'static {
    /// Receives one event.
    fn observe(&self, event: &Event);
}

impl<T: Observer> Observer for std::sync::Arc<T> {
    fn observe(&self, event: &Event) {
        T::observe(self, event);
    }
}

/// Ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _event: &Event) {}
}

/// The result of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowResult<'a> {
    /// It was skipped: it is blank, or another row stands for it.
    Skipped,
    /// It was not fit to send.
    Rejected,
    /// It was fit to send, with this outcome.
    Outcome(OutcomeDetails<'a>),
}

/// The outcome of a row that was fit to send, and its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeDetails<'a> {
    /// Its outcome.
    pub outcome: Outcome,
    /// Kable's id for it.
    pub customer_id: Option<&'a str>,
    /// `X-REQUEST-ID` of the last answer.
    pub request_id: Option<&'a str>,
    /// How many requests were sent for it.
    pub attempts: u32,
    /// The last answer's HTTP status.
    pub status: Option<u16>,
    /// What the API said, or how the customer differs.
    pub message: Option<&'a str>,
}

/// A row with its result and problems.
#[derive(Debug, Clone, Copy)]
pub struct RowAccount<'a> {
    /// The row as it was read.
    pub row: &'a Row,
    /// Its input's columns.
    pub columns: &'a Columns,
    /// How many of them, at the start, are ours from an earlier rejects file.
    pub leading_own: usize,
    /// Its input's name.
    pub input: &'a str,
    /// Its `clientId`, as far as it has one.
    pub client_id: &'a str,
    /// Its result.
    pub result: RowResult<'a>,
    /// What is wrong with it, or was put right.
    pub problems: &'a [Problem],
}

/// Receives every row of the input once, in order.
pub trait RowSink {
    /// Receives one row.
    fn add_row(&mut self, account: &RowAccount<'_>) -> io::Result<()>;
}
