//! Finds damage in a checkpoint, and saves what can be read of it.
//!
//! - `damage.rs`: reports damage and rescue
//! - `integrity.rs`: checks a checkpoint before anything is sent
//! - `wal.rs`: checks SQLite's write-ahead log
//! - `tables.rs`: columns, and which values are valid in them
//! - `salvage.rs`: copies the readable rows into a new checkpoint

pub mod damage;
pub(super) mod integrity;
pub(super) mod salvage;
mod tables;
mod wal;
