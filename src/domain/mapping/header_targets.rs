//! Which column of a table feeds which field.

use super::column_names::place_of;
use super::column_target::{ADDED, ColumnTarget};
use super::error::{MappingError, shell_word};
use super::plan::{FieldRule, Mapping, NameMatching};
use crate::domain::field::Field;
use crate::domain::header::{guess, normalised};
use crate::domain::row::Columns;

/// What the columns of a table feed.
#[derive(Debug, Default)]
pub(super) struct HeaderTargets {
    /// What each column feeds.
    pub(super) targets: Vec<ColumnTarget>,
    /// Rules for fields whose column feeds another one as well.
    pub(super) shared: Vec<FieldRule>,
}

/// Finds out what each of `columns` feeds.
pub(super) fn header_targets(
    mapping: &Mapping,
    columns: &Columns,
    input: &str,
) -> Result<HeaderTargets, MappingError> {
    let names = &columns.names;
    let mut found = HeaderTargets {
        targets: vec![ColumnTarget::Unused; names.len()],
        shared: Vec::new(),
    };
    for (field, column) in &mapping.columns {
        let loose = || {
            let like = |name: &String| normalised(name) == normalised(column);
            names.iter().position(like)
        };
        let place = place_of(column, names).or_else(loose);
        let target = place.and_then(|place| found.targets.get_mut(place));
        let target = target.ok_or_else(|| MappingError::NoSuchColumn {
            input: input.to_owned(),
            field: *field,
            column: column.clone(),
            found: names.clone(),
        })?;
        if *target == ColumnTarget::Unused {
            *target = ColumnTarget::Field(*field);
        } else {
            found.shared.push(FieldRule::plain(*field, column));
        }
    }
    // Whole paths first: a plain `email` is mapped to the contact's only if no other
    // column is.
    let spellings: &[fn(Field) -> &'static str] = match mapping.input.matching.unwrap_or_default() {
        NameMatching::All => &[Field::name, Field::member],
        NameMatching::Whole => &[Field::name],
        NameMatching::Off => &[],
    };
    for spelling in spellings {
        for field in Field::ALL {
            if !found.feeds(field) && mapping.rule(field).is_none_or(|rule| rule.from.is_none()) {
                found.match_name(field, spelling(field), names, input)?;
            }
        }
    }
    for (target, name) in found.targets.iter_mut().zip(names) {
        if *target == ColumnTarget::Unused && ADDED.contains(&name.as_str()) {
            *target = ColumnTarget::Added;
        }
    }
    Ok(found)
}

impl HeaderTargets {
    fn feeds(&self, field: Field) -> bool {
        self.targets.contains(&ColumnTarget::Field(field))
            || self.shared.iter().any(|rule| rule.field == field)
    }

    /// Finds the column with this name for `field`.
    fn match_name(
        &mut self,
        field: Field,
        name_of_field: &str,
        names: &[String],
        input: &str,
    ) -> Result<(), MappingError> {
        let name_of_field = normalised(name_of_field);
        let is_it = |name: &String| normalised(name) == name_of_field;
        let columns = self.targets.iter_mut().zip(names);
        let mut matching =
            columns.filter(|(target, name)| **target == ColumnTarget::Unused && is_it(name));
        let Some((target, name)) = matching.next() else {
            // A column that `--map` gives to another field feeds its own as well.
            let shared = names.iter().find(|name| is_it(name));
            let shared = shared.map(|name| FieldRule::plain(field, name));
            self.shared.extend(shared);
            return Ok(());
        };
        if let Some((_, other)) = matching.next() {
            return Err(MappingError::Ambiguous {
                input: input.to_owned(),
                field,
                one: name.clone(),
                other: other.clone(),
            });
        }
        *target = ColumnTarget::Field(field);
        Ok(())
    }
}

/// What a user can do about required fields without a column.
pub(super) fn missing_hint(
    missing: &[Field],
    mapping: &Mapping,
    targets: &[ColumnTarget],
    found: &[String],
) -> String {
    if let [only] = found
        && [',', ';', '\t']
            .iter()
            .any(|mark| only.matches(*mark).count() >= 2)
    {
        return "the whole line is one cell: if each line stands in quotes, split the column in a \
                spreadsheet (text to columns) and save it again, or export again; else name the \
                sign between the cells with --delimiter"
            .to_owned();
    }
    if targets.iter().all(|target| *target == ColumnTarget::Unused)
        && !found.is_empty()
        && mapping.rules.is_empty()
    {
        let guessed = missing.iter().any(|field| guess(*field, found).is_some());
        if !guessed {
            let maps: Vec<String> = missing
                .iter()
                .map(|field| format!("--map {field}=COLUMN"))
                .collect();
            return format!(
                "say which columns they are: {}, or have a mapping file written with kable-bulk init \
                 INPUT; if these are values and no names, add a first line \
                 clientId,companyName,currency in the order of the cells",
                maps.join(" ")
            );
        }
    }
    let column = |field: Field| {
        // An export that has no currency often has one of something else.
        let is_known = field == Field::Currency && !mapping.rules.is_empty();
        guess(field, found).filter(|_| !is_known)
    };
    let flags: Vec<String> = missing
        .iter()
        .map(|field| match column(*field) {
            Some(column) => format!("--map {field}={}", shell_word(column)),
            None if *field == Field::Currency => "--set currency=USD".to_owned(),
            None => format!("--map {field}=COLUMN"),
        })
        .collect();
    format!(
        "rename the column, or say which one it is: {} (kable-bulk init INPUT writes a mapping file)",
        flags.join(" ")
    )
}
