//! One file or folder per subcommand: each builds the parts and joins them.
//!
//! - `import/`: creates the customers; started again, continues
//! - `validate/`: reads and checks everything, sends nothing
//! - `sync.rs`: makes Kable equal to the file, and reports what the file no longer has
//! - `apply.rs`: does what a saved plan says
//! - `verify.rs`: compares what Kable has with the file
//! - `rollback/`: deletes the customers that an import created
//! - `status/`: shows the state of a run
//! - `report/`: writes `report.html` of a checkpoint again
//! - `list.rs`: lists what the checkpoint knows of its customers
//! - `init/`: writes a mapping file from an input's header
//! - `presets.rs`: lists the mapping presets, or prints one
//! - `plans.rs`: lists the account's plans and bundles
//! - `sandbox.rs`: serves a local imitation of the API
//! - `completions.rs`: prints what a shell completes commands with
//! - `man.rs`: prints or writes the manual pages
//!
//! What several of them need:
//!
//! - `exit.rs`: the exit codes
//! - `hint.rs`: what the user can do about an error
//! - `usage_error.rs`: what was perhaps meant by a word that is misspelt
//! - `command_line.rs`: parsed options → the command to type next
//! - `option_words.rs`: options as words of a shell
//! - `send_command.rs`: a command that sends customers, as it was typed
//! - `plan_use.rs`: writes a plan, or holds a run against one
//! - `removal_line.rs`: what became of a removal, as a line of a file
//! - `moved_plan.rs`: why a plan is not applied
//! - `option_list.rs`: options that can be repeated
//! - `checkpoint_choice.rs`: which checkpoint is read
//! - `shell_word.rs`: words and paths as they are typed into a shell
//! - `listing.rs`: writes a list in the format of `--as`
//! - `own_files.rs`: which files a pattern leaves out
//! - `prepared.rs`: what every command over an input builds first
//! - `recognised.rs`: the mapping for the inputs, with the preset that fits them
//! - `missing_columns.rs`: columns that a mapping names and no input has
//! - `result_folder.rs`: the folder for results
//! - `result_upload.rs`: results that are copied to an address
//! - `screening.rs`: refuses card data, and exports of something else
//! - `connect.rs`: from a destination to a client with accepted credentials
//! - `preflight.rs`: the calls before the first create
//! - `customer_list.rs`: all customers that Kable has
//! - `lost_zeros.rs`: customers that a row may mean whose id has lost its leading zeros
//! - `remote_state.rs`: what Kable has, looked up for a check
//! - `input_digest.rs`: what identifies an input in a proof
//! - `confirm.rs`: asks before a live run
//! - `system.rs`: clock, random numbers, threads, runtime
//! - `descriptors.rs`: how many files this process may have open
//! - `deadline.rs`: `--stop-at`, `--max-duration`
//! - `shown_mapping.rs`: which column feeds which field, shown before a run
//! - `signals.rs`: Ctrl-C, SIGTERM and SIGHUP
//! - `send_time.rs`: how long it takes to send
//! - `explain.rs`: `--explain`
//! - `fetched.rs`: inputs that are objects
//! - `run_log.rs`: `--log-format json`, `--log-file`
//! - `progress_view.rs`: what is shown while a run goes on
//! - `run_metrics.rs`: `--metrics-file`, `--metrics`
//! - `notify.rs`: `--notify-command`
//! - `shell_command.rs`: runs a command through the shell, for a limited time
//! - `page_text.rs`: what stands in `report.html` beside the figures
//! - `early_results.rs`: what can be looked at while a run goes on
//! - `finish.rs`: every row's account, the files, the summary

pub mod apply;
mod checkpoint;
mod checkpoint_choice;
pub mod command_line;
pub mod completions;
mod confirm;
mod connect;
mod customer_list;
mod deadline;
mod descriptors;
mod early_results;
mod exit;
mod explain;
mod fetched;
mod finish;
mod hint;
pub mod import;
pub mod init;
mod input_digest;
pub mod list;
mod listing;
mod lost_zeros;
pub mod man;
mod missing_columns;
mod moved_plan;
mod notify;
mod option_list;
mod option_words;
mod own_files;
mod page_text;
mod plan_use;
pub mod plans;
mod preflight;
mod prepared;
pub mod presets;
mod progress_view;
mod recognised;
mod remote_state;
mod removal_line;
pub mod report;
mod result_folder;
mod result_upload;
pub mod rollback;
mod run_log;
mod run_metrics;
pub mod sandbox;
mod screening;
mod send_command;
mod send_time;
mod shell_command;
mod shell_word;
mod shown_mapping;
mod signals;
pub mod status;
pub mod sync;
mod system;
mod usage_error;
pub mod validate;
pub mod verify;

pub use self::exit::Exit;
pub use self::fetched::FetchStopped;
pub use self::hint::hint;
pub use self::moved_plan::MovedPlan;
pub use self::notify::RunNotice;
pub use self::run_log::RunLog;
pub use self::usage_error::with_nearest;
