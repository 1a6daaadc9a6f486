//! The options of the configuration file and of the environment.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::display::on_terminal;
use super::environment::Environment;
use super::error::ConfigError;
use super::options::{OptionGrammar, OptionKind, replacing, variable_of, word};
use super::origin::{Assignment, Assignments, DEFAULT_FILE, OptionOrigin};
use super::value_checks::check_values;
use super::written_value::OptionReader;
use crate::cli::{
    ChangeOptions, CheckOptions, ConfigChoice, DisplayOptions, ListingOptions, MonitorOptions,
    OnMissingRow, ReadingOptions, RemovalOptions, RequestOptions, SandboxChoice, SendOptions,
    StoredOptions, TargetOptions,
};

/// Options that come from a file or from the environment.
#[derive(Debug, Default)]
pub struct FileOptions {
    /// How the input is read.
    pub reading: ReadingOptions,
    /// Where customers are sent.
    pub target: TargetOptions,
    /// How fast.
    pub requests: RequestOptions,
    /// How they are sent.
    pub sending: SendOptions,
    /// What `sync` changes.
    pub changes: ChangeOptions,
    /// Which customers a rollback deletes.
    pub removal: RemovalOptions,
    /// What is shown.
    pub display: DisplayOptions,
    /// What a run leaves for a monitor.
    pub monitor: MonitorOptions,
    /// What `validate` alone takes.
    pub checks: CheckOptions,
    /// How lists are written.
    pub listing: ListingOptions,
    /// The target in a file that was not named, but found in the current folder.
    pub unnamed_target: Option<TargetOptions>,
    /// Where each option is written.
    pub assignments: Assignments,
    /// The file that was read, as it is shown.
    pub file: String,
}

/// Options of a file or the environment that change what a retyped command does:
/// those that it has to switch off, and lists that typed options replace whole.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent options"
)]
pub struct InheritedOptions {
    /// Whether `out` is set.
    pub has_out: bool,
    /// Whether `dry-run` is on.
    pub dry_run: bool,
    /// Whether `all-or-nothing` is on.
    pub all_or_nothing: bool,
    /// Whether `prune` is `cancel`.
    pub prunes: bool,
    /// `map`.
    pub map: Vec<String>,
    /// `set`.
    pub set: Vec<String>,
    /// `values`.
    pub values: Vec<String>,
    /// `skip`.
    pub skip: Vec<String>,
    /// `no-skip`.
    pub no_skip: Vec<String>,
    /// `allow-currency`.
    pub allow_currency: Vec<String>,
}

impl FileOptions {
    /// Reads the file that was named, or the one in the current folder if there is
    /// one; variables of the environment replace what it says.
    pub fn read(typed: &ConfigChoice, environment: &Environment) -> Result<Self, ConfigError> {
        if typed.no_config || typed.config.is_none() && environment.no_config {
            return Self::of(Assignments::default(), environment);
        }
        let named = typed.config.as_deref().or(environment.config.as_deref());
        Self::from_file(named, environment)
    }

    /// What a retyped command inherits from here.
    pub fn inherited(&self) -> InheritedOptions {
        InheritedOptions {
            has_out: self.reading.out.is_some(),
            dry_run: self.sending.dry_run == Some(true),
            all_or_nothing: self.sending.all_or_nothing == Some(true),
            prunes: self.changes.prune == Some(OnMissingRow::Cancel),
            map: self.reading.map.clone(),
            set: self.reading.set.clone(),
            values: self.reading.values.clone(),
            skip: self.reading.skip.clone(),
            no_skip: self.reading.no_skip.clone(),
            allow_currency: self.reading.allow_currency.clone(),
        }
    }

    /// Whether customers go to a sandbox in this process.
    pub fn is_sandbox(&self, typed: &TargetOptions) -> bool {
        let target = if typed.names_a_target() {
            typed
        } else {
            &self.target
        };
        target.sandbox.as_ref().is_some_and(SandboxChoice::is_on)
    }

    /// Reads the file at `path`, or the one in the current folder if there is one.
    pub(super) fn from_file(
        path: Option<&Path>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let file = path.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read(file) {
            Ok(bytes) => text_of(file, bytes)?,
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                String::new()
            }
            Err(source) => {
                return Err(ConfigError::File {
                    path: file.to_owned(),
                    source,
                });
            }
        };
        let mut options = Self::of(assignments(file, &text)?, environment)?;
        options.file = match path {
            Some(path) => path.display().to_string(),
            None => format!("./{DEFAULT_FILE}"),
        };
        if path.is_none() {
            let mut own = options.assignments.clone();
            own.0.retain(|_, assignment| assignment.is_in_file());
            options.unnamed_target = Some(parsed(&own)?.target);
        }
        Ok(options)
    }

    /// What a file with this text says.
    #[cfg(test)]
    pub(super) fn from_text(path: &Path, text: &str) -> Result<Self, ConfigError> {
        Self::of(assignments(path, text)?, &Environment::default())
    }

    /// The options of a file, with those of the environment in their place.
    fn of(file: Assignments, environment: &Environment) -> Result<Self, ConfigError> {
        let mut assignments = file;
        let grammar = OptionGrammar::new();
        for (long, value) in &environment.options {
            let assignment = variable(&grammar, long, value)?;
            for other in replacing(long) {
                if assignments.0.get(other).is_some_and(Assignment::is_in_file) {
                    assignments.0.remove(other);
                }
            }
            assignments.0.insert(long.clone(), assignment);
        }
        let StoredOptions {
            reading,
            target,
            requests,
            sending,
            changes,
            removal,
            display,
            monitor,
            checks,
            listing,
        } = parsed(&assignments)?;
        let display = on_terminal(display, environment);
        // Whatever the command takes of them.
        check_values(&reading, &target, &requests, (&sending, &changes), &monitor)
            .map_err(|error| error.located(&assignments, |_| false))?;
        Ok(Self {
            reading,
            target,
            requests,
            sending,
            changes,
            removal,
            display,
            monitor,
            checks,
            listing,
            unnamed_target: None,
            assignments,
            file: String::new(),
        })
    }
}

