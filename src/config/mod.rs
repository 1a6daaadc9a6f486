//! Typed + environment + config file → the settings of each part.
//!
//! A flag beats the environment, the environment beats the file. This is the
//! only reader of the environment; no code below the front sees a configuration.

mod options;
pub mod reading;
pub mod sending;
pub mod target;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use self::options::{PREFIX, demand_known, known_options, named_options, parse, typed_value};
use crate::cli::{self, Checks, ReadingOptions, Sending, Showing, Target};

/// The file that is read by itself.
const FILE: &str = "kable-bulk.toml";

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An option's value is none.
    #[error("--{option}: {wrong}")]
    Value {
        /// The option's long name.
        option: &'static str,
        /// What is wrong with the value.
        wrong: String,
    },
    /// An option is needed.
    #[error("standard input has no name of its own: --{option} is needed")]
    Needed {
        /// The option's long name.
        option: &'static str,
    },
    /// There are no credentials.
    #[error("there are no credentials: {missing} is not set")]
    NoCredentials {
        /// What is missing.
        missing: &'static str,
    },
    /// The two credentials were taken for each other.
    #[error(
        "the client id and the client secret are exchanged: a client id begins with kci_, a secret with sk_"
    )]
    Swapped,
    /// The secret's file can't be read.
    #[error("cannot read the client secret from {}", .path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The configuration file can't be read.
    #[error("cannot read {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A variable of the environment names no option, or holds no value of it.
    #[error("{name}: {wrong}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong with it.
        wrong: String,
    },
    /// The configuration file is no TOML, or holds other values than wanted.
    #[error("{}: {wrong}", .path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        wrong: String,
    },
}

impl ConfigError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Value { option, .. } => Some(format!(
                "the command's --help says what --{option} takes"
            )),
            Self::File { .. } => Some("check the name, and that you can read it".to_owned()),
            Self::Needed { option } => Some(format!("add --{option} with a name of your choice")),
            Self::NoCredentials { .. } => Some(
                "set KABLE_CLIENT_ID and KABLE_CLIENT_SECRET (or --client-secret-file), or try it with --sandbox"
                    .to_owned(),
            ),
            Self::Swapped => Some("set each of them to the other's value".to_owned()),
            Self::SecretFile { .. } => Some("name a file that you can read and nobody else".to_owned()),
            Self::Variable { .. } => Some(
                "an option's variable is KABLE_BULK_ and its long name in capitals, e.g. KABLE_BULK_MAX_RATE=100/s"
                    .to_owned(),
            ),
            Self::Toml { .. } => Some("options stand there under their long names, e.g. rate = \"100/s\"".to_owned()),
        }
    }

    /// Whether it is wrong usage, rather than a place that can't be read.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Value { .. } | Self::Needed { .. } | Self::Variable { .. }
        )
    }
}

fn value<E: ToString>(option: &'static str) -> impl Fn(E) -> ConfigError {
    move |wrong| ConfigError::Value {
        option,
        wrong: wrong.to_string(),
    }
}

/// What the environment says. Read once.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    /// `KABLE_BULK_…`: options by their names in capitals, in the order of names.
    options: Vec<(String, String)>,
}

impl Environment {
    /// Reads the environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one reader of the environment"
    )]
    pub fn read() -> Self {
        let set = |name: &str| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.trim().is_empty())
        };
        Self {
            client_id: set("KABLE_CLIENT_ID").map(|id| id.trim().to_owned()),
            client_secret: set("KABLE_CLIENT_SECRET").map(|secret| secret.trim().into()),
            options: named_options(std::env::vars_os()),
        }
    }
}

/// What a file says that a command to be typed next has to take into account:
/// what would make it void, and lists that typed ones replace.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Where results go.
    pub out: bool,
    /// Nothing is sent.
    pub dry_run: bool,
    /// Nothing is sent if any row is rejected.
    pub all_or_nothing: bool,
    /// Columns of fields.
    pub map: Vec<String>,
    /// Values for rows without.
    pub set: Vec<String>,
    /// Currencies that are taken.
    pub allow_currency: Vec<String>,
}

/// Options that stand in a file.
#[derive(Debug, Default)]
pub struct FileOptions {
    reading: ReadingOptions,
    target: Target,
    sending: Sending,
    showing: Showing,
    checks: Checks,
    /// The target in a file that was not named, but found in the current folder.
    found: Option<Target>,
}

impl FileOptions {
    /// Reads the file that was named, or the one in the current folder if there is
    /// one.
    pub fn of(typed: &cli::Reading, environment: &Environment) -> Result<Self, ConfigError> {
        if typed.no_config {
            return Self::over(toml::Table::new(), Path::new(FILE), environment);
        }
        Self::read(typed.config.as_deref(), environment)
    }

    /// What it says that a command to be typed next has to take into account.
    pub fn said(&self) -> Said {
        Said {
            out: self.reading.out.is_some(),
            dry_run: self.sending.dry_run == Some(true),
            all_or_nothing: self.sending.all_or_nothing == Some(true),
            map: self.reading.map.clone(),
            set: self.reading.set.clone(),
            allow_currency: self.reading.allow_currency.clone(),
        }
    }

