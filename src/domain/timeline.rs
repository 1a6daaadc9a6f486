//! A run over time: what was done in each interval, and the times in which it waited.
//!
//! The number of intervals is limited: once there are too many, two neighbours become
//! one, and each is twice as long. A run of a night takes as many bytes as one of an hour.

use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use super::summary::RequestCounts;

/// The most intervals of a run.
pub const MOST_INTERVALS: usize = 240;

/// The length of the first intervals, in milliseconds.
const FIRST_INTERVAL_MS: u64 = 1000;

/// The most waits of a run; beyond it the shortest is dropped, and counted.
const MOST_WAITS: usize = 40;

/// The shortest wait for a proof of absence: between two rows there is none in flight, which
/// is no wait.
const SHORTEST_PROOF_MS: u64 = 500;

/// What was done in an interval, or in a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
pub struct IntervalCounts {
    /// Customers created.
    pub created: u64,
    /// Rows with another outcome that is known and no failure.
    pub others: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Requests.
    pub sent: u64,
    /// Requests after the first attempt.
    pub retried: u64,
    /// Requests that were throttled.
    pub throttled: u64,
    /// How many requests were allowed to start, in tenths per second; 0 without a limit.
    pub allowed_tenths: u64,
}

impl IntervalCounts {
    /// Counts a row with this outcome.
    pub fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::AlreadyExisted
            | Outcome::Updated
            | Outcome::Unchanged
            | Outcome::Deleted
            | Outcome::Differs
            | Outcome::Missing => self.others += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Unresolved | Outcome::Pending => {}
        }
    }

    /// The sum; allowed is what was allowed last.
    #[must_use]
    pub fn plus(self, later: Self) -> Self {
        Self {
            created: self.created + later.created,
            others: self.others + later.others,
            failed: self.failed + later.failed,
            sent: self.sent + later.sent,
            retried: self.retried + later.retried,
            throttled: self.throttled + later.throttled,
            allowed_tenths: if later.allowed_tenths > 0 {
                later.allowed_tenths
            } else {
                self.allowed_tenths
            },
        }
    }

    /// All rows.
    pub fn rows(self) -> u64 {
        self.created + self.others + self.failed
    }
}

impl From<IntervalCounts> for Vec<u64> {
    /// Zeros at the end are left out.
    fn from(counts: IntervalCounts) -> Self {
        let IntervalCounts {
            created,
            others,
            failed,
            sent,
            retried,
            throttled,
            allowed_tenths,
        } = counts;
        let mut numbers = vec![
            created,
            sent,
            allowed_tenths,
            others,
            failed,
            retried,
            throttled,
        ];
        while numbers.pop_if(|last| *last == 0).is_some() {}
        numbers
    }
}

impl From<Vec<u64>> for IntervalCounts {
    fn from(numbers: Vec<u64>) -> Self {
        let mut numbers = numbers.into_iter();
        let mut next = || numbers.next().unwrap_or_default();
        Self {
            created: next(),
            sent: next(),
            allowed_tenths: next(),
            others: next(),
            failed: next(),
            retried: next(),
            throttled: next(),
        }
    }
}

/// Why a run waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// The server asked for a pause.
    Pause,
    /// The API, or its creates, did not work.
    Outage,
    /// Nothing was left to send but rows whose absence was not proved yet.
    Proof,
}

/// A time in which a run waited, in milliseconds since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunWait {
    /// Why.
    pub kind: WaitKind,
    /// When it was first seen.
    pub from_ms: u64,
    /// When it was last seen.
    pub until_ms: u64,
}

impl RunWait {
    /// How long it was.
    pub fn length_ms(self) -> u64 {
        self.until_ms - self.from_ms
    }
}

/// A run over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The length of each interval.
    pub interval_ms: u64,
    /// What was done in each, from the start of the run.
    pub intervals: Vec<IntervalCounts>,
    /// When it waited, the earliest first.
    #[serde(default)]
    pub waits: Vec<RunWait>,
    /// How many shorter waits are left out.
    #[serde(default)]
    pub short_waits: u64,
    /// Rows that were rejected before it began to send.
    #[serde(default)]
    pub rejected: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            interval_ms: FIRST_INTERVAL_MS,
            intervals: Vec::new(),
            waits: Vec::new(),
            short_waits: 0,
            rejected: 0,
        }
    }
}

