//! What is known of a `clientId` → what to do with its row.
//!
//! Pure: whether a row is sent, looked up or left alone depends on the row's
//! digest, the ledger's record of its `clientId` and the policy alone.

use super::customer::Fingerprint;
use super::outcome::Outcome;

/// The digest of a claim whose customer was found at Kable but not compared with a
/// row, or that may have been sent with the values of several. No row has this digest.
pub const UNKNOWN_DIGEST: Fingerprint = [0; 16];

/// The claim that the ledger has for a `clientId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other, and many combinations occur"
)]
pub struct KnownClaim {
    /// The claim's number in the ledger.
    pub id: u64,
    /// The digest of the row as it was last settled; before that, of what was sent or
    /// was about to be. [`UNKNOWN_DIGEST`] if that may be more than one.
    pub digest: Fingerprint,
    /// The outcome it was last settled with, also while it is in doubt.
    pub last: Option<Outcome>,
    /// Whether it is claimed and not settled since: something may have been sent.
    pub in_doubt: bool,
    /// Whether a request may ever have been sent for it.
    pub sent: bool,
    /// Whether the customer was ever found at Kable.
    pub there: bool,
    /// Whether this checkpoint created the customer.
    pub ours: bool,
    /// Whether it was last looked up because its row was no longer in the input.
    pub orphan: bool,
    /// A time on the server's clock, in Unix milliseconds, not before the claim;
    /// `None` if the server's clock was not known.
    pub claimed_by: Option<i64>,
}

impl KnownClaim {
    /// Whether this checkpoint created the customer, or may have created it.
    pub fn may_be_ours(&self) -> bool {
        self.ours || self.in_doubt || self.last == Some(Outcome::Created)
    }

    /// Whether a row with `digest` is unchanged since the claim.
    pub fn is_same(&self, digest: &Fingerprint) -> bool {
        self.digest == *digest && self.digest != UNKNOWN_DIGEST
    }

    /// Whether Kable may hold what the row with `digest` does not have: the row was edited
    /// since it was settled or sent, or a change of it is in doubt, and the digest is that of
    /// the row before it.
    pub fn may_differ(&self, digest: &Fingerprint) -> bool {
        let is_change_in_doubt = self.in_doubt && self.last.is_some_and(Outcome::customer_exists);
        is_change_in_doubt || !self.is_same(digest)
    }
}

/// The digest of a claim that is claimed for a row with the digest `row`, while it had `held`.
/// A settled claim keeps it, for it may be released. If a row may have been sent with either,
/// it is unknown. The ledgers do this in SQL.
#[cfg(test)]
pub(crate) fn digest_when_claimed(
    held: Fingerprint,
    last: Option<Outcome>,
    in_doubt: bool,
    row: Fingerprint,
) -> Fingerprint {
    match last {
        _ if held == row => held,
        None | Some(Outcome::Pending) if in_doubt => UNKNOWN_DIGEST,
        None | Some(Outcome::Pending) => row,
        Some(Outcome::Failed) => UNKNOWN_DIGEST,
        Some(_settled) => held,
    }
}

/// What to do about a customer that exists already and differs (`--existing`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExistingPolicy {
    /// Leave it; the row's outcome is `differs`.
    #[default]
    Skip,
    /// Update it to equal the row, as far as an update can.
    Update,
    /// Leave it; the row counts as failed.
    Fail,
}

/// What to do with rows that are not new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowPolicy {
    /// If the customer exists already and differs.
    pub existing: ExistingPolicy,
    /// Whether rows that failed in an earlier run are retried.
    pub retry_failed: bool,
}

/// What to do with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Create the customer.
    Create,
    /// Look the customer up before anything is sent.
    LookUp,
    /// Send nothing; this is the row's outcome.
    Skip(Outcome),
}

