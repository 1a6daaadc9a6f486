//! `validate` of a whole file, compared with a bare pass of a library over the same file,
//! and for tables also with checks as written in an afternoon, in turns on the same
//! machine.
//!
//! `cargo bench --bench validate` uses 1,000,000 rows with 1 % of them bad, and prints a
//! table; `-- 20000000` uses as many rows of one table.
//!
//! - *regular* rows have a value in all 16 columns, as a program writes them.
//! - *planted* rows are those of `examples/planted`: names and addresses of many countries,
//!   quoted or not, cells left empty, every kind of mistake.

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

use std::collections::HashSet;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter};
use std::path::Path;
use std::process::Command;

use kable_bulk::domain::currency::SUPPORTED;
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
        let (mut bare, mut obvious, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            match format {
                Format::Csv => {
                    bare.push(timed(rows, || read_table(&file)));
                    obvious.push(timed(rows, || check_table(&file)));
                }
                Format::Jsonl => bare.push(timed(rows, || read_json(&file))),
            }
            ours.push(validated(&file, rows));
        }
        let library = match format {
            Format::Csv => "the csv crate, one core, checking nothing",
            Format::Jsonl => "serde_json into typed rows, one core, checking nothing",
        };
        let bare = medians(&bare);
        print_line(&format!("{name}: {library}"), &bare, &bare);
        if !obvious.is_empty() {
            let title = format!("{name}: the csv crate, the obvious checks, one core");
            print_line(&title, &medians(&obvious), &bare);
        }
        print_line(&format!("`validate {name}`"), &medians(&ours), &bare);
    }
}

fn print_line(title: &str, load: &Load, bare: &Load) {
    // Work in this process has no peak of its own.
    let peak = match load.peak_mib {
        0.0 => String::new(),
        peak => format!("{peak:.1}"),
    };
    println!(
        "| {title} | {:.0} | {:.2} | {:.2} | {peak} |",
        load.a_second,
        load.a_second / bare.a_second,
        load.processor_seconds,
    );
}

/// The cost of `pass`, on one core, for this many rows.
fn timed(rows: u64, pass: impl FnOnce()) -> Load {
    let began = Instant::now();
    pass();
    let seconds = began.elapsed().as_secs_f64();
    Load {
        a_second: as_rate(rows) / seconds,
        processor_seconds: seconds,
        peak_mib: 0.0,
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

fn table(file: &Path) -> csv::Reader<File> {
    csv::ReaderBuilder::new()
        .flexible(true)
        .buffer_capacity(1 << 18)
        .from_path(file)
        .unwrap()
}

fn read_table(file: &Path) {
    let mut reader = table(file);
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).unwrap() {
        black_box(&record);
    }
}

/// Counts the rows that lack a required value, have a currency that Kable does not take, an
/// e-mail without `@`, or an id that occurred before.
fn check_table(file: &Path) {
    let mut reader = table(file);
    let headers = reader.headers().unwrap().clone();
    let place = |end: &str| headers.iter().position(|name| name.ends_with(end)).unwrap();
    let required = ["clientId", "companyName", "currency"].map(place);
    let email = place("email");
    let mut record = csv::StringRecord::new();
    let mut met = HashSet::new();
    let (mut unread, mut unfit) = (0_u64, 0_u64);
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_not_utf8) => {
                unread += 1;
                continue;
            }
        }
        let [id, company, currency] = required.map(|at| record.get(at).unwrap_or_default().trim());
        let email = record.get(email).unwrap_or_default();
        let is_fit = record.len() == headers.len()
            && !id.is_empty()
            && !company.is_empty()
            && SUPPORTED.contains(&currency)
            && (email.is_empty() || email.contains('@'));
        unfit += u64::from(!(met.insert(id.to_owned()) && is_fit));
    }
    black_box((unread, unfit));
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
