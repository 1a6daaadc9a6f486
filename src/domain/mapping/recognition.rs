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

#[cfg(test)]
mod tests {
    use super::Recognition;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_header_fits_that_has_all_one_of_each_group_and_none_of_the_others() {
        let export = Recognition {
            all: names(&["id", "Created (UTC)"]),
            any: vec![names(&["Email", "E-Mail"]), names(&["Name"])],
            none: names(&["Amount"]),
        };
        let fits = |columns: &[&str]| export.fits(&names(columns));
        assert!(fits(&["Name", "id", "Created (UTC)", "Email", "other"]));
        assert!(fits(&["name", " ID ", "created (utc)", "e-mail"]));
        assert!(!fits(&["Name", "id", "Email"]));
        assert!(!fits(&["id", "Created (UTC)", "Email"]));
        assert!(!fits(&["Name", "id", "Created (UTC)", "Email", "amount"]));
        // Blanks and signs within a name are part of it.
        assert!(!fits(&["Name", "id", "CreatedUTC", "Email"]));
        let all: Vec<&str> = export.names().collect();
        assert_eq!(all, ["id", "Created (UTC)", "Email", "E-Mail", "Name"]);
    }

    #[test]
    fn without_names_to_look_for_nothing_fits() {
        let exclusive = Recognition {
            none: names(&["Amount"]),
            ..Recognition::default()
        };
        assert!(!Recognition::default().fits(&names(&["id"])));
        assert!(!exclusive.fits(&names(&["id"])));
        let one = Recognition {
            any: vec![names(&["id"])],
            ..Recognition::default()
        };
        assert!(one.fits(&names(&["id"])));
        assert!(!one.fits(&[]));
    }
}
