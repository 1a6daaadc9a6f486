//! The nouns that several steps share, and the pure rules about them.
//!
//! Nothing here touches a file, a socket, a clock or a terminal: what a row
//! means is decided by values alone, so that it can be tested by values alone.

pub mod advice;
pub mod bottleneck;
pub mod candidate;
pub mod catalog;
mod checks;
pub mod currency;
pub mod customer;
pub mod decision;
pub mod field;
pub mod forecast;
pub mod header;
mod heuristics;
mod id_list;
pub mod mapping;
pub mod outcome;
pub mod problem;
pub mod remote;
pub mod row;
pub mod rules;
pub mod summary;
pub mod text;
pub mod threshold;
pub mod update;
pub mod validate;
pub mod withdrawn;
