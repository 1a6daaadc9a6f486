//! A customer that has passed every check, ready to be sent.
//!
//! Only `validate.rs` makes one, so the required values of a [`Customer`] are not
//! blank and its currency is one that Kable accepts.

use std::borrow::Cow;

use super::field::{Field, FieldSet};

/// A 128-bit fingerprint of some text.
///
/// BLAKE3 cut to 128 bits: among ten billion different texts the chance that
/// any two share one is below 10⁻¹⁸, so an import may take two texts with equal
/// fingerprints for the same.
pub type Fingerprint = [u8; 16];

/// The fingerprint of `text`.
pub fn fingerprint(text: &str) -> Fingerprint {
    shorten(blake3::hash(text.as_bytes()))
}

fn shorten(hash: blake3::Hash) -> Fingerprint {
    let mut short = Fingerprint::default();
    short.copy_from_slice(hash.as_bytes().split_at(16).0);
    short
}

/// The members of `billingContact` that have a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BillingContact {
    members: [Option<String>; Field::CONTACT.len()],
}

impl BillingContact {
    /// The value of `field`, if it is a member of the contact and has one.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.members.get(place(field)?)?.as_deref()
    }

    /// Sets a member; other fields are ignored.
    pub fn set(&mut self, field: Field, value: String) {
        if let Some(slot) = place(field).and_then(|place| self.members.get_mut(place)) {
            *slot = Some(value);
        }
    }

    /// Whether no member has a value.
    pub fn is_empty(&self) -> bool {
        self.members.iter().all(Option::is_none)
    }

    /// The members that have a value, in the API's order.
    pub fn given(&self) -> impl Iterator<Item = (Field, &str)> {
        Field::CONTACT
            .into_iter()
            .zip(&self.members)
            .filter_map(|(field, value)| Some((field, value.as_deref()?)))
    }

    /// The values of the members, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.members.iter_mut().flatten()
    }
}

impl<'v> FromIterator<(Field, &'v str)> for BillingContact {
    fn from_iter<I: IntoIterator<Item = (Field, &'v str)>>(given: I) -> Self {
        let mut contact = Self::default();
        for (field, value) in given {
            contact.set(field, value.to_owned());
        }
        contact
    }
}

fn place(field: Field) -> Option<usize> {
    field.index().checked_sub(Field::FirstName.index())
}

/// A customer that can be sent.
///
/// All its values are one allocation: it is made by one thread and freed by another,
/// which costs as much for a small piece of memory as for a large one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The values, one after the other, in the API's order.
    text: Box<str>,
    /// The field and the length in bytes of each of them; a list has one for each of
    /// its ids.
    lengths: Box<[(Field, usize)]>,
    /// The fields that the row has, empty, and that are to be cleared at Kable.
    cleared: FieldSet,
}

impl Customer {
    /// Each value, in the API's order; of a list, each id.
    fn values(&self) -> impl Iterator<Item = (Field, &str)> {
        let mut rest = &*self.text;
        self.lengths.iter().map(move |&(field, length)| {
            let (value, after) = rest.split_at(length);
            rest = after;
            (field, value)
        })
    }

    pub(super) fn values_of(&self, field: Field) -> impl Iterator<Item = &str> {
        let values = self.values().filter(move |(of, _)| *of == field);
        values.map(|(_, value)| value)
    }

    fn required(&self, field: Field) -> &str {
        let value = self.values_of(field).next();
        value.unwrap_or_else(|| unreachable!("a customer without {field}"))
    }

    /// Whether `field` has a value.
    pub fn has(&self, field: Field) -> bool {
        self.lengths.iter().any(|(of, _)| *of == field)
    }

    /// `clientId`: never blank, no blanks around it.
    pub fn client_id(&self) -> &str {
        self.required(Field::ClientId)
    }

    /// `companyName`: never blank.
    pub fn company_name(&self) -> &str {
        self.required(Field::CompanyName)
    }

