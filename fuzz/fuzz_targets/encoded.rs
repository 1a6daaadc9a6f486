//! A file without an ending: everything about it is detected.

#![no_main]

use kable_bulk::source::Settings;
use kable_bulk_fuzz::reading::read_every_way;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| read_every_way("in", content, &Settings::default()));
