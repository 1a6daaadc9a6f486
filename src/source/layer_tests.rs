use std::ffi::OsStr;
use std::io::Write;
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8};
use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::domain::row::{Row, Rows};
use crate::source::bytes::encoding_label::encoding_of;
use crate::source::input::open;
use crate::source::reader::InputReader;
use crate::source::{FormatChoice, Settings};

/// The cells of every row of a file with `bytes`.
fn cells(bytes: &[u8], encoding: Option<&'static Encoding>) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.csv");
    std::fs::write(&path, bytes).unwrap();
    let settings = Settings {
        format: FormatChoice::Csv,
        delimiter: Some(b','),
        encoding,
        ..Settings::default()
    };
    let input = open(path.as_os_str(), &settings, folder.path()).unwrap();
    let mut rows = InputReader::new(Arc::new([input]), None);
    let (mut row, mut all) = (Row::default(), Vec::new());
    while rows.next(&mut row).unwrap() {
        all.push(row.cells().map(|cell| cell.value.to_owned()).collect());
    }
    all
}

fn encoded(text: &str, encoding: &'static Encoding) -> Option<Vec<u8>> {
    match encoding.name() {
        "UTF-16LE" => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "UTF-16BE" => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        _ => {
            let (bytes, _, spoilt) = encoding.encode(text);
            (!spoilt).then(|| bytes.into_owned())
        }
    }
}

fn compressed(bytes: &[u8], how: u8) -> Vec<u8> {
    match how {
        0 => bytes.to_vec(),
        1 => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        _ => compress_to_vec(bytes, CompressionLevel::Fastest),
    }
}

const LABELS: [&str; 12] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "windows-1250",
    "windows-1251",
    "iso-8859-2",
    "koi8-u",
    "shift_jis",
    "gb18030",
    "euc-kr",
    "big5",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any table is read back from every encoding that can hold it, compressed or not.
    #[test]
    fn tables_come_back_from_every_encoding(
        table in prop::collection::vec(
            prop::collection::vec("[a-z0-9 \"\n,;.äöüéèñßçøåŁłžŠ€Жяшдл株式会社テスト北京한국]{0,12}", 3),
            1..12,
        ),
        how in 0_u8..3,
    ) {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n";
        let text = "a,b,c\r\n".to_owned() + &table.iter().map(line).collect::<String>();
        for label in LABELS {
            let encoding = encoding_of(label).unwrap();
            if let Some(bytes) = encoded(&text, encoding) {
                let bytes = compressed(&bytes, how);
                prop_assert_eq!(&cells(&bytes, Some(encoding)), &table, "{}", label);
            }
        }
        let detected = compressed(text.as_bytes(), how);
        prop_assert_eq!(cells(&detected, None), cells(&detected, Some(UTF_8)));
    }
}

#[test]
fn the_endings_of_compressed_names_count() {
    let folder = tempfile::tempdir().unwrap();
    for (name, is_jsonl) in [
        ("in.jsonl.gz", true),
        ("in.ndjson.ZST", true),
        ("in.csv.gz", false),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, compressed(b"plain\nrows\n", 1)).unwrap();
        let input = open(OsStr::new(&path), &Settings::default(), folder.path()).unwrap();
        assert_eq!(
            input.format == crate::source::Format::Jsonl,
            is_jsonl,
            "{name}"
        );
    }
}