    /// `currency`: a code that Kable accepts.
    pub fn currency(&self) -> &str {
        self.required(Field::Currency)
    }

    /// `stripeCustomerId`, if there is one.
    pub fn stripe_customer_id(&self) -> Option<&str> {
        self.values_of(Field::StripeCustomerId).next()
    }

    /// `planIds`, each once.
    pub fn plan_ids(&self) -> impl Iterator<Item = &str> {
        self.values_of(Field::PlanIds)
    }

    /// `bundleIds`, each once.
    pub fn bundle_ids(&self) -> impl Iterator<Item = &str> {
        self.values_of(Field::BundleIds)
    }

    /// The members of `billingContact`, in the API's order.
    pub fn contact(&self) -> impl Iterator<Item = (Field, &str)> {
        self.values().filter(|(field, _)| field.in_contact())
    }

    /// The fields that are cleared at Kable (`--empty clear`): the row has them, empty.
    pub fn cleared(&self) -> impl Iterator<Item = Field> {
        self.cleared.iter()
    }

    /// Whether `field` is cleared.
    pub fn clears(&self, field: Field) -> bool {
        self.cleared.has(field)
    }

    /// Whether the row says what `field` is: it has a value for it, or clears it.
    pub fn decides(&self, field: Field) -> bool {
        self.clears(field) || self.has(field)
    }

    /// The fields that have a value, in the API's order.
    pub fn given(&self) -> Vec<Field> {
        let mut given: Vec<Field> = self.values().map(|(field, _)| field).collect();
        given.dedup();
        given
    }
}

/// A customer's values, borrowed from its row: checking a row copies nothing. Turned
/// into a [`Customer`] to outlive the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerValues<'r> {
    pub(super) client_id: &'r str,
    pub(super) company_name: &'r str,
    pub(super) currency: Cow<'r, str>,
    pub(super) stripe_customer_id: Option<&'r str>,
    pub(super) plan_ids: Vec<Cow<'r, str>>,
    pub(super) bundle_ids: Vec<Cow<'r, str>>,
    pub(super) contact: [Option<&'r str>; Field::CONTACT.len()],
    /// The fields that the row has, empty, if those are cleared at Kable.
    pub(super) cleared: FieldSet,
}

