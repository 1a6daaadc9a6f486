//! A command that sends customers, as it was typed: an import, or a sync.

use super::command_line::TypedCommand;
use super::option_words::OptionWords;
use crate::cli::{
    ApplyOptions, ChangeOptions, ImportOptions, OnMissingRow, Scalar, UnsentOptions,
    ValidateOptions,
};

/// A command that sends customers: an import, or a sync.
#[derive(Debug, Clone)]
pub(super) struct SendCommand {
    /// What both have.
    pub(super) import: TypedCommand<ImportOptions>,
    /// What a sync has; `None` of an import.
    pub(super) changes: Option<ChangeOptions>,
    /// The command that applies a plan of it, if that was typed.
    pub(super) applied: Option<TypedCommand<ApplyOptions>>,
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
            applied: None,
        }
    }

    /// The same command, which makes anew the plan that `other` applies, if it does.
    #[must_use]
    pub(super) fn planning_as(&self, other: &Self) -> Self {
        let applied = other.applied.as_ref().map(|applied| &applied.options);
        self.with(|options| options.plan.save_as(applied))
    }

    /// The command that applies its plan, not as a dry run.
    pub(super) fn applying_line(&self) -> Option<String> {
        self.applied.as_ref().map(TypedCommand::real_line)
    }

    /// The command that applies the plan which this one saves, if it does.
    pub(super) fn apply_line(&self) -> Option<String> {
        TypedCommand::applying(&self.import.program, &self.options().plan)
    }

    /// The same sync, which allows this many changes.
    #[must_use]
    pub(super) fn with_more_changes(&self, changes: u64) -> Self {
        let mut more = self.with(|_| ());
        if let Some(options) = &mut more.changes {
            options.max_changes = Some(Scalar(changes.to_string()));
        }
        more
    }

    /// The same command, of a part of the file: it cancels no customer, also if
    /// `is_inherited` says that a configuration would have it do so.
    #[must_use]
    pub(super) fn of_a_part(&self, is_inherited: bool) -> Self {
        let mut part = self.clone();
        if let Some(options) = &mut part.changes {
            options.prune = is_inherited.then_some(OnMissingRow::Report);
        }
        part
    }

    /// The command as it is typed into a shell.
    pub(super) fn line(&self) -> String {
        if let Some(applied) = &self.applied {
            return applied.line();
        }
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

impl TypedCommand<ValidateOptions> {
    /// The import of the same input; the sync if an option was typed that a sync alone takes.
    pub(super) fn sending(&self) -> SendCommand {
        let ValidateOptions {
            input,
            checks: _,
            target,
            requests,
            unsent,
            display,
        } = self.options.clone();
        let UnsentOptions {
            sending,
            changes,
            plan,
            monitor,
        } = unsent;
        SendCommand {
            import: TypedCommand {
                program: self.program.clone(),
                options: ImportOptions {
                    input,
                    target,
                    requests,
                    sending,
                    plan,
                    display,
                    monitor,
                },
            },
            changes: (changes != ChangeOptions::default()).then_some(changes),
            applied: None,
        }
    }
}
