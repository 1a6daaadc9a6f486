//! The engine: three passes over the input.
//!
//! In reading order:
//!
//! - `checker.rs`: row + columns + rules → a checked row, identical in every pass
//! - `survey/`: the first pass reads and checks everything, and plans what to send
//! - `sync/`: what a sync does with each row, decided from the list of customers
//! - `claim_numbers.rs`: numbers the claims of rows that have none yet
//! - `ticket.rs`: a claimed row on its way to the API
//! - `pace/`: how fast requests may start, and how many at once
//! - `send/`: the second pass sends: feed → dispatch → record, two bounded queues
//! - `stop.rs`: the signal that ends the sending, and its reason
//! - `account/`: the last pass reports what became of each row, from the ledger
//! - `wall_clock.rs`: this machine's clock, provided by the front
//! - `testing.rs`: rows, a ledger and an API in memory, for the tests of all passes

pub mod account;
pub mod checker;
pub mod claim_numbers;
pub mod pace;
pub mod send;
pub mod stop;
pub mod survey;
pub mod sync;
#[cfg(test)]
mod testing;
pub mod ticket;
pub mod wall_clock;
