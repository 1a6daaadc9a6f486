//! Whether a header is that of a known export.

use std::collections::HashSet;

use super::column_names::folded;

/// Names that the header of a known export has. Case and outer blanks are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recognition {
    /// It has all of these.
    pub all: Vec<String>,
    /// It has at least one of each of these groups.
    pub any: Vec<Vec<String>>,
    /// It has none of these.
    pub none: Vec<String>,
}

impl Recognition {
    /// Whether columns with these names are those of the export.
    pub fn fits(&self, names: &[String]) -> bool {
        let names: HashSet<String> = names.iter().map(|name| folded(name)).collect();
        let has = |name: &String| names.contains(&folded(name));
        !(self.all.is_empty() && self.any.is_empty())
            && self.all.iter().all(has)
            && self.any.iter().all(|group| group.iter().any(has))
            && !self.none.iter().any(has)
    }

    /// The names that it looks for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let any = self.any.iter().flatten();
        self.all.iter().chain(any).map(String::as_str)
    }
}
