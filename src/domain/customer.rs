//! A customer that has passed every check, ready to be sent.
//!
//! Only `validate.rs` makes one, so to hold a [`Customer`] is proof that its
//! values are not blank and its currency is taken.

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
pub struct Contact {
    members: [Option<String>; Field::CONTACT.len()],
}

impl Contact {
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
}

fn place(field: Field) -> Option<usize> {
    field.index().checked_sub(Field::FirstName.index())
}

/// A customer as the API wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub(super) client_id: String,
    pub(super) company_name: String,
    pub(super) currency: String,
    pub(super) stripe_customer_id: Option<String>,
    pub(super) plan_ids: Vec<String>,
    pub(super) bundle_ids: Vec<String>,
    pub(super) contact: Contact,
}

impl Customer {
    /// `clientId`: never blank, no blanks around it.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// `companyName`: never blank.
    pub fn company_name(&self) -> &str {
        &self.company_name
    }

    /// `currency`: three capital letters that Kable takes.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// `stripeCustomerId`, where given.
    pub fn stripe_customer_id(&self) -> Option<&str> {
        self.stripe_customer_id.as_deref()
    }

    /// `planIds`: each once; empty where none are given.
    pub fn plan_ids(&self) -> &[String] {
        &self.plan_ids
    }

    /// `bundleIds`: each once; empty where none are given.
    pub fn bundle_ids(&self) -> &[String] {
        &self.bundle_ids
    }

    /// `billingContact`.
    pub fn contact(&self) -> &Contact {
        &self.contact
    }

    /// The fields that are given, in the API's order.
    pub fn given(&self) -> Vec<Field> {
        let optional = [
            (Field::StripeCustomerId, self.stripe_customer_id.is_some()),
            (Field::PlanIds, !self.plan_ids.is_empty()),
            (Field::BundleIds, !self.bundle_ids.is_empty()),
        ];
        let optional = optional.iter().filter(|(_, is_given)| *is_given);
        [Field::ClientId, Field::CompanyName, Field::Currency]
            .into_iter()
            .chain(optional.map(|(field, _)| *field))
            .chain(self.contact.given().map(|(field, _)| field))
            .collect()
    }

    /// A digest of everything that is sent for this customer.
    ///
    /// Each part goes in with its field and its length before it, so that no
    /// two different customers come to the same bytes. The order of plans and
    /// bundles makes no difference, as it makes none to the API.
    pub fn digest(&self) -> Fingerprint {
        // One piece is hashed much faster than forty.
        let mut parts = Vec::with_capacity(512);
        let mut part = |field: Field, value: &str| {
            parts.push(field.index().to_le_bytes()[0]);
            parts.extend_from_slice(&value.len().to_le_bytes());
            parts.extend_from_slice(value.as_bytes());
        };
        part(Field::ClientId, &self.client_id);
        part(Field::CompanyName, &self.company_name);
        part(Field::Currency, &self.currency);
        if let Some(id) = &self.stripe_customer_id {
            part(Field::StripeCustomerId, id);
        }
        for (field, ids) in [
            (Field::PlanIds, &self.plan_ids),
            (Field::BundleIds, &self.bundle_ids),
        ] {
            let mut sorted: Vec<&str> = ids.iter().map(String::as_str).collect();
            sorted.sort_unstable();
            for id in sorted {
                part(field, id);
            }
        }
        for (field, value) in self.contact.given() {
            part(field, value);
        }
        shorten(blake3::hash(&parts))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Contact, Customer, Field};

    /// A customer that is good; a test changes the one thing it is about.
    pub(crate) fn aster() -> Customer {
        let mut contact = Contact::default();
        contact.set(Field::Email, "ap@aster.example".to_owned());
        Customer {
            client_id: "c-1".to_owned(),
            company_name: "Aster".to_owned(),
            currency: "USD".to_owned(),
            stripe_customer_id: None,
            plan_ids: vec!["pln_a".to_owned(), "pln_b".to_owned()],
            bundle_ids: Vec::new(),
            contact,
        }
    }

    #[test]
    fn the_digest_tells_every_field_apart() {
        let mut changed: Vec<Customer> = vec![aster(); 7];
        changed[0].client_id = "c-2".to_owned();
        changed[1].company_name = "Aste".to_owned();
        changed[2].currency = "EUR".to_owned();
        changed[3].stripe_customer_id = Some("cus_1".to_owned());
        changed[4].plan_ids.pop();
        changed[5].bundle_ids = std::mem::take(&mut changed[5].plan_ids);
        changed[6].contact.set(Field::Phone, "1".to_owned());
        for other in changed {
            assert_ne!(other.digest(), aster().digest(), "{other:?}");
        }
    }

    #[test]
    fn the_order_of_plans_is_no_difference() {
        let mut other = aster();
        other.plan_ids.reverse();
        assert_eq!(other.digest(), aster().digest());
    }
}
