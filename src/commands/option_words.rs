//! Options as words of a shell, for the command to type next.

use std::ffi::{OsStr, OsString};

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::shell_word::shell_word;
use crate::cli::defaults::SANDBOX_FILE;
use crate::cli::{
    ChangeOptions, ConfigChoice, DisplayOptions, ImportOptions, InputOptions, MonitorOptions,
    PlanOptions, ReadingOptions, RequestOptions, SandboxChoice, SendOptions, TargetOptions,
    UnsentOptions,
};
use crate::domain::object_address::without_secrets;

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
            plan,
            display,
            monitor,
        } = options;
        let mut words = Self::default();
        words.input(input);
        words.target(target);
        words.requests(requests);
        words.sending(sending);
        words.plan(plan);
        words.display(display);
        words.monitor(monitor);
        words
    }

    pub(super) fn input(&mut self, input: &InputOptions) {
        let InputOptions {
            inputs: _,
            file,
            reading,
        } = input;
        self.reading(file, reading);
    }

    pub(super) fn reading(&mut self, file: &ConfigChoice, reading: &ReadingOptions) {
        let ConfigChoice { config, no_config } = file;
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

    pub(super) fn target(&mut self, target: &TargetOptions) {
        let TargetOptions {
            env,
            base_url,
            sandbox,
            client_secret_file,
        } = target;
        self.choice("env", *env);
        self.value("base-url", base_url.as_ref());
        self.sandbox(sandbox.as_ref());
        self.value("client-secret-file", client_secret_file.as_ref());
    }

    pub(super) fn sandbox(&mut self, sandbox: Option<&SandboxChoice>) {
        match sandbox {
            Some(SandboxChoice::Off) => self.attached("sandbox", "false"),
            Some(SandboxChoice::File(file)) if file.as_os_str() == SANDBOX_FILE => {
                self.flag("sandbox", true);
            }
            Some(SandboxChoice::File(file)) => self.attached("sandbox", file),
            None => {}
        }
    }

    pub(super) fn requests(&mut self, requests: &RequestOptions) {
        let RequestOptions {
            rate,
            max_rate,
            timeout,
        } = requests;
        self.value("rate", rate.as_ref().map(|rate| &rate.0));
        self.value("max-rate", max_rate.as_ref().map(|rate| &rate.0));
        self.value("timeout", timeout.as_ref());
    }

    pub(super) fn sending(&mut self, sending: &SendOptions) {
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
            prune,
            plans,
            empty,
            max_changes,
        } = changes;
        self.choice("prune", *prune);
        self.choice("plans", *plans);
        self.choice("empty", *empty);
        self.value("max-changes", max_changes.as_ref().map(|most| &most.0));
    }

    pub(super) fn display(&mut self, display: &DisplayOptions) {
        let DisplayOptions {
            json,
            log_format,
            log_file,
            color,
            verbose,
            quiet,
            no_progress,
        } = display;
        self.switch("json", *json);
        self.choice("log-format", *log_format);
        self.value("log-file", log_file.as_ref());
        self.choice("color", *color);
        self.switch("verbose", *verbose);
        self.switch("quiet", *quiet);
        self.switch("no-progress", *no_progress);
    }

    pub(super) fn unsent(&mut self, unsent: &UnsentOptions) {
        let UnsentOptions {
            sending,
            changes,
            plan,
            monitor,
        } = unsent;
        self.sending(sending);
        self.changes(changes);
        self.plan(plan);
        self.monitor(monitor);
    }

    pub(super) fn plan(&mut self, plan: &PlanOptions) {
        let PlanOptions { save_plan } = plan;
        self.value("save-plan", save_plan.as_ref());
    }

    pub(super) fn monitor(&mut self, monitor: &MonitorOptions) {
        let MonitorOptions {
            metrics_file,
            metrics,
            // It may have a token in it, and these words stand in pages and plans.
            notify_command: _,
        } = monitor;
        self.value("metrics-file", metrics_file.as_ref());
        self.value("metrics", metrics.as_ref());
    }

    pub(super) fn value<V: AsRef<OsStr> + ?Sized>(&mut self, name: &str, value: Option<&V>) {
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

    pub(super) fn choice(&mut self, name: &str, value: Option<impl ValueEnum>) {
        let value = value.and_then(|value| value.to_possible_value());
        self.value(name, value.as_ref().map(PossibleValue::get_name));
    }

    pub(super) fn flag(&mut self, name: &str, is_on: bool) {
        if is_on {
            self.0.push(format!("--{name}"));
        }
    }

    /// A switch that a configuration file may set: off differs from absent.
    pub(super) fn switch(&mut self, name: &str, value: Option<bool>) {
        match value {
            Some(true) => self.flag(name, true),
            Some(false) => self.attached(name, "false"),
            None => {}
        }
    }

    /// Whether the option `long` is among them.
    pub(super) fn name(&self, long: &str) -> bool {
        self.names().any(|name| name == long)
    }

    /// The long names of the options. Values that begin with a dash are attached.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.0.iter().filter_map(|word| word.strip_prefix("--"));
        names.filter_map(|name| name.split('=').next())
    }

    pub(super) fn line(self, program: &OsStr, subcommand: &str, inputs: &[OsString]) -> String {
        let is_like_an_option =
            |input: &OsString| input != "-" && input.as_encoded_bytes().starts_with(b"-");
        let apart = inputs.iter().any(is_like_an_option);
        // Its reader has to put back what an address holds of secrets.
        let inputs = inputs
            .iter()
            .map(|input| shell_word(without_secrets(input)));
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
