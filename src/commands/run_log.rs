//! The JSON log of a run: on standard error (`--log-format json`), in a file (`--log-file`).

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use super::exit::Exit;
use super::hint::hinted;
use super::progress_view::palette;
use super::system::{timestamp, wall_clock};
use crate::cli::{Command, ConfigChoice, LogFormat};
use crate::config::display::{DisplaySettings, display, log_file};
use crate::config::{Environment, FileOptions};
use crate::domain::text::escaped;
use crate::domain::version::VERSION;
use crate::report::atomic_file::owner_only;
use crate::report::event_log::{JsonLog, LogLevel, TARGET};
use crate::report::palette::Palette;

/// The start of a line of a log.
const START: &[u8] = br#"{"time":""#;

/// What the log and the last words of a run are about.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunLog {
    /// Whether standard error is for the JSON log alone.
    pub is_json: bool,
    /// Whether only bad ends are shown.
    pub is_quiet: bool,
    /// The colours of standard error.
    pub palette: Palette,
}

impl RunLog {
    /// Starts the log of `command`, as it was typed or as the file of options says. An error
    /// in that file is the command's to report.
    pub fn begin(command: &Command, environment: &Environment) -> anyhow::Result<Self> {
        let Some(command) = command.logged() else {
            return Ok(Self::default());
        };
        let typed = command.display;
        let default = ConfigChoice::default();
        let file = FileOptions::read(command.file.unwrap_or(&default), environment);
        let file = file.map(|file| file.display).unwrap_or_default();
        let place = log_file(typed, &file);
        let shown = display(typed, &file).unwrap_or_default();
        let mut log = JsonLog::new(|| timestamp(wall_clock()));
        if let Some(place) = &place {
            let file = opened(place).map_err(|error| {
                hinted(
                    format!("cannot write the log to {}: {error}", place.display()),
                    "name a file with --log-file that is new or is a log that kable-bulk wrote, in \
                     a folder in which this user may create files",
                )
            })?;
            log = log.and_to(Box::new(file), LogLevel::All);
        }
        let is_json = shown.log_format == Some(LogFormat::Json);
        if is_json {
            log = log.and_to(Box::new(io::stderr()), level(shown));
        }
        if is_json || place.is_some() {
            start(log);
            tracing::info!(
                target: TARGET,
                event = "started",
                command = command.name,
                version = VERSION,
                process = u64::from(std::process::id()),
            );
        }
        Ok(Self {
            is_json,
            is_quiet: shown.quiet,
            palette: palette(shown.color, &io::stderr()),
        })
    }

    /// The log of words that are no command: they may ask for JSON nevertheless.
    pub fn of_words(words: &[OsString]) -> Self {
        let is_json = words.iter().any(|word| word == "--log-format=json")
            || words
                .windows(2)
                .any(|pair| matches!(pair, [option, value] if option == "--log-format" && value == "json"));
        if is_json {
            start(
                JsonLog::new(|| timestamp(wall_clock()))
                    .and_to(Box::new(io::stderr()), LogLevel::All),
            );
        }
        Self {
            is_json,
            ..Self::default()
        }
    }

    /// Logs a warning after the run, and shows it.
    pub(super) fn warning(self, message: &str) {
        tracing::warn!(target: TARGET, event = "message", message);
        if !self.is_json {
            let text = format!("warning: {}", escaped(message));
            // Standard error may be closed; then the warning is dropped.
            writeln!(io::stderr(), "{}", self.palette.line(&text)).ok();
        }
    }

    /// Logs an error that ends the run.
    pub fn error(self, message: &str, hint: Option<&str>, exit: Exit) {
        tracing::error!(target: TARGET, event = "error", message, hint, exit_code = exit as u64);
    }
}

fn start(log: JsonLog) {
    // There is one command a process.
    tracing::subscriber::set_global_default(log).ok();
}

fn level(shown: DisplaySettings) -> LogLevel {
    if shown.quiet {
        LogLevel::BadEnds
    } else {
        LogLevel::All
    }
}

/// Opens a log for appending. A file that holds something else than a log is refused: it may
/// be the input.
fn opened(place: &Path) -> io::Result<File> {
    match File::open(place) {
        Ok(there) if there.metadata()?.is_file() => {
            let mut start = Vec::new();
            there.take(START.len() as u64).read_to_end(&mut start)?;
            if !start.is_empty() && start != START {
                return Err(io::Error::other("it holds something else than a log"));
            }
        }
        Ok(_) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    owner_only(&mut options);
    options.open(place)
}

#[cfg(test)]
mod tests {
    use super::opened;

    #[test]
    fn only_a_log_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("in.csv"), "clientId\nc-1\n").unwrap();
        std::fs::write(at("in.jsonl"), "{\"clientId\":\"c-1\"}\n").unwrap();
        std::fs::write(at("empty"), "").unwrap();
        std::fs::write(at("run.log"), "{\"time\":\"2026-11-28T03:12:05Z\"}\n").unwrap();
        assert!(opened(&at("in.csv")).is_err());
        assert!(opened(&at("in.jsonl")).is_err());
        assert!(opened(&at("nowhere/new")).is_err());
        for name in ["empty", "run.log", "new"] {
            assert!(opened(&at(name)).is_ok(), "{name}");
        }
    }
}
