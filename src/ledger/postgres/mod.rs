//! The ledger in a schema of a PostgreSQL database.
//!
//! - `address.rs`: the address as it is typed, and how to connect

pub mod address;
