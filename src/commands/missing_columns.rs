//! Columns that a mapping file names and that no input has: they may be misspelt.

use std::collections::BTreeMap;

use crate::domain::mapping::{Binding, MissingColumn};
use crate::domain::nearest::nearest;
use crate::domain::text::quoted;

/// The named columns that none of the inputs so far has.
#[derive(Debug, Default)]
pub(super) struct MissingColumns {
    /// Each with the column of an input that was perhaps meant; `None` before the first
    /// input.
    missing: Option<BTreeMap<MissingColumn, Option<String>>>,
}

impl MissingColumns {
    /// Adds an input with these `columns`; the mapping names the columns `named`.
    pub(super) fn add(&mut self, binding: &Binding, columns: &[String], named: &[String]) {
        let missing = binding.missing_columns().into_iter();
        let known = self.missing.take();
        let missing = missing.filter_map(|one| {
            let meant = match &known {
                None => None,
                Some(known) => known.get(&one)?.clone(),
            };
            let others = columns.iter().filter(|name| !named.contains(name));
            let meant = meant.or_else(|| {
                let nearest = nearest(&one.column, others.map(String::as_str));
                nearest.map(str::to_owned)
            });
            Some((one, meant))
        });
        self.missing = Some(missing.collect());
    }

    /// A warning for each of them.
    pub(super) fn warnings(self) -> Vec<String> {
        let warning = |(missing, meant): (MissingColumn, Option<String>)| {
            let meant = meant.map_or_else(String::new, |name| {
                format!(", perhaps {} is meant", quoted(&name))
            });
            format!(
                "warning: the mapping of {} names {}, and no input has that column{meant} \
                 (optional = true: it need not exist)",
                missing.field,
                quoted(&missing.column)
            )
        };
        let missing = self.missing.into_iter().flatten();
        missing.map(warning).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Binding, MissingColumns};
    use crate::domain::field::Field;
    use crate::domain::mapping::{FieldRule, Mapping, ValueSource};
    use crate::domain::row::Columns;

    /// The warnings for inputs with these columns, where a list names `Frim` and `Firma`.
    fn warnings(optional: bool, inputs: &[&[&str]]) -> Vec<String> {
        let from = ["Frim", "Company"].map(ValueSource::column).to_vec();
        let mapping = Mapping {
            rules: vec![FieldRule {
                from: Some(from),
                optional,
                ..FieldRule::of(Field::CompanyName)
            }],
            ..Mapping::default()
        };
        let mut missing = MissingColumns::default();
        for names in inputs {
            let names = ["clientId", "currency"].iter().chain(*names);
            let names: Vec<String> = names.map(|name| (*name).to_owned()).collect();
            let columns = Columns::table(names, "", b',');
            let binding = Binding::new(&mapping, &columns, "in.csv").unwrap();
            missing.add(&binding, &columns.names, &mapping.named_columns());
        }
        missing.warnings()
    }

    #[test]
    fn a_column_that_no_input_has_is_named_with_what_is_meant() {
        let one = warnings(false, &[&["Company", "Firm"]]);
        let [one] = one.as_slice() else {
            panic!("{one:?}");
        };
        assert!(one.contains("of companyName names \"Frim\""), "{one}");
        assert!(one.contains("perhaps \"Firm\" is meant"), "{one}");
        let two = warnings(false, &[&["Company"], &["Company", "Firm"]]);
        assert!(two.concat().contains("\"Firm\""), "{two:?}");
    }

    #[test]
    fn columns_that_some_input_has_or_that_need_not_exist_are_none() {
        assert!(warnings(false, &[&["Company"], &["Frim"]]).is_empty());
        assert!(warnings(false, &[&["frim", "Company"]]).is_empty());
        assert!(warnings(true, &[&["Company"]]).is_empty());
    }
}