impl Timeline {
    /// What was done in all.
    pub fn total(&self) -> IntervalCounts {
        let intervals = self.intervals.iter();
        intervals.fold(IntervalCounts::default(), |all, more| all.plus(*more))
    }

    /// Rows per second over about the last `span_ms` before `at_ms`, which is now; `None` of a
    /// run that has done nothing yet.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a speed for people; counts below 2⁵³ are exact"
    )]
    pub fn rows_a_second(&self, at_ms: u64, span_ms: u64) -> Option<f64> {
        let mut rows = 0;
        for (place, interval) in self.intervals.iter().enumerate().rev() {
            let place = place as u64;
            rows += interval.rows();
            let since_ms = at_ms.saturating_sub(place.saturating_mul(self.interval_ms));
            if since_ms >= span_ms || place == 0 {
                return Some(rows as f64 * 1000.0 / since_ms.max(1) as f64);
            }
        }
        None
    }

    /// Makes each two neighbours one until there are at most `most` intervals.
    pub fn coarsen(&mut self, most: usize) {
        while self.intervals.len() > most.max(1) {
            let pairs = self.intervals.chunks(2).map(|pair| {
                let pair = pair.iter();
                pair.fold(IntervalCounts::default(), |all, more| all.plus(*more))
            });
            self.intervals = pairs.collect();
            self.interval_ms = self.interval_ms.saturating_mul(2);
        }
    }

    /// Adds what was done at `at_ms`.
    fn add(&mut self, at_ms: u64, counts: IntervalCounts) {
        let place = |interval_ms: u64| usize::try_from(at_ms / interval_ms).unwrap_or(usize::MAX);
        // After a long silence there would be many intervals at once.
        while place(self.interval_ms) >= MOST_INTERVALS {
            let fewer = self.intervals.len().max(2).div_ceil(2);
            self.coarsen(fewer);
            if self.intervals.len() <= 1 {
                self.interval_ms = self.interval_ms.saturating_mul(2);
            }
        }
        let place = place(self.interval_ms);
        if self.intervals.len() <= place {
            let allowed_tenths = self.intervals.last().map_or(0, |last| last.allowed_tenths);
            let empty = IntervalCounts {
                allowed_tenths,
                ..IntervalCounts::default()
            };
            self.intervals.resize(place + 1, empty);
        }
        if let Some(interval) = self.intervals.get_mut(place) {
            *interval = interval.plus(counts);
        }
    }

    fn add_wait(&mut self, wait: RunWait) {
        if wait.kind == WaitKind::Proof && wait.length_ms() < SHORTEST_PROOF_MS {
            return;
        }
        self.waits.push(wait);
        if self.waits.len() > MOST_WAITS {
            let shortest = self.waits.iter().enumerate();
            let shortest = shortest.min_by_key(|(_, wait)| wait.length_ms());
            if let Some((place, _)) = shortest {
                self.waits.remove(place);
                self.short_waits += 1;
            }
        }
    }
}

/// What a run is doing at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RunMoment {
    /// Since its start, in milliseconds.
    pub at_ms: u64,
    /// Its requests so far.
    pub requests: RequestCounts,
    /// How many requests may start per second; `None` without a limit.
    pub allowed: Option<f64>,
    /// What it waits for, if it waits.
    pub waits: Option<WaitKind>,
}

/// Records a run over time.
#[derive(Debug, Clone, Default)]
pub struct TimelineRecorder {
    timeline: Timeline,
    /// The requests that are in it.
    requests: RequestCounts,
    /// The wait that goes on.
    open: Option<RunWait>,
}

impl TimelineRecorder {
    /// Of a run before which so many rows were rejected.
    pub fn after_rejecting(rejected: u64) -> Self {
        let mut recorder = Self::default();
        recorder.timeline.rejected = rejected;
        recorder
    }

    /// Adds the `rows` that were settled, and the requests that were sent, since the last
    /// call.
    pub fn add(&mut self, moment: RunMoment, rows: IntervalCounts) {
        let requests = moment.requests.since(self.requests);
        self.requests = moment.requests;
        let counts = IntervalCounts {
            sent: requests.sent,
            retried: requests.retried,
            throttled: requests.throttled,
            allowed_tenths: tenths(moment.allowed),
            ..rows
        };
        self.timeline.add(moment.at_ms, counts);
        self.see(moment.at_ms, moment.waits);
    }

