//! A customer that has passed every check, ready to be sent.
//!
//! Only `validate.rs` makes one, so to hold a [`Customer`] is proof that its
//! values are not blank and its currency is taken.

use std::borrow::Cow;

use super::field::Field;

/// A 128-bit fingerprint of some text.
///
/// BLAKE3 cut to 128 bits: among ten billion different texts the chance that
/// any two share one is below 10⁻¹⁸, so two equal fingerprints are the same
/// text for every purpose of an import.
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

/// The members of `billingContact` that were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BillingContact {
    members: [Option<String>; Field::CONTACT.len()],
}

impl BillingContact {
    /// The value of `field`, where it is a member of the contact and given.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.members.get(place(field)?)?.as_deref()
    }

    /// Sets a member; fields that are none are left alone.
    pub fn set(&mut self, field: Field, value: String) {
        if let Some(slot) = place(field).and_then(|place| self.members.get_mut(place)) {
            *slot = Some(value);
        }
    }

    /// Whether no member is given.
    pub fn is_empty(&self) -> bool {
        self.members.iter().all(Option::is_none)
    }

    /// The members that are given, in the API's order.
    pub fn given(&self) -> impl Iterator<Item = (Field, &str)> {
        Field::CONTACT
            .into_iter()
            .zip(&self.members)
            .filter_map(|(field, value)| Some((field, value.as_deref()?)))
    }

    /// The values of the members that are given, to be changed.
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

/// A customer as the API wants it.
///
/// All its values are one text: a customer is made by one thread and given back
/// by another, which costs as much for each piece as for a large one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The values that are given, one after the other, in the API's order.
    text: Box<str>,
    /// What each of them is, and where in `text` it ends. A list has one for
    /// each of its ids.
    ends: Box<[(Field, usize)]>,
}

impl Customer {
    /// Each value that is given, in the API's order; of a list, each id.
    fn parts(&self) -> impl Iterator<Item = (Field, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |&(field, end)| {
            let value = self.text.get(start..end).unwrap_or_default();
            start = end;
            (field, value)
        })
    }

    fn all(&self, wanted: Field) -> impl Iterator<Item = &str> {
        let of_it = move |(field, value)| (field == wanted).then_some(value);
        self.parts().filter_map(of_it)
    }

    fn required(&self, field: Field) -> &str {
        self.all(field).next().unwrap_or_default()
    }

    /// `clientId`: never blank, no blanks around it.
    pub fn client_id(&self) -> &str {
        self.required(Field::ClientId)
    }

    /// `companyName`: never blank.
    pub fn company_name(&self) -> &str {
        self.required(Field::CompanyName)
    }

    /// `currency`: three capital letters that Kable takes.
    pub fn currency(&self) -> &str {
        self.required(Field::Currency)
    }

    /// `stripeCustomerId`, where given.
    pub fn stripe_customer_id(&self) -> Option<&str> {
        self.all(Field::StripeCustomerId).next()
    }

    /// `planIds`: each once; none where none are given.
    pub fn plan_ids(&self) -> impl Iterator<Item = &str> {
        self.all(Field::PlanIds)
    }

    /// `bundleIds`: each once; none where none are given.
    pub fn bundle_ids(&self) -> impl Iterator<Item = &str> {
        self.all(Field::BundleIds)
    }

    /// The members of `billingContact` that are given, in the API's order.
    pub fn contact(&self) -> impl Iterator<Item = (Field, &str)> {
        self.parts().filter(|(field, _)| field.in_contact())
    }

    /// The fields that are given, in the API's order.
    pub fn given(&self) -> Vec<Field> {
        let mut given: Vec<Field> = self.parts().map(|(field, _)| field).collect();
        given.dedup();
        given
    }
}

