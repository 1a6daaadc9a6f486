//! A customer as Kable has it, and how it differs from a row.

use std::collections::{BTreeSet, HashSet};

use super::customer::{BillingContact, Customer};
use super::field::Field;
use super::plan_policy::PlanPolicy;
use super::text::quoted;

/// A customer as Kable has it (`docs/api.md`, "Customer: the response").
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteCustomer {
    /// Kable's own id, `cus_…`.
    pub customer_id: String,
    /// `clientId`.
    pub client_id: String,
    /// `companyName`.
    pub company_name: String,
    /// `currency`.
    pub currency: String,
    /// `stripeCustomerId`; `None` if the response has no such member.
    pub stripe_customer_id: Option<String>,
    /// `status`: `ACTIVE` or `CANCELLED`; empty if the response has no such member.
    pub status: String,
    /// The ids in `plans`; `None` if the response has no such member.
    pub plan_ids: Option<Vec<String>>,
    /// The ids in `bundles`; likewise.
    pub bundle_ids: Option<Vec<String>>,
    /// The plans that its bundles bring, if that is known of all of them.
    pub brought_plan_ids: Option<Vec<String>>,
    /// `billingContact`; `None` if the response has no such member.
    pub contact: Option<BillingContact>,
    /// `created`, in Unix milliseconds.
    pub created: Option<i64>,
    /// `modified`, likewise.
    pub modified: Option<i64>,
    /// Kable's id of another customer with the same `clientId`, which the list of all shows.
    pub namesake: Option<String>,
}

impl RemoteCustomer {
    /// Whether it was cancelled or deleted.
    pub fn is_inactive(&self) -> bool {
        is_inactive(&self.status)
    }
}

/// The `status` of a customer that is neither cancelled nor deleted.
const ACTIVE: &str = "ACTIVE";

/// Whether `status` is given and is not that of an active customer. The API documents
/// `CANCELLED` alone; servers have other words for it, and others for what was deleted.
pub fn is_inactive(status: &str) -> bool {
    !status.is_empty() && !status.eq_ignore_ascii_case(ACTIVE)
}

/// What is said of an answer about a customer with this `clientId`, which was not meant.
pub fn misdirected(client_id: &str) -> String {
    format!(
        "the answer is about another customer, {}",
        quoted(client_id)
    )
}

/// What it means that a response has no `billingContact`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingContact {
    /// Nothing: the API may show none.
    #[default]
    Unknown,
    /// That the contact is empty: other customers are shown with one.
    Empty,
}

/// What differs of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferingField {
    /// A field that rows have.
    OfRow(Field),
    /// `status`.
    Status,
    /// `customerId`: Kable holds more than one customer with the row's `clientId`.
    CustomerId,
}

impl DifferingField {
    /// The field, if rows have it.
    pub fn of_row(self) -> Option<Field> {
        match self {
            Self::OfRow(field) => Some(field),
            Self::Status | Self::CustomerId => None,
        }
    }
}

/// A value that differs between a row and Kable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub field: DifferingField,
    /// The value in the row.
    pub ours: String,
    /// The value at Kable.
    pub theirs: String,
}

impl Difference {
    /// The name of the field.
    pub fn name(&self) -> &'static str {
        match self.field {
            DifferingField::OfRow(field) => field.name(),
            DifferingField::Status => "status",
            DifferingField::CustomerId => "customerId",
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.field == DifferingField::CustomerId {
            let ids = &self.theirs;
            return write!(f, "Kable holds several customers with this clientId: {ids}");
        }
        let name = self.name();
        write!(
            f,
            "{name} is {} at Kable, {} in the file",
            quoted(&self.theirs),
            quoted(&self.ours)
        )
    }
}

/// A row's customer beside the one that Kable holds under its id.
#[derive(Debug, Clone)]
pub struct ComparedCustomer {
    /// The row's.
    pub customer: Customer,
    /// Kable's.
    pub remote: RemoteCustomer,
    /// How they differ ([`differences`]).
    pub differences: Vec<Difference>,
}

impl ComparedCustomer {
    /// Compares `customer` with `remote`.
    pub fn of(customer: Customer, remote: RemoteCustomer, plans: PlanPolicy) -> Self {
        Self {
            differences: differences(&customer, &remote, plans),
            customer,
            remote,
        }
    }

