//! A customer as a row of either format: sixteen fields and their values.

/// A field of the API's body (API reference, "Create customer").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    ClientId,
    CompanyName,
    Currency,
    StripeCustomerId,
    PlanIds,
    BundleIds,
    FirstName,
    LastName,
    Email,
    Phone,
    AddressLine1,
    AddressLine2,
    City,
    State,
    PostalCode,
    Country,
}

impl Field {
    /// All of them, in the order of the columns.
    pub(super) const ALL: [Self; 16] = [
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

    /// The required ones.
    pub(super) const REQUIRED: [Self; 3] = [Self::ClientId, Self::CompanyName, Self::Currency];

    /// Those that are arrays in JSON.
    pub(super) const LISTS: [Self; 2] = [Self::PlanIds, Self::BundleIds];

    pub(super) const fn path(self) -> &'static str {
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

    /// The field's name in its object, if it is in one.
    pub(super) fn in_contact(self) -> Option<&'static str> {
        self.path().strip_prefix(CONTACT)?.strip_prefix('.')
    }

    pub(super) fn is_list(self) -> bool {
        Self::LISTS.contains(&self)
    }
}

/// The object that contains ten of the fields.
pub(super) const CONTACT: &str = "billingContact";

/// How a field's value is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Value {
    #[default]
    Absent,
    Text(String),
    List(Vec<String>),
    /// JSON as it is written; never in a table.
    Json(&'static str),
}

/// A customer on its way into a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    values: [Value; 16],
    /// The value in place of the whole contact.
    pub(super) contact: Option<&'static str>,
    /// The separator of a list's items in a cell; a JSON array with `[`.
    pub(super) separator: &'static str,
    /// Whether JSON is written with escapes for all but ASCII.
    pub(super) escaped: bool,
    /// A member that the API doesn't know, with the comma before it.
    pub(super) extra: &'static str,
}

impl Row {
    pub(super) fn get(&self, field: Field) -> &Value {
        &self.values[field as usize]
    }

    pub(super) fn set(&mut self, field: Field, value: Value) {
        self.values[field as usize] = value;
    }

    /// The field's text; nothing where it is none.
    pub(super) fn text(&self, field: Field) -> &str {
        match self.get(field) {
            Value::Text(text) => text,
            Value::Absent | Value::List(_) | Value::Json(_) => "",
        }
    }

    /// The field's items; none where it is no list.
    pub(super) fn items(&self, field: Field) -> &[String] {
        match self.get(field) {
            Value::List(items) => items,
            Value::Absent | Value::Text(_) | Value::Json(_) => &[],
        }
    }
}
