//! Finds a column by the name that a mapping has for it.

use crate::domain::text::trimmed;

/// The place of the column `name` among `names`: the first that is equal, else the first
/// that is equal but for case and outer blanks, else with `NAME#2` the second of that
/// name.
pub(super) fn place_of(name: &str, names: &[String]) -> Option<usize> {
    nth(name, names, 1).or_else(|| {
        let (name, number) = name.rsplit_once('#')?;
        nth(
            name,
            names,
            number.parse().ok().filter(|number| *number > 0)?,
        )
    })
}

fn nth(name: &str, names: &[String], number: usize) -> Option<usize> {
    let is_equal = |found: &str| found == name;
    let is_like = |found: &str| folded(found) == folded(name);
    let mut equal = (0..).zip(names).filter(|(_, found)| is_equal(found));
    let mut like = (0..).zip(names).filter(|(_, found)| is_like(found));
    let found = equal.nth(number - 1).or_else(|| like.nth(number - 1))?;
    Some(found.0)
}

/// A column's name without regard to case and outer blanks.
pub(super) fn folded(name: &str) -> String {
    trimmed(name).to_lowercase()
}
