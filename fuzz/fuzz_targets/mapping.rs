//! A mapping file, and rows that it is applied to.

#![no_main]

use kable_bulk::config::mapping_file::parse;
use kable_bulk::domain::field::Field;
use kable_bulk::domain::row::Columns;
use kable_bulk_fuzz::checking::check_values;
use libfuzzer_sys::fuzz_target;

/// Columns that mapping files may name, besides the fields.
const OTHERS: [&str; 6] = ["id", "Name", "Email", "a", "b", "plan"];

/// Values of many kinds.
const VALUES: [&str; 12] = [
    "",
    " ",
    "c-1",
    "Ünal & Söhne, Straße 1",
    "usd",
    "pln_1;pln_2|pln_3",
    "=\"00123\"",
    "'+49 30 1234",
    "NULL",
    "a@b.example",
    "\u{1f600}\u{200b}\u{feff}İ",
    "2026-01-01T00:00:00Z",
];

fuzz_target!(|text: &str| {
    let Ok(file) = parse(text, None) else {
        return;
    };
    let fields = Field::ALL.iter().map(|field| field.name());
    let names = fields.chain(OTHERS).map(str::to_owned);
    let named = file.mapping.named_columns();
    for names in [names.collect(), named] {
        check_values(&Columns::table(names, "", b','), &VALUES, &file.mapping);
    }
});