/// Decides what to do with a row whose customer has `digest`.
pub fn decide(known: Option<&KnownClaim>, digest: &Fingerprint, policy: RowPolicy) -> Decision {
    let Some(known) = known else {
        return Decision::Create;
    };
    let same = known.is_same(digest);
    // A create without a look-up only for a row that was never sent or found.
    let again = if known.sent || known.there {
        Decision::LookUp
    } else {
        Decision::Create
    };
    let Some(outcome) = known.last.filter(|_| !known.in_doubt) else {
        return if known.in_doubt {
            Decision::LookUp
        } else {
            again
        };
    };
    match outcome {
        Outcome::Created | Outcome::Updated | Outcome::Unchanged | Outcome::AlreadyExisted
            if same =>
        {
            Decision::Skip(outcome)
        }
        // The row was edited after it was sent, or never compared.
        Outcome::Created | Outcome::Updated | Outcome::Unchanged
            if policy.existing != ExistingPolicy::Skip || known.digest == UNKNOWN_DIGEST =>
        {
            Decision::LookUp
        }
        Outcome::Created | Outcome::Updated | Outcome::Unchanged => {
            Decision::Skip(Outcome::Differs)
        }
        Outcome::Differs if same && policy.existing == ExistingPolicy::Skip => {
            Decision::Skip(outcome)
        }
        Outcome::Unresolved | Outcome::AlreadyExisted | Outcome::Differs => Decision::LookUp,
        Outcome::Failed if same && !policy.retry_failed => Decision::Skip(outcome),
        Outcome::Failed | Outcome::Pending | Outcome::Missing | Outcome::Deleted => again,
    }
}

/// Whether a customer that Kable created at `created` was created by a claim that
/// was on disk before `claimed_by` (both on the server's clock).
///
/// If in doubt, it is not ours: a rollback must never delete the customers of
/// others.
pub fn is_ours(created: Option<i64>, claimed_by: Option<i64>) -> bool {
    matches!((created, claimed_by), (Some(created), Some(claimed)) if created >= claimed)
}

#[cfg(test)]
mod tests {
    use super::{
        Decision, ExistingPolicy, KnownClaim, Outcome, RowPolicy, UNKNOWN_DIGEST, decide, is_ours,
    };
    use crate::domain::customer::tests::{aster, digest_of};

    /// A claim that was settled as `last` after a response.
    fn known(last: Option<Outcome>) -> KnownClaim {
        KnownClaim {
            id: 1,
            digest: digest_of(&aster()),
            last,
            in_doubt: last.is_none(),
            sent: true,
            there: last.is_some_and(Outcome::customer_exists),
            ours: last == Some(Outcome::Created),
            orphan: false,
            claimed_by: None,
        }
    }

    fn decided(known: KnownClaim, same: bool, policy: RowPolicy) -> Decision {
        let digest = if same { known.digest } else { [9; 16] };
        decide(Some(&known), &digest, policy)
    }

    fn decided_after(outcome: Outcome, same: bool, policy: RowPolicy) -> Decision {
        decided(known(Some(outcome)), same, policy)
    }

    const POLICIES: [RowPolicy; 6] = {
        let mut all = [RowPolicy {
            existing: ExistingPolicy::Skip,
            retry_failed: false,
        }; 6];
        let mut at = 0;
        while at < 6 {
            all[at].existing = [
                ExistingPolicy::Skip,
                ExistingPolicy::Update,
                ExistingPolicy::Fail,
            ][at / 2];
            all[at].retry_failed = at % 2 == 1;
            at += 1;
        }
        all
    };

    #[test]
    fn a_row_without_a_claim_is_created() {
        assert_eq!(
            decide(None, &[0; 16], RowPolicy::default()),
            Decision::Create
        );
    }

    #[test]
    fn a_claim_in_doubt_is_looked_up_whatever_its_last_outcome() {
        for last in [None].into_iter().chain(Outcome::ALL.map(Some)) {
            for (same, policy) in [true, false].into_iter().zip(POLICIES) {
                let known = KnownClaim {
                    in_doubt: true,
                    ..known(last)
                };
                assert_eq!(decided(known, same, policy), Decision::LookUp, "{last:?}");
            }
        }
    }

