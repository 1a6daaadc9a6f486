//! What to do next, as commands: the typed command with further options.

use anyhow::bail;
use clap::Parser;

use crate::cli::{Cli, Command, ValidateOptions};
use crate::commands::command_line::TypedCommand;
use crate::commands::option_list::add_to_list;
use crate::commands::send_command::SendCommand;
use crate::config::InheritedOptions;
use crate::config::values::is_nameless;
use crate::domain::advice::{NextStep, StepCommand};

/// The checkpoint of an import whose input has no name.
const CHECKPOINT: &str = "kable-bulk.checkpoint.db";

/// What to do, with the command for it; empty if there is none.
pub(super) fn advised(
    steps: &[NextStep],
    typed: &TypedCommand<ValidateOptions>,
    inherited: &InheritedOptions,
) -> anyhow::Result<Vec<(String, String)>> {
    let command = |how: &StepCommand| -> anyhow::Result<String> {
        Ok(match how {
            StepCommand::ByHand => String::new(),
            StepCommand::Again => typed.line(),
            StepCommand::With(options) => with(typed, inherited, options)?.line(),
            StepCommand::Import => import(typed, inherited).line(),
        })
    };
    let steps = steps.iter();
    steps
        .map(|step| Ok((step.what.clone(), command(&step.how)?)))
        .collect()
}

/// The command with the `advised` options, which are written as on the command
/// line.
fn with(
    typed: &TypedCommand<ValidateOptions>,
    inherited: &InheritedOptions,
    advised: &[String],
) -> anyhow::Result<TypedCommand<ValidateOptions>> {
    let words = ["kable-bulk", "validate", "-"].into_iter();
    let words = words.chain(advised.iter().map(String::as_str));
    let Command::Validate(advised) = Cli::try_parse_from(words)?.command else {
        bail!("advice is no options of validate; this is a bug in kable-bulk");
    };
    let reading = &advised.input.reading;
    Ok(typed.with(|options| {
        let to = &mut options.input.reading;
        for (list, inherited, values) in [
            (&mut to.map, &inherited.map, &reading.map),
            (&mut to.set, &inherited.set, &reading.set),
            (&mut to.values, &inherited.values, &reading.values),
            (&mut to.skip, &inherited.skip, &reading.skip),
            (&mut to.no_skip, &inherited.no_skip, &reading.no_skip),
            (
                &mut to.allow_currency,
                &inherited.allow_currency,
                &reading.allow_currency,
            ),
        ] {
            for value in values {
                add_to_list(list, inherited, value);
            }
        }
        to.preset = reading.preset.clone().or(to.preset.take());
        to.plan_ids = reading.plan_ids.or(to.plan_ids);
        options.checks.online = advised.checks.online.or(options.checks.online);
    }))
}

