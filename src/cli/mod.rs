//! What can be typed: options with their help texts, and no logic.
//!
//! What was typed and what was decided are two types: `config/` turns these
//! into the settings of each part. The same options can stand in a file, under
//! their long names.

mod sending;
mod showing;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use serde::Deserialize;

pub use self::sending::Sending;
pub use self::showing::{Checks, LogFormat, Platform, Showing};
pub use self::values::{Existing, Text};

const AFTER_HELP: &str = "\
Exit codes:
  0    all of it done: every row read is created, already there, updated or unchanged
  1    could not run or had to stop: configuration, credentials, input, checkpoint, disk
  2    wrong usage
  3    finished, but some rows were rejected, failed, differ, or are unresolved
  4    stopped early by the clock (--stop-at, --max-duration); the same command goes on
  5    stopped early, and a person is needed first: --max-errors, --all-or-nothing, refusals
       with one cause, a canary that disagrees or was declined; it says what is needed
  130  interrupted; can be resumed with the same command

Credentials come from KABLE_CLIENT_ID and KABLE_CLIENT_SECRET, or --client-secret-file.";

/// Imports customers into the Kable billing API: each created exactly once,
/// every row accounted for.
#[derive(Debug, Parser)]
#[command(name = "kable-bulk", version, about, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Creates the customers; started again, goes on where it stopped
    Import(Import),
    /// Reads and checks everything, sends nothing
    Validate(Validate),
    /// Shows where a run stands, also while it is running
    Status(Status),
    /// Serves a local imitation of the Kable API, to try things against
    Sandbox(Sandbox),
}

/// Options of `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// What is read, and how.
    #[command(flatten)]
    pub reading: Reading,
    /// Where it is sent.
    #[command(flatten)]
    pub target: Target,
    /// How it is sent.
    #[command(flatten)]
    pub sending: Sending,
    /// What is shown.
    #[command(flatten)]
    pub showing: Showing,
}

/// Options of `validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// What is read, and how.
    #[command(flatten)]
    pub reading: Reading,
    /// What it alone takes.
    #[command(flatten)]
    pub checks: Checks,
    /// Where it is looked up.
    #[command(flatten)]
    pub target: Target,
    /// How it is looked up.
    #[command(flatten)]
    pub asking: Asking,
    /// What is shown.
    #[command(flatten)]
    pub showing: Showing,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The input whose checkpoint is meant
    #[arg(value_name = "INPUT", required_unless_present = "checkpoint")]
    pub input: Option<OsString>,
    /// The checkpoint
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Prints it as JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `sandbox`.
#[derive(Debug, Args)]
pub struct Sandbox {
    /// Where its customers are kept
    #[arg(value_name = "FILE", default_value = "kable-sandbox.db")]
    pub database: PathBuf,
    /// The port on loopback; 0 leaves the choice to the system
    #[arg(long, default_value_t = 8787, value_name = "N")]
    pub port: u16,
    /// Answers 429 to more than this many requests a second; 100,50@60s-120s: to more than 50 in that time
    #[arg(long, value_name = "N")]
    pub rps: Option<String>,
    /// How the rate is told: none, or retry-after, x-ratelimit, ietf with commas between
    #[arg(long, value_name = "LIST", requires = "rps")]
    pub rate_headers: Option<String>,
    /// How long every answer takes
    #[arg(long, value_name = "DUR")]
    pub latency: Option<String>,
    /// Works at N requests at once; others wait, so that more of them only take longer
    #[arg(
        long,
        value_name = "N",
        requires = "latency",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub at_once: usize,
    /// Imitates an account that is connected to Stripe
    #[arg(long)]
    pub stripe_connected: bool,
    /// Shows a customer's stripeCustomerId, as newer documents of the API have it
    #[arg(long)]
    pub show_stripe_ids: bool,
    /// Look-ups and the list show a change only this long after it was made
    #[arg(long, value_name = "DUR")]
    pub read_lag: Option<String>,
    /// Takes clientIds that differ in case only as one
    #[arg(long)]
    pub ignore_case: bool,
    /// Answers a create for a clientId that exists with that customer, left as it is or updated
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "keep"
    )]
    pub upsert: Option<Upsert>,
    /// Misbehaves, such as lost-reply=1%@create or throttle:2@request:50; see the README
    #[arg(long, value_name = "FAULT", action = ArgAction::Append)]
    pub fault: Vec<String>,
    /// Where the chance of faults begins, so that a run can be had again
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// What a create does to a customer that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Upsert {
    /// Leaves it as it is.
    Keep,
    /// Gives it the values of the create.
    Update,
}

