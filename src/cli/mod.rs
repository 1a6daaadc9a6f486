//! What can be typed: options with their help texts, and no logic.
//!
//! What was typed and what was decided are two types: `config/` turns these
//! into the settings of each part. Most options can also stand in a file,
//! under their long names.
//!
//! - `input.rs`: what is read, and how
//! - `check.rs`: what `validate` alone takes
//! - `target.rs`: where customers are sent or looked up
//! - `requests.rs`: how fast, and for how long a response is awaited
//! - `send.rs`: how customers are sent
//! - `changes.rs`: what `sync` changes in customers that exist
//! - `plan.rs`: how a plan is saved
//! - `apply.rs`: what `apply` takes
//! - `display.rs`: what is shown
//! - `monitor.rs`: what a run leaves for a monitor
//! - `config_file.rs`: which configuration file is read
//! - `stored.rs`: options that need not be typed
//! - `sandbox.rs`: the local imitation of the API
//! - `init.rs`: what `init` and `presets` take
//! - `report.rs`: what `report` takes
//! - `rollback.rs`: what `rollback` takes
//! - `listing.rs`: what `plans` and `list` take, and how lists are written
//! - `packaging.rs`: what `completions` and `man` take
//! - `scalar.rs`: a number with a unit, as text
//! - `defaults.rs`: defaults that help texts and `config/` share

mod apply;
mod changes;
mod check;
mod config_file;
pub mod defaults;
mod display;
mod init;
mod input;
mod listing;
mod monitor;
mod packaging;
mod plan;
mod report;
mod requests;
mod rollback;
mod sandbox;
mod scalar;
mod send;
mod stored;
mod target;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

pub use self::apply::ApplyOptions;
pub use self::changes::{ChangeOptions, EmptyHandling, OnMissingRow, PlanHandling};
pub use self::check::{AnnotationPlatform, CheckOptions, UnsentOptions};
pub use self::config_file::ConfigChoice;
pub use self::display::{ColorChoice, DisplayOptions, LogFormat};
pub use self::init::{InitOptions, PresetsOptions};
pub use self::input::{InputFormat, InputOptions, PlanIds, ReadingOptions, ShortRowHandling};
pub use self::listing::{
    CatalogKind, ListOptions, ListingFormat, ListingOptions, ListingSwitches, PlansOptions,
};
pub use self::monitor::MonitorOptions;
pub use self::packaging::{CompletionsOptions, ManOptions};
pub use self::plan::PlanOptions;
pub use self::report::ReportOptions;
pub use self::requests::RequestOptions;
pub use self::rollback::{RemovalOptions, RollbackOptions, RollbackSending};
pub use self::sandbox::{SandboxOptions, Upsert};
pub use self::scalar::Scalar;
pub use self::send::{OnExisting, SendOptions};
pub use self::stored::StoredOptions;
pub use self::target::{Env, SandboxChoice, TargetOptions};

const AFTER_HELP: &str = "\
Exit codes:
  0    all of it done: every row read is created, already there, updated or unchanged
  1    could not run or had to stop: configuration, credentials, input, checkpoint, full disk
  2    wrong usage
  3    finished, but some rows were rejected, failed, differ, or are unresolved
  4    stopped early by the clock (--stop-at, --max-duration); the same command continues
  5    stopped early, and a person is needed first: --max-errors, --all-or-nothing, refusals
       with one cause, a canary that disagrees or was declined, --max-changes, a plan that no
       longer fits; the output says what is needed
  101  a bug in kable-bulk ended it; the same command continues
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP); the same command continues

Credentials come from KABLE_CLIENT_ID and KABLE_CLIENT_SECRET, or --client-secret-file.";

const IGNORED_HELP: &str = "\
The options of import and sync that are about sending are accepted as well, and ignored; with -v
it says which.";