    /// Notes whether it waits.
    fn see(&mut self, at_ms: u64, waits: Option<WaitKind>) {
        if let Some(open) = &mut self.open {
            open.until_ms = open.until_ms.max(at_ms);
        }
        if self.open.map(|open| open.kind) == waits {
            return;
        }
        if let Some(wait) = self.open.take() {
            self.timeline.add_wait(wait);
        }
        self.open = waits.map(|kind| RunWait {
            kind,
            from_ms: at_ms,
            until_ms: at_ms,
        });
    }

    /// The run until now.
    pub fn timeline(&self) -> Timeline {
        let mut timeline = self.timeline.clone();
        if let Some(open) = self.open {
            timeline.add_wait(open);
        }
        timeline
    }
}

/// In tenths, at least one for what is more than nothing.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not negative, and a cast that saturates is no limit"
)]
fn tenths(allowed: Option<f64>) -> u64 {
    allowed.map_or(0, |rate| (rate * 10.0).round().max(1.0) as u64)
}

/// A run of a checkpoint, with what it did over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHistory {
    /// The subcommand.
    pub command: String,
    /// When it began, in Unix milliseconds.
    pub began_ms: i64,
    /// When it last wrote something, in Unix milliseconds.
    pub changed_ms: i64,
    /// How it ended; `None` while it runs, or if it was killed.
    pub ended: Option<String>,
    /// What it did.
    pub timeline: Timeline,
}

#[cfg(test)]
mod tests {
    use super::{
        IntervalCounts, MOST_INTERVALS, MOST_WAITS, Outcome, RunMoment, Timeline, TimelineRecorder,
        WaitKind,
    };
    use crate::domain::summary::RequestCounts;

    fn moment(at_ms: u64, sent: u64) -> RunMoment {
        RunMoment {
            at_ms,
            requests: RequestCounts {
                sent,
                ..RequestCounts::default()
            },
            allowed: Some(50.0),
            waits: None,
        }
    }

    fn created(many: u64) -> IntervalCounts {
        IntervalCounts {
            created: many,
            ..IntervalCounts::default()
        }
    }

    /// Records a row and a request in each of `seconds`.
    fn recorded(seconds: u64) -> TimelineRecorder {
        let mut recorder = TimelineRecorder::default();
        for second in 0..seconds {
            recorder.add(moment(second * 1000, second + 1), created(1));
        }
        recorder
    }

    #[test]
    fn however_long_a_run_is_nothing_is_lost_and_its_intervals_are_few() {
        for seconds in [1, 239, 240, 241, 481, 5000, 100_000] {
            let timeline = recorded(seconds).timeline();
            let many = timeline.intervals.len();
            assert!(many <= MOST_INTERVALS, "{seconds}: {many}");
            assert!(
                seconds < 240 || many >= MOST_INTERVALS / 2,
                "{seconds}: {many}"
            );
            let total = timeline.total();
            assert_eq!((total.created, total.sent), (seconds, seconds));
            let length = timeline.interval_ms * many as u64;
            assert!(length >= seconds * 1000, "{seconds}: {length}");
        }
    }

    #[test]
    fn a_long_silence_takes_no_more_intervals() {
        let mut recorder = recorded(3);
        let year = 365 * 24 * 3600 * 1000;
        recorder.add(moment(year, 4), created(1));
        let timeline = recorder.timeline();
        assert!(timeline.intervals.len() <= MOST_INTERVALS);
        assert!(timeline.interval_ms * (timeline.intervals.len() as u64) > year);
        assert_eq!(timeline.total().created, 4);
        assert_eq!(timeline.intervals.first().unwrap().created, 3);
        // The same where nothing came before it.
        let mut recorder = TimelineRecorder::default();
        recorder.add(moment(year, 1), created(1));
        assert_eq!(recorder.timeline().total().created, 1);
        assert!(recorder.timeline().intervals.len() <= MOST_INTERVALS);
        // No moment makes it run for ever.
        recorder.add(moment(u64::MAX, 1), created(1));
        assert_eq!(recorder.timeline().total().created, 2);
    }

