//! Why a configuration can't be used.

use std::path::{Path, PathBuf};

use super::origin::{Assignments, OptionOrigin};
use super::value_forms::value_form;
use crate::domain::outcome::Outcome;

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An option's value can't be used.
    #[error("--{option}: {wrong}")]
    Value {
        /// The option's long name.
        option: &'static str,
        /// What is wrong with the value.
        wrong: String,
    },
    /// An option has no place beside another one, or with this command.
    #[error("--{option}: {wrong}")]
    Conflict {
        /// The option's long name.
        option: &'static str,
        /// Why it has no place.
        wrong: String,
        /// What is left out.
        hint: &'static str,
    },
    /// An option is required.
    #[error("{input} has no name of its own: --{option} is needed")]
    Needed {
        /// The option's long name.
        option: &'static str,
        /// The input for which it is needed.
        input: String,
    },
    /// An outcome that was typed does not exist.
    #[error("there is no outcome {typed:?}{}", perhaps(*nearest))]
    NoOutcome {
        /// What was typed.
        typed: String,
        /// The outcome that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A preset that was typed does not exist.
    #[error("{wrong}")]
    NoPreset {
        /// What is wrong with its name.
        wrong: String,
    },
    /// There are no credentials.
    #[error("there are no credentials: {missing} is not set")]
    NoCredentials {
        /// What is missing.
        missing: &'static str,
    },
    /// The client id and the secret stand in each other's place.
    #[error(
        "the client id and the client secret are exchanged: a client id begins with kci_, a secret with sk_"
    )]
    Swapped,
    /// A credential was copied with more than itself.
    #[error("the {what} {wrong}")]
    Credential {
        /// Which of the two.
        what: &'static str,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// The secret is for the other of Kable's hosts.
    #[error("{host} takes secrets that begin with {wanted}, and this one begins with {found}")]
    OtherHost {
        /// The host.
        host: &'static str,
        /// The start of the secrets that it takes.
        wanted: &'static str,
        /// The start of the secret.
        found: &'static str,
    },
    /// The secret's file is empty.
    #[error("there is no secret in {}", .path.display())]
    NoSecret {
        /// The file.
        path: PathBuf,
    },
    /// The secret's file can't be read.
    #[error("cannot read the client secret from {}", .path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The configuration file can't be read.
    #[error("cannot read {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A mapping file, or a file of values, can't be used.
    #[error("{path}: {wrong}")]
    Mapping {
        /// The file, or the preset.
        path: String,
        /// What is wrong with it.
        wrong: String,
    },
    /// The configuration file is not TOML, or an option in it or in a variable of the
    /// environment can't be used.
    #[error("{origin}: {wrong}")]
    Stored {
        /// Where it is written.
        origin: OptionOrigin,
        /// What is wrong with it.
        wrong: String,
    },
}

