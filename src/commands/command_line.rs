//! Renders parsed options as the command line to type next.
//!
//! Only what was typed is rendered. What is set in the environment or in a
//! configuration file applies to the next command as well.

use std::ffi::OsString;

use super::option_words::OptionWords;
use crate::cli::{
    ApplyOptions, CheckOptions, ConfigChoice, PlanOptions, RemovalOptions, ReportOptions,
    RollbackOptions, ValidateOptions, VerifyOptions,
};

/// A command: the program as it was called, and the parsed options.
#[derive(Debug, Clone)]
pub struct TypedCommand<O> {
    /// The program's name or path.
    pub program: OsString,
    /// The options.
    pub options: O,
}

impl<O: Clone> TypedCommand<O> {
    /// The same command with changed options.
    #[must_use]
    pub(super) fn with(&self, change: impl FnOnce(&mut O)) -> Self {
        let mut changed = self.clone();
        change(&mut changed.options);
        changed
    }
}

impl TypedCommand<ValidateOptions> {
    /// The command as it is typed into a shell.
    pub(super) fn line(&self) -> String {
        let inputs = &self.options.input.inputs;
        self.words().line(&self.program, "validate", inputs)
    }

    /// Whether the option `long` was typed.
    pub(super) fn types(&self, long: &str) -> bool {
        self.words().name(long)
    }

    fn words(&self) -> OptionWords {
        let ValidateOptions {
            input,
            checks,
            target,
            requests,
            unsent,
            display,
        } = &self.options;
        let CheckOptions {
            online,
            annotations,
        } = checks;
        let mut options = OptionWords::default();
        options.input(input);
        options.switch("online", *online);
        options.target(target);
        options.requests(requests);
        options.choice("annotations", *annotations);
        options.unsent(unsent);
        options.display(display);
        options
    }

    /// The long names of the options that were typed and are ignored; those about the target
    /// unless something is looked up.
    pub(super) fn ignored(&self, is_online: bool) -> Vec<String> {
        let mut options = OptionWords::default();
        if !is_online {
            options.target(&self.options.target);
            options.requests(&self.options.requests);
        }
        let unsent = &self.options.unsent;
        options.unsent(unsent);
        // Never rendered, because it may have a token in it.
        let at_end = unsent.monitor.notify_command.as_ref();
        let names = options.names().chain(at_end.map(|_| "notify-command"));
        names.map(str::to_owned).collect()
    }
}

impl TypedCommand<VerifyOptions> {
    /// The command as it is typed into a shell.
    pub(super) fn line(&self) -> String {
        let inputs = &self.options.input.inputs;
        self.words().line(&self.program, "verify", inputs)
    }

    /// Whether the option `long` was typed.
    pub(super) fn types(&self, long: &str) -> bool {
        self.words().name(long)
    }

    fn words(&self) -> OptionWords {
        let VerifyOptions {
            input,
            target,
            requests,
            display,
            monitor,
        } = &self.options;
        let mut options = OptionWords::default();
        options.input(input);
        options.target(target);
        options.requests(requests);
        options.display(display);
        options.monitor(monitor);
        options
    }
}

impl TypedCommand<ReportOptions> {
    /// The command as it is typed into a shell.
    pub(super) fn line(&self) -> String {
        self.words()
            .line(&self.program, "report", &self.options.inputs)
    }

    /// Whether the option `long` was typed; `sandbox` also chooses the checkpoint.
    pub(super) fn types(&self, long: &str) -> bool {
        self.words().name(long) || long == "checkpoint" && self.options.sandbox.is_some()
    }

    fn words(&self) -> OptionWords {
        let ReportOptions {
            inputs: _,
            file,
            reading,
            checkpoint,
            sandbox,
            quiet,
        } = &self.options;
        let mut options = OptionWords::default();
        options.reading(file, reading);
        options.value("checkpoint", checkpoint.as_ref());
        options.sandbox(sandbox.as_ref());
        options.switch("quiet", *quiet);
        options
    }
}

impl TypedCommand<ApplyOptions> {
    /// The command that applies the plan which `plan` saves, if it does.
    pub(super) fn applying(program: &OsString, plan: &PlanOptions) -> Option<String> {
        let saved = plan.save_plan.clone()?;
        let applied = Self {
            program: program.clone(),
            options: ApplyOptions::of(saved),
        };
        Some(applied.line())
    }

    /// The same command, not as a dry run.
    pub(super) fn real_line(&self) -> String {
        self.with(|options| options.dry_run = None).line()
    }

    /// The command as it is typed into a shell.
    pub(super) fn line(&self) -> String {
        let ApplyOptions {
            plan,
            dry_run,
            yes,
            display,
            monitor,
        } = &self.options;
        let mut options = OptionWords::default();
        options.switch("dry-run", *dry_run);
        options.switch("yes", *yes);
        options.display(display);
        options.monitor(monitor);
        options.line(&self.program, "apply", &[plan.clone().into_os_string()])
    }
}

