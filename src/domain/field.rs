//! The fields of Kable's create-customer body, under the API's own names.
//!
//! One enum for all sixteen, so that a new field can't be forgotten in mappings,
//! problems or differences.

use std::fmt;

/// A field of the create-customer body (`docs/api.md`, "Create customer: the body").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Field {
    /// `clientId`: required, chosen by the caller, never changes.
    ClientId,
    /// `companyName`: required.
    CompanyName,
    /// `currency`: required, an ISO 4217 code of Kable's list.
    Currency,
    /// `stripeCustomerId`: the customer's id at Stripe.
    StripeCustomerId,
    /// `planIds`: a list.
    PlanIds,
    /// `bundleIds`: a list.
    BundleIds,
    /// `billingContact.firstName`.
    FirstName,
    /// `billingContact.lastName`.
    LastName,
    /// `billingContact.email`.
    Email,
    /// `billingContact.phone`.
    Phone,
    /// `billingContact.addressLine1`.
    AddressLine1,
    /// `billingContact.addressLine2`.
    AddressLine2,
    /// `billingContact.city`.
    City,
    /// `billingContact.state`.
    State,
    /// `billingContact.postalCode`.
    PostalCode,
    /// `billingContact.country`.
    Country,
}

/// The prefix of the billing contact's members in a path.
const CONTACT: &str = "billingContact.";

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = 16;

    /// Every field, in the order of `docs/api.md`.
    pub const ALL: [Self; Self::COUNT] = [
        Self::ClientId,
        Self::CompanyName,
        Self::Currency,
        Self::StripeCustomerId,
        Self::PlanIds,
        Self::BundleIds,
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::Phone,
        Self::AddressLine1,
        Self::AddressLine2,
        Self::City,
        Self::State,
        Self::PostalCode,
        Self::Country,
    ];

    /// The fields without which Kable creates no customer.
    pub const REQUIRED: [Self; 3] = [Self::ClientId, Self::CompanyName, Self::Currency];

    /// The members of `billingContact`.
    pub const CONTACT: [Self; 10] = [
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::Phone,
        Self::AddressLine1,
        Self::AddressLine2,
        Self::City,
        Self::State,
        Self::PostalCode,
        Self::Country,
    ];

    /// The field's path in the API's body, e.g. `billingContact.email`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientId => "clientId",
            Self::CompanyName => "companyName",
            Self::Currency => "currency",
            Self::StripeCustomerId => "stripeCustomerId",
            Self::PlanIds => "planIds",
            Self::BundleIds => "bundleIds",
            Self::FirstName => "billingContact.firstName",
            Self::LastName => "billingContact.lastName",
            Self::Email => "billingContact.email",
            Self::Phone => "billingContact.phone",
            Self::AddressLine1 => "billingContact.addressLine1",
            Self::AddressLine2 => "billingContact.addressLine2",
            Self::City => "billingContact.city",
            Self::State => "billingContact.state",
            Self::PostalCode => "billingContact.postalCode",
            Self::Country => "billingContact.country",
        }
    }

    /// The field's name without the object that it is a member of, e.g. `email`.
    pub fn member(self) -> &'static str {
        self.name().strip_prefix(CONTACT).unwrap_or(self.name())
    }

    /// The field whose path is exactly `name`.
    pub fn of_name(name: &str) -> Option<Self> {
        let has_name = |field: &&Self| field.name() == name;
        Self::ALL.iter().find(has_name).copied()
    }

    /// Whether the field is an array of strings.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::PlanIds | Self::BundleIds)
    }

    /// Whether the field is a member of `billingContact`.
    pub const fn in_contact(self) -> bool {
        self as u8 >= Self::FirstName as u8
    }

    /// The field's place in [`Field::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSet(u16);

impl FieldSet {
    /// All fields.
    pub(in crate::domain) const ALL: Self = Self(u16::MAX);

    /// Adds `field`.
    pub const fn insert(&mut self, field: Field) {
        self.0 |= 1 << field.index();
    }

    /// Takes `field` out.
    pub(super) const fn remove(&mut self, field: Field) {
        self.0 &= !(1 << field.index());
    }

    /// Whether it has `field`.
    pub const fn has(self, field: Field) -> bool {
        self.0 & 1 << field.index() != 0
    }

    /// Whether it has no field.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its fields.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |field| self.has(*field))
    }
}

/// One value for each field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct FieldMap<T>([T; Field::COUNT]);

#[expect(
    clippy::indexing_slicing,
    reason = "the index of a field is less than Field::COUNT"
)]
impl<T> FieldMap<T> {
    pub(super) const fn get(&self, field: Field) -> &T {
        &self.0[field.index()]
    }

    pub(super) const fn get_mut(&mut self, field: Field) -> &mut T {
        &mut self.0[field.index()]
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn the_index_is_the_place_in_the_list() {
        for (place, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field.index(), place);
            assert_eq!(Field::of_name(field.name()), Some(field));
        }
    }

    #[test]
    fn the_members_of_the_contact_have_its_prefix() {
        for field in Field::ALL {
            assert_eq!(
                field.in_contact(),
                field.name().starts_with("billingContact.")
            );
            assert_eq!(field.in_contact(), Field::CONTACT.contains(&field));
        }
    }
}
