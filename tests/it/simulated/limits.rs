//! How a server counts: one limit of one kind, and how much of it is left.

use std::collections::VecDeque;

use serde::Deserialize;

/// How requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LimitKind {
    /// A bucket that fills evenly.
    #[default]
    Bucket,
    /// Consecutive windows, each with the whole limit.
    Fixed,
    /// A sliding window.
    Sliding,
    /// The number in flight.
    InFlight,
}

/// A limit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerLimit {
    #[serde(default)]
    pub(crate) kind: LimitKind,
    /// This many requests …
    pub(crate) many: f64,
    /// … in this many seconds.
    #[serde(default = "one")]
    pub(crate) seconds: f64,
    /// The size of a bucket; by default a tenth of `many`.
    pub(crate) burst: Option<f64>,
}

fn one() -> f64 {
    1.0
}

impl ServerLimit {
    /// Requests a second that it allows, if each takes `held` seconds.
    pub(crate) fn a_second(&self, held: f64) -> f64 {
        match self.kind {
            LimitKind::Bucket | LimitKind::Fixed | LimitKind::Sliding => self.many / self.seconds,
            LimitKind::InFlight => self.many / held,
        }
    }
}

/// What has been used of a limit.
#[derive(Debug)]
pub(crate) struct LimitMeter {
    pub(crate) limit: ServerLimit,
    /// The limit at present, as a share of the configured one.
    share: f64,
    now: f64,
    /// The content of a bucket.
    held: f64,
    /// What was used in the present fixed window, or is in flight.
    used: f64,
    /// What was used in the sliding window.
    times: VecDeque<f64>,
}

impl LimitMeter {
    pub(crate) fn new(limit: ServerLimit) -> Self {
        let mut meter = Self {
            limit,
            share: 1.0,
            now: 0.0,
            held: 0.0,
            used: 0.0,
            times: VecDeque::new(),
        };
        meter.held = meter.size();
        meter
    }

    /// The limit at present.
    pub(crate) fn many(&self) -> f64 {
        self.limit.many * self.share
    }

    /// The size of a bucket.
    fn size(&self) -> f64 {
        let size = self.limit.burst.unwrap_or(self.limit.many / 10.0);
        (size * self.share).max(1.0)
    }

    /// Advances to `now`, with this share of the limit.
    pub(crate) fn advance(&mut self, now: f64, share: f64) {
        let seconds = self.limit.seconds;
        self.share = share;
        if self.limit.kind == LimitKind::Fixed
            && (now / seconds).floor() > (self.now / seconds).floor()
        {
            self.used = 0.0;
        }
        let dripped = (now - self.now) * self.many() / seconds;
        self.held = (self.held + dripped).min(self.size());
        while self
            .times
            .front()
            .is_some_and(|first| first + seconds <= now)
        {
            self.times.pop_front();
        }
        self.now = now;
    }

    /// How many are left.
    pub(crate) fn left(&self) -> f64 {
        let left = match self.limit.kind {
            LimitKind::Bucket => self.held,
            LimitKind::Fixed | LimitKind::InFlight => self.many() - self.used,
            LimitKind::Sliding => self.many() - self.times.len() as f64,
        };
        left.max(0.0)
    }

    /// When more are available.
    pub(crate) fn reset(&self) -> f64 {
        let seconds = self.limit.seconds;
        match self.limit.kind {
            // When it is full.
            LimitKind::Bucket => (self.size() - self.held) / (self.many() / seconds),
            LimitKind::Fixed => seconds - self.now % seconds,
            LimitKind::Sliding => self
                .times
                .front()
                .map_or(seconds, |first| first + seconds - self.now),
            LimitKind::InFlight => 0.0,
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.left() >= 1.0
    }

    /// Takes one request.
    pub(crate) fn take(&mut self) {
        match self.limit.kind {
            LimitKind::Bucket => self.held -= 1.0,
            LimitKind::Fixed | LimitKind::InFlight => self.used += 1.0,
            LimitKind::Sliding => self.times.push_back(self.now),
        }
    }

    /// Records that a request that was taken got its response.
    pub(crate) fn answered(&mut self) {
        if self.limit.kind == LimitKind::InFlight {
            self.used -= 1.0;
        }
    }
}
