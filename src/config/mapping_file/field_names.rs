//! Fields by their names.

use crate::domain::field::Field;
use crate::domain::header::field_of_header;

/// The field that is called `name`.
pub(in crate::config) fn field_of(name: &str) -> Result<Field, String> {
    let known = Field::of_name(name).or_else(|| field_of_header(name));
    known.ok_or_else(|| {
        let names: Vec<&str> = Field::ALL.into_iter().map(Field::name).collect();
        format!(
            "there is no field {name:?}, wanted one of {}",
            names.join(" ")
        )
    })
}
