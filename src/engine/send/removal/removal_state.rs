//! The state machine of one removal: what a response means for the customer, and which
//! request is next (pure).
//!
//! A customer is looked up first, compared with what is expected, and removed by Kable's
//! own id. A removal whose result is not known is settled by look-ups: a customer that is
//! still there is removed again; one that is not found is gone once its absence is proved,
//! because a look-up may be answered by a replica that lags.

use std::time::Duration;

use super::super::absence::{Absence, Doubt, Proof};
use super::super::facts::Facts;
use super::super::retries::{OutOfTries, Retries};
use super::removal_subject::{RemovalSubject, SubjectChange, SubjectVerdict};
use crate::domain::remote::RemoteCustomer;
use crate::domain::text::quoted;
use crate::kable::{Refusal, Removal, Trouble};

/// The request that is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RemovalStep {
    /// Look the customer up by Kable's id, which is the path of its removal. The id may find
    /// another customer, whose `clientId` it is.
    FindByKableId(String),
    /// Look the customer up by its `clientId`.
    Find,
    /// Remove the customer with this id.
    Remove(String),
}

/// The end of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RemovalEnd {
    /// The customer was removed.
    Removed(Option<String>),
    /// It was gone already.
    AlreadyGone,
    /// It was never created.
    NeverThere,
    /// It was gone, and another customer has its `clientId`.
    Another(Box<RemoteCustomer>),
    /// It is not proved to be ours, and was left.
    NotOurs(Box<RemoteCustomer>),
    /// It was changed since, and was left.
    Changed(SubjectChange),
    /// The API refused to remove it.
    Refused(Refusal),
    /// It is not known whether it is there.
    Unresolved(Trouble),
    /// Everything was stopped.
    Stopped,
}

/// The state of one removal.
#[derive(Debug)]
pub(super) struct RemovalState {
    pub(super) subject: RemovalSubject,
    removal: Removal,
    even_if_changed: bool,
    pub(super) next: RemovalStep,
    pub(super) retries: Retries,
    /// Requests sent for it.
    pub(super) attempts: u32,
    /// Removals sent for it in this run.
    pub(super) removals: u32,
    /// Whether a removal was sent in this run whose result is not known.
    pub(super) is_lost: bool,
    /// The `status` and `modified` of the customer before the last removal was sent.
    before: Option<(String, Option<i64>)>,
    /// Kable's id of the customer that was found.
    pub(super) found_id: Option<String>,
    /// Whether its last look-up by Kable's id found none.
    is_missed_by_kable_id: bool,
    absence: Option<Absence>,
    /// The refusal of its removal, until it is looked up.
    refusal: Option<Refusal>,
}

impl RemovalState {
    pub(super) fn of(subject: RemovalSubject, removal: Removal, even_if_changed: bool) -> Self {
        let by_kable_id = subject.customer_id.clone().map(RemovalStep::FindByKableId);
        Self {
            absence: subject.in_doubt.then(Absence::of_earlier_run),
            subject,
            removal,
            even_if_changed,
            next: by_kable_id.unwrap_or(RemovalStep::Find),
            retries: Retries::default(),
            attempts: 0,
            removals: 0,
            is_lost: false,
            before: None,
            found_id: None,
            is_missed_by_kable_id: false,
            refusal: None,
        }
    }

    /// When the next request may start, if that is after `now`.
    pub(super) fn waits_until(&self, now: Duration) -> Option<Duration> {
        let until = match &self.next {
            RemovalStep::Find | RemovalStep::FindByKableId(_) => self.retries.not_before,
            RemovalStep::Remove(_) => {
                let retries = &self.retries;
                retries.not_before.max(retries.write_not_before)
            }
        };
        (until > now).then_some(until)
    }

    /// The customer was found otherwise than by Kable's id: its end, unless that id is tried.
    pub(super) fn found_elsewhere(
        &mut self,
        remote: Box<RemoteCustomer>,
        request_id: Option<String>,
        facts: &Facts,
    ) -> Option<RemovalEnd> {
        let is_by_kable_id = matches!(self.next, RemovalStep::FindByKableId(_));
        let end = self.found(remote, request_id, facts);
        let RemovalStep::Remove(customer_id) = self.next.clone() else {
            return end;
        };
        if end.is_some() {
            return end;
        }
        if is_by_kable_id {
            return Some(RemovalEnd::Refused(Refusal {
                message: "the list of customers has it, but Kable's id does not find it: its removal could hit another customer".to_owned(),
                ..Refusal::default()
            }));
        }
        if self.is_missed_by_kable_id {
            self.is_missed_by_kable_id = false;
            self.was_absent(facts);
        }
        self.next = RemovalStep::FindByKableId(customer_id);
        None
    }

    /// Kable's id finds no customer: whether one has the `clientId` is looked up.
    pub(super) fn missed_by_kable_id(&mut self) {
        self.is_missed_by_kable_id = true;
        self.next = RemovalStep::Find;
    }