/// The options that `assignments` give.
fn parsed(assignments: &Assignments) -> Result<StoredOptions, ConfigError> {
    let words = assignments.0.iter().flat_map(|(long, assignment)| {
        let words = assignment.texts().map(|value| word(long, value));
        words.collect::<Vec<OsString>>()
    });
    let words: Vec<OsString> = words.collect();
    // Each option was parsed by itself, and none excludes another one.
    OptionGrammar::new()
        .parse(&words)
        .map_err(|error| ConfigError::Value {
            option: "config",
            wrong: error.kind().to_string(),
        })
}

/// The text of the file at `path`.
fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, ConfigError> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        let line = line_of(&text, at);
        let key = key_at(&text, at).map(|key| format!("{key}: "));
        ConfigError::Stored {
            origin: OptionOrigin::File {
                path: path.to_owned(),
                line,
            },
            wrong: key.unwrap_or_default() + "this is not UTF-8, as which the file must be saved",
        }
    })
}

/// The options in the `text` of a file.
fn assignments(path: &Path, text: &str) -> Result<Assignments, ConfigError> {
    let origin = |at: usize| OptionOrigin::File {
        path: path.to_owned(),
        line: line_of(text, at),
    };
    let wrong = |at: usize, wrong: String| ConfigError::Stored {
        origin: origin(at),
        wrong,
    };
    // The parser's own text quotes the line, which may hold a secret.
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let key = key_at(text, at).map(|key| format!("{key}: "));
        wrong(at, key.unwrap_or_default() + error.message())
    })?;
    let grammar = OptionGrammar::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut assignments = Assignments::default();
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    // The first error of the file is reported.
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let (long, at) = (key.get_ref().as_ref(), key.span().start);
        let kind = grammar.kind(long).map_err(|text| wrong(at, text))?;
        let option = OptionReader {
            long,
            kind: &kind,
            folder,
        };
        let values = option.values(value);
        let values = values.map_err(|misfit| wrong(misfit.at, misfit.wrong))?;
        let assignment = Assignment {
            values: placed(values, origin),
            origin: origin(at),
        };
        ensure_parsed(&grammar, long, &assignment)?;
        assignments.0.insert(long.to_owned(), assignment);
    }
    Ok(assignments)
}

/// The key of the line with the byte `at`, if it begins with one.
fn key_at(text: &str, at: usize) -> Option<&str> {
    let line = text.lines().nth(line_of(text, at).checked_sub(1)?)?;
    let key = line.split_once('=')?.0.trim();
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (!key.is_empty() && key.chars().all(is_bare)).then_some(key)
}

/// The line, from 1, of the byte `at`.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    memchr::memchr_iter(b'\n', before).count() + 1
}

fn placed(
    values: Vec<(OsString, usize)>,
    origin: impl Fn(usize) -> OptionOrigin,
) -> Vec<(OsString, OptionOrigin)> {
    let values = values.into_iter();
    values.map(|(value, at)| (value, origin(at))).collect()
}

/// The option `long` with the value of its variable.
fn variable(grammar: &OptionGrammar, long: &str, value: &OsStr) -> Result<Assignment, ConfigError> {
    let origin = OptionOrigin::Variable {
        name: variable_of(long),
    };
    let wrong = |wrong| ConfigError::Stored {
        origin: origin.clone(),
        wrong,
    };
    let kind = grammar.kind(long).map_err(wrong)?;
    let option = OptionReader {
        long,
        kind: &kind,
        folder: Path::new(""),
    };
    let values = match value.to_str() {
        Some(text) => {
            let written = in_environment(text, &kind);
            let values = option.values(&written);
            values.map_err(|misfit| wrong(misfit.wrong))?
        }
        // Only a path is taken that is not text.
        None => vec![(PathBuf::from(value).into_os_string(), 0)],
    };
    let assignment = Assignment {
        values: placed(values, |_| origin.clone()),
        origin: origin.clone(),
    };
    ensure_parsed(grammar, long, &assignment)?;
    Ok(assignment)
}

/// The value of a variable: its text, but a list or a table may be written as in a
/// file.
fn in_environment<'t>(text: &'t str, kind: &OptionKind) -> Spanned<DeValue<'t>> {
    let plain = || Spanned::new(0..text.len(), DeValue::String(text.into()));
    match kind {
        OptionKind::List { .. } if text.starts_with(['[', '{']) => {
            DeValue::parse(text).unwrap_or_else(|_| plain())
        }
        OptionKind::List { .. }
        | OptionKind::Switch
        | OptionKind::Choice(_)
        | OptionKind::Number
        | OptionKind::Path { .. }
        | OptionKind::Text => plain(),
    }
}

/// Refuses values that the command line would refuse.
fn ensure_parsed(
    grammar: &OptionGrammar,
    long: &str,
    assignment: &Assignment,
) -> Result<(), ConfigError> {
    let words: Vec<OsString> = assignment.texts().map(|value| word(long, value)).collect();
    let parsed = grammar.parse(&words);
    parsed.map(drop).map_err(|error| {
        let why = std::error::Error::source(&error).map(ToString::to_string);
        let why = why.unwrap_or_else(|| "its value can't be used".to_owned());
        ConfigError::Stored {
            origin: assignment.origin.clone(),
            wrong: format!("{long}: {why}"),
        }
    })
}
