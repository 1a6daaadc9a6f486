//! How many requests may be in flight: grows while latency stays low, shrinks when it
//! rises (pure).
//!
//! Requests beyond what a server handles concurrently are queued there, which shows as
//! latency. So the window grows only while it is full and latency is that of a smaller
//! window, and shrinks at most once a round.

use std::time::Duration;

/// The window at which the search starts.
const INITIAL_WINDOW: usize = 8;

/// A round has as many answers as the window, and at least this many; fewer during the
/// search, so that the window grows soon.
const SMALLEST_ROUND: usize = 40;
const SMALLEST_ROUND_OF_SEARCH: usize = 10;

/// The weight of a faster round in the base latency: a single fast round may be chance.
const FASTER_WEIGHT: f64 = 0.2;

/// Differences in latency up to this are noise.
const NOISE: Duration = Duration::from_millis(5);

/// The window doesn't grow while latency is above this multiple of the base.
const RAISED: f64 = 1.2;

/// The window shrinks while latency is above this multiple of the base.
const HIGH: f64 = 1.5;

/// After this many rounds of high latency in a row, a probe finds out whether the window
/// causes it. One round may be chance.
const PROBE_WHEN_HIGH: u32 = 2;

/// The factor by which it shrinks.
const SHRINK: f64 = 0.85;

/// The factor by which it shrinks after a probe with half the window.
const SHRINK_AFTER_PROBE: f64 = 0.7;

/// The answers of a probe: few, because throughput is lower meanwhile.
const PROBE_ANSWERS: usize = 20;

/// After how many rounds the base latency is measured again: the interval doubles from
/// the first to the last.
const FIRST_PROBE: u32 = 16;
const LAST_PROBE: u32 = 256;

/// How many requests may be in flight.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit {
    /// The most that the user allows (`--concurrency`).
    user_limit: usize,
    /// The most that the user and the server allow.
    most: usize,
    limit: f64,
    /// Whether latency hasn't risen yet: until then the window grows fast.
    searching: bool,
    /// The typical latency of a small window.
    base: Option<Duration>,
    /// Rounds until it is measured again, and the interval.
    probe_in: u32,
    probe_every: u32,
    probe: LatencyProbe,
    round: Vec<Duration>,
    was_full: bool,
    /// Rounds of high latency in a row.
    high_rounds: u32,
}

/// Measures the latency of a smaller window.
#[derive(Debug, Clone, Copy, PartialEq)]
enum LatencyProbe {
    /// No probe is under way.
    No,
    /// Waits for the answers to this many requests that were in flight.
    Draining(usize, BeforeProbe),
    /// Measures the latency of the smaller window.
    Measuring(BeforeProbe),
    /// The window has its new size; waits for the answers of the probe's.
    Settling,
}

/// The window and its latency before a probe.
#[derive(Debug, Clone, Copy, PartialEq)]
struct BeforeProbe {
    limit: f64,
    typical: Duration,
}

impl ConcurrencyLimit {
    /// Never more than `most`; starts there if `at_once`, else small.
    pub fn new(most: usize, at_once: bool) -> Self {
        let begin = if at_once {
            most
        } else {
            INITIAL_WINDOW.min(most)
        };
        Self {
            user_limit: most,
            most,
            limit: size(begin),
            searching: !at_once,
            base: None,
            probe_in: FIRST_PROBE,
            probe_every: FIRST_PROBE,
            probe: LatencyProbe::No,
            round: Vec::with_capacity(SMALLEST_ROUND),
            was_full: false,
            high_rounds: 0,
        }
    }

