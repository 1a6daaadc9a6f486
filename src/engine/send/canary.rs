//! The canary: the first new rows are created, read back and compared before
//! any other row is sent.
//!
//! It finds what no check of the file can: that the API keeps something else
//! than what it was sent.

use std::time::Duration;

use super::absence::{Absence, Doubt, Proof};
use super::look_up::ByPath;
use super::metrics::Metrics;
use super::sender::Sender;
use crate::domain::customer::Customer;
use crate::domain::field::Field;
use crate::domain::outcome::Outcome;
use crate::domain::remote::{Difference, RemoteCustomer, differences, unseen};
use crate::domain::row::Origin;
use crate::domain::text::quoted;
use crate::engine::pace::backoff::delay;
use crate::engine::pace::circuit_breaker::Access;
use crate::engine::pace::sent::Sent;
use crate::engine::ticket::Ticket;
use crate::kable::{CustomerApi, LookUpReply, Trouble};
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
            sending.see(&row.customer, outcome).await
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

fn stopped() -> Seen {
    Seen::Unasked("everything was stopped".to_owned())
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

impl<A: CustomerApi, O: Observer> Sender<A, O> {
    /// Asks for `customer` until there is an answer, and compares. One that is not
    /// there yet is asked for again until that is proved: reads may lag.
    async fn see(&self, customer: &Customer, outcome: Outcome) -> Seen {
        let mut tries = 0;
        let mut last = Trouble::default();
        let mut absence = Absence::since(self.began.elapsed(), Doubt::Failed);
        while tries <= self.retry.retries {
            let Some(admitted) = self.admitted(tries > 0, Access::Read).await else {
                return stopped();
            };
            Metrics::count(&self.metrics.sent);
            Metrics::count(&self.metrics.lookups);
            let asked = self.timed(admitted.permit, self.api.find(customer.client_id()));
            // A question whose answer is not waited for any more may be left.
            let (timed, found) = tokio::select! {
                answered = asked => answered,
                () = self.stop.halted() => return stopped(),
            };
            let found = match self.by_path(customer.client_id(), &found).await {
                ByPath::Believed => found,
                ByPath::Absent => LookUpReply::Absent,
                ByPath::InVain => match self.find_in_list(customer.client_id()).await {
                    Some(found) => found,
                    None => return stopped(),
                },
                ByPath::ShutOut => return stopped(),
            };
            let wait = match self.seen(customer, outcome, timed.sent, found) {
                Sight::Seen(seen) => return seen,
                Sight::Throttled => continue,
                Sight::Absent => {
                    let now = self.began.elapsed();
                    match absence.not_found(now, |doubt| self.landing_time(doubt)) {
                        Proof::Absent => return self.seen_in_list(customer, outcome).await,
                        Proof::LookAgain(at) => {
                            let wait = at.saturating_sub(now);
                            self.observer.observe(&Event::CanaryWaits { wait });
                            wait
                        }
                    }
                }
                Sight::Trouble(trouble) => {
                    // An outage is waited for by the next request.
                    let mut wait = Duration::ZERO;
                    if trouble.local {
                        self.crowded(&trouble).await;
                    } else if !self.is_outage(&trouble, Access::Read) {
                        tries += 1;
                        let message = trouble.message.clone();
                        self.observer.observe(&Event::Trouble { message });
                        wait = delay(&self.retry, tries, trouble.wait, (self.jitter)());
                    }
                    last = trouble;
                    wait
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.halted() => return stopped(),
            }
        }
        Seen::Unasked(last.message)
    }

    /// What the list of all customers shows of one that its path does not find.
    async fn seen_in_list(&self, customer: &Customer, outcome: Outcome) -> Seen {
        match self.find_in_list(customer.client_id()).await {
            Some(LookUpReply::There { remote, .. }) => compared(customer, outcome, &remote),
            Some(LookUpReply::Unknown(trouble)) => Seen::Unasked(trouble.message),
            Some(_) => Seen::Absent,
            None => stopped(),
        }
    }

    /// What the answer to a look-up shows.
    fn seen(&self, customer: &Customer, outcome: Outcome, sent: Sent, found: LookUpReply) -> Sight {
        match found {
            LookUpReply::There { remote, .. } => {
                self.answered(sent);
                Sight::Seen(compared(customer, outcome, &remote))
            }
            LookUpReply::Absent => {
                self.answered(sent);
                Sight::Absent
            }
            LookUpReply::Other { remote, .. } => {
                self.answered(sent);
                Sight::Seen(Seen::Unasked(format!(
                    "a look-up of it finds customer {}",
                    quoted(&remote.client_id)
                )))
            }
            LookUpReply::Denied(refusal) => Sight::Trouble(refusal.into_trouble()),
            LookUpReply::Throttled(wait) => {
                self.hold_back(sent, wait);
                Sight::Throttled
            }
            LookUpReply::AbsentPage(trouble) | LookUpReply::Unknown(trouble) => {
                Sight::Trouble(trouble)
            }
        }
    }
}

/// What the answer to a look-up shows of a row that was sent ahead.
enum Sight {
    Seen(Seen),
    /// It is not there, or not yet.
    Absent,
    Throttled,
    Trouble(Trouble),
}
