//! Whether the API is there, and whether it takes creates and updates (pure).
//!
//! Two things can be down. The API: after several troubles in a row with no answer of
//! any kind between them, requests wait, and one probe at a time finds out. Its
//! writes: after several troubles of creates and updates in a row, whatever look-ups
//! are answered in between, creates and updates wait, and one of them at a time is
//! sent as a trial. Pauses between probes and between trials grow, and what fails
//! meanwhile is not held against a row.
//!
//! A probe is about no row, so that one customer that the server fails at is not
//! taken for an outage for ever.

use std::time::Duration;

use super::backoff::{Policy, delay};

/// How many troubles in a row are an outage. Single lost answers happen at any
/// time; five in a row with nothing between them do not.
const IN_A_ROW: u32 = 5;

/// What a request does at the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Access {
    /// A look-up.
    Read,
    /// A create or an update.
    Write,
}

/// What is known of the API's state. Times are since the run's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::engine) struct CircuitBreaker {
    /// Of requests of any kind.
    api: Circuit,
    /// Of creates and updates.
    writes: Circuit,
    /// Until then the server wants to be left alone.
    not_before: Duration,
}

/// Closed while requests pass, open while they don't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Circuit {
    troubles: u32,
    /// How many probes or trials failed; it sets how long the next pause is.
    failed: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    next: Duration,
    /// Whether a probe or a trial is under way.
    trying: bool,
    /// Whether the API was there a moment ago.
    is_there: bool,
}

/// What a request that is ready may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Admission {
    /// Start.
    Go,
    /// Find out whether the API is back, and ask again.
    Probe,
    /// Start as the one create or update that finds out whether those work again;
    /// where the API is not known to be there, find that out first.
    Trial {
        /// Whether it is known to be there.
        is_there: bool,
    },
    /// Ask again at that time, or as soon as something changes.
    Wait(Option<Duration>),
}

/// When something failed, and what the next pause depends on.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Failure<'p> {
    /// Since the run's start.
    pub(in crate::engine) now: Duration,
    pub(in crate::engine) policy: &'p Policy,
    /// Drawn from 0 to 1.
    pub(in crate::engine) jitter: f64,
}

impl Circuit {
    /// Whether a request may pass now; `Err` with what it has to do instead.
    fn admit(&mut self, now: Duration, not_before: Duration) -> Result<(), Option<Admission>> {
        match &mut self.open {
            None => Ok(()),
            Some(open) if open.trying => Err(Some(Admission::Wait(None))),
            Some(open) if now < open.next.max(not_before) => {
                Err(Some(Admission::Wait(Some(open.next.max(not_before)))))
            }
            Some(open) => {
                open.trying = true;
                Err(None)
            }
        }
    }

    fn trouble(&mut self, failure: Failure<'_>) {
        self.troubles = self.troubles.saturating_add(1);
        // Requests that were in flight when it opened fail as well; only a probe's
        // or a trial's own failure makes the pause longer.
        if self.open.is_none() && self.troubles >= IN_A_ROW {
            self.failed(failure);
        }
    }

    fn failed(&mut self, failure: Failure<'_>) {
        self.failed = self.failed.saturating_add(1);
        // Half of the wait is certain, so that a dead API is not hammered.
        let jitter = 0.5 + failure.jitter / 2.0;
        let wait = delay(failure.policy, self.failed + 1, None, jitter);
        self.open = Some(Open {
            next: failure.now + wait,
            trying: false,
            is_there: false,
        });
    }

    /// Closes it. True if it was open.
    fn close(&mut self) -> bool {
        self.troubles = 0;
        self.open.take().is_some()
    }
}

impl CircuitBreaker {
    /// Asks whether a request may start at `now`.
    pub(in crate::engine) fn admit(&mut self, now: Duration, access: Access) -> Admission {
        match self.api.admit(now, self.not_before) {
            Ok(()) => {}
            Err(wait) => return wait.unwrap_or(Admission::Probe),
        }
        if access == Access::Read {
            return Admission::Go;
        }
        match self.writes.admit(now, self.not_before) {
            Ok(()) => Admission::Go,
            Err(wait) => wait.unwrap_or(Admission::Trial {
                is_there: self.writes.open.is_some_and(|open| open.is_there),
            }),
        }
    }

