//! Prints problems as annotations of a pull request: GitHub's workflow commands.
//!
//! GitHub shows ten annotations of each level a step, and silently drops the others
//! (actions/toolkit, docs/problem-matchers.md; in actions/runner
//! `_maxCountPerIssueType`). So no more are printed, in the order of the file, and
//! the last notice has the number of the rest.

use std::fmt::Write;

use super::{RowAccount, RowResult};
use crate::domain::outcome::Outcome;
use crate::domain::problem::{Problem, Severity};
use crate::domain::text::{counted, defused};

/// How an annotation is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }

    /// How many are printed; one notice is reserved for the number of the rest.
    const fn most(self) -> usize {
        match self {
            Self::Error | Self::Warning => 10,
            Self::Notice => 9,
        }
    }
}

/// Keeps the first problems of a file as commands for GitHub's runner.
#[derive(Debug, Default)]
pub struct Annotations {
    commands: String,
    /// How many of each level are kept.
    kept: [usize; 3],
    left: u64,
}

impl Annotations {
    /// Adds the problems of a row. Rows must come in the order of the file.
    pub(super) fn add_row(&mut self, account: &RowAccount<'_>) {
        let is_error = |problem: &Problem| problem.code.severity() == Severity::Error;
        // If none of the problems is an error, all of them reject the row.
        let raised =
            account.result == RowResult::Rejected && !account.problems.iter().any(is_error);
        for problem in account.problems {
            let level = match problem.code.severity() {
                _ if raised => Level::Error,
                Severity::Error => Level::Error,
                Severity::Warning => Level::Warning,
                Severity::Correction => Level::Notice,
            };
            let code = problem.code.name();
            let title = match problem.field {
                "" => code.to_owned(),
                field => format!("{code} in {field}"),
            };
            self.keep(level, account, &title, &problem.message);
        }
        if let RowResult::Outcome(came) = account.result
            && came.outcome == Outcome::Differs
        {
            let how = came.message.unwrap_or("another row was sent");
            let message = format!("Kable holds this customer already, and otherwise: {how}");
            self.keep(Level::Error, account, Outcome::Differs.name(), &message);
        }
    }

    fn keep(&mut self, level: Level, account: &RowAccount<'_>, title: &str, message: &str) {
        let Some(kept) = self.kept.get_mut(level as usize) else {
            return;
        };
        if *kept == level.most() {
            self.left += 1;
            return;
        }
        *kept += 1;
        let line = account.row.origin.line;
        self.commands += &match account.input {
            "-" => {
                let message = format!("line {line}: {message}");
                command(level, None, title, &message)
            }
            // GitHub identifies a file by its path from the root, without `./`
            // (crate-ci/typos#1496).
            name => command(
                level,
                Some((name.trim_start_matches("./"), line)),
                title,
                message,
            ),
        };
    }

    /// The commands, one a line; `problems` is the path of the file with all
    /// problems.
    pub fn commands(self, problems: &str) -> String {
        let mut commands = self.commands;
        if self.left > 0 {
            let more = counted(self.left, "more problem is", "more problems are");
            let message = format!("{more} not shown here; all of them stand in {problems}");
            commands += &command(Level::Notice, None, "kable-bulk validate", &message);
        }
        commands
    }
}

/// One command, with its line end.
fn command(level: Level, place: Option<(&str, u64)>, title: &str, message: &str) -> String {
    let mut text = format!("::{} ", level.name());
    if let Some((file, line)) = place {
        // Writing to a string can't fail.
        write!(text, "file={},line={line},", property(file)).ok();
    }
    text + &format!("title={}::{}\n", property(title), data(message))
}

/// Escapes `text` as a command's data (actions/toolkit, `escapeData`).
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes `text` as the value of a command's property (actions/toolkit,
/// `escapeProperty`).
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Changes `text` so that no line is a command: neither of the form that starts a
/// line, nor of the old form that may be anywhere.
pub fn disarmed(text: &str) -> String {
    defused(text).replace("::", ": :")
}

#[cfg(test)]
#[path = "annotations_tests.rs"]
mod tests;
