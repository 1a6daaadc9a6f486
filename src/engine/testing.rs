//! What the engine's tests stand on: rows in memory, an API that answers from a
//! list, and one that keeps customers.
//!
//! - `ledger.rs`: a ledger in memory

pub(super) mod ledger;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use self::ledger::MemoryLedger;
use super::pace::backoff::Policy;
use super::pace::circuit_breaker::CircuitBreaker;
use super::pace::rate::Rate;
use super::pace::retry_budget::{Allowance, RetryBudget};
use super::pace::{Pace, Wanted};
use super::send::absence::Landing;
use super::send::list_lookup::ListLookup;
use super::send::metrics::Metrics;
use super::send::sender::Sender;
use super::send::server_clock::ServerClock;
use super::stop::Stop;
use super::wall_clock::WallClock;
use crate::domain::customer::Customer;
use crate::domain::decision::ExistingPolicy;
use crate::domain::remote::RemoteCustomer;
use crate::domain::row::{
    CellKind, Columns, InputPart, Origin, ParallelRows, ReadState, Revisit, Row, Rows,
};
use crate::domain::update::CustomerUpdate;
use crate::kable::{
    Advice, Created, CustomerApi, Exchange, Failure, LookUpReply, ProbeReply, Refusal, Reply,
    Trouble,
};
use crate::report::{Event, Observer};

/// Our clock, at which it always is.
pub(super) const NOW_MS: i64 = 1_000_000;

/// A `Date` of the server's, with our clock before and after: by it the
/// server's clock is at most a second ahead.
pub(super) const DATE: (i64, i64, i64) = (NOW_MS, NOW_MS, NOW_MS);

/// The first moment on the server's clock that is certainly not before a claim
/// made at [`NOW_MS`], once [`DATE`] is known.
pub(super) const CLAIMED_BY: i64 = NOW_MS + 1000;

/// `customer` as Kable would hold it.
pub(super) fn remote_of(customer: &Customer, created: i64) -> RemoteCustomer {
    RemoteCustomer {
        customer_id: format!("cus_{}", customer.client_id()),
        client_id: customer.client_id().to_owned(),
        company_name: customer.company_name().to_owned(),
        currency: customer.currency().to_owned(),
        stripe_customer_id: None,
        status: "ACTIVE".to_owned(),
        brought_plan_ids: None,
        plan_ids: Some(customer.plan_ids().map(str::to_owned).collect()),
        bundle_ids: Some(customer.bundle_ids().map(str::to_owned).collect()),
        contact: Some(customer.contact().collect()),
        created: Some(created),
    }
}

/// Takes one look-up that finds nothing for proof.
pub(super) const BELIEVING: Landing = Landing {
    given: Some(Duration::ZERO),
    timeout: Duration::from_secs(30),
    earlier: Duration::ZERO,
};

/// What a worker needs, around `api`: patient as usual, no limit to its pace,
/// the server's clock known.
pub(super) fn sender_to<A>(api: A) -> Sender<A, Heard> {
    let mut clock = ServerClock::default();
    clock.heard(DATE.0, DATE.1, DATE.2);
    Sender {
        api,
        observer: Heard::default(),
        pace: Pace::new(Wanted {
            ceiling: Rate::Unlimited,
            at_once: true,
            concurrency: 64,
        }),
        retry: Policy::default(),
        landing: BELIEVING,
        doubts_only: false,
        existing: ExistingPolicy::Skip,
        keys: false,
        metrics: Metrics::new(),
        stop: Stop::default(),
        wall: WallClock::stopped_at(NOW_MS),
        jitter: || 1.0,
        began: Instant::now(),
        budget: parking_lot::Mutex::new(RetryBudget::new(Allowance::UNLIMITED)),
        breaker: parking_lot::Mutex::new(CircuitBreaker::default()),
        changed: Notify::new(),
        clock: parking_lot::Mutex::new(clock),
        slowest: parking_lot::Mutex::default(),
        list: ListLookup::default(),
        stripe: false,
        systemic: parking_lot::Mutex::default(),
        absence_is_page: OnceLock::new(),
    }
}

/// Keeps what it hears.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<Event>>>);

