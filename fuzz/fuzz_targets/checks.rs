//! The checks of rows, with the presets that recognise the columns.

#![no_main]

use kable_bulk_fuzz::checking::check_input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| check_input(content));