    /// How many requests may be in flight now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 1 and `most`"
    )]
    pub fn limit(&self) -> usize {
        (self.limit as usize).clamp(1, self.most)
    }

    /// Obeys a limit that the server advertises.
    pub fn set_advertised(&mut self, most: usize) {
        self.most = self.user_limit.min(most.max(1));
    }

    /// Whether the window is as large as the user allows.
    pub fn is_at_user_limit(&self) -> bool {
        self.limit() >= self.user_limit
    }

    /// A request had to wait because the window was full.
    pub fn note_full(&mut self) {
        self.was_full = true;
    }

    /// A request was answered after `latency`.
    pub fn answered(&mut self, latency: Duration) {
        self.round.push(latency);
        if self.round.len() < self.size_of_round() {
            return;
        }
        let middle = self.round.len() / 2;
        let (_, median, _) = self.round.select_nth_unstable(middle);
        let typical = *median;
        self.round.clear();
        let was_full = std::mem::take(&mut self.was_full);
        match self.probe {
            LatencyProbe::No => self.judge(typical, was_full),
            LatencyProbe::Settling => self.probe = LatencyProbe::No,
            LatencyProbe::Draining(_, before) => self.probe = LatencyProbe::Measuring(before),
            LatencyProbe::Measuring(before) => self.end_probe(before, typical),
        }
    }

    fn size_of_round(&self) -> usize {
        match self.probe {
            LatencyProbe::No if self.searching => self.limit().max(SMALLEST_ROUND_OF_SEARCH),
            LatencyProbe::No | LatencyProbe::Settling => self.limit().max(SMALLEST_ROUND),
            // All requests that were in flight.
            LatencyProbe::Draining(in_flight, _) => in_flight,
            LatencyProbe::Measuring(_) => self.limit().max(PROBE_ANSWERS),
        }
    }

    fn judge(&mut self, typical: Duration, was_full: bool) {
        let base = match self.base {
            Some(base) if typical < base => {
                base.mul_f64(1.0 - FASTER_WEIGHT) + typical.mul_f64(FASTER_WEIGHT)
            }
            Some(base) => base,
            None => typical,
        };
        self.base = Some(base);
        let before = self.high_rounds;
        self.high_rounds = 0;
        if typical > base.mul_f64(HIGH) + NOISE {
            self.searching = false;
            self.high_rounds = before + 1;
            if self.high_rounds == PROBE_WHEN_HIGH {
                // Either too many requests are in flight, or the server has become slow
                // in general; then a smaller window would only lower the throughput.
                return self.begin_probe(typical);
            }
            if self.high_rounds > PROBE_WHEN_HIGH {
                self.limit = (self.limit * SHRINK).max(1.0);
            }
        } else if typical > base.mul_f64(RAISED) + NOISE {
            self.searching = false;
        } else if was_full {
            let grown = if self.searching {
                self.limit * 1.5
            } else {
                self.limit + 1.0
            };
            self.limit = grown.min(size(self.most));
        }
        self.probe_in = self.probe_in.saturating_sub(1);
        // A window that isn't full needs no probe: its latency is the base.
        if self.probe_in == 0 && was_full {
            self.probe_every = (self.probe_every * 2).min(LAST_PROBE);
            self.begin_probe(typical);
        }
    }

    fn begin_probe(&mut self, typical: Duration) {
        let limit = self.limit;
        self.probe_in = self.probe_every;
        self.probe = LatencyProbe::Draining(self.limit(), BeforeProbe { limit, typical });
        self.limit = (limit / 2.0).max(1.0);
    }

    /// Restores the window, or shrinks it if the smaller one had so much lower latency that
    /// its throughput was about the same.
    fn end_probe(&mut self, before: BeforeProbe, typical: Duration) {
        self.base = Some(typical);
        self.probe = LatencyProbe::Settling;
        if before.typical > typical.mul_f64(HIGH) + NOISE {
            self.limit = (before.limit * SHRINK_AFTER_PROBE).max(1.0);
            self.high_rounds = PROBE_WHEN_HIGH;
        } else {
            self.limit = before.limit;
            self.high_rounds = 0;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no window holds 2⁵³ requests")]
fn size(requests: usize) -> f64 {
    requests as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{ConcurrencyLimit, INITIAL_WINDOW, LatencyProbe};

    const MOST: usize = 64;

    /// Answers of a server that handles `at_once` requests concurrently in `millis` each, and
    /// queues the rest; the window is always full.
    fn answers(window: &mut ConcurrencyLimit, many: usize, at_once: usize, millis: u64) {
        for _ in 0..many {
            window.note_full();
            let concurrent = window.limit().max(at_once) as u64;
            window.answered(Duration::from_millis(millis * concurrent / at_once as u64));
        }
    }

    #[test]
    fn the_window_grows_while_latency_is_low() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        assert_eq!(window.limit(), INITIAL_WINDOW);
        answers(&mut window, 300, 1000, 100);
        assert_eq!(window.limit(), MOST);
    }

    #[test]
    fn a_window_that_is_not_full_does_not_grow() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        for _ in 0..1000 {
            window.answered(Duration::from_millis(100));
        }
        assert_eq!(window.limit(), INITIAL_WINDOW);
    }

    #[test]
    fn the_window_stays_near_the_servers_concurrency() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        answers(&mut window, 3000, 10, 100);
        assert!((8..=16).contains(&window.limit()), "{}", window.limit());
    }

    #[test]
    fn a_window_that_starts_too_large_shrinks() {
        let mut window = ConcurrencyLimit::new(MOST, true);
        answers(&mut window, 20_000, 10, 100);
        assert!(window.limit() <= 20, "{}", window.limit());
    }

    #[test]
    fn one_round_of_high_latency_changes_nothing() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        answers(&mut window, 300, 1000, 100);
        answers(&mut window, MOST, 1000, 500);
        answers(&mut window, MOST, 1000, 100);
        assert_eq!(window.limit(), MOST);
    }

    #[test]
    fn a_server_that_becomes_slow_does_not_shrink_the_window() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        answers(&mut window, 300, 1000, 100);
        answers(&mut window, 3000, 1000, 300);
        assert_eq!(window.limit(), MOST);
    }

    #[test]
    fn the_base_latency_is_probed_again_and_the_window_restored() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        let mut probing = 0;
        for _ in 0..MOST * 40 {
            answers(&mut window, 1, 1000, 100);
            probing += u32::from(window.probe != LatencyProbe::No);
        }
        assert!(probing > 0);
        answers(&mut window, 2 * MOST, 1000, 100);
        assert_eq!(window.limit(), MOST);
    }

    proptest! {
        #[test]
        fn the_window_stays_between_one_and_the_limits(
            most in 1_usize..200,
            at_once: bool,
            advertised in proptest::option::of(0_usize..300),
            millis in proptest::collection::vec(0_u64..5000, 0..2000),
        ) {
            let mut window = ConcurrencyLimit::new(most, at_once);
            if let Some(limit) = advertised {
                window.set_advertised(limit);
            }
            let highest = advertised.map_or(most, |limit| most.min(limit.max(1)));
            for millis in millis {
                window.note_full();
                window.answered(Duration::from_millis(millis));
                prop_assert!((1..=highest).contains(&window.limit()));
            }
        }
    }
}