impl Heard {
    pub(super) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Heard {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// One answer of a [`Scripted`] API.
#[derive(Debug)]
pub(super) enum Answer {
    Create(Exchange<Reply<Created>>),
    Update(Exchange<Reply<Box<RemoteCustomer>>>),
    Find(Exchange<LookUpReply>),
}

impl From<Reply<Created>> for Answer {
    fn from(reply: Reply<Created>) -> Self {
        Self::Create(undated(reply))
    }
}

impl From<LookUpReply> for Answer {
    fn from(found: LookUpReply) -> Self {
        Self::Find(undated(found))
    }
}

/// An update's answer.
pub(super) fn to_update(reply: Reply<Box<RemoteCustomer>>) -> Answer {
    Answer::Update(undated(reply))
}

fn undated<T>(reply: T) -> Exchange<T> {
    Exchange {
        reply,
        date_ms: None,
        advice: Advice::default(),
    }
}

/// Answers from a list, and fails the test when asked once too often or for
/// something else.
#[derive(Debug)]
pub(super) struct Scripted {
    /// What is said of the credentials.
    pub(super) credentials: ProbeReply,
    answers: Mutex<VecDeque<Answer>>,
    began: Instant,
    asked: Mutex<Vec<(u128, &'static str)>>,
}

impl Scripted {
    pub(super) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            credentials: ProbeReply::Good,
            answers: Mutex::new(answers.into_iter().collect()),
            began: Instant::now(),
            asked: Mutex::default(),
        }
    }

    /// The requests, each with the millisecond at which it came.
    pub(super) fn asked(&self) -> Vec<(u128, &'static str)> {
        self.asked.lock().unwrap().clone()
    }

    /// Takes the next answer if it is a trouble.
    fn next_trouble(&self) -> Option<Trouble> {
        let mut answers = self.answers.lock().unwrap();
        let trouble = match answers.front()? {
            Answer::Create(Exchange {
                reply: Reply::Failed(Failure::Unsent(trouble) | Failure::Unknown(trouble)),
                ..
            })
            | Answer::Update(Exchange {
                reply: Reply::Failed(Failure::Unsent(trouble) | Failure::Unknown(trouble)),
                ..
            })
            | Answer::Find(Exchange {
                reply: LookUpReply::Failed(Failure::Unknown(trouble)),
                ..
            }) => trouble.clone(),
            Answer::Create(_) | Answer::Update(_) | Answer::Find(_) => return None,
        };
        answers.pop_front();
        Some(trouble)
    }

    fn answer(&self, what: &'static str) -> Answer {
        self.asked
            .lock()
            .unwrap()
            .push((self.began.elapsed().as_millis(), what));
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| panic!("an unplanned {what}"))
    }
}

impl CustomerApi for Scripted {
    /// A probe takes up a trouble that is next, and leaves any other answer to
    /// the request that it was written for.
    async fn reach(&self) -> Exchange<ProbeReply> {
        undated(match self.next_trouble() {
            Some(trouble) => ProbeReply::Trouble(trouble),
            None => self.credentials.clone(),
        })
    }

    async fn create(&self, _customer: &Customer) -> Exchange<Reply<Created>> {
        match self.answer("create") {
            Answer::Create(answered) => answered,
            other @ (Answer::Update(_) | Answer::Find(_)) => {
                panic!("a create where this was planned: {other:?}")
            }
        }
    }

    async fn update(
        &self,
        _client_id: &str,
        _change: &CustomerUpdate,
    ) -> Exchange<Reply<Box<RemoteCustomer>>> {
        match self.answer("update") {
            Answer::Update(answered) => answered,
            other @ (Answer::Create(_) | Answer::Find(_)) => {
                panic!("an update where this was planned: {other:?}")
            }
        }
    }

