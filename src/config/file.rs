//! The options of the configuration file and of the environment.

use std::path::Path;

use super::environment::Environment;
use super::error::ConfigError;
use super::options::{PREFIX, demand_known, known_options, parse, typed_value};
use crate::cli::{
    CheckOptions, DisplayOptions, InputOptions, ReadingOptions, RequestOptions, SendOptions,
    TargetOptions,
};

/// The file that is read unless another one is named.
pub(super) const DEFAULT_FILE: &str = "kable-bulk.toml";

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
    /// What is shown.
    pub display: DisplayOptions,
    /// What `validate` alone takes.
    pub checks: CheckOptions,
    /// The target in a file that was not named, but found in the current folder.
    pub unnamed_target: Option<TargetOptions>,
}

/// Options of a file or the environment that change what a retyped command does:
/// those that it has to switch off, and lists that typed options replace whole.
#[derive(Debug, Clone, Default)]
pub struct InheritedOptions {
    /// Whether `out` is set.
    pub has_out: bool,
    /// Whether `dry-run` is on.
    pub dry_run: bool,
    /// Whether `all-or-nothing` is on.
    pub all_or_nothing: bool,
    /// `map`.
    pub map: Vec<String>,
    /// `set`.
    pub set: Vec<String>,
    /// `allow-currency`.
    pub allow_currency: Vec<String>,
}

impl FileOptions {
    /// Reads the file that was named, or the one in the current folder if there is
    /// one; variables of the environment replace what it says.
    pub fn read(typed: &InputOptions, environment: &Environment) -> Result<Self, ConfigError> {
        if typed.no_config {
            return Self::with_environment(
                toml::Table::new(),
                Path::new(DEFAULT_FILE),
                environment,
            );
        }
        Self::from_file(typed.config.as_deref(), environment)
    }

    /// What a retyped command inherits from here.
    pub fn inherited(&self) -> InheritedOptions {
        InheritedOptions {
            has_out: self.reading.out.is_some(),
            dry_run: self.sending.dry_run == Some(true),
            all_or_nothing: self.sending.all_or_nothing == Some(true),
            map: self.reading.map.clone(),
            set: self.reading.set.clone(),
            allow_currency: self.reading.allow_currency.clone(),
        }
    }

    /// Whether customers go to a sandbox in this process.
    pub fn is_sandbox(&self, typed: &TargetOptions) -> bool {
        let none_typed = typed.env.is_none() && typed.base_url.is_none();
        typed.sandbox.is_some() || none_typed && self.target.sandbox.is_some()
    }

    /// Reads the file at `path`, or the one in the current folder if there is one.
    pub(super) fn from_file(
        path: Option<&Path>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let file = path.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
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
        let wrong = |wrong| ConfigError::Toml {
            path: file.to_owned(),
            wrong,
        };
        let table = parse(&text).map_err(wrong)?;
        // A wrong value in the file is an error of the file, even where a variable
        // replaces it.
        Self::from_table(table.clone()).map_err(wrong)?;
        let mut own = table.clone();
        let mut options = Self::with_environment(table, file, environment)?;
        if path.is_none() {
            own.retain(|long, _| environment.options.iter().all(|(other, _)| other != long));
            options.unnamed_target = own.try_into().ok();
        }
        Ok(options)
    }

    /// The options in `table`, which stands in `file`, with those of the environment
    /// in their place.
    fn with_environment(
        mut table: toml::Table,
        file: &Path,
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
            path: file.to_owned(),
            wrong,
        })
    }

    /// The options in `table`.
    pub(super) fn from_table(table: toml::Table) -> Result<Self, String> {
        let read = |error: toml::de::Error| error.message().to_owned();
        Ok(Self {
            reading: table.clone().try_into().map_err(read)?,
            target: table.clone().try_into().map_err(read)?,
            requests: table.clone().try_into().map_err(read)?,
            sending: table.clone().try_into().map_err(read)?,
            display: table.clone().try_into().map_err(read)?,
            checks: table.try_into().map_err(read)?,
            unnamed_target: None,
        })
    }
}
