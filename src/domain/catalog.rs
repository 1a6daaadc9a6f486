//! The plans or the bundles of an account: a list, and an index by both of their ids.

use std::collections::{BTreeSet, HashMap, HashSet};

/// A plan or a bundle of an account, with what tells it apart from others. Only the id
/// is always there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogEntry {
    /// Kable's id.
    pub id: String,
    /// The name for display.
    pub name: Option<String>,
    /// Its id in the account's own systems.
    pub external_id: Option<String>,
    /// The currency of its prices.
    pub currency: Option<String>,
    /// Its price per interval: a number or a text, as the API has it.
    pub price: Option<serde_json::Value>,
    /// How often it is charged.
    pub interval: Option<String>,
    /// The ids of a bundle's plans.
    pub plan_ids: Option<Vec<String>>,
}

/// The plans or the bundles of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// In the order in which the API lists them.
    entries: Vec<CatalogEntry>,
    ids: HashSet<String>,
    /// The ids by external id, which need not be unique.
    by_external_id: HashMap<String, BTreeSet<String>>,
}

impl Catalog {
    /// Adds a plan or a bundle.
    pub fn add(&mut self, entry: CatalogEntry) {
        let external_id = entry.external_id.as_deref();
        if let Some(external_id) = external_id.filter(|external| !external.is_empty()) {
            let ids = self.by_external_id.entry(external_id.to_owned());
            ids.or_default().insert(entry.id.clone());
        }
        self.ids.insert(entry.id.clone());
        self.entries.push(entry);
    }

    /// The name of the one with this id.
    pub fn name_of(&self, id: &str) -> Option<&str> {
        let entry = self.entries.iter().find(|entry| entry.id == id)?;
        entry.name.as_deref()
    }

    /// All of them, in the order in which the API lists them.
    pub fn entries(&self) -> &[CatalogEntry] {
        &self.entries
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
