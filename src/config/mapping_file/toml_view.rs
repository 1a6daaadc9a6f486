//! Values of TOML with their lines, read one by one with errors in plain words.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::nearest::nearest;

/// What is wrong in a text of TOML, and on which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TomlError {
    line: usize,
    wrong: String,
}

impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.wrong)
    }
}

/// Parses `text`.
pub(super) fn parse_table(text: &str) -> Result<DeTable<'_>, TomlError> {
    match DeTable::parse(text) {
        Ok(table) => Ok(table.into_inner()),
        Err(error) => Err(TomlError {
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            wrong: error.message().to_owned(),
        }),
    }
}

/// The line of the byte at `place`, counted from 1.
fn line_at(text: &str, place: usize) -> usize {
    let before = text.bytes().take(place);
    1 + before.filter(|byte| *byte == b'\n').count()
}

/// A table of a text of TOML.
#[derive(Debug, Clone, Copy)]
pub(super) struct TomlView<'t> {
    text: &'t str,
    table: &'t DeTable<'t>,
    place: usize,
}

/// A value that is no table, or not only.
#[derive(Debug, Clone, Copy)]
pub(super) struct TomlItem<'t> {
    text: &'t str,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> TomlView<'t> {
    /// The whole file.
    pub(super) fn of(text: &'t str, table: &'t DeTable<'t>) -> Self {
        Self {
            text,
            table,
            place: 0,
        }
    }

    /// An error of the table as a whole.
    pub(super) fn error(&self, wrong: impl Into<String>) -> TomlError {
        TomlError {
            line: line_at(self.text, self.place),
            wrong: wrong.into(),
        }
    }

    /// An error of `key`.
    pub(super) fn wrong(&self, key: &str, wrong: impl Into<String>) -> TomlError {
        let place = self.table.get_key_value(key);
        TomlError {
            line: line_at(
                self.text,
                place.map_or(self.place, |(key, _)| key.span().start),
            ),
            wrong: wrong.into(),
        }
    }

    /// Refuses keys other than `known`, which those of `what` are.
    pub(super) fn demand_keys(&self, known: &[&str], what: &str) -> Result<(), TomlError> {
        for (key, _) in self.entries() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let wanted = match nearest(name, known.iter().copied()) {
                Some(near) => format!("perhaps {near}"),
                None => format!("wanted one of {}", known.join(", ")),
            };
            return Err(self.wrong(name, format!("{what} has no key {name:?}, {wanted}")));
        }
        Ok(())
    }

    /// Whether it has `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of `key`.
    pub(super) fn item(&self, key: &str) -> Option<TomlItem<'t>> {
        let value = self.table.get(key)?;
        Some(TomlItem {
            text: self.text,
            value,
        })
    }

    /// The text of `key`.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, TomlError> {
        self.item(key).map(|item| item.text(key)).transpose()
    }

    /// The switch `key`.
    pub(super) fn switch(&self, key: &str) -> Result<Option<bool>, TomlError> {
        let Some(item) = self.item(key) else {
            return Ok(None);
        };
        if let DeValue::Boolean(is_on) = item.value.get_ref() {
            return Ok(Some(*is_on));
        }
        let kind = kind_name(item.value.get_ref());
        Err(item.error(format!("{key} is {kind}, wanted true or false")))
    }

    /// One of the words that `key` may be.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, TomlError> {
        let Some(word) = self.text(key)? else {
            return Ok(None);
        };
        let known = choices.iter().find(|(known, _)| *known == word);
        let words: Vec<String> = choices
            .iter()
            .map(|(word, _)| format!("{word:?}"))
            .collect();
        match known {
            Some((_, choice)) => Ok(Some(*choice)),
            None => Err(self.wrong(
                key,
                format!("{key} is {word:?}, wanted {}", words.join(" or ")),
            )),
        }
    }

    /// The texts of `key`: a list, or one alone.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, TomlError> {
        self.item(key).map(|item| item.texts(key)).transpose()
    }

    /// The table `key`.
    pub(super) fn table(&self, key: &str) -> Result<Option<Self>, TomlError> {
        self.item(key).map(|item| item.table(key)).transpose()
    }

    /// The tables of the list `key`; none if it is absent.
    pub(super) fn tables(&self, key: &str) -> Result<Vec<Self>, TomlError> {
        let Some(item) = self.item(key) else {
            return Ok(Vec::new());
        };
        item.items(key)?
            .into_iter()
            .map(|item| item.table(key))
            .collect()
    }

    /// All its keys, each of which is a table, in the order of the file.
    pub(super) fn tables_by_key(&self) -> Result<Vec<(String, Self)>, TomlError> {
        let tables = self.entries().into_iter().map(|(key, value)| {
            let name = key.get_ref().as_ref();
            let item = TomlItem {
                text: self.text,
                value,
            };
            let mut table = item.table(name)?;
            table.place = key.span().start;
            Ok((name.to_owned(), table))
        });
        tables.collect()
    }

    /// All its keys with their texts, in the order of the file.
    pub(super) fn texts_by_key(&self) -> Result<Vec<(String, String)>, TomlError> {
        let texts = self.entries().into_iter().map(|(key, value)| {
            let name = key.get_ref().as_ref();
            let item = TomlItem {
                text: self.text,
                value,
            };
            Ok((name.to_owned(), item.text(name)?))
        });
        texts.collect()
    }

    fn entries(
        &self,
    ) -> Vec<(
        &'t Spanned<toml::de::DeString<'t>>,
        &'t Spanned<DeValue<'t>>,
    )> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }
}

impl<'t> TomlItem<'t> {
    /// An error of the value.
    pub(super) fn error(&self, wrong: impl Into<String>) -> TomlError {
        TomlError {
            line: line_at(self.text, self.value.span().start),
            wrong: wrong.into(),
        }
    }

    /// Whether it is a table.
    pub(super) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// Its text: also that of a number or a switch, as it is written.
    pub(super) fn text(&self, name: &str) -> Result<String, TomlError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) => Ok(number.to_string()),
            DeValue::Float(number) => Ok(number.to_string()),
            DeValue::Boolean(is_on) => Ok(is_on.to_string()),
            other @ (DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_)) => {
                Err(self.error(format!("{name} is {}, wanted a text", kind_name(other))))
            }
        }
    }

    /// Its texts: a list, or one alone.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, TomlError> {
        let items = self.items(name)?;
        items.into_iter().map(|item| item.text(name)).collect()
    }

    /// Its table.
    pub(super) fn table(&self, name: &str) -> Result<TomlView<'t>, TomlError> {
        if let DeValue::Table(table) = self.value.get_ref() {
            return Ok(TomlView {
                text: self.text,
                table,
                place: self.value.span().start,
            });
        }
        let kind = kind_name(self.value.get_ref());
        Err(self.error(format!("{name} is {kind}, wanted a table")))
    }

    /// The items of a list; of another value, itself.
    pub(super) fn items(&self, name: &str) -> Result<Vec<Self>, TomlError> {
        match self.value.get_ref() {
            DeValue::Array(items) => Ok(items
                .iter()
                .map(|value| Self {
                    text: self.text,
                    value,
                })
                .collect()),
            DeValue::Datetime(_) => Err(self.error(format!("{name} is a date, wanted a text"))),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Table(_) => Ok(vec![*self]),
        }
    }
}

fn kind_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a switch",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
