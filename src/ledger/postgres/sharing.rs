//! What the workers of one import share, in a PostgreSQL database.

use std::sync::Arc;
use std::time::Duration;

use super::address::DatabaseAddress;
use super::format::{FORMAT, SchemaKind};
use super::keeper::Keeper;
use super::open_ledger::PostgresLedger;
use super::{pace, parts, runs, status};
use crate::ledger::LedgerError;
use crate::ledger::workers::{OtherWorkers, PartAnswer, SharedLedger, SharedPace};

impl SharedLedger for PostgresLedger {
    fn is_joined(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| !writer.is_first)
    }

    fn take_part(&mut self, from: u32) -> Result<PartAnswer, LedgerError> {
        let Some(writer) = &mut self.writer else {
            return Err(LedgerError::NotBegun);
        };
        let (run, worker) = (writer.run, writer.place.id);
        let known = parts::numbers(writer.parts.iter().copied());
        // After an outage of the database others need time to come back, too.
        let buries = self.connection.age() > self.connection.address.lease();
        let taken = self.connection.run("write to", async |session, _| {
            parts::take(session, (run, worker), (from, &known), buries).await
        })?;
        if let PartAnswer::Take(part) = taken {
            writer.parts.insert(part);
        }
        Ok(taken)
    }

    fn others(&mut self) -> Result<OtherWorkers, LedgerError> {
        let (run, worker) = self
            .writer
            .as_ref()
            .map_or((0, 0), |writer| (writer.run, writer.place.id));
        self.read(async |session| status::others(session, (run, worker)).await)
    }

    fn stop_all(&mut self, reason: &str) -> Result<(), LedgerError> {
        let run = self.writer.as_ref().map_or(0, |writer| writer.run);
        self.connection.run("write to", async |session, _| {
            runs::stop(session, run, reason).await
        })
    }

    fn pace(&self) -> Option<Arc<dyn SharedPace>> {
        let writer = self.writer.as_ref()?;
        Some(Arc::new(writer.keeper.requests()))
    }
}

impl PostgresLedger {
    /// The pace of the workers of the checkpoint at `address`, for a process that is to become
    /// one; `None` if there is no checkpoint, or one of an older format that it brings up to date
    /// later.
    pub fn pace_of(address: DatabaseAddress) -> Result<Option<Arc<dyn SharedPace>>, LedgerError> {
        let mut ledger = Self::connected(address.clone())?;
        let SchemaKind::Checkpoint { format, .. } = ledger.schema_kind()? else {
            return Ok(None);
        };
        if format != FORMAT {
            return Ok(None);
        }
        // A checkpoint that can't be written is told now: a keeper would wait for ever.
        ledger.connection.run("write to", async |session, _| {
            pace::reserve(session, 0, Duration::ZERO).await
        })?;
        let keeper = Keeper::start(address, None);
        let keeper = keeper.map_err(|error| ledger.keeper_error(error))?;
        Ok(Some(Arc::new(keeper.into_requests())))
    }
}