    /// A look-up or a probe was answered. True if that ended an outage of the API.
    pub(in crate::engine) fn answered(&mut self, now: Duration) -> bool {
        let ended = self.api.close();
        if ended {
            // Whether creates work again is to be found out at once.
            if let Some(open) = &mut self.writes.open {
                open.next = open.next.min(now);
                open.is_there = true;
            }
        }
        self.not_before = Duration::ZERO;
        ended
    }

    /// A create or an update was answered, or turned out to have been done. True if
    /// that ended an outage of any kind.
    pub(in crate::engine) fn worked(&mut self, now: Duration) -> bool {
        (self.api.failed, self.writes.failed) = (0, 0);
        let writes_ended = self.writes.close();
        self.answered(now) || writes_ended
    }

    /// A request got no answer, or one that says that something is broken and how
    /// long the server `asks` to be left alone. True if this request can't get
    /// through at present, so that nothing is held against its row.
    pub(in crate::engine) fn trouble(
        &mut self,
        failure: Failure<'_>,
        access: Access,
        asks: Option<Duration>,
    ) -> bool {
        self.asked(failure.now, asks);
        self.api.trouble(failure);
        if access == Access::Write {
            self.writes.trouble(failure);
        }
        self.is_down(access)
    }

    /// The API answered a create or an update with something that is no server error
    /// and no answer of its own either: it is there, and its writes may not be.
    pub(in crate::engine) fn odd_write(&mut self, failure: Failure<'_>) -> bool {
        self.writes.trouble(failure);
        self.is_down(Access::Write)
    }

    fn asked(&mut self, now: Duration, asks: Option<Duration>) {
        self.not_before = self.not_before.max(now + asks.unwrap_or_default());
    }

    /// A probe got no answer either: the next one is later.
    pub(in crate::engine) fn probe_failed(&mut self, failure: Failure<'_>, asks: Option<Duration>) {
        self.asked(failure.now, asks);
        self.api.failed(failure);
    }

    /// A trial failed, or was given up: the next one is later.
    pub(in crate::engine) fn trial_failed(&mut self, failure: Failure<'_>) {
        if self.writes.open.is_some() {
            self.writes.failed(failure);
        }
    }

    /// Whether requests of this kind can't get through at present.
    pub(in crate::engine) fn is_down(&self, access: Access) -> bool {
        self.api.open.is_some() || access == Access::Write && self.writes.open.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Access, Admission, CircuitBreaker, Failure};
    use crate::engine::pace::backoff::Policy;

