//! The canary: the first new rows are created, read back and compared before
//! any other row is sent.
//!
//! It finds what no check of the file can: that the API keeps something else
//! than what it was sent.

use super::absence::{Absence, Doubt};
use super::look_up::{LookedUp, find_in_list, look_up_until_known};
use super::sender::Sender;
use crate::domain::customer::Customer;
use crate::domain::field::Field;
use crate::domain::outcome::Outcome;
use crate::domain::remote::{Difference, RemoteCustomer, differences, unseen};
use crate::domain::row::Origin;
use crate::domain::text::quoted;
use crate::engine::ticket::Ticket;
use crate::kable::CustomerApi;
use crate::ledger::{Batch, Ledger, LedgerError};
use crate::report::{Event, Observer};

/// A row that was sent ahead of the others.
#[derive(Debug)]
pub(super) struct Ahead {
    origin: Origin,
    id: u64,
    customer: Customer,
}

impl Ahead {
    pub(super) fn of(origin: Origin, ticket: &Ticket) -> Self {
        Self {
            origin,
            id: ticket.id,
            customer: ticket.customer.clone(),
        }
    }
}

/// A row that was sent ahead, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Where it stands.
    pub origin: Origin,
    /// Its `clientId`.
    pub client_id: String,
    /// What was seen.
    pub seen: Seen,
}

/// What was seen of a row that was sent ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is there, as it stands in the row.
    Agrees {
        /// What came of it: created, or there already.
        outcome: Outcome,
        /// The fields that were compared.
        compared: Vec<Field>,
        /// The fields that the row gives and Kable doesn't show.
        unseen: Vec<Field>,
    },
    /// It is there, and not as it stands in the row.
    Differs(Vec<Difference>),
    /// It is not there.
    Absent,
    /// It was not created: what became of it, and what was said.
    NotCreated(Outcome, String),
    /// It could not be asked for.
    Unasked(String),
}

impl Sighting {
    /// Whether it is as wanted.
    pub fn agrees(&self) -> bool {
        matches!(self.seen, Seen::Agrees { .. })
    }
}

/// Reads back what was sent ahead, if anything was.
pub(super) async fn read_back<A: CustomerApi, O: Observer>(
    ahead: Vec<Ahead>,
    sending: &Sender<A, O>,
    ledger: &mut dyn Ledger,
) -> Result<Vec<Sighting>, LedgerError> {
    let mut sightings = Vec::with_capacity(ahead.len());
    for row in ahead {
        let entry = ledger.claim_record(row.id)?;
        let outcome = entry
            .as_ref()
            .map_or(Outcome::Pending, |entry| entry.outcome);
        let seen = if outcome.is_well() {
            see(sending, &row.customer, outcome).await
        } else {
            let said = entry.and_then(|entry| entry.message).unwrap_or_default();
            Seen::NotCreated(outcome, said)
        };
        sightings.push(Sighting {
            origin: row.origin,
            client_id: row.customer.client_id().to_owned(),
            seen,
        });
    }
    if !sightings.is_empty() {
        ledger.write(&Batch {
            now_ms: sending.wall.now_ms(),
            figures: sending.figures(),
            ..Batch::default()
        })?;
    }
    Ok(sightings)
}

/// Looks `customer` up until it is known whether it is there, and compares. One that is
/// not there yet is looked up again until that is proved: reads may lag.
async fn see<A: CustomerApi, O: Observer>(
    sender: &Sender<A, O>,
    customer: &Customer,
    outcome: Outcome,
) -> Seen {
    let client_id = customer.client_id();
    let absence = Absence::since(sender.began.elapsed(), Doubt::Failed);
    let waits = |wait| sender.observer.observe(&Event::CanaryWaits { wait });
    match look_up_until_known(sender, client_id, absence, &mut 0, waits).await {
        LookedUp::Absent => seen(
            customer,
            outcome,
            find_in_list(sender, client_id).await,
            |_other| Seen::Absent,
        ),
        looked_up @ (LookedUp::There(..)
        | LookedUp::Twin(..)
        | LookedUp::TwinInList(..)
        | LookedUp::Throttled
        | LookedUp::Failed(_)
        | LookedUp::Stopped) => seen(customer, outcome, looked_up, |other| {
            Seen::Unasked(format!(
                "a look-up of it finds customer {}",
                quoted(&other.client_id)
            ))
        }),
    }
}

/// What a look-up shows of a row that was sent ahead; `twin` says what another customer
/// means whose id differs in case only.
fn seen(
    customer: &Customer,
    outcome: Outcome,
    looked_up: LookedUp,
    twin: impl FnOnce(&RemoteCustomer) -> Seen,
) -> Seen {
    match looked_up {
        LookedUp::There(remote, _) => compared(customer, outcome, &remote),
        LookedUp::Absent | LookedUp::Throttled => Seen::Absent,
        LookedUp::Twin(other, _) | LookedUp::TwinInList(other, _) => twin(&other),
        LookedUp::Failed(trouble) => Seen::Unasked(trouble.message),
        LookedUp::Stopped => Seen::Unasked("everything was stopped".to_owned()),
    }
}

/// What is seen of a customer that is there.
fn compared(customer: &Customer, outcome: Outcome, remote: &RemoteCustomer) -> Seen {
    let differing = differences(customer, remote);
    if !differing.is_empty() {
        return Seen::Differs(differing);
    }
    let unseen = unseen(customer, remote);
    let mut compared = customer.given();
    compared.retain(|field| !unseen.contains(field));
    Seen::Agrees {
        outcome,
        compared,
        unseen,
    }
}
