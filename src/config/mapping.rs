//! The options that say which column feeds which field, as one mapping.
//!
//! A mapping file adds to a preset and beats it, the other options beat both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{ConfigError, value_error};
use super::mapping_file::{self, MappingFile, field_of, read_values, set_default};
use super::presets::{Preset, known_columns};
use crate::domain::currency;
use crate::domain::field::Field;
use crate::domain::mapping::Mapping;

/// The word for the preset that the columns are recognised as.
pub const AUTO: &str = "auto";

/// The options, as they were given.
#[derive(Debug, Default)]
pub(super) struct MappingOptions {
    pub(super) preset: Option<String>,
    pub(super) file: Option<PathBuf>,
    pub(super) map: Vec<String>,
    pub(super) set: Vec<String>,
    pub(super) values: Vec<String>,
    pub(super) skip: Vec<String>,
    pub(super) no_skip: Vec<String>,
    pub(super) accept_short_rows: Option<bool>,
}

/// Which column feeds which field.
#[derive(Debug, Clone)]
pub struct MappingSettings {
    preset: PresetChoice,
    /// What the file and the options say.
    over: Mapping,
    /// Row filters that are switched on.
    skip: Vec<String>,
    /// Row filters that are switched off.
    no_skip: Vec<String>,
    /// The currency of `--set`.
    set_currency: Option<String>,
}

/// The preset that is used.
#[derive(Debug, Clone)]
enum PresetChoice {
    Unnamed,
    Auto,
    Named(Box<MappingFile>),
}

impl MappingSettings {
    pub(super) fn of(options: MappingOptions) -> Result<Self, ConfigError> {
        let preset = match options.preset.as_deref() {
            None => PresetChoice::Unnamed,
            Some(AUTO) => PresetChoice::Auto,
            Some(name) => PresetChoice::Named(Box::new(Preset::of_name(name)?.read()?)),
        };
        let mut over = Mapping::default();
        if let Some(path) = options.file {
            over.add(mapping_file::read(&path)?.mapping);
        }
        for (field, column) in pairs("map", options.map)? {
            over.set_column(field, &column);
        }
        for (field, file) in pairs("values", options.values)? {
            let values = read_values(Path::new(&file)).map_err(value_error("values"))?;
            over.rule_mut(field).values = Some(Arc::new(values));
        }
        let mut set_currency = None;
        for (field, text) in pairs("set", options.set)? {
            if field == Field::Currency && !text.starts_with('@') {
                set_currency = Some(text.clone());
            }
            set_default(&mut over, field, &text).map_err(value_error("set"))?;
        }
        let accept = options.accept_short_rows;
        over.input.accept_short_rows = accept.or(over.input.accept_short_rows);
        let settings = Self {
            preset,
            over,
            skip: options.skip,
            no_skip: options.no_skip,
            set_currency,
        };
        if !settings.is_auto() {
            settings.mapping(None)?;
        }
        Ok(settings)
    }

    /// Whether the preset is that which the columns are recognised as.
    pub fn is_auto(&self) -> bool {
        matches!(self.preset, PresetChoice::Auto)
    }

    /// The preset that is named.
    pub fn preset_name(&self) -> Option<&str> {
        match &self.preset {
            PresetChoice::Named(file) => Some(&file.name),
            PresetChoice::Auto | PresetChoice::Unnamed => None,
        }
    }

    /// Refuses a currency of `--set` that Kable does not take: no row could have it.
    pub(super) fn check_currency(&self, allowed: &[String]) -> Result<(), ConfigError> {
        let wrong = self.set_currency.as_ref();
        match wrong.and_then(|value| currency::objection(value, allowed)) {
            Some(wrong) => Err(value_error("set")(wrong)),
            None => Ok(()),
        }
    }

    /// Whether nothing but the names of columns says what feeds what, so that a preset
    /// may be proposed.
    pub fn is_open(&self) -> bool {
        matches!(self.preset, PresetChoice::Unnamed) && !self.names_columns()
    }

    /// Whether the user says which columns feed fields, other than by a preset, which is
    /// for one export only.
    pub fn names_columns(&self) -> bool {
        !self.over.columns.is_empty() || !self.over.rules.is_empty()
    }

    /// The columns that a header is likely to have.
    pub(super) fn known_columns(&self) -> Result<Vec<String>, ConfigError> {
        let mut known = match &self.preset {
            PresetChoice::Named(file) => file.mapping.named_columns(),
            PresetChoice::Auto | PresetChoice::Unnamed => known_columns()?,
        };
        known.extend(self.over.named_columns());
        Ok(known)
    }

    /// What all of it says together, with the preset that was recognised.
    pub fn mapping(&self, recognised: Option<MappingFile>) -> Result<Mapping, ConfigError> {
        let preset = match &self.preset {
            PresetChoice::Named(file) => Some((**file).clone()),
            PresetChoice::Auto | PresetChoice::Unnamed => recognised,
        };
        let mut mapping = preset.map(|file| file.mapping).unwrap_or_default();
        mapping.add(self.over.clone());
        for (option, names, on) in [
            ("skip", &self.skip, true),
            ("no-skip", &self.no_skip, false),
        ] {
            for name in names {
                if !mapping.switch_filter(name, on) {
                    let wrong = unknown_filter(&mapping, name);
                    return Err(ConfigError::Value { option, wrong });
                }
            }
        }
        Ok(mapping)
    }
}

fn unknown_filter(mapping: &Mapping, name: &str) -> String {
    let names: Vec<&str> = mapping.filters.iter().map(|filter| &*filter.name).collect();
    if names.is_empty() {
        return format!("there is no row filter {name:?}: a mapping file or a preset has them");
    }
    format!(
        "there is no row filter {name:?}, wanted one of {}",
        names.join(", ")
    )
}

/// The fields of `option` and what each is given.
pub(super) fn pairs(
    option: &'static str,
    typed: Vec<String>,
) -> Result<Vec<(Field, String)>, ConfigError> {
    let mut pairs: Vec<(Field, String)> = Vec::new();
    for text in typed {
        let wrong = value_error(option);
        let Some((name, value)) = text.split_once('=') else {
            return Err(wrong(format!("{text:?} has no =, wanted FIELD=…")));
        };
        let field = field_of(name).map_err(&wrong)?;
        if pairs.iter().any(|(other, _)| *other == field) {
            return Err(wrong(format!("{field} is named twice")));
        }
        pairs.push((field, value.to_owned()));
    }
    Ok(pairs)
}
