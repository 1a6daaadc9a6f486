//! JSON that is not an object a line: arrays, wrapped lists, objects over several
//! lines.
//!
//! Such an input is written once, as it is read, to a file with an object a line,
//! each with its line in the input, and the rows are read from there (`jsonl/`).
//!
//! - `orientation.rs`: JSON whose rows are no objects, which is not read
//! - `layout.rs`: finds out how an input is arranged
//! - `rows.rs`: finds the rows and writes each on one line
//! - `one_line.rs`: a row on one line, and where it is not JSON
//! - `position.rs`: the place in the input
//! - `balance.rs`: finds where a value ends, right or wrong
//! - `sequence.rs`: JSON texts with record separators
//! - `pages.rs`: whether a list is one page of more

mod balance;
pub(super) mod layout;
mod one_line;
pub(super) mod orientation;
mod pages;
mod position;
pub(super) mod rows;
pub(super) mod sequence;
