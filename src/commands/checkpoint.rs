//! Opens the checkpoint that is named: a SQLite file, or a schema of a PostgreSQL database.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::system::wall_clock;
use crate::domain::summary::TargetAccount;
use crate::engine::stop::{Halt, Stop};
pub(super) use crate::ledger::is_database;
use crate::ledger::sqlite::lock::{lock_changed_ms, lock_holder};
use crate::ledger::sqlite::{SqliteLedger, mounts};
use crate::ledger::workers::{LedgerObserver, SharedPace, WorkerState, WorkerStatus};
use crate::ledger::{Ledger, LedgerError, LedgerStatus};
use crate::report::progress::ProgressDisplay;

/// An open checkpoint.
pub(super) type StoredLedger = Box<dyn Ledger>;

/// What a command that writes brings to a checkpoint.
pub(super) struct CheckpointWriter {
    /// Whether other processes may work on the same run.
    pub(super) shares: bool,
    /// The longest time that a request waits for its response.
    pub(super) timeout: Duration,
    pub(super) watcher: Arc<ProgressDisplay>,
    pub(super) stop: Stop,
}

impl Debug for CheckpointWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckpointWriter").finish_non_exhaustive()
    }
}

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

/// Tells a person while a checkpoint waits for its database.
pub(super) struct WaitingCheckpoint {
    watcher: Arc<ProgressDisplay>,
    stop: Stop,
}

impl Debug for WaitingCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitingCheckpoint").finish_non_exhaustive()
    }
}

impl LedgerObserver for WaitingCheckpoint {
    fn waits(&self, what: &str) {
        self.watcher.say(&format!(
            "{what}; nothing is sent until it is back, and nothing is lost"
        ));
    }

    fn goes_on(&self) {
        self.watcher.say("the checkpoint's database is back");
    }

    fn warns(&self, what: &str) {
        self.watcher.say(&format!("warning: {what}"));
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_halted()
    }

    fn stop(&self, reason: &str) {
        // A reason that a newer version gave is still a reason.
        let halt = serde_json::from_str(reason).unwrap_or(Halt::Broken);
        self.stop.halt(halt);
    }
}

#[cfg(feature = "postgres")]
mod database {
    //! A checkpoint in PostgreSQL.

    use std::path::Path;
    use std::sync::Arc;

    use super::{CheckpointWriter, StoredLedger, WaitingCheckpoint};
    use crate::commands::system::{steady_clock, wall_clock};
    use crate::config::database_variable;
    use crate::domain::summary::TargetAccount;
    use crate::ledger::postgres::address::DatabaseAddress;
    use crate::ledger::postgres::{PostgresLedger, WorkerSettings};
    use crate::ledger::workers::SharedPace;
    use crate::ledger::{Ledger, LedgerError};

    fn address(checkpoint: &Path) -> Result<DatabaseAddress, LedgerError> {
        let text = checkpoint.to_string_lossy();
        DatabaseAddress::parse(&text, &database_variable).map_err(|source| {
            LedgerError::Unreachable {
                path: "in PostgreSQL".into(),
                hint: source.hint(),
                source: Box::new(source),
            }
        })
    }

    pub(super) fn is_there(checkpoint: &Path) -> Result<bool, LedgerError> {
        PostgresLedger::is_there(address(checkpoint)?)
    }

    pub(super) fn open_to_read(checkpoint: &Path) -> Result<StoredLedger, LedgerError> {
        Ok(Box::new(PostgresLedger::open_to_read(address(
            checkpoint,
        )?)?))
    }

    pub(super) fn open_to_plan(
        checkpoint: &Path,
        target: &TargetAccount,
    ) -> Result<StoredLedger, LedgerError> {
        let address = address(checkpoint)?;
        Ok(Box::new(PostgresLedger::open_to_plan(address, target)?))
    }

    pub(super) fn shared_pace(
        checkpoint: &Path,
    ) -> Result<Option<Arc<dyn SharedPace>>, LedgerError> {
        PostgresLedger::pace_of(address(checkpoint)?)
    }

    pub(super) fn open(
        checkpoint: &Path,
        target: &TargetAccount,
        writer: &CheckpointWriter,
    ) -> Result<StoredLedger, LedgerError> {
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        let (watcher, stop) = (&writer.watcher, &writer.stop);
        let mut ledger = PostgresLedger::open(
            address(checkpoint)?,
            &WorkerSettings {
                target,
                now_ms: wall_clock(),
                shares: writer.shares,
                host: (host, std::process::id()),
                timeout: writer.timeout,
                clock: steady_clock,
                says: &|what| watcher.say(what),
                is_stopped: &|| stop.is_halted(),
            },
        )?;
        ledger.observe(Arc::new(WaitingCheckpoint {
            watcher: Arc::clone(watcher),
            stop: stop.clone(),
        }));
        Ok(Box::new(ledger))
    }
}

#[cfg(not(feature = "postgres"))]
mod database {
    //! A build without PostgreSQL.

    use std::path::Path;
    use std::sync::Arc;

    use super::{CheckpointWriter, StoredLedger};
    use crate::domain::summary::TargetAccount;
    use crate::ledger::LedgerError;
    use crate::ledger::workers::SharedPace;

    fn missing(checkpoint: &Path) -> LedgerError {
        LedgerError::NoDatabases {
            path: checkpoint.to_owned(),
        }
    }

    pub(super) fn is_there(checkpoint: &Path) -> Result<bool, LedgerError> {
        Err(missing(checkpoint))
    }

    pub(super) fn open_to_read(checkpoint: &Path) -> Result<StoredLedger, LedgerError> {
        Err(missing(checkpoint))
    }

    pub(super) fn open_to_plan(
        checkpoint: &Path,
        _target: &TargetAccount,
    ) -> Result<StoredLedger, LedgerError> {
        Err(missing(checkpoint))
    }

    pub(super) fn shared_pace(
        checkpoint: &Path,
    ) -> Result<Option<Arc<dyn SharedPace>>, LedgerError> {
        Err(missing(checkpoint))
    }

    pub(super) fn open(
        checkpoint: &Path,
        _target: &TargetAccount,
        _writer: &CheckpointWriter,
    ) -> Result<StoredLedger, LedgerError> {
        Err(missing(checkpoint))
    }
}
