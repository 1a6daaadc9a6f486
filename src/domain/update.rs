//! The fields that an update has to change in an existing customer.

use super::customer::{BillingContact, Customer};
use super::field::Field;
use super::remote::RemoteCustomer;

/// The fields of an update, all optional (`docs/api.md`: "Update takes …").
///
/// Plans, bundles and `status` are changed by other calls. An empty text clears a value:
/// how one is cleared is not documented.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerUpdate {
    /// `companyName`.
    pub company_name: Option<String>,
    /// `currency`.
    pub currency: Option<String>,
    /// `stripeCustomerId`.
    pub stripe_customer_id: Option<String>,
    /// `billingContact`, with all its members.
    pub contact: Option<BillingContact>,
}

/// What a response does not show, and may differ from the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unseen {
    /// `stripeCustomerId` of a customer whose response has no such member.
    pub stripe: bool,
    /// `billingContact`, likewise: a customer without one, or an API that shows none.
    pub contact: bool,
}

impl Unseen {
    /// Nothing of it.
    pub const NONE: Self = Self {
        stripe: false,
        contact: false,
    };
}

impl CustomerUpdate {
    /// The update that makes `remote` equal to `customer`, as far as an update can;
    /// `None` if there is nothing to change.
    ///
    /// Whether a `billingContact` replaces the existing one or is merged into it is
    /// not documented: it holds the members of the row and those that only `remote`
    /// has. A `stripeCustomerId` that the response does not show is sent with any
    /// other change; alone, and a contact that it does not show, only as `unseen`. It is
    /// cleared only where the response shows it: otherwise there may be none.
    pub fn of(customer: &Customer, remote: &RemoteCustomer, unseen: Unseen) -> Option<Self> {
        let changed = |ours: &str, theirs: &str| (ours != theirs).then(|| ours.to_owned());
        let cleared = customer.clears(Field::StripeCustomerId).then_some("");
        let ours_at_stripe = customer.stripe_customer_id().or(cleared);
        let mut update = Self {
            company_name: changed(customer.company_name(), &remote.company_name),
            currency: changed(customer.currency(), &remote.currency),
            stripe_customer_id: ours_at_stripe
                .filter(|ours| {
                    (remote.stripe_customer_id.as_deref()).is_some_and(|theirs| theirs != *ours)
                })
                .map(str::to_owned),
            contact: match &remote.contact {
                None if unseen.contact => own_contact(customer),
                theirs => merged_contact(customer, theirs.as_ref()),
            },
        };
        let unshown = remote.stripe_customer_id.is_none();
        if unshown && (unseen.stripe || update != Self::default()) {
            update.stripe_customer_id = customer.stripe_customer_id().map(str::to_owned);
        }
        (update != Self::default()).then_some(update)
    }

    /// The fields that it has; of a contact, all members.
    pub fn fields(&self) -> Vec<Field> {
        let single = [
            (Field::CompanyName, self.company_name.is_some()),
            (Field::Currency, self.currency.is_some()),
            (Field::StripeCustomerId, self.stripe_customer_id.is_some()),
        ];
        let single = single.into_iter().filter(|(_, is_given)| *is_given);
        let contact = self.contact.iter().flat_map(BillingContact::given);
        single
            .map(|(field, _)| field)
            .chain(contact.map(|(field, _)| field))
            .collect()
    }
}

/// The fields of `customer` that the response for `remote` does not show.
pub fn unshown_fields(customer: &Customer, remote: &RemoteCustomer) -> Vec<Field> {
    let stripe = customer.stripe_customer_id();
    let stripe = stripe.filter(|_| remote.stripe_customer_id.is_none());
    let contact = customer.contact().filter(|_| remote.contact.is_none());
    stripe
        .map(|_| Field::StripeCustomerId)
        .into_iter()
        .chain(contact.map(|(field, _)| field))
        .collect()
}

/// The contact of `customer`, if it has one.
fn own_contact(customer: &Customer) -> Option<BillingContact> {
    let contact: BillingContact = customer.contact().collect();
    (!contact.is_empty()).then_some(contact)
}

/// The contact of `ours` merged into `theirs`, if that changes it. A response
/// without a contact says nothing about it.
fn merged_contact(ours: &Customer, theirs: Option<&BillingContact>) -> Option<BillingContact> {
    let theirs = theirs?;
    let mut merged = theirs.clone();
    for (field, value) in ours.contact() {
        merged.set(field, value.to_owned());
    }
    for field in ours.cleared().filter(|field| theirs.get(*field).is_some()) {
        merged.set(field, String::new());
    }
    (merged != *theirs).then_some(merged)
}

#[cfg(test)]
mod tests {
    use super::{BillingContact, CustomerUpdate, Unseen, unshown_fields};
    use crate::domain::customer::Customer;
    use crate::domain::customer::tests::{aster, aster_at_stripe, clearing};
    use crate::domain::field::Field;
    use crate::domain::remote::RemoteCustomer;

