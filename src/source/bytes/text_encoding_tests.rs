use std::fmt::Write;
use std::fs::File;
use std::io::Write as _;

use encoding_rs::Encoding;

use super::{EncodingSource, TextEncoding};
use crate::source::bytes::encoding_label::encoding_of;

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn detected(bytes: &[u8], given: Option<&'static Encoding>) -> Option<TextEncoding> {
    let start = &bytes[..bytes.len().min(64 << 10)];
    TextEncoding::detect(&mut file(bytes), start, given).unwrap()
}

/// The name of what is detected, `None` for UTF-8.
fn name(bytes: &[u8]) -> Option<String> {
    detected(bytes, None).map(|found| found.name())
}

fn encoded(text: &str, label: &str) -> Vec<u8> {
    let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
    match label {
        "utf-16le" => wide(u16::to_le_bytes),
        "utf-16be" => wide(u16::to_be_bytes),
        _ => {
            let (bytes, _, spoilt) = encoding_of(label).unwrap().encode(text);
            assert!(!spoilt, "{text} is not in {label}");
            bytes.into_owned()
        }
    }
}

/// An encoding, its name, and names of companies that it can hold.
const COMPANIES: &[(&str, &str, &[&str])] = &[
    (
        "windows-1252",
        "Windows-1252",
        &["Müller GmbH", "Bäckerei Groß", "Öztürk KG"],
    ),
    (
        "windows-1252",
        "Windows-1252",
        &["Société Générale d'Été", "Pâtisserie Noël", "Garçon"],
    ),
    (
        "windows-1252",
        "Windows-1252",
        &["Año Nuevo S.A.", "Muñoz y Peña", "Compañía"],
    ),
    (
        "windows-1252",
        "Windows-1252",
        &["Smørrebrød ApS", "Åse Ærlig", "Blåbær"],
    ),
    (
        "windows-1252",
        "Windows-1252",
        &["Ações São João Ltda", "Conceição"],
    ),
    (
        "windows-1252",
        "Windows-1252",
        &["Zürich", "Price 5 €", "It’s “fine”"],
    ),
    ("windows-1252", "Windows-1252", &["Müller"]),
    (
        "windows-1250",
        "Windows-1250",
        &["Żółć Łódź Sp. z o.o.", "Gęśla jaźń", "Kraków Śródmieście"],
    ),
    (
        "windows-1250",
        "Windows-1250",
        &["Příliš žluťoučký kůň", "Škoda Plzeň", "Dvořák"],
    ),
    (
        "iso-8859-2",
        "ISO-8859-2",
        &["Żółć Łódź Sp. z o.o.", "Gęśla jaźń", "Kraków Śródmieście"],
    ),
    (
        "windows-1251",
        "Windows-1251",
        &["Общество Ромашка", "Газпром нефть", "Москва Строй"],
    ),
    (
        "koi8-r",
        "KOI8-U",
        &["Общество Ромашка", "Газпром нефть", "Москва Строй"],
    ),
    (
        "windows-1253",
        "Windows-1253",
        &["Ελληνική Εταιρεία", "Αθήνα Εμπορική", "Θεσσαλονίκη"],
    ),
    (
        "windows-1254",
        "Windows-1254",
        &["İstanbul Şirketi", "Güneş Işık", "Çağdaş Ağ"],
    ),
    (
        "shift_jis",
        "Shift_JIS",
        &["株式会社テスト", "東京商事", "サンプル工業"],
    ),
    (
        "euc-jp",
        "EUC-JP",
        &["株式会社テスト", "東京商事", "サンプル工業"],
    ),
    (
        "gbk",
        "GBK",
        &["北京科技有限公司", "上海贸易", "广州进出口"],
    ),
    (
        "big5",
        "Big5",
        &["台北科技股份有限公司", "貿易公司", "電子工業"],
    ),
    (
        "euc-kr",
        "EUC-KR",
        &["서울 주식회사", "한국 무역", "부산 전자"],
    ),
    ("utf-16le", "UTF-16LE", &["Müller GmbH", "Plain"]),
    ("utf-16be", "UTF-16BE", &["Müller GmbH", "Plain"]),
];

/// A table with these names of companies.
fn table(names: &[&str]) -> String {
    let mut table = "clientId,companyName,currency\r\n".to_owned();
    for (number, name) in names.iter().enumerate() {
        write!(table, "c-{number},{name},USD\r\n").unwrap();
    }
    table
}

#[test]
fn the_encodings_of_tables_in_many_languages_are_found() {
    for (label, name_of_it, names) in COMPANIES {
        let bytes = encoded(&table(names), label);
        assert_eq!(name(&bytes).as_deref(), Some(*name_of_it), "{names:?}");
    }
}

