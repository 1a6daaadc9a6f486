//! Who holds the customers: one thread that owns the SQLite connection.
//!
//! It takes every request that waits, does them all in one transaction, and
//! answers after the commit: a customer that an answer reports is found
//! there, even if this process is killed in the next instant.
//!
//! - `customer.rs`: a customer as asked for and as held
//! - `catalog.rs`: the plans and bundles of every sandbox
//! - `tables.rs`: the SQL; `schema.sql` says what the tables mean
//! - `read_lag.rs`: reads that lag behind writes
//! - `inspect.rs`: what the file holds, read from outside

pub mod catalog;
pub(super) mod customer;
pub mod inspect;
mod read_lag;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::customer::{Change, Customer, Draft};
use self::read_lag::Lag;
use self::tables::{Ids, Issue};
use crate::sandbox::error::SandboxError;
use crate::sandbox::settings::Settings;

/// Requests that may wait for the thread; also the most in one transaction.
const QUEUE: usize = 1024;

/// Why the store does not do as asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is a customer of this `clientId`.
    Exists,
    /// There is no such customer.
    NotFound,
    /// The file cannot be read or written, or the sandbox is stopping.
    Broken(String),
}

/// Whether a create looks for a customer of its `clientId` first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uniqueness {
    Checked,
    Unchecked,
}

/// What the store is asked for.
#[derive(Debug)]
enum Task {
    Create(Box<Draft>, Uniqueness),
    /// Whether there is a customer of this `clientId`; counted as a create.
    Probe(String),
    /// The customer of this name, either kind of id, as readers see it.
    Look(String),
    /// The customer of this name.
    Change(String, Change),
    /// A create of this `clientId` was stopped by a fault.
    Stopped(String),
}

#[derive(Debug)]
enum Message {
    Do {
        task: Task,
        /// Milliseconds since 1970.
        now: i64,
        answer: oneshot::Sender<Result<Customer, Refusal>>,
    },
    End,
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Store {
    messages: mpsc::Sender<Message>,
    lag: Arc<Mutex<Lag>>,
    began: Instant,
}

/// What the thread works with.
#[derive(Debug)]
struct Keeper {
    connection: Connection,
    rules: Rules,
    lag: Arc<Mutex<Lag>>,
    began: Instant,
}

/// How customers are found and created.
#[derive(Debug, Clone, Copy)]
struct Rules {
    ids: Ids,
    upsert: bool,
    upsert_updates: bool,
}

impl Store {
    /// Opens the file and starts the thread; it ends with [`Store::end`] or with the last `Store`.
    pub(super) fn open(settings: &Settings) -> Result<(Self, JoinHandle<()>), SandboxError> {
        let (connection, ids) =
            tables::open(&settings.database, settings.seed, settings.ignore_case)?;
        let (messages, waiting) = mpsc::channel(QUEUE);
        let store = Self {
            messages,
            lag: Arc::new(Mutex::new(Lag::new(settings.read_lag))),
            began: Instant::now(),
        };
        let keeper = Keeper {
            connection,
            rules: Rules {
                ids,
                upsert: settings.upsert,
                upsert_updates: settings.upsert_updates,
            },
            lag: Arc::clone(&store.lag),
            began: store.began,
        };
        let thread = std::thread::Builder::new()
            .name("sandbox-store".to_owned())
            .spawn(move || serve(keeper, waiting))
            .map_err(SandboxError::Thread)?;
        Ok((store, thread))
    }

    /// Creates a customer.
    pub(super) async fn create(
        &self,
        draft: Draft,
        uniqueness: Uniqueness,
        now: i64,
    ) -> Result<Customer, Refusal> {
        self.ask(Task::Create(Box::new(draft), uniqueness), now)
            .await
    }