    const STRIPE: Unseen = Unseen {
        stripe: true,
        ..Unseen::NONE
    };

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
    fn what_a_response_does_not_show_is_told() {
        let mut remote = remote_of(&aster_at_stripe());
        let stripe = [Field::StripeCustomerId];
        assert_eq!(unshown_fields(&aster_at_stripe(), &remote), stripe);
        assert_eq!(unshown_fields(&aster(), &remote), []);
        remote.stripe_customer_id = Some(String::new());
        assert_eq!(unshown_fields(&aster_at_stripe(), &remote), []);
        remote.contact = None;
        let contact: Vec<Field> = aster().contact().map(|(field, _)| field).collect();
        assert!(!contact.is_empty());
        assert_eq!(unshown_fields(&aster(), &remote), contact);
    }

    #[test]
    fn an_equal_customer_needs_no_update() {
        assert_eq!(
            CustomerUpdate::of(&aster(), &remote_of(&aster()), STRIPE),
            None
        );
    }

    #[test]
    fn only_what_differs_is_sent() {
        let mut remote = remote_of(&aster());
        remote.currency = "EUR".to_owned();
        let update = CustomerUpdate {
            currency: Some("USD".to_owned()),
            ..CustomerUpdate::default()
        };
        assert_eq!(
            CustomerUpdate::of(&aster(), &remote, Unseen::NONE),
            Some(update)
        );
    }

    #[test]
    fn a_contact_keeps_the_members_that_only_kable_has() {
        let mut remote = remote_of(&aster());
        let mut theirs = BillingContact::default();
        theirs.set(Field::Email, "old@aster.example".to_owned());
        theirs.set(Field::Phone, "+1".to_owned());
        remote.contact = Some(theirs);
        let mut expected: BillingContact = aster().contact().collect();
        expected.set(Field::Phone, "+1".to_owned());
        let update = CustomerUpdate::of(&aster(), &remote, Unseen::NONE).unwrap();
        assert_eq!(update.contact, Some(expected));
    }

    #[test]
    fn a_stripe_id_is_sent_with_other_changes_and_alone_only_if_it_may_differ() {
        let customer = aster_at_stripe();
        let mut remote = remote_of(&customer);
        assert_eq!(CustomerUpdate::of(&customer, &remote, Unseen::NONE), None);
        let alone = CustomerUpdate::of(&customer, &remote, STRIPE).unwrap();
        assert_eq!(alone.stripe_customer_id.as_deref(), Some("cus_1"));
        remote.company_name = "Astre".to_owned();
        let with_more = CustomerUpdate::of(&customer, &remote, Unseen::NONE).unwrap();
        assert_eq!(with_more.stripe_customer_id.as_deref(), Some("cus_1"));
    }

    #[test]
    fn a_field_that_is_cleared_is_sent_empty_if_kable_has_it() {
        let customer = clearing(&[Field::Phone, Field::City, Field::StripeCustomerId]);
        let mut remote = remote_of(&customer);
        assert_eq!(CustomerUpdate::of(&customer, &remote, Unseen::NONE), None);
        let mut theirs: BillingContact = customer.contact().collect();
        theirs.set(Field::Phone, "+1".to_owned());
        remote.contact = Some(theirs);
        remote.stripe_customer_id = Some("cus_1".to_owned());
        let update = CustomerUpdate::of(&customer, &remote, Unseen::NONE).unwrap();
        assert_eq!(update.stripe_customer_id.as_deref(), Some(""));
        let contact = update.contact.unwrap();
        assert_eq!(contact.get(Field::Phone), Some(""));
        assert_eq!(contact.get(Field::City), None);
        assert_eq!(contact.get(Field::Email), Some("ap@aster.example"));
    }

    #[test]
    fn a_stripe_id_that_the_response_lacks_is_never_cleared() {
        let customer = clearing(&[Field::StripeCustomerId]);
        let mut remote = remote_of(&customer);
        assert_eq!(CustomerUpdate::of(&customer, &remote, STRIPE), None);
        remote.company_name = "Astre".to_owned();
        for unseen in [Unseen::NONE, STRIPE] {
            let update = CustomerUpdate::of(&customer, &remote, unseen).unwrap();
            assert_eq!(update.fields(), [Field::CompanyName]);
        }
    }

    #[test]
    fn a_contact_that_the_response_lacks_is_sent_only_if_it_may_differ() {
        let mut remote = remote_of(&aster());
        remote.contact = None;
        assert_eq!(CustomerUpdate::of(&aster(), &remote, Unseen::NONE), None);
        let unseen = Unseen {
            contact: true,
            ..Unseen::NONE
        };
        let update = CustomerUpdate::of(&aster(), &remote, unseen).unwrap();
        assert_eq!(update.contact, Some(aster().contact().collect()));
        remote.contact = Some(aster().contact().collect());
        assert_eq!(CustomerUpdate::of(&aster(), &remote, unseen), None);
    }
}
