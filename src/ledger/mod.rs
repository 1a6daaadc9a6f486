//! The ledger: what has been claimed, and what came of it.
//!
//! Claims are numbered in the order in which they were made, and everything is
//! written by that number. There is no index by `clientId`: to find out what is
//! known of an input the ledger is read once, in order, and joined with the
//! input's fingerprints. Claims stay appends to one table, however large.
//!
//! No word of SQLite passes through here, so that another database can hold
//! the ledger of several machines.
//!
//! - `paths.rs`: the files of a checkpoint
//! - `sqlite/`: the ledger in one SQLite file
//! - `rescue/`: what is done about one that is damaged
//! - `conformance/`: the contract of [`Ledger`], as tests that every ledger passes

#[cfg(test)]
pub(crate) mod conformance;
mod paths;
pub mod rescue;
pub mod sqlite;

use std::borrow::Cow;
use std::path::PathBuf;

use self::rescue::damage::{Damage, Rescue};

use crate::domain::bottleneck::Pacing;
use crate::domain::customer::Fingerprint;
use crate::domain::decision::KnownClaim;
use crate::domain::outcome::{Outcome, OutcomeCounts};
use crate::domain::summary::{OrphanCounts, RequestCounts, TargetAccount};

/// A row that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The claim's number: one of the ledger's, or the next.
    pub id: u64,
    /// The customer's `clientId`.
    pub client_id: String,
    /// The digest of what will be sent.
    pub digest: Fingerprint,
}

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The claim's number.
    pub id: u64,
    /// The customer's `clientId`, as it was claimed.
    pub client_id: String,
    /// The digest of the row that came to this.
    pub digest: Fingerprint,
    /// What the row came to. [`Outcome::Pending`] releases it: it is again what
    /// it was before the claim. [`Outcome::Unresolved`] leaves it in doubt, and
    /// what was known of it as it was.
    pub outcome: Outcome,
    /// Whether the customer is there because of this checkpoint's runs. Once it
    /// was, it stays so.
    pub ours: bool,
    /// Whether it was asked for because its row had left the input.
    pub orphan: bool,
    /// Whether the customer was created and the answer with its keys was lost.
    pub keys_lost: bool,
    /// Kable's id for the customer, where it is known.
    pub customer_id: Option<String>,
    /// `X-REQUEST-ID` of the last answer.
    pub request_id: Option<String>,
    /// How many requests were sent for it.
    pub attempts: u32,
    /// The last answer's HTTP status.
    pub status: Option<u16>,
    /// What the API said, or how the customer differs.
    pub message: Option<String>,
}

/// What the ledger holds about one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRecord {
    /// The customer's `clientId`.
    pub client_id: String,
    /// The outcome; [`Outcome::Unresolved`] while it is in doubt.
    pub outcome: Outcome,
    /// What it was last settled as, also while it is in doubt; `None` where it
    /// never was.
    pub last: Option<Outcome>,
    /// The digest of the row as it was last settled, or as it was claimed.
    pub digest: Fingerprint,
    /// Whether this checkpoint created the customer, whatever became of it since.
    pub ours: bool,
    /// A moment on the server's clock not before the claim.
    pub claimed_by: Option<i64>,
    /// Whether the answer with the customer's keys was lost.
    pub keys_lost: bool,
    /// Kable's id for the customer.
    pub customer_id: Option<String>,
    /// `X-REQUEST-ID` of the last answer.
    pub request_id: Option<String>,
    /// How many requests were sent for it.
    pub attempts: u32,
    /// The last answer's HTTP status.
    pub status: Option<u16>,
    /// What the API said, or how the customer differs.
    pub message: Option<String>,
}

