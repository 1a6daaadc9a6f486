//! Matches the names of columns to fields, and guesses the field of others.

use std::sync::LazyLock;

use super::field::Field;
use super::synonyms::{Sureness, synonyms};

/// Columns that exports of customers usually have, normalised, and that feed no field.
const COMMON: [&str; 16] = [
    "billingaddress",
    "billingcity",
    "billingcountry",
    "billingstreet",
    "contactname",
    "created",
    "createdat",
    "createddate",
    "customerfullname",
    "description",
    "fullname",
    "notes",
    "openbalance",
    "phonenumbers",
    "status",
    "website",
];

/// The spellings of the fields, normalised once: they are compared with every column.
static SPELLINGS: LazyLock<[FieldSpelling; Field::COUNT]> = LazyLock::new(|| {
    Field::ALL.map(|field| FieldSpelling {
        field,
        name: normalised(field.name()),
        member: normalised(field.member()),
    })
});

/// How a column that feeds a field may be called, normalised.
struct FieldSpelling {
    field: Field,
    /// The path of the field.
    name: String,
    /// Its name in the billing contact.
    member: String,
}

/// The usual names of a table's columns, normalised: those of the fields, what other
/// systems call them, and columns that customers have elsewhere.
pub fn usual_names() -> impl Iterator<Item = String> {
    let of_fields = SPELLINGS
        .iter()
        .flat_map(|spelling| [spelling.name.clone(), spelling.member.clone()]);
    let synonyms = Field::ALL
        .into_iter()
        .flat_map(|field| names_from(field, Sureness::Known));
    of_fields.chain(synonyms.chain(COMMON).map(str::to_owned))
}

/// The required field that a column of this name feeds in other systems' exports, without
/// which a row is no customer.
pub fn required_field(name: &str) -> Option<Field> {
    let name = normalised(name);
    let required = |spelling: &&FieldSpelling| Field::REQUIRED.contains(&spelling.field);
    let found = SPELLINGS
        .iter()
        .filter(required)
        .find(|spelling| spelling.name == name || is_required_synonym(spelling.field, &name));
    found.map(|spelling| spelling.field)
}

fn is_required_synonym(field: Field, name: &str) -> bool {
    names_from(field, Sureness::Required).any(|known| known == name)
}

/// The synonyms of `field` that are at least so sure.
fn names_from(field: Field, least: Sureness) -> impl Iterator<Item = &'static str> {
    let sure = synonyms(field).filter(move |synonym| synonym.sureness >= least);
    sure.map(|synonym| synonym.name)
}

/// The column that is most likely meant for `field`, if one is similar.
pub(super) fn guess(field: Field, columns: &[String]) -> Option<&str> {
    let name_of_field = normalised(field.name());
    let synonym = |name: &&String| is_required_synonym(field, &normalised(name));
    if let Some(name) = columns.iter().find(synonym) {
        return Some(name);
    }
    columns
        .iter()
        .map(|name| {
            (
                strsim::jaro_winkler(&name_of_field, &normalised(name)),
                name,
            )
        })
        .filter(|(similarity, _)| *similarity > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.as_str())
}

/// The name of a column in lower case, without blanks and separators.
pub fn normalised(name: &str) -> String {
    let names = |c: char| !c.is_whitespace() && !matches!(c, '_' | '-' | '.' | '\u{feff}');
    if name.is_ascii() {
        // Nearly all names, of which hundreds are known.
        let mut name = name.to_ascii_lowercase();
        name.retain(names);
        return name;
    }
    name.chars()
        .filter(|c| names(*c))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The field whose path, or name in the billing contact, a column has.
pub fn field_of_header(name: &str) -> Option<Field> {
    let name = normalised(name);
    let spellings = || SPELLINGS.iter();
    let found = spellings().find(|spelling| spelling.name == name);
    let found = found.or_else(|| spellings().find(|spelling| spelling.member == name));
    found.map(|spelling| spelling.field)
}
