//! A checkpoint in PostgreSQL.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use super::writer::{CheckpointWriter, StoredLedger};
use crate::commands::system::{steady_clock, wall_clock};
use crate::config::database_variable;
use crate::domain::summary::TargetAccount;
use crate::engine::stop::{Halt, Stop};
use crate::ledger::postgres::address::DatabaseAddress;
use crate::ledger::postgres::{PostgresLedger, WorkerSettings};
use crate::ledger::workers::{LedgerObserver, SharedPace};
use crate::ledger::{Ledger, LedgerError};
use crate::report::progress::ProgressDisplay;

fn address(checkpoint: &Path) -> Result<DatabaseAddress, LedgerError> {
    let text = checkpoint.to_string_lossy();
    DatabaseAddress::parse(&text, &database_variable).map_err(|source| LedgerError::Unreachable {
        path: "in PostgreSQL".into(),
        hint: source.hint(),
        source: Box::new(source),
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

pub(super) fn shared_pace(checkpoint: &Path) -> Result<Option<Arc<dyn SharedPace>>, LedgerError> {
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

/// Tells a person while a checkpoint waits for its database.
struct WaitingCheckpoint {
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
