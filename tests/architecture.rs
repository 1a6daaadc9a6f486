//! Holds up the floors: imports go down only, pure files stay pure, no file
//! outgrows its job, and no module is without a floor.
//!
//! It reads text, not syntax: it wants `use crate::a::b;` rather than
//! `use crate::{a, b};`, and test modules last in their file.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

use std::path::{Path, PathBuf};

/// Floors from the ground up. A module may import itself and lower floors.
const FLOORS: [&[&str]; 8] = [
    &["domain"],
    &["source", "kable", "ledger", "report", "spill", "sandbox"],
    &["engine"],
    &["cli"],
    &["config"],
    &["commands"],
    &["lib"],
    &["main"],
];

/// Modules that import nothing of this crate.
const ALONE: [&str; 2] = ["sandbox", "cli"];

/// Files that know values and nothing else, and import no file that knows more.
const PURE: [&str; 17] = [
    "src/domain/",
    "src/engine/pace/advertised.rs",
    "src/engine/pace/backoff.rs",
    "src/engine/pace/circuit_breaker.rs",
    "src/engine/pace/concurrency.rs",
    "src/engine/pace/rate.rs",
    "src/engine/pace/rate_control.rs",
    "src/engine/pace/retry_budget.rs",
    "src/engine/pace/throughput.rs",
    "src/engine/send/absence.rs",
    "src/engine/send/row_state.rs",
    "src/engine/send/server_clock.rs",
    "src/engine/send/systemic_failure.rs",
    "src/engine/send/systemic_refusal.rs",
    "src/engine/survey/codec.rs",
    "src/kable/structured_fields.rs",
    "src/ledger/mod.rs",
];

/// What a file without effects does not name.
const EFFECTS: [&str; 12] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "Instant::now",
    "SystemTime",
    "tokio",
    "reqwest",
    "rusqlite",
    "fastrand",
    "println!",
];

/// The most lines of a file before its tests.
const LONGEST_FILE: usize = 400;

/// A source file and its lines before its tests.
struct Source {
    name: String,
    code: Vec<String>,
}

impl Source {
    /// The module that the file belongs to: the first part of its path.
    fn module(&self) -> &str {
        let inner = self.name.trim_start_matches("src/");
        inner.split(['/', '.']).next().unwrap_or(inner)
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    files.sort();
    files
        .into_iter()
        .filter(|path| !is_test_file(path))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a source file can be read");
            let name = path.strip_prefix(root).expect("it is below the root");
            Source {
                name: name.to_string_lossy().into_owned(),
                code: before_tests(&text),
            }
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a source folder can be read") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// Files that hold nothing but tests, or what tests share.
fn is_test_file(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    name.ends_with("_tests") || name == "testing" || name == "tests"
}

fn before_tests(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let tests = (0..lines.len()).find(|at| {
        let opens =
            |line: &&str| line.starts_with("mod tests") || line.starts_with("pub(crate) mod tests");
        lines[*at] == "#[cfg(test)]" && lines[at + 1..].iter().take(2).any(opens)
    });
    let code = &lines[..tests.unwrap_or(lines.len())];
    code.iter().map(|line| (*line).to_owned()).collect()
}

/// Lines without comments.
fn statements(source: &Source) -> impl Iterator<Item = &str> {
    source
        .code
        .iter()
        .map(|line| line.split("//").next().unwrap_or_default())
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[test]
fn every_module_has_a_floor() {
    for source in sources() {
        assert!(
            floor_of(source.module()).is_some(),
            "{} stands on no floor",
            source.name
        );
    }
}

#[test]
fn imports_go_downwards() {
    let mut faults = Vec::new();
    for source in sources() {
        let from = source.module();
        // `lib.rs` is the map of the crate; it calls all of it.
        for line in statements(&source).filter(|_| from != "lib") {
            for after in line.split("crate::").skip(1) {
                let to: String = after
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let up = floor_of(from) <= floor_of(&to);
                if to != from && (ALONE.contains(&from) || up) {
                    faults.push(format!("{} imports {to}", source.name));
                }
            }
        }
    }
    assert!(
        faults.is_empty(),
        "imports that do not go down:\n{}",
        faults.join("\n")
    );
}

#[test]
fn the_engine_knows_neither_source_nor_sandbox() {
    for source in sources()
        .iter()
        .filter(|source| source.module() == "engine")
    {
        for line in statements(source) {
            for stranger in ["crate::source", "crate::sandbox"] {
                assert!(!line.contains(stranger), "{} names {stranger}", source.name);
            }
        }
    }
}

#[test]
fn pure_files_name_no_effects() {
    let mut faults = Vec::new();
    for source in sources() {
        if !PURE.iter().any(|pure| source.name.starts_with(pure)) {
            continue;
        }
        for line in statements(&source) {
            for effect in EFFECTS.iter().filter(|effect| line.contains(**effect)) {
                faults.push(format!("{}: {effect}", source.name));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "effects in pure files:\n{}",
        faults.join("\n")
    );
}

#[test]
fn no_file_outgrows_its_job() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| source.code.len() > LONGEST_FILE)
        .map(|source| format!("{}: {} lines", source.name, source.code.len()))
        .collect();
    assert!(
        long.is_empty(),
        "files beyond {LONGEST_FILE} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn only_the_configuration_reads_the_environment() {
    for source in sources() {
        for line in statements(&source).filter(|_| source.module() != "config") {
            assert!(
                !line.contains("env::var"),
                "{} reads the environment",
                source.name
            );
        }
    }
}
