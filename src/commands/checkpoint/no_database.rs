//! A build without PostgreSQL.

use std::path::Path;
use std::sync::Arc;

use super::writer::{CheckpointWriter, StoredLedger};
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

pub(super) fn shared_pace(checkpoint: &Path) -> Result<Option<Arc<dyn SharedPace>>, LedgerError> {
    Err(missing(checkpoint))
}

pub(super) fn open(
    checkpoint: &Path,
    _target: &TargetAccount,
    _writer: &CheckpointWriter,
) -> Result<StoredLedger, LedgerError> {
    Err(missing(checkpoint))
}
