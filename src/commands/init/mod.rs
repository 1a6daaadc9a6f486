//! `kable-bulk init`: writes a mapping file from an input's header.
//!
//! - `draft.rs`: the text for an export that no preset knows

mod draft;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use self::draft::{of_unknown, undecided_currency, unused};
use super::command_line::TypedCommand;
use super::exit::Exit;
use super::fetched::opened;
use super::finish::print;
use super::hint::hinted;
use super::own_files::ResolvedInputs;
use super::progress_view::plain_view;
use crate::cli::{
    CheckOptions, DisplayOptions, InitOptions, InputOptions, ReadingOptions, RequestOptions,
    TargetOptions, UnsentOptions, ValidateOptions,
};
use crate::config::input::{InputSettings, input};
use crate::config::mapping::AUTO;
use crate::config::mapping_file::MappingFile;
use crate::config::presets::{Preset, recognised};
use crate::config::values::beside;
use crate::config::{ConfigError, Environment, FileOptions};
use crate::domain::field::Field;
use crate::domain::guesses::ColumnSample;
use crate::domain::mapping::{Binding, Mapping};
use crate::domain::object_address::without_secrets;
use crate::domain::row::{CellKind, Columns, ReadState, Row, Rows};
use crate::domain::text::{escaped, listed};
use crate::source::input::Input;
use crate::source::reader::InputReader;

/// How many rows are looked at.
const SAMPLED_ROWS: u64 = 200;

/// How many values of a column are looked at.
const SAMPLED_VALUES: usize = 20;

/// Writes a mapping file.
pub fn run(
    program: OsString,
    typed: &InitOptions,
    environment: &Environment,
) -> anyhow::Result<Exit> {
    let file = FileOptions::read(&typed.file, environment)?;
    let is_typed = |long: &str| types(typed, long);
    let is_quiet = file.display.quiet == Some(true);
    if !is_quiet {
        for note in file.notes("init", is_typed) {
            // Standard error may be closed; then the note is dropped.
            writeln!(std::io::stderr(), "{}", escaped(&note)).ok();
        }
    }
    let assignments = file.assignments.clone();
    let name = only_input(&typed.input)?;
    let to = target(typed, &name)?;
    let folder = std::env::temp_dir();
    let (preset, settings) = decided(typed, file, &name, &folder)
        .map_err(|error| error.located(&assignments, is_typed))?;
    let opened = opened(&name, &settings.source, &folder, &plain_view(is_quiet))?;
    let (columns, samples) = sampled(opened)?;
    let fitting = match preset {
        Some(preset) => vec![preset.read()?],
        None => recognised(&columns.names)?,
    };
    let text = match fitting.as_slice() {
        [preset] => of_preset(preset, &columns, &samples)?,
        _ => of_unknown(&samples),
    };
    let next = next_command(program, typed, &name, to.as_deref());
    let head = format!(
        "# Which column of {} feeds which field, by kable-bulk init. Decide what is marked\n\
         # DECIDE, then check with: {}\n",
        escaped(&without_secrets(&name).to_string_lossy()),
        escaped(&next),
    );
    let Some(path) = to else {
        print(&format!("{head}{text}"))?;
        return Ok(Exit::Done);
    };
    write_new(&path, &format!("{head}{text}"))?;
    let decisions = text
        .lines()
        .filter(|line| line.starts_with("# DECIDE"))
        .count();
    print(&report(&path, &fitting, decisions, &next))?;
    Ok(Exit::Done)
}

/// Whether the option `long` was typed.
fn types(typed: &InitOptions, long: &str) -> bool {
    match long {
        "preset" => typed.preset.is_some(),
        "format" => typed.format.is_some(),
        "delimiter" => typed.delimiter.is_some(),
        "encoding" => typed.encoding.is_some(),
        "sheet" => typed.sheet.is_some(),
        _other => false,
    }
}

/// The one file that was named, perhaps by a pattern.
fn only_input(typed: &OsString) -> anyhow::Result<OsString> {
    let names = ResolvedInputs::of(std::slice::from_ref(typed))?.names;
    match names.as_slice() {
        [name] => Ok(name.clone()),
        several => Err(hinted(
            format!(
                "{} files fit the pattern {}, wanted one",
                several.len(),
                typed.display()
            ),
            "name one of them: the others can be read with its mapping file if their columns are \
             the same",
        )),
    }
}

/// The preset to begin with, unless it is to be recognised, and how the input is read.
/// What the file says of the mapping is not read: it may name the file to be written.
fn decided(
    typed: &InitOptions,
    file: FileOptions,
    name: &OsString,
    folder: &Path,
) -> Result<(Option<Preset>, InputSettings), ConfigError> {
    let preset = typed.preset.clone().or(file.reading.preset);
    let preset = preset.filter(|name| name != AUTO);
    let known = preset.as_deref().map(Preset::of_name).transpose()?;
    let stored = ReadingOptions {
        format: file.reading.format,
        delimiter: file.reading.delimiter,
        encoding: file.reading.encoding,
        sheet: file.reading.sheet,
        ..ReadingOptions::default()
    };
    let reading = ReadingOptions {
        preset,
        out: Some(folder.to_owned()),
        ..how_to_read(typed)
    };
    let settings = input(vec![name.clone()], reading, stored)?;
    Ok((known, settings))
}

