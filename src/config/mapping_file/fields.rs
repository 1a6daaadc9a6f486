//! `[fields.NAME]`: how the value of a field is found.

use std::path::Path;
use std::sync::Arc;

use super::conditions::{column_condition, pattern_of};
use super::defaults::set_default;
use super::keys;
use super::toml_view::{TomlError, TomlItem, TomlView};
use super::value_files::read_values;
use crate::domain::field::Field;
use crate::domain::mapping::{
    Apostrophes, FieldRule, LetterCase, Mapping, Unmapped, ValueMap, ValueSource, ValueTake,
};

/// What a mapping file is read with.
pub(super) struct FileContext<'f> {
    /// The file, for the paths of value maps; `None` for one that is built in.
    pub(super) path: Option<&'f Path>,
    /// Whether columns need not exist, where the file doesn't say: it is for exports
    /// that it recognises, whose columns vary.
    pub(super) optional: bool,
}

/// Keys that other formats have for `from`.
const LIKE_FROM: [&str; 5] = ["column", "columns", "source", "header", "map"];

/// Adds what `table` says of `field`, which it calls `name`, to `mapping`.
pub(super) fn add_field(
    mapping: &mut Mapping,
    (field, name): (Field, &str),
    table: &TomlView<'_>,
    context: &FileContext<'_>,
) -> Result<(), TomlError> {
    if let Some(key) = LIKE_FROM.into_iter().find(|key| table.has(key)) {
        let wrong = format!("[fields.{name}] has no key {key:?}, perhaps from");
        return Err(table.wrong(key, wrong));
    }
    table.demand_keys(&keys::FIELD, &format!("[fields.{name}]"))?;
    if table.has("from") && table.has("value") {
        let wrong = format!("{field} has from and value, wanted one of them");
        return Err(table.wrong("value", wrong));
    }
    if table.has("value") && table.has("default") {
        let wrong = format!("{field} has value and default, wanted one of them");
        return Err(table.wrong("default", wrong));
    }
    for key in ["default", "value"] {
        if let Some(text) = table.text(key)? {
            let set = set_default(mapping, field, &text);
            set.map_err(|wrong| table.wrong(key, wrong))?;
        }
    }
    let rule = rule(field, table, context)?;
    if rule == plain_rule(field, context) {
        if !table.has("default") {
            let wrong =
                format!("[fields.{name}] says nothing, wanted from, value, default or a change");
            return Err(table.error(wrong));
        }
        return Ok(());
    }
    mapping.rules.push(rule);
    Ok(())
}

fn plain_rule(field: Field, context: &FileContext<'_>) -> FieldRule {
    FieldRule {
        optional: context.optional,
        ..FieldRule::of(field)
    }
}

fn rule(
    field: Field,
    table: &TomlView<'_>,
    context: &FileContext<'_>,
) -> Result<FieldRule, TomlError> {
    let from = match table.item("from") {
        Some(item) => Some(sources(item)?),
        None if table.has("value") => Some(Vec::new()),
        None => None,
    };
    let replace = table.table("replace")?;
    let values = values(field, table, context)?;
    let unmapped = table.choice(
        "unmapped",
        &[
            ("reject", Unmapped::Reject),
            ("keep", Unmapped::Keep),
            ("empty", Unmapped::Empty),
        ],
    )?;
    if unmapped.is_some() && values.is_none() {
        let wrong = format!("{field} has unmapped without values or values-file");
        return Err(table.wrong("unmapped", wrong));
    }
    Ok(FieldRule {
        field,
        from,
        optional: table.switch("optional")?.unwrap_or(context.optional),
        trim: table.switch("trim")?,
        unwrap: table.switch("unwrap")?,
        apostrophe: table.choice(
            "apostrophe",
            &[
                ("always", Apostrophes::Always),
                ("formula", Apostrophes::Formula),
                ("keep", Apostrophes::Keep),
            ],
        )?,
        pattern: pattern_of(table, "pattern")?,
        replace: replace.map_or_else(|| Ok(Vec::new()), |inner| inner.texts_by_key())?,
        values,
        unmapped,
        case: table.choice(
            "case",
            &[("upper", LetterCase::Upper), ("lower", LetterCase::Lower)],
        )?,
        slug: table.switch("slug")?,
    })
}

fn values(
    field: Field,
    table: &TomlView<'_>,
    context: &FileContext<'_>,
) -> Result<Option<Arc<ValueMap>>, TomlError> {
    let (given, file) = (table.table("values")?, table.text("values-file")?);
    let map = match (given, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let wrong = format!("{field} has values and values-file, wanted one of them");
            return Err(table.wrong("values-file", wrong));
        }
        (Some(given), None) => {
            let mut map = ValueMap::default();
            for (from, to) in given.texts_by_key()? {
                let from = from.trim();
                if let Err(other) = map.add(from, &to) {
                    let wrong = format!("values has {from:?} twice: {other:?} and {to:?}");
                    return Err(table.wrong("values", wrong));
                }
            }
            map
        }
        (None, Some(file)) => {
            let Some(path) = context.path else {
                return Err(table.wrong("values-file", "a preset names no other file"));
            };
            let path = path
                .parent()
                .map_or_else(|| file.clone().into(), |folder| folder.join(&file));
            read_values(&path).map_err(|error| table.wrong("values-file", error.to_string()))?
        }
    };
    if map.is_empty() {
        return Err(table.error(format!("the value map of {field} is empty")));
    }
    Ok(Some(Arc::new(map)))
}

/// The sources of `from`: one, or a list.
fn sources(from: TomlItem<'_>) -> Result<Vec<ValueSource>, TomlError> {
    let items = from.items("from")?;
    items.into_iter().map(source).collect()
}

fn source(item: TomlItem<'_>) -> Result<ValueSource, TomlError> {
    if !item.is_table() {
        let name = item.text("an item of from")?;
        if name.trim().is_empty() {
            return Err(item.error("an item of from names no column"));
        }
        return Ok(ValueSource::column(&name));
    }
    let table = item.table("from")?;
    table.demand_keys(&keys::SOURCE, "an item of from")?;
    let given = (
        table.text("column")?,
        table.texts("join")?,
        table.text("value")?,
    );
    let take = match given {
        (Some(name), None, None) => ValueTake::Column(name),
        (None, Some(columns), None) => ValueTake::Join {
            columns,
            with: table.text("with")?.unwrap_or_else(|| " ".to_owned()),
        },
        (None, None, Some(text)) => ValueTake::Text(text),
        (None, None, None) => {
            return Err(table.error("an item of from has no column, join or value, wanted one"));
        }
        (_, _, _) => {
            return Err(table.error("an item of from has column, join or value, only one of them"));
        }
    };
    if table.has("with") && !table.has("join") {
        return Err(table.wrong("with", "with belongs to join"));
    }
    Ok(ValueSource {
        take,
        when: column_condition(&table)?,
        pattern: pattern_of(&table, "pattern")?,
    })
}
