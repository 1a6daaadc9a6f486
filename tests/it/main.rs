//! The end-to-end tests: the built binary against a sandbox, over sockets and files.
//!
//! One binary with a module per topic, so that they link once. `common` is the language of
//! the tests; `simulated` is what `scenarios` runs on.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise, and prints its figures"
)]

#[cfg(unix)]
mod absence;
mod annotations;
mod answers;
mod architecture;
mod banner;
mod belongings;
#[cfg(unix)]
mod boundaries;
mod canary;
mod card_data;
mod changing;
mod cli;
mod common;
mod config_file;
mod connections;
mod contract;
mod credentials;
mod damage;
#[cfg(unix)]
mod database;
mod differential;
#[cfg(unix)]
mod disk;
mod early_results;
mod encodings;
mod existing;
mod exports;
mod faults;
mod foreign_exports;
#[cfg(target_os = "linux")]
mod hostile;
mod import;
mod input;
mod install;
mod json;
mod json_log;
mod keeping;
mod kubernetes;
mod library;
mod list;
mod mapping;
mod mended;
#[cfg(unix)]
mod metrics;
mod misspelt;
mod nightly;
mod not_the_api;
#[cfg(unix)]
mod notify;
mod objects;
#[cfg(unix)]
mod one_writer;
mod online;
mod page;
mod paging;
mod patterns;
mod plans;
mod planted;
mod prune;
mod questions;
mod readme;
mod refusals;
mod rehearsal;
mod report;
mod resume;
mod rollback;
mod saved_plan;
mod scenarios;
mod simulated;
mod spoilt;
#[cfg(unix)]
mod status;
mod summary_schema;
mod sync;
mod tables;
#[cfg(unix)]
mod terminal;
mod time_limits;
mod troubleshooting;
mod unseen;
mod validate;
mod verify;
mod wire;
mod workbooks;
#[cfg(unix)]
mod workers;