/// What was typed of how the input is read.
fn how_to_read(typed: &InitOptions) -> ReadingOptions {
    ReadingOptions {
        format: typed.format,
        delimiter: typed.delimiter.clone(),
        encoding: typed.encoding.clone(),
        sheet: typed.sheet.clone(),
        ..ReadingOptions::default()
    }
}

/// The command that checks the input `name` with the mapping file that is written to `to`.
fn next_command(
    program: OsString,
    typed: &InitOptions,
    name: &OsString,
    to: Option<&Path>,
) -> String {
    let mapping = to.map_or_else(|| PathBuf::from("FILE"), Path::to_owned);
    let options = ValidateOptions {
        input: InputOptions {
            inputs: vec![name.clone()],
            file: typed.file.clone(),
            reading: ReadingOptions {
                mapping: Some(mapping),
                ..how_to_read(typed)
            },
        },
        checks: CheckOptions::default(),
        target: TargetOptions::default(),
        requests: RequestOptions::default(),
        unsent: UnsentOptions::default(),
        display: DisplayOptions::default(),
    };
    TypedCommand { program, options }.line()
}

/// Where the mapping file is written; `None` is standard output.
fn target(typed: &InitOptions, name: &OsString) -> anyhow::Result<Option<PathBuf>> {
    match &typed.output {
        Some(path) if path.as_os_str() == "-" => Ok(None),
        Some(path) => Ok(Some(path.clone())),
        None => {
            let inputs = std::slice::from_ref(name);
            Ok(Some(beside(inputs, ".mapping.toml", "output")?))
        }
    }
}

/// Writes a file that must not exist yet.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = path.display();
    let created = std::fs::File::options()
        .write(true)
        .create_new(true)
        .open(path);
    match created {
        Ok(mut file) => file
            .write_all(text.as_bytes())
            .with_context(|| format!("cannot write {shown}")),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(hinted(
            format!("{shown} exists already"),
            "name another file with --output, or - for standard output",
        )),
        Err(error) => Err(error).with_context(|| format!("cannot write {shown}")),
    }
}

/// The columns of an input, and values of its first rows.
fn sampled(input: Input) -> anyhow::Result<(Columns, Vec<ColumnSample>)> {
    let mut rows = InputReader::new(Arc::from([input]), Some(SAMPLED_ROWS));
    let mut row = Row::default();
    let mut samples: Vec<ColumnSample> = Vec::new();
    let mut columns = Columns::open();
    while rows.next(&mut row)? {
        columns.clone_from(rows.columns());
        for name in columns.names.iter().skip(samples.len()) {
            samples.push(ColumnSample {
                name: name.clone(),
                values: Vec::new(),
                is_object: false,
            });
        }
        if row.state != ReadState::Good {
            continue;
        }
        for cell in row.cells() {
            let is_value = matches!(
                cell.kind,
                CellKind::Text | CellKind::Item | CellKind::Number
            );
            let Some(sample) = samples.get_mut(cell.column) else {
                continue;
            };
            sample.is_object |= cell.kind == CellKind::Object;
            if is_value && !cell.value.trim().is_empty() && sample.values.len() < SAMPLED_VALUES {
                sample.values.push(cell.value.to_owned());
            }
        }
    }
    Ok((columns, samples))
}

/// The preset as a mapping file, with what it leaves to decide for these columns.
fn of_preset(
    preset: &MappingFile,
    columns: &Columns,
    samples: &[ColumnSample],
) -> anyhow::Result<String> {
    let mut text = format!("#\n{}", Preset::of_name(&preset.name)?.text);
    let mut mapping = preset.mapping.clone();
    if mapping.rule(Field::Currency).is_none() {
        text.push_str(&undecided_currency(samples));
    }
    for field in Field::REQUIRED {
        // What is missing is decided in the file.
        if !has_default(&mapping, field) {
            mapping.set_constant(field, "");
        }
    }
    let binding = Binding::new(&mapping, columns, &preset.name)?;
    let left = binding.unused(columns);
    let fed: Vec<&str> = columns
        .names
        .iter()
        .map(String::as_str)
        .filter(|name| !left.iter().any(|left| left == name))
        .collect();
    text.push_str(&unused(samples, &fed));
    Ok(text)
}

fn has_default(mapping: &Mapping, field: Field) -> bool {
    mapping.constants.iter().any(|(of, _)| *of == field)
}

/// What was written, and what to do next.
fn report(path: &Path, fitting: &[MappingFile], decisions: usize, next: &str) -> String {
    let names: Vec<&str> = fitting.iter().map(|preset| preset.name.as_str()).collect();
    let base = match names.as_slice() {
        [] => "no preset fits this file: the columns were guessed".to_owned(),
        [name] => format!("it is the preset {name}, for you to change"),
        several => format!(
            "several presets fit this file ({}): choose one with --preset",
            listed(several, 5)
        ),
    };
    let decide = match decisions {
        0 => "nothing is left to decide".to_owned(),
        1 => "1 decision is left to you, marked DECIDE".to_owned(),
        many => format!("{many} decisions are left to you, marked DECIDE"),
    };
    format!(
        "Wrote {}; {base}.\n{decide}. Then:\n  {next}\n",
        path.display()
    )
}
