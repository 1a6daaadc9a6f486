//! Tests the README and `docs/`: their commands run, their tables name every option, exit
//! code, outcome, problem code and key and no other, and their links resolve.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Arg, CommandFactory, Parser};
use kable_bulk::cli::Cli;
use kable_bulk::domain::outcome::Outcome;
use kable_bulk::domain::problem::Code;
use kable_bulk::sandbox::faults::Fault;
use serde_json::Value;

use crate::common::{Run, rows, sample};

const README: &str = include_str!("../../README.md");
const INTERFACE: &str = include_str!("../../docs/interface.md");
const MIGRATION: &str = include_str!("../../docs/migration.md");
const TROUBLESHOOTING: &str = include_str!("../../docs/troubleshooting.md");
const SUMMARY: &str = include_str!("../../docs/SUMMARY.md");
const SANDBOX: &str = include_str!("../../docs/sandbox.md");

/// Every page, by its path from the repository's root.
const PAGES: [(&str, &str); 32] = [
    ("docs/postgres.md", include_str!("../../docs/postgres.md")),
    (
        "docs/several-machines.md",
        include_str!("../../docs/several-machines.md"),
    ),
    ("docs/scale.md", include_str!("../../docs/scale.md")),
    ("README.md", README),
    ("docs/interface.md", INTERFACE),
    ("docs/migration.md", MIGRATION),
    ("docs/troubleshooting.md", TROUBLESHOOTING),
    ("docs/SUMMARY.md", SUMMARY),
    (
        "docs/architecture.md",
        include_str!("../../docs/architecture.md"),
    ),
    ("docs/counting.md", include_str!("../../docs/counting.md")),
    ("docs/library.md", include_str!("../../docs/library.md")),
    ("docs/install.md", include_str!("../../docs/install.md")),
    ("docs/input.md", include_str!("../../docs/input.md")),
    (
        "docs/object-stores.md",
        include_str!("../../docs/object-stores.md"),
    ),
    ("docs/mapping.md", include_str!("../../docs/mapping.md")),
    ("docs/presets.md", include_str!("../../docs/presets.md")),
    (
        "samples/exports/README.md",
        include_str!("../../samples/exports/README.md"),
    ),
    (
        "samples/kubernetes/README.md",
        include_str!("../../samples/kubernetes/README.md"),
    ),
    ("docs/lists.md", include_str!("../../docs/lists.md")),
    ("docs/sync.md", include_str!("../../docs/sync.md")),
    ("docs/json-log.md", include_str!("../../docs/json-log.md")),
    ("docs/plans.md", include_str!("../../docs/plans.md")),
    ("docs/rollback.md", include_str!("../../docs/rollback.md")),
    ("docs/checks.md", include_str!("../../docs/checks.md")),
    ("docs/sandbox.md", SANDBOX),
    (
        "docs/configuration.md",
        include_str!("../../docs/configuration.md"),
    ),
    (
        "docs/guarantees.md",
        include_str!("../../docs/guarantees.md"),
    ),
    (
        "docs/performance.md",
        include_str!("../../docs/performance.md"),
    ),
    ("docs/api.md", include_str!("../../docs/api.md")),
    ("CONTRIBUTING.md", include_str!("../../CONTRIBUTING.md")),
    ("CHANGELOG.md", include_str!("../../CHANGELOG.md")),
    ("SECURITY.md", include_str!("../../SECURITY.md")),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of a page's fenced blocks in this language.
fn fenced<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in page.lines().map(str::trim) {
        match line.strip_prefix("```") {
            Some(opened) => inside = opened == language,
            None if inside => lines.push(line),
            None => {}
        }
    }
    lines
}

/// The commands of a page that call the program, as `kable-bulk …`.
fn commands(page: &str) -> Vec<String> {
    fenced(page, "console")
        .into_iter()
        .map(|line| line.replace("cargo run --release --", "kable-bulk"))
        .filter(|line| line.starts_with("kable-bulk "))
        .collect()
}

/// The part of a page below this heading, up to the next one of its level.
fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let (_, below) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let level = heading.split(' ').next().unwrap();
    below.split(&format!("\n{level} ")).next().unwrap()
}

