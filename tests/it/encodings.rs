//! Compressed files and encodings: one table has the same verdicts however its bytes are
//! stored, and what was detected is said before anything is sent.

use std::io::Write;

use encoding_rs::{SHIFT_JIS, WINDOWS_1252};
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::common::{Run, Summary, customers_of_csv, rows};

/// Letters of Windows-1252, a line break in a cell, one row that is rejected.
const TABLE: &str = "clientId,companyName,currency,note\r\n\
    c-1,Müller GmbH,EUR,\"two\nlines\"\r\n\
    c-2,Société d’Été,EUR,grün\r\n\
    c-3,Øre & Ål,DKK,\r\n\
    c-4,Peña €,USD,x\r\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// `text` in every encoding, and what is said of it.
fn encoded(text: &str) -> Vec<(Vec<u8>, Option<&'static str>)> {
    let marked = format!("\u{feff}{text}");
    vec![
        (text.as_bytes().to_vec(), None),
        (marked.as_bytes().to_vec(), None),
        (utf16(&marked, u16::to_le_bytes), Some("UTF-16LE")),
        (utf16(&marked, u16::to_be_bytes), Some("UTF-16BE")),
        (utf16(text, u16::to_le_bytes), Some("UTF-16LE")),
        (utf16(text, u16::to_be_bytes), Some("UTF-16BE")),
        (
            WINDOWS_1252.encode(text).0.into_owned(),
            Some("Windows-1252"),
        ),
    ]
}

/// `bytes` compressed in every way, and what is said of it.
fn compressed(bytes: &[u8]) -> Vec<(Vec<u8>, Option<&'static str>)> {
    let (one, two) = bytes.split_at(bytes.len() / 2);
    vec![
        (bytes.to_vec(), None),
        (gzip(bytes), Some("gzip")),
        ([gzip(one), gzip(two)].concat(), Some("gzip")),
        ([zstd(one), zstd(two)].concat(), Some("zstd")),
        (zstd(&gzip(bytes)), Some("zstd; gzip")),
    ]
}

/// Validates `bytes` as `name`; one row of four is rejected, on the line `rejected`.
fn same_verdicts(name: &str, bytes: &[u8], says: [Option<&str>; 2], rejected: u64) {
    let run = Run::new().input(name, bytes);
    let ended = run.go(&format!("validate {name} --json")).code(3);
    let summary = Summary::of(&ended.stdout);
    let counts = ["read", "rejected", "skipped"].map(|what| summary.rows(what));
    assert_eq!(counts, [4, 1, 0], "{says:?}");
    assert_eq!(
        summary.lines_of("unsupported_currency"),
        [rejected],
        "{says:?}"
    );
    let note = says.into_iter().flatten().collect::<Vec<_>>();
    if note.is_empty() {
        ended.keeps_to_itself("read as");
    } else {
        for part in note {
            let line = ended.stderr.lines().find(|line| line.starts_with(name));
            assert!(
                line.is_some_and(|line| line.contains(part)),
                "{part}: {}",
                ended.stderr
            );
        }
    }
    let rejects = run.bytes(&format!("{name}.results/rejects.{}", format_of(name)));
    assert!(String::from_utf8(rejects).unwrap().contains("Øre & Ål"));
}

fn format_of(name: &str) -> &str {
    if name.contains("jsonl") {
        "jsonl"
    } else {
        "csv"
    }
}

#[test]
fn a_table_has_the_same_verdicts_in_every_encoding_and_compression() {
    for (text, encoding) in encoded(TABLE) {
        for (bytes, compression) in compressed(&text) {
            same_verdicts("in.csv", &bytes, [compression, encoding], 5);
        }
    }
}

#[test]
fn json_lines_have_the_same_verdicts_in_every_encoding() {
    let line = |(id, name, currency): (&str, &str, &str)| {
        format!(
            "{{\"clientId\":\"{id}\",\"companyName\":\"{name}\",\"currency\":\"{currency}\"}}\n"
        )
    };
    let lines: String = [
        ("c-1", "Müller GmbH", "EUR"),
        ("c-2", "Société", "EUR"),
        ("c-3", "Øre & Ål", "DKK"),
        ("c-4", "Peña", "USD"),
    ]
    .map(line)
    .concat();
    for (text, encoding) in encoded(&lines) {
        same_verdicts("in.jsonl", &text, [None, encoding], 3);
        same_verdicts("in.jsonl.gz", &gzip(&text), [Some("gzip"), encoding], 3);
    }
}

#[test]
fn names_arrive_as_they_are_meant() {
    let bytes = gzip(&WINDOWS_1252.encode(TABLE).0);
    let run = Run::new().input("export.csv.gz", &bytes);
    run.import("export.csv.gz --max-errors 1")
        .code(3)
        .says("export.csv.gz: gzip; read as Windows-1252 (")
        .says("say --encoding NAME if names look wrong");
    let held = run.held();
    assert_eq!(held["c-1"]["companyName"], "Müller GmbH");
    assert_eq!(held["c-4"]["companyName"], "Peña €");
    let again = run.import("export.csv.gz --max-errors 1").code(3);
    again.keeps_to_itself("was replaced");
}

