//! The customers, in a SQLite file.
//!
//! One thread owns the connection for writing and answers after the commit, so a
//! customer in a response is in the file, even if this process is killed in the
//! next instant.
//!
//! - `customer.rs`: customers, as a create asks for them and as they are stored
//! - `catalog.rs`: the plans and bundles of every sandbox
//! - `task.rs`: what the thread is asked to do
//! - `thread.rs`: the thread that does it
//! - `tables.rs`: the SQL; `schema.sql` says what the tables mean
//! - `read_lag.rs`: reads that lag behind writes
//! - `inspect.rs`: what a file holds, read from outside

pub mod catalog;
pub(super) mod customer;
pub mod inspect;
mod read_lag;
mod tables;
pub(super) mod task;
mod thread;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::customer::{CustomerChange, NewCustomer, StoredCustomer};
use self::read_lag::ReadLag;
use self::task::{StoreError, StoreMessage, StoreTask, Uniqueness};
use self::thread::{CreateRules, QUEUE, StoreThread};
use crate::sandbox::error::SandboxError;
use crate::sandbox::settings::Settings;

/// A handle to the thread.
#[derive(Debug)]
pub(super) struct Store {
    messages: mpsc::Sender<StoreMessage>,
    lag: Arc<Mutex<ReadLag>>,
    /// Time zero of `lag`.
    began: Instant,
}

impl Store {
    /// Opens the file and starts the thread; it ends with [`Store::end`] or with the last `Store`.
    pub(super) fn open(settings: &Settings) -> Result<(Self, JoinHandle<()>), SandboxError> {
        let (connection, ids) =
            tables::open(&settings.database, settings.seed, settings.ignore_case)?;
        let (messages, waiting) = mpsc::channel(QUEUE);
        let store = Self {
            messages,
            lag: Arc::new(Mutex::new(ReadLag::new(settings.read_lag))),
            began: Instant::now(),
        };
        let work = StoreThread {
            connection,
            rules: CreateRules {
                ids,
                upsert: settings.upsert,
                upsert_updates: settings.upsert_updates,
            },
            lag: Arc::clone(&store.lag),
            began: store.began,
        };
        let thread = std::thread::Builder::new()
            .name("sandbox-store".to_owned())
            .spawn(move || work.run(waiting))
            .map_err(SandboxError::Thread)?;
        Ok((store, thread))
    }

    /// Creates a customer.
    pub(super) async fn create(
        &self,
        customer: NewCustomer,
        uniqueness: Uniqueness,
        now: i64,
    ) -> Result<StoredCustomer, StoreError> {
        self.ask(StoreTask::Create(Box::new(customer), uniqueness), now)
            .await
    }

    /// Refuses if there is a customer with this `clientId`, as a create would.
    pub(super) async fn check_unique(&self, client_id: String) -> Result<(), StoreError> {
        self.note(StoreTask::CheckUnique(client_id)).await
    }

    /// Reads a customer as readers see it.
    pub(super) async fn look_up(&self, id: String) -> Result<StoredCustomer, StoreError> {
        self.ask(StoreTask::LookUp(id), 0).await
    }

    /// Calls `each` with every customer as readers see it, in the order of creation,
    /// until it returns false. It blocks.
    pub(super) fn each(
        &self,
        path: &Path,
        mut each: impl FnMut(&StoredCustomer) -> bool,
    ) -> rusqlite::Result<()> {
        let db = tables::open_to_read(path)?;
        // A change is noted in the lag before it is in the file: the lag knows every
        // change that this snapshot contains and readers do not see yet.
        tables::freeze(&db)?;
        let lag = self.lag.lock();
        let mut differing = lag.differing(self.began.elapsed());
        drop(lag);
        let mut goes_on = true;
        tables::each(&db, |customer| {
            // Deleted customers come between those of the file.
            while goes_on
                && let Some(first) = differing.first_entry()
                && *first.key() < customer.number
            {
                goes_on = first.remove().is_none_or(|deleted| each(&deleted));
            }
            let visible = differing.remove(&customer.number).unwrap_or(Some(customer));
            goes_on = goes_on && visible.is_none_or(|customer| each(&customer));
            goes_on
        })?;
        let deleted = differing.into_values().flatten();
        deleted
            .take_while(|_| goes_on)
            .all(|customer| each(&customer));
        Ok(())
    }

