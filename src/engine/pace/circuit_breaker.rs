//! Whether the API answers, and whether it accepts creates and updates (pure).
//!
//! There are two circuits. The API's opens after several failures in a row without any
//! answer between them: all requests wait, and one probe at a time (`/authenticate`)
//! finds out whether the API is back. The writes' circuit opens after several failures
//! of creates and updates in a row, even if look-ups are answered in between: creates
//! and updates wait, and one of them at a time is sent as a trial. The pauses between
//! probes and between trials grow. Failures during an outage don't count against a row.
//!
//! A probe concerns no row: otherwise a single customer that the server always fails on
//! could keep a circuit open forever.

use std::time::Duration;

use super::backoff::{RetryPolicy, delay};

/// How many failures in a row open a circuit. Single failures happen at any time.
const FAILURES_TO_OPEN: u32 = 5;

/// Whether a request reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Access {
    /// A look-up.
    Read,
    /// A create or an update.
    Write,
}

/// The state of both circuits. Times are since the run's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::engine) struct CircuitBreaker {
    /// For requests of any kind.
    api: Circuit,
    /// For creates and updates.
    writes: Circuit,
    /// No request before this time, as the server asked (`Retry-After`).
    not_before: Duration,
}

/// Closed while requests succeed, open while they fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Circuit {
    /// Failures in a row.
    failures: u32,
    /// Failed probes or trials; they set the length of the next pause.
    failed_probes: u32,
    open: Option<OpenCircuit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OpenCircuit {
    /// When the next probe or trial may start.
    next: Duration,
    /// Whether a probe or a trial is under way.
    probing: bool,
    /// Whether the API has just answered a probe.
    is_there: bool,
}

/// What a request that is ready to start has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Admission {
    /// Start.
    Go,
    /// Send a probe, then ask again.
    Probe,
    /// Start as the trial of the writes' circuit; unless the API is known to be back, send
    /// a probe first.
    Trial {
        /// Whether the API is known to be back.
        is_there: bool,
    },
    /// Ask again at that time, or when the state changes.
    Wait(Option<Duration>),
}

/// The time of a failure, and what the length of the next pause depends on.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct FailureContext<'p> {
    /// Since the run's start.
    pub(in crate::engine) now: Duration,
    pub(in crate::engine) policy: &'p RetryPolicy,
    /// Drawn from 0 to 1.
    pub(in crate::engine) jitter: f64,
}

impl Circuit {
    /// Whether a request may start now; `Err(None)` asks for a probe or trial.
    fn admit(&mut self, now: Duration, not_before: Duration) -> Result<(), Option<Admission>> {
        match &mut self.open {
            None => Ok(()),
            Some(open) if open.probing => Err(Some(Admission::Wait(None))),
            Some(open) if now < open.next.max(not_before) => {
                Err(Some(Admission::Wait(Some(open.next.max(not_before)))))
            }
            Some(open) => {
                open.probing = true;
                Err(None)
            }
        }
    }

    fn record_failure(&mut self, failure: FailureContext<'_>) {
        self.failures = self.failures.saturating_add(1);
        // Failures of requests that were in flight when the circuit opened don't extend
        // the pause; only a failed probe or trial does.
        if self.open.is_none() && self.failures >= FAILURES_TO_OPEN {
            self.open_for_longer(failure);
        }
    }

    fn open_for_longer(&mut self, failure: FailureContext<'_>) {
        self.failed_probes = self.failed_probes.saturating_add(1);
        // Jitter varies only half of the wait, so that probes are never too frequent.
        let jitter = 0.5 + failure.jitter / 2.0;
        let wait = delay(failure.policy, self.failed_probes + 1, None, jitter);
        self.open = Some(OpenCircuit {
            next: failure.now + wait,
            probing: false,
            is_there: false,
        });
    }

