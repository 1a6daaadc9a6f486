//! The ledger in a schema of a PostgreSQL database, for one worker or several.
//!
//! - `open_ledger.rs`: a ledger while it is open
//! - `opening.rs`: opens it, to read, to plan, or as a worker
//! - `contract.rs`: what every ledger does
//! - `sharing.rs`: what the workers of one import share
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
//! - `connection.rs`: a connection that is taken up again when it drops
//! - `session.rs`: one connection, with its prepared statements
//! - `postgres_error.rs`: why something was not done
//! - `format.rs`: makes the tables, and tells the schema from others
//! - `timeline.rs`: finds out whether the server may lack commits
//! - `lease.rs`: how a worker comes to hold a lease, keeps it and loses it
//! - `keeper.rs`: keeps a lease in the background
//! - `pace.rs`: the starts of requests of all workers
//! - `runs.rs`: begins and ends runs
//! - `parts.rs`: leases parts of the input
//! - `batch.rs`: writes a batch
//! - `rows.rs`: converts rows to the ledger's types
//! - `pages.rs`: reads claims, a page at a time
//! - `status.rs`: reads counts and figures

pub mod address;
mod address_error;
mod batch;
mod connect;
mod connect_error;
mod connection;
mod contract;
mod failure;
mod format;
mod hosts;
mod keeper;
mod lease;
mod open_ledger;
mod opening;
mod pace;
mod pages;
mod parameters;
mod parts;
mod password;
mod postgres_error;
mod rows;
mod runs;
mod service;
mod session;
mod sharing;
mod status;
mod timeline;
mod tls;
mod uri;
mod user_files;

pub use self::open_ledger::PostgresLedger;
pub use self::opening::WorkerSettings;

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod failover_tests;
#[cfg(test)]
mod model_tables_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
