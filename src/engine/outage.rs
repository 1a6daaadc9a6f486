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
    /// The one row that all of them may be the doing of.
    suspect: Option<u64>,
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
    /// Send, and find out whether the API is back.
    Probe,
    /// Ask again at that time, or as soon as something changes.
    Wait(Option<Duration>),
}

/// Who met a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    /// The row.
    pub(super) row: u64,
    /// Whether the row itself may have caused it: a server that fails at one
    /// customer answers 500, one that is away answers otherwise or not at all.
    pub(super) by_row: bool,
    /// Whether it was the probe.
    pub(super) is_probe: bool,
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
                Admission::Probe
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
    pub(super) fn trouble(
        &mut self,
        met: Met,
        now: Duration,
        policy: &Policy,
        jitter: f64,
    ) -> bool {
        let first = self.troubles == 0;
        self.suspect =
            Some(met.row).filter(|row| met.by_row && (first || self.suspect == Some(*row)));
        self.troubles = self.troubles.saturating_add(1);
        if self.down.is_none() && (self.troubles < IN_A_ROW || self.suspect.is_some()) {
            return false;
        }
        // Those that were in flight when it went down come back too; only the
        // probe's own failure makes the pause longer.
        if self.down.is_none() || met.is_probe {
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

    /// Whether the API is taken to be down.
    pub(super) fn is_down(&self) -> bool {
        self.down.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Admission, Met, Outage};
    use crate::engine::retry::Policy;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn met(outage: &mut Outage, row: u64, millis: u64) -> bool {
        let met = Met {
            row,
            by_row: false,
            is_probe: false,
        };
        outage.trouble(met, at(millis), &Policy::default(), 1.0)
    }

    fn down() -> Outage {
        let mut outage = Outage::default();
        for row in 0..5 {
            met(&mut outage, row, 0);
        }
        outage
    }

    fn probe_fails(outage: &mut Outage, millis: u64) -> bool {
        let met = Met {
            row: 9,
            by_row: false,
            is_probe: true,
        };
        outage.trouble(met, at(millis), &Policy::default(), 1.0)
    }

    #[test]
    fn single_troubles_are_no_outage() {
        let mut outage = Outage::default();
        for _ in 0..20 {
            for row in 0..4 {
                assert!(!met(&mut outage, row, 0));
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
        assert!(probe_fails(&mut outage, 1000));
        assert_eq!(outage.admit(at(1000)), Admission::Wait(Some(at(3000))));
    }

    #[test]
    fn stragglers_neither_make_the_pause_longer_nor_end_a_probe() {
        let mut outage = down();
        for row in 0..60 {
            assert!(met(&mut outage, row, 10));
        }
        assert_eq!(outage.admit(at(10)), Admission::Wait(Some(at(1000))));
        assert_eq!(outage.admit(at(1000)), Admission::Probe);
        assert!(met(&mut outage, 60, 1001));
        assert_eq!(outage.admit(at(9000)), Admission::Wait(None));
    }

    #[test]
    fn an_answer_ends_it() {
        let mut outage = down();
        assert!(outage.answered());
        assert_eq!(outage.admit(at(0)), Admission::Go);
    }

    #[test]
    fn one_row_that_a_server_fails_at_is_no_outage() {
        let mut outage = Outage::default();
        let failed_at = |row| Met {
            row,
            by_row: true,
            is_probe: false,
        };
        for _ in 0..50 {
            assert!(!outage.trouble(failed_at(1), at(0), &Policy::default(), 1.0));
        }
        assert!(outage.trouble(failed_at(2), at(0), &Policy::default(), 1.0));
    }
}
