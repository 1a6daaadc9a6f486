//! A ledger in a PostgreSQL database, while it is open.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use super::keeper::{Keeper, KeeperError, Kept};
use super::lease::{self, WorkerPlace};
use super::pages::ReadAhead;
use super::postgres_error::PostgresError;
use super::session::DatabaseSession;
use crate::domain::summary::TargetAccount;
use crate::ledger::LedgerError;

/// How often a worker that waits for another one asks.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How long the end of a process waits for its lease to be given up.
const LEAVING: Duration = Duration::from_secs(2);

/// A ledger in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresLedger {
    /// Dropped before the connection, so that nothing renews a lease that was given up.
    pub(super) writer: Option<WriterState>,
    pub(super) connection: Connection,
    pub(super) target: TargetAccount,
    pub(super) ahead: ReadAhead,
}

/// What a ledger that writes has.
#[derive(Debug)]
pub(super) struct WriterState {
    pub(super) keeper: Keeper,
    pub(super) kept: Arc<Kept>,
    pub(super) place: WorkerPlace,
    pub(super) shares: bool,
    /// The run, and whether others may join it.
    pub(super) run: i64,
    pub(super) is_shared_run: bool,
    /// Whether it began the run, or the session.
    pub(super) is_first: bool,
    /// Claims whose requests may be under way.
    pub(super) open: HashSet<u64>,
    /// The parts of the input that are leased to it, as far as it was told.
    pub(super) parts: HashSet<u32>,
}

impl PostgresLedger {
    /// Gives up the lease of a worker. If this fails, it ends by itself.
    pub(super) fn leave(&self, place: WorkerPlace, in_doubt: bool) {
        self.connection.try_run(LEAVING, async |session| {
            lease::leave(session, (place.id, place.nonce), in_doubt).await
        });
    }

    /// This worker's number, if others may write, too.
    pub(super) fn worker_that_shares(&self) -> Option<i64> {
        let writer = self.writer.as_ref().filter(|writer| writer.shares);
        writer.map(|writer| writer.place.id)
    }

    /// Does `work` with the database.
    pub(super) fn read<T: Send>(
        &mut self,
        work: impl AsyncFn(&DatabaseSession) -> Result<T, PostgresError> + Sync,
    ) -> Result<T, LedgerError> {
        self.connection
            .run("read", async |session, _| work(session).await)
    }

    pub(super) fn keeper_error(&self, error: KeeperError) -> LedgerError {
        match error {
            KeeperError::Thread(error) => self.error_of_caller(error),
            KeeperError::Connection(error) => self.connection.failed("open", error),
        }
    }

    pub(super) fn error_of_caller(&self, source: std::io::Error) -> LedgerError {
        LedgerError::Io {
            path: self.connection.path(),
            source,
        }
    }

    /// Fails if the lease is known to be lost: others may have taken over, and what is read is
    /// not what this run did.
    pub(super) fn ensure_lease(&mut self) -> Result<(), LedgerError> {
        let writer = self.writer.as_ref();
        let Some(kept) = writer.map(|writer| &writer.kept) else {
            return Ok(());
        };
        if !kept.deadline.is_lost() {
            return Ok(());
        }
        let kept = Arc::clone(kept);
        self.read(async |session| kept.ensure_held(session).await)?;
        Err(self.connection.failed("read", PostgresError::Fenced))
    }
}

impl Drop for PostgresLedger {
    /// Gives the lease up, so that others go on at once.
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else {
            return;
        };
        let (place, in_doubt) = (writer.place, !writer.open.is_empty());
        let is_lost = writer.kept.deadline.is_lost();
        drop(writer);
        if !is_lost {
            self.leave(place, in_doubt);
        }
    }
}
