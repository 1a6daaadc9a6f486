//! TODO map of ledger::rescue.

pub mod damage;
pub(super) mod integrity;
pub(super) mod salvage;
mod tables;
mod wal;
