//! One file per subcommand: each builds the parts and joins them.
//!
//! What several of them need is here: the ways in which a command ends, and the
//! readings of the clock and of chance that everything below is handed.
//!
//! - `import/`: creates the customers; started again, goes on
//! - `validate/`: reads and checks everything, sends nothing
//! - `status.rs`: where a run stands
//! - `sandbox.rs`: serves a local imitation of the API
//! - `argv.rs`: the command that was typed, taken apart
//! - `connect.rs`: from a destination to a client whose credentials hold
//! - `preflight.rs`: what can be found out before the first create
//! - `confirm.rs`: asks before a live run
//! - `descriptors.rs`: how many files this process may have open
//! - `deadline.rs`: `--stop-at`, `--max-duration`
//! - `signals.rs`: Ctrl-C, SIGTERM and SIGHUP
//! - `finish.rs`: every row's account, the files, the summary

pub mod argv;
mod confirm;
mod connect;
mod deadline;
mod descriptors;
mod finish;
pub mod import;
mod preflight;
pub mod sandbox;
mod signals;
pub mod status;
pub mod validate;

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::IsTerminal;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;

use self::argv::shown;
use crate::cli::{LogFormat, Showing};
use crate::config::reading::Reading;
use crate::domain::mapping::Binding;
use crate::domain::text::listed;
use crate::report::manifest::{ResultsOrigin, foreign};
use crate::report::progress::ProgressFormat;
use crate::report::result_names::is_result_name;
use crate::source::input::{self, Input};
use crate::source::{Format, SourceError};

/// How many inputs are held open at most: a process may open 1024 files at once on
/// many systems.
const MOST_HELD_OPEN: usize = 64;

/// The exit codes; the README has the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All of it done.
    Done = 0,
    /// Could not run, or had to stop.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// Finished, but not with every row.
    RowsLeft = 3,
    /// Stopped early by the clock: the same command goes on.
    Stopped = 4,
    /// Stopped early, and a person is needed first: the same command would stop
    /// again.
    NeedsPerson = 5,
    /// Interrupted.
    Interrupted = 130,
}

/// An error with a hint of its own.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Hinted {
    /// What happened.
    pub what: String,
    /// What the user can do about it.
    pub hint: String,
}

/// An error that says what happened, and what to do.
fn hinted(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Hinted {
        what: what.into(),
        hint: hint.into(),
    })
}

/// Our clock, in Unix milliseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "the front reads the clock for all"
)]
fn wall_clock() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Chance, from 0 to 1.
fn jitter() -> f64 {
    fastrand::f64()
}

/// The folder for results. One that was made for a command that then left
/// nothing in it goes again.
#[derive(Debug)]
struct ResultFolder {
    made: Option<PathBuf>,
}

impl ResultFolder {
    /// Makes the folder, and sees that it can be written: better now than
    /// after a night of sending.
    fn prepare(out: &Path) -> anyhow::Result<Self> {
        let made = (!out.exists()).then(|| out.to_owned());
        let tried =
            std::fs::create_dir_all(out).and_then(|()| tempfile::tempfile_in(out).map(drop));
        tried.map_err(|error| {
            anyhow::Error::new(error).context(Hinted {
                what: format!("cannot write results to {}", out.display()),
                hint: "name another folder with --out DIR".to_owned(),
            })
        })?;
        Ok(Self { made })
    }
}

/// Locks a folder for this process until the value goes, for two runs would
/// overwrite each other's results. `None` where the system can't lock folders.
fn lock_folder(folder: &Path) -> anyhow::Result<Option<File>> {
    let Ok(opened) = File::open(folder) else {
        return Ok(None);
    };
    match opened.try_lock() {
        Err(TryLockError::WouldBlock) => Err(hinted(
            format!("another run is writing its results to {}", folder.display()),
            "wait for it to end, or name another folder with --out DIR",
        )),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(opened)),
    }
}

/// Refuses an input that stands where results are written or removed: a
/// mended `rejects.csv` must not be taken away by the run that reads it.
fn refuse_own_results(names: &[OsString], out: &Path) -> anyhow::Result<()> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let Some(folder) = real(out) else {
        return Ok(());
    };
    for name in names.iter().filter(|name| *name != "-") {
        let inside =
            real(Path::new(name)).is_some_and(|input| input.parent() == Some(folder.as_path()));
        if inside && is_result_name(Path::new(name)) {
            return Err(hinted(
                format!(
                    "{} stands where this run writes its own results",
                    shown(Path::new(name))
                ),
                "name another folder with --out DIR, or leave --out away",
            ));
        }
    }
    Ok(())
}

