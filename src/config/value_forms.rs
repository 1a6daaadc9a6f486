//! What the value of an option looks like, for the hint of an error about it.

use crate::cli::command;
use crate::cli::defaults::CONCURRENCY_RANGE;

/// What the option `long` takes.
pub(super) fn value_form(long: &str) -> String {
    let form = match long {
        "timeout" | "settle" | "max-duration" | "watch" | "latency" | "read-lag" => {
            "it takes a number of seconds, or a time with its unit: 500ms, 30s, 5m, 2h"
        }
        "stop-at" => "it takes a local time of day in 24 hours: 06:00, 23:30",
        "rate" | "max-rate" => {
            "it takes a number of requests a second (25 or 25/s) or a minute (90/m), or unlimited"
        }
        "max-errors" | "max-changes" => "it takes a number of rows (100), or a share (5%)",
        "canary" => "it takes a number of rows from 1 to 1000",
        "concurrency" => {
            let (least, most) = (CONCURRENCY_RANGE.start(), CONCURRENCY_RANGE.end());
            return format!("it takes a number of requests from {least} to {most}");
        }
        "delimiter" => "it takes one character, such as ';', or the word tab",
        "encoding" => {
            "it takes a name such as utf-8, windows-1252, utf-16, iso-8859-2 or shift_jis; without it the encoding is detected"
        }
        "preset" => "kable-bulk presets lists the presets",
        "map" => "it takes FIELD=COLUMN, with the column's name as it stands in the header",
        "set" => "it takes FIELD=VALUE, or FIELD=@person, @slug or another field as @FIELD",
        "values" => "it takes FIELD=FILE: a CSV file of two columns, values and what they become",
        "skip" | "no-skip" => {
            "it takes the name of a row filter: kable-bulk presets NAME shows those of a preset"
        }
        "allow-currency" => "it takes a code of ISO 4217 in three capital letters: CHF",
        "base-url" => "it takes https://HOST, or http:// with an address of this machine",
        "metrics" => {
            "it takes an address of this machine with a port: 127.0.0.1:9464, or :9464 for all of its addresses; port 0 is a free one"
        }
        "client-secret-file" => "it takes the name of a file that only you can read",
        "checkpoint" => {
            "it takes a file, or postgres://USER@HOST/DB?schema=NAME; status, list and rollback also find it by the input of the import"
        }
        _other => return help_of(long),
    };
    form.to_owned()
}

/// What the help says of it.
fn help_of(long: &str) -> String {
    let grammar = command();
    let mut options = grammar
        .get_subcommands()
        .flat_map(clap::Command::get_arguments);
    let option = options.find(|option| option.get_long() == Some(long));
    match option.and_then(clap::Arg::get_help) {
        Some(help) => format!("it is for this: {help}"),
        None => "kable-bulk help lists the commands".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::value_form;
    use crate::cli::command;

    /// A value that is told to be wrong has a form; an option that can't be used has its help.
    #[test]
    fn no_hint_sends_to_the_help() {
        let grammar = command();
        for subcommand in grammar.get_subcommands() {
            for option in subcommand.get_arguments().filter_map(clap::Arg::get_long) {
                let form = value_form(option);
                assert!(!form.contains("--help"), "{option}: {form}");
            }
        }
        assert_eq!(
            value_form("prune"),
            "it is for this: What to do about customers that the file no longer has [default: report]"
        );
    }
}
