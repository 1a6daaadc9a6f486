//! The mapping file: TOML text → what it says of columns and rows.
//!
//! `docs/mapping.md` describes the format; `docs/mapping.schema.json` is the same for
//! editors. Nothing in a mapping file runs code, and it names no other file than those
//! of its value maps.
//!
//! - `toml_view.rs`: values of TOML with their lines
//! - `keys.rs`: the keys of each table
//! - `field_names.rs`: fields by their names
//! - `fields.rs`: `[fields.NAME]`
//! - `conditions.rs`: `when`
//! - `row_rules.rs`: `[input]`, `[[skip]]`, `[[warn]]`, `[recognise]`
//! - `defaults.rs`: defaults, also those of `--set`
//! - `value_files.rs`: value maps in CSV files

mod conditions;
mod defaults;
mod field_names;
mod fields;
pub mod keys;
mod row_rules;
mod toml_view;
mod value_files;

use std::path::Path;

pub(super) use self::defaults::set_default;
pub(super) use self::field_names::field_of;
pub(super) use self::value_files::read_values;

use self::fields::{FileContext, add_field};
use self::row_rules::{filter, input, recognition, warning};
use self::toml_view::{TomlError, TomlView, parse_table};
use super::error::ConfigError;
use crate::domain::field::Field;
use crate::domain::mapping::{Mapping, Recognition};

/// The format that this program reads.
const FORMAT: &str = "1";

/// What a mapping file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappingFile {
    /// The name of a preset; empty in other files.
    pub name: String,
    /// What a preset is for, in one line.
    pub title: String,
    /// The header that a preset is recognised by.
    pub recognise: Recognition,
    /// What it says of columns and rows.
    pub mapping: Mapping,
}

/// Reads the mapping file at `path`.
pub fn read(path: &Path) -> Result<MappingFile, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, Some(path)).map_err(|wrong| ConfigError::Mapping {
        path: path.display().to_string(),
        wrong,
    })
}

/// Reads the text of a mapping file; `path` is where it stands, `None` if it is built
/// in. An error begins with the line.
pub fn parse(text: &str, path: Option<&Path>) -> Result<MappingFile, String> {
    let parsed = parse_table(text).map_err(|error| error.to_string())?;
    let file = TomlView::of(text, &parsed);
    mapping_file(&file, path).map_err(|error| error.to_string())
}

fn mapping_file(file: &TomlView<'_>, path: Option<&Path>) -> Result<MappingFile, TomlError> {
    file.demand_keys(&keys::FILE, "a mapping file")?;
    match file.text("format")?.as_deref() {
        Some(FORMAT) => {}
        Some(other) => {
            let wrong = format!("this is format {other}, and this program reads format {FORMAT}");
            return Err(file.wrong("format", wrong));
        }
        None => return Err(file.error(format!("the file has no format, wanted format = {FORMAT}"))),
    }
    let recognise = file.table("recognise")?;
    let context = FileContext {
        path,
        optional: recognise.is_some(),
    };
    let mut mapping = Mapping::default();
    if let Some(table) = file.table("input")? {
        mapping.input = input(&table)?;
    }
    if let Some(fields) = file.table("fields")? {
        let mut named: Vec<(Field, String)> = Vec::new();
        for (name, table) in fields.tables_by_key()? {
            let field = field_of(&name).map_err(|wrong| table.error(wrong))?;
            if let Some((_, first)) = named.iter().find(|(known, _)| *known == field) {
                let wrong = format!(
                    "[fields.{name}] is {field}, which [fields.{first}] is too, wanted one of them"
                );
                return Err(table.error(wrong));
            }
            add_field(&mut mapping, (field, &name), &table, &context)?;
            named.push((field, name));
        }
    }
    for table in file.tables("skip")? {
        let filter = filter(&table, context.optional)?;
        if mapping
            .filters
            .iter()
            .any(|known| known.name == filter.name)
        {
            let wrong = format!("two row filters are called {:?}", filter.name);
            return Err(table.wrong("name", wrong));
        }
        mapping.filters.push(filter);
    }
    for table in file.tables("warn")? {
        mapping.warnings.push(warning(&table, context.optional)?);
    }
    Ok(MappingFile {
        name: file.text("name")?.unwrap_or_default(),
        title: file.text("title")?.unwrap_or_default(),
        recognise: recognise
            .map_or_else(|| Ok(Recognition::default()), |table| recognition(&table))?,
        mapping,
    })
}

#[cfg(test)]
mod tests;
