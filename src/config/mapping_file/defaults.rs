//! Defaults: `default` and `value` of a mapping file, and `--set`.

use super::field_names::field_of;
use crate::domain::field::Field;
use crate::domain::mapping::{ComputedDefault, Mapping};

/// Makes `text` the default of `field`: `@person`, `@slug` and `@FIELD` are computed from
/// other values, `@@x` is the text `@x`.
pub(in crate::config) fn set_default(
    mapping: &mut Mapping,
    field: Field,
    text: &str,
) -> Result<(), String> {
    let Some(name) = text.strip_prefix('@') else {
        mapping.set_constant(field, text);
        return Ok(());
    };
    if name.starts_with('@') {
        mapping.set_constant(field, name);
        return Ok(());
    }
    let default = match name {
        "person" => ComputedDefault::Person,
        "slug" => ComputedDefault::Slug,
        other => match field_of(other) {
            Ok(of) if of == field => {
                return Err(format!("{field} cannot be its own default"));
            }
            Ok(of) => ComputedDefault::Copy(of),
            Err(_) => {
                return Err(format!(
                    "{text:?} is not @person, @slug or @ and a field's name (for the text itself write @{text})"
                ));
            }
        },
    };
    mapping.set_computed(field, default);
    Ok(())
}
