//! The known name that a misspelt one is probably meant to be.

/// How alike two names must be for one to be offered for the other, from 0 to 1, by the
/// similarity of Jaro and Winkler.
const ALIKE: f64 = 0.75;

/// Likewise for names of options, of which many are like each other.
pub const ALIKE_OPTIONS: f64 = 0.8;

/// How alike two names are that differ by two letters in each other's place.
const SWAPPED: f64 = 0.9;

/// The one of `names` that is most like `name`, if any is alike.
pub fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    nearest_above(ALIKE, name, names)
}

/// The one of `names` that is most like `name`, if its likeness is more than `least`.
pub fn nearest_above<'n>(
    least: f64,
    name: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    names
        .into_iter()
        .map(|other| (likeness(other, name), other))
        .filter(|(likeness, _)| *likeness > least)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, other)| other)
}

/// How alike two names are, from 0 to 1. In a short one two swapped letters are a larger part
/// than the similarity of Jaro and Winkler forgives.
fn likeness(one: &str, other: &str) -> f64 {
    let likeness = strsim::jaro_winkler(one, other);
    let is_short = (3..=6).contains(&other.chars().count());
    if is_short && one.chars().count() == other.chars().count() && is_swapped(one, other) {
        likeness.max(SWAPPED)
    } else {
        likeness
    }
}

/// Whether two neighbouring letters are swapped, and all others are equal.
fn is_swapped(one: &str, other: &str) -> bool {
    strsim::osa_distance(one, other) == 1 && strsim::levenshtein(one, other) == 2
}

#[cfg(test)]
mod tests {
    use super::{nearest, nearest_above};

    #[test]
    fn the_most_alike_name_is_found_and_none_that_is_not_alike() {
        assert_eq!(nearest("strpe", ["square", "stripe"]), Some("stripe"));
        assert_eq!(nearest("x", ["square", "stripe"]), None);
        assert_eq!(nearest("cvs", ["csv", "jsonl"]), Some("csv"));
        assert_eq!(nearest("tsv", ["xlsx", "json"]), None);
        assert_eq!(nearest_above(0.99, "strpe", ["stripe"]), None);
    }
}
