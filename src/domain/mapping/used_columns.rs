//! The columns that a mapping reads without feeding a field, and those that it names in
//! vain.

use std::collections::BTreeMap;

use super::binding::Binding;
use super::condition::Condition;
use super::plan::{FieldRule, RepeatRule};
use crate::domain::field::Field;
use crate::domain::text::{listed, quoted};

/// How many uses of a column are listed.
const USES_SHOWN: usize = 3;

/// A column that a mapping names, and that an input lacks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingColumn {
    /// The field whose value would be taken from it, or depends on it.
    pub field: Field,
    /// Its name.
    pub column: String,
}

impl Binding {
    /// A line for each column that feeds no field and that conditions read, with what they
    /// decide.
    pub fn tested_columns(&self) -> Vec<String> {
        let rules = &self.mapping().rules;
        let is_source = |name: &str| {
            let mut sources = rules.iter().flat_map(FieldRule::source_columns);
            sources.any(|source| source == name)
        };
        let mut uses: BTreeMap<usize, (&str, Vec<String>)> = BTreeMap::new();
        for (condition, decides) in self.conditions() {
            for name in condition.columns() {
                if let Some(place) = self.bound.places.get(name)
                    && !is_source(name)
                    && !self.feeds_by_name(*place)
                {
                    let (_, by) = uses.entry(*place).or_insert((name, Vec::new()));
                    if !by.contains(&decides) {
                        by.push(decides.clone());
                    }
                }
            }
        }
        let lines = uses.into_values();
        lines
            .map(|(name, by)| format!("{} decides on {}", quoted(name), listed(&by, USES_SHOWN)))
            .collect()
    }

    /// The columns that values are taken from, or depend on, and that the input lacks. Of
    /// rules whose columns need not exist, none.
    pub fn missing_columns(&self) -> Vec<MissingColumn> {
        let rules = self.mapping().rules.iter();
        let demanding = rules.filter(|rule| !rule.optional);
        let named = demanding.flat_map(|rule| rule.columns().map(|name| (rule.field, name)));
        let missing = named.filter(|(_, name)| !self.bound.places.contains_key(*name));
        missing
            .map(|(field, name)| MissingColumn {
                field,
                column: name.to_owned(),
            })
            .collect()
    }

    /// The conditions on columns, and what they decide.
    fn conditions(&self) -> Vec<(&Condition, String)> {
        let mapping = self.mapping();
        let sources = mapping.rules.iter().flat_map(|rule| {
            let whens = rule.from.iter().flatten();
            let whens = whens.filter_map(|source| source.when.as_ref());
            whens.map(|when| (when, rule.field.name().to_owned()))
        });
        let filters = mapping.filters.iter().map(|filter| {
            let off = if filter.on { "" } else { ", which is off" };
            (&filter.when, format!("the row filter {}{off}", filter.name))
        });
        let warnings = mapping.warnings.iter();
        let warnings = warnings.map(|warning| (&warning.when, "a warning".to_owned()));
        let keep = match mapping.repeated_ids() {
            RepeatRule::Keep(when) => Some((when, "which rows with one clientId".to_owned())),
            RepeatRule::Reject | RepeatRule::First | RepeatRule::Merge => None,
        };
        sources.chain(filters).chain(warnings).chain(keep).collect()
    }

    /// Whether the column at `place` feeds a field as it is.
    fn feeds_by_name(&self, place: usize) -> bool {
        let target = self.bound.targets.get(place);
        let mut fields = Field::ALL.into_iter();
        target.is_some_and(|target| fields.any(|field| target.feeds(field)))
    }
}