impl TypedCommand<RollbackOptions> {
    /// The command as it is typed into a shell.
    pub(super) fn line(&self) -> String {
        self.words()
            .line(&self.program, "rollback", &self.options.inputs)
    }

    /// Whether the option `long` was typed.
    pub(super) fn types(&self, long: &str) -> bool {
        self.words().name(long)
    }

    fn words(&self) -> OptionWords {
        let RollbackOptions {
            inputs: _,
            file: ConfigChoice { config, no_config },
            target,
            requests,
            sending,
            removal: RemovalOptions { even_if_changed },
            plan,
            display,
            monitor,
        } = &self.options;
        let mut options = OptionWords::default();
        options.value("config", config.as_ref());
        options.flag("no-config", *no_config);
        options.value("out", sending.out.as_ref());
        options.target(target);
        options.requests(requests);
        options.sending(&sending.to_send_options());
        options.switch("even-if-changed", *even_if_changed);
        options.plan(plan);
        options.display(display);
        options.monitor(monitor);
        options
    }
}

#[cfg(test)]
pub(super) mod tests {
    use clap::{Arg, Parser};
    use proptest::prelude::*;

    use super::{TypedCommand, ValidateOptions};
    use crate::cli::{Cli, Command, ImportOptions};
    use crate::commands::send_command::SendCommand;

    fn parsed(words: &[&str]) -> Option<Command> {
        Cli::try_parse_from(words).ok().map(|cli| cli.command)
    }

    /// Parses the words of an import.
    pub(in crate::commands) fn import(words: &[&str]) -> TypedCommand<ImportOptions> {
        match parsed(words) {
            Some(Command::Import(options)) => typed(words[0], *options),
            other => panic!("{words:?} is {other:?}"),
        }
    }

    /// Parses the words of an import, as a command that sends.
    pub(in crate::commands) fn sending(words: &[&str]) -> SendCommand {
        SendCommand {
            import: import(words),
            changes: None,
            applied: None,
        }
    }

    /// Parses the words of a validation.
    pub(in crate::commands) fn validate(words: &[&str]) -> TypedCommand<ValidateOptions> {
        match parsed(words) {
            Some(Command::Validate(options)) => typed(words[0], *options),
            other => panic!("{words:?} is {other:?}"),
        }
    }

    fn typed<O>(program: &str, options: O) -> TypedCommand<O> {
        TypedCommand {
            program: program.into(),
            options,
        }
    }

    /// Parses `words`, and then what is rendered of them; `None` if they are not a
    /// valid command.
    fn round_trip(words: &[&str]) -> Option<String> {
        let line = match parsed(words)? {
            Command::Import(options) => SendCommand {
                import: typed(words[0], *options),
                changes: None,
                applied: None,
            }
            .line(),
            Command::Validate(options) => typed(words[0], *options).line(),
            Command::Sync(options) => SendCommand {
                import: typed(words[0], options.import),
                changes: Some(options.changes),
                applied: None,
            }
            .line(),
            Command::Apply(options) => typed(words[0], *options).line(),
            Command::Rollback(options) => typed(words[0], *options).line(),
            Command::Report(options) => typed(words[0], *options).line(),
            other @ (Command::Verify(_)
            | Command::Status(_)
            | Command::Init(_)
            | Command::Presets(_)
            | Command::Plans(_)
            | Command::List(_)
            | Command::Completions(_)
            | Command::Man(_)
            | Command::Sandbox(_)) => panic!("{other:?}"),
        };
        let again = shlex::split(&line).unwrap();
        let again: Vec<&str> = again.iter().map(String::as_str).collect();
        let again = parsed(&again).unwrap_or_else(|| panic!("{line} is no command"));
        match (parsed(words)?, again) {
            (Command::Import(typed), Command::Import(again)) => assert_eq!(typed, again, "{line}"),
            (Command::Sync(typed), Command::Sync(again)) => assert_eq!(typed, again, "{line}"),
            (Command::Validate(typed), Command::Validate(again)) => {
                assert_eq!(typed, again, "{line}");
            }
            (Command::Rollback(typed), Command::Rollback(again)) => {
                assert_eq!(typed, again, "{line}");
            }
            (Command::Report(typed), Command::Report(again)) => {
                assert_eq!(typed, again, "{line}");
            }
            other => panic!("{other:?}"),
        }
        Some(line)
    }

