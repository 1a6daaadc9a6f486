//! The cost of the parts of a check, on one core each: `cargo bench --bench reading`.
//!
//! Each group is a bare library that reads and checks nothing, and our reader, which keeps
//! each row's bytes, place and cells; then the checks alone.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise, and the input is our own"
)]

use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
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

/// The rows that a benchmark reads in one go.
fn many() -> ItemsCount {
    ItemsCount::new(ROWS)
}

mod a_table_of_16_columns {
    use super::{Bencher, Format, Sample, black_box, many};

    #[divan::bench]
    fn the_csv_crate_checking_nothing(bencher: Bencher<'_, '_>) {
        let sample = Sample::of(Format::Csv, "rows.csv");
        bencher.counter(many()).bench_local(|| {
            let mut reader = csv::Reader::from_reader(sample.text.as_slice());
            let mut record = csv::ByteRecord::new();
            while reader.read_byte_record(&mut record).unwrap() {
                black_box(&record);
            }
        });
    }

    #[divan::bench]
    fn our_rows(bencher: Bencher<'_, '_>) {
        let sample = Sample::of(Format::Csv, "rows.csv");
        let read = || sample.read_through(|row, _| assert!(black_box(row).cells().len() > 2));
        bencher.counter(many()).bench_local(read);
    }
}

mod jsonl_the_body_of_a_create {
    use super::{Bencher, Format, Sample, black_box, many};

    #[divan::bench]
    fn serde_json_into_values_checking_nothing(bencher: Bencher<'_, '_>) {
        let sample = Sample::of(Format::Jsonl, "rows.jsonl");
        bencher.counter(many()).bench_local(|| {
            for line in sample.text.split(|byte| *byte == b'\n') {
                black_box(serde_json::from_slice::<serde_json::Value>(line).ok());
            }
        });
    }

    #[divan::bench]
    fn our_rows(bencher: Bencher<'_, '_>) {
        let sample = Sample::of(Format::Jsonl, "rows.jsonl");
        let read = || sample.read_through(|row, _| assert!(black_box(row).cells().len() > 2));
        bencher.counter(many()).bench_local(read);
    }
}

#[divan::bench]
fn map_and_check_rows_that_are_read(bencher: Bencher<'_, '_>) {
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
    bencher.counter(many()).bench_local(|| {
        for row in &kept {
            assert!(matches!(
                check(black_box(row), &binding, &rules),
                CheckedRow::Fit(_)
            ));
        }
    });
}

fn main() {
    divan::main();
}
