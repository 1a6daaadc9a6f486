//! Decides whether creates that the API answers with an error have one cause: of one kind
//! none succeeded, many failed with the same message, and it is no passing outage (pure).
//!
//! The API documents only 500 for what it refuses. Such a create is retried, because it may
//! be an outage; an account without Stripe responds the same way every time.

use std::time::Duration;

use super::systemic_refusal::{MOST, RequestKind, RequestKinds};

/// Failures with the same message may be an outage for this long, unless other writes work
/// meanwhile.
const OUTAGE: Duration = Duration::from_mins(1);

/// This many rows must have failed: one row fails as often as it is retried.
const ROWS: usize = 5;

/// The most different messages that are kept.
const MOST_WORDS: usize = 8;

/// Failures with the same message, of one kind.
#[derive(Debug)]
struct AlikeFailures {
    kind: RequestKind,
    words: String,
    /// When the first of them happened, since the run's start.
    first: Duration,
    /// How many creates and updates had worked before the first.
    worked_before: u64,
    times: usize,
    /// The first rows that failed this way.
    rows: Vec<u64>,
}

/// A create that failed, and whose customer was not found.
#[derive(Debug, Clone, Copy)]
pub(super) struct FailedCreate<'f> {
    /// The claim's number.
    pub(super) id: u64,
    pub(super) kinds: RequestKinds,
    pub(super) words: &'f str,
    /// Since the run's start.
    pub(super) now: Duration,
    /// Successful creates and updates so far.
    pub(super) worked: u64,
}

impl AlikeFailures {
    fn begin(kind: RequestKind, failed: FailedCreate<'_>) -> Self {
        Self {
            kind,
            words: failed.words.to_owned(),
            first: failed.now,
            worked_before: failed.worked,
            times: 0,
            rows: Vec::new(),
        }
    }

    fn count(&mut self, failed: FailedCreate<'_>) {
        self.times += 1;
        if self.rows.len() < ROWS && !self.rows.contains(&failed.id) {
            self.rows.push(failed.id);
        }
    }

    fn have_one_cause(&self, failed: FailedCreate<'_>) -> bool {
        let is_many = self.times >= MOST && self.rows.len() >= ROWS;
        let others_work = failed.worked > self.worked_before;
        is_many && (others_work || failed.now >= self.first + OUTAGE)
    }
}

/// What a failure shows, together with those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FailureVerdict {
    /// Whether rows of other kinds work while none of one of its kinds did.
    pub(super) others_work: bool,
    /// The kind that fails for one cause, and how often it did.
    pub(super) one_cause: Option<(RequestKind, usize)>,
}

/// What is known of creates that the API answers with an error.
#[derive(Debug, Default)]
pub(in crate::engine) struct SystemicFailure {
    accepted: RequestKinds,
    failures: Vec<AlikeFailures>,
}

impl SystemicFailure {
    /// A create of these kinds succeeded.
    pub(super) fn accepted(&mut self, kinds: RequestKinds) {
        self.accepted = self.accepted.and(kinds);
        let accepted = self.accepted;
        self.failures
            .retain(|failures| !accepted.has(failures.kind));
    }

    /// A create failed.
    pub(super) fn failed(&mut self, failed: FailedCreate<'_>) -> FailureVerdict {
        let mut verdict = FailureVerdict::default();
        for kind in failed.kinds.without(self.accepted).each() {
            let is_it =
                |failures: &AlikeFailures| failures.kind == kind && failures.words == failed.words;
            let mut failures = match self.failures.iter().position(is_it) {
                Some(at) => self.failures.remove(at),
                None => AlikeFailures::begin(kind, failed),
            };
            failures.count(failed);
            verdict.others_work |= self.accepted != RequestKinds::default();
            if verdict.one_cause.is_none() && failures.have_one_cause(failed) {
                verdict.one_cause = Some((kind, failures.times));
            }
            // The latest messages come last; the oldest are dropped.
            if self.failures.len() >= MOST_WORDS * RequestKind::ALL.len() {
                self.failures.remove(0);
            }
            self.failures.push(failures);
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FailedCreate, FailureVerdict, SystemicFailure};
    use crate::domain::customer::tests::{aster, aster_bare};
    use crate::engine::send::systemic_refusal::{RequestKind, RequestKinds};

    fn failed(id: u64, kinds: RequestKinds, seconds: u64, worked: u64) -> FailedCreate<'static> {
        FailedCreate {
            id,
            kinds,
            words: "500 account not connected to Stripe",
            now: Duration::from_secs(seconds),
            worked,
        }
    }

    fn stripe() -> RequestKinds {
        RequestKinds::of_create(&aster_bare(), true)
    }

    #[test]
    fn of_a_kind_of_which_none_goes_through_while_others_do_twenty_are_enough() {
        let mut systemic = SystemicFailure::default();
        systemic.accepted(RequestKinds::of_create(&aster_bare(), false));
        for id in 1..20 {
            assert_eq!(systemic.failed(failed(id, stripe(), 1, id)).one_cause, None);
        }
        let verdict = systemic.failed(failed(20, stripe(), 1, 20));
        assert!(verdict.others_work);
        let found = verdict.one_cause;
        assert_eq!(found, Some((RequestKind::AsksForStripe, 20)));
    }

    #[test]
    fn where_nothing_works_it_may_be_an_outage_for_a_minute() {
        let mut systemic = SystemicFailure::default();
        for id in 1..100 {
            assert_eq!(
                systemic.failed(failed(id, stripe(), 59, 0)),
                FailureVerdict::default()
            );
        }
        assert_eq!(
            systemic.failed(failed(100, stripe(), 118, 0)),
            FailureVerdict::default()
        );
        let found = systemic.failed(failed(101, stripe(), 119, 0)).one_cause;
        assert_eq!(found, Some((RequestKind::AsksForStripe, 101)));
    }

    #[test]
    fn a_kind_of_which_one_went_through_fails_for_its_rows_sake() {
        let mut systemic = SystemicFailure::default();
        for id in 1..20 {
            systemic.failed(failed(id, stripe(), 0, id));
        }
        systemic.accepted(stripe());
        for id in 20..100 {
            assert_eq!(
                systemic.failed(failed(id, stripe(), 200, id)),
                FailureVerdict::default()
            );
        }
    }

    #[test]
    fn a_few_rows_that_are_retried_are_not_many() {
        let mut systemic = SystemicFailure::default();
        for time in 0..400 {
            let failed = failed(time % 4, stripe(), time, time);
            assert_eq!(systemic.failed(failed).one_cause, None);
        }
    }

    #[test]
    fn words_that_are_never_the_same_have_no_cause_in_common_and_take_no_room() {
        let mut systemic = SystemicFailure::default();
        let kinds = RequestKinds::of_create(&aster(), true);
        for id in 0..10_000 {
            let words = format!("500 {id}");
            let failed = FailedCreate {
                words: &words,
                ..failed(id, kinds, id, id)
            };
            assert_eq!(systemic.failed(failed).one_cause, None);
        }
        assert!(systemic.failures.len() <= 8 * RequestKind::ALL.len());
    }
}
