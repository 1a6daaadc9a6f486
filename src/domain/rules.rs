//! What rows are checked against: what the user and the API have said.

use std::collections::HashSet;

/// What a row is checked against, beside the API's own rules.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// `--strict`: what would need a correction or bears a warning is refused.
    pub strict: bool,
    /// `--allow-currency`: codes that the vendor's list has grown by.
    pub allowed_currencies: Vec<String>,
    /// The ids of all plans, where they have been looked up.
    pub plans: Option<HashSet<String>>,
    /// The ids of all bundles, where they have been looked up.
    pub bundles: Option<HashSet<String>>,
}
