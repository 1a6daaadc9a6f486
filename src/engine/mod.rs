//! The engine: three passes over the input.
//!
//! In reading order:
//!
//! - `checker.rs`: row + columns + rules → a checked row, the same way in every pass
//! - `survey/`: the first pass reads everything and finds out what is to be done
//! - `ticket.rs`: a claimed row on its way to the API
//! - `pace/`: how fast requests may start, and how many at once
//! - `send/`: the second pass sends: feed → dispatch → record, two bounded queues
//! - `stop.rs`: the one signal that ends the sending, and its reason
//! - `account/`: the last pass says of each row what became of it, from the ledger
//! - `wall_clock.rs`: our clock, handed in from the front
//! - `testing.rs`: rows, a ledger and an API in memory, for the tests of all passes

pub mod account;
pub mod checker;
pub mod pace;
pub mod send;
pub mod stop;
pub mod survey;
#[cfg(test)]
mod testing;
pub mod ticket;
pub mod wall_clock;
