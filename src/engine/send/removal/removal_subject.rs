//! A customer to be removed, and what the one that Kable holds under its `clientId` is,
//! compared with it (pure).

use crate::domain::decision::is_ours;
use crate::domain::outcome::Outcome;
use crate::domain::remote::RemoteCustomer;
use crate::domain::send_times::SendTimes;
use crate::ledger::ClaimRecord;

/// A customer to be removed, and what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalSubject {
    /// Its `clientId`.
    pub client_id: String,
    /// Kable's id for it, if known.
    pub customer_id: Option<String>,
    /// Its `modified` as last seen, in Unix milliseconds; `None` if not known.
    pub modified: Option<i64>,
    /// Whether it is certainly the one to be removed. If not, that is told by `claimed_by`.
    pub is_ours: bool,
    /// A time on the server's clock that is not before its claim, if known.
    pub claimed_by: Option<i64>,
    /// Whether an earlier run may have sent something for it.
    pub in_doubt: bool,
    /// Whether it may never have been created.
    pub may_be_uncreated: bool,
}

impl RemovalSubject {
    /// The customer of a claim.
    pub fn of_claim(record: &ClaimRecord) -> Self {
        Self {
            client_id: record.client_id.clone(),
            customer_id: record.customer_id.clone().filter(|_| record.ours),
            modified: record.modified.filter(|_| record.ours),
            is_ours: record.ours,
            claimed_by: record.claimed_by,
            in_doubt: record.outcome == Outcome::Unresolved,
            may_be_uncreated: !record.ours && record.last != Some(Outcome::Created),
        }
    }

    /// Whether the customer has another id of Kable's than was recorded.
    fn is_another(&self, remote: &RemoteCustomer) -> bool {
        let recorded = self.customer_id.as_ref();
        recorded.is_some_and(|recorded| *recorded != remote.customer_id)
    }

    /// What the customer that Kable holds under this `clientId` is, compared with what is
    /// expected. `times` is when creates of this checkpoint may have taken effect.
    pub fn judge(
        &self,
        remote: &RemoteCustomer,
        even_if_changed: bool,
        times: &SendTimes,
    ) -> SubjectVerdict {
        if self.is_another(remote) {
            // The recorded customer is gone. A create in doubt may have made this one; but what
            // is in doubt may be a change or a removal of that one, and others made this one.
            return if self.in_doubt {
                SubjectVerdict::NotOurs
            } else {
                SubjectVerdict::Another
            };
        }
        let is_proved = is_ours(remote.created, self.claimed_by) && times.include(remote.created);
        if !self.is_ours && !is_proved {
            return SubjectVerdict::NotOurs;
        }
        // Without a record of it, a customer that was never modified is as it was created.
        let expected = self.modified.or(remote.created);
        if even_if_changed || expected.is_some() && expected == remote.modified {
            SubjectVerdict::AsExpected
        } else if remote.is_inactive() {
            SubjectVerdict::Changed(SubjectChange::Inactive)
        } else if expected.is_none() || remote.modified.is_none() {
            SubjectVerdict::Changed(SubjectChange::Unknown)
        } else {
            SubjectVerdict::Changed(SubjectChange::Modified)
        }
    }
}

/// What a customer that was found is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectVerdict {
    /// The one to be removed.
    AsExpected,
    /// The one to be removed, but changed since, or not certainly as it was.
    Changed(SubjectChange),
    /// Another one than was recorded: that one is gone.
    Another,
    /// Not proved to be ours.
    NotOurs,
}

/// How a customer to be removed was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectChange {
    /// It was modified.
    Modified,
    /// It was cancelled or deleted.
    Inactive,
    /// It may have been changed: `modified` was not readable, then or now.
    Unknown,
}

impl SubjectChange {
    /// Why the customer is left.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Modified => "it was changed since it was last seen",
            Self::Inactive => "it is no longer active: it was cancelled or deleted since",
            Self::Unknown => {
                "Kable shows no readable `modified`: whether it was changed is not known"
            }
        }
    }
}
