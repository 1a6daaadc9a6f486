//! The cost of the parts of a check, on one core each: `cargo bench --bench reading`.
//!
//! Each group is a bare library that reads and checks nothing, and our reader, which keeps
//! each row's bytes, place and cells; then the checks alone.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise, and the input is our own"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kable_bulk::domain::mapping::{Binding, Mapping};
use kable_bulk::domain::row::{Row, Rows};
use kable_bulk::domain::rules::Rules;
use kable_bulk::domain::validate::{CheckedRow, check};
use kable_bulk::source::Settings;
use kable_bulk::source::input::{Input, open};
use kable_bulk::source::reader::InputReader;

#[expect(dead_code, reason = "another benchmark uses the rest")]
#[path = "../examples/planted/main.rs"]
mod planted;

use planted::encode::Format;
use planted::generate::generate;
use planted::source::Order;

const ROWS: u64 = 20_000;

/// A file of good rows, open.
struct Sample {
    text: Vec<u8>,
    inputs: Arc<[Input]>,
    _folder: tempfile::TempDir,
}

impl Sample {
    fn of(format: Format, name: &str) -> Self {
        let mut text = Vec::new();
        let order = Order {
            format,
            rows: ROWS,
            bad: 0,
            seed: 7,
        };
        generate(&order, &mut text, &mut Vec::new()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join(name);
        std::fs::write(&place, &text).unwrap();
        let input = open(place.as_os_str(), &Settings::default(), folder.path()).unwrap();
        Self {
            text,
            inputs: [input].into(),
            _folder: folder,
        }
    }

    fn read_through(&self, mut each: impl FnMut(&Row, &InputReader)) {
        let mut rows = InputReader::new(Arc::clone(&self.inputs), None);
        let mut row = Row::default();
        while rows.next(&mut row).unwrap() {
            each(&row, &rows);
        }
    }
}

fn tables(criterion: &mut Criterion) {
    let sample = Sample::of(Format::Csv, "rows.csv");
    let mut group = criterion.benchmark_group("a table of 16 columns");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("the csv crate, checking nothing", |bencher| {
        bencher.iter(|| {
            let mut reader = csv::Reader::from_reader(sample.text.as_slice());
            let mut record = csv::ByteRecord::new();
            while reader.read_byte_record(&mut record).unwrap() {
                black_box(&record);
            }
        });
    });
    group.bench_function("our rows", |bencher| {
        bencher.iter(|| sample.read_through(|row, _| assert!(black_box(row).cells().len() > 2)));
    });
    group.finish();
}

fn json(criterion: &mut Criterion) {
    let sample = Sample::of(Format::Jsonl, "rows.jsonl");
    let mut group = criterion.benchmark_group("JSONL, the body of a create");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("serde_json into values, checking nothing", |bencher| {
        bencher.iter(|| {
            for line in sample.text.split(|byte| *byte == b'\n') {
                black_box(serde_json::from_slice::<serde_json::Value>(line).ok());
            }
        });
    });
    group.bench_function("our rows", |bencher| {
        bencher.iter(|| sample.read_through(|row, _| assert!(black_box(row).cells().len() > 2)));
    });
    group.finish();
}

fn checks(criterion: &mut Criterion) {
    let sample = Sample::of(Format::Csv, "rows.csv");
    let rules = Rules::default();
    let mut kept = Vec::new();
    let mut binding = None;
    sample.read_through(|row, rows| {
        binding.get_or_insert_with(|| {
            Binding::new(&Mapping::default(), rows.columns(), "rows.csv").unwrap()
        });
        kept.push(row.clone());
    });
    let binding = binding.unwrap();
    let mut group = criterion.benchmark_group("a row that is read");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("map and check", |bencher| {
        bencher.iter(|| {
            for row in &kept {
                assert!(matches!(
                    check(black_box(row), &binding, &rules),
                    CheckedRow::Fit(_)
                ));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, tables, json, checks);
criterion_main!(benches);
