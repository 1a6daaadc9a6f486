//! How the input is read and checked, and where results go.

use std::ffi::OsString;
use std::path::PathBuf;

use encoding_rs::Encoding;

use super::error::{ConfigError, value_error};
use super::mapping::{MappingOptions, MappingSettings, pairs};
use super::values::beside;
use crate::cli::{InputFormat, PlanIds, ReadingOptions, ShortRowHandling};
use crate::domain::field::FieldSet;
use crate::domain::object_address::is_address;
use crate::domain::rules::Rules;
use crate::source;
use crate::source::bytes::encoding_label::encoding_of;

/// How the input is read and checked, and where results go.
#[derive(Debug)]
pub struct InputSettings {
    /// The inputs, with patterns resolved.
    pub inputs: Vec<OsString>,
    /// How they are written.
    pub source: source::Settings,
    /// Which column feeds which field.
    pub mapping: MappingSettings,
    /// What values are checked against.
    pub rules: Rules,
    /// Read only so many rows.
    pub limit: Option<u64>,
    /// Show for so many rows where each value came from.
    pub explain: u64,
    /// Where results go.
    pub out: PathBuf,
}

impl InputSettings {
    /// The same; an error if API `keys` are to be written and no folder is named that stays.
    pub fn keeping(self, keys: bool) -> Result<Self, ConfigError> {
        if keys && is_address(self.out.as_os_str()) {
            return Err(value_error("out")(
                "API keys (--keys) are returned only once, and are written while rows are sent: wanted a folder on a disk that lasts",
            ));
        }
        Ok(self)
    }
}

/// Decides how `inputs` are read.
pub fn input(
    inputs: Vec<OsString>,
    typed: ReadingOptions,
    file: ReadingOptions,
) -> Result<InputSettings, ConfigError> {
    let or = |typed: Vec<String>, file| if typed.is_empty() { file } else { typed };
    let delimiter = typed.delimiter.or(file.delimiter);
    let encoding = typed.encoding.or(file.encoding);
    let out = match typed.out.or(file.out) {
        Some(out) => out,
        None => beside(&inputs, ".results", "out")?,
    };
    let mapping = MappingSettings::of(MappingOptions {
        preset: typed.preset.or(file.preset),
        file: typed.mapping.or(file.mapping),
        map: or(typed.map, file.map),
        set: or(typed.set, file.set),
        values: or(typed.values, file.values),
        skip: or(typed.skip, file.skip),
        no_skip: or(typed.no_skip, file.no_skip),
        accept_short_rows: typed.short_rows.or(file.short_rows).map(|how| match how {
            ShortRowHandling::Accept => true,
            ShortRowHandling::Reject => false,
        }),
    })?;
    let allowed_currencies = currencies(&or(typed.allow_currency, file.allow_currency))?;
    mapping.check_currency(&allowed_currencies)?;
    Ok(InputSettings {
        source: source::Settings {
            format: match typed.format.or(file.format) {
                None | Some(InputFormat::Auto) => source::FormatChoice::Auto,
                Some(InputFormat::Csv) => source::FormatChoice::Csv,
                Some(InputFormat::Jsonl | InputFormat::Json) => source::FormatChoice::Json,
                Some(InputFormat::Xlsx) => source::FormatChoice::Xlsx,
            },
            delimiter: delimiter.as_deref().map(one_byte).transpose()?,
            encoding: encoding.as_deref().map(encoding_named).transpose()?,
            sheet: typed.sheet.or(file.sheet),
            columns: mapping.known_columns()?.into(),
        },
        mapping,
        rules: Rules {
            strict: typed.strict.or(file.strict) == Some(true),
            allowed_currencies,
            external_ids: typed.plan_ids.or(file.plan_ids) == Some(PlanIds::External),
            cleared: FieldSet::default(),
            plans: None,
            bundles: None,
        },
        limit: typed.limit.or(file.limit),
        explain: typed.explain.or(file.explain).unwrap_or_default(),
        out,
        inputs,
    })
}

/// Refuses values that can't be used, without opening what they name.
pub(super) fn check_reading(options: &ReadingOptions) -> Result<(), ConfigError> {
    options.delimiter.as_deref().map(one_byte).transpose()?;
    options
        .encoding
        .as_deref()
        .map(encoding_named)
        .transpose()?;
    currencies(&options.allow_currency)?;
    pairs("values", options.values.clone())?;
    let mapping = MappingOptions {
        preset: options.preset.clone(),
        map: options.map.clone(),
        set: options.set.clone(),
        ..MappingOptions::default()
    };
    MappingSettings::of(mapping).map(drop)
}

fn encoding_named(name: &str) -> Result<&'static Encoding, ConfigError> {
    encoding_of(name).map_err(value_error("encoding"))
}

fn one_byte(text: &str) -> Result<u8, ConfigError> {
    match (text, text.as_bytes()) {
        ("\\t" | "tab", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err(value_error("delimiter")(format!(
            "{text:?} is not one character, wanted for example ';' or tab"
        ))),
    }
}

/// The codes, each by itself or several in one text: `CHF, SEK`.
fn currencies(typed: &[String]) -> Result<Vec<String>, ConfigError> {
    let codes: Vec<String> = typed
        .iter()
        .flat_map(|codes| codes.split([',', ' ']))
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect();
    if typed.iter().any(|codes| codes.trim().is_empty()) {
        return Err(value_error("allow-currency")("it is empty"));
    }
    for code in &codes {
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(value_error("allow-currency")(format!(
                "{code:?} is no currency code, wanted three capital letters"
            )));
        }
    }
    Ok(codes)
}
