//! `kable-bulk status`: shows the state of a run, even while another process runs
//! it.
//!
//! - `standing.rs`: how far a run is, how fast it goes, how long it will take
//! - `text.rs`: that as text
//! - `json.rs`: that as JSON
//! - `watch.rs`: `--watch`

mod json;
mod standing;
mod text;
mod watch;

use std::io::Write as _;

use jiff::Zoned;

use self::standing::RunStanding;
pub(super) use self::standing::with_unclaimed;
use self::watch::{StatusView, watch, watch_interval};
use super::checkpoint_choice::viewed_checkpoint;
use super::exit::Exit;
use super::finish::print;
use crate::cli::{SandboxChoice, StatusOptions};
use crate::config::{Environment, FileOptions};
use crate::domain::text::escaped;

/// Shows a checkpoint.
pub fn run(typed: &StatusOptions, environment: &Environment) -> anyhow::Result<Exit> {
    let file = FileOptions::read(&typed.file, environment)?;
    let interval = watch_interval(typed.watch.as_deref())?;
    let sandbox = typed.sandbox.as_ref().map(SandboxChoice::is_on);
    let named = typed.checkpoint.as_deref();
    let (path, choice) = viewed_checkpoint(named, sandbox, &typed.inputs, &file)?;
    let view = StatusView {
        is_json: typed.json.or(file.display.json) == Some(true),
        is_plain: file.display.no_progress == Some(true),
    };
    if file.display.quiet != Some(true) {
        let is_typed = |long: &str| match long {
            "checkpoint" => typed.checkpoint.is_some() || sandbox.is_some(),
            "sandbox" => sandbox.is_some(),
            "json" => typed.json.is_some(),
            _other => false,
        };
        for note in file.notes("status", is_typed).iter().chain(&choice) {
            // Standard error may be closed; then the note is dropped.
            writeln!(std::io::stderr(), "{}", escaped(note)).ok();
        }
    }
    match interval {
        Some(interval) => watch(&path, view, interval)?,
        None => print(&view.whole(&RunStanding::of(path, Zoned::now())?))?,
    }
    Ok(Exit::Done)
}
