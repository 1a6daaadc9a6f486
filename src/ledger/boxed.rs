//! A ledger in a box is a ledger.

use std::sync::Arc;

use super::workers::{ClaimAnswer, LeaseDeadline, LedgerObserver, SharedLedger};
use super::{Batch, ClaimRecord, Ledger, LedgerError, LedgerStatus, RunFigures, RunStart};
use crate::domain::decision::KnownClaim;
use crate::domain::send_times::SendTimes;
use crate::domain::timeline::RunHistory;

impl<L: Ledger + ?Sized> Ledger for Box<L> {
    fn scan(
        &mut self,
        each: &mut dyn FnMut(&str, KnownClaim) -> std::io::Result<()>,
    ) -> Result<(), LedgerError> {
        (**self).scan(each)
    }

    fn has_gaps(&mut self) -> Result<bool, LedgerError> {
        (**self).has_gaps()
    }

    fn next_id(&mut self) -> Result<u64, LedgerError> {
        (**self).next_id()
    }

    fn landing_ms(&mut self, now_ms: i64) -> Result<u64, LedgerError> {
        (**self).landing_ms(now_ms)
    }

    fn send_times(&mut self) -> Result<SendTimes, LedgerError> {
        (**self).send_times()
    }

    fn begin(&mut self, run: &RunStart) -> Result<(), LedgerError> {
        (**self).begin(run)
    }

    fn write(&mut self, batch: &Batch) -> Result<Vec<(u64, ClaimAnswer)>, LedgerError> {
        (**self).write(batch)
    }

    fn end(&mut self, how: &str, now_ms: i64) -> Result<(), LedgerError> {
        (**self).end(how, now_ms)
    }

    fn claim_record(&mut self, id: u64) -> Result<Option<ClaimRecord>, LedgerError> {
        (**self).claim_record(id)
    }

    fn records(
        &mut self,
        each: &mut dyn FnMut(ClaimRecord) -> std::io::Result<()>,
    ) -> Result<(), LedgerError> {
        (**self).records(each)
    }

    fn runs(&mut self) -> Result<Vec<RunHistory>, LedgerError> {
        (**self).runs()
    }

    fn status(&mut self) -> Result<LedgerStatus, LedgerError> {
        (**self).status()
    }

    fn figures(&mut self) -> Result<RunFigures, LedgerError> {
        (**self).figures()
    }

    fn lease(&self) -> Option<Arc<LeaseDeadline>> {
        (**self).lease()
    }

    fn shared(&mut self) -> Option<&mut dyn SharedLedger> {
        (**self).shared()
    }

    fn observe(&mut self, observer: Arc<dyn LedgerObserver>) {
        (**self).observe(observer);
    }
}
