//! `when`: conditions on a row's values.

use super::field_names::field_of;
use super::keys;
use super::toml_view::{TomlError, TomlView};
use crate::domain::mapping::{Condition, Pattern, TestedValue, ValueTest};

/// The condition `key` of `table`.
pub(super) fn condition_of(
    table: &TomlView<'_>,
    key: &str,
) -> Result<Option<Condition>, TomlError> {
    let condition = table.table(key)?;
    condition.map(|inner| condition_in(&inner)).transpose()
}

/// The condition that `table` is.
pub(super) fn condition_in(table: &TomlView<'_>) -> Result<Condition, TomlError> {
    table.demand_keys(&keys::CONDITION, "a condition")?;
    for (key, joined) in [
        ("all", Condition::All as fn(Vec<Condition>) -> Condition),
        ("any", Condition::Any),
    ] {
        if !table.has(key) {
            continue;
        }
        if let Some(other) = keys::CONDITION
            .iter()
            .find(|other| **other != key && table.has(other))
        {
            let wrong = format!("a condition with {key} has no {other}: put it into the list");
            return Err(table.wrong(other, wrong));
        }
        let all = table.tables(key)?;
        if all.is_empty() {
            return Err(table.wrong(key, format!("{key} is an empty list")));
        }
        let all: Result<Vec<Condition>, TomlError> = all.iter().map(condition_in).collect();
        return Ok(joined(all?));
    }
    let of = tested(table)?;
    Ok(Condition::Test {
        of,
        test: test(table)?,
    })
}

fn tested(table: &TomlView<'_>) -> Result<TestedValue, TomlError> {
    match (table.text("column")?, table.text("field")?) {
        (Some(column), None) => Ok(TestedValue::Column(column)),
        (None, Some(name)) => match field_of(&name) {
            Ok(field) => Ok(TestedValue::Field(field)),
            Err(wrong) => Err(table.wrong("field", wrong)),
        },
        (Some(_), Some(_)) => {
            Err(table.wrong("field", "a condition has column or field, not both"))
        }
        (None, None) => Err(table.error("a condition has no column and no field, wanted one")),
    }
}

fn test(table: &TomlView<'_>) -> Result<ValueTest, TomlError> {
    let tests = ["is", "is-not", "matches", "empty"];
    let mut named = tests.into_iter().filter(|key| table.has(key));
    let (Some(key), other) = (named.next(), named.next()) else {
        return Err(table.error("a condition has no test, wanted is, is-not, matches or empty"));
    };
    if let Some(other) = other {
        let wrong = format!("a condition has one test, and this has {key} and {other}");
        return Err(table.wrong(other, wrong));
    }
    match key {
        "is" => Ok(ValueTest::Is(table.texts(key)?.unwrap_or_default())),
        "is-not" => Ok(ValueTest::IsNot(table.texts(key)?.unwrap_or_default())),
        "empty" => Ok(ValueTest::Empty(table.switch(key)?.unwrap_or_default())),
        _matches => {
            let pattern = pattern_of(table, key)?;
            pattern
                .map(ValueTest::Matches)
                .ok_or_else(|| table.error("a condition has no test"))
        }
    }
}

/// The regular expression `key` of `table`.
pub(super) fn pattern_of(table: &TomlView<'_>, key: &str) -> Result<Option<Pattern>, TomlError> {
    let Some(text) = table.text(key)? else {
        return Ok(None);
    };
    match Pattern::new(&text) {
        Ok(pattern) => Ok(Some(pattern)),
        Err(why) => {
            let why = why.lines().last().unwrap_or_default().trim().to_owned();
            let wrong = format!("{key} {text:?} is no regular expression: {why}");
            Err(table.wrong(key, wrong))
        }
    }
}

/// The condition of an item, which can only be about columns: the fields are not known
/// yet.
pub(super) fn column_condition(table: &TomlView<'_>) -> Result<Option<Condition>, TomlError> {
    let Some(inner) = table.table("when")? else {
        return Ok(None);
    };
    let condition = condition_in(&inner)?;
    let is_field = |tested: &&TestedValue| matches!(tested, TestedValue::Field(_));
    if condition.tested().iter().any(is_field) {
        let wrong = "a condition in from can name a column only, not a field";
        return Err(table.wrong("when", wrong));
    }
    Ok(Some(condition))
}
