//! Enforces the floors: imports go down only and in no circle, pure files stay pure, files
//! stay short, and each module has a floor.
//!
//! It reads text, not syntax: paths that begin with `crate`, `super` or `self`, in groups
//! or alone. Test modules come last in their file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Floors from the ground up. A module may import itself and lower floors.
const FLOORS: [&[&str]; 8] = [
    &["domain"],
    &[
        "source", "kable", "ledger", "objects", "report", "spill", "sandbox",
    ],
    &["engine"],
    &["cli"],
    &["config"],
    &["commands"],
    &["lib"],
    &["main"],
];

/// Modules that import nothing of this crate.
const ALONE: [&str; 2] = ["sandbox", "cli"];

/// Files that contain values only, and import no file with effects.
const PURE: [&str; 23] = [
    "src/domain/",
    "src/engine/pace/advertised.rs",
    "src/engine/pace/backoff.rs",
    "src/engine/pace/circuit_breaker.rs",
    "src/engine/pace/concurrency.rs",
    "src/engine/pace/rate.rs",
    "src/engine/pace/rate_control.rs",
    "src/engine/pace/retry_budget.rs",
    "src/engine/pace/timing.rs",
    "src/engine/pace/throughput.rs",
    "src/engine/send/absence.rs",
    "src/engine/send/facts.rs",
    "src/engine/send/ownership.rs",
    "src/engine/send/retries.rs",
    "src/engine/send/row_state.rs",
    "src/engine/send/seen_customer.rs",
    "src/engine/send/server_clock.rs",
    "src/engine/send/settle.rs",
    "src/engine/send/systemic_failure.rs",
    "src/engine/send/systemic_refusal.rs",
    "src/engine/survey/codec.rs",
    "src/kable/structured_fields.rs",
    "src/ledger/mod.rs",
];

/// Names that a file without effects does not contain.
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

/// Files that hold one noun whole, and the most lines of each.
const WHOLE: [&str; 3] = [
    "src/engine/send/row_state.rs",
    "src/engine/send/sender.rs",
    "src/ledger/sqlite/mod.rs",
];
const LONGEST_WHOLE: usize = 500;

/// A source file and its lines before its tests.
struct Source {
    name: String,
    code: Vec<String>,
}

impl Source {
    /// The file's module, from the crate's root.
    fn path(&self) -> Vec<String> {
        let inner = self.name.trim_start_matches("src/").trim_end_matches(".rs");
        let parts = inner.split('/').filter(|part| *part != "mod");
        let parts = parts.filter(|part| !["lib", "main"].contains(part));
        parts.map(str::to_owned).collect()
    }

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

/// Files that contain only tests, or code that tests share.
fn is_test_file(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let is_among_tests = path.parent().is_some_and(|folder| {
        ["tests", "testing", "conformance"]
            .iter()
            .any(|name| folder.ends_with(name))
    });
    is_among_tests || name.ends_with("_tests") || name == "testing" || name == "tests"
}

fn before_tests(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let tests = (0..lines.len()).find(|at| {
        let opens = |line: &&str| line.ends_with("mod tests {") || line.ends_with("mod tests;");
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
    let room = |file: &str| {
        let inner = file.trim_start_matches("src/");
        inner.split(['/', '.']).next().unwrap_or(inner).to_owned()
    };
    for (file, imports) in imports() {
        let from = room(&file);
        // `lib.rs` is the map of the crate; it calls all of it.
        for to in imports.iter().map(|file| room(file)) {
            let up = floor_of(&from) <= floor_of(&to);
            if from != "lib" && to != from && (ALONE.contains(&from.as_str()) || up) {
                faults.push(format!("{file} imports {to}"));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "imports that do not go down:\n{}",
        faults.join("\n")
    );
}

/// Each file with the files that it imports, tests excluded.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let sources = sources();
    let files: BTreeMap<Vec<String>, &str> = sources
        .iter()
        .map(|source| (source.path(), source.name.as_str()))
        .collect();
    let graph = sources.iter().map(|source| {
        let own = source.path();
        let text = statements(source).collect::<Vec<_>>().join("\n");
        let imported = paths_in(&text).into_iter().filter_map(|path| {
            let path = absolute(&path, &own)?;
            let mut prefixes = (1..=path.len()).rev().map(|many| &path[..many]);
            let found = prefixes.find_map(|prefix| files.get(prefix))?;
            (*found != source.name).then(|| (*found).to_owned())
        });
        (source.name.clone(), imported.collect())
    });
    graph.collect()
}

/// A path from the crate's root; none where it leads to another crate.
fn absolute(path: &[String], own: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([own, rest].concat()),
        "super" => {
            let (_, parent) = own.split_last()?;
            match rest.first().map(String::as_str) {
                Some("super") => absolute(rest, parent),
                Some(_) | None => Some([parent, rest].concat()),
            }
        }
        _other_crate => None,
    }
}

/// All paths in `text` that begin with `crate`, `super` or `self`, groups expanded, without
/// the paths of visibilities.
fn paths_in(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("pub(in crate", "pub(in ");
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut paths = Vec::new();
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(root) {
            let (before, path) = text.split_at(at);
            let before = before.chars().next_back();
            if !before.is_some_and(|letter| is_word(letter) || letter == ':') {
                take_path(path, &[], &mut paths);
            }
        }
    }
    paths
}

/// Parses the path at the start of `text`, below `above`; returns the rest.
fn take_path<'t>(text: &'t str, above: &[String], paths: &mut Vec<Vec<String>>) -> &'t str {
    let mut path = above.to_vec();
    let mut rest = text;
    loop {
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        if !word.is_empty() && (word != "self" || path.is_empty()) {
            path.push(word.to_owned());
        }
        rest = behind;
        let Some(next) = rest.strip_prefix("::") else {
            break;
        };
        rest = next;
        let Some(mut group) = rest.strip_prefix('{') else {
            continue;
        };
        loop {
            group = group.trim_start_matches([',', ' ', '\n']);
            if let Some(behind) = group.strip_prefix('}') {
                return behind;
            }
            let behind = take_path(group, &path, paths);
            // `as` and the name after it.
            let end = behind.find([',', '}']).unwrap_or(behind.len());
            group = behind.split_at(end).1;
            if group.is_empty() {
                return group;
            }
        }
    }
    paths.push(path);
    rest
}

