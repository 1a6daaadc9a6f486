//! What a sync does with each row, decided from the list of customers before anything is
//! sent.
//!
//! - `step.rs`: what is known of a row → what is done with it
//! - `plan.rs`: the pass over all rows that decides, and its result on disk

pub mod plan;
pub mod step;
