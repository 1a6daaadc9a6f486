//! A table, whatever its first bytes look like.

#![no_main]

use kable_bulk::source::FormatChoice;
use kable_bulk_fuzz::reading::{read_every_way, utf8};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| read_every_way("in.csv", content, &utf8(FormatChoice::Csv)));