/// Imports customers into the Kable billing API: each created exactly once,
/// every row accounted for.
#[derive(Debug, Parser)]
#[command(name = "kable-bulk", version, long_version = env!("BUILD_VERSION"), about, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Creates the customers; started again, continues where it stopped
    Import(Box<ImportOptions>),
    /// Reads and checks everything, sends nothing
    Validate(Box<ValidateOptions>),
    /// Creates new customers, updates changed ones, and reports or cancels those no longer in the file
    Sync(Box<SyncOptions>),
    /// Does exactly what a plan says that --save-plan wrote, or refuses
    Apply(Box<ApplyOptions>),
    /// Compares what Kable holds with the file, field by field; changes nothing
    Verify(Box<VerifyOptions>),
    /// Deletes exactly the customers that an import created
    Rollback(Box<RollbackOptions>),
    /// Shows where a run stands, also while it is running
    Status(StatusOptions),
    /// Writes the page report.html of a checkpoint again; sends nothing
    Report(Box<ReportOptions>),
    /// Lists what the checkpoint knows of its customers, with Kable's ids
    List(ListOptions),
    /// Writes a mapping file from an input's header, with the decisions left to you marked
    Init(InitOptions),
    /// Lists the presets for exports of other systems, or prints one as a mapping file
    Presets(PresetsOptions),
    /// Lists the account's plans and bundles, with their ids
    Plans(PlansOptions),
    /// Serves a local imitation of the Kable API, to try things against
    Sandbox(SandboxOptions),
    /// Prints the script with which a shell completes commands and options
    Completions(CompletionsOptions),
    /// Prints this program's manual page, or writes the pages of all commands
    Man(ManOptions),
}

/// A command that has a log: its name, the file of options that it reads, and what is typed
/// of what is shown. A plan's file of options is known only when the plan was read.
#[derive(Debug, Clone, Copy)]
pub struct LoggedCommand<'c> {
    /// The subcommand.
    pub name: &'static str,
    /// Its choice of a file of options, if it has one.
    pub file: Option<&'c ConfigChoice>,
    /// What is shown.
    pub display: &'c DisplayOptions,
}

impl Command {
    /// The command, if it has a log.
    pub fn logged(&self) -> Option<LoggedCommand<'_>> {
        let (name, file, display) = match self {
            Self::Import(options) => ("import", Some(&options.input.file), &options.display),
            Self::Sync(options) => {
                let options = &options.import;
                ("sync", Some(&options.input.file), &options.display)
            }
            Self::Validate(options) => ("validate", Some(&options.input.file), &options.display),
            Self::Verify(options) => ("verify", Some(&options.input.file), &options.display),
            Self::Rollback(options) => ("rollback", Some(&options.file), &options.display),
            Self::Apply(options) => ("apply", None, &options.display),
            Self::Status(_)
            | Self::List(_)
            | Self::Report(_)
            | Self::Init(_)
            | Self::Presets(_)
            | Self::Plans(_)
            | Self::Sandbox(_)
            | Self::Completions(_)
            | Self::Man(_) => return None,
        };
        Some(LoggedCommand {
            name,
            file,
            display,
        })
    }
}

/// Options of `import`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ImportOptions {
    /// What is read, and how.
    #[command(flatten)]
    pub input: InputOptions,
    /// Where customers are sent.
    #[command(flatten)]
    pub target: TargetOptions,
    /// How fast they are sent.
    #[command(flatten, next_help_heading = "Sending")]
    pub requests: RequestOptions,
    /// How they are sent.
    #[command(flatten)]
    pub sending: SendOptions,
    /// How a plan is saved.
    #[command(flatten)]
    pub plan: PlanOptions,
    /// What is shown.
    #[command(flatten)]
    pub display: DisplayOptions,
    /// What it leaves for a monitor.
    #[command(flatten)]
    pub monitor: MonitorOptions,
}

/// Options of `sync`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SyncOptions {
    /// What it shares with `import`.
    #[command(flatten)]
    pub import: ImportOptions,
    /// What it changes.
    #[command(flatten)]
    pub changes: ChangeOptions,
}

/// Options of `validate`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ValidateOptions {
    /// What is read, and how.
    #[command(flatten)]
    pub input: InputOptions,
    /// What `validate` alone takes.
    #[command(flatten)]
    pub checks: CheckOptions,
    /// Where customers are looked up.
    #[command(flatten)]
    pub target: TargetOptions,
    /// How fast they are looked up.
    #[command(flatten, next_help_heading = "Target")]
    pub requests: RequestOptions,
    /// What is ignored.
    #[command(flatten)]
    pub unsent: UnsentOptions,
    /// What is shown.
    #[command(flatten)]
    pub display: DisplayOptions,
}

