//! How far a run is, how fast it goes, and how long it will take.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::summary::RowCounts;
use crate::report::{Progress, SendingTotals, WorkerHealth};

/// The window over which speed is measured.
const RECENT: Duration = Duration::from_secs(15);

/// How far a run is.
#[derive(Debug, Clone, Default)]
pub(super) struct ProgressState {
    pub(super) phase: Phase,
    /// The rows of the input, once it has been checked.
    pub(super) rows: Option<RowCounts>,
    /// What was counted before sending last began: after a canary, the other rows follow.
    earlier: SendingTotals,
    /// How the workers are, and since when that is so.
    pub(super) workers: Option<(WorkerHealth, Instant)>,
    /// The object that is read.
    pub(super) fetched: String,
    /// Rows to be processed in this run.
    pub(super) total: u64,
    /// Rows that earlier runs have done.
    pub(super) before: u64,
    /// When sending began.
    began: Option<Instant>,
    pub(super) progress: Progress,
    /// The number of rows done, sampled once a second.
    samples: VecDeque<(Instant, u64)>,
    /// What keeps the run from going on, or the last trouble.
    pub(super) note: String,
    /// Since when the API does not respond: the instant, and the time of day.
    pub(super) down: Option<(Instant, String)>,
    /// Whether a pause was announced, and its end is to be.
    pub(super) pause_announced: bool,
}

/// What a run is doing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Starting,
    /// It has read so many bytes of an object, of so many.
    Fetching(u64, Option<u64>),
    /// It has checked so many rows.
    Checking(u64),
    Sending,
    /// It has written the results of so many rows.
    Accounting(u64),
}

impl Phase {
    /// Whether sending has begun, or is over.
    pub(super) fn has_begun_sending(self) -> bool {
        match self {
            Self::Starting | Self::Fetching(..) | Self::Checking(_) => false,
            Self::Sending | Self::Accounting(_) => true,
        }
    }
}

impl ProgressState {
    /// Sending starts.
    pub(super) fn begin(&mut self, total: u64, before: u64, now: Instant) {
        *self = Self {
            phase: Phase::Sending,
            began: Some(now),
            total,
            before,
            rows: self.rows,
            earlier: self.totals(),
            workers: self.workers,
            ..Self::default()
        };
    }

    /// What was counted since the process started.
    pub(super) fn totals(&self) -> SendingTotals {
        self.earlier.plus(&self.progress.totals)
    }

    /// Records the progress, and samples it once a second.
    pub(super) fn record(&mut self, progress: &Progress, now: Instant) {
        // A note is kept until more rows are done.
        if progress.done > self.progress.done {
            self.note.clear();
        }
        self.progress = *progress;
        let is_due = |(at, _): &(Instant, u64)| now.duration_since(*at) >= Duration::from_secs(1);
        if self.samples.back().is_none_or(is_due) {
            self.samples.push_back((now, progress.done));
        }
        while self.samples.len() > 1
            && self
                .samples
                .front()
                .is_some_and(|(at, _)| now.duration_since(*at) > RECENT)
        {
            self.samples.pop_front();
        }
    }

    /// Whether nothing is sent until rows in doubt are known to be there or not.
    pub(super) fn waits_for_proof(&self) -> bool {
        let pacing = self.progress.pacing;
        pacing.in_flight == 0 && pacing.waiting > 0
    }

    /// Rows done, by this run and by earlier ones.
    pub(super) fn done(&self) -> u64 {
        self.before + self.progress.done
    }

    /// Rows to be done, by this run and by earlier ones.
    pub(super) fn all(&self) -> u64 {
        self.before + self.total
    }

    /// The share that is done, from 0 to 1: of nothing, all.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share for people; counts below 2⁵³ are exact"
    )]
    pub(super) fn share(&self) -> f64 {
        match self.all() {
            0 => 1.0,
            all => (self.done() as f64 / all as f64).min(1.0),
        }
    }

    /// The share that is done in per cent, rounded down: 100 means all.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 100"
    )]
    pub(super) fn percent(&self) -> u8 {
        (self.share() * 100.0) as u8
    }

    /// Rows per second over the last [`RECENT`].
    #[expect(
        clippy::cast_precision_loss,
        reason = "a speed for people; counts below 2⁵³ are exact"
    )]
    fn recent_speed(&self, now: Instant) -> f64 {
        let begun = self.began.map(|began| (began, 0));
        let Some((at, done)) = self.samples.front().copied().or(begun) else {
            return 0.0;
        };
        let seconds = now.duration_since(at).as_secs_f64();
        self.progress.done.saturating_sub(done) as f64 / seconds.max(0.001)
    }
}

