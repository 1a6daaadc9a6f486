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

/// By how much it shrinks.
const SHRUNK: f64 = 0.85;

/// After how many rounds it is found out again what a small window's latency
/// is: at first soon, in the end seldom.
const FIRST_LOOK: u32 = 8;
const LAST_LOOK: u32 = 256;

/// How many requests may be in flight.
#[derive(Debug, Clone)]
pub struct Window {
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
    /// Whether the last round took too long: two in a row are no chance.
    is_late: bool,
}

/// Finding out what a smaller window's latency is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Look {
    /// Not now.
    No,
    /// What was in flight is let come back; then the window is so again.
    Draining(f64),
    /// Its latency is taken; then the window is so again.
    Looking(f64),
}

impl Window {
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
            is_late: false,
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

    /// Takes in that somebody waited for room.
    pub fn full(&mut self) {
        self.was_full = true;
    }

    /// Takes in how long an answer took.
    pub fn answered(&mut self, latency: Duration) {
        self.round.push(latency);
        let smallest = if self.searching {
            SMALLEST_ROUND_OF_SEARCH
        } else {
            SMALLEST_ROUND
        };
        if self.round.len() < self.limit().max(smallest) {
            return;
        }
        let middle = self.round.len() / 2;
        let (_, median, _) = self.round.select_nth_unstable(middle);
        let typical = *median;
        self.round.clear();
        let was_full = std::mem::take(&mut self.was_full);
        match self.look {
            Look::No => self.judge(typical, was_full),
            Look::Draining(before) => self.look = Look::Looking(before),
            Look::Looking(before) => {
                self.base = Some(typical);
                (self.limit, self.look) = (before, Look::No);
            }
        }
    }

    fn judge(&mut self, typical: Duration, was_full: bool) {
        let base = match self.base {
            Some(base) if typical < base => base.mul_f64(1.0 - QUICKER) + typical.mul_f64(QUICKER),
            Some(base) => base,
            None => typical,
        };
        self.base = Some(base);
        let was_late = std::mem::take(&mut self.is_late);
        if typical > base.mul_f64(TOO_MUCH) + NOISE {
            self.searching = false;
            self.is_late = true;
            if was_late {
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
        self.look_in -= 1;
        if self.look_in == 0 {
            self.look_every = (self.look_every * 2).min(LAST_LOOK);
            self.look_in = self.look_every;
            self.look = Look::Draining(self.limit);
            self.limit = (self.limit / 2.0).max(1.0);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no window holds 2⁵³ requests")]
fn size(requests: usize) -> f64 {
    requests as f64
}
