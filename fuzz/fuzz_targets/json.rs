//! JSON: a row a line, arrays, wrapped lists, pages.

#![no_main]

use kable_bulk::source::FormatChoice;
use kable_bulk_fuzz::reading::{read_every_way, utf8};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| read_every_way("in.json", content, &utf8(FormatChoice::Json)));
