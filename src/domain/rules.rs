//! What rows are checked against: what the user and the API have said.

use super::catalog::Catalog;

/// What a row is checked against, beside the API's own rules.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// `--strict`: what would need a correction or bears a warning is refused.
    pub strict: bool,
    /// `--allow-currency`: codes that the vendor's list has grown by.
    pub allowed_currencies: Vec<String>,
    /// `--plan-ids external`: an `externalId` stands for the id of its plan or
    /// bundle, which is sent.
    pub external_ids: bool,
    /// All plans, where they have been looked up.
    pub plans: Option<Catalog>,
    /// All bundles, where they have been looked up.
    pub bundles: Option<Catalog>,
}
