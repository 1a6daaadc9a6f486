//! How many requests may be in flight: grows by evidence, shrinks by back
//! pressure (pure).
//!
//! What a server does at once it does without delay; what is beyond waits there,
//! and shows as latency. So the window grows only while it is full and answers
//! come as soon as with a smaller one, and shrinks at most once a round.

use std::time::Duration;

/// Where the search begins.
const GENTLE: usize = 8;

/// A round is as many answers as may be in flight, and at least so many: fewer
/// while it searches, for the first growth is not to wait for them.
const SMALLEST_ROUND: usize = 40;
const SMALLEST_ROUND_OF_SEARCH: usize = 10;

/// How much of a quicker round goes into what is taken for the latency of a
/// small window: a single quick round may be luck.
const QUICKER: f64 = 0.2;

/// Latency that is no sign of anything: noise.
const NOISE: Duration = Duration::from_millis(5);

/// From this much more latency on the window doesn't grow.
const ENOUGH: f64 = 1.2;

/// From this much more latency on it shrinks.
const TOO_MUCH: f64 = 1.5;

/// After how many rounds that took too long in a row a look says whether it is
/// the window that makes them so. One may be chance.
const LOOK_WHEN_LATE: u32 = 2;

/// By how much it shrinks.
const SHRUNK: f64 = 0.85;

/// By how much it shrinks when a look at half of it says so.
const SHRUNK_BY_LOOK: f64 = 0.7;

/// How many answers tell the latency of a smaller window: it is used badly
/// meanwhile.
const ENOUGH_OF_LOOK: usize = 20;

/// After how many rounds it is found out again what a small window's latency
/// is: at first soon, in the end seldom.
const FIRST_LOOK: u32 = 16;
const LAST_LOOK: u32 = 256;

/// How many requests may be in flight.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit {
    /// The most that the user wants, and that the server allows as well.
    asked: usize,
    most: usize,
    limit: f64,
    /// Whether latency has risen yet: until then it grows fast.
    searching: bool,
    /// The typical latency of a small window.
    base: Option<Duration>,
    /// Rounds until that is found out again, and how many there were to be.
    look_in: u32,
    look_every: u32,
    look: Look,
    round: Vec<Duration>,
    was_full: bool,
    /// How many rounds in a row took too long: two are no chance.
    late: u32,
}

/// Finding out what a smaller window's latency is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Look {
    /// Not now.
    No,
    /// So many that were in flight are let come back; then it is looked.
    Draining(usize, Before),
    /// The smaller window's latency is taken.
    Looking(Before),
    /// The window is as it is to be; answers to the smaller one come back.
    Settling,
}

/// How the window was before a look.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Before {
    limit: f64,
    typical: Duration,
}

impl ConcurrencyLimit {
    /// Never more than `most`; begins there where that is what is wanted, else
    /// gently.
    pub fn new(most: usize, at_once: bool) -> Self {
        let begin = if at_once { most } else { GENTLE.min(most) };
        Self {
            asked: most,
            most,
            limit: size(begin),
            searching: !at_once,
            base: None,
            look_in: FIRST_LOOK,
            look_every: FIRST_LOOK,
            look: Look::No,
            round: Vec::with_capacity(SMALLEST_ROUND),
            was_full: false,
            late: 0,
        }
    }