    /// The differences in one sentence; empty if there are none.
    pub fn sentence(&self) -> String {
        let texts: Vec<String> = self.differences.iter().map(Difference::to_string).collect();
        texts.join("; ")
    }
}

/// The fields of `customer` that have another value in `remote`.
///
/// A field that the row does not have is not compared, nor one that the response
/// does not have, such as `stripeCustomerId`, which only the newer document of the
/// API has. Fields that the row clears (`--empty clear`) are compared with nothing.
pub fn differences(
    customer: &Customer,
    remote: &RemoteCustomer,
    plans: PlanPolicy,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |field: DifferingField, ours: &str, theirs: &str| {
        if ours != theirs {
            found.push(Difference {
                field,
                ours: ours.to_owned(),
                theirs: theirs.to_owned(),
            });
        }
    };
    compare_texts(customer, remote, &mut compare);
    let bundles = remote.bundle_ids.as_ref();
    let bundles = bundles.map(|ids| ids.iter().map(String::as_str).collect());
    let lists = [
        (
            Field::PlanIds,
            customer.plan_ids().collect(),
            own_plans(customer, remote),
        ),
        (Field::BundleIds, customer.bundle_ids().collect(), bundles),
    ];
    for (field, ours, theirs) in lists {
        let ours: Vec<&str> = ours;
        let is_compared = plans != PlanPolicy::Ignore && customer.decides(field);
        if let Some(theirs) = theirs.filter(|_| is_compared) {
            let theirs = sorted(compared_ids(theirs, &ours, plans));
            compare(
                DifferingField::OfRow(field),
                &sorted(ours.into_iter()),
                &theirs,
            );
        }
    }
    if let Some(contact) = &remote.contact {
        let cleared = customer.cleared().filter(|field| field.in_contact());
        let cleared = cleared.map(|field| (field, ""));
        for (field, ours) in customer.contact().chain(cleared) {
            compare(
                DifferingField::OfRow(field),
                ours,
                contact.get(field).unwrap_or_default(),
            );
        }
    }
    found
}

/// Compares what is one text each, and the number of customers with this `clientId`.
fn compare_texts(
    customer: &Customer,
    remote: &RemoteCustomer,
    compare: &mut impl FnMut(DifferingField, &str, &str),
) {
    if let Some(other) = &remote.namesake {
        let both = format!("{} {other}", remote.customer_id);
        compare(DifferingField::CustomerId, "", &both);
    }
    compare(
        DifferingField::OfRow(Field::ClientId),
        customer.client_id(),
        &remote.client_id,
    );
    compare(
        DifferingField::OfRow(Field::CompanyName),
        customer.company_name(),
        &remote.company_name,
    );
    compare(
        DifferingField::OfRow(Field::Currency),
        customer.currency(),
        &remote.currency,
    );
    let ours = customer.stripe_customer_id();
    let ours = ours.or_else(|| customer.clears(Field::StripeCustomerId).then_some(""));
    if let Some((ours, theirs)) = ours.zip(remote.stripe_customer_id.as_deref()) {
        compare(DifferingField::OfRow(Field::StripeCustomerId), ours, theirs);
    }
    if remote.is_inactive() {
        compare(DifferingField::Status, ACTIVE, &remote.status);
    }
}

/// The fields of `customer` that `remote` does not have. Of those that the row clears only
/// `stripeCustomerId`: it is not cleared then.
pub fn not_compared(customer: &Customer, remote: &RemoteCustomer) -> Vec<Field> {
    let mut fields = customer.given();
    fields.extend(Some(Field::StripeCustomerId).filter(|field| customer.clears(*field)));
    fields.retain(|field| {
        *field == Field::StripeCustomerId && remote.stripe_customer_id.is_none()
            || *field == Field::PlanIds && remote.plan_ids.is_none()
            || *field == Field::BundleIds && remote.bundle_ids.is_none()
            || Field::CONTACT.contains(field) && remote.contact.is_none()
    });
    fields
}

