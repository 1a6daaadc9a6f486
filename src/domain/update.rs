//! What an update would have to change about a customer that is there.

use super::customer::{BillingContact, Customer};
use super::remote::RemoteCustomer;

/// The fields of an update that are given (API reference: `companyName`,
/// `currency`, `stripeCustomerId` and `billingContact`, all optional).
///
/// Plans, bundles and `status` are changed by calls of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerUpdate {
    /// `companyName`.
    pub company_name: Option<String>,
    /// `currency`.
    pub currency: Option<String>,
    /// `stripeCustomerId`.
    pub stripe_customer_id: Option<String>,
    /// `billingContact`, whole.
    pub contact: Option<BillingContact>,
}

impl CustomerUpdate {
    /// What makes `remote` equal to `customer`, as far as an update can; `None`
    /// where nothing is left for it to do.
    ///
    /// Whether a `billingContact` replaces the one that is there or is merged
    /// into it is not documented: it holds what is to be there in the end, both
    /// the row's members and those that only `remote` has. A `stripeCustomerId`
    /// that the response doesn't show goes along with any other change, and by
    /// itself only where `unseen` says that it may differ.
    pub fn of(customer: &Customer, remote: &RemoteCustomer, unseen: bool) -> Option<Self> {
        let given = |ours: &str, theirs: &str| (ours != theirs).then(|| ours.to_owned());
        let mut change = Self {
            company_name: given(customer.company_name(), &remote.company_name),
            currency: given(customer.currency(), &remote.currency),
            stripe_customer_id: customer
                .stripe_customer_id()
                .filter(|ours| {
                    (remote.stripe_customer_id.as_deref()).is_some_and(|theirs| theirs != *ours)
                })
                .map(str::to_owned),
            contact: contact(customer, remote.contact.as_ref()),
        };
        let unshown = remote.stripe_customer_id.is_none();
        if unshown && (unseen || change != Self::default()) {
            change.stripe_customer_id = customer.stripe_customer_id().map(str::to_owned);
        }
        (change != Self::default()).then_some(change)
    }
}

/// The contact of `ours` laid over `theirs`, where that makes a difference. A
/// response without a contact says nothing about it.
fn contact(ours: &Customer, theirs: Option<&BillingContact>) -> Option<BillingContact> {
    let theirs = theirs?;
    let mut laid_over = theirs.clone();
    for (field, value) in ours.contact() {
        laid_over.set(field, value.to_owned());
    }
    (laid_over != *theirs).then_some(laid_over)
}

#[cfg(test)]
mod tests {
    use super::{BillingContact, CustomerUpdate};
    use crate::domain::customer::Customer;
    use crate::domain::customer::tests::{aster, aster_at_stripe};
    use crate::domain::field::Field;
    use crate::domain::remote::RemoteCustomer;

    fn remote_of(customer: &Customer) -> RemoteCustomer {
        RemoteCustomer {
            client_id: customer.client_id().to_owned(),
            company_name: customer.company_name().to_owned(),
            currency: customer.currency().to_owned(),
            contact: Some(customer.contact().collect()),
            ..RemoteCustomer::default()
        }
    }

    #[test]
    fn what_is_equal_needs_no_change() {
        assert_eq!(
            CustomerUpdate::of(&aster(), &remote_of(&aster()), true),
            None
        );
    }

    #[test]
    fn only_what_differs_is_sent() {
        let mut remote = remote_of(&aster());
        remote.currency = "EUR".to_owned();
        let change = CustomerUpdate {
            currency: Some("USD".to_owned()),
            ..CustomerUpdate::default()
        };
        assert_eq!(CustomerUpdate::of(&aster(), &remote, false), Some(change));
    }

    #[test]
    fn a_contact_keeps_what_only_kable_has() {
        let mut remote = remote_of(&aster());
        let mut theirs = BillingContact::default();
        theirs.set(Field::Email, "old@aster.example".to_owned());
        theirs.set(Field::Phone, "+1".to_owned());
        remote.contact = Some(theirs);
        let mut wanted: BillingContact = aster().contact().collect();
        wanted.set(Field::Phone, "+1".to_owned());
        let change = CustomerUpdate::of(&aster(), &remote, false).unwrap();
        assert_eq!(change.contact, Some(wanted));
    }

    #[test]
    fn a_stripe_id_goes_along_and_alone_only_where_it_may_differ() {
        let customer = aster_at_stripe();
        let mut remote = remote_of(&customer);
        assert_eq!(CustomerUpdate::of(&customer, &remote, false), None);
        let alone = CustomerUpdate::of(&customer, &remote, true).unwrap();
        assert_eq!(alone.stripe_customer_id.as_deref(), Some("cus_1"));
        remote.company_name = "Astre".to_owned();
        let with_more = CustomerUpdate::of(&customer, &remote, false).unwrap();
        assert_eq!(with_more.stripe_customer_id.as_deref(), Some("cus_1"));
    }
}
