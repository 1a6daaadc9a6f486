//! Where options that were not typed are written: lines of a file, and variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

/// The file that is read unless another one is named.
pub(super) const DEFAULT_FILE: &str = "kable-bulk.toml";

/// Where an option is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionOrigin {
    /// In a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// In a variable of the environment.
    Variable {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for OptionOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Variable { name } => f.write_str(name),
        }
    }
}

/// An option of a file or of a variable: its values, as they stand on a command
/// line, and where each is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) values: Vec<(OsString, OptionOrigin)>,
    /// Where the option itself is written.
    pub(super) origin: OptionOrigin,
}

/// The options of a file and of variables, by their long names.
#[derive(Debug, Clone, Default)]
pub struct Assignments(pub(super) BTreeMap<String, Assignment>);

impl Assignment {
    /// Where the value is written that the error `wrong` quotes: of a list, each can
    /// stand in its own line.
    pub(super) fn origin_of(&self, wrong: &str) -> &OptionOrigin {
        let is_quoted = |value: &&OsString| {
            let text = value.to_string_lossy();
            let name = text.split_once('=').map_or(text.as_ref(), |(name, _)| name);
            let quotes = |text: &str| wrong.contains(&format!("{text:?}"));
            quotes(&text) || quotes(name) || wrong.split(' ').any(|word| word == name)
        };
        // Of two values for one field, the later one is wrong.
        let mut values = self.values.iter().rev();
        values
            .find(|(value, _)| is_quoted(&value))
            .map_or(&self.origin, |(_, origin)| origin)
    }

    /// Whether a file gives it.
    pub(super) fn is_in_file(&self) -> bool {
        match self.origin {
            OptionOrigin::File { .. } => true,
            OptionOrigin::Variable { .. } => false,
        }
    }

    /// The values.
    pub(super) fn texts(&self) -> impl Iterator<Item = &OsStr> {
        self.values.iter().map(|(value, _)| value.as_os_str())
    }
}
