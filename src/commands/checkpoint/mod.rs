//! Opens the checkpoint that is named: a SQLite file, or a schema of a PostgreSQL database.

use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "postgres")]
mod database;
#[cfg(not(feature = "postgres"))]
mod no_database;
mod writer;

#[cfg(not(feature = "postgres"))]
use self::no_database as database;
pub(super) use self::writer::{CheckpointWriter, StoredLedger};
use super::system::wall_clock;
use crate::domain::summary::TargetAccount;
pub(super) use crate::ledger::is_database;
use crate::ledger::sqlite::lock::{lock_changed_ms, lock_holder};
use crate::ledger::sqlite::{SqliteLedger, mounts};
use crate::ledger::workers::{SharedPace, WorkerState, WorkerStatus};
use crate::ledger::{LedgerError, LedgerStatus};

/// Whether there is a checkpoint of this name.
pub(super) fn is_there(checkpoint: &Path) -> Result<bool, LedgerError> {
    if is_database(checkpoint) {
        database::is_there(checkpoint)
    } else {
        Ok(checkpoint.exists())
    }
}

/// Opens a checkpoint for reading, also while a run writes to it.
pub(super) fn open_to_read(checkpoint: &Path) -> Result<StoredLedger, LedgerError> {
    if is_database(checkpoint) {
        return database::open_to_read(checkpoint);
    }
    Ok(Box::new(SqliteLedger::open_to_read(checkpoint)?))
}

/// Opens a checkpoint for reading, to plan a run against `target`.
pub(super) fn open_to_plan(
    checkpoint: &Path,
    target: &TargetAccount,
) -> Result<StoredLedger, LedgerError> {
    if is_database(checkpoint) {
        return database::open_to_plan(checkpoint, target);
    }
    Ok(Box::new(SqliteLedger::open_to_plan(checkpoint, target)?))
}

/// Opens a checkpoint for a run against `target`, or makes it.
pub(super) fn open(
    checkpoint: &Path,
    target: &TargetAccount,
    writer: &CheckpointWriter,
) -> Result<StoredLedger, LedgerError> {
    if is_database(checkpoint) {
        return database::open(checkpoint, target, writer);
    }
    Ok(Box::new(SqliteLedger::open(
        checkpoint,
        target,
        wall_clock(),
    )?))
}

/// The pace of the workers of a checkpoint in a database, from which also the first requests
/// of a process are reserved that may join them.
pub(super) fn shared_pace(checkpoint: &Path) -> Result<Option<Arc<dyn SharedPace>>, LedgerError> {
    if is_database(checkpoint) {
        return database::shared_pace(checkpoint);
    }
    Ok(None)
}

/// A warning about where a checkpoint is, if there is one to give.
pub(super) fn warning(checkpoint: &Path) -> Option<String> {
    if is_database(checkpoint) {
        return None;
    }
    mounts::warning(checkpoint)
}

/// The processes that write a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// Who they are, for people.
    pub(super) name: String,
    since: HeldSince,
}

/// Since when a checkpoint is held by a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeldSince {
    /// In Unix milliseconds, if that is known.
    Time(Option<i64>),
    /// It works, or worked, on the latest run.
    LatestRun,
    /// Its run has not begun.
    AfterLatestRun,
}

impl Holder {
    /// Whether its run is a later one than the run that began at `began_ms`, which is the
    /// latest.
    pub(super) fn is_after_run(&self, began_ms: i64) -> bool {
        match self.since {
            HeldSince::Time(since_ms) => since_ms.is_some_and(|since| since > began_ms),
            HeldSince::LatestRun => false,
            HeldSince::AfterLatestRun => true,
        }
    }
}

/// Who writes a checkpoint now, of which `status` was read.
pub(super) fn holder(checkpoint: &Path, status: &LedgerStatus) -> Option<Holder> {
    if !is_database(checkpoint) {
        return lock_holder(checkpoint).map(|name| Holder {
            name,
            since: HeldSince::Time(lock_changed_ms(checkpoint)),
        });
    }
    let live = |worker: &&WorkerStatus| worker.state == WorkerState::Live;
    let mut workers = status.workers.iter().filter(live);
    let is_at_work = workers.clone().any(|worker| worker.in_latest_run);
    let first = workers.next()?;
    let (process, host) = (first.process, &first.host);
    Some(Holder {
        name: match workers.count() {
            0 => format!("process {process} on {host}"),
            1 => format!("process {process} on {host} and one other worker"),
            others => format!("process {process} on {host} and {others} other workers"),
        },
        since: if is_at_work {
            HeldSince::LatestRun
        } else {
            HeldSince::AfterLatestRun
        },
    })
}
