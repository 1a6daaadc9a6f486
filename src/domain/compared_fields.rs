//! How many rows differ in which field, and which fields could not be compared.

use serde::Serialize;

use super::remote::{ComparedCustomer, Difference, not_compared};

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
    /// Adds a row that was compared.
    pub fn add(&mut self, compared: &ComparedCustomer) {
        self.add_differences(&compared.differences);
        // The members of a contact are shown together, or not at all.
        for field in not_compared(&compared.customer, &compared.remote) {
            count(&mut self.not_compared, field.name());
        }
    }

    /// Adds a row of which nothing is known but how it differs.
    pub fn add_differences(&mut self, differences: &[Difference]) {
        for difference in differences {
            count(&mut self.differ, difference.name());
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
    use super::{ComparedCustomer, ComparedFields, FieldCount};
    use crate::domain::customer::tests::{aster, aster_at_stripe};
    use crate::domain::plan_policy::PlanPolicy;
    use crate::domain::remote::RemoteCustomer;

    #[test]
    fn the_fields_of_most_rows_come_first() {
        let remote = |company: &str, currency: &str| RemoteCustomer {
            client_id: "c-1".to_owned(),
            company_name: company.to_owned(),
            currency: currency.to_owned(),
            plan_ids: Some(vec!["pln_a".to_owned(), "pln_b".to_owned()]),
            bundle_ids: Some(Vec::new()),
            contact: Some(aster().contact().collect()),
            ..RemoteCustomer::default()
        };
        let mut compared = ComparedFields::default();
        compared.add(&ComparedCustomer::of(
            aster(),
            remote("Astre", "EUR"),
            PlanPolicy::Exact,
        ));
        compared.add(&ComparedCustomer::of(
            aster_at_stripe(),
            remote("Aster", "EUR"),
            PlanPolicy::Exact,
        ));
        let count = |field, rows| FieldCount { field, rows };
        assert_eq!(
            compared.differ(),
            [count("currency", 2), count("companyName", 1)]
        );
        assert_eq!(compared.not_compared(), [count("stripeCustomerId", 1)]);
    }
}