/// What is read, and how.
#[derive(Debug, Args)]
pub struct Reading {
    /// A file, several files, a pattern, or - for standard input
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<OsString>,
    /// Options from this file; kable-bulk.toml in the current folder is read by itself
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Reads no kable-bulk.toml
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
    /// The same, that can also stand in a file.
    #[command(flatten)]
    pub options: ReadingOptions,
}

/// What is read, and how: what can also stand in a file.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ReadingOptions {
    /// How the input is written [default: auto]
    #[arg(long, value_enum, help_heading = "Reading")]
    pub format: Option<Format>,
    /// What stands between two cells of a CSV file [default: found]
    #[arg(long, value_name = "C", help_heading = "Reading")]
    pub delimiter: Option<String>,
    /// Which column feeds a field, such as companyName=Customer; can be repeated
    #[arg(long, value_name = "FIELD=COLUMN", action = ArgAction::Append, help_heading = "Reading")]
    pub map: Vec<String>,
    /// A value for rows that have none, such as currency=USD; can be repeated
    #[arg(long, value_name = "FIELD=VALUE", action = ArgAction::Append, help_heading = "Reading")]
    pub set: Vec<String>,
    /// A currency that Kable takes by now; can be repeated
    #[arg(long, value_name = "XYZ", action = ArgAction::Append, help_heading = "Reading")]
    pub allow_currency: Vec<String>,
    /// Which ids of plans and bundles the input has: Kable's own, or also the account's external ids [default: kable]
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Reading")]
    pub plan_ids: Option<PlanIds>,
    /// Rejects rows that would need a correction or bear a warning
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        help_heading = "Reading"
    )]
    pub strict: Option<bool>,
    /// Only the first N rows
    #[arg(long, value_name = "N", help_heading = "Reading")]
    pub limit: Option<u64>,
    /// Where results go [default: INPUT.results]
    #[arg(long, value_name = "DIR", help_heading = "Reading")]
    pub out: Option<PathBuf>,
}

/// Which ids of plans and bundles an input has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanIds {
    /// Kable's own.
    Kable,
    /// The account's own, as well as Kable's.
    External,
}

/// How an input is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// By the name's ending, else by the first bytes.
    Auto,
    /// Comma-separated values, whatever the comma is.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// Where customers are sent.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Target {
    /// Which of Kable's hosts [default: test]
    #[arg(long, value_enum, help_heading = "Target")]
    pub env: Option<Env>,
    /// Another address; http:// only for this machine
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "env",
        help_heading = "Target"
    )]
    pub base_url: Option<String>,
    /// Starts the sandbox in this process and uses it, over this file [default file: kable-sandbox.db]
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "kable-sandbox.db",
        conflicts_with_all = ["env", "base_url"],
        help_heading = "Target"
    )]
    pub sandbox: Option<PathBuf>,
    /// A file that holds the client secret
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub client_secret_file: Option<PathBuf>,
}

/// Which of Kable's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Env {
    /// <https://test.kable.io>: customers made there are seen live as well.
    Test,
    /// <https://live.kable.io>.
    Live,
}

/// How an API is asked that nothing is sent to.
#[derive(Debug, Default, Args)]
pub struct Asking {
    /// Says how long an import takes at this rate: N or N/s, N/m, unlimited
    #[arg(long, value_name = "N", help_heading = "Target")]
    pub rate: Option<Text>,
    /// The same, up to this [default: 50/s]
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "rate",
        help_heading = "Target"
    )]
    pub max_rate: Option<Text>,
    /// One request's time-out [default: 30s]
    #[arg(long, value_name = "DUR", help_heading = "Target")]
    pub timeout: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_options_agree_with_each_other() {
        super::Cli::command().debug_assert();
    }
}
