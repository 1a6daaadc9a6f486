//! What the store's thread is asked to do, and why it refuses.

use tokio::sync::oneshot;

use super::customer::{CustomerChange, NewCustomer, StoredCustomer};

/// Why the store does not do a task.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum StoreError {
    /// There is a customer with this `clientId`.
    Exists,
    /// There is no such customer.
    NotFound,
    /// The file cannot be read or written, or the sandbox is stopping.
    Broken(String),
}

/// Whether a create looks for a customer with its `clientId` first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Uniqueness {
    Checked,
    Unchecked,
}

/// A task for the thread. Customers are named by either of their ids.
#[derive(Debug)]
pub(super) enum StoreTask {
    Create(Box<NewCustomer>, Uniqueness),
    /// Refuses if there is a customer with this `clientId`; counted as a create.
    CheckUnique(String),
    /// Reads a customer as readers see it.
    LookUp(String),
    Change(String, CustomerChange),
    /// Notes that a fault stopped a create of this `clientId`.
    NoteStopped(String),
}

/// A message to the thread.
#[derive(Debug)]
pub(super) enum StoreMessage {
    Do {
        task: StoreTask,
        /// Milliseconds since 1970.
        now: i64,
        answer: oneshot::Sender<Result<StoredCustomer, StoreError>>,
    },
    End,
}
