//! Parses customers from the list of all.

use std::sync::Arc;

use super::redaction::Redaction;
use super::wire::BundlePlans;
use super::{response, wire};
use crate::domain::remote::RemoteCustomer;

/// Parses customers from the list of all.
#[derive(Debug, Clone, Default)]
pub struct CustomerReader {
    pub(super) redaction: Redaction,
    pub(super) bundle_plans: Arc<BundlePlans>,
}

impl CustomerReader {
    /// Parses one customer; `None` if it is invalid.
    pub fn read(&self, body: &[u8]) -> Option<RemoteCustomer> {
        let mut remote = wire::customer(body, &self.bundle_plans).ok()?;
        response::redact_customer(&mut remote, &self.redaction);
        Some(remote)
    }
}
