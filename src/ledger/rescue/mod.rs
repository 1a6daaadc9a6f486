//! What is done about a checkpoint that is damaged.
//!
//! - `damage.rs`: what is said of it
//! - `integrity.rs`: whether one is sound, found out before anything is sent
//! - `wal.rs`: SQLite's log beside it
//! - `tables.rs`: its tables as code knows them
//! - `salvage.rs`: saves what can be read into a sound one beside it

pub mod damage;
pub(super) mod integrity;
pub(super) mod salvage;
mod tables;
mod wal;
