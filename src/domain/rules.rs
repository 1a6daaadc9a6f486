//! The rules that depend on the user's options and on the account.

use super::catalog::Catalog;

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
    /// `--empty clear`: a value at Kable is cleared where the row has the field, empty.
    pub clears_empty: bool,
    /// All plans, if they were looked up.
    pub plans: Option<Catalog>,
    /// All bundles, if they were looked up.
    pub bundles: Option<Catalog>,
}
