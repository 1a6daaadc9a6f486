//! kable-bulk: imports customers into the Kable billing API, each created
//! exactly once, every row accounted for.
//!
//! Data flows one way: source → map → check → plan → dispatch → ledger → report.
//!
//! ```text
//!  source ──Row──▶ domain::mapping ──Candidate──▶ domain::validate ──Customer──▶ engine
//!                                                                                  │
//!  engine::survey    reads all of it once: what is wrong, what is to be done       │
//!  engine::send      feed ─Ticket─▶ dispatch ─Reply─▶ record ──▶ ledger            │
//!  engine::account   reads it again: the outcome of every row ──▶ report           ▼
//! ```
//!
//! Four floors, and imports go down only (`tests/it/architecture.rs` holds that):
//! [`domain`] is pure; [`source`], [`objects`], [`kable`], [`ledger`], [`report`],
//! [`spill`] and [`sandbox`] each touch one part of the world; [`engine`] joins them;
//! [`cli`], [`config`] and [`commands`] are the front.

pub mod cli;
pub mod commands;
pub mod config;
pub mod domain;
pub mod engine;
pub mod kable;
pub mod ledger;
pub mod objects;
pub mod report;
pub mod sandbox;
pub mod source;
pub mod spill;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::FromArgMatches;

use crate::cli::{Cli, Command};
use crate::commands::{Exit, FetchStopped, MovedPlan, RunLog, RunNotice, hint, with_nearest};
use crate::config::{ConfigError, Environment};
use crate::domain::text::escaped;

/// Parses the command line, runs the command, and shows an error with its hint.
pub fn run() -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_else(|| "kable-bulk".into());
    let typed: Vec<OsString> = words.collect();
    let words = std::iter::once(&program).chain(&typed);
    let parsed = cli::command().try_get_matches_from(words);
    let exit = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => run_command(program, cli.command),
        Err(error) => {
            let error = with_nearest(error);
            let log = RunLog::of_words(&typed);
            if log.is_json && error.use_stderr() {
                let text = error.to_string();
                let text = text.trim_start_matches("error: ").trim_end();
                let (message, rest) = text.split_once('\n').unwrap_or((text, ""));
                let hint = Some(rest.trim()).filter(|rest| !rest.is_empty());
                log.error(message, hint, Exit::Usage);
            } else {
                // Standard output or error may be closed; then the text is dropped.
                error.print().ok();
            }
            if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
        }
    };
    ExitCode::from(exit as u8)
}

/// Runs a command that was typed to `program`, and tells how it ended.
fn run_command(program: OsString, command: Command) -> Exit {
    let (notice, environment) = (RunNotice::default(), Environment::read());
    let (log, begun) = match RunLog::begin(&command, &environment) {
        Ok(log) => (log, Ok(())),
        Err(error) => (RunLog::default(), Err(error)),
    };
    let ended = begun.and_then(|()| ended(program, command, &environment, &notice));
    let exit = ended.unwrap_or_else(|error| {
        let exit = exit_of(&error);
        show(&error, log, exit);
        notice.error(&sentence(&error), hint(&error).as_deref());
        exit
    });
    notice.end(exit, log);
    exit
}

/// Runs a command that was typed to `program`, which puts into `notice` what is told of it.
fn ended(
    program: OsString,
    command: Command,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    match command {
        Command::Import(options) => commands::import::run(program, *options, environment, notice),
        Command::Sync(options) => commands::sync::run(program, *options, environment, notice),
        Command::Apply(options) => commands::apply::run(program, *options, environment, notice),
        Command::Validate(options) => commands::validate::run(program, *options, environment),
        Command::Verify(options) => commands::verify::run(program, *options, environment, notice),
        Command::Rollback(options) => {
            commands::rollback::run(program, *options, environment, notice)
        }
        Command::Init(options) => commands::init::run(program, &options, environment),
        Command::Presets(options) => commands::presets::run(&options),
        Command::List(options) => commands::list::run(&options, environment),
        Command::Plans(options) => commands::plans::run(&options, environment),
        Command::Status(options) => commands::status::run(&options, environment),
        Command::Completions(options) => commands::completions::run(options),
        Command::Man(options) => commands::man::run(&options),
        Command::Report(options) => commands::report::run(program, *options, environment),
        Command::Sandbox(options) => commands::sandbox::run(options, environment),
    }
}

/// The exit code of an error that ended a command.
fn exit_of(error: &anyhow::Error) -> Exit {
    let config = error.downcast_ref::<ConfigError>();
    if error.is::<FetchStopped>() {
        Exit::Interrupted
    } else if error.is::<MovedPlan>() {
        Exit::NeedsPerson
    } else if config.is_some_and(ConfigError::is_usage) {
        Exit::Usage
    } else {
        Exit::Failed
    }
}

/// Shows an error: what happened and why in one sentence, the hint below it; with `--quiet`
/// behind it, with `--log-format json` as an event.
fn show(error: &anyhow::Error, log: RunLog, exit: Exit) {
    let (sentence, hint) = (sentence(error), hint(error));
    log.error(&sentence, hint.as_deref(), exit);
    if log.is_json {
        return;
    }
    let mut text = log.palette.line(&format!("error: {}", escaped(&sentence)));
    if let Some(hint) = hint {
        text.push_str(if log.is_quiet { "; hint: " } else { "\nhint: " });
        text.push_str(&escaped(&hint));
    }
    text.push('\n');
    // Standard error may be closed; then the message is dropped.
    std::io::stderr().write_all(text.as_bytes()).ok();
}

/// The error and its causes, each once: some texts contain that of their cause.
fn sentence(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !parts.iter().any(|earlier| earlier.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}