/// The figures of one run, kept up to date while it runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFigures {
    /// How long it has been running, in milliseconds.
    pub elapsed_ms: u64,
    /// Its requests.
    pub requests: RequestCounts,
    /// Latencies: pairs of microseconds and how often they were met. None are
    /// written where those that were written last may stand.
    pub latencies: Vec<(u64, u64)>,
    /// The most milliseconds by which the server's clock can be ahead of ours.
    pub clock_ahead_ms: Option<i64>,
    /// How fast it is, and what binds.
    pub pacing: Option<Pacing>,
    /// How many milliseconds its requests may take to land after they got no answer.
    pub landing_ms: u64,
}

/// What is written in one go: all of it is on disk afterwards, or none.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Our clock, in Unix milliseconds.
    pub now_ms: i64,
    /// A moment on the server's clock not before [`Self::now_ms`], where that is
    /// known: kept with each claim, so that no later change of our clock or of
    /// what is known of the server's moves it.
    pub claimed_by: Option<i64>,
    /// Rows that are about to be sent.
    pub claims: Vec<Claim>,
    /// What came of earlier claims.
    pub settlements: Vec<Settlement>,
    /// The run's figures so far.
    pub figures: RunFigures,
}

/// A run, as it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// The subcommand.
    pub command: String,
    /// The inputs, as they were named.
    pub inputs: Vec<String>,
    /// How many rows of the input are fit to send.
    pub fit_rows: u64,
    /// Our clock, in Unix milliseconds.
    pub now_ms: i64,
}

/// What a ledger says of itself: the words of `status`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LedgerStatus {
    /// The account that it belongs to.
    pub target: TargetAccount,
    /// How many claims came to which outcome; those in doubt as `unresolved`.
    pub tally: OutcomeCounts,
    /// How many customers this checkpoint created, whatever became of them since.
    pub ours: u64,
    /// What became of the claims that were asked for because their rows had left
    /// the input.
    pub left: OrphanCounts,
    /// The latest run's inputs.
    pub inputs: Vec<String>,
    /// The latest run's command.
    pub command: String,
    /// How many rows of the latest run's input were fit to send.
    pub fit_rows: u64,
    /// When something was last written, in Unix milliseconds.
    pub changed_ms: i64,
    /// The figures of all runs together.
    pub figures: RunFigures,
    /// How the latest run ended; `None` while it runs, or if it was killed.
    pub ended: Option<String>,
    /// Whether it may not know of customers that were sent.
    pub gaps: bool,
}

/// Where claims and their outcomes are kept.
///
/// Contract: when [`Ledger::write`] returns, the batch survives a crash of the
/// process and of the machine. One process writes at a time. Ids are given by
/// the caller, from [`Ledger::next_id`] on, each once and in order.
pub trait Ledger: Send {
    /// Hands every claim's `clientId` and what is known of it to `each`, in no
    /// particular order.
    fn scan(
        &mut self,
        each: &mut dyn FnMut(&str, KnownClaim) -> std::io::Result<()>,
    ) -> Result<(), LedgerError>;

    /// Whether it may not know of customers that were sent, because it was
    /// saved from one that was damaged. Then what it doesn't know is asked for
    /// before it is sent.
    fn has_gaps(&mut self) -> Result<bool, LedgerError>;

    /// The number that the next new claim gets.
    fn next_id(&mut self) -> Result<u64, LedgerError>;

    /// How many milliseconds requests of the runs of the last day may take to land,
    /// where they got no answer; `now_ms` is our clock, in Unix milliseconds.
    fn landing_ms(&mut self, now_ms: i64) -> Result<u64, LedgerError>;

    /// Notes that a run begins.
    fn begin(&mut self, run: &RunStart) -> Result<(), LedgerError>;

    /// Writes `batch`, durably.
    ///
    /// A claim on a number that is in doubt already keeps the time of the
    /// earlier claim, for that one may have been sent. A claim erases nothing
    /// that is known of the customer, and its `clientId` can't be another one
    /// than the number had before.
    fn write(&mut self, batch: &Batch) -> Result<(), LedgerError>;

    /// Notes that the run has ended, and how.
    fn end(&mut self, how: &str, now_ms: i64) -> Result<(), LedgerError>;

    /// What is held about claim `id`.
    fn claim_record(&mut self, id: u64) -> Result<Option<ClaimRecord>, LedgerError>;

