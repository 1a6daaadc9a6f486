//! Finds a column by the name that a mapping has for it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

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

/// The names by which a mapping can name the columns: `NAME#2` for the second of a name.
pub(super) fn numbered(names: &[String]) -> impl Iterator<Item = Cow<'_, str>> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    names.iter().map(move |name| {
        let number = seen.entry(name).or_default();
        *number += 1;
        if *number == 1 || trimmed(name).is_empty() {
            Cow::Borrowed(name.as_str())
        } else {
            Cow::Owned(format!("{name}#{number}"))
        }
    })
}

/// A column's name without regard to case and outer blanks.
pub(super) fn folded(name: &str) -> String {
    trimmed(name).to_lowercase()
}

/// The paths among `names` of which other columns tell: the objects around members, the
/// items of lists, and the lists of which an item is used.
pub(super) fn told_by_others(names: &[String], is_used: impl Fn(usize) -> bool) -> HashSet<&str> {
    let mut told = HashSet::new();
    for (place, name) in names.iter().enumerate() {
        let objects = name.match_indices('.');
        told.extend(objects.map(|(dot, _)| name.split_at(dot).0));
        if let Some(list) = list_of(name) {
            told.insert(name.as_str());
            told.extend(is_used(place).then_some(list));
        }
    }
    told
}

/// The list of an item's path: `a` of `a[0].b`.
fn list_of(path: &str) -> Option<&str> {
    let (list, item) = path.split_once('[')?;
    let is_index = item.starts_with(|digit: char| digit.is_ascii_digit());
    is_index.then_some(list)
}

#[cfg(test)]
mod tests {
    use super::{numbered, place_of, told_by_others};

    #[test]
    fn columns_of_one_name_are_numbered_as_a_mapping_names_them() {
        let names = ["Name", "id", "Name", "", "", "Name"].map(str::to_owned);
        let numbered: Vec<_> = numbered(&names).collect();
        assert_eq!(numbered, ["Name", "id", "Name#2", "", "", "Name#3"]);
        for place in [0, 1, 2, 5] {
            assert_eq!(place_of(&numbered[place], &names), Some(place));
        }
    }

    #[test]
    fn objects_and_items_are_told_by_others() {
        let names = ["a", "a[0]", "b", "b[0]", "b[0].c", "d", "d.e", "f[g]"].map(str::to_owned);
        let mut told: Vec<&str> = told_by_others(&names, |place| place == 3)
            .into_iter()
            .collect();
        told.sort_unstable();
        assert_eq!(told, ["a[0]", "b", "b[0]", "b[0].c", "d"]);
    }
}
