//! The plans or the bundles of an account, by both of their ids.

use std::collections::{BTreeSet, HashMap, HashSet};

/// The plans or the bundles of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    ids: HashSet<String>,
    /// The ids by external id, which need not be unique.
    by_external_id: HashMap<String, BTreeSet<String>>,
}

impl Catalog {
    /// Adds a plan or a bundle.
    pub fn add(&mut self, id: String, external_id: Option<String>) {
        if let Some(external_id) = external_id.filter(|external| !external.is_empty()) {
            let ids = self.by_external_id.entry(external_id).or_default();
            ids.insert(id.clone());
        }
        self.ids.insert(id);
    }

    /// Whether there is a plan or bundle with this id.
    pub fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// The ids of the plans or bundles with this `externalId`.
    pub fn with_external_id(&self, external_id: &str) -> Vec<&str> {
        let ids = self.by_external_id.get(external_id);
        ids.into_iter().flatten().map(String::as_str).collect()
    }
}
