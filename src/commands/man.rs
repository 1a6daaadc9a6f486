//! `kable-bulk man`: the program's manual pages, in the format of man(7).

use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::Context;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::exit::Exit;
use super::finish::print;
use super::hint::hinted;
use crate::cli::{self, ManOptions};

/// What a page that we wrote has in it.
const TITLE: &str = ".TH kable-bulk";

/// What the program obeys and writes, beside what its options name.
const ENVIRONMENT: [(&str, &str); 2] = [
    (
        "KABLE_CLIENT_ID, KABLE_CLIENT_SECRET",
        "The credentials. No option takes a secret's value, because other users of a machine can read argument lists.",
    ),
    (
        "KABLE_BULK_NAME",
        "An option, by its long name in capitals with _ for -, such as KABLE_BULK_MAX_RATE=100/s. A typed option beats its variable.",
    ),
];
const FILES: [(&str, &str); 3] = [
    (
        "kable-bulk.toml",
        "Options by their long names. The one in the current folder is read unless --no-config is given; a variable beats it.",
    ),
    (
        "INPUT.checkpoint.db",
        "What was sent, and what became of it. The same command continues from it.",
    ),
    (
        "INPUT.results/",
        "The results: summary.json, report.html, rejects, failures, problems.csv.",
    ),
];

/// Prints the program's page, or writes it and those of the commands into a folder.
pub fn run(typed: &ManOptions) -> anyhow::Result<Exit> {
    match &typed.out {
        Some(folder) => write(folder)?,
        None => print(&program_page()?)?,
    }
    Ok(Exit::Done)
}

/// Writes all pages into `folder`; files that are no pages of ours stay as they are.
fn write(folder: &Path) -> anyhow::Result<()> {
    let pages = pages()?;
    for (name, _) in &pages {
        let place = folder.join(name);
        match std::fs::read(&place) {
            Ok(there) if !String::from_utf8_lossy(&there).contains(TITLE) => {
                return Err(hinted(
                    format!(
                        "{} was not written by kable-bulk, and stays as it is",
                        place.display()
                    ),
                    "name another folder with --out DIR, or move that file away",
                ));
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot read {}", place.display()));
            }
            Ok(_) | Err(_) => {}
        }
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, text) in pages {
        let place = folder.join(name);
        std::fs::write(&place, text)
            .with_context(|| format!("cannot write {}", place.display()))?;
    }
    Ok(())
}

/// The program's grammar, with the names of commands as they are called.
fn built() -> Command {
    let mut command = cli::command()
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND")
        // A page is that of a release, whichever commit it was made from.
        .long_version(None);
    command.build();
    command
}

/// All pages with their file names, the program's first.
fn pages() -> io::Result<Vec<(String, String)>> {
    let program = built();
    let mut pages = vec![(Man::new(program.clone()).get_filename(), program_page()?)];
    for command in program.get_subcommands() {
        let name = Man::new(command.clone()).get_filename();
        pages.push((name, command_page(command)?));
    }
    Ok(pages)
}

fn program_page() -> io::Result<String> {
    let program = built();
    let mut page = Vec::new();
    head(&program, &mut page)?;
    let man = Man::new(program.clone());
    man.render_subcommands_section(&mut page)?;
    let after = program.get_after_help().map(ToString::to_string);
    let codes = exit_codes(after.as_deref().unwrap_or_default());
    terms("EXIT STATUS", &codes).to_writer(&mut page)?;
    terms("ENVIRONMENT", &owned(&ENVIRONMENT)).to_writer(&mut page)?;
    terms("FILES", &owned(&FILES)).to_writer(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn command_page(command: &Command) -> io::Result<String> {
    let mut page = Vec::new();
    head(command, &mut page)?;
    let mut see = Roff::default();
    see.control("SH", ["SEE ALSO"]);
    see.text([bold("kable-bulk"), roman("(1)")]);
    see.to_writer(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// What every page begins with.
fn head(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    // A command has no version of its own.
    let source = format!("kable-bulk {}", env!("CARGO_PKG_VERSION"));
    // All options in one line would hide how the command is called.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(command.clone().override_usage(usage)).source(source);
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)
}

/// A section of terms, each with what it means.
fn terms(heading: &str, terms: &[(String, String)]) -> Roff {
    let mut section = Roff::default();
    section.control("SH", [heading]);
    for (term, meaning) in terms {
        section.control("TP", []);
        section.text([bold(term)]);
        section.text([roman(meaning)]);
    }
    section
}

fn owned(terms: &[(&str, &str)]) -> Vec<(String, String)> {
    let terms = terms.iter();
    terms
        .map(|(term, meaning)| ((*term).to_owned(), (*meaning).to_owned()))
        .collect()
}

/// The exit codes and their meanings in the text below the help, whose lines are
/// broken for a terminal.
fn exit_codes(help: &str) -> Vec<(String, String)> {
    let lines = help.lines().skip_while(|line| *line != "Exit codes:");
    let mut codes: Vec<(String, String)> = Vec::new();
    for line in lines.skip(1).take_while(|line| !line.is_empty()) {
        let (first, rest) = line.trim().split_once(' ').unwrap_or((line, ""));
        let is_code = first.bytes().all(|byte| byte.is_ascii_digit());
        match codes.last_mut() {
            Some((_, meaning)) if !is_code => {
                meaning.push(' ');
                meaning.push_str(line.trim());
            }
            Some(_) | None => codes.push((first.to_owned(), rest.trim().to_owned())),
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::{built, command_page, exit_codes, pages, program_page, write};

    #[test]
    fn the_page_of_the_program() {
        insta::assert_snapshot!(program_page().unwrap());
    }

    #[test]
    fn the_page_of_a_command() {
        let program = built();
        let command = program.find_subcommand("status").unwrap();
        insta::assert_snapshot!(command_page(command).unwrap());
    }

    #[test]
    fn each_command_has_a_page() {
        let names: Vec<String> = pages().unwrap().into_iter().map(|(name, _)| name).collect();
        let mut wanted = vec!["kable-bulk.1".to_owned()];
        let program = built();
        let commands = program.get_subcommands();
        wanted.extend(commands.map(|command| format!("kable-bulk-{}.1", command.get_name())));
        assert_eq!(names, wanted);
    }

    /// groff reads bytes unless it is told otherwise.
    #[test]
    fn the_pages_are_ascii() {
        for (name, text) in pages().unwrap() {
            let foreign: Vec<&str> = text.lines().filter(|line| !line.is_ascii()).collect();
            assert!(foreign.is_empty(), "{name}: {foreign:?}");
        }
    }

    #[test]
    fn lines_of_one_exit_code_are_joined() {
        let help =
            "Exit codes:\n  0    all\n  5    stopped early:\n       a person is needed\n\nMore";
        let codes = exit_codes(help);
        let codes: Vec<_> = codes
            .iter()
            .map(|(code, text)| (code.as_str(), text.as_str()))
            .collect();
        assert_eq!(
            codes,
            [("0", "all"), ("5", "stopped early: a person is needed")]
        );
    }

    #[test]
    fn a_page_of_ours_is_replaced_and_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().join("share/man1");
        write(&pages).unwrap();
        write(&pages).unwrap();
        std::fs::write(pages.join("kable-bulk-sync.1"), "mine").unwrap();
        std::fs::write(pages.join("kable-bulk.1"), ".TH kable-bulk old").unwrap();
        assert!(write(&pages).is_err());
        let text = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap();
        assert_eq!(text("kable-bulk-sync.1"), "mine");
        assert_eq!(text("kable-bulk.1"), ".TH kable-bulk old");
    }
}
