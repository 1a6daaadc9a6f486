//! What feeds each field, in words.

use super::binding::Binding;
use super::plan::{ComputedDefault, FieldRule, ValueSource, ValueTake};
use crate::domain::field::Field;
use crate::domain::row::Columns;
use crate::domain::text::{listed, quoted};

/// What feeds one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFeed {
    /// The field.
    pub field: Field,
    /// The columns and defaults that its value comes from.
    pub from: String,
    /// Whether it is simply the column that has the field's name.
    pub is_obvious: bool,
    /// Whether the user or a preset says which column it is, or more about it.
    pub is_mapped: bool,
}

impl Binding {
    /// What feeds each field, of those that anything feeds.
    pub fn feeds(&self, columns: &Columns) -> Vec<FieldFeed> {
        let feeds = Field::ALL.into_iter().filter_map(|field| {
            let mut parts = Vec::new();
            let rule = self.mapping().rule(field);
            let own = self.column_of(field, columns);
            match rule.and_then(|rule| rule.from.as_ref()) {
                Some(sources) => {
                    let found = sources.iter().filter(|source| self.has_source(source));
                    parts.extend(found.map(source_text));
                }
                None => parts.extend(own.map(|name| quoted(&name))),
            }
            let default = self.default_text(field);
            let is_mapped = rule.is_some() || self.is_named(field);
            let is_obvious = !is_mapped && default.is_none();
            parts.extend(default);
            let from = parts.join(", else ");
            (!from.is_empty()).then(|| FieldFeed {
                field,
                from: from + &rule.map_or_else(String::new, change_text),
                is_obvious,
                is_mapped,
            })
        });
        feeds.collect()
    }

    /// The fields that the values of the column at `place` get into.
    pub fn fields_of(&self, place: usize) -> Vec<Field> {
        let own = Field::ALL.into_iter().filter(|field| {
            let target = self.bound.targets.get(place);
            target.is_some_and(|target| target.feeds(*field))
        });
        let takes = |rule: &&FieldRule| {
            let places = rule
                .source_columns()
                .map(|name| self.bound.places.get(name));
            places.flatten().any(|of| *of == place)
        };
        let rules = self.mapping().rules.iter().filter(takes);
        own.chain(rules.map(|rule| rule.field)).collect()
    }

    fn default_text(&self, field: Field) -> Option<String> {
        let mapping = self.mapping();
        let constant = mapping.constants.iter().find(|(of, _)| *of == field);
        let computed = mapping.computed.iter().find(|(of, _)| *of == field);
        if let Some((_, text)) = constant {
            return Some(format!("the default {}", quoted(text)));
        }
        computed.map(|(_, default)| match default {
            ComputedDefault::Person => "first and last name".to_owned(),
            ComputedDefault::Slug => "a slug of companyName".to_owned(),
            ComputedDefault::Copy(of) => format!("the value of {of}"),
        })
    }
}

fn source_text(source: &ValueSource) -> String {
    let taken = match &source.take {
        ValueTake::Column(name) => quoted(name),
        ValueTake::Text(text) => format!("the text {}", quoted(text)),
        ValueTake::Join { columns, .. } => {
            let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
            names.join(" and ")
        }
    };
    let part = if source.pattern.is_some() {
        "part of "
    } else {
        ""
    };
    let condition = source.when.as_ref().map_or_else(String::new, |when| {
        let names: Vec<String> = when.columns().map(quoted).collect();
        if names.is_empty() {
            " on a condition".to_owned()
        } else {
            format!(" on a condition of {}", listed(&names, 3))
        }
    });
    format!("{part}{taken}{condition}")
}

fn change_text(rule: &FieldRule) -> String {
    let values = rule.values.as_ref();
    let mut changes = Vec::new();
    changes.extend(rule.pattern.as_ref().map(|_| "a part of it".to_owned()));
    changes.extend(values.map(|map| format!("by a value map of {}", map.len())));
    if rule.slug == Some(true) {
        changes.push("as a slug".to_owned());
    }
    if changes.is_empty() {
        return String::new();
    }
    format!(" ({})", changes.join(", "))
}
