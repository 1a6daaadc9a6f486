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
    /// Whether it is that of a command of `--notify-command`.
    pub(super) is_of_a_notified_command: bool,
    /// What the terminal is to be spared.
    pub(super) terminal: TerminalAbility,
}

/// The variables that tell a command of `--notify-command` how the run ended. They are no
/// options, although they are called like options.
pub const EXIT_CODE_VARIABLE: &str = "KABLE_BULK_EXIT_CODE";
/// See [`EXIT_CODE_VARIABLE`].
pub const COMMAND_VARIABLE: &str = "KABLE_BULK_COMMAND";

/// Variables whose values no other program gets.
pub const SECRET_VARIABLES: [&str; 2] = ["KABLE_CLIENT_SECRET", "PGPASSWORD"];

/// A variable that says how to reach a database (`PGHOST`, …), or where a user's files are.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment is read in this file only"
)]
pub fn database_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What a terminal can show, as the environment says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum TerminalAbility {
    /// All.
    #[default]
    All,
    /// No colours are wanted: `NO_COLOR` is set (<https://no-color.org>).
    NoColor,
    /// It can't move its cursor: `TERM=dumb`.
    Lines,
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
            terminal: if set("TERM").is_some_and(|terminal| terminal == "dumb") {
                TerminalAbility::Lines
            } else if set("NO_COLOR").is_some() {
                TerminalAbility::NoColor
            } else {
                TerminalAbility::All
            },
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
                "exit-code" | "command" => environment.is_of_a_notified_command = true,
                _option => environment.options.push((long, value)),
            }
        }
        environment
    }

    /// Whether it is that of a command which another run started at its end.
    pub const fn is_of_a_notified_command(&self) -> bool {
        self.is_of_a_notified_command
    }
}
