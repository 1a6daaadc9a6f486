//! The engine: three passes over the input, and the pipeline in the middle one.
//!
//! `survey` reads everything once and finds out what is to be done; `pipeline`
//! does it (`feed` → `dispatch` → `record`, two bounded queues, one stop
//! signal); `account` reads everything again and says of each row what became
//! of it, from the ledger and not from counters that died with a process.

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
