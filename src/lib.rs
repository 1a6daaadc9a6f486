//! kable-bulk: imports customers into the Kable billing API, each created
//! exactly once, every row accounted for.
//!
//! Data flows one way: source → map → check → plan → dispatch → ledger → report.
//!
//! ```text
//!  source ──Row──▶ domain::mapping ──Candidate──▶ domain::validate ──Customer──▶ engine
//!                                                                                  │
//!  engine::survey    reads all of it once: what is wrong, what is to be done       │
//!  engine::pipeline  feed ─Ticket─▶ dispatch ─Reply─▶ record ──▶ ledger            │
//!  engine::account   reads it again: what came of every row ──▶ report             ▼
//! ```
//!
//! Four floors, and imports go down only (`tests/it/architecture.rs` holds that):
//! [`domain`] is pure; [`source`], [`kable`], [`ledger`], [`report`], [`spill`]
//! and [`sandbox`] each touch one part of the world; [`engine`] joins them;
//! [`cli`], [`config`] and [`commands`] are the front.

pub mod cli;
pub mod commands;
pub mod config;
pub mod domain;
pub mod engine;
pub mod kable;
pub mod ledger;
pub mod report;
pub mod sandbox;
pub mod source;
pub mod spill;

use std::borrow::Cow;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use self::commands::argv::Typed;
use crate::cli::{Cli, Command};
use crate::commands::{Exit, Hinted};
use crate::config::{ConfigError, Environment};
use crate::domain::mapping::MappingError;
use crate::domain::text::escaped;
use crate::ledger::LedgerError;
use crate::source::SourceError;

/// Parses what was typed, runs the command, and shows an error with its hint.
pub fn run() -> ExitCode {
    let command = Cli::command();
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_else(|| "kable-bulk".into());
    let words = std::iter::once(program.clone()).chain(words);
    let parsed = command.clone().try_get_matches_from(words);
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, typed) = match parsed {
        Ok((cli, matches)) => (cli, Typed::of(program, &command, &matches)),
        Err(error) => {
            // Nothing can be said if even this can't be printed.
            error.print().ok();
            let usage = error.use_stderr();
            return ExitCode::from(if usage {
                Exit::Usage as u8
            } else {
                Exit::Done as u8
            });
        }
    };
    let environment = Environment::read();
    let ended = match cli.command {
        Command::Import(options) => commands::import::run(options, &environment, typed),
        Command::Validate(options) => commands::validate::run(options, &environment, typed),
        Command::Status(options) => commands::status::run(options),
        Command::Sandbox(options) => commands::sandbox::run(options),
    };
    match ended {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            show(&error);
            let usage = error
                .downcast_ref::<ConfigError>()
                .is_some_and(ConfigError::is_usage);
            ExitCode::from(if usage {
                Exit::Usage as u8
            } else {
                Exit::Failed as u8
            })
        }
    }
}

/// Shows an error: what happened and why in one sentence, the hint below it.
fn show(error: &anyhow::Error) {
    let mut text = format!("error: {}\n", escaped(&sentence(error)));
    if let Some(hint) = hint(error) {
        text.push_str("hint: ");
        text.push_str(&escaped(&hint));
        text.push('\n');
    }
    // Standard error may be closed; then the message is dropped.
    std::io::stderr().write_all(text.as_bytes()).ok();
}

/// The causes, each once: some say what their own cause says as well.
fn sentence(error: &anyhow::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
    }
    said.join(": ")
}

/// The first hint in the chain: context on top doesn't hide it.
fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(hinted) = error.downcast_ref::<Hinted>() {
        return Some(hinted.hint.clone());
    }
    error.chain().find_map(|cause| {
        let owned = |hint: &str| hint.to_owned();
        cause
            .downcast_ref::<ConfigError>()
            .and_then(ConfigError::hint)
            .or_else(|| {
                cause
                    .downcast_ref::<SourceError>()
                    .and_then(SourceError::hint)
                    .map(owned)
            })
            .or_else(|| cause.downcast_ref::<MappingError>().map(MappingError::hint))
            .or_else(|| {
                cause
                    .downcast_ref::<LedgerError>()
                    .and_then(LedgerError::hint)
                    .map(Cow::into_owned)
            })
            .or_else(|| {
                cause
                    .downcast_ref::<sandbox::error::SandboxError>()
                    .and_then(sandbox::error::SandboxError::hint)
                    .map(owned)
            })
            .or_else(|| {
                cause
                    .downcast_ref::<Hinted>()
                    .map(|hinted| hinted.hint.clone())
            })
            .or_else(|| {
                cause
                    .downcast_ref::<std::io::Error>()
                    .is_some_and(is_want_of_room)
                    .then(|| owned(MAKE_ROOM))
            })
    })
}

/// What to do where a disk is full, whatever was being written.
const MAKE_ROOM: &str =
    "make room on the disk and run the same command again; what was done is kept";

fn is_want_of_room(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}
