//! What durability costs: creates a second with every claim and outcome
//! `fsync`ed before it counts, and with nothing `fsync`ed and no send waiting
//! for its claim.
//!
//! `cargo bench --bench durability` takes a few minutes. The two builds take
//! turns, for a machine is never equally busy.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may stop at the first surprise, and prints"
)]

mod site;

use std::path::Path;

use site::{Site, built_with, median};

const ROWS: usize = 100_000;
const ROUNDS: usize = 5;

fn main() {
    let durable = Path::new(env!("CARGO_BIN_EXE_kable-bulk"));
    let careless = built_with("bench-without-durability");
    let site = Site::with_rows(ROWS);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        with.push(site.import(durable));
        without.push(site.import(&careless));
        println!(
            "round {round}: {:.0} creates/s durable, {:.0} without",
            with[round - 1],
            without[round - 1]
        );
    }
    let (with, without) = (median(&mut with), median(&mut without));
    println!(
        "medians of {ROUNDS} rounds of {ROWS} rows: {with:.0} creates/s durable, {without:.0} without; \
         durability costs {:.1} %",
        100.0 * (1.0 - with / without)
    );
}
