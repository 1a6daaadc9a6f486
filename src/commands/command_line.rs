//! Renders parsed options as the command line to type next.
//!
//! Only what was typed is rendered. What is set in the environment or in a
//! configuration file applies to the next command as well.

use std::ffi::{OsStr, OsString};

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::shell_word::shell_word;
use crate::cli::defaults::SANDBOX_FILE;
use crate::cli::{
    ChangeOptions, CheckOptions, ConfigChoice, DisplayOptions, ImportOptions, InputOptions,
    ReadingOptions, RemovalOptions, RequestOptions, RollbackOptions, SandboxChoice, SendOptions,
    TargetOptions, ValidateOptions, VerifyOptions,
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

impl TypedCommand<ImportOptions> {
    /// The command as it is typed into a shell.
    pub(super) fn line(&self) -> String {
        let inputs = &self.options.input.inputs;
        OptionWords::of_import(&self.options).line(&self.program, "import", inputs)
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
        options.display(*display);
        options
    }

    /// The import of the same input.
    pub(super) fn import(&self) -> TypedCommand<ImportOptions> {
        let ValidateOptions {
            input,
            checks: _,
            target,
            requests,
            display,
        } = self.options.clone();
        TypedCommand {
            program: self.program.clone(),
            options: ImportOptions {
                input,
                target,
                requests,
                sending: SendOptions::default(),
                display,
            },
        }
    }
}

impl TypedCommand<VerifyOptions> {
    /// Whether the option `long` was typed.
    pub(super) fn types(&self, long: &str) -> bool {
        let VerifyOptions {
            input,
            target,
            requests,
            display,
        } = &self.options;
        let mut options = OptionWords::default();
        options.input(input);
        options.target(target);
        options.requests(requests);
        options.display(*display);
        options.name(long)
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
            display,
        } = &self.options;
        let mut options = OptionWords::default();
        options.value("config", config.as_ref());
        options.flag("no-config", *no_config);
        options.value("out", sending.out.as_ref());
        options.target(target);
        options.requests(requests);
        options.sending(&sending.to_send_options());
        options.switch("even-if-changed", *even_if_changed);
        options.display(*display);
        options
    }
}

/// Options as shell words. Each struct of options is destructured in full, so that
/// a new option that is not rendered does not compile.
#[derive(Default)]
pub(super) struct OptionWords(Vec<String>);

impl OptionWords {
    pub(super) fn of_import(options: &ImportOptions) -> Self {
        let ImportOptions {
            input,
            target,
            requests,
            sending,
            display,
        } = options;
        let mut words = Self::default();
        words.input(input);
        words.target(target);
        words.requests(requests);
        words.sending(sending);
        words.display(*display);
        words
    }

    fn input(&mut self, input: &InputOptions) {
        let InputOptions {
            inputs: _,
            file: ConfigChoice { config, no_config },
            reading,
        } = input;
        let ReadingOptions {
            format,
            delimiter,
            encoding,
            short_rows,
            preset,
            mapping,
            sheet,
            map,
            set,
            values,
            explain,
            skip,
            no_skip,
            allow_currency,
            plan_ids,
            strict,
            limit,
            out,
        } = reading;
        self.value("config", config.as_ref());
        self.flag("no-config", *no_config);
        self.choice("format", *format);
        self.value("delimiter", delimiter.as_ref());
        self.value("encoding", encoding.as_ref());
        self.choice("short-rows", *short_rows);
        self.value("preset", preset.as_ref());
        self.value("mapping", mapping.as_ref());
        self.value("sheet", sheet.as_ref());
        self.list("map", map);
        self.list("set", set);
        self.list("values", values);
        self.number("explain", *explain);
        self.list("skip", skip);
        self.list("no-skip", no_skip);
        self.list("allow-currency", allow_currency);
        self.choice("plan-ids", *plan_ids);
        self.switch("strict", *strict);
        self.number("limit", *limit);
        self.value("out", out.as_ref());
    }

    fn target(&mut self, target: &TargetOptions) {
        let TargetOptions {
            env,
            base_url,
            sandbox,
            client_secret_file,
        } = target;
        self.choice("env", *env);
        self.value("base-url", base_url.as_ref());
        match sandbox {
            Some(SandboxChoice::Off) => self.attached("sandbox", "false"),
            Some(SandboxChoice::File(file)) if file.as_os_str() == SANDBOX_FILE => {
                self.flag("sandbox", true);
            }
            Some(SandboxChoice::File(file)) => self.attached("sandbox", file),
            None => {}
        }
        self.value("client-secret-file", client_secret_file.as_ref());
    }

    fn requests(&mut self, requests: &RequestOptions) {
        let RequestOptions {
            rate,
            max_rate,
            timeout,
        } = requests;
        self.value("rate", rate.as_ref().map(|rate| &rate.0));
        self.value("max-rate", max_rate.as_ref().map(|rate| &rate.0));
        self.value("timeout", timeout.as_ref());
    }

