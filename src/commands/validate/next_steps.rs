//! What is to be done next, as commands: what was typed, and what to add to it.

use crate::commands::argv::Typed;
use crate::config::Said;
use crate::domain::advice::{NextStep, StepCommand};
use crate::domain::header::normalised;

/// The checkpoint of an import whose input has no name.
const CHECKPOINT: &str = "kable-bulk.checkpoint.db";

/// What to do, and the command for it; empty where there is none. A file says
/// what it has `said` beside what was `typed`.
pub(super) fn advised(steps: &[NextStep], typed: &Typed, said: &Said) -> Vec<(String, String)> {
    let command = |how: &StepCommand| match how {
        StepCommand::ByHand => String::new(),
        StepCommand::Again => typed.line(),
        StepCommand::With(options) => with(typed, said, options).line(),
        StepCommand::Import => import(typed, said).line(),
    };
    let steps = steps.iter();
    steps
        .map(|step| (step.what.clone(), command(&step.how)))
        .collect()
}

/// The command with options added: switches, or options and their values.
fn with(typed: &Typed, said: &Said, options: &[String]) -> Typed {
    let mut with = typed.clone();
    let mut options = options.iter().peekable();
    while let Some(option) = options.next() {
        let name = option.trim_start_matches('-');
        let value = options.next_if(|next| !next.starts_with('-'));
        with = match value {
            None => with.without(name).switch(name),
            Some(value) => corrected(&with, said, name, value),
        };
    }
    with
}

/// The command with another value of the list `name`. One that was typed for
/// the same field goes: to name a field twice is an error. What a file has in
/// its list goes along, for a typed list replaces it.
pub(in crate::commands) fn corrected(typed: &Typed, said: &Said, name: &str, value: &str) -> Typed {
    let list = match name {
        "map" => said.map.as_slice(),
        "set" => said.set.as_slice(),
        "allow-currency" => said.allow_currency.as_slice(),
        _ => &[],
    };
    let of = |pair: &str| pair.split_once('=').map(|(field, _)| normalised(field));
    let mut with = typed.clone();
    if !typed.has(name) {
        for other in list {
            let is_same = other == value || of(value).is_some() && of(other) == of(value);
            if !is_same {
                with = with.with(name, other);
            }
        }
    }
    with.without_values(name, |other| of(other).is_some() && of(other) == of(value))
        .with(name, value)
}

/// The import of what was checked.
fn import(typed: &Typed, said: &Said) -> Typed {
    let mut import = typed
        .clone()
        .command("import")
        .without("annotations")
        .without("online");
    if import.reads_stdin() && !import.has("checkpoint") {
        // Standard input has no name that a checkpoint could have.
        import = import.with("checkpoint", CHECKPOINT);
    }
    if said.dry_run {
        import = import.switch("no-dry-run");
    }
    import
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{NextStep, Said, StepCommand, advised};
    use crate::cli::Cli;
    use crate::commands::argv::tests::typed as words_typed;

    fn command(typed: &str, how: StepCommand) -> String {
        said_too(typed, how, &Said::default())
    }

    fn said_too(typed: &str, how: StepCommand, said: &Said) -> String {
        let words: Vec<&str> = typed.split(' ').collect();
        let what = "Do it".to_owned();
        let advised = advised(&[NextStep { what, how }], &words_typed(&words), said);
        advised.into_iter().next().unwrap().1
    }

    fn with(typed: &str, options: &[&str]) -> String {
        let options = options.iter().map(|word| (*word).to_owned());
        command(typed, StepCommand::With(options.collect()))
    }

    #[test]
    fn every_command_can_be_typed() {
        let typed = "kable-bulk validate in.csv --online --annotations github --out x";
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
                "kable-bulk validate in.csv --map clientId=Id --verbose --map 'currency=New one'",
            ),
            (
                with("kable-bulk validate in.csv", &["--online"]),
                "kable-bulk validate in.csv --online",
            ),
        ];
        for (command, wanted) in commands {
            assert_eq!(command, wanted);
            let words = command.replace("'currency=New one'", "currency=New");
            let parsed = Cli::try_parse_from(words.split(' '));
            assert!(parsed.is_ok(), "{command}: {}", parsed.unwrap_err());
        }
        assert_eq!(command(typed, StepCommand::ByHand), "");
    }

    #[test]
    fn a_list_that_stands_in_a_file_is_not_lost_by_one_that_is_typed() {
        let said = Said {
            set: vec!["currency=Euro".to_owned(), "companyName=A".to_owned()],
            dry_run: true,
            ..Said::default()
        };
        let set = StepCommand::With(vec!["--set".to_owned(), "currency=EUR".to_owned()]);
        assert_eq!(
            said_too("kable-bulk validate in.csv", set, &said),
            "kable-bulk validate in.csv --set companyName=A --set currency=EUR"
        );
        assert_eq!(
            said_too("kable-bulk validate in.csv", StepCommand::Import, &said),
            "kable-bulk import in.csv --no-dry-run"
        );
    }
}
