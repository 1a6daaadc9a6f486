//! The README tells the truth: its commands can be typed, it leaves no option
//! and no exit code out, and the sandbox knows the faults that it names.

use clap::{CommandFactory, Parser};
use kable_bulk::cli::Cli;
use kable_bulk::domain::problem::Code;
use kable_bulk::sandbox::faults::Fault;

const README: &str = include_str!("../../README.md");

/// Lines of the README's console blocks that call the program.
fn commands() -> Vec<&'static str> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in README.lines().map(str::trim) {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside && (line.starts_with("kable-bulk ") || line.starts_with("cargo run ")) {
            commands.push(line);
        }
    }
    commands
}

#[test]
fn every_command_can_be_typed() {
    assert!(commands().len() > 8, "{:?}", commands());
    for command in commands() {
        let words = command.replace("cargo run --release --", "kable-bulk");
        let parsed = Cli::try_parse_from(words.split_whitespace());
        assert!(parsed.is_ok(), "{command}: {}", parsed.unwrap_err());
    }
}

#[test]
fn the_two_commands_are_on_the_first_screen() {
    let first_screen: Vec<&str> = README.lines().take(20).collect();
    let first_screen = first_screen.join("\n");
    assert!(first_screen.contains("cargo run --release -- import samples/customers.csv --sandbox"));
    assert!(first_screen.contains("cargo test"));
}

#[test]
fn no_option_is_left_out() {
    for command in Cli::command().get_subcommands() {
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            let named = README.contains(&format!("--{option}"));
            assert!(
                named,
                "{} --{option} is not in the README",
                command.get_name()
            );
        }
    }
}

#[test]
fn no_problem_code_is_left_out() {
    for code in [
        Code::MissingField,
        Code::UnknownCurrency,
        Code::UnsupportedCurrency,
        Code::DuplicateClientId,
        Code::WrongType,
        Code::MalformedRow,
        Code::InvalidValue,
        Code::UnknownPlan,
        Code::UnknownBundle,
        Code::KeysLost,
        Code::SuspectValue,
        Code::Corrected,
    ] {
        assert!(
            README.contains(&format!("`{}`", code.name())),
            "{}",
            code.name()
        );
    }
}

#[test]
fn the_faults_that_it_names_are_known() {
    let mut found = 0;
    let words = README
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("--fault"));
    assert!(words.count() > 0);
    for line in README.lines().filter(|line| {
        let first = line.split('|').nth(1).unwrap_or_default();
        ["anything is done ", "it was done ", "whatever it is "]
            .iter()
            .any(|end| first.ends_with(end))
    }) {
        for fault in line.split('`').skip(1).step_by(2) {
            let example = fault
                .replace("[:SECONDS]", "")
                .replace("[:TIME]", "")
                .replace(":NNN", ":503")
                .replace("/TIME", "/20ms")
                .replace(":TEXT", ":text")
                .replace(":URL", ":http://127.0.0.1:1/")
                .replace(":TIME", ":20ms")
                .replace(":COUNT", ":3")
                .replace(":SECONDS", ":-60");
            assert!(example.parse::<Fault>().is_ok(), "{example}");
            found += 1;
        }
    }
    assert_eq!(found, 32, "31 words, one of them with two arguments");
}
