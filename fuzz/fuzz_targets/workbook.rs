//! A workbook: a compound file, or the parts of an archive.

#![no_main]

use kable_bulk::source::FormatChoice;
use kable_bulk_fuzz::archive::archive_of;
use kable_bulk_fuzz::reading::{read_every_way, utf8};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let is_whole = [&b"PK"[..], b"\xd0\xcf\x11\xe0"]
        .iter()
        .any(|magic| content.starts_with(magic));
    let archive = (!is_whole).then(|| archive_of(content));
    let content = archive.as_deref().unwrap_or(content);
    read_every_way("in.xlsx", content, &utf8(FormatChoice::Xlsx));
});
