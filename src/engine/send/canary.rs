//! The canary: the first new rows are created, read back and compared before
//! any other row is sent.
//!
//! It detects what no check of the file can: an API that stores other values than it was
//! sent.

use super::absence::{Absence, Doubt};
use super::look_up::{LookedUp, find_in_list, look_up_until_known};
use super::sender::Sender;
use crate::domain::customer::Customer;
use crate::domain::field::Field;
use crate::domain::outcome::Outcome;
use crate::domain::plan_policy::PlanPolicy;
use crate::domain::remote::{Difference, RemoteCustomer, differences, not_compared};
use crate::domain::row::Origin;
use crate::domain::text::quoted;
use crate::engine::ticket::Ticket;
use crate::kable::CustomerApi;
use crate::ledger::{Batch, Ledger, LedgerError};
use crate::report::{Event, Observer};

/// A row of the canary.
#[derive(Debug)]
pub(super) struct CanaryRow {
    origin: Origin,
    id: u64,
    customer: Customer,
}

impl CanaryRow {
    pub(super) fn of(origin: Origin, ticket: &Ticket) -> Self {
        Self {
            origin,
            id: ticket.id,
            customer: ticket.customer.clone(),
        }
    }
}

/// A row of the canary, with the result of reading it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryResult {
    /// The row's place in the input.
    pub origin: Origin,
    /// Its `clientId`.
    pub client_id: String,
    /// The result of reading it back.
    pub seen: ReadBack,
}

/// The result of reading a row of the canary back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadBack {
    /// The customer is there, with the row's values.
    Agrees {
        /// The row's outcome: created, or already there.
        outcome: Outcome,
        /// The fields that were compared.
        compared: Vec<Field>,
        /// The fields that the row has and Kable doesn't return.
        not_compared: Vec<Field>,
    },
    /// The customer is there, with other values.
    Differs(Vec<Difference>),
    /// It is not there.
    Absent,
    /// It was not created: the row's outcome and message.
    NotCreated(Outcome, String),
    /// It could not be looked up, for this reason.
    Unasked(String),
}

impl CanaryResult {
    /// Whether the customer has the row's values.
    pub fn agrees(&self) -> bool {
        matches!(self.seen, ReadBack::Agrees { .. })
    }
}

/// Reads the canary's rows back.
pub(super) async fn read_back<A: CustomerApi, O: Observer>(
    ahead: Vec<CanaryRow>,
    sender: &Sender<A, O>,
    ledger: &mut dyn Ledger,
) -> Result<Vec<CanaryResult>, LedgerError> {
    let mut results = Vec::with_capacity(ahead.len());
    for row in ahead {
        let entry = ledger.claim_record(row.id)?;
        let outcome = entry
            .as_ref()
            .map_or(Outcome::Pending, |entry| entry.outcome);
        let seen = if outcome.is_success() {
            see(sender, &row.customer, outcome).await
        } else {
            let said = entry.and_then(|entry| entry.message).unwrap_or_default();
            ReadBack::NotCreated(outcome, said)
        };
        results.push(CanaryResult {
            origin: row.origin,
            client_id: row.customer.client_id().to_owned(),
            seen,
        });
    }
    if !results.is_empty() {
        ledger.write(&Batch {
            now_ms: sender.wall.now_ms(),
            figures: sender.figures(),
            ..Batch::default()
        })?;
    }
    Ok(results)
}

/// Looks `customer` up until it is known whether it is there, and compares it with its row.
/// Since reads may lag, an absent one is looked up until its absence is proved.
async fn see<A: CustomerApi, O: Observer>(
    sender: &Sender<A, O>,
    customer: &Customer,
    outcome: Outcome,
) -> ReadBack {
    let client_id = customer.client_id();
    let absence = Absence::since(sender.began.elapsed(), Doubt::Failed);
    let waits = |wait| sender.observer.observe(&Event::CanaryWaits { wait });
    match look_up_until_known(sender, client_id, absence, &mut 0, waits).await {
        LookedUp::Absent => seen(
            customer,
            outcome,
            find_in_list(sender, client_id).await,
            |_other| ReadBack::Absent,
        ),
        looked_up @ (LookedUp::There(..)
        | LookedUp::Listed(..)
        | LookedUp::Twin(..)
        | LookedUp::TwinInList(..)
        | LookedUp::Throttled
        | LookedUp::Failed(_)
        | LookedUp::Stopped) => seen(customer, outcome, looked_up, |other| {
            ReadBack::Unasked(format!(
                "a look-up of it finds customer {}",
                quoted(&other.client_id)
            ))
        }),
    }
}

/// What a look-up means for a row of the canary; `twin` is what a customer means whose id
/// differs in case only.
fn seen(
    customer: &Customer,
    outcome: Outcome,
    looked_up: LookedUp,
    twin: impl FnOnce(&RemoteCustomer) -> ReadBack,
) -> ReadBack {
    match looked_up {
        LookedUp::There(remote, _) | LookedUp::Listed(remote, _) => {
            compared(customer, outcome, &remote)
        }
        LookedUp::Absent | LookedUp::Throttled => ReadBack::Absent,
        LookedUp::Twin(other, _) | LookedUp::TwinInList(other, _) => twin(&other),
        LookedUp::Failed(trouble) => ReadBack::Unasked(trouble.message),
        LookedUp::Stopped => ReadBack::Unasked("everything was stopped".to_owned()),
    }
}

/// Compares a customer that was found with its row.
fn compared(customer: &Customer, outcome: Outcome, remote: &RemoteCustomer) -> ReadBack {
    let differing = differences(customer, remote, PlanPolicy::Exact);
    if !differing.is_empty() {
        return ReadBack::Differs(differing);
    }
    let not_compared = not_compared(customer, remote);
    let mut compared = customer.given();
    compared.retain(|field| !not_compared.contains(field));
    ReadBack::Agrees {
        outcome,
        compared,
        not_compared,
    }
}