    /// Changes a customer and returns it as it is then; of a deleted one, as it was.
    pub(super) async fn change(
        &self,
        id: String,
        change: CustomerChange,
        now: i64,
    ) -> Result<StoredCustomer, StoreError> {
        self.ask(StoreTask::Change(id, change), now).await
    }

    /// Notes a create that a fault stopped.
    pub(super) async fn note_stopped(&self, client_id: String) -> Result<(), StoreError> {
        self.note(StoreTask::NoteStopped(client_id)).await
    }

    /// Has the thread end, after what was asked before.
    pub(super) async fn end(&self) {
        // If the receiver is gone, it has ended already.
        drop(self.messages.send(StoreMessage::End).await);
    }

    /// Asks for a task that gives no customer.
    async fn note(&self, task: StoreTask) -> Result<(), StoreError> {
        match self.ask(task, 0).await {
            Ok(_) | Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, task: StoreTask, now: i64) -> Result<StoredCustomer, StoreError> {
        let (answer, answered) = oneshot::channel();
        let stopping = || StoreError::Broken("the sandbox is stopping".to_owned());
        let message = StoreMessage::Do { task, now, answer };
        if self.messages.send(message).await.is_err() {
            return Err(stopping());
        }
        answered.await.unwrap_or_else(|_| Err(stopping()))
    }
}

#[cfg(test)]
mod tests {
    use super::customer::{CreateOptions, CustomerChange, NewCustomer};
    use crate::sandbox::settings::Settings;
    use crate::sandbox::store::Store;
    use crate::sandbox::store::task::{StoreError, Uniqueness};

    fn customer(client_id: &str) -> NewCustomer {
        NewCustomer {
            client_id: client_id.to_owned(),
            company_name: "Aster".to_owned(),
            currency: "USD".to_owned(),
            stripe_customer_id: None,
            plans: Vec::new(),
            bundles: Vec::new(),
            billing_contact: None,
            options: CreateOptions::default(),
            body: "{}".to_owned(),
        }
    }

    #[tokio::test]
    async fn the_id_of_a_deleted_customer_is_not_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let (store, thread) = Store::open(&Settings::new(dir.path().join("s.db"))).unwrap();
        let first = store
            .create(customer("c-1"), Uniqueness::Checked, 1)
            .await
            .unwrap();
        let deleted = store
            .change("c-1".to_owned(), CustomerChange::Delete, 2)
            .await;
        assert_eq!(deleted.unwrap(), first);
        let again = store
            .change("c-1".to_owned(), CustomerChange::None, 3)
            .await;
        assert_eq!(again, Err(StoreError::NotFound));
        let second = store
            .create(customer("c-1"), Uniqueness::Checked, 4)
            .await
            .unwrap();
        assert_ne!(second.id, first.id);
        store.end().await;
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn concurrent_creates_are_done_one_after_another() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _thread) = Store::open(&Settings::new(dir.path().join("s.db"))).unwrap();
        let (a, b, c) = tokio::join!(
            store.create(customer("c-1"), Uniqueness::Checked, 1),
            store.create(customer("c-1"), Uniqueness::Checked, 1),
            store.create(customer("c-2"), Uniqueness::Checked, 1)
        );
        assert_eq!(a.unwrap().number, 1);
        assert_eq!(b, Err(StoreError::Exists));
        assert_eq!(c.unwrap().number, 2);
    }

    #[tokio::test]
    async fn a_store_that_ended_refuses_tasks() {
        let dir = tempfile::tempdir().unwrap();
        let (store, thread) = Store::open(&Settings::new(dir.path().join("s.db"))).unwrap();
        store.end().await;
        thread.join().unwrap();
        let refused = store
            .create(customer("c-1"), Uniqueness::Checked, 1)
            .await
            .unwrap_err();
        assert_eq!(
            refused,
            StoreError::Broken("the sandbox is stopping".into())
        );
    }
}
