//! Options that can be repeated.

use crate::domain::header::normalised;

/// Adds `value` to a `list` of options. A typed list replaces an `inherited` one,
/// so the inherited values are copied into it; an earlier value for the same field
/// is dropped, because naming a field twice is an error.
pub(super) fn add_to_list(list: &mut Vec<String>, inherited: &[String], value: &str) {
    let field = |pair: &str| pair.split_once('=').map(|(field, _)| normalised(field));
    if list.is_empty() {
        list.extend_from_slice(inherited);
    }
    list.retain(|other| other != value && (field(other).is_none() || field(other) != field(value)));
    list.push(value.to_owned());
}
