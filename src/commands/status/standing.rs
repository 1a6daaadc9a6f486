//! How far a run is, how fast it goes, and how long it will take, from its checkpoint.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Zoned;

use crate::commands::checkpoint;
use crate::domain::outcome::Outcome;
use crate::domain::timeline::{IntervalCounts, RunHistory, Timeline};
use crate::ledger::{Ledger, LedgerError, LedgerStatus};

/// The time over which speed is measured: as long as the progress line does.
const RECENT_MS: u64 = 15_000;

/// What the latest run on a checkpoint is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunPhase {
    /// There was no run.
    NotBegun,
    /// A process holds the checkpoint, and its run has not begun: it reads and checks.
    Checking,
    /// It sends.
    Sending,
    /// It has ended, and its process writes the results.
    WritingResults,
    /// It has ended, and its process too.
    Ended,
    /// Its process ended without saying so.
    CutOff,
}

impl RunPhase {
    /// Its name in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::NotBegun => "not_begun",
            Self::Checking => "checking",
            Self::Sending => "sending",
            Self::WritingResults => "writing_results",
            Self::Ended => "ended",
            Self::CutOff => "cut_off",
        }
    }
}

/// The state of a checkpoint at a moment.
#[derive(Debug, Clone)]
pub(super) struct RunStanding {
    pub(super) path: PathBuf,
    pub(super) now: Zoned,
    /// Its counts, with the rows of the latest run that were never claimed.
    pub(super) status: LedgerStatus,
    pub(super) latest: Option<RunHistory>,
    /// What other workers of the latest run did.
    pub(super) others: Vec<RunHistory>,
    /// The process that holds it.
    pub(super) holder: Option<String>,
    /// Whether that process has not begun its run: it took the checkpoint after the latest one
    /// began.
    pub(super) is_before_run: bool,
}

/// How many rows are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowsDone {
    pub(super) done: u64,
    pub(super) all: u64,
}

impl RowsDone {
    /// In per cent, rounded down: 100 means all.
    pub(super) fn percent(self) -> u64 {
        let hundredfold = u128::from(self.done) * 100;
        u64::try_from(hundredfold / u128::from(self.all.max(1))).unwrap_or(100)
    }
}

/// The speed of a run, and how long it will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RunSpeed {
    pub(super) rows_a_second: f64,
    pub(super) left: Option<Duration>,
}

impl RunStanding {
    /// Reads the checkpoint at `path`; changes nothing, and keeps no run waiting.
    pub(super) fn of(path: PathBuf, now: Zoned) -> Result<Self, LedgerError> {
        let mut ledger = checkpoint::open_to_read(&path)?;
        let status = with_unclaimed(ledger.status()?);
        let holder = checkpoint::holder(&path, &status);
        let mut runs = ledger.runs()?;
        let latest = runs.pop();
        let began = latest.as_ref().map(|latest| latest.began_ms);
        runs.retain(|run| status.workers.len() > 1 && Some(run.began_ms) == began);
        Ok(Self {
            latest,
            others: runs,
            is_before_run: holder
                .as_ref()
                .zip(began)
                .is_some_and(|(holder, began)| holder.is_after_run(began)),
            holder: holder.map(|holder| holder.name),
            status,
            path,
            now,
        })
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now.timestamp().as_millisecond()
    }

    /// What the latest run is doing.
    pub(super) fn phase(&self) -> RunPhase {
        let is_held = self.holder.is_some();
        let Some(latest) = &self.latest else {
            return if is_held {
                RunPhase::Checking
            } else {
                RunPhase::NotBegun
            };
        };
        match (is_held, &latest.ended) {
            (true, _) if self.is_before_run => RunPhase::Checking,
            (true, None) => RunPhase::Sending,
            (true, Some(_)) => RunPhase::WritingResults,
            (false, Some(_)) => RunPhase::Ended,
            (false, None) => RunPhase::CutOff,
        }
    }

    /// How many rows the latest run rejected; `None` if its checkpoint doesn't tell.
    pub(super) fn rejected(&self) -> Option<u64> {
        let timeline = &self.latest.as_ref()?.timeline;
        (!timeline.intervals.is_empty()).then_some(timeline.rejected)
    }

    /// What the latest run did; `None` if its checkpoint doesn't tell.
    pub(super) fn this_run(&self) -> Option<IntervalCounts> {
        let timelines = self.latest.iter().chain(&self.others);
        let timelines = timelines.map(|run| &run.timeline);
        timelines
            .filter(|timeline| !timeline.intervals.is_empty())
            .map(Timeline::total)
            .reduce(IntervalCounts::plus)
    }

