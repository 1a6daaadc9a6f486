//! A value of a file or of a variable, as people write it → the values that the
//! command line takes.
//!
//! A number may be written as text and text as a number, a list as a single value,
//! pairs as a table. Each value keeps its position for errors.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::options::OptionKind;
use crate::domain::nearest::{ALIKE_OPTIONS, nearest_above};

/// A value with its position in the text, in bytes.
pub(super) type PlacedValue = (OsString, usize);

/// How much of a value is quoted in an error, in characters.
const MOST_QUOTED: usize = 60;

/// A value that its option can't take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Its position in the text, in bytes.
    pub(super) at: usize,
    /// What it is, and what is wanted.
    pub(super) wrong: String,
}

/// An option of a file or of a variable.
#[derive(Debug, Clone, Copy)]
pub(super) struct OptionReader<'o> {
    /// The long name.
    pub(super) long: &'o str,
    /// What it takes.
    pub(super) kind: &'o OptionKind,
    /// The folder that paths are relative to.
    pub(super) folder: &'o Path,
}

impl OptionReader<'_> {
    /// The values that the command line takes. None, if the option is switched off
    /// that way.
    pub(super) fn values(
        &self,
        written: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<PlacedValue>, Misfit> {
        let value = written.get_ref();
        let misfit = |wanted: &str| misfit(self.long, written, wanted);
        let text = match self.kind {
            OptionKind::List { item } => return self.list(written, item),
            OptionKind::Switch => switch(value).ok_or_else(|| misfit("true or false"))?,
            OptionKind::Choice(choices) => self.choice(written, choices)?,
            OptionKind::Number => scalar(value)
                .filter(|text| text.parse::<u64>().is_ok())
                .ok_or_else(|| misfit("a whole number"))?,
            OptionKind::Path { is_switch } => match (value, is_switch) {
                (DeValue::Boolean(is_on), true) => is_on.to_string(),
                (DeValue::String(path), _) if !path.trim().is_empty() => {
                    return Ok(vec![(self.placed(path), written.span().start)]);
                }
                (_, true) => return Err(misfit("the path of a file, true or false")),
                (_, false) => return Err(misfit("a path, in quotes")),
            },
            OptionKind::Text => scalar(value).ok_or_else(|| misfit("text or a number"))?,
        };
        Ok(vec![(text.into(), written.span().start)])
    }

    /// A path relative to the folder of the file. An address and a word that switches
    /// the option on or off stay as they are.
    fn placed(&self, path: &str) -> OsString {
        let is_word = matches!(
            self.kind,
            OptionKind::Path { is_switch: true } if ["true", "false"].contains(&path)
        );
        if is_word || path.contains("://") {
            return path.into();
        }
        self.folder.join(path).into_os_string()
    }

    fn choice(&self, written: &Spanned<DeValue<'_>>, choices: &[String]) -> Result<String, Misfit> {
        let text = scalar(written.get_ref()).unwrap_or_default().to_lowercase();
        if choices.contains(&text) {
            return Ok(text);
        }
        let near = nearest_above(ALIKE_OPTIONS, &text, choices.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("; perhaps {near:?}"));
        let wanted = format!("one of {}{near}", choices.join(", "));
        Err(misfit(self.long, written, &wanted))
    }

    fn list(&self, written: &Spanned<DeValue<'_>>, item: &str) -> Result<Vec<PlacedValue>, Misfit> {
        let is_pair = item.contains('=');
        let wanted = if is_pair {
            format!("texts such as \"{item}\", or a table")
        } else {
            format!("one {item} or a list of them")
        };
        let text_of = |value: &Spanned<DeValue<'_>>| {
            let text = scalar(value.get_ref());
            let text = text.ok_or_else(|| misfit(self.long, value, &wanted))?;
            Ok((self.pair(&text), value.span().start))
        };
        let value = written.get_ref();
        if let Some(table) = value.as_table().filter(|_| is_pair) {
            return self.pairs(table, "");
        }
        match value.as_array() {
            Some(items) => items.iter().map(text_of).collect(),
            None => Ok(vec![text_of(written)?]),
        }
    }

    /// The values of a table, as `FIELD=VALUE`; tables in it are fields with a dot.
    fn pairs(&self, table: &DeTable<'_>, above: &str) -> Result<Vec<PlacedValue>, Misfit> {
        let mut pairs = Vec::new();
        for (key, value) in table {
            let field = format!("{above}{}", key.get_ref());
            if let Some(inner) = value.get_ref().as_table() {
                pairs.extend(self.pairs(inner, &format!("{field}."))?);
                continue;
            }
            let text = scalar(value.get_ref()).or_else(|| self.joined(value.get_ref()));
            let name = || format!("{}.{field}", self.long);
            let text = text.ok_or_else(|| misfit(&name(), value, "a text"))?;
            pairs.push((self.pair(&format!("{field}={text}")), key.span().start));
        }
        pairs.sort_by_key(|(_, at)| *at);
        Ok(pairs)
    }

    /// Several values for a field, such as plan ids, as they stand in a cell.
    fn joined(&self, value: &DeValue<'_>) -> Option<String> {
        let is_value = matches!(self.kind, OptionKind::List { item } if item == "FIELD=VALUE");
        let items = value.as_array().filter(|_| is_value)?;
        let texts: Option<Vec<String>> = items.iter().map(|item| scalar(item.get_ref())).collect();
        texts.map(|texts| texts.join(";"))
    }

    /// A text of a list; the path in `FIELD=FILE` relative to the folder.
    fn pair(&self, text: &str) -> OsString {
        match (self.kind, text.split_once('=')) {
            (OptionKind::List { item }, Some((field, path))) if item.ends_with("=FILE") => {
                let mut pair = OsString::from(format!("{field}="));
                pair.push(self.placed(path));
                pair
            }
            _ => text.into(),
        }
    }
}

/// The error about the value of `name`.
fn misfit(name: &str, written: &Spanned<DeValue<'_>>, wanted: &str) -> Misfit {
    let Range { start, .. } = written.span();
    Misfit {
        at: start,
        wrong: format!("{name} is {}, wanted {wanted}", shown(written.get_ref())),
    }
}

/// A value that is neither a list nor a table, as text.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(decimal(number)),
        DeValue::Float(number) => {
            let text = number.as_str();
            Some(text.strip_suffix(".0").unwrap_or(text).to_owned())
        }
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Boolean(is_on) => Some(is_on.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn decimal(number: &DeInteger<'_>) -> String {
    match i128::from_str_radix(number.as_str(), number.radix()) {
        Ok(value) => value.to_string(),
        Err(_) => number.as_str().to_owned(),
    }
}

/// On or off, as people write it.
fn switch(value: &DeValue<'_>) -> Option<String> {
    let text = scalar(value)?.to_lowercase();
    let is_on = match text.as_str() {
        "true" | "yes" | "on" | "1" => true,
        "false" | "no" | "off" | "0" => false,
        _other => return None,
    };
    Some(is_on.to_string())
}

/// A value as it is quoted in an error. What looks like a secret is not.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.trim_start().starts_with("sk_") => "a secret".to_owned(),
        DeValue::String(text) => {
            let start: String = text.chars().take(MOST_QUOTED).collect();
            let cut = if start.len() < text.len() { "…" } else { "" };
            format!("{start:?}{cut}")
        }
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            scalar(value).unwrap_or_default()
        }
    }
}
