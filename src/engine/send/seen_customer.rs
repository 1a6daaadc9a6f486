//! What the API has shown of a row's customer: it is recorded however the row ends (pure).

use crate::domain::remote::RemoteCustomer;
use crate::kable::Created;

/// What the API has shown of a row's customer.
#[derive(Debug, Clone)]
pub(super) struct SeenCustomer {
    /// Kable's id for it.
    pub(super) customer_id: String,
    /// In Unix milliseconds by the server's clock, if shown.
    pub(super) created: Option<i64>,
    /// Likewise.
    pub(super) modified: Option<i64>,
}

impl SeenCustomer {
    /// By a look-up, or by the answer to a change.
    pub(super) fn of(remote: &RemoteCustomer) -> Self {
        Self {
            customer_id: remote.customer_id.clone(),
            created: remote.created,
            modified: remote.modified,
        }
    }

    /// By the answer to its create.
    pub(super) fn of_create(created: &Created) -> Self {
        Self {
            customer_id: created.customer_id.clone(),
            created: created.created,
            modified: created.modified,
        }
    }
}