/// Options of `verify`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct VerifyOptions {
    /// What is read, and how.
    #[command(flatten)]
    pub input: InputOptions,
    /// Where customers are looked up.
    #[command(flatten)]
    pub target: TargetOptions,
    /// How fast they are looked up.
    #[command(flatten, next_help_heading = "Target")]
    pub requests: RequestOptions,
    /// What is shown.
    #[command(flatten)]
    pub display: DisplayOptions,
    /// What it leaves for a monitor.
    #[command(flatten)]
    pub monitor: MonitorOptions,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusOptions {
    /// The input whose checkpoint is shown, or the inputs or the pattern of its import
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<OsString>,
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigChoice,
    /// The checkpoint.
    #[arg(
        long,
        value_name = "FILE",
        help = "The checkpoint: a file, or postgres://USER@HOST/DB"
    )]
    pub checkpoint: Option<PathBuf>,
    /// Shows the checkpoint of a run with the sandbox, whose file makes no difference; =false: of a run without it
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = defaults::SANDBOX_FILE
    )]
    pub sandbox: Option<SandboxChoice>,
    /// Shows it again and again until the run ends; Ctrl-C leaves the run alone [default: every 2 seconds]
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2",
        value_name = "SECONDS"
    )]
    pub watch: Option<String>,
    /// Prints it as JSON, with --watch one object a line
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub json: Option<bool>,
}

/// The command line's grammar, with the defaults in its help texts.
pub fn command() -> clap::Command {
    let command = Cli::command();
    // It takes none of them: they are parsed to be refused by name.
    let command = command.mut_subcommand("sync", |sync| {
        sync.mut_arg("canary", |option| option.hide(true))
            .mut_arg("existing", |option| option.hide(true))
    });
    let ignored = UnsentOptions::augment_args(clap::Command::new("validate"));
    let command = command.mut_subcommand("validate", |validate| {
        let ignored = ignored.get_arguments().map(clap::Arg::get_id);
        let hidden = ignored.fold(validate, |validate, id| {
            validate.mut_arg(id, |option| option.hide(true))
        });
        hidden.after_help(IGNORED_HELP)
    });
    command.mut_subcommands(|subcommand| subcommand.mut_args(defaults::shown_in_help))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn the_options_agree_with_each_other() {
        super::command().debug_assert();
    }

    /// A command line for either is checked by swapping the word.
    #[test]
    fn validate_takes_every_option_of_import_and_sync() {
        let command = super::command();
        let longs = |name: &str| -> BTreeSet<String> {
            let options = command.find_subcommand(name).unwrap().get_arguments();
            let longs = options.filter_map(clap::Arg::get_long);
            longs.map(str::to_owned).collect()
        };
        let taken = longs("validate");
        for name in ["import", "sync"] {
            let missing: Vec<_> = longs(name).difference(&taken).cloned().collect();
            assert_eq!(missing, [""; 0], "{name}");
        }
    }

    #[test]
    fn help_says_wherever_a_checkpoint_is_named_that_it_may_be_in_a_database() {
        let command = super::command();
        let mut found = 0;
        for subcommand in command.get_subcommands() {
            let mut options = subcommand.get_arguments();
            let option = options.find(|option| option.get_long() == Some("checkpoint"));
            let Some(help) = option.map(|option| option.get_help().unwrap().to_string()) else {
                continue;
            };
            found += 1;
            let name = subcommand.get_name();
            assert!(help.contains("a file, or postgres://"), "{name}: {help}");
        }
        assert!(found > 5, "{found}");
    }

    #[test]
    fn help_names_the_defaults() {
        let mut command = super::command();
        let import = command.find_subcommand_mut("import").unwrap();
        let help = import.render_help().to_string();
        let help: Vec<&str> = help.split_whitespace().collect();
        let help = help.join(" ");
        for default in ["50/s", "30s", "64", "8", "10%"] {
            assert!(help.contains(&format!("[default: {default}]")), "{default}");
        }
    }
}
