//! Simulates workers of one import in virtual time: up to a thousand of them, kills, pauses,
//! partitions, late creates, lost answers, clocks of the wrong speed, all decided by a seed.
//!
//! The API has no uniqueness: a create that arrives twice makes two customers. The tests hold
//! that none is made twice, that each row gets one outcome, that the rate is kept and used,
//! and that it ends; and that without any one of the guards a customer is made twice. The
//! checkpoint is `ledger/conformance/shared_database.rs`, which `ledger/postgres/model_tests.rs`
//! compares with a real one.
//!
//! - `scenario.rs`: what one simulation is about
//! - `clock.rs`: the clocks of workers
//! - `worker.rs`: one worker as a state machine: leases and claims
//! - `reader.rs`: how it reads the input
//! - `requests.rs`: what it writes and sends
//! - `network.rs`: the queue of events; loses and delays what is sent
//! - `faults.rs`: kills, pauses and cuts off workers

mod clock;
mod faults;
mod network;
mod reader;
mod requests;
mod scenario;
mod worker;

#[cfg(test)]
mod tests;