/// The plans of `remote` that did not come with a bundle, and those that the row
/// names in any case. If it is not known which plans the bundles bring, only those
/// that the row names.
fn own_plans<'r>(customer: &'r Customer, remote: &'r RemoteCustomer) -> Option<Vec<&'r str>> {
    let theirs = remote.plan_ids.as_ref()?.iter().map(String::as_str);
    let has_bundles = match &remote.bundle_ids {
        Some(bundles) => !bundles.is_empty(),
        None => customer.bundle_ids().next().is_some(),
    };
    if !has_bundles {
        return Some(theirs.collect());
    }
    let ours: HashSet<&str> = customer.plan_ids().collect();
    let brought = remote.brought_plan_ids.as_ref();
    let brought = brought.map(|ids| ids.iter().map(String::as_str).collect::<HashSet<_>>());
    let is_own = |id: &&str| {
        ours.contains(id)
            || brought
                .as_ref()
                .is_some_and(|brought| !brought.contains(id))
    };
    // A plan of both the customer and a bundle may be listed twice.
    let own: BTreeSet<&str> = theirs.filter(is_own).collect();
    Some(own.into_iter().collect())
}

/// Those of `theirs` that are compared with `ours`.
fn compared_ids<'i>(
    theirs: Vec<&'i str>,
    ours: &[&str],
    plans: PlanPolicy,
) -> impl Iterator<Item = &'i str> {
    theirs.into_iter().filter(move |id| match plans {
        PlanPolicy::Exact => true,
        PlanPolicy::Add | PlanPolicy::Ignore => ours.contains(id),
    })
}

/// The ids as one text, in order.
pub(super) fn sorted<'i>(ids: impl Iterator<Item = &'i str>) -> String {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids.join(" ")
}

#[cfg(test)]
mod tests {
    use super::{BillingContact, Difference, Field, PlanPolicy, RemoteCustomer, not_compared};
    use crate::domain::customer::Customer;
    use crate::domain::customer::tests::{aster, aster_at_stripe, clearing};

    fn differences(customer: &Customer, remote: &RemoteCustomer) -> Vec<Difference> {
        super::differences(customer, remote, PlanPolicy::Exact)
    }

    fn remote_of(customer: &Customer) -> RemoteCustomer {
        let mut plan_ids: Vec<String> = customer.plan_ids().map(str::to_owned).collect();
        plan_ids.reverse();
        RemoteCustomer {
            customer_id: "cus_1".to_owned(),
            client_id: customer.client_id().to_owned(),
            company_name: customer.company_name().to_owned(),
            currency: customer.currency().to_owned(),
            stripe_customer_id: None,
            status: "ACTIVE".to_owned(),
            brought_plan_ids: None,
            plan_ids: Some(plan_ids),
            bundle_ids: Some(customer.bundle_ids().map(str::to_owned).collect()),
            contact: Some(customer.contact().collect()),
            created: None,
            modified: None,
            namesake: None,
        }
    }

    #[test]
    fn the_same_customer_differs_in_nothing() {
        assert_eq!(differences(&aster(), &remote_of(&aster())), []);
    }

    #[test]
    fn any_status_but_active_is_a_difference() {
        let mut other = remote_of(&aster());
        for status in ["", "ACTIVE", "active"] {
            other.status = status.to_owned();
            assert!(!other.is_inactive(), "{status}");
            assert_eq!(differences(&aster(), &other), []);
        }
        for status in ["CANCELLED", "cancelled", "CANCELED", "DELETED"] {
            other.status = status.to_owned();
            assert!(other.is_inactive(), "{status}");
            assert_eq!(differences(&aster(), &other).len(), 1);
        }
    }

