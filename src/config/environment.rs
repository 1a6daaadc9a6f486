//! The environment, read once.

use std::ffi::OsString;
use std::path::PathBuf;

use secrecy::SecretString;

use super::options::named_options;

/// The variables that the program obeys.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretString>,
    /// `KABLE_BULK_…`: options by their long names, sorted by name.
    pub(super) options: Vec<(String, OsString)>,
    /// The configuration file.
    pub(super) config: Option<PathBuf>,
    /// Whether no configuration file is read.
    pub(super) no_config: bool,
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
            ..Self::of_options(std::env::vars_os())
        }
    }

    /// The options among `variables`.
    pub(super) fn of_options(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (long, value) in named_options(variables) {
            match long.as_str() {
                "config" => environment.config = Some(value.into()),
                "no-config" => {
                    environment.no_config = !["false", "no", "off", "0"]
                        .iter()
                        .any(|off| value.eq_ignore_ascii_case(off));
                }
                _option => environment.options.push((long, value)),
            }
        }
        environment
    }
}