    /// Refuses if there is a customer of this `clientId`, as a create would.
    pub(super) async fn probe(&self, client_id: String) -> Result<(), Refusal> {
        match self.ask(Task::Probe(client_id), 0).await {
            Ok(_) | Err(Refusal::NotFound) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// The customer of this name as readers see it.
    pub(super) async fn look(&self, name: String) -> Result<Customer, Refusal> {
        self.ask(Task::Look(name), 0).await
    }

    /// Hands every customer to `each` as readers see it, in the order of creation,
    /// until it returns false. It blocks.
    pub(super) fn each(
        &self,
        path: &Path,
        mut each: impl FnMut(&Customer) -> bool,
    ) -> rusqlite::Result<()> {
        let db = tables::open_to_read(path)?;
        // Changes are noted in the lag before they are in the file: whatever this
        // reading meets of them, the lag knows.
        tables::freeze(&db)?;
        let mut unlike = locked(&self.lag).unlike(self.began.elapsed());
        let mut goes_on = true;
        tables::each(&db, |customer| {
            // Those that were deleted stand between those that are there.
            while goes_on
                && let Some(first) = unlike.first_entry()
                && *first.key() < customer.number
            {
                goes_on = first.remove().is_none_or(|deleted| each(&deleted));
            }
            let shown = unlike.remove(&customer.number).unwrap_or(Some(customer));
            goes_on = goes_on && shown.is_none_or(|customer| each(&customer));
            goes_on
        })?;
        let deleted = unlike.into_values().flatten();
        deleted
            .take_while(|_| goes_on)
            .all(|customer| each(&customer));
        Ok(())
    }

    /// Changes the customer of this name and gives what it is then; of a deleted one, what it was.
    pub(super) async fn change(
        &self,
        name: String,
        change: Change,
        now: i64,
    ) -> Result<Customer, Refusal> {
        self.ask(Task::Change(name, change), now).await
    }

    /// Notes a create that a fault stopped.
    pub(super) async fn stopped(&self, client_id: String) -> Result<(), Refusal> {
        match self.ask(Task::Stopped(client_id), 0).await {
            Ok(_) | Err(Refusal::NotFound) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// Has the thread end, after what was asked before.
    pub(super) async fn end(&self) {
        // If the receiver is gone, it has ended already.
        drop(self.messages.send(Message::End).await);
    }

    async fn ask(&self, task: Task, now: i64) -> Result<Customer, Refusal> {
        let (answer, answered) = oneshot::channel();
        let stopping = || Refusal::Broken("the sandbox is stopping".to_owned());
        let message = Message::Do { task, now, answer };
        if self.messages.send(message).await.is_err() {
            return Err(stopping());
        }
        answered.await.unwrap_or_else(|_| Err(stopping()))
    }
}

fn locked(lag: &Mutex<Lag>) -> MutexGuard<'_, Lag> {
    // It is whole after every step.
    lag.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut keeper: Keeper, mut waiting: mpsc::Receiver<Message>) {
    let mut messages = Vec::with_capacity(QUEUE);
    let mut ended = false;
    while !ended && waiting.blocking_recv_many(&mut messages, QUEUE) > 0 {
        let mut tasks = Vec::with_capacity(messages.len());
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages.drain(..) {
            match message {
                Message::End => ended = true,
                Message::Do { task, now, answer } => {
                    tasks.push((task, now));
                    answers.push(answer);
                }
            }
        }
        // The caller may be gone; what was done stays done.
        match transact(&mut keeper, tasks) {
            Ok(results) => answers
                .into_iter()
                .zip(results)
                .for_each(|(answer, result)| drop(answer.send(result))),
            Err(error) => answers
                .into_iter()
                .for_each(|answer| drop(answer.send(Err(Refusal::Broken(error.to_string()))))),
        }
    }
    tables::close(keeper.connection);
}

/// Does all tasks, or none.
fn transact(
    keeper: &mut Keeper,
    tasks: Vec<(Task, i64)>,
) -> rusqlite::Result<Vec<Result<Customer, Refusal>>> {
    let reads_only = |(task, _): &(Task, i64)| matches!(task, Task::Look(_));
    let behavior = if tasks.iter().all(reads_only) {
        TransactionBehavior::Deferred
    } else {
        TransactionBehavior::Immediate
    };
    let transaction = keeper.connection.transaction_with_behavior(behavior)?;
    let mut next = tables::next_number(&transaction)?;
    let mut lag = locked(&keeper.lag);
    let mut ground = Ground {
        db: &transaction,
        rules: keeper.rules,
        lag: &mut lag,
        at: keeper.began.elapsed(),
    };
    let mut results = Vec::with_capacity(tasks.len());
    for (task, now) in tasks {
        results.push(match task {
            Task::Create(draft, uniqueness) => ground.create(&mut next, *draft, uniqueness, now)?,
            Task::Probe(client_id) => ground.probe(&client_id)?,
            Task::Look(name) => ground.look(&name)?,
            Task::Change(name, change) => ground.alter(&name, change, now)?,
            Task::Stopped(client_id) => {
                tables::note_stopped(&transaction, &client_id)?;
                Err(Refusal::NotFound)
            }
        });
    }
    transaction.commit()?;
    Ok(results)
}

/// A transaction, and what the tasks in it need.
struct Ground<'a> {
    db: &'a Connection,
    rules: Rules,
    lag: &'a mut Lag,
    /// The time, for what readers see.
    at: Duration,
}

/// What becomes of a task, unless the file is broken.
type Done = rusqlite::Result<Result<Customer, Refusal>>;

impl Ground<'_> {
    fn create(&mut self, next: &mut i64, draft: Draft, uniqueness: Uniqueness, now: i64) -> Done {
        let ids = self.rules.ids;
        let number = *next;
        let customer = Customer {
            number,
            stripe_customer_id: draft.stripe_customer_id.or_else(|| {
                let made = || format!("cus_sandbox{number:08}");
                draft.options.stripe.then(made)
            }),
            id: ids.customer_id(number),
            client_id: draft.client_id,
            company_name: draft.company_name,
            currency: draft.currency,
            cancelled: false,
            plans: draft.plans,
            bundles: draft.bundles,
            billing_contact: draft.billing_contact,
            added: BTreeMap::new(),
            created: now,
            modified: now,
        };
        let issue = Issue {
            unique: uniqueness == Uniqueness::Checked,
            keys: draft.options.keys,
            body: &draft.body,
        };
        if tables::insert(self.db, ids, &customer, issue)? {
            *next += 1;
            self.lag.changed(number, None, self.at);
            return Ok(Ok(customer));
        }
        tables::note_existing(self.db, &customer.client_id)?;
        if self.rules.upsert {
            return self.upsert(customer, now);
        }
        Ok(Err(Refusal::Exists))
    }

    /// The customer that is there already, with the values of `given` if so ruled.
    fn upsert(&mut self, given: Customer, now: i64) -> Done {
        let change = if self.rules.upsert_updates {
            Change::Update {
                company_name: Some(given.company_name),
                currency: Some(given.currency),
                stripe_customer_id: given.stripe_customer_id,
                billing_contact: given.billing_contact,
            }
        } else {
            Change::None
        };
        self.alter(&given.client_id, change, now)
    }

    fn probe(&mut self, client_id: &str) -> Done {
        if tables::find(self.db, self.rules.ids, client_id)?.is_none() {
            return Ok(Err(Refusal::NotFound));
        }
        tables::note_existing(self.db, client_id)?;
        Ok(Err(Refusal::Exists))
    }

    fn look(&mut self, name: &str) -> Done {
        let ids = self.rules.ids;
        let mut found = tables::find(self.db, ids, name)?;
        if self.lag.is_on() {
            found = found.and_then(|now| self.lag.seen(now.number, Some(now), self.at));
            let key = ids.key(name);
            let is_it = |was: &Customer| was.id == name || ids.key(&was.client_id) == key;
            if found.is_none() {
                // Deleted a moment ago, perhaps.
                let unlike = self.lag.unlike(self.at).into_values().flatten();
                found = unlike.into_iter().find(is_it);
            }
        }
        Ok(found.ok_or(Refusal::NotFound))
    }

    fn alter(&mut self, name: &str, change: Change, now: i64) -> Done {
        let Some(mut customer) = tables::find(self.db, self.rules.ids, name)? else {
            return Ok(Err(Refusal::NotFound));
        };
        let before = self.lag.is_on().then(|| customer.clone());
        match change {
            Change::None => return Ok(Ok(customer)),
            Change::Delete => tables::delete(self.db, customer.number)?,
            other @ (Change::Update { .. }
            | Change::AddPlans(_)
            | Change::RemovePlans(_)
            | Change::AddBundle(_)
            | Change::RemoveBundle(_)
            | Change::Cancel) => {
                customer.apply(other, now);
                tables::save(self.db, &customer)?;
            }
        }
        self.lag.changed(customer.number, before, self.at);
        Ok(Ok(customer))
    }
}

#[cfg(test)]
mod tests {
    use super::customer::{Change, Draft, Options};
    use crate::sandbox::settings::Settings;
    use crate::sandbox::store::{Refusal, Store, Uniqueness};