    const POLICY: Policy = Policy {
        retries: 8,
        first_delay: Duration::from_millis(500),
        longest_delay: Duration::from_secs(30),
    };

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn failing(millis: u64) -> Failure<'static> {
        Failure {
            now: at(millis),
            policy: &POLICY,
            jitter: 1.0,
        }
    }

    fn trouble(outage: &mut CircuitBreaker, millis: u64) -> bool {
        outage.trouble(failing(millis), Access::Read, None)
    }

    fn write_trouble(outage: &mut CircuitBreaker, millis: u64) -> bool {
        outage.trouble(failing(millis), Access::Write, None)
    }

    fn read(outage: &mut CircuitBreaker, millis: u64) -> Admission {
        outage.admit(at(millis), Access::Read)
    }

    fn write(outage: &mut CircuitBreaker, millis: u64) -> Admission {
        outage.admit(at(millis), Access::Write)
    }

    fn down() -> CircuitBreaker {
        let mut outage = CircuitBreaker::default();
        for _ in 0..5 {
            trouble(&mut outage, 0);
        }
        outage
    }

    /// Five creates failed, and the look-ups in between were answered.
    fn writes_down() -> CircuitBreaker {
        let mut outage = CircuitBreaker::default();
        for _ in 0..5 {
            write_trouble(&mut outage, 0);
            outage.answered(at(0));
        }
        outage
    }

    #[test]
    fn single_troubles_are_no_outage() {
        let mut outage = CircuitBreaker::default();
        for _ in 0..20 {
            for _ in 0..4 {
                assert!(!trouble(&mut outage, 0));
            }
            assert_eq!(read(&mut outage, 0), Admission::Go);
            assert!(!outage.answered(at(0)));
        }
    }

    #[test]
    fn one_probe_at_a_time_and_later_each_time() {
        let mut outage = down();
        assert!(outage.is_down(Access::Read));
        assert_eq!(read(&mut outage, 0), Admission::Wait(Some(at(1000))));
        assert_eq!(read(&mut outage, 1000), Admission::Probe);
        assert_eq!(read(&mut outage, 1000), Admission::Wait(None));
        assert_eq!(write(&mut outage, 1000), Admission::Wait(None));
        outage.probe_failed(failing(1000), None);
        assert_eq!(read(&mut outage, 1000), Admission::Wait(Some(at(3000))));
    }

    #[test]
    fn stragglers_neither_make_the_pause_longer_nor_end_a_probe() {
        let mut outage = down();
        for _ in 0..60 {
            assert!(trouble(&mut outage, 10));
        }
        assert_eq!(read(&mut outage, 10), Admission::Wait(Some(at(1000))));
        assert_eq!(read(&mut outage, 1000), Admission::Probe);
        assert!(trouble(&mut outage, 1001));
        assert_eq!(read(&mut outage, 9000), Admission::Wait(None));
    }

    #[test]
    fn no_request_comes_sooner_than_the_server_asks() {
        let asks = |seconds| Some(Duration::from_secs(seconds));
        let mut outage = CircuitBreaker::default();
        outage.trouble(failing(0), Access::Read, asks(60));
        for _ in 0..4 {
            trouble(&mut outage, 500);
        }
        assert_eq!(read(&mut outage, 59_999), Admission::Wait(Some(at(60_000))));
        assert_eq!(read(&mut outage, 60_000), Admission::Probe);
        outage.probe_failed(failing(60_000), asks(120));
        assert_eq!(
            read(&mut outage, 60_001),
            Admission::Wait(Some(at(180_000)))
        );
        assert!(outage.answered(at(60_001)));
        assert_eq!(read(&mut outage, 60_002), Admission::Go);
    }

    #[test]
    fn where_only_look_ups_are_answered_each_outage_is_longer() {
        let mut outage = CircuitBreaker::default();
        for pause in [1000, 2000, 4000] {
            let _down = (0..5).any(|_| trouble(&mut outage, 0));
            assert_eq!(read(&mut outage, 0), Admission::Wait(Some(at(pause))));
            assert!(outage.answered(at(0)));
        }
        outage.worked(at(0));
        let _down = (0..5).any(|_| trouble(&mut outage, 0));
        assert_eq!(read(&mut outage, 0), Admission::Wait(Some(at(1000))));
    }

    #[test]
    fn an_answer_ends_it() {
        let mut outage = down();
        assert!(outage.answered(at(0)));
        assert_eq!(read(&mut outage, 0), Admission::Go);
    }

    #[test]
    fn answered_look_ups_do_not_hide_that_creates_fail() {
        let mut outage = writes_down();
        assert!(outage.is_down(Access::Write));
        assert_eq!(read(&mut outage, 0), Admission::Go);
        assert_eq!(write(&mut outage, 0), Admission::Wait(Some(at(1000))));
    }

    #[test]
    fn one_create_at_a_time_finds_out_and_later_each_time() {
        let mut outage = writes_down();
        assert_eq!(
            write(&mut outage, 1000),
            Admission::Trial { is_there: false }
        );
        assert_eq!(write(&mut outage, 1000), Admission::Wait(None));
        outage.trial_failed(failing(1000));
        assert_eq!(write(&mut outage, 1000), Admission::Wait(Some(at(3000))));
        assert_eq!(
            write(&mut outage, 3000),
            Admission::Trial { is_there: false }
        );
        assert!(outage.worked(at(3001)));
        assert_eq!(write(&mut outage, 3001), Admission::Go);
    }

    #[test]
    fn after_an_outage_of_all_creates_are_tried_at_once() {
        let mut outage = CircuitBreaker::default();
        let _down = (0..5).any(|_| write_trouble(&mut outage, 0));
        assert_eq!(write(&mut outage, 1000), Admission::Probe);
        assert!(outage.answered(at(1010)));
        assert_eq!(
            write(&mut outage, 1010),
            Admission::Trial { is_there: true }
        );
    }

    #[test]
    fn creates_that_turn_out_to_be_done_are_no_outage() {
        let mut outage = CircuitBreaker::default();
        for _ in 0..200 {
            for _ in 0..4 {
                assert!(!write_trouble(&mut outage, 0));
            }
            outage.worked(at(0));
        }
        assert_eq!(write(&mut outage, 0), Admission::Go);
    }
}