    /// Whether customers go to a sandbox in this process.
    pub fn is_sandbox(&self, typed: &Target) -> bool {
        let none_typed = typed.env.is_none() && typed.base_url.is_none();
        typed.sandbox.is_some() || none_typed && self.target.sandbox.is_some()
    }

    /// Reads the file at `path`, or the one in the current folder if there is one.
    fn read(path: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let named = path.unwrap_or(Path::new(FILE));
        let text = match std::fs::read_to_string(named) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                String::new()
            }
            Err(source) => {
                return Err(ConfigError::File {
                    path: named.to_owned(),
                    source,
                });
            }
        };
        let wrong = |wrong| ConfigError::Toml {
            path: named.to_owned(),
            wrong,
        };
        let table = parse(&text).map_err(wrong)?;
        // What a file's value lacks is to be told with the file's name, also where a
        // variable stands for it.
        Self::from_table(table.clone()).map_err(wrong)?;
        let mut own = table.clone();
        let mut options = Self::over(table, named, environment)?;
        if path.is_none() {
            own.retain(|long, _| environment.options.iter().all(|(other, _)| other != long));
            options.found = own.try_into().ok();
        }
        Ok(options)
    }

    /// What stands in `table`, and over it what the environment says.
    fn over(
        mut table: toml::Table,
        named: &Path,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let known = known_options();
        let fits = |table| Self::from_table(table).is_ok();
        for (long, value) in &environment.options {
            let name = format!("{PREFIX}{}", long.to_ascii_uppercase().replace('-', "_"));
            let wrong = |wrong| ConfigError::Variable {
                name: name.clone(),
                wrong,
            };
            demand_known(long, &known).map_err(wrong)?;
            table.insert(long.clone(), typed_value(long, value, fits).map_err(wrong)?);
        }
        Self::from_table(table).map_err(|wrong| ConfigError::Toml {
            path: named.to_owned(),
            wrong,
        })
    }

    /// The options that stand in `table`.
    fn from_table(table: toml::Table) -> Result<Self, String> {
        let read = |error: toml::de::Error| error.message().to_owned();
        Ok(Self {
            reading: table.clone().try_into().map_err(read)?,
            target: table.clone().try_into().map_err(read)?,
            sending: table.clone().try_into().map_err(read)?,
            showing: table.clone().try_into().map_err(read)?,
            checks: table.try_into().map_err(read)?,
            found: None,
        })
    }
}

/// `<first input><ending>`.
fn beside(inputs: &[OsString], ending: &str, option: &'static str) -> Result<PathBuf, ConfigError> {
    match inputs.first() {
        Some(first) if first != "-" => {
            let mut name = first.clone();
            name.push(ending);
            Ok(PathBuf::from(name))
        }
        Some(_) | None => Err(ConfigError::Needed { option }),
    }
}

/// Settles what is shown.
pub fn showing(mut typed: Showing, file: &mut FileOptions) -> Showing {
    let other = std::mem::take(&mut file.showing);
    typed.json |= other.json;
    typed.log_format = typed.log_format.or(other.log_format);
    typed.verbose |= other.verbose && !typed.quiet;
    typed.quiet |= other.quiet && !typed.verbose;
    typed.no_progress |= other.no_progress;
    typed
}

/// Settles what `validate` alone takes, and what is shown. Standard output is
/// for the summary as JSON or for annotations; what was typed beats the file.
pub fn checks(
    typed: Checks,
    typed_showing: Showing,
    file: &mut FileOptions,
) -> Result<(Checks, Showing), ConfigError> {
    let other = std::mem::take(&mut file.checks);
    let typed_json = typed_showing.json;
    let mut showing = showing(typed_showing, file);
    let annotations = typed
        .annotations
        .or(other.annotations.filter(|_| !typed_json));
    if typed.annotations.is_some() {
        showing.json = false;
    }
    if annotations.is_some() && showing.json {
        return Err(ConfigError::Value {
            option: "annotations",
            wrong: "with json it would stand on standard output, which takes one of them"
                .to_owned(),
        });
    }
    Ok((
        Checks {
            online: typed.online.or(other.online),
            annotations,
        },
        showing,
    ))
}

/// What ends the name of a checkpoint beside its input.
const CHECKPOINT: &str = ".checkpoint.db";

/// Likewise, of a rehearsal: it must not be in the way of the real run.
const SANDBOX_CHECKPOINT: &str = ".sandbox.checkpoint.db";

/// The checkpoint of `input`, where none is named: that of a rehearsal where
/// there is no other.
pub fn checkpoint_of(
    input: Option<OsString>,
    named: Option<PathBuf>,
) -> Result<PathBuf, ConfigError> {
    if let Some(path) = named {
        return Ok(path);
    }
    let inputs = [input.unwrap_or_else(|| "-".into())];
    let real = beside(&inputs, CHECKPOINT, "checkpoint")?;
    let rehearsed = beside(&inputs, SANDBOX_CHECKPOINT, "checkpoint")?;
    let is_rehearsed = !real.exists() && rehearsed.exists();
    Ok(if is_rehearsed { rehearsed } else { real })
}

#[cfg(test)]
mod tests;