    /// How long the latest run has been going on, or was.
    pub(super) fn elapsed(&self) -> Duration {
        let Some(latest) = &self.latest else {
            return Duration::ZERO;
        };
        let until = match self.phase() {
            RunPhase::Sending => self.now_ms(),
            RunPhase::NotBegun
            | RunPhase::Checking
            | RunPhase::WritingResults
            | RunPhase::Ended
            | RunPhase::CutOff => latest.changed_ms,
        };
        let millis = until.saturating_sub(latest.began_ms);
        Duration::from_millis(u64::try_from(millis).unwrap_or_default())
    }

    /// How many rows were settled.
    pub(super) fn settled(&self) -> u64 {
        let tally = &self.status.tally;
        tally.sum() - tally.of(Outcome::Pending) - tally.of(Outcome::Unresolved)
    }

    /// How many rows are done of all. Not of a sync, which records no row that was equal,
    /// nor of a rollback.
    pub(super) fn progress(&self) -> Option<RowsDone> {
        let all = self.status.tally.sum();
        (self.status.command == "import" && all > 0).then(|| RowsDone {
            done: self.settled(),
            all,
        })
    }

    /// The speed of a run that sends. While a rate is the bottleneck, the time left
    /// follows from the rate, because the recent speed may have been lower. During an
    /// outage it is not known.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a speed for people; counts below 2⁵³ are exact"
    )]
    pub(super) fn speed(&self) -> Option<RunSpeed> {
        let latest = self.latest.as_ref()?;
        if self.phase() != RunPhase::Sending {
            return None;
        }
        let at_ms = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        let recent = |run: &RunHistory| run.timeline.rows_a_second(at_ms, RECENT_MS);
        let others = self.others.iter().filter_map(recent);
        let rows_a_second = recent(latest)? + others.sum::<f64>();
        let run = latest.timeline.total();
        let pacing = self.status.figures.pacing.unwrap_or_default();
        let speed = match pacing.rate {
            Some(rate) if pacing.bound.is_rate() && run.rows() > 0 => {
                rate * run.rows() as f64 / run.sent.max(1) as f64
            }
            Some(_) | None => rows_a_second,
        };
        let rows = self.progress().map(|rows| rows.all - rows.done);
        let is_down = pacing.bound == crate::domain::bottleneck::Bottleneck::Down;
        let left = rows
            .filter(|_| !is_down)
            .and_then(|rows| Duration::try_from_secs_f64((rows as f64 / speed).round()).ok());
        Some(RunSpeed {
            rows_a_second,
            left: left.map(|left| left + self.pause_left().unwrap_or_default()),
        })
    }

    /// How much of a pause is left.
    pub(super) fn pause_left(&self) -> Option<Duration> {
        let paused_ms = self.status.figures.pacing?.paused_ms?;
        let since_ms = self.now_ms().saturating_sub(self.status.changed_ms);
        let since_ms = u64::try_from(since_ms).unwrap_or_default();
        let left = Duration::from_secs(paused_ms.saturating_sub(since_ms).div_ceil(1000));
        (!left.is_zero()).then_some(left)
    }
}

