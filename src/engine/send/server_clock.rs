//! How far the server's clock can be ahead of ours (pure).
//!
//! Whether a customer was created after our claim can only be decided on one clock. A
//! `Date` header is the server's time truncated to seconds, at some moment between our
//! request and its response; many of them bound the offset to about a round trip.

/// How much a `Date` may be too early.
const CUT_MS: i64 = 1000;

/// Bounds wider than this come from the first few responses, all within one second.
const VAGUE_MS: i64 = 200;

/// Bounds of (the server's clock − ours), in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::engine) struct ServerClock {
    bounds: Option<(i64, i64)>,
    /// All bounds from before the clock was set.
    before: Option<(i64, i64)>,
    /// Bounds of (the clock that `created` is read from − ours).
    made: Option<(i64, i64)>,
}

impl ServerClock {
    /// A clock that has received `answers`: the `Date` of each, and our clock before and
    /// after it.
    pub(super) fn begun(answers: &[(i64, i64, i64)]) -> Self {
        let mut clock = Self::default();
        for (date_ms, sent_ms, received_ms) in answers {
            clock.heard(*date_ms, *sent_ms, *received_ms);
        }
        clock
    }

    /// Narrows the bounds by a response: its `Date`, and by our clock when the request left
    /// and the response arrived; all in Unix milliseconds.
    pub(in crate::engine) fn heard(&mut self, date_ms: i64, sent_ms: i64, received_ms: i64) {
        let least = date_ms - received_ms;
        let most = date_ms + CUT_MS - sent_ms;
        let heard = (least, most);
        self.bounds = Some(overlap(heard, self.bounds).unwrap_or_else(|before| {
            // The clock was set.
            self.before = Some(hull(before, self.before));
            heard
        }));
    }

    /// Learns from a create that the API acknowledged: its `created`, and by our clock when
    /// the request left and the response arrived; all in Unix milliseconds. A server may
    /// read `created` from another clock than its `Date`.
    pub(in crate::engine) fn made(&mut self, created_ms: i64, sent_ms: i64, received_ms: i64) {
        let cut_ms = if created_ms % CUT_MS == 0 { CUT_MS } else { 0 };
        let least = created_ms - received_ms;
        let most = created_ms + cut_ms - sent_ms;
        let made = (least, most);
        // Else it was set, or a response reports a customer that existed.
        let overlap = overlap(made, self.made);
        self.made = Some(overlap.unwrap_or_else(|before| hull(made, Some(before))));
    }

    /// The bounds of the clock of `created`, if it certainly is ahead of that of `Date`.
    pub(super) fn made_ahead(&self) -> Option<(i64, i64)> {
        let (_, date_most) = hull(self.bounds?, self.before);
        self.made.filter(|(low, _)| *low > date_most)
    }

    /// Whether the clock was set during the run.
    pub(super) fn was_set(&self) -> bool {
        self.before.is_some()
    }

    /// Whether more responses may narrow the bounds much: so far they are hardly better
    /// than a second.
    pub(super) fn is_vague(&self) -> bool {
        self.bounds.is_none_or(|(low, high)| high - low > VAGUE_MS)
    }

    /// The lower bound of the server's clock minus ours: of the one that is further ahead,
    /// if its `Date` and `created` are from two.
    pub(super) fn least_ahead_ms(&self) -> Option<i64> {
        self.ahead_ms().map(|(low, _)| low)
    }

    /// The upper bound of it.
    pub(super) fn most_ahead_ms(&self) -> Option<i64> {
        self.ahead_ms().map(|(_, high)| high)
    }

    fn ahead_ms(&self) -> Option<(i64, i64)> {
        let by_date = self.bounds.map(|bounds| hull(bounds, self.before));
        self.made_ahead().or(by_date)
    }
}

/// Bounds within both sets, where there are two; the other set if none are.
fn overlap(one: (i64, i64), other: Option<(i64, i64)>) -> Result<(i64, i64), (i64, i64)> {
    let (low, high) = other.unwrap_or(one);
    let within = (one.0.max(low), one.1.min(high));
    if within.0 <= within.1 {
        Ok(within)
    } else {
        Err((low, high))
    }
}

/// Bounds that include both sets, so that they are safe for claims from before and after
/// the clock was set.
fn hull(one: (i64, i64), other: Option<(i64, i64)>) -> (i64, i64) {
    let (low, high) = other.unwrap_or(one);
    (one.0.min(low), one.1.max(high))
}

#[cfg(test)]
mod tests {
    use super::ServerClock;

    #[test]
    fn many_dates_bound_the_difference_to_about_a_round_trip() {
        // The server is 5,000 ms ahead; a round trip takes 20 ms.
        let mut clock = ServerClock::default();
        for sent in (0..5000).step_by(37) {
            let date = (sent + 10 + 5000) / 1000 * 1000;
            clock.heard(date, sent, sent + 20);
        }
        let ahead = clock.most_ahead_ms().unwrap();
        assert!((5000..=5050).contains(&ahead), "{ahead}");
    }

    #[test]
    fn the_bound_is_never_below_the_truth() {
        let mut clock = ServerClock::default();
        clock.heard(7000, 2999, 3010);
        assert!(clock.most_ahead_ms().unwrap() >= 7999 - 3010);
    }

    #[test]
    fn a_clock_that_is_set_has_bounds_that_hold_before_and_after() {
        let mut clock = ServerClock::default();
        clock.heard(10_000, 10_000, 10_010);
        assert!(!clock.was_set());
        clock.heard(90_000, 10_100, 10_110);
        assert_eq!(clock.most_ahead_ms(), Some(80_900));
        assert_eq!(clock.least_ahead_ms(), Some(-10));
        clock.heard(11_000, 11_000, 11_010);
        assert_eq!(clock.most_ahead_ms(), Some(80_900));
        assert!(clock.was_set());
        assert_eq!(ServerClock::default().most_ahead_ms(), None);
    }
}
