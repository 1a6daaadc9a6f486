//! Decides when a customer that look-ups did not find is proved absent (pure).
//!
//! A create whose response was lost may land late, and a look-up may be answered by a
//! lagging replica, so one 404 proves nothing. Absence takes several of them, over a period
//! in which every request that was sent has landed. The period grows with the time-out and
//! with the slowest response of the run: a server that responds slowly also lands creates
//! slowly.

use std::time::Duration;

/// The shortest period that proves absence.
const SHORTEST: Duration = Duration::from_secs(5);

/// The longest.
const LONGEST: Duration = Duration::from_mins(10);

/// The period as a multiple of the slowest response.
const OF_SLOWEST: u32 = 4;

/// The period as a multiple of the time-out, if the API did not respond.
const OF_TIMEOUT: u32 = 2;

/// How many look-ups must have found nothing.
const LOOKS: u32 = 3;

/// Interval of look-ups after the period's end, as a divisor of the period.
const LATE: u32 = 8;

/// Look-ups within the period come after these fractions of it, as divisors.
const SPREAD: [u32; 4] = [8, 4, 2, 1];

/// How long lost creates may take to land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landing {
    /// The period that `--settle` sets; computed if absent.
    pub given: Option<Duration>,
    /// One request's time-out.
    pub timeout: Duration,
    /// How long requests of earlier runs that got no response may take to land.
    pub earlier: Duration,
}

impl Landing {
    /// How long a create that is in doubt for this reason may take to land, if the slowest
    /// response of the run took `slowest`.
    pub fn time(self, doubt: Doubt, slowest: Duration) -> Duration {
        if let Some(given) = self.given {
            return given;
        }
        let by_answers = slowest.saturating_mul(OF_SLOWEST).max(SHORTEST);
        let ours = match doubt {
            Doubt::Failed => by_answers,
            Doubt::Unanswered | Doubt::EarlierRun => {
                by_answers.max(self.timeout.saturating_mul(OF_TIMEOUT))
            }
        }
        .min(LONGEST);
        match doubt {
            Doubt::Failed | Doubt::Unanswered => ours,
            Doubt::EarlierRun => ours.max(self.earlier),
        }
    }
}

/// Why the fate of a create is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The API answered that it failed.
    Failed,
    /// The API did not answer, and may still be working on it.
    Unanswered,
    /// An earlier run sent it, and recorded no response.
    EarlierRun,
}

/// Look-ups that found nothing since a request that may have created the customer. Times
/// are since the run's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    since: Duration,
    doubt: Doubt,
    looks: u32,
    needed: u32,
}

/// What a look-up that found nothing proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The customer is absent, and no request sent before will create it.
    Absent,
    /// Nothing yet: look up again at this time.
    LookAgain(Duration),
}

impl Absence {
    /// No look-up yet since a request that ended at `since`.
    pub fn since(since: Duration, doubt: Doubt) -> Self {
        Self {
            since,
            doubt,
            looks: 0,
            needed: LOOKS,
        }
    }

    /// The same for a request of an earlier run, which ended before this one began. One
    /// look-up is enough if that run is old: replicas do not lag that long.
    pub fn of_earlier_run() -> Self {
        Self::of_earlier_holder(Duration::ZERO)
    }

    /// The same for a request of another worker of this run, or of an earlier run, which ended
    /// before `since`.
    pub fn of_earlier_holder(since: Duration) -> Self {
        Self {
            needed: 1,
            ..Self::since(since, Doubt::EarlierRun)
        }
    }

    /// How long a create took to land that is found at `now`, after a look-up had found
    /// nothing.
    pub fn landed(&self, now: Duration) -> Option<Duration> {
        let is_late = self.looks > 0 && self.doubt != Doubt::EarlierRun;
        is_late.then(|| now.saturating_sub(self.since))
    }

    /// Records a look-up that found nothing at `now`; lost creates may take up to
    /// `landing`.
    pub fn not_found(&mut self, now: Duration, landing: impl FnOnce(Doubt) -> Duration) -> Proof {
        self.looks += 1;
        let landing = landing(self.doubt);
        if landing.is_zero() {
            return Proof::Absent;
        }
        let end = self.since + landing;
        if now >= end && self.looks >= self.needed {
            return Proof::Absent;
        }
        if self.needed == 1 {
            return Proof::LookAgain(end);
        }
        let spread = SPREAD.iter().map(|part| self.since + landing / *part);
        let late = now + landing / LATE;
        Proof::LookAgain(spread.into_iter().find(|at| *at > now).unwrap_or(late))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Absence, Doubt, Landing, Proof};

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn landing(timeout: u64) -> Landing {
        Landing {
            given: None,
            timeout: seconds(timeout),
            earlier: Duration::ZERO,
        }
    }