    #[test]
    fn only_a_row_that_was_never_sent_or_found_is_created_without_a_look_up() {
        for outcome in Outcome::ALL {
            for same in [true, false] {
                for policy in POLICIES {
                    for (sent, there) in [(true, false), (false, true), (true, true)] {
                        let known = KnownClaim {
                            sent,
                            there,
                            ..known(Some(outcome))
                        };
                        let decision = decided(known, same, policy);
                        assert_ne!(decision, Decision::Create, "{known:?} {policy:?}");
                    }
                }
            }
        }
        let never_sent = KnownClaim {
            sent: false,
            ..known(Some(Outcome::Pending))
        };
        for same in [true, false] {
            let decision = decided(never_sent, same, RowPolicy::default());
            assert_eq!(decision, Decision::Create);
        }
    }

    #[test]
    fn a_customer_that_was_not_compared_with_a_row_is_looked_up() {
        for outcome in [Outcome::Created, Outcome::AlreadyExisted] {
            let known = KnownClaim {
                digest: UNKNOWN_DIGEST,
                ..known(Some(outcome))
            };
            for digest in [UNKNOWN_DIGEST, [9; 16]] {
                let decision = decide(Some(&known), &digest, RowPolicy::default());
                assert_eq!(decision, Decision::LookUp, "{outcome:?}");
            }
        }
    }

    #[test]
    fn each_outcome_is_kept_or_looked_up_by_the_default_policy() {
        let policy = RowPolicy::default();
        for (outcome, same, changed) in [
            (
                Outcome::Created,
                Decision::Skip(Outcome::Created),
                Decision::Skip(Outcome::Differs),
            ),
            (
                Outcome::AlreadyExisted,
                Decision::Skip(Outcome::AlreadyExisted),
                Decision::LookUp,
            ),
            (
                Outcome::Differs,
                Decision::Skip(Outcome::Differs),
                Decision::LookUp,
            ),
            (
                Outcome::Failed,
                Decision::Skip(Outcome::Failed),
                Decision::LookUp,
            ),
            (Outcome::Pending, Decision::LookUp, Decision::LookUp),
        ] {
            assert_eq!(decided_after(outcome, true, policy), same, "{outcome:?}");
            assert_eq!(
                decided_after(outcome, false, policy),
                changed,
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn a_policy_can_look_up_rows_that_are_settled() {
        let again = RowPolicy {
            existing: ExistingPolicy::Fail,
            retry_failed: true,
        };
        for outcome in [Outcome::Failed, Outcome::Differs] {
            assert_eq!(decided_after(outcome, true, again), Decision::LookUp);
        }
        // Only Kable can say whether an edited row still differs.
        let changed = decided_after(Outcome::Created, false, again);
        assert_eq!(changed, Decision::LookUp);
    }

    #[test]
    fn with_updates_an_edited_row_is_looked_up() {
        let policy = RowPolicy {
            existing: ExistingPolicy::Update,
            retry_failed: false,
        };
        for outcome in [Outcome::Created, Outcome::Updated, Outcome::Differs] {
            let changed = decided_after(outcome, false, policy);
            assert_eq!(changed, Decision::LookUp, "{outcome:?}");
        }
        let same = decided_after(Outcome::Updated, true, policy);
        assert_eq!(same, Decision::Skip(Outcome::Updated));
    }

    #[test]
    fn what_a_change_in_doubt_has_sent_may_differ_from_the_row() {
        let (row, other) = ([1; 16], [2; 16]);
        let known = |last, in_doubt| KnownClaim {
            in_doubt,
            digest: row,
            ..known(last)
        };
        for (claim, of_row) in [
            (known(None, true), false),
            (known(Some(Outcome::Failed), true), false),
            (known(Some(Outcome::Created), false), false),
            (known(Some(Outcome::Created), true), true),
        ] {
            assert_eq!(claim.may_differ(&row), of_row, "{claim:?}");
            assert!(claim.may_differ(&other), "{claim:?}");
        }
    }

    #[test]
    fn only_a_customer_created_after_the_claim_is_ours() {
        assert!(is_ours(Some(5), Some(5)));
        assert!(!is_ours(Some(4), Some(5)));
        assert!(!is_ours(None, Some(5)));
        assert!(!is_ours(Some(5), None));
    }
}
