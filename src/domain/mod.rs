//! The nouns that all floors share, and the rules about them.
//!
//! Nothing here touches a file, a socket, a clock or a terminal: every rule is a
//! function of values, and tested as one.
//!
//! From the input to the API:
//!
//! - `cell.rs`, `row_findings.rs`, `row.rs`, `header.rs`, `mapping/`: a row, and which column is which field
//! - `synonyms.rs`: what other systems call the columns of fields
//! - `guesses.rs`: which column of an unknown export probably is which field
//! - `misfits.rs`: values that are certainly not those of a field
//! - `field.rs`, `candidate.rs`: the fields, and a row's values by field
//! - `validate.rs`, `checks.rs`, `id_list.rs`, `heuristics.rs`: a row is fit to be
//!   sent, or rejected
//! - `spoilt/`, `printable.rs`, `invisible.rs`, `card_number.rs`: values that were spoilt on the way, and
//!   those that must not be sent
//! - `card_columns.rs`, `foreign_export.rs`: inputs that are refused as a whole
//! - `rules.rs`, `catalog.rs`, `currency.rs`, `withdrawn.rs`: what it is checked against
//! - `problem.rs`: what can be wrong with a row
//! - `meant_id.rs`: the `clientId` that a row means
//! - `problem_groups.rs`: problems by kind
//! - `skip.rs`: why a row is no customer
//! - `swallowed_rows.rs`: rows that a stray quote made part of another one
//! - `customer.rs`: a customer that can be sent
//! - `decision.rs`: whether a row is sent, looked up or skipped
//! - `send_times.rs`: when creates of earlier runs may have taken effect
//! - `remote.rs`: a customer as Kable has it, and how it differs from a row
//! - `plan_policy.rs`, `update.rs`, `remote_change.rs`: how it is changed
//!
//! What is reported:
//!
//! - `outcome.rs`, `summary.rs`: the outcome of a row; a run in numbers
//! - `latency_buckets.rs`: latencies by upper bound
//! - `pruned.rs`: what became of customers that a sync cancels
//! - `row_tally.rs`: rows that are no customers, rows that took a default, currencies and countries
//! - `value_counts.rs`: how often each value of a field occurs
//! - `compared_fields.rs`: in how many rows a field differs from Kable's
//! - `recorded_differences.rs`: how a customer differs from its row, as the checkpoint keeps it
//! - `forecast.rs`: what a run would do
//! - `saved_plan.rs`: what a saved plan says of a customer, and whether it still fits
//! - `advice.rs`, `wrong_constant.rs`: the next steps after a check
//! - `bottleneck.rs`: how fast a run is
//! - `threshold.rs`: when it stops early
//! - `timeline.rs`: a run over time
//! - `hex.rs`: bytes as hexadecimal digits
//! - `error_cause.rs`: the cause of an error that says most
//! - `loopback.rs`: which hosts are this machine
//! - `text.rs`: how values are shown
//! - `object_address.rs`: inputs and results that are no files, and how their addresses are shown
//! - `nearest.rs`: the known name that a misspelt one is probably meant to be
//! - `version.rs`: the version and the commit of this program

pub mod advice;
pub mod bottleneck;
pub mod candidate;
pub mod card_columns;
pub mod card_number;
pub mod catalog;
pub mod cell;
mod checks;
pub mod compared_fields;
pub mod currency;
pub mod customer;
pub mod decision;
pub mod error_cause;
pub mod field;
pub mod forecast;
pub mod foreign_export;
pub mod guesses;
pub mod header;
mod heuristics;
pub mod hex;
mod id_list;
mod invisible;
pub mod latency_buckets;
pub mod loopback;
pub mod mapping;
pub mod meant_id;
pub mod misfits;
pub mod nearest;
pub mod object_address;
pub mod outcome;
pub mod plan_policy;
mod printable;
pub mod problem;
pub mod problem_groups;
pub mod pruned;
pub mod recorded_differences;
pub mod remote;
pub mod remote_change;
pub mod row;
pub mod row_findings;
pub mod row_tally;
pub mod rules;
pub mod saved_plan;
pub mod send_times;
pub mod skip;
pub(crate) mod spoilt;
pub mod summary;
pub mod swallowed_rows;
mod synonyms;
pub mod text;
pub mod threshold;
pub mod timeline;
pub mod update;
pub mod validate;
pub mod value_counts;
pub mod version;
pub mod withdrawn;
pub mod wrong_constant;
