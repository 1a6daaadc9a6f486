//! The ledger of removals that are not recorded.

use std::io;
use std::sync::Arc;

use crate::domain::decision::KnownClaim;
use crate::domain::send_times::SendTimes;
use crate::domain::timeline::RunHistory;
use crate::ledger::workers::{ClaimAnswer, LeaseDeadline};
use crate::ledger::{Batch, ClaimRecord, Ledger, LedgerError, LedgerStatus, RunStart};

/// Keeps nothing.
#[derive(Debug, Clone, Default)]
pub struct NoLedger {
    /// The lease of the process's checkpoint: without it nothing may be sent.
    pub lease: Option<Arc<LeaseDeadline>>,
}

impl Ledger for NoLedger {
    fn scan(
        &mut self,
        _each: &mut dyn FnMut(&str, KnownClaim) -> io::Result<()>,
    ) -> Result<(), LedgerError> {
        Ok(())
    }

    fn has_gaps(&mut self) -> Result<bool, LedgerError> {
        Ok(false)
    }

    fn next_id(&mut self) -> Result<u64, LedgerError> {
        Ok(1)
    }

    fn landing_ms(&mut self, _now_ms: i64) -> Result<u64, LedgerError> {
        Ok(0)
    }

    fn send_times(&mut self) -> Result<SendTimes, LedgerError> {
        Ok(SendTimes::default())
    }

    fn begin(&mut self, _run: &RunStart) -> Result<(), LedgerError> {
        Ok(())
    }

    fn write(&mut self, _batch: &Batch) -> Result<Vec<(u64, ClaimAnswer)>, LedgerError> {
        Ok(Vec::new())
    }

    fn end(&mut self, _how: &str, _now_ms: i64) -> Result<(), LedgerError> {
        Ok(())
    }

    fn claim_record(&mut self, _id: u64) -> Result<Option<ClaimRecord>, LedgerError> {
        Ok(None)
    }

    fn records(
        &mut self,
        _each: &mut dyn FnMut(ClaimRecord) -> io::Result<()>,
    ) -> Result<(), LedgerError> {
        Ok(())
    }

    fn runs(&mut self) -> Result<Vec<RunHistory>, LedgerError> {
        Ok(Vec::new())
    }

    fn status(&mut self) -> Result<LedgerStatus, LedgerError> {
        Ok(LedgerStatus::default())
    }
    fn lease(&self) -> Option<Arc<LeaseDeadline>> {
        self.lease.clone()
    }
}