#[test]
fn an_encoding_can_be_given() {
    let text = "clientId,companyName,currency\nc-1,Łódź,EUR\n";
    let bytes = encoding_rs::ISO_8859_2.encode(text).0.into_owned();
    let run = Run::new()
        .input("in.csv", &bytes)
        .input("kable-bulk.toml", "encoding = \"Latin2\"\n");
    run.import("in.csv")
        .code(0)
        .says("read as ISO-8859-2, as --encoding says");
    assert_eq!(run.held()["c-1"]["companyName"], "Łódź");
    run.go("validate in.csv --encoding utf-8")
        .code(3)
        .says("not UTF-8 at byte 5 of the row");
}

#[test]
fn an_unknown_encoding_is_refused_with_the_nearest() {
    let run = Run::new().input("in.csv", rows(1));
    run.go("validate in.csv --encoding windows-1225")
        .refuses(2, &["encoding", "windows-1225", "perhaps windows-125"]);
    assert!(!run.exists("in.csv.results"));
}

#[test]
fn standard_input_is_unpacked_and_converted() {
    let bytes = zstd(&utf16(TABLE, u16::to_le_bytes));
    let run = Run::new().stdin(&bytes);
    run.import("- --checkpoint run.db --out results --max-errors 1")
        .code(3)
        .says("standard input: zstd; read as UTF-16LE");
    assert_eq!(run.held()["c-2"]["companyName"], "Société d’Été");
}

/// The system's own name for a byte that is not of the encoding stands with its row.
#[test]
fn a_broken_character_is_the_problem_of_its_row() {
    let mut bytes = SHIFT_JIS
        .encode("clientId,companyName,currency\nc-1,東京商事,USD\nc-2,サンプル工業")
        .0
        .into_owned();
    bytes.extend_from_slice(b"\x81,USD\nc-3,Plain,USD\n");
    let run = Run::new().input("in.csv", &bytes);
    run.import("in.csv --max-errors 2 --encoding shift_jis")
        .code(3)
        .says("not Shift_JIS at character 11 of the row");
    let summary = run.summary("in.csv");
    assert_eq!(summary.lines_of("malformed_row"), [3]);
    summary.outcomes(&[("created", 2)]);
}

#[test]
fn a_cut_off_file_is_refused_before_anything_is_sent() {
    for (name, whole) in [
        ("in.csv.gz", gzip(rows(500).as_bytes())),
        ("in.csv.zst", zstd(rows(500).as_bytes())),
    ] {
        let run = Run::new().input(name, &whole[..whole.len() - 9]);
        run.import(name)
            .refuses(1, &[name, "cannot be unpacked", "cut off"])
            .hints("again");
        assert!(!run.exists(&format!("{name}.checkpoint.db")));
        assert!(
            !run.exists(&format!("{name}.results")),
            "a folder was left behind"
        );
    }
}

#[test]
fn an_empty_compressed_file_is_empty() {
    let run = Run::new().input("in.csv.gz", gzip(b""));
    run.go("validate in.csv.gz")
        .refuses(1, &["in.csv.gz is empty"]);
    assert!(!run.exists("in.csv.gz.results"));
}

#[test]
fn a_mistyped_name_beside_a_compressed_file_leaves_nothing_behind() {
    let run = Run::new().input("in.csv.gz", gzip(rows(3).as_bytes()));
    run.go("validate in.csv.gz nowhere.csv")
        .refuses(1, &["nowhere.csv"]);
    assert!(!run.exists("in.csv.gz.results"));
}

/// A few KiB that unpack to more than the disk has room for.
#[cfg(unix)]
#[test]
fn a_full_disk_while_unpacking_is_an_error_with_a_hint() {
    let bomb = gzip(&vec![b'x'; 64 << 20]);
    let mut run = Run::new().input("in.csv.gz", &bomb);
    run.shell(Some(
        r#"trap "" XFSZ; ulimit -f 8192; exec "$@""#.to_owned(),
    ));
    run.import("in.csv.gz")
        .refuses(1, &["cannot keep a copy of the input in in.csv.gz.results"])
        .hints("make room");
    assert!(!run.exists("in.csv.gz.results"));
}

#[test]
fn several_compressed_files_are_one_input() {
    let run = Run::new()
        .input("a.csv.gz", gzip(rows(3).as_bytes()))
        .input(
            "b.csv.gz",
            gzip(b"clientId;companyName;currency\nc-9;Other;EUR\n"),
        )
        .input("c.csv", "clientId,companyName,currency\nc-10,Plain,EUR\n");
    run.import("a.csv.gz b.csv.gz c.csv")
        .code(0)
        .says("a.csv.gz and b.csv.gz: gzip");
    let mut expected = customers_of_csv(&rows(3));
    expected.extend(customers_of_csv(
        "clientId,companyName,currency\nc-9,Other,EUR\nc-10,Plain,EUR\n",
    ));
    run.holds(&expected);
}
