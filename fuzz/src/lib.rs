//! What the fuzz targets assert.
//!
//! - `archive.rs`: ZIP archives whose checksums are right
//! - `reading.rs`: all ways of reading an input give the same rows
//! - `checking.rs`: rows are checked, with any mapping

pub mod archive;
pub mod checking;
pub mod reading;