#[test]
fn paths_are_found_in_groups_and_by_themselves() {
    let text = "use crate::a::{self, b::{C, D as E}, f};\nlet x = super::g::H::new();\n\
        pub(in crate::z) fn y() {}";
    let found: Vec<String> = paths_in(text).iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        [
            "crate::a",
            "crate::a::b::C",
            "crate::a::b::D",
            "crate::a::f",
            "super::g::H::new"
        ]
    );
}

/// All files reachable from `file` by imports.
fn reached(graph: &BTreeMap<String, BTreeSet<String>>, file: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![file.to_owned()];
    while let Some(next) = open.pop() {
        for import in graph.get(&next).into_iter().flatten() {
            if found.insert(import.clone()) {
                open.push(import.clone());
            }
        }
    }
    found
}

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let graph = imports();
    let in_circles: Vec<&str> = graph
        .keys()
        .filter(|file| reached(&graph, file).contains(*file))
        .map(String::as_str)
        .collect();
    assert!(
        in_circles.is_empty(),
        "files that import each other in a circle:\n{}",
        in_circles.join("\n")
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

/// Whether a file has effects, and the name that shows it.
fn effect_of(source: &Source) -> Option<&'static str> {
    let named = |effect: &&&str| statements(source).any(|line| line.contains(**effect));
    EFFECTS.iter().find(named).copied()
}

#[test]
fn pure_files_name_no_effects_nor_files_that_do() {
    let graph = imports();
    let sources = sources();
    let effects: BTreeMap<&str, &str> = sources
        .iter()
        .filter_map(|source| Some((source.name.as_str(), effect_of(source)?)))
        .collect();
    let mut faults = Vec::new();
    for source in &sources {
        if !PURE.iter().any(|pure| source.name.starts_with(pure)) {
            continue;
        }
        let mut known = reached(&graph, &source.name);
        known.insert(source.name.clone());
        for file in known {
            if let Some(effect) = effects.get(file.as_str()) {
                faults.push(format!("{}: {effect} in {file}", source.name));
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
        .filter(|source| {
            let is_whole = WHOLE.contains(&source.name.as_str());
            source.code.len()
                > if is_whole {
                    LONGEST_WHOLE
                } else {
                    LONGEST_FILE
                }
        })
        .map(|source| format!("{}: {} lines", source.name, source.code.len()))
        .collect();
    assert!(
        long.is_empty(),
        "files that are too long:\n{}",
        long.join("\n")
    );
}

/// One word, one thing: a type's bare name says which one it is, in tests as well. Each
/// module may have its `Settings` and its `Error`; associated types are indented.
#[test]
fn no_two_types_share_a_name() {
    let mut files = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a source file can be read");
        for name in text.lines().filter_map(declared_type) {
            let places = places.entry(name.to_owned()).or_default();
            places.push(path.clone());
        }
    }
    places.retain(|name, places| places.len() > 1 && !["Settings", "Error"].contains(&&**name));
    assert!(places.is_empty(), "types that share a name: {places:#?}");
}

/// The type that a line declares.
fn declared_type(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let code = code.strip_prefix("pub").map_or(code, |code| {
        let code = code.trim_start();
        let restricted = code.strip_prefix('(').and_then(|code| code.split_once(')'));
        restricted.map_or(code, |(_, code)| code).trim_start()
    });
    let (keyword, rest) = code.split_once(' ')?;
    let declares = match keyword {
        "struct" | "enum" | "trait" | "union" => true,
        "type" => !line.starts_with(' '),
        _ => false,
    };
    let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_');
    declares.then(|| rest.split_at(end.unwrap_or(rest.len())).0)
}

#[test]
fn declared_types_are_found() {
    for (line, name) in [
        ("pub struct Row {", Some("Row")),
        ("    enum Kind<T> {", Some("Kind")),
        ("pub(in crate::engine) trait Rows: Send {", Some("Rows")),
        ("type Door = u8;", Some("Door")),
        ("    type Error = io::Error;", None),
        ("// struct in a comment", None),
        ("let structure = 1;", None),
    ] {
        assert_eq!(declared_type(line), name, "{line}");
    }
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