impl ConfigError {
    /// The same error about an option's value, in the terms of the file or the
    /// variable that gives it; unless the option `is_typed`.
    #[must_use]
    pub fn located(self, assignments: &Assignments, is_typed: impl Fn(&str) -> bool) -> Self {
        let (option, wrong) = match &self {
            Self::Value { option, wrong } | Self::Conflict { option, wrong, .. } => {
                (*option, wrong.clone())
            }
            // Files that options name.
            Self::File { path, source } => {
                return named_by("mapping", assignments, is_typed, (path, source)).unwrap_or(self);
            }
            Self::SecretFile { path, source } => {
                let option = "client-secret-file";
                return named_by(option, assignments, is_typed, (path, source)).unwrap_or(self);
            }
            Self::Needed { .. }
            | Self::NoOutcome { .. }
            | Self::NoPreset { .. }
            | Self::NoCredentials { .. }
            | Self::Swapped
            | Self::Credential { .. }
            | Self::OtherHost { .. }
            | Self::NoSecret { .. }
            | Self::Mapping { .. }
            | Self::Stored { .. } => return self,
        };
        let Some(assignment) = assignments.0.get(option).filter(|_| !is_typed(option)) else {
            return self;
        };
        let origin = assignment.origin_of(&wrong).clone();
        let wrong = wrong.replace(" --", " ");
        Self::Stored {
            wrong: match &origin {
                OptionOrigin::File { .. } => format!("{option}: {wrong}"),
                OptionOrigin::Variable { .. } => wrong,
            },
            origin,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Value { option, .. } => value_form(option),
            Self::Conflict { hint, .. } => (*hint).to_owned(),
            Self::NoPreset { .. } => value_form("preset"),
            Self::NoOutcome { .. } => {
                let names = Outcome::ALL.map(Outcome::name).join(", ");
                format!("the outcomes are {names}; a file is named with its folder, as ./NAME")
            }
            Self::File { .. } => "check the name, and that you can read it".to_owned(),
            Self::Needed { option, .. } => format!("add --{option} with a name of your choice"),
            Self::NoCredentials { .. } => {
                "set KABLE_CLIENT_ID and KABLE_CLIENT_SECRET (or --client-secret-file), or try it with --sandbox"
                    .to_owned()
            }
            Self::Swapped => "set each of them to the other's value".to_owned(),
            Self::Credential { what, .. } => {
                format!("set the {what} alone, as Kable shows it; nothing was sent")
            }
            Self::OtherHost { wanted, found, .. } => {
                let env = found.trim_start_matches("sk_");
                format!(
                    "set a secret that begins with {wanted}, or send with --env {env}; nothing was sent"
                )
            }
            Self::NoSecret { .. } => "write the secret into it, and nothing else".to_owned(),
            Self::SecretFile { .. } => {
                "check its name; it has to be a file that you can read".to_owned()
            }
            Self::Mapping { .. } => {
                "docs/mapping.md describes what a mapping file can say".to_owned()
            }
            Self::Stored { origin, .. } => match origin {
                OptionOrigin::File { .. } => {
                    "options stand there under their long names, e.g. rate = \"100/s\"; samples/kable-bulk.toml has all of them"
                }
                OptionOrigin::Variable { .. } => {
                    "an option's variable is KABLE_BULK_ and its long name in capitals, e.g. KABLE_BULK_MAX_RATE=100/s"
                }
            }
            .to_owned(),
        }
    }

    /// Whether it is wrong usage, rather than a file that can't be read.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Value { .. }
                | Self::Conflict { .. }
                | Self::Needed { .. }
                | Self::NoOutcome { .. }
                | Self::NoPreset { .. }
                | Self::Stored {
                    origin: OptionOrigin::Variable { .. },
                    ..
                }
        )
    }
}

/// The error that the file `path`, which `option` names outside of the command line, can't
/// be read.
fn named_by(
    option: &str,
    assignments: &Assignments,
    is_typed: impl Fn(&str) -> bool,
    (path, source): (&Path, &std::io::Error),
) -> Option<ConfigError> {
    let assignment = assignments.0.get(option).filter(|_| !is_typed(option))?;
    let is_it = assignment.texts().any(|text| text == path.as_os_str());
    let wrong = format!("cannot read {}: {source}", path.display());
    is_it.then(|| ConfigError::Stored {
        wrong: match &assignment.origin {
            OptionOrigin::File { .. } => format!("{option}: {wrong}"),
            OptionOrigin::Variable { .. } => wrong,
        },
        origin: assignment.origin.clone(),
    })
}

fn perhaps(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", perhaps {name:?}"))
}

/// Makes an error about the value of `option`.
pub fn value_error<E: ToString>(option: &'static str) -> impl Fn(E) -> ConfigError {
    move |wrong| ConfigError::Value {
        option,
        wrong: wrong.to_string(),
    }
}

/// Makes the error that `option` has no place beside another one.
pub(super) fn conflict(option: &'static str, wrong: impl Into<String>) -> ConfigError {
    ConfigError::Conflict {
        option,
        wrong: wrong.into(),
        hint: "leave one of the two out",
    }
}
