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

    /// The values, borrowed.
    pub fn values(&self) -> Values<'_> {
        let mut contact = [None; Field::CONTACT.len()];
        for (slot, member) in contact.iter_mut().zip(&self.contact.members) {
            *slot = member.as_deref();
        }
        Values {
            client_id: &self.client_id,
            company_name: &self.company_name,
            currency: Cow::Borrowed(&self.currency),
            stripe_customer_id: self.stripe_customer_id.as_deref(),
            plan_ids: borrowed(&self.plan_ids),
            bundle_ids: borrowed(&self.bundle_ids),
            contact,
        }
    }

    /// A digest of everything that is sent for this customer.
    pub fn digest(&self) -> Fingerprint {
        self.values().digest(&mut Vec::new())
    }
}

fn borrowed(ids: &[String]) -> Vec<Cow<'_, str>> {
    ids.iter().map(|id| Cow::Borrowed(id.as_str())).collect()
}

/// A customer's values, where they stand: what [`Customer`] is once it is to
/// outlive its row. Checking a row copies nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values<'r> {
    pub(super) client_id: &'r str,
    pub(super) company_name: &'r str,
    pub(super) currency: Cow<'r, str>,
    pub(super) stripe_customer_id: Option<&'r str>,
    pub(super) plan_ids: Vec<Cow<'r, str>>,
    pub(super) bundle_ids: Vec<Cow<'r, str>>,
    pub(super) contact: [Option<&'r str>; Field::CONTACT.len()],
}

impl<'r> Values<'r> {
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

    /// The customer, with values of its own.
    pub fn to_customer(&self) -> Customer {
        let owned = |ids: &[Cow<'_, str>]| ids.iter().map(|id| id.clone().into_owned()).collect();
        let mut contact = Contact::default();
        for (slot, member) in contact.members.iter_mut().zip(self.contact) {
            *slot = member.map(str::to_owned);
        }
        Customer {
            client_id: self.client_id.to_owned(),
            company_name: self.company_name.to_owned(),
            currency: self.currency.clone().into_owned(),
            stripe_customer_id: self.stripe_customer_id.map(str::to_owned),
            plan_ids: owned(&self.plan_ids),
            bundle_ids: owned(&self.bundle_ids),
            contact,
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
