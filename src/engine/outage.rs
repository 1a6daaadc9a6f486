//! Whether the API is there: after several troubles in a row, one request at a
//! time finds out (pure).
//!
//! While it is down nobody sends, pauses between probes grow, and nothing is held
//! against a row. A probe is about no row, so that one customer that the server
//! fails at is not taken for an outage for ever. One answer of any kind ends it;
//! but only a create or an update that is answered makes the next pause short
//! again, for an API that answers questions and fails at every create is not back.

use std::time::Duration;

use super::retry::{Policy, delay};

/// How many troubles in a row are an outage. Single lost answers happen at any
/// time; five in a row with nothing between them do not.
const IN_A_ROW: u32 = 5;

/// What is known of the API's state. Times are since the run's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Outage {
    troubles: u32,
    probes: u32,
    down: Option<Down>,
    /// Until then the server wants to be left alone.
    not_before: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Down {
    next_probe: Duration,
    probing: bool,
}

/// What somebody who wants to send may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Send.
    Go,
    /// Find out whether the API is back, and ask again.
    Probe,
    /// Ask again at that time, or as soon as something changes.
    Wait(Option<Duration>),
}

impl Outage {
    /// Asks to send at `now`.
    pub(super) fn admit(&mut self, now: Duration) -> Admission {
        let not_before = self.not_before;
        match &mut self.down {
            None => Admission::Go,
            Some(down) if down.probing => Admission::Wait(None),
            Some(down) if now < down.next_probe.max(not_before) => {
                Admission::Wait(Some(down.next_probe.max(not_before)))
            }
            Some(down) => {
                down.probing = true;
                Admission::Probe
            }
        }
    }

    /// Takes in an answer, whatever it said. True if that ended an outage.
    pub(super) fn answered(&mut self) -> bool {
        let ended = self.down.is_some();
        *self = Self {
            probes: self.probes,
            ..Self::default()
        };
        ended
    }

    /// Takes in an answer to a create or an update: it is all there.
    pub(super) fn worked(&mut self) -> bool {
        self.probes = 0;
        self.answered()
    }

    /// Takes in that no answer came, or only that something is broken and how
    /// long the server `asks` to be left alone. True if the API is down now, so
    /// that nothing is held against the row.
    pub(super) fn trouble(
        &mut self,
        now: Duration,
        policy: &Policy,
        asks: Option<Duration>,
        jitter: f64,
    ) -> bool {
        self.asked(now, asks);
        self.troubles = self.troubles.saturating_add(1);
        // Those that were in flight when it went down come back too; only the
        // probe's own failure makes the pause longer.
        if self.down.is_none() && self.troubles >= IN_A_ROW {
            self.probe_failed(now, policy, asks, jitter);
        }
        self.down.is_some()
    }

    fn asked(&mut self, now: Duration, asks: Option<Duration>) {
        self.not_before = self.not_before.max(now + asks.unwrap_or_default());
    }

    /// Takes in that a probe got no answer either: the next one is later.
    pub(super) fn probe_failed(
        &mut self,
        now: Duration,
        policy: &Policy,
        asks: Option<Duration>,
        jitter: f64,
    ) {
        self.asked(now, asks);
        self.probes = self.probes.saturating_add(1);
        // Half of the wait is certain, so that a dead API is not hammered.
        let wait = delay(policy, self.probes + 1, None, 0.5 + jitter / 2.0);
        self.down = Some(Down {
            next_probe: now + wait,
            probing: false,
        });
    }

    /// Whether the API is taken to be down.
    pub(super) fn is_down(&self) -> bool {
        self.down.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Admission, Outage};
    use crate::engine::retry::Policy;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn trouble(outage: &mut Outage, millis: u64) -> bool {
        outage.trouble(at(millis), &Policy::default(), None, 1.0)
    }

    fn down() -> Outage {
        let mut outage = Outage::default();
        for _ in 0..5 {
            trouble(&mut outage, 0);
        }
        outage
    }

    #[test]
    fn single_troubles_are_no_outage() {
        let mut outage = Outage::default();
        for _ in 0..20 {
            for _ in 0..4 {
                assert!(!trouble(&mut outage, 0));
            }
            assert_eq!(outage.admit(at(0)), Admission::Go);
            assert!(!outage.answered());
        }
    }

    #[test]
    fn one_probe_at_a_time_and_later_each_time() {
        let mut outage = down();
        assert!(outage.is_down());
        assert_eq!(outage.admit(at(0)), Admission::Wait(Some(at(1000))));
        assert_eq!(outage.admit(at(1000)), Admission::Probe);
        assert_eq!(outage.admit(at(1000)), Admission::Wait(None));
        outage.probe_failed(at(1000), &Policy::default(), None, 1.0);
        assert_eq!(outage.admit(at(1000)), Admission::Wait(Some(at(3000))));
    }

    #[test]
    fn stragglers_neither_make_the_pause_longer_nor_end_a_probe() {
        let mut outage = down();
        for _ in 0..60 {
            assert!(trouble(&mut outage, 10));
        }
        assert_eq!(outage.admit(at(10)), Admission::Wait(Some(at(1000))));
        assert_eq!(outage.admit(at(1000)), Admission::Probe);
        assert!(trouble(&mut outage, 1001));
        assert_eq!(outage.admit(at(9000)), Admission::Wait(None));
    }

    #[test]
    fn nobody_comes_back_sooner_than_the_server_asks() {
        let asks = |seconds| Some(Duration::from_secs(seconds));
        let mut outage = Outage::default();
        outage.trouble(at(0), &Policy::default(), asks(60), 1.0);
        for _ in 0..4 {
            trouble(&mut outage, 500);
        }
        assert_eq!(outage.admit(at(59_999)), Admission::Wait(Some(at(60_000))));
        assert_eq!(outage.admit(at(60_000)), Admission::Probe);
        outage.probe_failed(at(60_000), &Policy::default(), asks(120), 1.0);
        assert_eq!(outage.admit(at(60_001)), Admission::Wait(Some(at(180_000))));
        assert!(outage.answered());
        assert_eq!(outage.admit(at(60_002)), Admission::Go);
    }

    #[test]
    fn where_only_questions_are_answered_each_outage_is_longer() {
        let mut outage = Outage::default();
        for pause in [1000, 2000, 4000] {
            let _down = (0..5).any(|_| trouble(&mut outage, 0));
            assert_eq!(outage.admit(at(0)), Admission::Wait(Some(at(pause))));
            assert!(outage.answered());
        }
        outage.worked();
        let _down = (0..5).any(|_| trouble(&mut outage, 0));
        assert_eq!(outage.admit(at(0)), Admission::Wait(Some(at(1000))));
    }

    #[test]
    fn an_answer_ends_it() {
        let mut outage = down();
        assert!(outage.answered());
        assert_eq!(outage.admit(at(0)), Admission::Go);
    }
}
