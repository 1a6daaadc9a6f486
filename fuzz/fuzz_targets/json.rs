#![no_main]

use kable_bulk::source::{FormatChoice, Settings};
use kable_bulk_fuzz::read_every_way;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let settings = Settings {
        format: FormatChoice::Auto,
        ..Settings::default()
    };
    read_every_way("in.json", content, &settings);
});
