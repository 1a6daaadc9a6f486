//! The objects that fit a pattern.

use std::collections::HashSet;

use super::error::ObjectError;
#[cfg(not(feature = "object-stores"))]
use super::no_stores::AbsentBucket as Bucket;
#[cfg(feature = "object-stores")]
use super::stores::Bucket;
use crate::domain::object_address::ObjectAddress;

/// The file that says that results are in its folder.
const MANIFEST: &str = ".kable-bulk";

/// The names of the objects that fit `pattern`, sorted, but for those that `is_own` says so
/// of: it is told a name, and whether results are in its folder. `*` and `?` match as
/// in a shell: neither a slash nor a leading dot. `**` reaches beyond slashes.
pub async fn matching(
    pattern: &ObjectAddress,
    is_own: impl Fn(&str, bool) -> bool,
) -> Result<Vec<ObjectAddress>, ObjectError> {
    let name = pattern.shown();
    let Ok(wanted) = glob::Pattern::new(pattern.key()) else {
        return Err(ObjectError::BadPattern { name });
    };
    let options = glob::MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..glob::MatchOptions::default()
    };
    let folder = fixed_folder(pattern.key());
    let keys = Bucket::of(pattern)?.list(folder).await?;
    let manifests = keys.iter().filter_map(|key| key.strip_suffix(MANIFEST));
    let manifests: HashSet<&str> = manifests.collect();
    let has_results = |key: &str| {
        let folder = key.trim_end_matches(|letter| letter != '/');
        manifests.contains(folder)
    };
    let mut found: Vec<&String> = keys
        .iter()
        .filter(|key| wanted.matches_with(key, options) && !is_own(key, has_results(key)))
        .collect();
    found.sort();
    if found.is_empty() {
        return Err(ObjectError::NoMatch { name });
    }
    Ok(found.iter().map(|key| pattern.with_key(key)).collect())
}

/// The folder of a pattern, up to its first star.
fn fixed_folder(pattern: &str) -> &str {
    let fixed = pattern.split(['*', '?', '[']).next().unwrap_or_default();
    fixed.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::fixed_folder;

    #[test]
    fn only_the_folder_before_the_first_star_is_listed() {
        for (pattern, folder) in [
            ("*.csv", ""),
            ("a/b/*.csv", "a/b"),
            ("a/b-?/c.csv", "a"),
            ("a[12]/c.csv", ""),
        ] {
            assert_eq!(fixed_folder(pattern), folder, "{pattern}");
        }
    }
}