    #[test]
    fn a_difference_shows_both_values() {
        let mut other = remote_of(&aster());
        other.company_name = "Astre".to_owned();
        other.status = "CANCELLED".to_owned();
        let messages: Vec<String> = differences(&aster(), &other)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            messages,
            [
                "companyName is \"Astre\" at Kable, \"Aster\" in the file",
                "status is \"CANCELLED\" at Kable, \"ACTIVE\" in the file",
            ]
        );
    }

    /// The plans that differ, where Kable has these plans and a bundle.
    fn with_bundle(plans: &[&str], brought: Option<&[&str]>) -> Vec<String> {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let remote = RemoteCustomer {
            plan_ids: Some(owned(plans)),
            bundle_ids: Some(owned(&["bun_1"])),
            brought_plan_ids: brought.map(owned),
            ..remote_of(&aster())
        };
        let differences = differences(&aster(), &remote);
        differences.into_iter().map(|found| found.theirs).collect()
    }

    #[test]
    fn plans_of_a_bundle_are_no_difference() {
        let all = ["pln_b", "pln_x", "pln_a"];
        assert_eq!(with_bundle(&all, Some(&["pln_x"])), [""; 0]);
        assert_eq!(with_bundle(&all, Some(&["pln_x", "pln_a"])), [""; 0]);
        assert_eq!(
            with_bundle(&["pln_a", "pln_b", "pln_a"], Some(&["pln_a"])),
            [""; 0]
        );
        // The plans of the bundle are not known: those of the row must be there.
        assert_eq!(with_bundle(&all, None), [""; 0]);
        assert_eq!(with_bundle(&["pln_a", "pln_x"], None), ["pln_a"]);
        assert_eq!(
            with_bundle(&["pln_a", "pln_x"], Some(&["pln_x"])),
            ["pln_a"]
        );
        assert_eq!(with_bundle(&all, Some(&[])), ["pln_a pln_b pln_x"]);
    }

    #[test]
    fn a_stripe_id_is_compared_if_the_response_has_it() {
        let customer = aster_at_stripe();
        let mut other = remote_of(&customer);
        other.stripe_customer_id = Some("cus_other".to_owned());
        assert_eq!(differences(&customer, &other).len(), 1);
        assert_eq!(not_compared(&customer, &other), []);
        other.stripe_customer_id = customer.stripe_customer_id().map(str::to_owned);
        assert_eq!(differences(&customer, &other), []);
    }

    #[test]
    fn plans_of_an_unknown_bundle_are_no_difference_but_missing_ones_are() {
        let mut other = remote_of(&aster());
        let brought = "pln_of_a_bundle".to_owned();
        other.plan_ids.get_or_insert_default().push(brought.clone());
        assert_eq!(differences(&aster(), &other).len(), 1);
        other.bundle_ids = Some(vec!["bun_1".to_owned()]);
        assert_eq!(differences(&aster(), &other), []);
        other.plan_ids = Some(vec![brought]);
        assert_eq!(differences(&aster(), &other).len(), 1);
    }

    #[test]
    fn a_field_that_the_response_lacks_is_no_difference() {
        let mut other = remote_of(&aster());
        other.contact = None;
        other.plan_ids = None;
        assert_eq!(differences(&aster(), &other), []);
    }

    #[test]
    fn fields_that_the_response_lacks_are_named() {
        let customer = aster_at_stripe();
        let mut other = remote_of(&customer);
        assert_eq!(not_compared(&customer, &other), [Field::StripeCustomerId]);
        other.contact = None;
        other.plan_ids = None;
        assert_eq!(
            not_compared(&customer, &other),
            [Field::StripeCustomerId, Field::PlanIds, Field::Email]
        );
    }

    #[test]
    fn a_stripe_id_that_can_not_be_cleared_is_named() {
        let customer = clearing(&[Field::StripeCustomerId, Field::Phone]);
        let mut other = remote_of(&customer);
        assert_eq!(not_compared(&customer, &other), [Field::StripeCustomerId]);
        other.stripe_customer_id = Some("cus_1".to_owned());
        assert_eq!(not_compared(&customer, &other), []);
    }

    #[test]
    fn a_cleared_field_is_compared_with_nothing() {
        let customer = clearing(&[Field::Phone, Field::BundleIds]);
        let mut other = remote_of(&customer);
        assert_eq!(differences(&customer, &other), []);
        let mut contact: BillingContact = customer.contact().collect();
        contact.set(Field::Phone, "+1".to_owned());
        other.contact = Some(contact);
        other.bundle_ids = Some(vec!["bun_1".to_owned()]);
        other.brought_plan_ids = Some(Vec::new());
        let found = differences(&customer, &other);
        let fields: Vec<_> = found.iter().map(Difference::name).collect();
        assert_eq!(fields, ["bundleIds", "billingContact.phone"]);
    }

    #[test]
    fn plans_are_compared_as_they_are_changed() {
        let customer = aster();
        let mut other = remote_of(&customer);
        other.plan_ids = Some(vec!["pln_a".to_owned(), "pln_x".to_owned()]);
        let count = |plans| super::differences(&customer, &other, plans).len();
        assert_eq!(count(PlanPolicy::Ignore), 0);
        assert_eq!(count(PlanPolicy::Add), 1, "pln_b is missing");
        assert_eq!(count(PlanPolicy::Exact), 1);
        other.plan_ids = Some(["pln_a", "pln_b", "pln_x"].map(str::to_owned).to_vec());
        let count = |plans| super::differences(&customer, &other, plans).len();
        assert_eq!(count(PlanPolicy::Add), 0, "more plans are no difference");
        assert_eq!(count(PlanPolicy::Exact), 1);
    }
}
