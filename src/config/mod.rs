//! Typed options, environment and configuration file → the settings of each part.
//!
//! A typed option beats the environment, the environment beats the file. This is
//! the only reader of the environment; no code below the front sees a configuration.
//!
//! - `environment.rs`: the environment, read once
//! - `file.rs`: the options of the configuration file and of the environment
//! - `used_options.rs`: which of them a command takes
//! - `options.rs`: their names, and what kind of value each takes
//! - `written_value.rs`: a value as people write it
//! - `origin.rs`: where each is written
//! - `input.rs`, `target.rs`, `requests.rs`, `send.rs`, `changes.rs`, `display.rs`: one group of
//!   options each, as settings
//! - `credentials.rs`: what can be seen of wrong credentials before anything is sent
//! - `mapping.rs`: the options that say which column feeds which field, as one mapping
//! - `mapping_file/`: the mapping file
//! - `presets.rs`: the mapping files that are built in
//! - `values.rs`: lengths of time and names beside the input, read and checked
//! - `value_forms.rs`: what the value of an option looks like
//! - `value_checks.rs`: refuses values of a file, whichever of them a command takes
//! - `error.rs`: why a configuration can't be used

pub mod changes;
mod credentials;
pub mod display;
mod environment;
mod error;
mod file;
pub mod input;
pub mod mapping;
pub mod mapping_file;
mod metrics_addresses;
pub mod monitor;
mod options;
mod origin;
pub mod presets;
pub mod requests;
pub mod send;
pub mod target;
mod used_options;
pub mod value_checks;
mod value_forms;
pub mod values;
mod written_value;

pub use self::environment::{
    COMMAND_VARIABLE, EXIT_CODE_VARIABLE, Environment, SECRET_VARIABLES, database_variable,
};
pub use self::error::{ConfigError, value_error};
pub use self::file::{FileOptions, InheritedOptions};
pub use self::origin::{Assignments, OptionOrigin};

#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod tests;