#[test]
fn utf_8_is_read_as_it_is() {
    for text in [
        table(&["Plain"]),
        table(&["Müller", "株式会社テスト"]),
        String::new(),
    ] {
        assert_eq!(name(text.as_bytes()), None);
        assert_eq!(name(&[b"\xef\xbb\xbf", text.as_bytes()].concat()), None);
    }
    let broken = [
        table(&["Müller", "Groß"]).as_bytes(),
        b"c-9,Stra\xdfe,USD\n",
    ]
    .concat();
    assert_eq!(
        name(&broken),
        None,
        "a broken byte is the problem of its row"
    );
    // As many letters of UTF-8 as others.
    for (letters, others) in [
        ("ü", &b"\xfc"[..]),
        ("üß", b"a\xfc b\xdf"),
        ("株式", b"\xe9t\xe9"),
    ] {
        let tie = [table(&[letters]).as_bytes(), b"c-9,", others, b",USD\n"].concat();
        assert_eq!(name(&tie), None, "{letters}");
        let more = [&tie[..], b"c-10,M\xfcller,USD\n"].concat();
        assert!(name(&more).is_some(), "{letters}");
    }
}

#[test]
fn the_first_letter_beyond_ascii_may_stand_anywhere() {
    let plain = table(&vec!["Plain"; 9000]);
    assert!(plain.len() > 2 * (64 << 10));
    assert_eq!(name(plain.as_bytes()), None);
    let late = |letters: &[u8]| name(&[plain.as_bytes(), b"c-x,", letters, b",USD\n"].concat());
    assert_eq!(late("Müller".as_bytes()), None);
    assert_eq!(late(b"M\xfcller").as_deref(), Some("Windows-1252"));
    // A letter that the first look cuts in two.
    let cut = [&plain.as_bytes()[..(64 << 10) - 1], "ü,USD\n".as_bytes()].concat();
    assert_eq!(name(&cut), None);
}

#[test]
fn a_mark_beats_what_is_given_and_that_beats_a_guess() {
    let gbk = encoding_of("gbk").ok();
    let given = |bytes: &[u8]| detected(bytes, gbk).map(|found| (found.name(), found.source));
    let marked = given(b"\xff\xfea\0");
    assert_eq!(marked, Some(("UTF-16LE".to_owned(), EncodingSource::Mark)));
    assert_eq!(given(b"\xef\xbb\xbfa"), None);
    assert_eq!(
        given(b"plain"),
        Some(("GBK".to_owned(), EncodingSource::Given))
    );
    assert_eq!(detected(b"M\xfcller", encoding_of("utf-8").ok()), None);
    let wide = encoded("a,b\n", "utf-16be");
    assert_eq!(
        detected(&wide, encoding_of("utf-16").ok()).unwrap().name(),
        "UTF-16BE"
    );
}

#[test]
fn it_says_how_sure_it_is_and_shows_a_word() {
    let few = detected(&encoded(&table(&["Müller"]), "windows-1252"), None).unwrap();
    assert_eq!(
        few.described(),
        "read as Windows-1252 (a guess, with words such as Müller; say --encoding NAME if names look wrong)"
    );
    let names = [
        "Bäckerei Groß",
        "Öztürk",
        "Jäger",
        "Schröder",
        "Köln",
        "Nürnberg",
    ];
    let many = encoded(&table(&[names, names].concat()), "windows-1252");
    assert_eq!(
        detected(&many, None).unwrap().source,
        EncodingSource::Likely
    );
}

/// The detector takes it for Windows-1252.
#[test]
fn mac_roman_is_told_from_windows() {
    let names = [
        "Müller Größe",
        "Société Générale",
        "Köln",
        "Señor Núñez",
        "Århus",
        "L’Oréal",
    ];
    let text = table(&names);
    let mac: Vec<u8> = text.chars().map(in_mac_roman).collect();
    let found = detected(&mac, None).unwrap();
    assert_eq!(
        (found.name().as_str(), found.source),
        ("macintosh", EncodingSource::Likely)
    );
    // A few signs within words are no reason for it.
    let names = [&names[..], &names[..], &["a§b", "c§d"]].concat();
    let found = detected(&encoded(&table(&names), "windows-1252"), None).unwrap();
    assert_eq!(
        (found.name().as_str(), found.source),
        ("Windows-1252", EncodingSource::Guess)
    );
}

/// The byte that `letter` is in Mac Roman, which `encoding_rs` only reads.
fn in_mac_roman(letter: char) -> u8 {
    let is_it = |byte: &u8| {
        let (text, _) =
            encoding_rs::MACINTOSH.decode_without_bom_handling(std::slice::from_ref(byte));
        text.chars().eq([letter])
    };
    (0..=u8::MAX).find(is_it).unwrap()
}
