//! What is to be done next, as commands: what was typed, and what to add to it.

use super::typed_again;
use super::words::without_option;
use crate::domain::advice::{How, Step};

/// What to do, and the command for it; empty where there is none. `typed` is
/// what was typed.
pub(super) fn advised(steps: &[Step], typed: &[String]) -> Vec<(String, String)> {
    let command = |how: &How| match how {
        How::ByHand => String::new(),
        How::Again => typed_again(typed),
        How::With(options) => typed_again(&with(typed, options)),
        How::Import => typed_again(&import(typed)),
    };
    let steps = steps.iter();
    steps
        .map(|step| (step.what.clone(), command(&step.how)))
        .collect()
}

/// The words with options added. One that was typed for the same field goes:
/// to name a field twice is an error.
fn with(typed: &[String], options: &[String]) -> Vec<String> {
    let mut words = typed.to_vec();
    for pair in options.chunks(2) {
        if let [option, value] = pair
            && let Some((field, _)) = value.split_once('=')
        {
            let field = format!("{field}=");
            let is_old = |words: &[String]| match words {
                [name, given] => name == option && given.starts_with(&field),
                _ => false,
            };
            if let Some(place) = words.windows(2).position(is_old) {
                words.drain(place..place + 2);
            }
        }
    }
    words.extend_from_slice(options);
    words
}

/// The words of the import of what was checked.
fn import(typed: &[String]) -> Vec<String> {
    let mut words = without_option(typed, "--annotations");
    words.retain(|word| word != "--online");
    if let Some(word) = words.iter_mut().find(|word| *word == "validate") {
        "import".clone_into(word);
    }
    if words.iter().any(|word| word == "-") {
        // Standard input has no name that a checkpoint could have.
        words.extend(["--checkpoint".to_owned(), "FILE".to_owned()]);
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{How, Step, advised};
    use crate::cli::Cli;

    fn command(typed: &str, how: How) -> String {
        let typed: Vec<String> = typed.split(' ').map(str::to_owned).collect();
        let what = "Do it".to_owned();
        let advised = advised(&[Step { what, how }], &typed);
        advised.into_iter().next().unwrap().1
    }

    fn with(typed: &str, options: &[&str]) -> String {
        let options = options.iter().map(|word| (*word).to_owned());
        command(typed, How::With(options.collect()))
    }

    #[test]
    fn every_command_can_be_typed() {
        let typed = "kable-bulk validate in.csv --online --annotations github --out x";
        let commands = [
            (
                command(typed, How::Import),
                "kable-bulk import in.csv --out x",
            ),
            (command(typed, How::Again), typed),
            (
                command(
                    "kable-bulk validate --annotations=github validate",
                    How::Import,
                ),
                "kable-bulk import validate",
            ),
            (
                command("kable-bulk validate - --out x", How::Import),
                "kable-bulk import - --out x --checkpoint FILE",
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
                "kable-bulk validate in.csv --map clientId=Id -v --map 'currency=New one'",
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
        assert_eq!(command(typed, How::ByHand), "");
    }
}
