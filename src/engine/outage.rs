//! Whether the API is there: after several troubles in a row, one request at a
//! time finds out (pure).
//!
//! While it is down nobody else sends, pauses between probes grow, and nothing
//! is held against a row. One answer of any kind ends it.

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
    /// Ask again at that time, or as soon as something changes.
    Wait(Option<Duration>),
}

impl Outage {
    /// Asks to send at `now`.
    pub(super) fn admit(&mut self, now: Duration) -> Admission {
        match &mut self.down {
            None => Admission::Go,
            Some(down) if down.probing => Admission::Wait(None),
            Some(down) if now < down.next_probe => Admission::Wait(Some(down.next_probe)),
            Some(down) => {
                down.probing = true;
                Admission::Go
            }
        }
    }

    /// Takes in an answer, whatever it said. True if that ended an outage.
    pub(super) fn answered(&mut self) -> bool {
        let ended = self.down.is_some();
        *self = Self::default();
        ended
    }

    /// Takes in that no answer came, or only that something is broken. True if
    /// the API is down now, so that nothing is held against the row.
    pub(super) fn trouble(&mut self, now: Duration, policy: &Policy, jitter: f64) -> bool {
        self.troubles = self.troubles.saturating_add(1);
        if self.troubles < IN_A_ROW {
            return false;
        }
        // Those that were in flight when it went down come back too; only the
        // probe's own failure makes the pause longer.
        let probed = self.down.is_some_and(|down| down.probing);
        if self.down.is_none() || probed {
            self.probes = self.probes.saturating_add(1);
            // Half of the wait is certain, so that a dead API is not hammered.
            let wait = delay(policy, self.probes + 1, None, 0.5 + jitter / 2.0);
            self.down = Some(Down {
                next_probe: now + wait,
                probing: false,
            });
        }
        true
    }

    /// Takes in that whoever was let go did not send after all.
    pub(super) fn withdrawn(&mut self) {
        if let Some(down) = &mut self.down {
            down.probing = false;
        }
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

    fn down() -> Outage {
        let mut outage = Outage::default();
        for _ in 0..5 {
            outage.trouble(at(0), &Policy::default(), 1.0);
        }
        outage
    }

    #[test]
    fn single_troubles_are_no_outage() {
        let mut outage = Outage::default();
        for _ in 0..20 {
            for _ in 0..4 {
                assert!(!outage.trouble(at(0), &Policy::default(), 1.0));
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
        assert_eq!(outage.admit(at(1000)), Admission::Go);
        assert_eq!(outage.admit(at(1000)), Admission::Wait(None));
        assert!(outage.trouble(at(1000), &Policy::default(), 1.0));
        assert_eq!(outage.admit(at(1000)), Admission::Wait(Some(at(3000))));
    }

    #[test]
    fn stragglers_do_not_make_the_pause_longer() {
        let mut outage = down();
        for _ in 0..60 {
            assert!(outage.trouble(at(10), &Policy::default(), 1.0));
        }
        assert_eq!(outage.admit(at(10)), Admission::Wait(Some(at(1000))));
    }

    #[test]
    fn an_answer_ends_it() {
        let mut outage = down();
        assert!(outage.answered());
        assert_eq!(outage.admit(at(0)), Admission::Go);
    }

    #[test]
    fn a_probe_that_was_not_sent_is_left_to_the_next() {
        let mut outage = down();
        assert_eq!(outage.admit(at(1000)), Admission::Go);
        outage.withdrawn();
        assert_eq!(outage.admit(at(1000)), Admission::Go);
    }
}