    fn sending(&mut self, sending: &SendOptions) {
        let SendOptions {
            checkpoint,
            concurrency,
            retries,
            settle,
            max_errors,
            canary,
            stop_at,
            max_duration,
            all_or_nothing,
            existing,
            retry_failed,
            stripe,
            keys,
            dry_run,
            no_dry_run,
            yes,
        } = sending;
        self.value("checkpoint", checkpoint.as_ref());
        self.number("concurrency", *concurrency);
        self.number("retries", *retries);
        self.value("settle", settle.as_ref());
        self.value("max-errors", max_errors.as_ref().map(|most| &most.0));
        self.number("canary", *canary);
        self.value("stop-at", stop_at.as_ref());
        self.value("max-duration", max_duration.as_ref());
        self.switch("all-or-nothing", *all_or_nothing);
        self.choice("existing", *existing);
        self.switch("retry-failed", *retry_failed);
        self.switch("stripe", *stripe);
        self.switch("keys", *keys);
        self.switch("dry-run", *dry_run);
        self.flag("no-dry-run", *no_dry_run);
        self.switch("yes", *yes);
    }

    pub(super) fn changes(&mut self, changes: &ChangeOptions) {
        let ChangeOptions {
            plans,
            empty,
            max_changes,
        } = changes;
        self.choice("plans", *plans);
        self.choice("empty", *empty);
        self.value("max-changes", max_changes.as_ref().map(|most| &most.0));
    }

    fn display(&mut self, display: DisplayOptions) {
        let DisplayOptions {
            json,
            log_format,
            verbose,
            quiet,
            no_progress,
        } = display;
        self.switch("json", json);
        self.choice("log-format", log_format);
        self.switch("verbose", verbose);
        self.switch("quiet", quiet);
        self.switch("no-progress", no_progress);
    }

    fn value<V: AsRef<OsStr> + ?Sized>(&mut self, name: &str, value: Option<&V>) {
        match value.map(AsRef::as_ref) {
            Some(value) if value.as_encoded_bytes().starts_with(b"-") => {
                self.attached(name, value);
            }
            Some(value) => self.0.extend([format!("--{name}"), shell_word(value)]),
            None => {}
        }
    }

    /// A value after an equals sign, for values that may start with a dash or be
    /// absent.
    fn attached(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.0.push(format!("--{name}={}", shell_word(value)));
    }

    fn list(&mut self, name: &str, values: &[String]) {
        for value in values {
            self.value(name, Some(value));
        }
    }

    fn number(&mut self, name: &str, value: Option<impl ToString>) {
        self.value(name, value.map(|number| number.to_string()).as_ref());
    }

    fn choice(&mut self, name: &str, value: Option<impl ValueEnum>) {
        let value = value.and_then(|value| value.to_possible_value());
        self.value(name, value.as_ref().map(PossibleValue::get_name));
    }

    fn flag(&mut self, name: &str, is_on: bool) {
        if is_on {
            self.0.push(format!("--{name}"));
        }
    }

    /// A switch that a configuration file may set: off differs from absent.
    fn switch(&mut self, name: &str, value: Option<bool>) {
        match value {
            Some(true) => self.flag(name, true),
            Some(false) => self.attached(name, "false"),
            None => {}
        }
    }

    /// Whether the option `long` is among them. Values that begin with a dash are
    /// attached.
    pub(super) fn name(&self, long: &str) -> bool {
        let mut names = self.0.iter().filter_map(|word| word.strip_prefix("--"));
        names.any(|name| name.split('=').next() == Some(long))
    }

    pub(super) fn line(self, program: &OsStr, subcommand: &str, inputs: &[OsString]) -> String {
        let is_like_an_option =
            |input: &OsString| input != "-" && input.as_encoded_bytes().starts_with(b"-");
        let apart = inputs.iter().any(is_like_an_option);
        let inputs = inputs.iter().map(shell_word);
        let mut words = vec![shell_word(program), subcommand.to_owned()];
        if apart {
            words.extend(self.0);
            words.push("--".to_owned());
            words.extend(inputs);
        } else {
            words.extend(inputs);
            words.extend(self.0);
        }
        words.join(" ")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use clap::{Arg, Parser};
    use proptest::prelude::*;

    use super::{ImportOptions, TypedCommand, ValidateOptions};
    use crate::cli::{Cli, Command};
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
            Command::Import(options) => typed(words[0], *options).line(),
            Command::Validate(options) => typed(words[0], *options).line(),
            Command::Sync(options) => SendCommand {
                import: typed(words[0], options.import),
                changes: Some(options.changes),
            }
            .line(),
            Command::Rollback(options) => typed(words[0], *options).line(),
            other @ (Command::Verify(_)
            | Command::Status(_)
            | Command::Init(_)
            | Command::Presets(_)
            | Command::Plans(_)
            | Command::List(_)
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
            other => panic!("{other:?}"),
        }
        Some(line)
    }

    #[test]
    fn a_rollback_is_rendered_as_it_was_typed() {
        let line = "kable-bulk rollback in.csv --out 'my results' --sandbox --rate 5/s \
                    --checkpoint run.db --retries 3 --settle 1s --dry-run --even-if-changed -q";
        let words = shlex::split(line).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(
            round_trip(&words).unwrap(),
            line.replace("                    ", "")
                .replace("-q", "--quiet")
        );
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

    /// The options of a subcommand.
    fn options_of(subcommand: &str) -> Vec<Arg> {
        let command = crate::cli::command();
        let subcommand = command.find_subcommand(subcommand).unwrap();
        let options = subcommand.get_arguments();
        let named = options.filter(|option| option.get_long().is_some());
        named
            .filter(|option| !["help", "version"].contains(&option.get_id().as_str()))
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