    /// The figures of all runs, added up.
    fn status(&mut self) -> Result<LedgerStatus, LedgerError>;
}

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is none.
    #[error("there is no checkpoint {}", .path.display())]
    NotThere {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a checkpoint of kable-bulk", .path.display())]
    NotALedger {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The file has a second name.
    #[error("checkpoint {} is known under a second name (a hard link)", .path.display())]
    Linked {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The file was written by a newer kable-bulk.
    #[error("checkpoint {} has format {found}, and this kable-bulk knows formats up to {known}", .path.display())]
    Newer {
        /// The checkpoint.
        path: PathBuf,
        /// The file's format.
        found: i64,
        /// Our format.
        known: i64,
    },
    /// Part of it can't be read, or can't be right.
    #[error(
        "checkpoint {} is damaged: {}; {rescue}{}",
        .path.display(), .damage.what, .damage.in_brackets()
    )]
    Damaged {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        damage: Box<Damage>,
        /// What was done about it.
        rescue: Rescue,
    },
    /// The file belongs to another account.
    #[error(
        "checkpoint {} belongs to {recorded}, but this run would send to {given}",
        .path.display()
    )]
    OtherAccount {
        /// The checkpoint.
        path: PathBuf,
        /// The account in the file.
        recorded: String,
        /// This run's account.
        given: String,
    },
    /// Another process is writing it.
    #[error("checkpoint {} is in use by {holder}", .path.display())]
    InUse {
        /// The checkpoint.
        path: PathBuf,
        /// The process and its host.
        holder: String,
    },
    /// One of its files is not where it was opened.
    #[error(
        "checkpoint {} can't be written on: {} was removed, renamed or replaced while this run was \
         writing it",
        .path.display(), .file.display()
    )]
    FileMoved {
        /// The checkpoint.
        path: PathBuf,
        /// The file that is gone.
        file: PathBuf,
    },
    /// It is on a file system of several hosts.
    #[error(
        "checkpoint {} is on a network file system ({kind}), on which two runs could write it at once",
        .path.display()
    )]
    Network {
        /// The checkpoint.
        path: PathBuf,
        /// The file system.
        kind: String,
    },
    /// The database refused; `doing` reads as the end of "cannot …".
    #[error("cannot {doing} checkpoint {}", .path.display())]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The checkpoint.
        path: PathBuf,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The rows read could not be taken.
    #[error("cannot keep what was read from checkpoint {}", .path.display())]
    Io {
        /// The checkpoint.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl LedgerError {
    /// What the user can do about it, where something can be done.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Damaged { damage, rescue, .. } => return Some(damage.hint(rescue).into()),
            Self::NotThere { .. } => {
                "name the input that was imported, or the file with --checkpoint FILE"
            }
            Self::NotALedger { .. } => {
                "name another file with --checkpoint FILE; this one was not touched (if it was a checkpoint once, let its name end in .checkpoint.db: then what can be read of it is saved)"
            }
            Self::Linked { .. } => "remove the other name: two runs could write it at once",
            Self::Newer { .. } => "use the version of kable-bulk that wrote it, or a newer one",
            Self::OtherAccount { .. } => {
                "use the credentials and the target that it was begun with, or begin another one with --checkpoint FILE"
            }
            Self::InUse { .. } => {
                "wait for it to end, or stop it with Ctrl-C; `kable-bulk status` shows where it stands"
            }
            Self::FileMoved { .. } => {
                "put it back if it was moved, leave the files beside the checkpoint alone, and run the same command again: nothing was sent that is not in the checkpoint, and what is in doubt is asked for first"
            }
            Self::Network { .. } => {
                "name a file on a local disk with --checkpoint FILE; one that was begun already is moved there with its -wal beside it"
            }
            Self::Database { .. } | Self::Io { .. } => {
                "see that its folder is there and can be written, and that the disk has room; what was done is kept"
            }
        };
        Some(hint.into())
    }
}
