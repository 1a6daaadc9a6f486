//! The rules that depend on the user's options and on the account.

use super::catalog::Catalog;
use super::field::{Field, FieldSet};

/// What a row is checked against, besides the fixed rules of the API.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// `--strict`: rows with a warning or a correction are rejected.
    pub strict: bool,
    /// `--allow-currency`: further codes that Kable accepts.
    pub allowed_currencies: Vec<String>,
    /// `--plan-ids external`: the id of the plan or bundle is sent for its
    /// `externalId`.
    pub external_ids: bool,
    /// `--empty clear`: the fields whose value at Kable is cleared where the row has the
    /// field, empty.
    pub cleared: FieldSet,
    /// All plans, if they were looked up.
    pub plans: Option<Catalog>,
    /// All bundles, if they were looked up.
    pub bundles: Option<Catalog>,
}

impl Rules {
    /// Lets an empty cell clear the value at Kable. With customers made `at_stripe`, Kable
    /// gives them their `stripeCustomerId` where the cell is empty: that is not cleared.
    pub fn clear_empty(&mut self, at_stripe: bool) {
        self.cleared = FieldSet::ALL;
        if at_stripe {
            self.cleared.remove(Field::StripeCustomerId);
        }
    }
}
