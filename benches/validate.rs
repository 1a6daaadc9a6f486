//! `validate` of a whole file, against what a bare pass of a library over the
//! same file takes, in turns on the same machine.
//!
//! `cargo bench --bench validate` takes 1,000,000 rows with 1 % of them bad, and
//! prints a table; `-- 20000000` takes as many rows of one table.
//!
//! - *regular* rows have a value in all 16 columns, as a program writes them.
//! - *planted* rows are those of `examples/planted`: names and addresses of many
//!   countries, quoted or not, cells left empty, every mistake that there is.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise, and prints"
)]

#[expect(dead_code, reason = "another benchmark uses the rest")]
#[path = "../examples/planted/main.rs"]
mod planted;
mod regular;
#[expect(dead_code, reason = "another benchmark uses the rest")]
mod site;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter};
use std::path::Path;
use std::process::Command;

use planted::encode::Format;
use planted::generate::generate;
use planted::source::Order;
use site::{Load, measured, medians};
use tokio::time::Instant;

const ROUNDS: usize = 5;

/// A customer as a program would read it, checking nothing.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is only read")]
struct Typed<'r> {
    #[serde(borrow)]
    client_id: Option<std::borrow::Cow<'r, str>>,
    #[serde(borrow)]
    company_name: Option<std::borrow::Cow<'r, str>>,
    #[serde(borrow)]
    currency: Option<std::borrow::Cow<'r, str>>,
    stripe_customer_id: Option<String>,
    plan_ids: Option<Vec<String>>,
    bundle_ids: Option<Vec<String>>,
    billing_contact: Option<std::collections::BTreeMap<String, String>>,
}

fn main() {
    let rows: u64 = std::env::args()
        .find_map(|word| word.parse().ok())
        .unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    println!(
        "| of {rows} rows, 1 % bad | rows/s | of the bare pass | processor seconds | peak MiB |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for (format, name) in [
        (Format::Csv, "regular.csv"),
        (Format::Csv, "planted.csv"),
        (Format::Jsonl, "regular.jsonl"),
        (Format::Jsonl, "planted.jsonl"),
    ] {
        if rows > 1_000_000 && name != "regular.csv" {
            continue;
        }
        let file = folder.path().join(name);
        if name.starts_with("regular") {
            regular::write(&file, format, rows).expect("room for a file");
        } else {
            planted(&file, format, rows);
        }
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let began = Instant::now();
            match format {
                Format::Csv => read_table(&file),
                Format::Jsonl => read_json(&file),
            }
            bare.push(Load {
                a_second: as_rate(rows) / began.elapsed().as_secs_f64(),
                processor_seconds: began.elapsed().as_secs_f64(),
                peak_mib: 0.0,
            });
            ours.push(validated(&file, rows));
        }
        let (bare, ours) = (medians(&bare), medians(&ours));
        let library = match format {
            Format::Csv => "the csv crate, one core, checking nothing",
            Format::Jsonl => "serde_json into typed rows, one core, checking nothing",
        };
        println!(
            "| {name}: {library} | {:.0} | 1 | {:.2} | |",
            bare.a_second, bare.processor_seconds
        );
        println!(
            "| `validate {name}` | {:.0} | {:.2} | {:.2} | {:.1} |",
            ours.a_second,
            ours.a_second / bare.a_second,
            ours.processor_seconds,
            ours.peak_mib
        );
    }
}

fn planted(file: &Path, format: Format, rows: u64) {
    let order = Order {
        format,
        rows,
        bad: 10_000,
        seed: 7,
    };
    let out = BufWriter::new(File::create(file).unwrap());
    generate(&order, out, std::io::sink()).unwrap();
}

fn read_table(file: &Path) {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .buffer_capacity(1 << 18)
        .from_path(file)
        .unwrap();
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).unwrap() {
        black_box(&record);
    }
}

fn read_json(file: &Path) {
    let mut reader = BufReader::with_capacity(1 << 18, File::open(file).unwrap());
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).unwrap() > 0 {
        black_box(serde_json::from_slice::<Typed<'_>>(&line).ok());
        line.clear();
    }
}

fn validated(file: &Path, rows: u64) -> Load {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kable-bulk"));
    command
        .arg("validate")
        .arg(file)
        .args(["--json", "--quiet"]);
    measured(&mut command, |said| {
        let summary: serde_json::Value = serde_json::from_str(said).expect("a summary");
        as_rate(rows) / summary["elapsed_seconds"].as_f64().expect("a time")
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2⁵³ are exact")]
fn as_rate(rows: u64) -> f64 {
    rows as f64
}
