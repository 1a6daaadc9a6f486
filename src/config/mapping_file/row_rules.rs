//! What a mapping file says of rows: `[input]`, `[[skip]]`, `[[warn]]`, `[recognise]`.

use std::sync::Arc;

use super::conditions::condition_of;
use super::field_names::field_of;
use super::keys;
use super::toml_view::{TomlError, TomlView};
use crate::domain::mapping::{
    ColumnRules, NameMatching, Recognition, RepeatRule, RowFilter, RowWarning,
};
use crate::domain::text::trimmed;

/// The table `[input]`.
pub(super) fn input(table: &TomlView<'_>) -> Result<ColumnRules, TomlError> {
    table.demand_keys(&keys::INPUT, "[input]")?;
    Ok(ColumnRules {
        empty: table.texts("empty")?.map(|markers| {
            let trimmed = markers.iter().map(|marker| trimmed(marker).to_owned());
            trimmed.collect()
        }),
        accept_short_rows: table.choice("short-rows", &[("accept", true), ("reject", false)])?,
        repeated_ids: repeated_ids(table)?,
        forbidden: table.texts("forbidden")?.unwrap_or_default(),
        matching: table.choice(
            "match-names",
            &[
                ("all", NameMatching::All),
                ("whole", NameMatching::Whole),
                ("off", NameMatching::Off),
            ],
        )?,
    })
}

fn repeated_ids(table: &TomlView<'_>) -> Result<Option<RepeatRule>, TomlError> {
    let key = "repeated-ids";
    let Some(item) = table.item(key) else {
        return Ok(None);
    };
    if item.is_table() {
        let inner = item.table(key)?;
        inner.demand_keys(&keys::REPEATED_IDS, key)?;
        return match condition_of(&inner, "keep")? {
            Some(condition) => Ok(Some(RepeatRule::Keep(condition))),
            None => Err(inner.error("repeated-ids has no condition, wanted keep = {…}")),
        };
    }
    let rule = match table.text(key)?.as_deref() {
        Some("first") => RepeatRule::First,
        Some("merge") => RepeatRule::Merge,
        Some("reject") | None => RepeatRule::Reject,
        Some(other) => {
            let wrong = format!(
                "repeated-ids is {other:?}, wanted \"reject\", \"first\", \"merge\" or {{ keep = {{…}} }}"
            );
            return Err(table.wrong(key, wrong));
        }
    };
    Ok(Some(rule))
}

/// A table of `[[skip]]`.
pub(super) fn filter(table: &TomlView<'_>, optional: bool) -> Result<RowFilter, TomlError> {
    table.demand_keys(&keys::SKIP, "[[skip]]")?;
    let name = table.text("name")?;
    let name = name.ok_or_else(|| table.error("a row filter has no name"))?;
    let is_word = |letter: char| letter.is_alphanumeric() || "-_ ".contains(letter);
    if name.trim().is_empty() || !name.chars().all(is_word) {
        let wrong = format!("a row filter is called {name:?}, wanted letters, digits, - and _");
        return Err(table.wrong("name", wrong));
    }
    let when = condition_of(table, "when")?;
    Ok(RowFilter {
        when: when.ok_or_else(|| table.error(format!("the row filter {name:?} has no when")))?,
        name: Arc::from(name),
        on: table.switch("on")?.unwrap_or(true),
        optional,
    })
}

/// A table of `[[warn]]`.
pub(super) fn warning(table: &TomlView<'_>, optional: bool) -> Result<RowWarning, TomlError> {
    table.demand_keys(&keys::WARN, "[[warn]]")?;
    let field = match table.text("field")? {
        Some(name) => Some(field_of(&name).map_err(|wrong| table.wrong("field", wrong))?),
        None => None,
    };
    let when = condition_of(table, "when")?;
    let message = table
        .text("message")?
        .filter(|text| !text.trim().is_empty());
    Ok(RowWarning {
        field,
        when: when.ok_or_else(|| table.error("a warning has no when"))?,
        message: message.ok_or_else(|| table.error("a warning has no message"))?,
        optional,
    })
}

/// The table `[recognise]`.
pub(super) fn recognition(table: &TomlView<'_>) -> Result<Recognition, TomlError> {
    table.demand_keys(&keys::RECOGNISE, "[recognise]")?;
    let mut any = Vec::new();
    if let Some(item) = table.item("any") {
        for group in item.items("any")? {
            any.push(group.texts("any")?);
        }
    }
    let recognition = Recognition {
        all: table.texts("all")?.unwrap_or_default(),
        any,
        none: table.texts("none")?.unwrap_or_default(),
    };
    if recognition.names().next().is_none() {
        return Err(table.error("[recognise] names no column, wanted all or any"));
    }
    Ok(recognition)
}