/// The cells of every row of the tables in `text`, without their heads.
fn table_rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |line: &str| line.starts_with("| ---");
    (0..lines.len())
        .filter(|at| lines[*at].starts_with('|') && !is_rule(lines[*at]))
        .filter(|at| lines.get(at + 1).is_none_or(|next| !is_rule(next)))
        .map(|at| {
            lines[at]
                .split(" | ")
                .map(|cell| cell.trim_matches(['|', ' ']))
                .collect()
        })
        .collect()
}

/// The text between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The options named in the first cells of a page's tables.
fn documented_options(page: &str) -> BTreeSet<String> {
    let rows = table_rows(page);
    let words = rows.iter().flat_map(|cells| quoted(cells[0]));
    let options = words.filter_map(|word| word.strip_prefix("--"));
    let name = |word: &str| word.split(['=', ' ', '[']).next().unwrap().to_owned();
    options.map(name).collect()
}

#[test]
fn every_command_is_accepted() {
    let all: Vec<String> = PAGES.iter().flat_map(|(_, page)| commands(page)).collect();
    assert!(all.len() > 8, "{all:?}");
    for command in all {
        let words = shlex::split(&command).unwrap();
        let parsed = Cli::try_parse_from(words);
        assert!(parsed.is_ok(), "{command}: {}", parsed.unwrap_err());
    }
}

/// The README's commands, one after the other in one folder, each with its exit code. A
/// live run goes to a sandbox, at a rate that doesn't delay the test.
#[test]
fn the_commands_of_the_readme_run() {
    let run = Run::new().server(&[]).default_settle();
    for name in ["customers.csv", "with-mistakes.csv", "exports/recurly.csv"] {
        run.write(
            &format!("samples/{name}"),
            std::fs::read(sample(name)).unwrap(),
        );
    }
    run.write(
        "customers.csv",
        std::fs::read(sample("customers.csv")).unwrap(),
    );
    for command in commands(README) {
        let line = command
            .replace("--env live", "--base-url URL")
            .replace("--rate 25", "--rate 200");
        let line = line.strip_prefix("kable-bulk ").unwrap();
        let has_mistakes = line.contains("with-mistakes") || line.contains("exports/");
        let code = if has_mistakes { 3 } else { 0 };
        run.go(line).code(code);
    }
    let summary = run.summary("samples/with-mistakes.csv");
    let (read, rejected, skipped) = (
        summary.rows("read"),
        summary.rows("rejected"),
        summary.rows("skipped"),
    );
    let good = read - rejected - skipped;
    let figures =
        format!("the {good} good rows of {read}, rejects {rejected}, skips {skipped} blank");
    assert!(README.contains(&figures), "{figures}");
    let samples = run.summary("samples/customers.csv").rows("read");
    assert!(README.contains(&format!("imports {samples} sample customers")));

    let rejects = run.text("samples/with-mistakes.csv.results/rejects.csv");
    for line in fenced(README, "text") {
        let shown = line.trim_end_matches('…');
        assert!(rejects.lines().any(|row| row.starts_with(shown)), "{shown}");
    }
}

/// Runs the commands of a page one after the other, each with exit code 0. What goes to the
/// live environment goes to the test's sandbox.
fn follow(run: &Run, page: &str) {
    for command in commands(page) {
        let url = run.url();
        let line = command.replace("--env live", &format!("--base-url {url}"));
        let words = shlex::split(&line).unwrap();
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        run.go_words(&words).code(0);
    }
}

#[test]
fn the_steps_of_a_migration_run() {
    let run = Run::new()
        .server(&[])
        .env("KABLE_BULK_RATE", "unlimited")
        .input("customers.csv", rows(20));
    follow(&run, MIGRATION);
    assert_eq!(run.held().len(), 20);
    assert!(run.exists("last-run.json") && run.exists("proof/summary.json"));
}

