//! How the input is read and checked, and where results go.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{ConfigError, FileOptions, beside};
use crate::cli::{Format, PlanIds, ReadingOptions};
use crate::domain::field::Field;
use crate::domain::header::field_of_header;
use crate::domain::mapping::Mapping;
use crate::domain::rules::Rules;
use crate::source;

/// How the input is read and checked, and where results go.
#[derive(Debug)]
pub struct Reading {
    /// The inputs, patterns resolved.
    pub inputs: Vec<OsString>,
    /// How they are written.
    pub source: source::Settings,
    /// Which column feeds which field.
    pub mapping: Mapping,
    /// What values are checked against.
    pub rules: Rules,
    /// Only so many rows.
    pub limit: Option<u64>,
    /// Where results go.
    pub out: PathBuf,
}

/// Settles how the input is read.
pub fn reading(
    inputs: Vec<OsString>,
    typed: ReadingOptions,
    file: &mut FileOptions,
) -> Result<Reading, ConfigError> {
    let other = std::mem::take(&mut file.reading);
    let or = |typed: Vec<String>, other| if typed.is_empty() { other } else { typed };
    let delimiter = typed.delimiter.or(other.delimiter);
    let out = match typed.out.or(other.out) {
        Some(out) => out,
        None => beside(&inputs, ".results", "out")?,
    };
    Ok(Reading {
        source: source::Settings {
            format: match typed.format.or(other.format) {
                None | Some(Format::Auto) => source::FormatChoice::Auto,
                Some(Format::Csv) => source::FormatChoice::Csv,
                Some(Format::Jsonl) => source::FormatChoice::Jsonl,
            },
            delimiter: delimiter.as_deref().map(one_byte).transpose()?,
        },
        mapping: Mapping {
            columns: pairs("map", or(typed.map, other.map))?,
            constants: pairs("set", or(typed.set, other.set))?,
        },
        rules: Rules {
            strict: typed.strict.or(other.strict) == Some(true),
            allowed_currencies: currencies(or(typed.allow_currency, other.allow_currency))?,
            external_ids: typed.plan_ids.or(other.plan_ids) == Some(PlanIds::External),
            plans: None,
            bundles: None,
        },
        limit: typed.limit.or(other.limit),
        out,
        inputs,
    })
}

fn one_byte(text: &str) -> Result<u8, ConfigError> {
    match (text, text.as_bytes()) {
        ("\\t" | "tab", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err(ConfigError::Value {
            option: "delimiter",
            wrong: format!("{text:?} is not one character, wanted for example ';' or tab"),
        }),
    }
}

pub(super) fn pairs(
    option: &'static str,
    typed: Vec<String>,
) -> Result<Vec<(Field, String)>, ConfigError> {
    let mut pairs: Vec<(Field, String)> = Vec::new();
    for text in typed {
        let wrong = |wrong: String| ConfigError::Value { option, wrong };
        let Some((name, value)) = text.split_once('=') else {
            return Err(wrong(format!("{text:?} has no =, wanted FIELD=…")));
        };
        let field = Field::of_name(name)
            .or_else(|| field_of_header(name))
            .ok_or_else(|| {
                let names: Vec<&str> = Field::ALL.into_iter().map(Field::name).collect();
                wrong(format!(
                    "there is no field {name:?}, wanted one of {}",
                    names.join(" ")
                ))
            })?;
        if pairs.iter().any(|(other, _)| *other == field) {
            return Err(wrong(format!("{field} is named twice")));
        }
        pairs.push((field, value.to_owned()));
    }
    Ok(pairs)
}

fn currencies(typed: Vec<String>) -> Result<Vec<String>, ConfigError> {
    for code in &typed {
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(ConfigError::Value {
                option: "allow-currency",
                wrong: format!("{code:?} is no currency code, wanted three capital letters"),
            });
        }
    }
    Ok(typed)
}