    #[test]
    fn the_time_grows_with_the_timeout_and_with_the_slowest_answer() {
        let time = |timeout, doubt, slowest| landing(timeout).time(doubt, seconds(slowest));
        assert_eq!(time(1, Doubt::Unanswered, 0), seconds(5));
        assert_eq!(time(30, Doubt::Unanswered, 0), seconds(60));
        assert_eq!(time(30, Doubt::Unanswered, 30), seconds(120));
        assert_eq!(time(30, Doubt::Failed, 0), seconds(5));
        assert_eq!(time(30, Doubt::Failed, 4), seconds(16));
        assert_eq!(time(300, Doubt::Unanswered, 300), seconds(600));
    }

    /// The time-out may differ between runs.
    #[test]
    fn what_an_earlier_run_sent_may_take_as_long_as_it_did_there() {
        let patient = Landing {
            earlier: seconds(60),
            ..landing(1)
        };
        let time = |doubt| patient.time(doubt, Duration::ZERO);
        assert_eq!(time(Doubt::EarlierRun), seconds(60));
        assert_eq!(time(Doubt::Unanswered), seconds(5));
        let hasty = Landing {
            earlier: seconds(5),
            ..landing(30)
        };
        assert_eq!(hasty.time(Doubt::EarlierRun, Duration::ZERO), seconds(60));
    }

    #[test]
    fn what_the_user_says_counts() {
        let given = Landing {
            given: Some(seconds(90)),
            timeout: seconds(1),
            earlier: seconds(200),
        };
        for doubt in [Doubt::Failed, Doubt::Unanswered, Doubt::EarlierRun] {
            assert_eq!(given.time(doubt, seconds(100)), seconds(90));
        }
    }

    #[test]
    fn absence_takes_several_look_ups_spread_over_the_time() {
        let mut absence = Absence::since(seconds(100), Doubt::Unanswered);
        let mut now = seconds(100);
        let mut at = Vec::new();
        while let Proof::LookAgain(next) = absence.not_found(now, |_| seconds(40)) {
            at.push(next);
            now = next;
        }
        assert_eq!(at, [105, 110, 120, 140].map(seconds));
    }

    #[test]
    fn look_ups_that_come_late_are_spread_as_well() {
        let mut absence = Absence::since(seconds(0), Doubt::Unanswered);
        let again = |seconds_later| Proof::LookAgain(seconds(seconds_later));
        assert_eq!(absence.not_found(seconds(500), |_| seconds(40)), again(505));
        assert_eq!(absence.not_found(seconds(505), |_| seconds(40)), again(510));
        assert_eq!(
            absence.not_found(seconds(510), |_| seconds(40)),
            Proof::Absent
        );
    }

    #[test]
    fn what_an_earlier_run_sent_takes_one_look_up_once_the_time_is_over() {
        let mut early = Absence::of_earlier_run();
        assert_eq!(
            early.not_found(seconds(8), |_| seconds(40)),
            Proof::LookAgain(seconds(40))
        );
        let mut late = Absence::of_earlier_run();
        assert_eq!(late.not_found(seconds(41), |_| seconds(40)), Proof::Absent);
    }

    #[test]
    fn what_was_found_after_it_was_not_has_landed_late() {
        let mut absence = Absence::since(seconds(100), Doubt::Unanswered);
        assert_eq!(absence.landed(seconds(101)), None);
        absence.not_found(seconds(101), |_| seconds(40));
        assert_eq!(absence.landed(seconds(104)), Some(seconds(4)));
        let mut earlier = Absence::of_earlier_run();
        earlier.not_found(seconds(1), |_| seconds(40));
        assert_eq!(earlier.landed(seconds(4)), None);
    }

    #[test]
    fn with_no_time_at_all_one_look_up_is_believed() {
        let mut absence = Absence::since(seconds(9), Doubt::Failed);
        assert_eq!(
            absence.not_found(seconds(9), |_| Duration::ZERO),
            Proof::Absent
        );
    }
}
