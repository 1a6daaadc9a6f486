//! What `init` and `presets` take.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::config_file::ConfigChoice;
use super::input::InputFormat;

/// Options of `init`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct InitOptions {
    /// The file whose columns are mapped
    #[arg(value_name = "INPUT")]
    pub input: OsString,
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigChoice,
    /// Where the mapping file is written; - for standard output [default: INPUT.mapping.toml]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Begins with this preset, whatever the columns are called; auto: with the one that fits them
    #[arg(long, value_name = "NAME|auto")]
    pub preset: Option<String>,
    /// How the input is written [default: auto]
    #[arg(long, value_enum)]
    pub format: Option<InputFormat>,
    /// What separates the cells of a CSV file [default: found]
    #[arg(long, value_name = "C")]
    pub delimiter: Option<String>,
    /// How letters are encoded, such as windows-1252 [default: found]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// The sheet of a workbook, by its name or its number [default: the one with customers]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
}

/// Options of `presets`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PresetsOptions {
    /// Prints this preset as a mapping file; without it, all are listed
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}
