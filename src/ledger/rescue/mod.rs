//! Finds damage in a checkpoint, and saves what can be read of it.
//!
//! - `damage.rs`: how damage and rescue are reported
//! - `integrity.rs`: checks a checkpoint before anything is sent
//! - `wal.rs`: SQLite's log beside it
//! - `tables.rs`: its tables, and which values are valid in them
//! - `salvage.rs`: copies what can be read into a new one beside it

pub mod damage;
pub(super) mod integrity;
pub(super) mod salvage;
mod tables;
mod wal;