    async fn find(&self, _client_id: &str) -> Exchange<LookUpReply> {
        match self.answer("find") {
            Answer::Find(answered) => answered,
            other @ (Answer::Create(_) | Answer::Update(_)) => {
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
            Answer::Find(answered) => answered.map(|found| Ok(vec![found])),
            other @ (Answer::Create(_) | Answer::Update(_)) => {
                panic!("a list where this was planned: {other:?}")
            }
        }
    }
}

/// A request, as [`Kable`] decides about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    Create(&'a str),
    Update(&'a str),
    Find(&'a str),
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    /// It is done, and the answer to it is lost.
    LostAfter,
    /// It never arrives, which the client cannot know.
    LostBefore,
    Refused(String),
    Denied,
    Throttled,
}

type Temper = Box<dyn FnMut(Ask<'_>) -> Fate + Send>;

/// Keeps customers. Each create is held against the ledger: one without a
/// claim that is in doubt fails the run.
#[derive(Clone)]
pub(super) struct Kable {
    held: Arc<Mutex<Customers>>,
    ledger: MemoryLedger,
}

struct Customers {
    by_id: BTreeMap<String, RemoteCustomer>,
    creates: Vec<String>,
    finds: Vec<String>,
    too_often: Vec<String>,
    /// Whether the credentials were refused.
    denied: bool,
    temper: Temper,
}

impl Kable {
    pub(super) fn new(ledger: &MemoryLedger) -> Self {
        Self {
            held: Arc::new(Mutex::new(Customers {
                by_id: BTreeMap::new(),
                creates: Vec::new(),
                finds: Vec::new(),
                too_often: Vec::new(),
                denied: false,
                temper: Box::new(|_| Fate::Answered),
            })),
            ledger: ledger.clone(),
        }
    }

    /// From now on `temper` decides what becomes of requests.
    pub(super) fn behave(&self, temper: impl FnMut(Ask<'_>) -> Fate + Send + 'static) {
        self.held.lock().unwrap().temper = Box::new(temper);
    }

    /// Holds `remote` from before.
    pub(super) fn hold(&self, remote: RemoteCustomer) {
        self.held
            .lock()
            .unwrap()
            .by_id
            .insert(remote.client_id.clone(), remote);
    }

    /// The `clientId` and `companyName` of every customer.
    pub(super) fn customers(&self) -> Vec<(String, String)> {
        let held = self.held.lock().unwrap();
        held.by_id
            .values()
            .map(|remote| (remote.client_id.clone(), remote.company_name.clone()))
            .collect()
    }

    /// The `clientId`s of all creates that were sent, in order.
    pub(super) fn creates(&self) -> Vec<String> {
        self.held.lock().unwrap().creates.clone()
    }

    /// The `clientId`s that were asked for, in order.
    pub(super) fn finds(&self) -> Vec<String> {
        self.held.lock().unwrap().finds.clone()
    }

    /// The `clientId`s of creates that were sent though the customer existed.
    pub(super) fn too_often(&self) -> Vec<String> {
        self.held.lock().unwrap().too_often.clone()
    }
}

impl CustomerApi for Kable {
    async fn reach(&self) -> Exchange<ProbeReply> {
        let denied = self.held.lock().unwrap().denied;
        undated(if denied {
            ProbeReply::Denied(Refusal::default())
        } else {
            ProbeReply::Good
        })
    }

    async fn create(&self, customer: &Customer) -> Exchange<Reply<Created>> {
        let id = customer.client_id();
        assert!(self.ledger.is_in_doubt(id), "{id} was sent without a claim");
        let mut held = self.held.lock().unwrap();
        held.creates.push(id.to_owned());
        let fate = (held.temper)(Ask::Create(id));
        held.denied |= fate == Fate::Denied;
        if !matches!(fate, Fate::Answered | Fate::LostAfter) {
            return undated(not_done(fate));
        }
        if held.by_id.contains_key(id) {
            held.too_often.push(id.to_owned());
            return undated(not_done(Fate::Refused(format!("customer {id} exists"))));
        }
        let remote = remote_of(customer, CLAIMED_BY);
        let customer_id = remote.customer_id.clone();
        held.by_id.insert(id.to_owned(), remote);
        if fate == Fate::LostAfter {
            return undated(Reply::Failed(Failure::Unknown(Trouble::default())));
        }
        undated(Reply::Done {
            customer: Created {
                customer_id,
                keys: Vec::new(),
                created: Some(CLAIMED_BY),
                altered: false,
            },
            status: 200,
            request_id: None,
        })
    }

    async fn update(
        &self,
        client_id: &str,
        change: &CustomerUpdate,
    ) -> Exchange<Reply<Box<RemoteCustomer>>> {
        let mut held = self.held.lock().unwrap();
        let fate = (held.temper)(Ask::Update(client_id));
        if !matches!(fate, Fate::Answered | Fate::LostAfter) {
            return undated(not_done(fate));
        }
        let Some(remote) = held.by_id.get_mut(client_id) else {
            return undated(not_done(Fate::Refused(format!("no customer {client_id}"))));
        };
        if let Some(name) = &change.company_name {
            remote.company_name.clone_from(name);
        }
        if let Some(currency) = &change.currency {
            remote.currency.clone_from(currency);
        }
        if fate == Fate::LostAfter {
            return undated(Reply::Failed(Failure::Unknown(Trouble::default())));
        }
        undated(Reply::Done {
            customer: Box::new(remote.clone()),
            status: 201,
            request_id: None,
        })
    }

    async fn find(&self, client_id: &str) -> Exchange<LookUpReply> {
        let mut held = self.held.lock().unwrap();
        held.finds.push(client_id.to_owned());
        undated(match (held.temper)(Ask::Find(client_id)) {
            Fate::Answered => match held.by_id.get(client_id) {
                Some(remote) => LookUpReply::There {
                    remote: Box::new(remote.clone()),
                    request_id: None,
                },
                None => LookUpReply::Absent,
            },
            Fate::Denied => {
                held.denied = true;
                LookUpReply::Failed(Failure::Denied(Refusal::default()))
            }
            Fate::Throttled => LookUpReply::Failed(Failure::Throttled(None)),
            Fate::LostAfter | Fate::LostBefore | Fate::Refused(_) => {
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

fn not_done<T>(fate: Fate) -> Reply<T> {
    match fate {
        Fate::Refused(message) => Reply::Refused(Refusal {
            status: 400,
            message,
            request_id: None,
        }),
        Fate::Denied => Reply::Failed(Failure::Denied(Refusal::default())),
        Fate::Throttled => Reply::Failed(Failure::Throttled(None)),
        Fate::Answered | Fate::LostAfter | Fate::LostBefore => {
            Reply::Failed(Failure::Unknown(Trouble::default()))
        }
    }
}

/// Rows of tables in memory. A blank line is a blank row, and one with another
/// number of cells than its header is broken.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    inputs: Vec<(Columns, Vec<String>)>,
    input: usize,
    place: usize,
}

impl Tables {
    /// One input with the required columns and these rows.
    pub(super) fn one<S: Into<String>>(rows: impl IntoIterator<Item = S>) -> Self {
        Self::of([("clientId,companyName,currency", rows)])
    }

    /// Several inputs: a header and rows each.
    pub(super) fn of<S: Into<String>>(
        inputs: impl IntoIterator<Item = (&'static str, impl IntoIterator<Item = S>)>,
    ) -> Self {
        let table = |header: &str| {
            Columns::table(header.split(',').map(str::to_owned).collect(), header, b',')
        };
        Self {
            inputs: inputs
                .into_iter()
                .map(|(header, rows)| (table(header), rows.into_iter().map(Into::into).collect()))
                .collect(),
            input: 0,
            place: 0,
        }
    }

    /// The inputs' names: `a.csv`, `b.csv` …
    pub(super) fn names(&self) -> Vec<String> {
        ('a'..='z')
            .take(self.inputs.len())
            .map(|letter| format!("{letter}.csv"))
            .collect()
    }
}

impl Rows for Tables {
    type Error = Infallible;

    fn next(&mut self, row: &mut Row) -> Result<bool, Infallible> {
        while self.input + 1 < self.inputs.len() && self.place == self.inputs[self.input].1.len() {
            (self.input, self.place) = (self.input + 1, 0);
        }
        let (columns, lines) = &self.inputs[self.input];
        let Some(line) = lines.get(self.place) else {
            return Ok(false);
        };
        self.place += 1;
        let origin = Origin {
            input: u16::try_from(self.input).unwrap(),
            line: self.place as u64 + 1,
            record: self.place as u64,
            byte: 0,
        };
        row.refill(origin, line.as_bytes()).unwrap();
        let mut start = 0;
        for (column, cell) in line.split(',').enumerate() {
            row.push_span(column, CellKind::Text, start, start + cell.len());
            start += cell.len() + 1;
        }
        if line.is_empty() {
            row.state = ReadState::Blank;
        } else if row.cells().len() != columns.names.len() {
            row.break_off("another number of cells than the header");
        }
        Ok(true)
    }

    fn columns(&self) -> &Columns {
        &self.inputs[self.input].0
    }
}

impl ParallelRows for Tables {
    type Error = Infallible;
    type Part = Self;

    /// Three rows of one input at most.
    fn next_part(&mut self) -> Result<Option<InputPart<Self>>, Infallible> {
        while self.input + 1 < self.inputs.len() && self.place == self.inputs[self.input].1.len() {
            (self.input, self.place) = (self.input + 1, 0);
        }
        let mut part = self.clone();
        part.inputs.truncate(self.input + 1);
        let rows = &mut part.inputs[self.input].1;
        rows.truncate(self.place + 3);
        let many = rows.len() - self.place;
        self.place += many;
        Ok((many > 0).then(|| InputPart {
            rows: part,
            input: u16::try_from(self.input).unwrap(),
            many: many as u64,
        }))
    }
}

impl Revisit for Tables {
    fn revisit(&mut self, place: Origin, row: &mut Row) -> Result<bool, Infallible> {
        self.input = usize::from(place.input);
        self.place = usize::try_from(place.record).unwrap() - 1;
        self.next(row)
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Retries at once, and as often as usual.
pub(super) const EAGER: Policy = Policy {
    retries: 8,
    first_delay: Duration::ZERO,
    longest_delay: Duration::ZERO,
};
