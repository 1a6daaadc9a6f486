//! Where a run serves its metrics, and the command at its end.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::error::ConfigError;
use super::file::FileOptions;
use super::metrics_addresses::metrics_addresses;
use super::origin::Assignment;
use crate::cli::MonitorOptions;

/// The command at the end of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifySettings {
    /// The command, as a shell reads it.
    pub command: Option<String>,
    /// What is said first, also with `--quiet`.
    pub note: Option<String>,
}

/// What a run leaves for a monitor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MonitorSettings {
    /// Its metrics.
    pub metrics: MetricsSettings,
    /// The command at its end.
    pub notify: NotifySettings,
}

/// Where the metrics of a run go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The file that is written at the end.
    pub file: Option<PathBuf>,
    /// They are served at the first of these addresses that can be had; not at all without
    /// one.
    pub addresses: Vec<SocketAddr>,
}

impl MetricsSettings {
    /// Those of a run; a dry run has none.
    #[must_use]
    pub fn of_run(self, is_dry: bool) -> Self {
        if is_dry { Self::default() } else { self }
    }
}

/// Decides what a run leaves for a monitor; what is typed beats the file.
pub fn monitor(typed: &MonitorOptions, file: &FileOptions) -> Result<MonitorSettings, ConfigError> {
    let stored = &file.monitor;
    Ok(MonitorSettings {
        metrics: MetricsSettings {
            file: typed.metrics_file.clone().or(stored.metrics_file.clone()),
            addresses: metrics_addresses(typed, stored)?,
        },
        notify: notify_command(typed, file),
    })
}

/// Decides which command runs at the end; an empty one is none.
fn notify_command(typed: &MonitorOptions, file: &FileOptions) -> NotifySettings {
    let stored = &file.monitor.notify_command;
    let command = typed.notify_command.as_ref().or(stored.as_ref());
    let command = command.filter(|command| !command.trim().is_empty());
    let assignment = file.assignments.0.get("notify-command");
    let is_in_file = assignment.is_some_and(Assignment::is_in_file);
    // A folder that came from elsewhere must not run a command unseen.
    let is_unseen = typed.notify_command.is_none() && is_in_file && file.unnamed_target.is_some();
    NotifySettings {
        note: command
            .filter(|_| is_unseen)
            .map(|_| format!("notify-command from {}: it runs at the end", file.file)),
        command: command.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{FileOptions, MonitorOptions, notify_command};
    use crate::cli::TargetOptions;

    fn of(typed: Option<&str>, text: &str) -> (Option<String>, bool) {
        let mut file = FileOptions::from_text(Path::new("kable-bulk.toml"), text).unwrap();
        file.unnamed_target = Some(TargetOptions::default());
        let typed = MonitorOptions {
            notify_command: typed.map(str::to_owned),
            ..MonitorOptions::default()
        };
        let settings = notify_command(&typed, &file);
        (settings.command, settings.note.is_some())
    }

    #[test]
    fn what_is_typed_beats_the_file_and_an_empty_command_is_none() {
        let file = "notify-command = 'ring'";
        assert_eq!(of(None, ""), (None, false));
        assert_eq!(of(Some("call"), ""), (Some("call".to_owned()), false));
        assert_eq!(of(Some("call"), file), (Some("call".to_owned()), false));
        assert_eq!(of(Some(""), file), (None, false));
        assert_eq!(of(None, "notify-command = ''"), (None, false));
    }

    #[test]
    fn a_command_of_a_file_that_was_not_named_is_said() {
        let file = "notify-command = 'ring'";
        assert_eq!(of(None, file), (Some("ring".to_owned()), true));
    }
}
