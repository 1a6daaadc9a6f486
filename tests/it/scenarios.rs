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

/// What is held of limits of a kind, over all sizes and distances.
struct KindTargets {
    kind: &'static str,
    /// The least share that is used from 10 to 40 s, and the least on average.
    share: f64,
    average: f64,
    /// The largest share of requests that are refused, in all 40 s.
    refused: f64,
    /// A size and a distance beside [`PLACES`].
    most: Option<(u32, u32)>,
}

const KINDS: [KindTargets; 3] = [
    KindTargets {
        kind: "bucket",
        share: 0.94,
        average: 0.965,
        refused: 0.012,
        most: Some((1000, 100)),
    },
    // The search for what a window allows takes more pauses.
    KindTargets {
        kind: "fixed",
        share: 0.81,
        average: 0.88,
        refused: 0.07,
        most: None,
    },
    KindTargets {
        kind: "sliding",
        share: 0.89,
        average: 0.92,
        refused: 0.02,
        most: None,
    },
];

/// Requests a second, and milliseconds to the response.
const PLACES: [(u32, u32); 7] = [
    (20, 100),
    (20, 300),
    (100, 20),
    (100, 100),
    (100, 300),
    (300, 20),
    (300, 300),
];

/// Nothing is told of the limit, but refusals ask for a pause of a second.
#[test]
fn limits_of_every_kind_size_and_distance_are_found_and_used() {
    let wrong = std::thread::scope(|scope| {
        let kinds = KINDS.iter().map(|kind| scope.spawn(|| missed(kind)));
        let kinds: Vec<_> = kinds.collect();
        let missed = kinds.into_iter().map(|kind| kind.join().unwrap());
        missed.collect::<Vec<_>>().concat()
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The targets that are missed, and what happened.
fn missed(targets: &KindTargets) -> Vec<String> {
    let KindTargets {
        kind,
        share,
        average,
        refused,
        most,
    } = targets;
    let (mut wrong, mut shares) = (Vec::new(), Vec::new());
    for (size, latency) in PLACES.iter().chain(most) {
        let scenario = format!(
            "about = ''\n\
             run = {{ seconds = 40.0, concurrency = 512 }}\n\
             expect = {{ after = 10.0, share = {share}, refused = {refused} }}\n\
             [server]\n\
             latency_ms = {latency}.0\n\
             retry_after = {{ seconds = 1 }}\n\
             limit = [{{ kind = '{kind}', many = {size} }}]"
        );
        let went = run(&toml::from_str(&scenario).unwrap(), SEED);
        let figures = format!(
            "{kind}, {size} a second, {latency} ms: {:.1} %, {:.2} % refused",
            went.share * 100.0,
            went.refused * 100.0
        );
        println!("{figures}");
        if went.share < *share || went.refused > *refused || !went.broken.is_empty() {
            wrong.push(format!("{figures}\n{}", went.trace));
        }
        shares.push(went.share);
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    println!("{kind}: {:.1} % on average", mean * 100.0);
    if mean < *average {
        wrong.push(format!("{kind}: {mean} on average"));
    }
    wrong
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
