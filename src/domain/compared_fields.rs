//! How many rows differ in which field, and which fields could not be compared.

use serde::Serialize;

use super::field::Field;
use super::remote::Difference;

/// How many rows a field was found in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldCount {
    /// The field; `status`, which no row has, is one as well.
    pub field: &'static str,
    /// The number of rows.
    pub rows: u64,
}

/// Counts of fields over all rows that Kable holds a customer for.
#[derive(Debug, Clone, Default)]
pub struct ComparedFields {
    differ: Vec<FieldCount>,
    not_compared: Vec<FieldCount>,
}

impl ComparedFields {
    /// Adds a row with these differences, and with these fields that Kable does not show.
    pub fn add(&mut self, differences: &[Difference], not_compared: &[Field]) {
        for difference in differences {
            count(&mut self.differ, difference.name());
        }
        // The members of a contact are shown together, or not at all.
        for field in not_compared {
            count(&mut self.not_compared, field.name());
        }
    }

    /// The fields that differ, those of most rows first.
    pub fn differ(&self) -> Vec<FieldCount> {
        most_first(&self.differ)
    }

    /// The fields that Kable does not show, those of most rows first.
    pub fn not_compared(&self) -> Vec<FieldCount> {
        most_first(&self.not_compared)
    }
}

fn count(counts: &mut Vec<FieldCount>, field: &'static str) {
    match counts.iter_mut().find(|count| count.field == field) {
        Some(count) => count.rows += 1,
        None => counts.push(FieldCount { field, rows: 1 }),
    }
}

fn most_first(counts: &[FieldCount]) -> Vec<FieldCount> {
    let mut sorted = counts.to_vec();
    sorted.sort_by_key(|count| (std::cmp::Reverse(count.rows), count.field));
    sorted
}

#[cfg(test)]
mod tests {
    use super::{ComparedFields, Field, FieldCount};
    use crate::domain::remote::Difference;

    #[test]
    fn the_fields_of_most_rows_come_first() {
        let differs = |field| Difference {
            field,
            ours: "a".to_owned(),
            theirs: "b".to_owned(),
        };
        let mut compared = ComparedFields::default();
        compared.add(&[differs(None), differs(Some(Field::City))], &[]);
        compared.add(&[differs(Some(Field::City))], &[Field::StripeCustomerId]);
        let count = |field, rows| FieldCount { field, rows };
        assert_eq!(
            compared.differ(),
            [count("billingContact.city", 2), count("status", 1)]
        );
        assert_eq!(compared.not_compared(), [count("stripeCustomerId", 1)]);
    }
}