    /// The customer was found, by the path of its removal: its end, unless it is to be removed
    /// now.
    pub(super) fn found(
        &mut self,
        remote: Box<RemoteCustomer>,
        request_id: Option<String>,
        facts: &Facts,
    ) -> Option<RemovalEnd> {
        self.retries.unanswered = 0;
        let times = &facts.clocks.earlier;
        let change = match self.subject.judge(&remote, self.even_if_changed, times) {
            // The customer whose removal is in doubt no longer has the `clientId`.
            SubjectVerdict::Another | SubjectVerdict::NotOurs
                if self.is_lost && self.found_id.as_ref() != Some(&remote.customer_id) =>
            {
                return Some(RemovalEnd::Removed(request_id));
            }
            SubjectVerdict::Another => return Some(RemovalEnd::Another(remote)),
            SubjectVerdict::NotOurs => return Some(RemovalEnd::NotOurs(remote)),
            SubjectVerdict::Changed(change) => Some(change),
            SubjectVerdict::AsExpected => None,
        };
        self.adopt(&remote);
        let now = (remote.status.clone(), remote.modified);
        // A customer that is cancelled was also modified.
        if let Some(end) = self.inactive(&remote, &now, request_id) {
            return Some(end);
        }
        if let Some(change) = change {
            return Some(RemovalEnd::Changed(change));
        }
        if let Some(refusal) = self.refusal.take() {
            return Some(RemovalEnd::Refused(refusal));
        }
        if let Some(spent) = self.retries.spent(facts) {
            return Some(self.out_of_tries(spent));
        }
        self.before = Some(now);
        self.next = RemovalStep::Remove(remote.customer_id);
        None
    }

    /// The end of a removal whose customer is shown, and not as active; `None` if it is active,
    /// or no removal made it so. An API may show customers that it deleted.
    fn inactive(
        &self,
        remote: &RemoteCustomer,
        now: &(String, Option<i64>),
        request_id: Option<String>,
    ) -> Option<RemovalEnd> {
        if !remote.is_inactive() {
            return None;
        }
        let is_altered = self.before.as_ref().is_some_and(|before| before != now);
        match self.removal {
            Removal::Cancel if self.is_lost || self.removals > 0 => {
                Some(RemovalEnd::Removed(request_id))
            }
            Removal::Cancel => Some(RemovalEnd::AlreadyGone),
            Removal::Delete if self.is_lost && is_altered => Some(RemovalEnd::Removed(request_id)),
            Removal::Delete => None,
        }
    }

    /// The customer is the one to be removed: from now on it is known by this id.
    fn adopt(&mut self, remote: &RemoteCustomer) {
        self.subject.customer_id = Some(remote.customer_id.clone());
        self.found_id.clone_from(&self.subject.customer_id);
    }

    /// The customer was not found: its end, once its absence is proved.
    pub(super) fn absent(&mut self, facts: &Facts) -> Option<RemovalEnd> {
        self.retries.unanswered = 0;
        // It was there, and nothing of ours removed it: a lagging replica is likelier.
        let doubt = if self.subject.is_ours && !self.subject.in_doubt {
            Doubt::Unanswered
        } else {
            Doubt::Failed
        };
        let absence = self
            .absence
            .get_or_insert_with(|| Absence::since(facts.now, doubt));
        if let Proof::LookAgain(at) =
            absence.not_found(facts.now, |doubt| facts.landing_time(doubt))
        {
            self.retries.troubled = true;
            self.retries.not_before = self.retries.not_before.max(at);
            return None;
        }
        let was_ours = self.subject.is_ours || self.found_id.is_some();
        Some(if self.is_lost || self.subject.in_doubt && was_ours {
            RemovalEnd::Removed(None)
        } else if self.subject.may_be_uncreated && !was_ours {
            RemovalEnd::NeverThere
        } else {
            RemovalEnd::AlreadyGone
        })
    }

    /// The API says that there is no such customer, which a look-up has just found.
    pub(super) fn was_absent(&mut self, facts: &Facts) {
        let message = "the API says that there is no such customer, and shows it".to_owned();
        let trouble = Trouble {
            status: Some(404),
            message,
            by_api: true,
            ..Trouble::default()
        };
        self.absence = Some(Absence::since(facts.now, Doubt::Failed));
        self.retries.troubled = true;
        self.retries.tries += 1;
        self.retries.back_off(trouble, facts);
        self.look_again();
    }

    /// The API refused the removal: perhaps because an earlier one was done.
    pub(super) fn refused(&mut self, refusal: Refusal) {
        self.refusal = Some(refusal);
        self.look_again();
    }

    /// The result of a removal is not known.
    pub(super) fn lost(&mut self, trouble: &Trouble, now: Duration) {
        let doubt = if trouble.by_api {
            Doubt::Failed
        } else {
            Doubt::Unanswered
        };
        self.is_lost = true;
        self.absence = Some(Absence::since(now, doubt));
        self.look_again();
    }

    /// The next look-up is by Kable's id, where it is known.
    fn look_again(&mut self) {
        let known = self.found_id.clone().or(self.subject.customer_id.clone());
        self.next = known.map_or(RemovalStep::Find, RemovalStep::FindByKableId);
    }

    /// A look-up got no usable response: the end, if its tries are used up.
    pub(super) fn unanswered(&self, facts: &Facts) -> Option<RemovalEnd> {
        let is_spent = self.retries.unanswered > facts.retry.retries;
        is_spent.then(|| RemovalEnd::Unresolved(self.trouble()))
    }

    /// Its path finds a customer whose id differs in case only.
    pub(super) fn twin(remote: &RemoteCustomer) -> RemovalEnd {
        RemovalEnd::Unresolved(Trouble {
            message: format!(
                "a look-up of it finds customer {}",
                quoted(&remote.client_id)
            ),
            ..Trouble::default()
        })
    }

    fn trouble(&self) -> Trouble {
        self.retries.trouble.clone().unwrap_or_default()
    }

    /// `--retries` is used up, and the customer is still there.
    fn out_of_tries(&self, spent: OutOfTries) -> RemovalEnd {
        let trouble = self.trouble();
        if !trouble.by_api && spent == OutOfTries::WithOthers {
            return RemovalEnd::Unresolved(trouble);
        }
        RemovalEnd::Refused(Refusal {
            status: trouble.status.unwrap_or_default(),
            message: trouble.message,
            request_id: trouble.request_id,
        })
    }
}

#[cfg(test)]
#[path = "removal_state_tests.rs"]
mod tests;