    fn draft(client_id: &str) -> Draft {
        Draft {
            client_id: client_id.to_owned(),
            company_name: "Aster".to_owned(),
            currency: "USD".to_owned(),
            stripe_customer_id: None,
            plans: Vec::new(),
            bundles: Vec::new(),
            billing_contact: None,
            options: Options::default(),
            body: "{}".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_deleted_customers_id_is_not_given_again() {
        let dir = tempfile::tempdir().unwrap();
        let (store, thread) = Store::open(&Settings::new(dir.path().join("s.db"))).unwrap();
        let first = store
            .create(draft("c-1"), Uniqueness::Checked, 1)
            .await
            .unwrap();
        let deleted = store.change("c-1".to_owned(), Change::Delete, 2).await;
        assert_eq!(deleted.unwrap(), first);
        let again = store.change("c-1".to_owned(), Change::None, 3).await;
        assert_eq!(again, Err(Refusal::NotFound));
        let second = store
            .create(draft("c-1"), Uniqueness::Checked, 4)
            .await
            .unwrap();
        assert_ne!(second.id, first.id);
        store.end().await;
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn what_is_asked_at_once_is_done_in_turn_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _thread) = Store::open(&Settings::new(dir.path().join("s.db"))).unwrap();
        let (a, b, c) = tokio::join!(
            store.create(draft("c-1"), Uniqueness::Checked, 1),
            store.create(draft("c-1"), Uniqueness::Checked, 1),
            store.create(draft("c-2"), Uniqueness::Checked, 1)
        );
        assert_eq!(a.unwrap().number, 1);
        assert_eq!(b, Err(Refusal::Exists));
        assert_eq!(c.unwrap().number, 2);
    }

    #[tokio::test]
    async fn a_store_that_ended_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let (store, thread) = Store::open(&Settings::new(dir.path().join("s.db"))).unwrap();
        store.end().await;
        thread.join().unwrap();
        let refused = store
            .create(draft("c-1"), Uniqueness::Checked, 1)
            .await
            .unwrap_err();
        assert_eq!(refused, Refusal::Broken("the sandbox is stopping".into()));
    }
}
