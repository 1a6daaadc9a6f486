//! What the parser of the command line leaves unsaid: the nearest of the names that it knows,
//! where letters are swapped or a subcommand is named to `help`.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli;
use crate::domain::nearest::nearest;
use crate::domain::text::listed;

/// How many commands that have an option are named.
const OWNERS_SHOWN: usize = 4;

/// The same error, with what was perhaps meant.
pub fn with_nearest(mut error: clap::Error) -> clap::Error {
    let value = (ContextKind::InvalidValue, ContextKind::SuggestedValue);
    let subcommand = (
        ContextKind::InvalidSubcommand,
        ContextKind::SuggestedSubcommand,
    );
    let (typed, suggested) = if error.kind() == ErrorKind::InvalidValue {
        value
    } else if error.kind() == ErrorKind::InvalidSubcommand {
        subcommand
    } else {
        return with_owner(error);
    };
    if error.get(suggested).is_some() {
        return error;
    }
    let known = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => values.clone(),
        Some(_) | None => subcommands(),
    };
    let near = match error.get(typed) {
        Some(ContextValue::String(typed)) => nearest(typed, known.iter().map(String::as_str)),
        Some(_) | None => None,
    };
    if let Some(near) = near.map(str::to_owned) {
        let value = if suggested == ContextKind::SuggestedValue {
            ContextValue::String(near)
        } else {
            ContextValue::Strings(vec![near])
        };
        error.insert(suggested, value);
    }
    error
}

/// An option that other commands have is not misspelt: says which of them have it.
fn with_owner(mut error: clap::Error) -> clap::Error {
    let typed = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(typed)) if error.kind() == ErrorKind::UnknownArgument => typed,
        Some(_) | None => return error,
    };
    let long = typed.trim_start_matches('-').to_owned();
    let command = cli::command();
    let owners = command.get_subcommands().filter(|command| {
        let mut options = command
            .get_arguments()
            .filter(|option| !option.is_hide_set());
        options.any(|option| option.get_long() == Some(long.as_str()))
    });
    let owners: Vec<&str> = owners.map(clap::Command::get_name).collect();
    if !owners.is_empty() {
        let tip = format!("--{long} is an option of {}", listed(&owners, OWNERS_SHOWN));
        error.remove(ContextKind::SuggestedArg);
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

fn subcommands() -> Vec<String> {
    let command = cli::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::with_nearest;

    /// What is said of the words of a command line.
    fn said(line: &str) -> String {
        let words = std::iter::once("kable-bulk").chain(line.split(' '));
        let error = crate::cli::command().try_get_matches_from(words);
        with_nearest(error.unwrap_err()).to_string()
    }

    #[test]
    fn a_misspelt_word_gets_its_nearest_neighbour() {
        for (line, near) in [
            ("imprt in.csv", "'import'"),
            ("help imprt", "'import'"),
            ("help stauts", "'status'"),
            ("import in.csv --formt csv", "'--format'"),
            ("import in.csv --no-dryrun", "'--no-dry-run'"),
            ("import in.csv --format cvs", "'csv'"),
            ("import in.csv --existing udpate", "'update'"),
            ("import in.csv --env tets", "'test'"),
            ("import in.csv --short-rows acept", "'accept'"),
            ("import in.csv --plan-ids externl", "'external'"),
            ("import in.csv --color nver", "'never'"),
            ("import in.csv --log-format jsn", "'json'"),
            ("import in.csv --keys=flase", "'false'"),
            ("sync in.csv --prune cancl", "'cancel'"),
            ("sync in.csv --plans exatc", "'exact'"),
            ("sync in.csv --empty claer", "'clear'"),
            ("validate in.csv --annotations gihtub", "'github'"),
            ("list in.csv --as cvs", "'csv'"),
            ("plans bundels", "'bundles'"),
            ("completions bsah", "'bash'"),
            ("completions poweshell", "'powershell'"),
            ("status in.csv --jsn", "'--json'"),
            ("sandbox --falt reset", "'--fault'"),
        ] {
            let said = said(line);
            assert!(
                said.contains("tip: ") && said.contains(near),
                "{line}: {said}"
            );
        }
    }

    #[test]
    fn an_option_of_another_command_is_said_to_be_its() {
        for (line, tip) in [
            (
                "import in.csv --prune cancel",
                "tip: --prune is an option of sync",
            ),
            ("list in.csv --watch", "tip: --watch is an option of status"),
            (
                "plans --even-if-changed",
                "tip: --even-if-changed is an option of rollback",
            ),
            ("presets --rate 5", "tip: --rate is an option of import, "),
        ] {
            let said = said(line);
            assert!(said.contains(tip), "{line}: {said}");
            assert!(!said.contains("similar"), "{line}: {said}");
        }
    }

    #[test]
    fn what_is_like_nothing_gets_none() {
        for line in ["xyzzy", "help xyzzy", "import in.csv --format parquet"] {
            let said = said(line);
            assert!(!said.contains("tip: "), "{line}: {said}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_said_in_words() {
        for (line, words) in [
            ("import in.csv --retries many", "wanted a whole number"),
            ("import in.csv --limit 1.5", "wanted a whole number"),
            ("import in.csv --concurrency=-3", "wanted a whole number"),
            (
                "import in.csv --canary 99999999999999999999",
                "it is too large",
            ),
            ("sandbox --port 99999", "it is too large"),
        ] {
            let said = said(line);
            assert!(said.contains(words), "{line}: {said}");
        }
    }
}
