//! The ledger in a schema of a PostgreSQL database.
//!
//! - `address.rs`: the address as it is typed, and how to connect
//! - `address_error.rs`: why an address cannot be used
//! - `uri.rs`: splits an address into parameters
//! - `parameters.rs`: parameters of the address, a service and the environment
//! - `service.rs`: reads service files
//! - `user_files.rs`: where libpq's files of a user are
//! - `hosts.rs`: the servers of an address
//! - `tls.rs`: which connections are encrypted, and whom they trust
//! - `password.rs`: reads the password file
//! - `connect.rs`: connects to the first server that can be used
//! - `connect_error.rs`: why a connection to a server failed
//! - `failure.rs`: tells the failures of connections apart

pub mod address;
mod address_error;
mod connect;
mod connect_error;
mod failure;
mod hosts;
mod parameters;
mod password;
mod service;
mod tls;
mod uri;
mod user_files;