impl<'r> CustomerValues<'r> {
    /// `clientId`: never blank, no blanks around it.
    pub fn client_id(&self) -> &'r str {
        self.client_id
    }

    /// `companyName`: never blank.
    pub fn company_name(&self) -> &'r str {
        self.company_name
    }

    /// `billingContact.email`, if there is one.
    pub fn email(&self) -> Option<&'r str> {
        *self.contact.get(place(Field::Email)?)?
    }

    /// `billingContact.country`, if there is one.
    pub fn country(&self) -> Option<&'r str> {
        *self.contact.get(place(Field::Country)?)?
    }

    /// `currency`, as it is sent.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// `planIds`, as they are sent.
    pub fn plan_ids(&self) -> impl Iterator<Item = &str> {
        self.plan_ids.iter().map(AsRef::as_ref)
    }

    /// Each value, in the API's order; of a list, each id.
    fn values(&self) -> impl Iterator<Item = (Field, &str)> {
        let single = [
            (Field::ClientId, Some(self.client_id)),
            (Field::CompanyName, Some(self.company_name)),
            (Field::Currency, Some(self.currency.as_ref())),
            (Field::StripeCustomerId, self.stripe_customer_id),
        ];
        let plans = self.plan_ids.iter().map(|id| (Field::PlanIds, id.as_ref()));
        let bundles = self.bundle_ids.iter();
        let bundles = bundles.map(|id| (Field::BundleIds, id.as_ref()));
        let contact = Field::CONTACT.into_iter().zip(self.contact);
        let present = |(field, value): (Field, Option<_>)| Some((field, value?));
        single
            .into_iter()
            .filter_map(present)
            .chain(plans)
            .chain(bundles)
            .chain(contact.filter_map(present))
    }

    /// Clears those of `fields` that are `present` in the row without a value.
    pub(super) fn clear_missing(&mut self, present: FieldSet, fields: FieldSet) {
        let mut given = FieldSet::default();
        for (field, _) in self.values() {
            given.insert(field);
        }
        let is_cleared = |field: &Field| fields.has(*field) && !given.has(*field);
        for field in present.iter().filter(is_cleared) {
            self.cleared.insert(field);
        }
    }

    /// The customer, with a copy of the values.
    pub fn to_customer(&self) -> Customer {
        let (mut bytes, mut count) = (0, 0);
        for (_, value) in self.values() {
            bytes += value.len();
            count += 1;
        }
        let mut text = String::with_capacity(bytes);
        let mut lengths = Vec::with_capacity(count);
        for (field, value) in self.values() {
            text.push_str(value);
            lengths.push((field, value.len()));
        }
        Customer {
            text: text.into_boxed_str(),
            lengths: lengths.into_boxed_slice(),
            cleared: self.cleared,
        }
    }

    /// A digest of everything that is sent for this customer, computed in `buffer`.
    pub fn digest(&self, buffer: &mut Vec<u8>) -> Fingerprint {
        self.write_values(buffer);
        shorten(blake3::hash(buffer))
    }

    /// Each value is preceded by its field and length, so that two different
    /// customers never have the same bytes. Plans and bundles are sorted: to the API
    /// their order makes no difference.
    fn write_values(&self, buffer: &mut Vec<u8>) {
        // Hashing one buffer is much faster than forty pieces.
        buffer.clear();
        let mut write = |field: Field, value: &str| {
            buffer.push(field.index().to_le_bytes()[0]);
            buffer.extend_from_slice(&value.len().to_le_bytes());
            buffer.extend_from_slice(value.as_bytes());
        };
        write(Field::ClientId, self.client_id);
        write(Field::CompanyName, self.company_name);
        write(Field::Currency, &self.currency);
        if let Some(id) = self.stripe_customer_id {
            write(Field::StripeCustomerId, id);
        }
        for (field, ids) in [
            (Field::PlanIds, self.plan_ids.as_slice()),
            (Field::BundleIds, self.bundle_ids.as_slice()),
        ] {
            if let [only] = ids {
                write(field, only);
                continue;
            }
            let mut sorted: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
            sorted.sort_unstable();
            for id in sorted {
                write(field, id);
            }
        }
        for (field, value) in Field::CONTACT.into_iter().zip(self.contact) {
            if let Some(value) = value {
                write(field, value);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::borrow::Cow;

    use super::{Customer, CustomerValues, Field, FieldSet, Fingerprint, place};

    /// The values of [`aster`].
    fn values() -> CustomerValues<'static> {
        let mut contact = [None; Field::CONTACT.len()];
        contact[place(Field::Email).unwrap()] = Some("ap@aster.example");
        CustomerValues {
            client_id: "c-1",
            company_name: "Aster",
            currency: "USD".into(),
            stripe_customer_id: None,
            plan_ids: vec!["pln_a".into(), "pln_b".into()],
            bundle_ids: Vec::new(),
            contact,
            cleared: FieldSet::default(),
        }
    }

    fn digest(values: &CustomerValues<'_>) -> Fingerprint {
        values.digest(&mut Vec::new())
    }

    /// A valid customer; each test changes the one thing that it is about.
    pub(crate) fn aster() -> Customer {
        values().to_customer()
    }

    /// The same customer with another id.
    pub(crate) fn with_id(client_id: &str) -> Customer {
        let aster = values();
        CustomerValues { client_id, ..aster }.to_customer()
    }

    /// The same customer with other plans and bundles.
    pub(crate) fn with_plans(plan_ids: &[String], bundle_ids: &[String]) -> Customer {
        let cows = |ids: &[String]| ids.iter().map(|id| Cow::Owned(id.clone())).collect();
        CustomerValues {
            plan_ids: cows(plan_ids),
            bundle_ids: cows(bundle_ids),
            ..values()
        }
        .to_customer()
    }

    /// The same customer, with these fields cleared.
    pub(crate) fn clearing(fields: &[Field]) -> Customer {
        let mut cleared = values();
        for field in fields {
            cleared.cleared.insert(*field);
        }
        cleared.to_customer()
    }

    /// The same, with a `stripeCustomerId`.
    pub(crate) fn aster_at_stripe() -> Customer {
        let mut values = values();
        values.stripe_customer_id = Some("cus_1");
        values.to_customer()
    }

    /// The same, with the required fields only.
    pub(crate) fn aster_bare() -> Customer {
        let mut values = values();
        values.plan_ids.clear();
        values.contact = [None; Field::CONTACT.len()];
        values.to_customer()
    }

    /// The digest of the values of `customer`.
    pub(crate) fn digest_of(customer: &Customer) -> Fingerprint {
        let mut contact = [None; Field::CONTACT.len()];
        for (field, value) in customer.contact() {
            contact[place(field).unwrap()] = Some(value);
        }
        digest(&CustomerValues {
            client_id: customer.client_id(),
            company_name: customer.company_name(),
            currency: Cow::Borrowed(customer.currency()),
            stripe_customer_id: customer.stripe_customer_id(),
            plan_ids: customer.plan_ids().map(Cow::Borrowed).collect(),
            bundle_ids: customer.bundle_ids().map(Cow::Borrowed).collect(),
            contact,
            cleared: customer.cleared,
        })
    }

    #[test]
    fn a_customer_has_the_values_that_it_was_made_of() {
        let mut whole = values();
        whole.company_name = "Astér 株式会社";
        whole.stripe_customer_id = Some("cus_1");
        whole.bundle_ids = vec!["bun_b".into(), "bun_a".into()];
        whole.contact[place(Field::City).unwrap()] = Some("Zürich");
        let customer = whole.to_customer();
        assert_eq!(customer.client_id(), "c-1");
        assert_eq!(customer.company_name(), "Astér 株式会社");
        assert_eq!(customer.currency(), "USD");
        assert_eq!(customer.stripe_customer_id(), Some("cus_1"));
        assert!(customer.plan_ids().eq(["pln_a", "pln_b"]));
        assert!(customer.bundle_ids().eq(["bun_b", "bun_a"]));
        let contact = [(Field::Email, "ap@aster.example"), (Field::City, "Zürich")];
        assert!(customer.contact().eq(contact));
        assert_eq!(digest_of(&customer), digest(&whole));
        let given = [
            Field::ClientId,
            Field::CompanyName,
            Field::Currency,
            Field::StripeCustomerId,
            Field::PlanIds,
            Field::BundleIds,
            Field::Email,
            Field::City,
        ];
        assert_eq!(customer.given(), given);
    }

    #[test]
    fn a_field_without_a_value_is_not_there() {
        let customer = aster();
        assert_eq!(customer.stripe_customer_id(), None);
        assert_eq!(customer.bundle_ids().count(), 0);
        assert_ne!(customer, aster_at_stripe());
    }

    #[test]
    fn the_digest_depends_on_every_field() {
        let mut changed: Vec<CustomerValues<'_>> = vec![values(); 7];
        changed[0].client_id = "c-2";
        changed[1].company_name = "Aste";
        changed[2].currency = "EUR".into();
        changed[3].stripe_customer_id = Some("cus_1");
        changed[4].plan_ids.pop();
        changed[5].bundle_ids = std::mem::take(&mut changed[5].plan_ids);
        changed[6].contact[place(Field::Phone).unwrap()] = Some("1");
        for other in changed {
            assert_ne!(digest(&other), digest(&values()), "{other:?}");
        }
    }

    #[test]
    fn the_digest_does_not_depend_on_the_order_of_plans() {
        let mut other = values();
        other.plan_ids.reverse();
        assert_eq!(digest(&other), digest(&values()));
    }
}
