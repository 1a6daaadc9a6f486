//! The thread that owns the SQLite connection.
//!
//! It takes all messages that wait, does their tasks in one transaction, and
//! answers after the commit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::customer::{CustomerChange, NewCustomer, StoredCustomer};
use super::read_lag::ReadLag;
use super::tables::{self, CreateDetails, CustomerIds};
use super::task::{StoreError, StoreMessage, StoreTask, Uniqueness};

/// How many messages may wait; also the most tasks in one transaction.
pub(super) const QUEUE: usize = 1024;

/// What the thread works with.
#[derive(Debug)]
pub(super) struct StoreThread {
    pub(super) connection: Connection,
    pub(super) rules: CreateRules,
    pub(super) lag: Arc<Mutex<ReadLag>>,
    /// Time zero of `lag`.
    pub(super) began: Instant,
}

/// How customers are found and created.
#[derive(Debug, Clone, Copy)]
pub(super) struct CreateRules {
    pub(super) ids: CustomerIds,
    pub(super) upsert: bool,
    pub(super) upsert_updates: bool,
}

/// The result of a task; the outer error is the file's.
type TaskResult = rusqlite::Result<Result<StoredCustomer, StoreError>>;

impl StoreThread {
    /// Works until the end is asked for or all senders are gone.
    pub(super) fn run(mut self, mut waiting: mpsc::Receiver<StoreMessage>) {
        let mut messages = Vec::with_capacity(QUEUE);
        let mut ended = false;
        while !ended && waiting.blocking_recv_many(&mut messages, QUEUE) > 0 {
            let mut tasks = Vec::with_capacity(messages.len());
            let mut answers = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    StoreMessage::End => ended = true,
                    StoreMessage::Do { task, now, answer } => {
                        tasks.push((task, now));
                        answers.push(answer);
                    }
                }
            }
            // A caller may be gone; what was done stays done.
            match self.transact(tasks) {
                Ok(results) => answers
                    .into_iter()
                    .zip(results)
                    .for_each(|(answer, result)| drop(answer.send(result))),
                Err(error) => answers.into_iter().for_each(|answer| {
                    drop(answer.send(Err(StoreError::Broken(error.to_string()))));
                }),
            }
        }
        tables::close(self.connection);
    }

    /// Does all tasks, or none.
    fn transact(
        &mut self,
        tasks: Vec<(StoreTask, i64)>,
    ) -> rusqlite::Result<Vec<Result<StoredCustomer, StoreError>>> {
        let reads_only = |(task, _): &(StoreTask, i64)| matches!(task, StoreTask::LookUp(_));
        let behavior = if tasks.iter().all(reads_only) {
            TransactionBehavior::Deferred
        } else {
            TransactionBehavior::Immediate
        };
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        // The lag is consistent after every step, so a panic elsewhere leaves it usable.
        let mut lag = self.lag.lock();
        let mut steps = StoreTransaction {
            db: &transaction,
            rules: self.rules,
            next_number: tables::next_number(&transaction)?,
            lag: &mut lag,
            at: self.began.elapsed(),
        };
        let results: rusqlite::Result<Vec<_>> = tasks
            .into_iter()
            .map(|(task, now)| steps.perform(task, now))
            .collect();
        let results = results?;
        transaction.commit()?;
        Ok(results)
    }
}

/// A transaction, and what the tasks in it need.
struct StoreTransaction<'a> {
    db: &'a Connection,
    rules: CreateRules,
    /// The number of the next customer.
    next_number: i64,
    lag: &'a mut ReadLag,
    /// The time for `lag`.
    at: Duration,
}