    /// Closes the circuit. True if it was open.
    fn close(&mut self) -> bool {
        self.failures = 0;
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

    /// A look-up or a probe was answered. True if that closed the API's circuit.
    pub(in crate::engine) fn answered(&mut self, now: Duration) -> bool {
        let ended = self.api.close();
        if ended {
            // Trials may start immediately.
            if let Some(open) = &mut self.writes.open {
                open.next = open.next.min(now);
                open.is_there = true;
            }
        }
        self.not_before = Duration::ZERO;
        ended
    }

    /// A create or an update was answered, or was found to have been done. True if that
    /// closed a circuit.
    pub(in crate::engine) fn worked(&mut self, now: Duration) -> bool {
        (self.api.failed_probes, self.writes.failed_probes) = (0, 0);
        let writes_ended = self.writes.close();
        self.answered(now) || writes_ended
    }

    /// A request got no answer, or a server error with a `Retry-After` of `asks`. True if
    /// a circuit is open for such requests, so that the failure doesn't count against its
    /// row.
    pub(in crate::engine) fn trouble(
        &mut self,
        failure: FailureContext<'_>,
        access: Access,
        asks: Option<Duration>,
    ) -> bool {
        self.postpone(failure.now, asks);
        self.api.record_failure(failure);
        if access == Access::Write {
            self.writes.record_failure(failure);
        }
        self.is_down(access)
    }

    /// A create or an update got an unexpected answer that is no server error: the API
    /// is there, but its writes may be down.
    pub(in crate::engine) fn odd_write(&mut self, failure: FailureContext<'_>) -> bool {
        self.writes.record_failure(failure);
        self.is_down(Access::Write)
    }

    fn postpone(&mut self, now: Duration, asks: Option<Duration>) {
        self.not_before = self.not_before.max(now + asks.unwrap_or_default());
    }

    /// A probe failed: the next one is later.
    pub(in crate::engine) fn probe_failed(
        &mut self,
        failure: FailureContext<'_>,
        asks: Option<Duration>,
    ) {
        self.postpone(failure.now, asks);
        self.api.open_for_longer(failure);
    }

    /// A trial failed, or was not sent: the next one is later.
    pub(in crate::engine) fn trial_failed(&mut self, failure: FailureContext<'_>) {
        if self.writes.open.is_some() {
            self.writes.open_for_longer(failure);
        }
    }

    /// Whether a circuit is open for requests of this kind.
    pub(in crate::engine) fn is_down(&self, access: Access) -> bool {
        self.api.open.is_some() || access == Access::Write && self.writes.open.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Access, Admission, CircuitBreaker, FailureContext};
    use crate::engine::pace::backoff::RetryPolicy;

    const POLICY: RetryPolicy = RetryPolicy {
        retries: 8,
        first_delay: Duration::from_millis(500),
        longest_delay: Duration::from_secs(30),
    };

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn failing(millis: u64) -> FailureContext<'static> {
        FailureContext {
            now: at(millis),
            policy: &POLICY,
            jitter: 1.0,
        }
    }

    fn trouble(breaker: &mut CircuitBreaker, millis: u64) -> bool {
        breaker.trouble(failing(millis), Access::Read, None)
    }

    fn write_trouble(breaker: &mut CircuitBreaker, millis: u64) -> bool {
        breaker.trouble(failing(millis), Access::Write, None)
    }

    fn read(breaker: &mut CircuitBreaker, millis: u64) -> Admission {
        breaker.admit(at(millis), Access::Read)
    }

    fn write(breaker: &mut CircuitBreaker, millis: u64) -> Admission {
        breaker.admit(at(millis), Access::Write)
    }

    fn down() -> CircuitBreaker {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..5 {
            trouble(&mut breaker, 0);
        }
        breaker
    }

    /// Five creates failed, and the look-ups in between were answered.
    fn writes_down() -> CircuitBreaker {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..5 {
            write_trouble(&mut breaker, 0);
            breaker.answered(at(0));
        }
        breaker
    }

    #[test]
    fn fewer_failures_in_a_row_open_no_circuit() {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..20 {
            for _ in 0..4 {
                assert!(!trouble(&mut breaker, 0));
            }
            assert_eq!(read(&mut breaker, 0), Admission::Go);
            assert!(!breaker.answered(at(0)));
        }
    }

    #[test]
    fn one_probe_at_a_time_with_growing_pauses() {
        let mut breaker = down();
        assert!(breaker.is_down(Access::Read));
        assert_eq!(read(&mut breaker, 0), Admission::Wait(Some(at(1000))));
        assert_eq!(read(&mut breaker, 1000), Admission::Probe);
        assert_eq!(read(&mut breaker, 1000), Admission::Wait(None));
        assert_eq!(write(&mut breaker, 1000), Admission::Wait(None));
        breaker.probe_failed(failing(1000), None);
        assert_eq!(read(&mut breaker, 1000), Admission::Wait(Some(at(3000))));
    }