    #[test]
    fn an_interval_without_anything_keeps_what_was_allowed() {
        let mut recorder = TimelineRecorder::default();
        recorder.add(moment(0, 1), created(1));
        recorder.add(moment(2500, 2), created(1));
        let timeline = recorder.timeline();
        let allowed = timeline.intervals.iter().map(|one| one.allowed_tenths);
        assert_eq!(allowed.collect::<Vec<_>>(), [500, 500, 500]);
        let rows = timeline.intervals.iter().map(|one| one.rows());
        assert_eq!(rows.collect::<Vec<_>>(), [1, 0, 1]);
    }

    #[test]
    fn waits_are_recorded_from_their_first_to_their_last_moment() {
        let mut recorder = TimelineRecorder::default();
        recorder.see(100, None);
        recorder.see(200, Some(WaitKind::Pause));
        recorder.see(900, Some(WaitKind::Pause));
        recorder.see(1000, Some(WaitKind::Outage));
        let waits = |recorder: &TimelineRecorder| {
            let waits = recorder.timeline().waits;
            let waits = waits.into_iter();
            let waits = waits.map(|wait| (wait.kind, wait.from_ms, wait.until_ms));
            waits.collect::<Vec<_>>()
        };
        let paused = (WaitKind::Pause, 200, 1000);
        assert_eq!(waits(&recorder), [paused, (WaitKind::Outage, 1000, 1000)]);
        recorder.see(1500, None);
        recorder.see(9000, None);
        let down = (WaitKind::Outage, 1000, 1500);
        assert_eq!(waits(&recorder), [paused, down]);
    }

    #[test]
    fn a_moment_without_a_request_in_flight_is_no_wait() {
        let mut recorder = TimelineRecorder::default();
        for (at_ms, waits) in [(0, true), (300, false), (1000, true), (1499, true)] {
            recorder.see(at_ms, waits.then_some(WaitKind::Proof));
        }
        assert_eq!(recorder.timeline().waits, []);
        recorder.see(1500, Some(WaitKind::Proof));
        assert_eq!(recorder.timeline().waits.len(), 1);
    }

    #[test]
    fn of_many_waits_the_longest_are_kept() {
        let mut recorder = TimelineRecorder::default();
        for number in 0..100 {
            recorder.see(number * 1000, Some(WaitKind::Pause));
            recorder.see(number * 1000 + number, None);
        }
        let timeline = recorder.timeline();
        assert_eq!(timeline.waits.len(), MOST_WAITS);
        assert_eq!(timeline.short_waits, 100 - MOST_WAITS as u64);
        assert!(timeline.waits.iter().all(|wait| wait.length_ms() >= 60));
        assert!(timeline.waits.is_sorted_by_key(|wait| wait.from_ms));
    }

    #[test]
    fn it_takes_a_few_kilobytes_and_is_read_as_it_was_written() {
        let mut recorder = recorded(MOST_INTERVALS as u64 - 1);
        for number in 0..100 {
            recorder.see(10_000_000 + number, Some(WaitKind::Proof));
            recorder.see(20_000_000, None);
        }
        let timeline = recorder.timeline();
        let text = serde_json::to_string(&timeline).unwrap();
        assert!(text.len() < 10_000, "{}", text.len());
        assert_eq!(serde_json::from_str::<Timeline>(&text).unwrap(), timeline);
        assert!(text.contains("[1,1,500]"), "{text}");
        let none = serde_json::to_string(&IntervalCounts::default()).unwrap();
        assert_eq!(none, "[]");
    }

    #[test]
    fn the_speed_is_that_of_the_last_intervals() {
        let mut timeline = Timeline {
            interval_ms: 10_000,
            intervals: vec![created(1000), created(100), created(50)],
            ..Timeline::default()
        };
        let speed = |timeline: &Timeline, at_ms| timeline.rows_a_second(at_ms, 15_000);
        assert_eq!(speed(&timeline, 25_000), Some(10.0));
        // Nothing since.
        assert_eq!(speed(&timeline, 45_000), Some(2.0));
        timeline.intervals.truncate(1);
        assert_eq!(speed(&timeline, 2000), Some(500.0));
        assert_eq!(speed(&timeline, 0), Some(1_000_000.0));
        timeline.intervals.clear();
        assert_eq!(speed(&timeline, 2000), None);
    }

    #[test]
    fn a_row_counts_as_what_it_came_to() {
        let mut counts = IntervalCounts::default();
        for outcome in Outcome::ALL {
            counts.count(outcome);
        }
        assert_eq!((counts.created, counts.failed, counts.others), (1, 1, 6));
    }
}