    #[test]
    fn a_rollback_is_rendered_as_it_was_typed() {
        let line = "kable-bulk rollback in.csv --out 'my results' --sandbox --rate 5/s \
                    --checkpoint run.db --retries 3 --settle 1s --dry-run --even-if-changed -q --metrics-file r.prom";
        let words = shlex::split(line).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(
            round_trip(&words).unwrap(),
            line.replace("                    ", "")
                .replace("-q", "--quiet")
        );
    }

    #[test]
    fn a_report_is_rendered_as_it_was_typed() {
        let line = "kable-bulk report in.csv --map currency=Cur --out r --checkpoint run.db --sandbox=false --quiet";
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(round_trip(&words).unwrap(), line);
    }

    #[test]
    fn an_input_may_be_called_like_a_value_or_a_subcommand() {
        for (line, rendered) in [
            (
                "kable-bulk import live --env live",
                "kable-bulk import live --env live",
            ),
            (
                "kable-bulk import --env=test --out import import test",
                "kable-bulk import import test --out import --env test",
            ),
            (
                "kable-bulk validate --annotations=github validate",
                "kable-bulk validate validate --annotations github",
            ),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(round_trip(&words).as_deref(), Some(rendered));
        }
    }

    #[test]
    fn options_are_rendered_as_they_are_typed() {
        for (line, rendered) in [
            (
                "kable-bulk import in.csv --out=x -v --sandbox --map a=b --map c=d",
                "kable-bulk import in.csv --map a=b --map c=d --out x --sandbox --verbose",
            ),
            (
                "kable-bulk import --sandbox=my.db --yes=false --keys --rate 5 a b",
                "kable-bulk import a b --sandbox=my.db --rate 5 --keys --yes=false",
            ),
            (
                "kable-bulk import --out=-x -- -in.csv import",
                "kable-bulk import --out=-x -- -in.csv import",
            ),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(round_trip(&words).as_deref(), Some(rendered));
        }
    }

    /// It may have a token in it, and a line stands in pages and plans.
    #[test]
    fn a_command_at_the_end_is_not_rendered() {
        let words = [
            "kable-bulk",
            "import",
            "in.csv",
            "--notify-command=curl hush",
        ];
        let Some(Command::Import(options)) = parsed(&words) else {
            panic!("no import");
        };
        let command = SendCommand {
            import: typed("kable-bulk", *options),
            changes: None,
            applied: None,
        };
        assert_eq!(command.line(), "kable-bulk import in.csv");
    }

    /// The options of a subcommand that are rendered.
    fn options_of(subcommand: &str) -> Vec<Arg> {
        let command = crate::cli::command();
        let subcommand = command.find_subcommand(subcommand).unwrap();
        let options = subcommand.get_arguments();
        let named = options.filter(|option| option.get_long().is_some());
        named
            .filter(|option| {
                !["help", "version", "notify_command"].contains(&option.get_id().as_str())
            })
            .cloned()
            .collect()
    }

    /// `option` with a value: one of its possible values, if it has some.
    fn word(option: &Arg, value: &str, number: usize) -> String {
        let long = option.get_long().unwrap();
        let choices = option.get_possible_values();
        match choices.get(number % choices.len().max(1)) {
            _ if !option.get_action().takes_values() => format!("--{long}"),
            None if option.is_require_equals_set() && number.is_multiple_of(3) => {
                format!("--{long}")
            }
            Some(choice) => format!("--{long}={}", choice.get_name()),
            None => format!("--{long}={value}"),
        }
    }

    #[test]
    fn every_option_is_rendered() {
        for subcommand in ["import", "validate"] {
            for option in options_of(subcommand) {
                let rendered = ["7", "a b"].into_iter().find_map(|value| {
                    let word = word(&option, value, 1);
                    round_trip(&["kable-bulk", subcommand, "in.csv", &word])
                });
                let long = option.get_long().unwrap();
                let rendered = rendered.unwrap_or_else(|| panic!("no value of --{long} is known"));
                assert!(rendered.contains(&format!(" --{long}")), "{rendered}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_rendered_parses_to_equal_options(
            inputs in proptest::collection::vec("[a-z \"'$*!^\\\\=-]{1,6}|live|import|-", 1..3),
            options in proptest::collection::vec(
                (any::<prop::sample::Index>(), "7|[a-z ~\"'$*!^\\\\=,%-]{0,6}", 0_usize..6),
                0..5,
            ),
            is_import in any::<bool>(),
        ) {
            let subcommand = if is_import { "import" } else { "validate" };
            let known = options_of(subcommand);
            let mut words = vec!["kable-bulk".to_owned(), subcommand.to_owned()];
            words.extend(options.iter().map(|(index, value, number)| word(index.get(&known), value, *number)));
            words.push("--".to_owned());
            words.extend(inputs);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            // Options that exclude each other are not a valid command.
            round_trip(&words);
        }
    }
}
