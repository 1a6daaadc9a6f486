//! Decides whether an existing customer is this checkpoint's, by the server's clock alone
//! (pure).

use std::sync::Arc;

use super::server_clock::ServerClock;
use crate::domain::decision::is_ours;
use crate::domain::send_times::SendTimes;
use crate::engine::ticket::ClaimTime;

/// How much a server's times may be truncated: `Date` and `created` to a second each.
const SECONDS_CUT_MS: i64 = 2000;

/// How far the clocks of a server's machines may differ when it reports that it has just
/// created a customer: `created` may be a database's time and `Date` a proxy's.
pub(super) const CLOCKS_APART_MS: i64 = 60_000;

/// How much older than its request a customer may look that a response reports as created
/// before it may have existed: the clocks of the server's machines agree to a second as a rule.
const USUALLY_APART_MS: i64 = 1000;

/// The widest bounds of a server's clock that are used.
const WIDEST_BOUNDS_MS: i64 = 60_000;

/// Both clocks, as known when a response is judged.
#[derive(Debug, Clone)]
pub(super) struct Clocks {
    pub(super) server: ServerClock,
    /// Ours, in Unix milliseconds.
    pub(super) now_ms: i64,
    /// When creates of earlier runs may have taken effect.
    pub(super) earlier: Arc<SendTimes>,
}

impl Clocks {
    /// Whether a customer with this `created` certainly existed before the claim. `date_ms`
    /// is the `Date` of the response, and `apart_ms` how far the clocks of the two times
    /// may differ.
    pub(super) fn is_older(
        &self,
        claim: ClaimTime,
        created: Option<i64>,
        date_ms: Option<i64>,
        apart_ms: i64,
    ) -> bool {
        let Some(created) = created else {
            return false;
        };
        match claim {
            ClaimTime::Now { at_ms, .. } => {
                // Use both this response alone and all responses so far: the clock may have
                // been set meanwhile.
                let elapsed = self.now_ms - at_ms;
                let by_answer =
                    date_ms.map(|date| date - created > elapsed + SECONDS_CUT_MS + apart_ms);
                let least_ahead = self.server.least_ahead_ms();
                let by_clock = least_ahead.map(|ahead| created + 1000 + apart_ms < at_ms + ahead);
                match (by_answer, by_clock) {
                    (Some(by_answer), Some(by_clock)) => by_answer && by_clock,
                    (by_answer, by_clock) => by_answer.or(by_clock).unwrap_or(false),
                }
            }
            // For an earlier claim only a moment not before it is known, not how much
            // earlier it was; clocks are known to within a round trip.
            ClaimTime::Earlier(Some(claimed_by)) => created + WIDEST_BOUNDS_MS < claimed_by,
            ClaimTime::Earlier(None) => false,
        }
    }

    /// Whether a customer may have existed before the claim, although the API reports that it
    /// was created: its `created` is earlier than the claim by more than clocks that agree
    /// and times cut to seconds account for, or on a clock that is not known yet. `date_ms` is
    /// the `Date` of the response.
    pub(super) fn may_be_older(
        &self,
        claim: ClaimTime,
        created: Option<i64>,
        date_ms: Option<i64>,
    ) -> bool {
        let (Some(created), ClaimTime::Now { at_ms, .. }) = (created, claim) else {
            return false;
        };
        let cut_ms = if created % 1000 == 0 { 1000 } else { 0 };
        let latest = created + USUALLY_APART_MS + cut_ms;
        let elapsed = self.now_ms - at_ms;
        let by_answer = date_ms.is_some_and(|date| latest + elapsed < date);
        if self.is_from_the_future(Some(created), date_ms) {
            return true;
        }
        // What tells how far `created` is ahead is such responses themselves.
        let made_ahead = self.server.made_ahead().map(|(_, most)| most);
        let ahead = made_ahead.or(self.server.least_ahead_ms());
        let by_clock = ahead.is_some_and(|ahead| latest < at_ms + ahead);
        if self.server.was_set() {
            by_answer && by_clock
        } else {
            by_answer || by_clock
        }
    }

    /// Whether a customer with this `created` was created by the claim; `date_ms` is the
    /// `Date` of the response that shows it, and `is_sent` says that this run sent a create
    /// for it. A customer that is younger than any create of the runs that may have sent the
    /// claim is that of others.
    pub(super) fn is_ours(
        &self,
        claim: ClaimTime,
        created: Option<i64>,
        date_ms: Option<i64>,
        is_sent: bool,
    ) -> bool {
        let may_be_sent = match claim {
            ClaimTime::Now { .. } => true,
            ClaimTime::Earlier(_) => is_sent || self.earlier.include(created),
        };
        may_be_sent
            && !self.is_from_the_future(created, date_ms)
            && is_ours(created, self.claimed_by(claim))
    }

    /// Whether a customer looks younger than the response that shows it, although no create
    /// of this run has told how far the clock of `created` is ahead of that of `Date`.
    fn is_from_the_future(&self, created: Option<i64>, date_ms: Option<i64>) -> bool {
        let is_younger = created
            .zip(date_ms)
            .is_some_and(|(created, date)| date + SECONDS_CUT_MS < created);
        is_younger && self.server.made_ahead().is_none()
    }