/// A customer's values, where they stand: what [`Customer`] is once it is to
/// outlive its row. Checking a row copies nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerValues<'r> {
    pub(super) client_id: &'r str,
    pub(super) company_name: &'r str,
    pub(super) currency: Cow<'r, str>,
    pub(super) stripe_customer_id: Option<&'r str>,
    pub(super) plan_ids: Vec<Cow<'r, str>>,
    pub(super) bundle_ids: Vec<Cow<'r, str>>,
    pub(super) contact: [Option<&'r str>; Field::CONTACT.len()],
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

    /// `billingContact.email`, where given.
    pub fn email(&self) -> Option<&'r str> {
        *self.contact.get(place(Field::Email)?)?
    }

    /// Each value that is given, in the API's order; of a list, each id.
    fn parts(&self) -> impl Iterator<Item = (Field, &str)> {
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
        let given = |(field, value): (Field, Option<_>)| Some((field, value?));
        single
            .into_iter()
            .filter_map(given)
            .chain(plans)
            .chain(bundles)
            .chain(contact.filter_map(given))
    }

    /// The customer, with values of its own.
    pub fn to_customer(&self) -> Customer {
        let (mut bytes, mut parts) = (0, 0);
        for (_, value) in self.parts() {
            bytes += value.len();
            parts += 1;
        }
        let mut text = String::with_capacity(bytes);
        let mut ends = Vec::with_capacity(parts);
        for (field, value) in self.parts() {
            text.push_str(value);
            ends.push((field, text.len()));
        }
        Customer {
            text: text.into_boxed_str(),
            ends: ends.into_boxed_slice(),
        }
    }

    /// A digest of everything that is sent for this customer, worked out in
    /// `room`.
    pub fn digest(&self, room: &mut Vec<u8>) -> Fingerprint {
        self.write_parts(room);
        shorten(blake3::hash(room))
    }

    /// Each part goes in with its field and its length before it, so that no
    /// two different customers come to the same bytes. The order of plans and
    /// bundles makes no difference, as it makes none to the API.
    fn write_parts(&self, room: &mut Vec<u8>) {
        // One piece is hashed much faster than forty.
        room.clear();
        let mut part = |field: Field, value: &str| {
            room.push(field.index().to_le_bytes()[0]);
            room.extend_from_slice(&value.len().to_le_bytes());
            room.extend_from_slice(value.as_bytes());
        };
        part(Field::ClientId, self.client_id);
        part(Field::CompanyName, self.company_name);
        part(Field::Currency, &self.currency);
        if let Some(id) = self.stripe_customer_id {
            part(Field::StripeCustomerId, id);
        }
        for (field, ids) in [
            (Field::PlanIds, self.plan_ids.as_slice()),
            (Field::BundleIds, self.bundle_ids.as_slice()),
        ] {
            if let [only] = ids {
                part(field, only);
                continue;
            }
            let mut sorted: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
            sorted.sort_unstable();
            for id in sorted {
                part(field, id);
            }
        }
        for (field, value) in Field::CONTACT.into_iter().zip(self.contact) {
            if let Some(value) = value {
                part(field, value);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::borrow::Cow;

    use super::{Customer, CustomerValues, Field, Fingerprint, place};

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
        }
    }

    fn digest(values: &CustomerValues<'_>) -> Fingerprint {
        values.digest(&mut Vec::new())
    }

    /// A customer that is good; a test changes the one thing it is about.
    pub(crate) fn aster() -> Customer {
        values().to_customer()
    }

    /// The same, with a `stripeCustomerId`.
    pub(crate) fn aster_at_stripe() -> Customer {
        let mut values = values();
        values.stripe_customer_id = Some("cus_1");
        values.to_customer()
    }

    /// The same, with nothing but what is required.
    pub(crate) fn aster_bare() -> Customer {
        let mut values = values();
        values.plan_ids.clear();
        values.contact = [None; Field::CONTACT.len()];
        values.to_customer()
    }

    /// The digest of what `customer` gives.
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
    fn what_is_not_given_is_not_there() {
        let customer = aster();
        assert_eq!(customer.stripe_customer_id(), None);
        assert_eq!(customer.bundle_ids().count(), 0);
        assert_ne!(customer, aster_at_stripe());
    }

    #[test]
    fn the_digest_tells_every_field_apart() {
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
    fn the_order_of_plans_is_no_difference() {
        let mut other = values();
        other.plan_ids.reverse();
        assert_eq!(digest(&other), digest(&values()));
    }
}