/// The speed of sending.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Speed {
    pub(super) rows_a_second: f64,
    pub(super) left: Option<Duration>,
}

impl Speed {
    /// The recent speed, and the time left. While the rate is the bottleneck, the
    /// time left follows from the rate, because the recent speed may have been
    /// lower; otherwise from the speed.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a speed for people; counts below 2⁵³ are exact"
    )]
    pub(super) fn of(state: &ProgressState, now: Instant) -> Self {
        let progress = state.progress;
        let rows_a_second = state.recent_speed(now);
        let own = progress.done.saturating_sub(progress.elsewhere).max(1);
        let requests_a_row = progress.totals.requests.sent as f64 / own as f64;
        let pacing = progress.pacing;
        // With all in flight that may be, the rate is not reached.
        let is_full = pacing.window > 0 && pacing.in_flight >= pacing.window;
        let speed = match pacing.rate {
            Some(rate) if pacing.bound.is_rate() && progress.done > 0 && !is_full => {
                rate / requests_a_row
            }
            Some(_) | None => rows_a_second,
        };
        if state.waits_for_proof() {
            return Self {
                rows_a_second,
                left: None,
            };
        }
        let left = state.total.saturating_sub(progress.done) as f64 / speed;
        let pause = progress.pacing.paused_ms.unwrap_or_default();
        Self {
            rows_a_second,
            left: Duration::try_from_secs_f64(left.round())
                .ok()
                .map(|left| left + Duration::from_secs(pause / 1000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{ProgressState, Speed};
    use crate::domain::bottleneck::{Bottleneck, Pacing};
    use crate::domain::summary::RequestCounts;
    use crate::report::{Progress, SendingTotals};

    #[test]
    fn a_resumed_run_starts_where_it_stood() {
        let mut state = ProgressState::default();
        assert_eq!(state.percent(), 100);
        state.begin(1000, 9000, Instant::now());
        assert_eq!(
            (state.done(), state.all(), state.percent()),
            (9000, 10_000, 90)
        );
        let progress = Progress {
            done: 999,
            ..Progress::default()
        };
        state.record(&progress, Instant::now());
        assert_eq!(state.percent(), 99);
    }

    #[test]
    fn what_a_canary_counted_is_kept_when_the_other_rows_follow() {
        let mut state = ProgressState::default();
        for _ in 0..2 {
            state.begin(10, 0, Instant::now());
            let mut progress = Progress::default();
            progress.totals.requests.sent = 5;
            state.record(&progress, Instant::now());
        }
        assert_eq!(state.totals().requests.sent, 10);
        assert_eq!(state.progress.totals.requests.sent, 5);
    }

    #[test]
    fn a_pause_counts_as_time_left_and_other_workers_as_speed() {
        let mut state = ProgressState::default();
        let now = Instant::now();
        state.begin(2000, 0, now);
        let progress = Progress {
            done: 1200,
            // Of four workers this one sent a quarter.
            elsewhere: 900,
            totals: SendingTotals {
                requests: RequestCounts {
                    sent: 300,
                    ..RequestCounts::default()
                },
                ..SendingTotals::default()
            },
            pacing: Pacing {
                rate: Some(98.5),
                bound: Bottleneck::Advertised,
                paused_ms: Some(60_000),
                ..Pacing::default()
            },
        };
        state.record(&progress, now);
        // 800 rows at the advertised rate, after the pause.
        assert_eq!(
            Speed::of(&state, now).left,
            Some(Duration::from_secs(60 + 8))
        );
    }

    #[test]
    fn a_note_is_kept_until_more_rows_are_done() {
        let mut state = ProgressState::default();
        let now = Instant::now();
        state.begin(10, 0, now);
        "status 500".clone_into(&mut state.note);
        state.record(&Progress::default(), now);
        assert_eq!(state.note, "status 500");
        let progress = Progress {
            done: 1,
            ..Progress::default()
        };
        state.record(&progress, now);
        assert_eq!(state.note, "");
    }
}
