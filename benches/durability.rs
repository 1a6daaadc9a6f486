//! The cost of durability: creates a second with every claim and outcome `fsync`ed before
//! it counts, and with nothing `fsync`ed and no send waiting for its claim.
//!
//! `cargo bench --bench durability` takes a few minutes. The two builds take turns, because
//! the machine's load varies.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may stop at the first surprise, and prints"
)]

mod site;

use std::path::{Path, PathBuf};
use std::process::Command;

use site::{SERVER, Site, bare_server, medians};

const ROWS: usize = 100_000;
const ROUNDS: usize = 5;

fn main() {
    if std::env::args().nth(1).is_some_and(|word| word == SERVER) {
        bare_server::serve();
    }
    let durable = Path::new(env!("CARGO_BIN_EXE_kable-bulk"));
    let careless = built_with("bench-without-durability");
    let site = Site::with_rows(ROWS);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        with.push(site.import(durable, None));
        without.push(site.import(&careless, None));
        println!(
            "round {round}: durable {}, without {}",
            with[round - 1],
            without[round - 1]
        );
    }
    let (with, without) = (medians(&with), medians(&without));
    println!(
        "medians of {ROUNDS} rounds of {ROWS} rows: durable {with}, without {without}; \
         durability costs {:.1} %",
        100.0 * (1.0 - with.a_second / without.a_second)
    );
}

/// The program built with a feature, in a target folder of its own.
fn built_with(feature: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target").join(feature);
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--features", feature])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(root)
        .status()
        .expect("cargo");
    assert!(built.success(), "the build with {feature} failed");
    target.join("release").join("kable-bulk")
}
