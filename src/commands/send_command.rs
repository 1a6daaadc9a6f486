//! A command that sends customers, as it was typed: an import, or a sync.

use super::command_line::TypedCommand;
use super::option_words::OptionWords;
use crate::cli::{ChangeOptions, ImportOptions, Scalar};

/// A command that sends customers: an import, or a sync.
#[derive(Debug, Clone)]
pub(super) struct SendCommand {
    /// What both have.
    pub(super) import: TypedCommand<ImportOptions>,
    /// What a sync has; `None` of an import.
    pub(super) changes: Option<ChangeOptions>,
}

impl SendCommand {
    /// Its subcommand.
    pub(super) fn name(&self) -> &'static str {
        if self.changes.is_some() {
            "sync"
        } else {
            "import"
        }
    }

    /// The options of both.
    pub(super) fn options(&self) -> &ImportOptions {
        &self.import.options
    }

    /// The same command with changed options.
    #[must_use]
    pub(super) fn with(&self, change: impl FnOnce(&mut ImportOptions)) -> Self {
        Self {
            import: self.import.with(change),
            changes: self.changes.clone(),
        }
    }

    /// The same sync, which allows this many changes.
    #[must_use]
    pub(super) fn with_more_changes(&self, changes: u64) -> Self {
        let mut more = self.clone();
        if let Some(options) = &mut more.changes {
            options.max_changes = Some(Scalar(changes.to_string()));
        }
        more
    }

    /// The command as it is typed into a shell.
    pub(super) fn line(&self) -> String {
        let inputs = &self.options().input.inputs;
        let words = self.words();
        words.line(&self.import.program, self.name(), inputs)
    }

    /// Whether the option `long` was typed.
    pub(super) fn types(&self, long: &str) -> bool {
        self.words().name(long)
    }

    fn words(&self) -> OptionWords {
        let mut words = OptionWords::of_import(self.options());
        if let Some(changes) = &self.changes {
            words.changes(changes);
        }
        words
    }
}