    /// Whether more responses may yet prove that the claim created the customer: in the
    /// first second of a run the server's clock is known to a second at best.
    pub(super) fn may_yet_be_our_doing(
        &self,
        claim: ClaimTime,
        created: Option<i64>,
        date_ms: Option<i64>,
    ) -> bool {
        self.server.is_vague()
            && !self.is_ours(claim, created, date_ms, true)
            && is_ours(created, self.claimed_from(claim))
    }

    /// A moment on the server's clock that is not before the claim.
    fn claimed_by(&self, claim: ClaimTime) -> Option<i64> {
        match claim {
            ClaimTime::Earlier(claimed_by) => claimed_by,
            // The offset of a clock that was set may differ from the one at the claim.
            ClaimTime::Now { by_ms, .. } if self.server.was_set() => by_ms,
            // The server's clock is known better now than at the claim.
            ClaimTime::Now { at_ms, .. } => self.server.most_ahead_ms().map(|ahead| at_ms + ahead),
        }
    }

    /// The earliest moment on the server's clock at which this run may have claimed.
    fn claimed_from(&self, claim: ClaimTime) -> Option<i64> {
        let ClaimTime::Now { at_ms, .. } = claim else {
            return None;
        };
        let ahead = self.server.least_ahead_ms();
        ahead
            .filter(|_| !self.server.was_set())
            .map(|ahead| at_ms + ahead)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Clocks, ServerClock};
    use crate::domain::send_times::{RunTime, SendTimes};
    use crate::engine::ticket::ClaimTime;

    /// A second of responses by a server whose clock is ours, with round trips of 20 ms.
    fn narrow() -> Clocks {
        let answers: Vec<(i64, i64, i64)> = (0..50)
            .map(|step| {
                let sent = 100_000 + step * 37;
                ((sent + 10) / 1000 * 1000, sent, sent + 20)
            })
            .collect();
        Clocks {
            server: ServerClock::begun(&answers),
            now_ms: 102_020,
            earlier: Arc::default(),
        }
    }

    #[test]
    fn what_is_younger_than_any_create_of_the_runs_before_is_not_ours() {
        let clocks = Clocks {
            earlier: Arc::new(SendTimes::of([RunTime {
                began_ms: 0,
                alive_ms: Some(10_000),
                clock_ahead_ms: None,
                landing_ms: 5000,
            }])),
            ..narrow()
        };
        let claim = ClaimTime::Earlier(Some(9000));
        let is_ours =
            |created, is_sent| clocks.is_ours(claim, Some(created), Some(102_000), is_sent);
        assert!(!is_ours(8999, true));
        assert!(is_ours(75_000, false));
        assert!(!is_ours(75_001, false));
        // This run created it, after the absence of an earlier one was proved.
        assert!(is_ours(75_001, true));
    }

    #[test]
    fn created_that_is_ahead_of_date_proves_nothing_before_a_create_tells_by_how_much() {
        let claim = ClaimTime::Now {
            at_ms: 102_000,
            by_ms: Some(102_030),
        };
        let mut clocks = narrow();
        let is_ours =
            |clocks: &Clocks, created| clocks.is_ours(claim, Some(created), Some(102_000), true);
        assert!(is_ours(&clocks, 102_100));
        // The clock of `created` is 20 s ahead, and others made this customer 10 s before.
        assert!(!is_ours(&clocks, 112_000));
        clocks.server.made(121_010, 101_000, 101_020);
        assert!(!is_ours(&clocks, 112_000));
        assert!(is_ours(&clocks, 123_100));
        // A response that reports a customer of last week tells nothing.
        clocks.server.made(-600_000_000, 101_100, 101_120);
        assert!(is_ours(&clocks, 102_100));
    }

    #[test]
    fn what_the_server_dates_before_the_request_may_be_older() {
        let claim = ClaimTime::Now {
            at_ms: 102_000,
            by_ms: None,
        };
        for (created, expected) in [
            // Clocks that are a little apart, and times without milliseconds.
            (102_010, false),
            (101_010, false),
            (100_900, true),
            (101_000, false),
            (100_000, false),
            (99_000, true),
        ] {
            let found = narrow().may_be_older(claim, Some(created), Some(102_000));
            assert_eq!(found, expected, "{created}");
        }
        assert!(!narrow().may_be_older(claim, None, Some(102_000)));
        let vague = Clocks {
            server: ServerClock::default(),
            ..narrow()
        };
        assert!(vague.may_be_older(claim, Some(99_005), Some(102_000)));
        assert!(!vague.may_be_older(claim, Some(99_005), None));
        // The clock of `created` is an hour ahead.
        let mut clocks = narrow();
        let hour_ms = 3_600_000;
        assert!(clocks.may_be_older(claim, Some(102_010 + hour_ms), Some(102_000)));
        clocks.server.made(102_005 + hour_ms, 102_000, 102_015);
        for (created, expected) in [(102_010, false), (99_005, true), (42_010, true)] {
            let found = clocks.may_be_older(claim, Some(created + hour_ms), Some(102_000));
            assert_eq!(found, expected, "{created}");
        }
    }
}