    #[test]
    fn late_failures_neither_extend_the_pause_nor_end_a_probe() {
        let mut breaker = down();
        for _ in 0..60 {
            assert!(trouble(&mut breaker, 10));
        }
        assert_eq!(read(&mut breaker, 10), Admission::Wait(Some(at(1000))));
        assert_eq!(read(&mut breaker, 1000), Admission::Probe);
        assert!(trouble(&mut breaker, 1001));
        assert_eq!(read(&mut breaker, 9000), Admission::Wait(None));
    }

    #[test]
    fn no_request_starts_before_retry_after() {
        let asks = |seconds| Some(Duration::from_secs(seconds));
        let mut breaker = CircuitBreaker::default();
        breaker.trouble(failing(0), Access::Read, asks(60));
        for _ in 0..4 {
            trouble(&mut breaker, 500);
        }
        assert_eq!(
            read(&mut breaker, 59_999),
            Admission::Wait(Some(at(60_000)))
        );
        assert_eq!(read(&mut breaker, 60_000), Admission::Probe);
        breaker.probe_failed(failing(60_000), asks(120));
        assert_eq!(
            read(&mut breaker, 60_001),
            Admission::Wait(Some(at(180_000)))
        );
        assert!(breaker.answered(at(60_001)));
        assert_eq!(read(&mut breaker, 60_002), Admission::Go);
    }

    #[test]
    fn the_pause_grows_until_a_write_works() {
        let mut breaker = CircuitBreaker::default();
        for pause in [1000, 2000, 4000] {
            let _down = (0..5).any(|_| trouble(&mut breaker, 0));
            assert_eq!(read(&mut breaker, 0), Admission::Wait(Some(at(pause))));
            assert!(breaker.answered(at(0)));
        }
        breaker.worked(at(0));
        let _down = (0..5).any(|_| trouble(&mut breaker, 0));
        assert_eq!(read(&mut breaker, 0), Admission::Wait(Some(at(1000))));
    }

    #[test]
    fn an_answer_closes_the_circuit() {
        let mut breaker = down();
        assert!(breaker.answered(at(0)));
        assert_eq!(read(&mut breaker, 0), Admission::Go);
    }

    #[test]
    fn answered_look_ups_do_not_close_the_writes_circuit() {
        let mut breaker = writes_down();
        assert!(breaker.is_down(Access::Write));
        assert_eq!(read(&mut breaker, 0), Admission::Go);
        assert_eq!(write(&mut breaker, 0), Admission::Wait(Some(at(1000))));
    }

    #[test]
    fn one_trial_at_a_time_with_growing_pauses() {
        let mut breaker = writes_down();
        assert_eq!(
            write(&mut breaker, 1000),
            Admission::Trial { is_there: false }
        );
        assert_eq!(write(&mut breaker, 1000), Admission::Wait(None));
        breaker.trial_failed(failing(1000));
        assert_eq!(write(&mut breaker, 1000), Admission::Wait(Some(at(3000))));
        assert_eq!(
            write(&mut breaker, 3000),
            Admission::Trial { is_there: false }
        );
        assert!(breaker.worked(at(3001)));
        assert_eq!(write(&mut breaker, 3001), Admission::Go);
    }

    #[test]
    fn a_trial_may_start_as_soon_as_the_api_is_back() {
        let mut breaker = CircuitBreaker::default();
        let _down = (0..5).any(|_| write_trouble(&mut breaker, 0));
        assert_eq!(write(&mut breaker, 1000), Admission::Probe);
        assert!(breaker.answered(at(1010)));
        assert_eq!(
            write(&mut breaker, 1010),
            Admission::Trial { is_there: true }
        );
    }

    #[test]
    fn creates_that_were_done_open_no_circuit() {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..200 {
            for _ in 0..4 {
                assert!(!write_trouble(&mut breaker, 0));
            }
            breaker.worked(at(0));
        }
        assert_eq!(write(&mut breaker, 0), Admission::Go);
    }
}
