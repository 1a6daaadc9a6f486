//! The file of a value map, which a mapping file names.

#![no_main]

use kable_bulk::config::mapping_file::parse;
use libfuzzer_sys::fuzz_target;

const MAPPING: &str = "format = 1\n[fields.planIds]\nfrom = \"plan\"\nvalues-file = \"in.csv\"\n";

fuzz_target!(|content: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("in.csv"), content).expect("a temporary file");
    let _read = parse(MAPPING, Some(&folder.path().join("in.toml")));
});
