//! One file or folder per subcommand: each builds the parts and joins them.
//!
//! - `import/`: creates the customers; started again, continues
//! - `validate/`: reads and checks everything, sends nothing
//! - `status.rs`: shows the state of a run
//! - `sandbox.rs`: serves a local imitation of the API
//!
//! What several of them need:
//!
//! - `exit.rs`: the exit codes
//! - `hint.rs`: what the user can do about an error
//! - `command_line.rs`: parsed options → the command to type next
//! - `own_files.rs`: which files a pattern leaves out
//! - `prepared.rs`: what every command over an input builds first
//! - `result_folder.rs`: the folder for results
//! - `connect.rs`: from a destination to a client with accepted credentials
//! - `preflight.rs`: the calls before the first create
//! - `customer_list.rs`: all customers that Kable has
//! - `confirm.rs`: asks before a live run
//! - `system.rs`: clock, random numbers, threads, runtime
//! - `descriptors.rs`: how many files this process may have open
//! - `deadline.rs`: `--stop-at`, `--max-duration`
//! - `signals.rs`: Ctrl-C, SIGTERM and SIGHUP
//! - `send_time.rs`: how long it takes to send
//! - `finish.rs`: every row's account, the files, the summary

pub mod command_line;
mod confirm;
mod connect;
mod customer_list;
mod deadline;
mod descriptors;
mod exit;
mod finish;
mod hint;
pub mod import;
mod own_files;
mod preflight;
mod prepared;
mod result_folder;
pub mod sandbox;
mod send_time;
mod signals;
pub mod status;
mod system;
pub mod validate;

pub use self::exit::Exit;
pub use self::hint::hint;