impl Drop for ResultFolder {
    fn drop(&mut self) {
        if let Some(made) = &self.made {
            // One that holds results is not empty, and stays.
            std::fs::remove_dir(made).ok();
        }
    }
}

/// Opens every input, and makes the folder for results. Files are looked at
/// first, so that a wrong name leaves nothing behind; standard input is kept in
/// the folder.
fn open_inputs(reading: &Reading, command: &str) -> anyhow::Result<(Arc<[Input]>, ResultFolder)> {
    if reading.inputs.len() > usize::from(u16::MAX) {
        return Err(hinted("too many inputs", "name at most 65,535 at once"));
    }
    let open = |(number, name): (usize, &OsString)| {
        let mut opened = input::open(name, reading.source, &reading.out)?;
        if number >= MOST_HELD_OPEN {
            opened.close_file();
        }
        Ok(opened)
    };
    refuse_own_results(&reading.inputs, &reading.out)?;
    let spools = reading.inputs.iter().any(|name| input::is_stream(name));
    let first = spools
        .then(|| ResultFolder::prepare(&reading.out))
        .transpose()?;
    let opened: Result<Vec<Input>, SourceError> =
        reading.inputs.iter().enumerate().map(open).collect();
    let opened = opened?;
    for input in &opened {
        // A header that can't be used is told before anything is connected.
        Binding::new(&reading.mapping, &input.columns()?, &input.name)?;
    }
    let folder = match first {
        Some(folder) => folder,
        None => ResultFolder::prepare(&reading.out)?,
    };
    refuse_foreign(&reading.out, command, &opened)?;
    Ok((opened.into(), folder))
}

/// Refuses a folder where files stand that we did not write and whose names we
/// need: better now than after a night of sending.
fn refuse_foreign(out: &Path, command: &str, inputs: &[Input]) -> anyhow::Result<()> {
    let is_table = |input: &Input| matches!(input.format, Format::Csv { .. });
    let mut names = vec!["summary.json", "problems.csv"];
    if inputs.iter().any(is_table) {
        names.extend(["rejects.csv", "failures.csv"]);
    }
    if !inputs.iter().all(is_table) {
        names.extend(["rejects.jsonl", "failures.jsonl"]);
    }
    if command == "import" {
        names.push("results.jsonl");
    }
    let found = foreign(out, &names).map_err(|error| {
        anyhow::Error::new(error).context(Hinted {
            what: format!("cannot write results to {}", shown(out)),
            hint: "name another folder with --out DIR".to_owned(),
        })
    })?;
    if found.is_empty() {
        return Ok(());
    }
    Err(hinted(
        format!(
            "{} holds {}, which kable-bulk did not write",
            shown(out),
            listed(&found, 3)
        ),
        "name another folder with --out DIR, or move that file away",
    ))
}

/// For what `command` writes results.
fn origin(command: &str, names: &[OsString], rehearsal: bool) -> ResultsOrigin {
    let absolute = |name: &OsString| {
        let path = std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name));
        if name == "-" {
            "-".to_owned()
        } else {
            shown(&path)
        }
    };
    ResultsOrigin {
        command: command.to_owned(),
        inputs: names.iter().map(absolute).collect(),
        rehearsal,
    }
}

/// The runtime on which everything waits.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// How many threads read and check: one for each core that we may use.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// How progress is shown.
fn style(showing: &Showing) -> ProgressFormat {
    if showing.quiet {
        ProgressFormat::Hidden
    } else if showing.log_format == Some(LogFormat::Json) {
        ProgressFormat::Json
    } else if showing.no_progress || showing.verbose || !std::io::stderr().is_terminal() {
        ProgressFormat::Lines
    } else {
        ProgressFormat::Bar
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn exit_codes_are_those_that_scripts_know() {
        assert_eq!(
            [
                Exit::Done as u8,
                Exit::Stopped as u8,
                Exit::NeedsPerson as u8,
                Exit::Interrupted as u8
            ],
            [0, 4, 5, 130]
        );
    }
}