/// The import, or the sync, of what was checked.
fn import(typed: &TypedCommand<ValidateOptions>, inherited: &InheritedOptions) -> SendCommand {
    typed.sending().with(|options| {
        // A stream has no name from which the checkpoint's could follow.
        let first = options.input.inputs.first();
        let is_nameless = first.is_some_and(|input| is_nameless(input));
        let checkpoint = is_nameless.then(|| CHECKPOINT.into());
        options.sending.checkpoint = options.sending.checkpoint.take().or(checkpoint);
        options.sending.dry_run = None;
        options.sending.no_dry_run = inherited.dry_run;
        // It would write a plan, and send nothing.
        options.plan.save_plan = None;
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{InheritedOptions, NextStep, StepCommand, advised};
    use crate::cli::Cli;
    use crate::commands::command_line::tests::validate;

    fn command(typed: &str, how: StepCommand) -> String {
        command_beside(typed, how, &InheritedOptions::default())
    }

    fn command_beside(typed: &str, how: StepCommand, inherited: &InheritedOptions) -> String {
        let words: Vec<&str> = typed.split(' ').collect();
        let what = "Do it".to_owned();
        let advised = advised(&[NextStep { what, how }], &validate(&words), inherited);
        advised.unwrap().into_iter().next().unwrap().1
    }

    fn with(typed: &str, options: &[&str]) -> String {
        let options = options.iter().map(|word| (*word).to_owned());
        command(typed, StepCommand::With(options.collect()))
    }

    /// Asserts that each command is the expected one, and can be typed.
    fn all_parse(commands: &[(String, &str)]) {
        for (command, expected) in commands {
            assert_eq!(command, expected);
            let parsed = Cli::try_parse_from(shlex::split(command).unwrap());
            assert!(parsed.is_ok(), "{command}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn every_advised_command_parses() {
        let typed = "kable-bulk validate in.csv --out x --online --annotations github";
        let commands = [
            (
                command(typed, StepCommand::Import),
                "kable-bulk import in.csv --out x",
            ),
            (command(typed, StepCommand::Again), typed),
            (
                command(
                    "kable-bulk validate --annotations=github validate",
                    StepCommand::Import,
                ),
                "kable-bulk import validate",
            ),
            (
                command("kable-bulk validate - --out x", StepCommand::Import),
                "kable-bulk import - --out x --checkpoint kable-bulk.checkpoint.db",
            ),
            (
                with("kable-bulk validate in.csv", &["--set", "currency=USD"]),
                "kable-bulk validate in.csv --set currency=USD",
            ),
            (
                with(
                    "kable-bulk validate in.csv --map clientId=Id --map currency=Old -v",
                    &["--map", "currency=New one"],
                ),
                "kable-bulk validate in.csv --map clientId=Id --map 'currency=New one' --verbose",
            ),
            (
                with("kable-bulk validate in.csv", &["--online"]),
                "kable-bulk validate in.csv --online",
            ),
            (
                with(
                    "kable-bulk validate in.csv --allow-currency XAU",
                    &["--allow-currency", "XAU", "--allow-currency", "XAG"],
                ),
                "kable-bulk validate in.csv --allow-currency XAU --allow-currency XAG",
            ),
            (
                with("kable-bulk validate in.csv", &["--plan-ids", "external"]),
                "kable-bulk validate in.csv --plan-ids external",
            ),
        ];
        all_parse(&commands);
        assert_eq!(command(typed, StepCommand::ByHand), "");
    }

    #[test]
    fn what_was_typed_about_sending_is_kept_for_the_import_or_the_sync() {
        let next = |typed| command(typed, StepCommand::Import);
        all_parse(&[
            (
                next("kable-bulk validate in.csv --rate 5 --keys --dry-run --checkpoint a.db"),
                "kable-bulk import in.csv --rate 5 --checkpoint a.db --keys",
            ),
            (
                next("kable-bulk validate in.csv --prune cancel --yes"),
                "kable-bulk sync in.csv --yes --prune cancel",
            ),
        ]);
    }

    #[test]
    fn advised_mappings_add_to_those_that_were_typed() {
        all_parse(&[
            (
                with(
                    "kable-bulk validate in.csv --mapping m.toml --sheet 2 --values currency=c.csv",
                    &["--values", "planIds=plans.csv"],
                ),
                "kable-bulk validate in.csv --mapping m.toml --sheet 2 --values currency=c.csv \
                 --values planIds=plans.csv",
            ),
            (
                with(
                    "kable-bulk validate in.csv --preset auto --no-skip deleted",
                    &["--preset", "stripe", "--skip", "lead"],
                ),
                "kable-bulk validate in.csv --preset stripe --skip lead --no-skip deleted",
            ),
        ]);
    }

    #[test]
    fn a_typed_list_keeps_what_the_file_has_in_its_list() {
        let inherited = InheritedOptions {
            set: vec!["currency=Euro".to_owned(), "companyName=A".to_owned()],
            values: vec!["currency=c.csv".to_owned()],
            skip: vec!["lead".to_owned()],
            dry_run: true,
            ..InheritedOptions::default()
        };
        let set = StepCommand::With(vec!["--set".to_owned(), "currency=EUR".to_owned()]);
        assert_eq!(
            command_beside("kable-bulk validate in.csv", set, &inherited),
            "kable-bulk validate in.csv --set companyName=A --set currency=EUR"
        );
        let translated = ["--values", "planIds=plans.csv", "--skip", "stub"];
        let translated = translated.map(str::to_owned).to_vec();
        assert_eq!(
            command_beside(
                "kable-bulk validate in.csv",
                StepCommand::With(translated),
                &inherited
            ),
            "kable-bulk validate in.csv --values currency=c.csv --values planIds=plans.csv \
             --skip lead --skip stub"
        );
        assert_eq!(
            command_beside(
                "kable-bulk validate in.csv",
                StepCommand::Import,
                &inherited
            ),
            "kable-bulk import in.csv --no-dry-run"
        );
    }
}