    /// How many may be in flight now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 1 and `most`"
    )]
    pub fn limit(&self) -> usize {
        (self.limit as usize).clamp(1, self.most)
    }

    /// Takes in the limit that the server tells.
    pub fn told(&mut self, most: usize) {
        self.most = self.asked.min(most.max(1));
    }

    /// Whether it is as wide as the user wants.
    pub fn is_open(&self) -> bool {
        self.limit() >= self.asked
    }

    /// A request had to wait for room.
    pub fn full(&mut self) {
        self.was_full = true;
    }

    /// Takes in how long an answer took.
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
        match self.look {
            Look::No => self.judge(typical, was_full),
            Look::Settling => self.look = Look::No,
            Look::Draining(_, before) => self.look = Look::Looking(before),
            Look::Looking(before) => self.end_look(before, typical),
        }
    }

    fn size_of_round(&self) -> usize {
        match self.look {
            Look::No if self.searching => self.limit().max(SMALLEST_ROUND_OF_SEARCH),
            Look::No | Look::Settling => self.limit().max(SMALLEST_ROUND),
            // All that were in flight.
            Look::Draining(in_flight, _) => in_flight,
            Look::Looking(_) => self.limit().max(ENOUGH_OF_LOOK),
        }
    }

    fn judge(&mut self, typical: Duration, was_full: bool) {
        let base = match self.base {
            Some(base) if typical < base => base.mul_f64(1.0 - QUICKER) + typical.mul_f64(QUICKER),
            Some(base) => base,
            None => typical,
        };
        self.base = Some(base);
        let was_late = self.late;
        self.late = 0;
        if typical > base.mul_f64(TOO_MUCH) + NOISE {
            self.searching = false;
            self.late = was_late + 1;
            if self.late == LOOK_WHEN_LATE {
                // Either too many are in flight, or the server has become slow
                // for all; then a small window would only be slower still.
                return self.begin_look(typical);
            }
            if self.late > LOOK_WHEN_LATE {
                self.limit = (self.limit * SHRUNK).max(1.0);
            }
        } else if typical > base.mul_f64(ENOUGH) + NOISE {
            self.searching = false;
        } else if was_full {
            let grown = if self.searching {
                self.limit * 1.5
            } else {
                self.limit + 1.0
            };
            self.limit = grown.min(size(self.most));
        }
        self.look_in = self.look_in.saturating_sub(1);
        // A window with room to spare is small already.
        if self.look_in == 0 && was_full {
            self.look_every = (self.look_every * 2).min(LAST_LOOK);
            self.begin_look(typical);
        }
    }

    fn begin_look(&mut self, typical: Duration) {
        let limit = self.limit;
        self.look_in = self.look_every;
        self.look = Look::Draining(self.limit(), Before { limit, typical });
        self.limit = (limit / 2.0).max(1.0);
    }

    /// Goes back to the window that was, or not so far where the smaller one was
    /// answered so much sooner that it lost next to nothing.
    fn end_look(&mut self, before: Before, typical: Duration) {
        self.base = Some(typical);
        self.look = Look::Settling;
        if before.typical > typical.mul_f64(TOO_MUCH) + NOISE {
            self.limit = (before.limit * SHRUNK_BY_LOOK).max(1.0);
            self.late = LOOK_WHEN_LATE;
        } else {
            self.limit = before.limit;
            self.late = 0;
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

    use super::{ConcurrencyLimit, GENTLE, Look};

    const MOST: usize = 64;

    /// Answers of a server that does `at_once` requests in `millis` at once, and
    /// of whose others all wait; the window is always full.
    fn answers(window: &mut ConcurrencyLimit, many: usize, at_once: usize, millis: u64) {
        for _ in 0..many {
            window.full();
            let crowd = window.limit().max(at_once) as u64;
            window.answered(Duration::from_millis(millis * crowd / at_once as u64));
        }
    }

    #[test]
    fn it_grows_while_answers_come_as_soon() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        assert_eq!(window.limit(), GENTLE);
        answers(&mut window, 300, 1000, 100);
        assert_eq!(window.limit(), MOST);
    }

    #[test]
    fn it_does_not_grow_while_there_is_room() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        for _ in 0..1000 {
            window.answered(Duration::from_millis(100));
        }
        assert_eq!(window.limit(), GENTLE);
    }

    #[test]
    fn it_stays_near_what_the_server_does_at_once() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        answers(&mut window, 3000, 10, 100);
        assert!((8..=16).contains(&window.limit()), "{}", window.limit());
    }

    #[test]
    fn begun_too_wide_it_comes_down() {
        let mut window = ConcurrencyLimit::new(MOST, true);
        answers(&mut window, 20_000, 10, 100);
        assert!(window.limit() <= 20, "{}", window.limit());
    }

    #[test]
    fn one_late_round_is_chance() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        answers(&mut window, 300, 1000, 100);
        answers(&mut window, MOST, 1000, 500);
        answers(&mut window, MOST, 1000, 100);
        assert_eq!(window.limit(), MOST);
    }

    #[test]
    fn a_server_that_becomes_slow_for_all_does_not_make_it_small() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        answers(&mut window, 300, 1000, 100);
        answers(&mut window, 3000, 1000, 300);
        assert_eq!(window.limit(), MOST);
    }

    #[test]
    fn it_looks_again_sooner_or_later_and_comes_back() {
        let mut window = ConcurrencyLimit::new(MOST, false);
        let mut looked = 0;
        for _ in 0..MOST * 40 {
            answers(&mut window, 1, 1000, 100);
            looked += u32::from(window.look != Look::No);
        }
        assert!(looked > 0);
        answers(&mut window, 2 * MOST, 1000, 100);
        assert_eq!(window.limit(), MOST);
    }

    proptest! {
        #[test]
        fn it_is_never_empty_and_never_more_than_asked_or_told(
            most in 1_usize..200,
            at_once: bool,
            told in proptest::option::of(0_usize..300),
            millis in proptest::collection::vec(0_u64..5000, 0..2000),
        ) {
            let mut window = ConcurrencyLimit::new(most, at_once);
            if let Some(told) = told {
                window.told(told);
            }
            let highest = told.map_or(most, |told| most.min(told.max(1)));
            for millis in millis {
                window.full();
                window.answered(Duration::from_millis(millis));
                prop_assert!((1..=highest).contains(&window.limit()));
            }
        }
    }
}