#[test]
fn the_steps_for_a_damaged_checkpoint_run() {
    let run = Run::new()
        .server(&[])
        .env("KABLE_BULK_RATE", "unlimited")
        .input("customers.csv", rows(20));
    run.import("customers.csv").code(0);
    let checkpoint = "customers.csv.checkpoint.db";
    let mut bytes = run.bytes(checkpoint);
    let half = bytes.len() / 2;
    bytes[half..].fill(0);
    run.write(checkpoint, bytes);
    run.import("customers.csv").refuses(1, &["is damaged"]);
    assert!(run.exists(&format!("{checkpoint}.saved")));
    follow(&run, TROUBLESHOOTING);
    assert_eq!(run.creates_in_vain(), 0);
    assert_eq!(run.held().len(), 20);
}

/// The book has a page only if the summary names it.
#[test]
fn the_summary_of_the_book_has_every_page() {
    let links = SUMMARY.split("](").skip(1);
    let listed: BTreeSet<&str> = links.map(|link| link.split(')').next().unwrap()).collect();
    let files = std::fs::read_dir(root().join("docs")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let pages: Vec<String> = names
        .filter(|name| Path::new(name).extension() == Some("md".as_ref()))
        .collect();
    for page in &pages {
        let is_tested = PAGES
            .iter()
            .any(|(path, _)| *path == format!("docs/{page}"));
        assert!(is_tested, "{page}");
        assert!(
            page == "SUMMARY.md" || listed.contains(page.as_str()),
            "{page}"
        );
    }
    assert_eq!(listed.len() + 1, pages.len());
}

#[test]
fn the_sandboxes_of_the_manual_start() {
    let run = Run::new();
    let all = commands(SANDBOX);
    assert!(!all.is_empty());
    for command in all {
        let line = command.replace("--port 8787", "");
        let line = line.strip_prefix("kable-bulk ").unwrap();
        let mut sandbox = run.start(&format!("{line} --port 0"));
        sandbox.line_with("KABLE_CLIENT_ID");
        sandbox.kill();
    }
}

#[test]
fn tests_that_are_named_exist() {
    let mut found = 0;
    for (page, text) in PAGES {
        for filter in text.split("--test it ").skip(1) {
            let filter = filter.split([' ', '`', '\n']).next().unwrap();
            let (module, name) = filter.split_once("::").unwrap();
            let path = root().join(format!("tests/it/{module}.rs"));
            let module = std::fs::read_to_string(&path).unwrap();
            assert!(module.contains(&format!("fn {name}")), "{page}: {filter}");
            found += 1;
        }
    }
    assert!(found > 0);
}

#[test]
fn the_two_commands_are_on_the_first_screen() {
    let first_screen: Vec<&str> = README.lines().take(20).collect();
    let first_screen = first_screen.join("\n");
    assert!(first_screen.contains("cargo run --release -- import samples/customers.csv --sandbox"));
    assert!(first_screen.contains("cargo test"));
}

#[test]
fn the_manual_has_every_option_and_no_other() {
    let mut typed = BTreeSet::from(["help".to_owned(), "version".to_owned()]);
    for command in Cli::command().get_subcommands() {
        let options: BTreeSet<String> = command
            .get_arguments()
            .filter_map(Arg::get_long)
            .map(str::to_owned)
            .collect();
        let page = match command.get_name() {
            "sandbox" => SANDBOX,
            _ => INTERFACE,
        };
        let documented = match command.get_name() {
            "status" => options
                .iter()
                .filter(|name| page.contains(&format!("--{name}")))
                .cloned()
                .collect(),
            _ => documented_options(page),
        };
        let missing: Vec<_> = options.difference(&documented).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", command.get_name());
        typed.extend(options);
    }
    for page in [INTERFACE, SANDBOX] {
        let documented = documented_options(page);
        let unknown: Vec<_> = documented.difference(&typed).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

/// Each with the same words.
#[test]
fn the_manual_has_every_exit_code_of_the_help_and_no_other() {
    let help = Cli::command().render_long_help().to_string();
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let (codes, _) = codes.split_once("\n\n").unwrap();
    let mut told: Vec<(String, String)> = Vec::new();
    for line in codes.lines() {
        let mut words = line.split_whitespace().map(str::to_owned);
        let is_code = line
            .trim_start()
            .starts_with(|letter: char| letter.is_ascii_digit());
        if is_code {
            told.push((words.next().unwrap(), String::new()));
        }
        let (_, meaning) = told.last_mut().unwrap();
        words.for_each(|word| meaning.extend([" ", &word]));
    }
    let rows = table_rows(section(INTERFACE, "## Exit codes"));
    let documented: Vec<(String, String)> = rows
        .iter()
        .map(|cells| {
            (
                cells[0].to_owned(),
                format!(" {}", cells[1].replace('`', "")),
            )
        })
        .collect();
    assert_eq!(documented, told);
}

#[test]
fn the_manual_has_every_outcome() {
    let outcomes = section(INTERFACE, "## Outcomes");
    for outcome in Outcome::ALL {
        assert!(
            outcomes.contains(&format!("`{}`", outcome.name())),
            "{}",
            outcome.name()
        );
    }
}

#[test]
fn the_manual_has_every_problem_code() {
    let codes = section(INTERFACE, "## Problem codes");
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
        Code::SimilarClientId,
        Code::SameCustomer,
        Code::KeysLost,
        Code::SuspectValue,
        Code::Corrected,
    ] {
        assert!(
            codes.contains(&format!("`{}`", code.name())),
            "{}",
            code.name()
        );
    }
}

/// The names of all members, with those of objects and of arrays' items below them.
fn keys(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let at = format!("{at}.{name}");
                keys(value, &at, found);
                found.insert(at);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, at, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_manual_has_every_key_that_is_printed() {
    let run = Run::new().sample("with-mistakes.csv");
    // With a default, so that those are counted.
    let import = "with-mistakes.csv --json --set billingContact.city=Bern";
    let printed = run.import(import).code(3).json();
    let documented = fenced(INTERFACE, "json").concat();
    let documented: Value = serde_json::from_str(&documented).unwrap();
    let (mut in_program, mut in_manual) = (BTreeSet::new(), BTreeSet::new());
    keys(&printed, "", &mut in_program);
    keys(&documented, "", &mut in_manual);
    assert_eq!(in_manual, in_program);

    let names = |value: &Value| -> Vec<String> {
        let members = value.as_object().unwrap();
        members.keys().map(|name| format!("`{name}`")).collect()
    };
    let dry_run = run.import(&format!("{import} --dry-run")).code(3).json();
    for name in names(&dry_run["would"]) {
        assert!(
            section(INTERFACE, "## summary.json").contains(&name),
            "{name}"
        );
    }
    let line = "status --checkpoint with-mistakes.csv.sandbox.checkpoint.db --json";
    for name in names(&run.go(line).code(0).json()) {
        assert!(
            section(INTERFACE, "## status --json").contains(&name),
            "{name}"
        );
    }
    for name in names(&run.results("with-mistakes.csv")[0]) {
        assert!(
            section(INTERFACE, "## Result files").contains(&name),
            "{name}"
        );
    }
}

#[test]
fn the_faults_of_the_manual_are_known() {
    let rows = table_rows(section(SANDBOX, "## Faults"));
    let faults = rows.iter().flat_map(|cells| quoted(cells[1]));
    let mut found = 0;
    for fault in faults {
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
    assert_eq!(found, 32, "31 words, one of them with two arguments");
}

/// A heading's anchor, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches(['#', ' '])))
        .collect()
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    for (from, text) in PAGES {
        let folder = root().join(from).parent().unwrap().to_owned();
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("https://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() {
                root().join(from)
            } else {
                folder.join(file)
            };
            assert!(path.exists(), "{from}: {link}");
            if !heading.is_empty() {
                let page = std::fs::read_to_string(&path).unwrap();
                assert!(anchors(&page).contains(heading), "{from}: {link}");
            }
        }
    }
}

#[test]
fn paths_that_are_named_exist() {
    for (from, text) in PAGES {
        for path in quoted(text) {
            let folders = ["src/", "tests/", "docs/", "benches/", "examples/"];
            let is_path = folders.iter().any(|folder| path.starts_with(folder));
            if is_path && !path.contains(['*', ' ', '…']) {
                assert!(root().join(path).exists(), "{from}: {path}");
            }
        }
    }
}
