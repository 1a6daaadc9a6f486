//! The configuration file, `kable-bulk.toml`.

#![no_main]

use kable_bulk::cli::ConfigChoice;
use kable_bulk::config::{Environment, FileOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("kable-bulk.toml");
    std::fs::write(&path, content).expect("a temporary file");
    let choice = ConfigChoice {
        config: Some(path),
        no_config: false,
    };
    match FileOptions::read(&choice, &Environment::default()) {
        Ok(options) => {
            let _notes = options.notes("import", |_| false);
        }
        Err(error) => {
            let _shown = error.to_string();
        }
    }
});
