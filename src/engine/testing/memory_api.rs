//! An API that keeps customers in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::ledger::MemoryLedger;
use super::scripted_api::undated;
use super::{CLAIMED_BY, remote_of};
use crate::domain::customer::{BillingContact, Customer};
use crate::domain::field::Field;
use crate::domain::remote::RemoteCustomer;
use crate::domain::remote_change::RemoteChange;
use crate::engine::stop::Stop;
use crate::kable::{
    Created, CustomerAddress, CustomerApi, Exchange, Failure, Key, LookUpReply, ProbeReply,
    Refusal, Removal, RemovalEffect, Reply, Trouble,
};

/// A request, as [`MemoryApi`] sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum ApiCall<'a> {
    Create(&'a str),
    Update(&'a str),
    /// By Kable's id.
    Remove(&'a str),
    Find(&'a str),
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum CallFate {
    Answered,
    /// It is done, and its response is lost.
    LostAfter,
    /// It never arrives, which the client cannot know.
    LostBefore,
    Refused(String),
    Denied,
    Throttled,
}

type Behaviour = Box<dyn FnMut(ApiCall<'_>) -> CallFate + Send>;

/// Keeps customers. Each create is compared with the ledger: one without a claim in doubt
/// fails the run.
#[derive(Clone)]
pub(in crate::engine) struct MemoryApi {
    held: Arc<Mutex<ApiContents>>,
    ledger: MemoryLedger,
    /// When creates are answered; at once if it is `None`.
    pub(in crate::engine) late: Option<Arc<LateAnswers>>,
}

/// Answers the first create once `many` are in flight, and the others after `stop`.
pub(in crate::engine) struct LateAnswers {
    pub(in crate::engine) many: usize,
    pub(in crate::engine) stop: Stop,
    pub(in crate::engine) creates: AtomicUsize,
}

impl LateAnswers {
    async fn wait(&self) {
        let number = self.creates.fetch_add(1, Ordering::Relaxed) + 1;
        if number == 1 {
            while self.creates.load(Ordering::Relaxed) < self.many {
                tokio::task::yield_now().await;
            }
            return;
        }
        self.stop.halted().await;
        // One by one, so that what stopped the run goes on meanwhile.
        for _ in 0..number * 1000 {
            tokio::task::yield_now().await;
        }
    }
}

struct ApiContents {
    by_id: BTreeMap<String, RemoteCustomer>,
    creates: Vec<String>,
    finds: Vec<String>,
    too_often: Vec<String>,
    /// Whether the credentials were refused.
    denied: bool,
    /// Whether customers are created under another name.
    alters: bool,
    behaviour: Behaviour,
}

impl MemoryApi {
    pub(in crate::engine) fn new(ledger: &MemoryLedger) -> Self {
        Self {
            held: Arc::new(Mutex::new(ApiContents {
                by_id: BTreeMap::new(),
                creates: Vec::new(),
                finds: Vec::new(),
                too_often: Vec::new(),
                denied: false,
                alters: false,
                behaviour: Box::new(|_| CallFate::Answered),
            })),
            ledger: ledger.clone(),
            late: None,
        }
    }

    /// From now on `behaviour` decides what happens to requests.
    pub(in crate::engine) fn behave(
        &self,
        behaviour: impl FnMut(ApiCall<'_>) -> CallFate + Send + 'static,
    ) {
        self.held.lock().unwrap().behaviour = Box::new(behaviour);
    }

    /// From now on customers are created under another name.
    pub(in crate::engine) fn alter(&self) {
        self.held.lock().unwrap().alters = true;
    }

    /// Adds `remote` as an existing customer.
    pub(in crate::engine) fn hold(&self, remote: RemoteCustomer) {
        self.held
            .lock()
            .unwrap()
            .by_id
            .insert(remote.client_id.clone(), remote);
    }

    /// The `clientId` and `companyName` of every customer.
    pub(in crate::engine) fn customers(&self) -> Vec<(String, String)> {
        let held = self.held.lock().unwrap();
        held.by_id
            .values()
            .map(|remote| (remote.client_id.clone(), remote.company_name.clone()))
            .collect()
    }

    /// The `clientId`s of all creates that were sent, in order.
    pub(in crate::engine) fn creates(&self) -> Vec<String> {
        self.held.lock().unwrap().creates.clone()
    }

    /// The `clientId`s that were looked up, in order.
    pub(in crate::engine) fn finds(&self) -> Vec<String> {
        self.held.lock().unwrap().finds.clone()
    }

    /// The `clientId`s of creates that were sent although the customer existed.
    pub(in crate::engine) fn too_often(&self) -> Vec<String> {
        self.held.lock().unwrap().too_often.clone()
    }

    fn create_now(&self, customer: &Customer) -> Exchange<Reply<Created>> {
        let id = customer.client_id();
        assert!(self.ledger.is_in_doubt(id), "{id} was sent without a claim");
        let mut held = self.held.lock().unwrap();
        held.creates.push(id.to_owned());
        let fate = (held.behaviour)(ApiCall::Create(id));
        held.denied |= fate == CallFate::Denied;
        if !matches!(fate, CallFate::Answered | CallFate::LostAfter) {
            return undated(not_done(fate));
        }
        if held.by_id.contains_key(id) {
            held.too_often.push(id.to_owned());
            return undated(not_done(CallFate::Refused(format!("customer {id} exists"))));
        }
        let altered = held.alters;
        let mut remote = remote_of(customer, CLAIMED_BY);
        if altered {
            "Altered".clone_into(&mut remote.company_name);
        }
        let customer_id = remote.customer_id.clone();
        held.by_id.insert(id.to_owned(), remote);
        if fate == CallFate::LostAfter {
            return undated(Reply::Failed(Failure::Unknown(Trouble::default())));
        }
        undated(Reply::Done {
            customer: Created {
                customer_id,
                keys: vec![Key::from(format!("sk_{id}"))],
                created: Some(CLAIMED_BY),
                modified: Some(CLAIMED_BY),
                altered,
            },
            status: 200,
            request_id: None,
        })
    }
}

impl CustomerApi for MemoryApi {
    async fn probe(&self) -> Exchange<ProbeReply> {
        let denied = self.held.lock().unwrap().denied;
        undated(if denied {
            ProbeReply::Denied(Refusal::default())
        } else {
            ProbeReply::Good
        })
    }

    async fn remove(&self, customer_id: &str, removal: Removal) -> Exchange<Reply<RemovalEffect>> {
        let mut held = self.held.lock().unwrap();
        let fate = (held.behaviour)(ApiCall::Remove(customer_id));
        held.denied |= fate == CallFate::Denied;
        if !matches!(fate, CallFate::Answered | CallFate::LostAfter) {
            return undated(not_done(fate));
        }
        let found = held.by_id.values_mut();
        let mut found = found.filter(|remote| remote.customer_id == customer_id);
        let client_id = found.next().map(|remote| {
            remote.status = "CANCELLED".to_owned();
            remote.client_id.clone()
        });
        if let (Some(client_id), Removal::Delete) = (&client_id, removal) {
            held.by_id.remove(client_id);
        }
        if fate == CallFate::LostAfter {
            return undated(Reply::Failed(Failure::Unknown(Trouble::default())));
        }
        undated(Reply::Done {
            customer: match client_id {
                Some(_) => RemovalEffect::Removed,
                None => RemovalEffect::WasAbsent,
            },
            status: 201,
            request_id: Some("req-remove".to_owned()),
        })
    }

    async fn create(&self, customer: &Customer) -> Exchange<Reply<Created>> {
        let answer = self.create_now(customer);
        if let Some(late) = &self.late {
            late.wait().await;
        }
        answer
    }

    async fn change(
        &self,
        address: CustomerAddress<'_>,
        change: &RemoteChange,
    ) -> Exchange<Reply<Box<RemoteCustomer>>> {
        let mut held = self.held.lock().unwrap();
        let fate = (held.behaviour)(ApiCall::Update(address.client_id));
        if !matches!(fate, CallFate::Answered | CallFate::LostAfter) {
            return undated(not_done(fate));
        }
        let Some(remote) = held.by_id.get_mut(address.client_id) else {
            return undated(not_done(CallFate::Refused("no such customer".to_owned())));
        };
        make(remote, change);
        if fate == CallFate::LostAfter {
            return undated(Reply::Failed(Failure::Unknown(Trouble::default())));
        }
        undated(Reply::Done {
            customer: Box::new(remote.clone()),
            status: 201,
            request_id: None,
        })
    }

    async fn find(&self, address: CustomerAddress<'_>) -> Exchange<LookUpReply> {
        let CustomerAddress {
            client_id,
            customer_id,
        } = address;
        let mut held = self.held.lock().unwrap();
        held.finds.push(client_id.to_owned());
        undated(match (held.behaviour)(ApiCall::Find(client_id)) {
            CallFate::Answered => match held.by_id.get(client_id) {
                Some(remote) if customer_id.is_some_and(|id| id != remote.customer_id) => {
                    LookUpReply::Absent
                }
                Some(remote) => LookUpReply::There {
                    remote: Box::new(remote.clone()),
                    request_id: None,
                },
                None => LookUpReply::Absent,
            },
            CallFate::Denied => {
                held.denied = true;
                LookUpReply::Failed(Failure::Denied(Refusal::default()))
            }
            CallFate::Throttled => LookUpReply::Failed(Failure::Throttled(None)),
            CallFate::LostAfter | CallFate::LostBefore | CallFate::Refused(_) => {
                LookUpReply::Failed(Failure::Unknown(Trouble::default()))
            }
        })
    }

    async fn find_in_list(
        &self,
        client_ids: &[String],
    ) -> Exchange<Result<Vec<LookUpReply>, Trouble>> {
        let held = self.held.lock().unwrap();
        let found = client_ids.iter().map(|id| match held.by_id.get(id) {
            Some(remote) => LookUpReply::There {
                remote: Box::new(remote.clone()),
                request_id: None,
            },
            None => LookUpReply::Absent,
        });
        undated(Ok(found.collect()))
    }
}

/// Makes `change` to `remote`, as the API does. Bundles bring no plans here.
fn make(remote: &mut RemoteCustomer, change: &RemoteChange) {
    match change {
        RemoteChange::Update(update) => {
            if let Some(name) = &update.company_name {
                remote.company_name.clone_from(name);
            }
            if let Some(currency) = &update.currency {
                remote.currency.clone_from(currency);
            }
            if let Some(given) = &update.contact {
                let members = remote.contact.iter().flat_map(BillingContact::given);
                let merged: Vec<(Field, String)> = members
                    .chain(given.given())
                    .map(|(field, value)| (field, value.to_owned()))
                    .collect();
                let filled = merged
                    .iter()
                    .filter(|(field, _)| given.get(*field) != Some(""));
                let filled = filled.map(|(field, value)| (*field, value.as_str()));
                remote.contact = Some(filled.collect());
            }
        }
        RemoteChange::AddPlans(ids) => remote.plan_ids.get_or_insert_default().extend(ids.clone()),
        RemoteChange::RemovePlans(ids) => {
            let plans = remote.plan_ids.get_or_insert_default();
            plans.retain(|id| !ids.contains(id));
        }
        RemoteChange::AddBundle(id) => remote.bundle_ids.get_or_insert_default().push(id.clone()),
        RemoteChange::RemoveBundle(id) => {
            let bundles = remote.bundle_ids.get_or_insert_default();
            bundles.retain(|other| other != id);
        }
    }
}

fn not_done<T>(fate: CallFate) -> Reply<T> {
    match fate {
        CallFate::Refused(message) => Reply::Refused(Refusal {
            status: 400,
            message,
            request_id: None,
        }),
        CallFate::Denied => Reply::Failed(Failure::Denied(Refusal::default())),
        CallFate::Throttled => Reply::Failed(Failure::Throttled(None)),
        CallFate::Answered | CallFate::LostAfter | CallFate::LostBefore => {
            Reply::Failed(Failure::Unknown(Trouble::default()))
        }
    }
}
