//! Servers of many kinds, in virtual time: each is a file in `scenarios/`.
//!
//! To add one, copy the file that is closest and change its values; no Rust is needed. The
//! keys for a server are in `simulated/server.rs`, for its limits in `simulated/limits.rs`,
//! for its headers in `simulated/tells.rs`, for the run and the expectations in
//! `simulated/mod.rs`. An unknown key is an error. All figures are shown by `cargo test
//! --test it scenarios:: -- --nocapture`; a scenario that misses its target shows what
//! happened second by second.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::simulated::Scenario;
use crate::simulated::run::run;

/// The random numbers are the same every time.
const SEED: u64 = 1;

#[test]
fn every_server_is_used_as_it_allows_and_no_faster() {
    let files = Mutex::new(files());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(file) = files.lock().unwrap().pop() else {
                        break;
                    };
                    if let Err(missed) = check(&file) {
                        wrong.lock().unwrap().push(missed);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The scenarios, last name first.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort_by(|a, b| b.cmp(a));
    assert!(!files.is_empty(), "there are no scenarios");
    files
}

/// Runs the scenario of a file; an error says which target was missed, and shows why.
fn check(file: &Path) -> Result<(), String> {
    let name = file.file_stem().unwrap().to_string_lossy();
    let text = std::fs::read_to_string(file).unwrap();
    let scenario: Scenario = toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (went, expect) = (run(&scenario, SEED), scenario.expect);
    let figures = format!(
        "{name}: {:.1} % of the allowance (at least {:.1}), {:.2} % refused (at most {:.2}) - {}",
        went.share * 100.0,
        expect.share * 100.0,
        went.refused * 100.0,
        expect.refused * 100.0,
        scenario.about
    );
    let is_good =
        went.share >= expect.share && went.refused <= expect.refused && went.broken.is_empty();
    println!("{} {figures}", if is_good { "ok   " } else { "WRONG" });
    if is_good {
        return Ok(());
    }
    let broken = went.broken.join("; ");
    Err(format!("{figures}\n{broken}\n{}", went.trace))
}