/// Adds the rows of the latest run's input that were never claimed, of which the
/// checkpoint knows only that they were fit to send. If other inputs used the same
/// checkpoint, there may be more than this.
pub(in crate::commands) fn with_unclaimed(mut status: LedgerStatus) -> LedgerStatus {
    let unclaimed = status.fit_rows.saturating_sub(status.tally.sum());
    status.tally.add_many(Outcome::Pending, unclaimed);
    status
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::{RowsDone, RunPhase, RunStanding, with_unclaimed};
    use crate::domain::bottleneck::{Bottleneck, Pacing};
    use crate::domain::outcome::Outcome;
    use crate::domain::timeline::{IntervalCounts, RunHistory, Timeline};
    use crate::ledger::LedgerStatus;

    /// An import that began 100 seconds ago, after an earlier run: 10,100 of 40,000 rows.
    pub(in crate::commands::status) fn running() -> RunStanding {
        let now: jiff::Zoned = "2026-11-28T03:15:00+00:00[UTC]".parse().unwrap();
        let now_ms = now.timestamp().as_millisecond();
        let mut status = LedgerStatus {
            command: "import".to_owned(),
            inputs: vec!["in.csv".to_owned()],
            fit_rows: 40_000,
            ours: 10_090,
            changed_ms: now_ms,
            runs: 2,
            first_began_ms: now_ms - 20_000_000,
            ..LedgerStatus::default()
        };
        status.target.base_url = "https://test.kable.io".to_owned();
        status.target.kable_client_id = "kci_1".to_owned();
        status.tally.add_many(Outcome::Created, 10_090);
        status.tally.add_many(Outcome::Failed, 10);
        status.tally.add_many(Outcome::Unresolved, 64);
        status.figures.elapsed_ms = 1_900_000;
        status.figures.requests.sent = 10_200;
        status.figures.requests.throttled = 40;
        status.figures.requests.lookups = 3;
        status.figures.pacing = Some(Pacing {
            rate: Some(98.5),
            in_flight: 9,
            window: 18,
            bound: Bottleneck::Concurrency,
            paused_ms: None,
            waiting: 3,
        });
        let interval = IntervalCounts {
            created: 99,
            failed: 1,
            sent: 101,
            throttled: 1,
            ..IntervalCounts::default()
        };
        RunStanding {
            path: "in.csv.checkpoint.db".into(),
            now,
            status: with_unclaimed(status),
            latest: Some(RunHistory {
                command: "import".to_owned(),
                began_ms: now_ms - 100_000,
                changed_ms: now_ms,
                ended: None,
                timeline: Timeline {
                    interval_ms: 10_000,
                    intervals: vec![interval; 10],
                    ..Timeline::default()
                },
            }),
            others: Vec::new(),
            holder: Some("process 7 on host".to_owned()),
            is_before_run: false,
        }
    }

    /// The same run, when its process has ended.
    pub(in crate::commands::status) fn ended(how: Option<&str>) -> RunStanding {
        let mut standing = running();
        standing.holder = None;
        let how = how.map(str::to_owned);
        standing.status.ended.clone_from(&how);
        if let Some(latest) = &mut standing.latest {
            latest.ended = how;
        }
        standing
    }

    #[test]
    fn the_phase_follows_from_the_lock_and_the_latest_run() {
        assert_eq!(running().phase(), RunPhase::Sending);
        assert_eq!(ended(None).phase(), RunPhase::CutOff);
        let mut standing = ended(Some("finished"));
        assert_eq!(standing.phase(), RunPhase::Ended);
        standing.holder = Some("process 7 on host".to_owned());
        assert_eq!(standing.phase(), RunPhase::WritingResults);
        // Another process has taken it since.
        standing.is_before_run = true;
        assert_eq!(standing.phase(), RunPhase::Checking);
        standing.latest = None;
        assert_eq!(standing.phase(), RunPhase::Checking);
        standing.holder = None;
        assert_eq!(standing.phase(), RunPhase::NotBegun);
    }

    #[test]
    fn the_speed_is_that_of_the_last_seconds_and_the_time_left_follows() {
        let mut standing = running();
        let speed = standing.speed().unwrap();
        assert!((speed.rows_a_second - 10.0).abs() < 0.01, "{speed:?}");
        // 29,900 rows at ten a second.
        assert_eq!(speed.left, Some(Duration::from_secs(2990)));
        let pacing = standing.status.figures.pacing.as_mut().unwrap();
        pacing.bound = Bottleneck::Rate;
        pacing.rate = Some(101.0);
        assert_eq!(standing.speed().unwrap().left.unwrap().as_secs(), 299);
        let pacing = standing.status.figures.pacing.as_mut().unwrap();
        pacing.paused_ms = Some(59_100);
        assert_eq!(standing.speed().unwrap().left.unwrap().as_secs(), 359);
        let pacing = standing.status.figures.pacing.as_mut().unwrap();
        pacing.bound = Bottleneck::Down;
        assert_eq!(standing.speed().unwrap().left, None);
        assert_eq!(ended(None).speed(), None);
    }

    #[test]
    fn a_run_that_has_done_nothing_yet_has_no_speed() {
        let mut standing = running();
        standing.latest.as_mut().unwrap().timeline.intervals.clear();
        assert_eq!((standing.speed(), standing.this_run()), (None, None));
    }

    #[test]
    fn rows_that_were_never_claimed_are_pending() {
        let mut status = LedgerStatus {
            fit_rows: 3000,
            ..LedgerStatus::default()
        };
        status.tally.add_many(Outcome::Created, 69);
        status.tally.add_many(Outcome::Pending, 531);
        let mut standing = running();
        standing.status = with_unclaimed(status);
        assert_eq!(standing.status.tally.of(Outcome::Pending), 2931);
        assert_eq!(standing.settled(), 69);
    }

    #[test]
    fn only_all_rows_are_a_hundred_per_cent() {
        let percent = |done, all| RowsDone { done, all }.percent();
        assert_eq!(percent(39_999, 40_000), 99);
        assert_eq!(percent(40_000, 40_000), 100);
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
        assert_eq!(percent(0, 0), 0);
    }

    /// A sync records no row that was equal.
    #[test]
    fn of_a_sync_it_is_not_known_how_many_rows_are_done() {
        let mut standing = running();
        "sync".clone_into(&mut standing.status.command);
        assert_eq!(standing.progress(), None);
        assert_eq!(standing.speed().unwrap().left, None);
    }
}