impl StoreTransaction<'_> {
    fn perform(&mut self, task: StoreTask, now: i64) -> TaskResult {
        match task {
            StoreTask::Create(customer, uniqueness) => self.create(*customer, uniqueness, now),
            StoreTask::CheckUnique(client_id) => self.check_unique(&client_id),
            StoreTask::LookUp(id) => self.look_up(&id),
            StoreTask::Change(id, change) => self.change(&id, change, now),
            StoreTask::NoteStopped(client_id) => {
                tables::note_stopped(self.db, &client_id)?;
                Ok(Err(StoreError::NotFound))
            }
        }
    }

    fn create(&mut self, new: NewCustomer, uniqueness: Uniqueness, now: i64) -> TaskResult {
        let ids = self.rules.ids;
        let number = self.next_number;
        let customer = StoredCustomer {
            number,
            stripe_customer_id: new.stripe_customer_id.or_else(|| {
                let made = || format!("cus_sandbox{number:08}");
                new.options.stripe.then(made)
            }),
            id: ids.customer_id(number),
            client_id: new.client_id,
            company_name: new.company_name,
            currency: new.currency,
            cancelled: false,
            plans: new.plans,
            bundles: new.bundles,
            billing_contact: new.billing_contact,
            added: BTreeMap::new(),
            created: now,
            modified: now,
        };
        let details = CreateDetails {
            unique: uniqueness == Uniqueness::Checked,
            keys: new.options.keys,
            body: &new.body,
        };
        if tables::insert(self.db, ids, &customer, details)? {
            self.next_number += 1;
            self.lag.changed(number, None, self.at);
            return Ok(Ok(customer));
        }
        tables::note_existing(self.db, &customer.client_id)?;
        if self.rules.upsert {
            return self.upsert(customer, now);
        }
        Ok(Err(StoreError::Exists))
    }

    /// The customer that exists, updated with the values of `given` if the rules say so.
    fn upsert(&mut self, given: StoredCustomer, now: i64) -> TaskResult {
        let change = if self.rules.upsert_updates {
            CustomerChange::Update {
                company_name: Some(given.company_name),
                currency: Some(given.currency),
                stripe_customer_id: given.stripe_customer_id,
                billing_contact: given.billing_contact,
            }
        } else {
            CustomerChange::None
        };
        self.change(&given.client_id, change, now)
    }

    fn check_unique(&mut self, client_id: &str) -> TaskResult {
        if tables::find(self.db, self.rules.ids, client_id)?.is_none() {
            return Ok(Err(StoreError::NotFound));
        }
        tables::note_existing(self.db, client_id)?;
        Ok(Err(StoreError::Exists))
    }

    fn look_up(&mut self, id: &str) -> TaskResult {
        let ids = self.rules.ids;
        let mut found = tables::find(self.db, ids, id)?;
        if self.lag.is_on() {
            found = found.and_then(|now| self.lag.visible(now.number, Some(now), self.at));
            let key = ids.key(id);
            let has_id = |was: &StoredCustomer| was.id == id || ids.key(&was.client_id) == key;
            if found.is_none() {
                // A customer that was deleted a moment ago is still visible.
                let differing = self.lag.differing(self.at).into_values().flatten();
                found = differing.into_iter().find(has_id);
            }
        }
        Ok(found.ok_or(StoreError::NotFound))
    }

    fn change(&mut self, id: &str, change: CustomerChange, now: i64) -> TaskResult {
        let Some(mut customer) = tables::find(self.db, self.rules.ids, id)? else {
            return Ok(Err(StoreError::NotFound));
        };
        let before = self.lag.is_on().then(|| customer.clone());
        match change {
            CustomerChange::None => return Ok(Ok(customer)),
            CustomerChange::Delete => tables::delete(self.db, customer.number)?,
            other @ (CustomerChange::Update { .. }
            | CustomerChange::AddPlans(_)
            | CustomerChange::RemovePlans(_)
            | CustomerChange::AddBundle(_)
            | CustomerChange::RemoveBundle(_)
            | CustomerChange::Cancel) => {
                customer.apply(other, now);
                tables::save(self.db, &customer)?;
            }
        }
        self.lag.changed(customer.number, before, self.at);
        Ok(Ok(customer))
    }
}
