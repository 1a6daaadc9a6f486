//! An API that answers from a list.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::time::Instant;

use crate::domain::customer::Customer;
use crate::domain::remote::RemoteCustomer;
use crate::domain::remote_change::RemoteChange;
use crate::kable::{
    Advice, Created, CustomerAddress, CustomerApi, Exchange, Failure, LookUpReply, ProbeReply,
    Reply, Trouble,
};

/// One response of a [`ScriptedApi`].
#[derive(Debug)]
pub(in crate::engine) enum ScriptedReply {
    Create(Exchange<Reply<Created>>),
    Update(Exchange<Reply<Box<RemoteCustomer>>>),
    Find(Exchange<LookUpReply>),
}

impl From<Reply<Created>> for ScriptedReply {
    fn from(reply: Reply<Created>) -> Self {
        Self::Create(undated(reply))
    }
}

impl From<LookUpReply> for ScriptedReply {
    fn from(found: LookUpReply) -> Self {
        Self::Find(undated(found))
    }
}

/// The response to an update.
pub(in crate::engine) fn to_update(reply: Reply<Box<RemoteCustomer>>) -> ScriptedReply {
    ScriptedReply::Update(undated(reply))
}

pub(super) fn undated<T>(reply: T) -> Exchange<T> {
    Exchange {
        reply,
        date_ms: None,
        advice: Advice::default(),
    }
}

/// Responds from a list, and fails the test on a request too many or of another kind.
#[derive(Debug)]
pub(in crate::engine) struct ScriptedApi {
    /// The response to `/authenticate`.
    pub(in crate::engine) credentials: ProbeReply,
    answers: Mutex<VecDeque<ScriptedReply>>,
    began: Instant,
    asked: Mutex<Vec<(u128, &'static str)>>,
}

impl ScriptedApi {
    pub(in crate::engine) fn new(answers: impl IntoIterator<Item = ScriptedReply>) -> Self {
        Self {
            credentials: ProbeReply::Good,
            answers: Mutex::new(answers.into_iter().collect()),
            began: Instant::now(),
            asked: Mutex::default(),
        }
    }

    /// The requests, each with the millisecond at which it was received.
    pub(in crate::engine) fn asked(&self) -> Vec<(u128, &'static str)> {
        self.asked.lock().unwrap().clone()
    }

    /// Takes the next response if it is a failure.
    fn next_trouble(&self) -> Option<Trouble> {
        let mut answers = self.answers.lock().unwrap();
        let trouble = match answers.front()? {
            ScriptedReply::Create(Exchange {
                reply: Reply::Failed(Failure::Unsent(trouble) | Failure::Unknown(trouble)),
                ..
            })
            | ScriptedReply::Update(Exchange {
                reply: Reply::Failed(Failure::Unsent(trouble) | Failure::Unknown(trouble)),
                ..
            })
            | ScriptedReply::Find(Exchange {
                reply: LookUpReply::Failed(Failure::Unknown(trouble)),
                ..
            }) => trouble.clone(),
            ScriptedReply::Create(_) | ScriptedReply::Update(_) | ScriptedReply::Find(_) => {
                return None;
            }
        };
        answers.pop_front();
        Some(trouble)
    }

    fn answer(&self, what: &'static str) -> ScriptedReply {
        self.asked
            .lock()
            .unwrap()
            .push((self.began.elapsed().as_millis(), what));
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| panic!("an unplanned {what}"))
    }
}

impl CustomerApi for ScriptedApi {
    async fn remove(
        &self,
        customer_id: &str,
        _removal: crate::kable::Removal,
    ) -> Exchange<Reply<crate::kable::RemovalEffect>> {
        panic!("an unplanned removal of {customer_id}")
    }

    /// A probe consumes a failure that is next, and leaves any other response to the
    /// request that it was written for.
    async fn probe(&self) -> Exchange<ProbeReply> {
        undated(match self.next_trouble() {
            Some(trouble) => ProbeReply::Trouble(trouble),
            None => self.credentials.clone(),
        })
    }

    async fn create(&self, _customer: &Customer) -> Exchange<Reply<Created>> {
        match self.answer("create") {
            ScriptedReply::Create(answered) => answered,
            other @ (ScriptedReply::Update(_) | ScriptedReply::Find(_)) => {
                panic!("a create where this was planned: {other:?}")
            }
        }
    }

    async fn change(
        &self,
        _address: CustomerAddress<'_>,
        _change: &RemoteChange,
    ) -> Exchange<Reply<Box<RemoteCustomer>>> {
        match self.answer("update") {
            ScriptedReply::Update(answered) => answered,
            other @ (ScriptedReply::Create(_) | ScriptedReply::Find(_)) => {
                panic!("an update where this was planned: {other:?}")
            }
        }
    }

    async fn find(&self, _address: CustomerAddress<'_>) -> Exchange<LookUpReply> {
        match self.answer("find") {
            ScriptedReply::Find(answered) => answered,
            other @ (ScriptedReply::Create(_) | ScriptedReply::Update(_)) => {
                panic!("a question where this was planned: {other:?}")
            }
        }
    }

    async fn find_in_list(
        &self,
        client_ids: &[String],
    ) -> Exchange<Result<Vec<LookUpReply>, Trouble>> {
        assert_eq!(client_ids.len(), 1);
        match self.answer("list") {
            ScriptedReply::Find(answered) => answered.map(|found| Ok(vec![found])),
            other @ (ScriptedReply::Create(_) | ScriptedReply::Update(_)) => {
                panic!("a list where this was planned: {other:?}")
            }
        }
    }
}
