//! How a customer differs from its row, as the checkpoint keeps it.
//!
//! Only Kable's values are kept, as a JSON object of field names: the row's own are in the
//! input.

use std::collections::BTreeMap;

use super::customer::Customer;
use super::field::Field;
use super::remote::{Difference, DifferingField, sorted};

/// The values that Kable has where it differs; `None` if it does not.
pub fn differing_values(differences: &[Difference]) -> Option<String> {
    let values: BTreeMap<&str, &str> = differences
        .iter()
        .map(|difference| (difference.name(), difference.theirs.as_str()))
        .collect();
    (!values.is_empty()).then(|| serde_json::json!(values).to_string())
}

/// The differences between `customer` and `recorded`, the values that
/// [`differing_values`] made of an earlier comparison. What can't be read is left out.
pub fn recorded_differences(customer: &Customer, recorded: &str) -> Vec<Difference> {
    let values: BTreeMap<String, String> = serde_json::from_str(recorded).unwrap_or_default();
    let status = values
        .get("status")
        .map(|theirs| (DifferingField::Status, theirs));
    let fields = Field::ALL.iter().filter_map(|field| {
        let theirs = values.get(field.name())?;
        Some((DifferingField::OfRow(*field), theirs))
    });
    fields
        .chain(status)
        .filter_map(|(field, theirs)| {
            let ours = value_of(customer, field)?;
            (ours != *theirs).then(|| Difference {
                field,
                ours,
                theirs: theirs.clone(),
            })
        })
        .collect()
}

/// The row's value of `field`, as [`differences`](super::remote::differences) compares it;
/// `None` if the row has none.
fn value_of(customer: &Customer, field: DifferingField) -> Option<String> {
    let list = |ids: String| (!ids.is_empty()).then_some(ids);
    let field = match field {
        DifferingField::OfRow(field) => field,
        DifferingField::Status => return Some("ACTIVE".to_owned()),
        DifferingField::CustomerId => return None,
    };
    match field {
        Field::ClientId => Some(customer.client_id().to_owned()),
        Field::CompanyName => Some(customer.company_name().to_owned()),
        Field::Currency => Some(customer.currency().to_owned()),
        Field::StripeCustomerId => customer.stripe_customer_id().map(str::to_owned),
        Field::PlanIds => list(sorted(customer.plan_ids())),
        Field::BundleIds => list(sorted(customer.bundle_ids())),
        field @ (Field::FirstName
        | Field::LastName
        | Field::Email
        | Field::Phone
        | Field::AddressLine1
        | Field::AddressLine2
        | Field::City
        | Field::State
        | Field::PostalCode
        | Field::Country) => {
            let value = customer.contact().find(|(given, _)| *given == field);
            value.map(|(_, value)| value.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{differing_values, recorded_differences};
    use crate::domain::customer::tests::{aster, aster_bare};
    use crate::domain::plan_policy::PlanPolicy;
    use crate::domain::remote::{RemoteCustomer, differences};

    #[test]
    fn differences_are_read_back_as_they_were_found() {
        let remote = RemoteCustomer {
            client_id: "c-1".to_owned(),
            company_name: "A \"quoted\" name\nof two lines".to_owned(),
            currency: "USD".to_owned(),
            status: "CANCELLED".to_owned(),
            plan_ids: Some(vec!["pln_b".to_owned()]),
            contact: Some(std::iter::empty().collect()),
            ..RemoteCustomer::default()
        };
        let mut found = differences(&aster(), &remote, PlanPolicy::Exact);
        let mut read = recorded_differences(&aster(), &differing_values(&found).unwrap());
        assert_eq!(found.len(), 4);
        found.sort_by_key(crate::domain::remote::Difference::name);
        read.sort_by_key(crate::domain::remote::Difference::name);
        assert_eq!(read, found);
    }

    #[test]
    fn no_difference_is_kept_as_nothing() {
        assert_eq!(differing_values(&[]), None);
    }

    #[test]
    fn a_value_that_the_row_lacks_or_has_by_now_is_no_difference() {
        let recorded =
            r#"{"billingContact.email":"x@y.example","companyName":"Aster","currency":"EUR"}"#;
        let fields: Vec<&str> = recorded_differences(&aster_bare(), recorded)
            .iter()
            .map(crate::domain::remote::Difference::name)
            .collect();
        assert_eq!(fields, ["currency"]);
    }

    #[test]
    fn what_is_no_object_of_texts_is_left_out() {
        for recorded in ["", "[]", "{\"currency\":5}", "null"] {
            assert_eq!(recorded_differences(&aster(), recorded), []);
        }
    }
}
