//! Who holds the customers: one thread that owns the SQLite connection.
//!
//! It takes every request that waits, does them all in one transaction, and
//! answers after the commit: whoever was told that a customer is there finds it
//! there, even if this process is killed in the next instant.

use std::path::Path;
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::sandbox::customer::{Change, Customer, Draft};
use crate::sandbox::error::SandboxError;
use crate::sandbox::tables::{self, Ids};

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

/// What the store is asked for.
#[derive(Debug)]
enum Task {
    Create(Box<Draft>),
    /// The customer of this name, either kind of id.
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
}

impl Store {
    /// Opens the file and starts the thread; it ends with [`Store::end`] or with the last `Store`.
    pub(super) fn open(path: &Path, salt: u64) -> Result<(Self, JoinHandle<()>), SandboxError> {
        let (connection, ids) = tables::open(path, salt)?;
        let (messages, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("sandbox-store".to_owned())
            .spawn(move || serve(connection, ids, waiting))
            .map_err(SandboxError::Thread)?;
        Ok((Self { messages }, thread))
    }

    /// Creates a customer.
    pub(super) async fn create(&self, draft: Draft, now: i64) -> Result<Customer, Refusal> {
        self.ask(Task::Create(Box::new(draft)), now).await
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
        // If there is nobody to tell, it has ended already.
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

fn serve(mut connection: Connection, ids: Ids, mut waiting: mpsc::Receiver<Message>) {
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
        // Whoever asked may have gone; what was done stays done.
        match transact(&mut connection, ids, tasks) {
            Ok(results) => answers
                .into_iter()
                .zip(results)
                .for_each(|(answer, result)| drop(answer.send(result))),
            Err(error) => answers
                .into_iter()
                .for_each(|answer| drop(answer.send(Err(Refusal::Broken(error.to_string()))))),
        }
    }
    tables::close(connection);
}

/// Does all tasks, or none.
fn transact(
    connection: &mut Connection,
    ids: Ids,
    tasks: Vec<(Task, i64)>,
) -> rusqlite::Result<Vec<Result<Customer, Refusal>>> {
    let reads_only = |(task, _): &(Task, i64)| matches!(task, Task::Change(_, Change::None));
    let behavior = if tasks.iter().all(reads_only) {
        TransactionBehavior::Deferred
    } else {
        TransactionBehavior::Immediate
    };
    let transaction = connection.transaction_with_behavior(behavior)?;
    let mut next = tables::next_number(&transaction)?;
    let mut results = Vec::with_capacity(tasks.len());
    for (task, now) in tasks {
        results.push(match task {
            Task::Create(draft) => create(&transaction, ids, &mut next, *draft, now)?,
            Task::Change(name, change) => alter(&transaction, ids, &name, change, now)?,
            Task::Stopped(client_id) => {
                tables::note_stopped(&transaction, &client_id)?;
                Err(Refusal::NotFound)
            }
        });
    }
    transaction.commit()?;
    Ok(results)
}

fn create(
    db: &Connection,
    ids: Ids,
    next: &mut i64,
    draft: Draft,
    now: i64,
) -> rusqlite::Result<Result<Customer, Refusal>> {
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
        created: now,
        modified: now,
    };
    if tables::insert(db, &customer, draft.options.keys, &draft.body)? {
        *next += 1;
        Ok(Ok(customer))
    } else {
        tables::note_existing(db, &customer.client_id)?;
        Ok(Err(Refusal::Exists))
    }
}

fn alter(
    db: &Connection,
    ids: Ids,
    name: &str,
    change: Change,
    now: i64,
) -> rusqlite::Result<Result<Customer, Refusal>> {
    let Some(mut customer) = tables::find(db, ids, name)? else {
        return Ok(Err(Refusal::NotFound));
    };
    match change {
        Change::None => {}
        Change::Delete => tables::delete(db, customer.number)?,
        other @ (Change::Update { .. }
        | Change::AddPlans(_)
        | Change::RemovePlans(_)
        | Change::AddBundle(_)
        | Change::RemoveBundle(_)
        | Change::Cancel) => {
            customer.apply(other, now);
            tables::save(db, &customer)?;
        }
    }
    Ok(Ok(customer))
}

#[cfg(test)]
mod tests {
    use crate::sandbox::customer::{Change, Draft, Options};
    use crate::sandbox::store::{Refusal, Store};

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
        let (store, thread) = Store::open(&dir.path().join("s.db"), 7).unwrap();
        let first = store.create(draft("c-1"), 1).await.unwrap();
        let deleted = store.change("c-1".to_owned(), Change::Delete, 2).await;
        assert_eq!(deleted.unwrap(), first);
        let again = store.change("c-1".to_owned(), Change::None, 3).await;
        assert_eq!(again, Err(Refusal::NotFound));
        let second = store.create(draft("c-1"), 4).await.unwrap();
        assert_ne!(second.id, first.id);
        store.end().await;
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn what_is_asked_at_once_is_done_in_turn_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _thread) = Store::open(&dir.path().join("s.db"), 7).unwrap();
        let (a, b, c) = tokio::join!(
            store.create(draft("c-1"), 1),
            store.create(draft("c-1"), 1),
            store.create(draft("c-2"), 1)
        );
        assert_eq!(a.unwrap().number, 1);
        assert_eq!(b, Err(Refusal::Exists));
        assert_eq!(c.unwrap().number, 2);
    }

    #[tokio::test]
    async fn a_store_that_ended_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let (store, thread) = Store::open(&dir.path().join("s.db"), 7).unwrap();
        store.end().await;
        thread.join().unwrap();
        let refused = store.create(draft("c-1"), 1).await.unwrap_err();
        assert_eq!(refused, Refusal::Broken("the sandbox is stopping".into()));
    }
}
