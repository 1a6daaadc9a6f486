//! `--notify-command`: tells a command how a run ended, so that a phone can ring.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Map, Value};

use super::exit::Exit;
use super::run_log::RunLog;
use super::shell_command::ShellCommand;
use crate::config::{COMMAND_VARIABLE, EXIT_CODE_VARIABLE, Environment, SECRET_VARIABLES};
use crate::domain::text::escaped_json;
use crate::domain::version::VERSION;

/// How long the command may run: a service that does not answer must not hold up what waits
/// for the end of the run.
const LIMIT: Duration = Duration::from_secs(30);

/// What is told of a run, collected while it goes on. Clones share it: the run ends in many
/// places, and the exit code is known last.
#[derive(Debug, Clone, Default)]
pub struct RunNotice(Arc<Mutex<Notice>>);

#[derive(Debug, Default)]
struct Notice {
    /// The command, once the run has begun.
    line: Option<String>,
    subcommand: &'static str,
    summary: Option<String>,
    error: Option<String>,
    hint: Option<String>,
}

impl RunNotice {
    /// A run of `subcommand` begins, at whose end `line` is run. A run that such a command
    /// starts runs none: it may be the same command.
    pub(super) fn begin(
        &self,
        subcommand: &'static str,
        line: Option<String>,
        environment: &Environment,
    ) {
        let mut notice = self.0.lock();
        notice.line = line.filter(|_| !environment.is_of_a_notified_command());
        notice.subcommand = subcommand;
    }

    /// The run has this summary.
    pub(super) fn summary(&self, summary: &impl Serialize) {
        let text = serde_json::to_string_pretty(summary).ok();
        self.0.lock().summary = text;
    }

    /// The run ends with this error.
    pub fn error(&self, error: &str, hint: Option<&str>) {
        let mut notice = self.0.lock();
        notice.error = Some(error.to_owned());
        notice.hint = hint.map(str::to_owned);
    }

    /// The run is over. Whatever becomes of the command, the exit code stays what it is.
    pub fn end(&self, exit: Exit, log: RunLog) {
        let mut notice = self.0.lock();
        let Some(line) = notice.line.take() else {
            return;
        };
        let command = ShellCommand {
            line: &line,
            input: escaped_json(&notice.told(exit)).into_owned() + "\n",
            variables: vec![
                (EXIT_CODE_VARIABLE, (exit as u8).to_string()),
                (COMMAND_VARIABLE, notice.subcommand.to_owned()),
            ],
            withheld: &SECRET_VARIABLES,
            is_heard: !log.is_json,
        };
        if let Err(failure) = command.run(LIMIT) {
            // The command itself may have a secret in it.
            log.warning(&format!("the command of --notify-command {failure}"));
        }
    }
}

impl Notice {
    /// The summary, with the error if there was one; without a summary what is known.
    fn told(&self, exit: Exit) -> String {
        if let (Some(summary), None) = (&self.summary, &self.error) {
            return summary.clone();
        }
        let summary = self.summary.as_deref().unwrap_or_default();
        let mut told: Map<String, Value> = serde_json::from_str(summary).unwrap_or_default();
        told.insert("command".to_owned(), self.subcommand.into());
        told.insert("version".to_owned(), VERSION.into());
        told.insert("exit_code".to_owned(), (exit as u8).into());
        for (name, text) in [("error", &self.error), ("hint", &self.hint)] {
            if let Some(text) = text {
                told.insert(name.to_owned(), text.as_str().into());
            }
        }
        Value::Object(told).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Notice, VERSION};
    use crate::commands::exit::Exit;

    fn told(notice: &Notice, exit: Exit) -> Value {
        serde_json::from_str(&notice.told(exit)).unwrap()
    }

    #[test]
    fn an_error_is_told_with_or_without_a_summary() {
        let mut notice = Notice {
            subcommand: "sync",
            error: Some("the disk is full".to_owned()),
            hint: Some("make room".to_owned()),
            ..Notice::default()
        };
        let mut wanted = json!({
            "command": "sync", "version": VERSION, "exit_code": 1,
            "error": "the disk is full", "hint": "make room"
        });
        assert_eq!(told(&notice, Exit::Failed), wanted);
        notice.summary = Some(r#"{"exit_code": 0, "rows": {"read": 3}}"#.to_owned());
        wanted["rows"] = json!({"read": 3});
        assert_eq!(told(&notice, Exit::Failed), wanted);
    }

    #[test]
    fn a_run_without_a_summary_tells_how_it_ended() {
        let notice = Notice {
            subcommand: "verify",
            ..Notice::default()
        };
        let wanted = json!({"command": "verify", "version": VERSION, "exit_code": 130});
        assert_eq!(told(&notice, Exit::Interrupted), wanted);
    }
}
