//! The local imitation of the API.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::config_file::ConfigChoice;
use super::scalar::whole;

/// Options of `sandbox`.
#[derive(Debug, Args)]
pub struct SandboxOptions {
    /// The file that holds its customers [default: sandbox in the configuration file, or kable-sandbox.db]
    #[arg(value_name = "FILE")]
    pub database: Option<PathBuf>,
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigChoice,
    /// The port on loopback; 0 leaves the choice to the system
    #[arg(long, value_parser = whole::<u16>, default_value_t = 8787, value_name = "N")]
    pub port: u16,
    /// Answers 429 beyond this many requests a second; 100,50@60s-120s: beyond 50 in that time
    #[arg(long, value_name = "N")]
    pub rps: Option<String>,
    /// How the rate is advertised: none, or retry-after, x-ratelimit, ietf with commas between
    #[arg(long, value_name = "LIST", requires = "rps")]
    pub rate_headers: Option<String>,
    /// How long every response takes
    #[arg(long, value_name = "DUR")]
    pub latency: Option<String>,
    /// Works on N requests at once; the others wait
    #[arg(
        value_parser = whole::<usize>,
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
    /// Treats clientIds that differ only in case as one
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
    /// Seed of the faults' chance, to repeat a run
    #[arg(long, value_parser = whole::<u64>, value_name = "N", default_value_t = 1)]
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
