//! How many requests may start per second, found by evidence (pure).
//!
//! What is known is used: a limit that the server tells is kept a little below.
//! Where it tells nothing the rate grows until it is refused, falls to what was
//! accepted, stays there, and tries more again later; the dearer a refusal was,
//! the later. Times are since the run's start.

use std::collections::VecDeque;
use std::time::Duration;

/// Where the search begins, in requests per second.
const GENTLE: f64 = 10.0;

/// How much of a limit that the server tells is used, so that requests that
/// arrive bunched are not refused.
const OF_TOLD: f64 = 0.985;

/// How much of what was accepted is used after a refusal.
const OF_ACCEPTED: f64 = 0.97;

/// How far a limit may be from the one that was found and still be the same.
const THE_SAME: f64 = 0.1;

/// The most that one refusal takes away.
const DEEPEST_CUT: f64 = 0.5;

/// The largest step, as a share of the rate; before anything was refused each
/// step is as large.
const LARGEST_STEP: f64 = 1.0;

/// The first step beyond a rate that was found; each further one is twice as
/// large.
const FIRST_STEP: f64 = 0.01;

/// How long a step is watched before the next.
const STEP: Duration = Duration::from_secs(1);

/// How long a rate is kept after it was found, at least.
const SHORTEST_REST: Duration = Duration::from_secs(8);

/// How long a rate is kept for the time that its refusal cost.
const REST_FOR_COST: u32 = 50;

/// In how long parts answers are counted, and how many parts are looked at.
const PART: Duration = Duration::from_millis(250);
const PARTS: usize = 8;

/// How many answers, in how long a time, say enough.
const ENOUGH: u32 = 40;
const LONG_ENOUGH: Duration = Duration::from_millis(900);

/// What holds the rate where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// `--rate` or `--max-rate`.
    Ceiling,
    /// A limit that the server tells.
    Told,
    /// A refusal.
    Refused,
    /// Nothing: it is still growing.
    Growing,
}

/// The rate. Rates are in requests per second.
#[derive(Debug, Clone)]
pub struct Tempo {
    ceiling: f64,
    rate: f64,
    told: Option<f64>,
    /// The rate that it fell back to when it was last refused.
    kept: Option<f64>,
    /// The last cut: refusals of requests that were sent before it are its own.
    cut: Option<Duration>,
    /// The next step up, and how large it is.
    step_at: Duration,
    step: f64,
    accepted: Counted,
}

impl Tempo {
    /// Begins at `ceiling` where that is what is wanted (`--rate`), else gently.
    pub fn new(ceiling: f64, at_once: bool) -> Self {
        Self {
            ceiling,
            rate: if at_once {
                ceiling
            } else {
                GENTLE.min(ceiling)
            },
            told: None,
            kept: None,
            cut: None,
            step_at: STEP,
            step: LARGEST_STEP,
            accepted: Counted::default(),
        }
    }

    /// How many may start per second now.
    pub fn rate(&self) -> f64 {
        let told = self.told.unwrap_or(f64::INFINITY);
        self.rate.min(told).min(self.ceiling)
    }

    /// What holds it there.
    pub fn held(&self) -> Held {
        let rate = self.rate();
        if rate >= self.ceiling {
            Held::Ceiling
        } else if self.told.is_some_and(|told| rate >= told) {
            Held::Told
        } else if self.kept.is_some() {
            Held::Refused
        } else {
            Held::Growing
        }
    }

    /// Takes in that a request was accepted; `was_used` says whether the rate was
    /// what held requests back, for a rate that nobody uses proves nothing.
    /// True where a step was due.
    pub fn accepted(&mut self, now: Duration, was_used: bool) -> bool {
        self.accepted.add(now);
        if now < self.step_at {
            return false;
        }
        self.step_at = now + STEP;
        // A rate far above what comes of it says nothing either.
        let is_reached = self
            .accepted
            .rate(now)
            .is_none_or(|accepted| self.rate < accepted * 2.5);
        if was_used && is_reached {
            self.rate = (self.rate * (1.0 + self.step)).min(self.ceiling);
            if self.kept.is_some() {
                self.step = (self.step * 2.0).min(LARGEST_STEP);
            }
        }
        true
    }

    /// Takes in the limit that the server tells; `None` where it no longer does.
    pub fn told(&mut self, limit: Option<f64>) {
        let before = self.told;
        self.told = limit.map(|limit| limit * OF_TOLD);
        // A limit that is told needs no search, unless it was refused before
        // it was reached.
        if let Some(told) = self.told {
            let has_risen = before.is_none_or(|before| told > before * 1.01);
            if has_risen && self.rate < told {
                self.rate = told.min(self.ceiling);
                self.step = FIRST_STEP;
            }
        }
    }

    /// Whether a refusal of a request that started at `sent` is news.
    pub fn is_new(&self, sent: Duration) -> bool {
        self.cut.is_none_or(|cut| sent >= cut)
    }

    /// Takes in that a request that started at `sent` was refused for want of
    /// pace, which holds everybody back for `cost`.
    pub fn refused(&mut self, now: Duration, sent: Duration, cost: Duration) {
        if !self.is_new(sent) {
            return;
        }
        let before = self.rate();
        let accepted = self.accepted.rate(now).unwrap_or(before) * OF_ACCEPTED;
        let found = accepted.min(before * OF_ACCEPTED).max(before * DEEPEST_CUT);
        // A step too far goes back to where it was good. Elsewhere the limit is
        // another one than it was: what was found is a guess, and the true one
        // is sought at once.
        let kept = self
            .kept
            .filter(|kept| before > *kept && (found / kept - 1.0).abs() < THE_SAME);
        self.rate = kept.unwrap_or(found);
        let rest = match kept {
            Some(_) => SHORTEST_REST.max(cost * REST_FOR_COST),
            None => STEP,
        };
        self.kept = Some(self.rate);
        self.step_at = now + cost + rest;
        self.cut = Some(now);
        self.step = FIRST_STEP;
        self.accepted = Counted::default();
    }
}

/// How many answers there were lately.
#[derive(Debug, Clone, Default)]
struct Counted {
    parts: VecDeque<(Duration, u32)>,
}

impl Counted {
    fn add(&mut self, now: Duration) {
        match self.parts.back_mut() {
            Some((since, count)) if now < *since + PART => *count += 1,
            Some(_) | None => {
                self.parts.push_back((now, 1));
                if self.parts.len() > PARTS {
                    self.parts.pop_front();
                }
            }
        }
    }

    /// Answers per second, of as short a time as says enough; `None` where there
    /// were too few.
    fn rate(&self, now: Duration) -> Option<f64> {
        let mut count = 0;
        let mut since = now;
        for (begin, answers) in self.parts.iter().rev() {
            count += answers;
            since = *begin;
            if count >= ENOUGH && now.saturating_sub(since) >= LONG_ENOUGH {
                break;
            }
        }
        let time = now.saturating_sub(since);
        (time >= PART && count >= 5).then(|| f64::from(count) / time.as_secs_f64())
    }
}
