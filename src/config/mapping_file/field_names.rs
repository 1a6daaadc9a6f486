//! Fields by their names.

use crate::domain::field::Field;
use crate::domain::header::field_of_header;
use crate::domain::nearest::nearest;

/// The field that is called `name`.
pub(in crate::config) fn field_of(name: &str) -> Result<Field, String> {
    let known = Field::of_name(name).or_else(|| field_of_header(name));
    known.ok_or_else(|| {
        let names: Vec<&str> = Field::ALL.into_iter().map(Field::name).collect();
        let wanted = format!("wanted one of {}", names.join(" "));
        match nearest_field(name) {
            Some(near) => format!("there is no field {name:?}, perhaps {near} ({wanted})"),
            None => format!("there is no field {name:?}, {wanted}"),
        }
    })
}

/// The field that `name` is probably meant to be; those of the contact also without
/// `billingContact.` before them.
fn nearest_field(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let lower: Vec<(String, &str)> = Field::ALL
        .into_iter()
        .flat_map(|field| {
            let full = field.name();
            let last = full.rsplit('.').next().unwrap_or(full);
            [(full.to_lowercase(), full), (last.to_lowercase(), full)]
        })
        .collect();
    let near = nearest(&name, lower.iter().map(|(lower, _)| lower.as_str()))?;
    let found = lower.iter().find(|(lower, _)| lower == near);
    found.map(|(_, full)| *full)
}

#[cfg(test)]
mod tests {
    use super::field_of;

    #[test]
    fn the_nearest_field_is_named_first() {
        for (name, near) in [
            ("curency", "perhaps currency (wanted"),
            ("clintID", "perhaps clientId (wanted"),
            ("planIdz", "perhaps planIds (wanted"),
            ("adressLine1", "perhaps billingContact.addressLine1 (wanted"),
            ("fax", "\"fax\", wanted one of clientId "),
        ] {
            let error = field_of(name).unwrap_err();
            assert!(error.contains(near), "{error}");
        }
    }
}
