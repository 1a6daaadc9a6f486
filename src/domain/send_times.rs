//! When creates of earlier runs may have taken effect, by the server's clock.

/// How far the clocks may be apart that the times are read from: a run's own, that of the
/// server's `Date` and that of `created`; and how long a run may live after it last wrote.
const APART_MS: i64 = 60_000;

/// The time of one run, by its own clock, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunTime {
    /// When it began.
    pub began_ms: i64,
    /// When it was last seen alive; `None` of one that may live.
    pub alive_ms: Option<i64>,
    /// How far the server's clock was ahead of its own at most, if known.
    pub clock_ahead_ms: Option<i64>,
    /// How long a create that it sent may have taken to take effect.
    pub landing_ms: u64,
}

/// The times in which creates may have taken effect: while a run lived, and for as long after
/// as they take to land. By default any time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendTimes(Option<Vec<(i64, i64)>>);

impl SendTimes {
    /// The times of `runs`.
    pub fn of(runs: impl IntoIterator<Item = RunTime>) -> Self {
        let time = |run: RunTime| {
            let ahead = run.clock_ahead_ms.unwrap_or_default();
            let landing = i64::try_from(run.landing_ms).unwrap_or(i64::MAX);
            let from = run.began_ms.saturating_add(ahead).saturating_sub(APART_MS);
            let until = run.alive_ms.map_or(i64::MAX, |alive| {
                let latest = alive.saturating_add(ahead).saturating_add(landing);
                latest.saturating_add(APART_MS)
            });
            (from, until)
        };
        let mut times: Vec<(i64, i64)> = runs.into_iter().map(time).collect();
        times.sort_unstable();
        times.dedup_by(|next, last| {
            let is_one = next.0 <= last.1;
            last.1 = if is_one { last.1.max(next.1) } else { last.1 };
            is_one
        });
        Self(Some(times))
    }

    /// Whether a create may have taken effect at this time on the server's clock.
    pub fn include(&self, created: Option<i64>) -> bool {
        let Some(times) = &self.0 else {
            return true;
        };
        created.is_some_and(|created| {
            let begun = times.partition_point(|(from, _)| *from <= created);
            let last = times.get(..begun).and_then(<[_]>::last);
            last.is_some_and(|(_, until)| created <= *until)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{RunTime, SendTimes};

    const HOUR_MS: i64 = 3_600_000;

    fn run(began: i64, alive: Option<i64>) -> RunTime {
        RunTime {
            began_ms: began * HOUR_MS,
            alive_ms: alive.map(|alive| alive * HOUR_MS),
            clock_ahead_ms: Some(5000),
            landing_ms: 30_000,
        }
    }

    #[test]
    fn creates_take_effect_while_a_run_lives_and_for_a_while_after() {
        let times = SendTimes::of([run(9, Some(10)), run(1, Some(4)), run(2, Some(3))]);
        for (created, expected) in [
            (HOUR_MS - 55_001, false),
            (HOUR_MS - 55_000, true),
            (3 * HOUR_MS + HOUR_MS / 2, true),
            (4 * HOUR_MS + 95_000, true),
            (4 * HOUR_MS + 95_001, false),
            // Between two runs.
            (8 * HOUR_MS, false),
            (9 * HOUR_MS, true),
            (48 * HOUR_MS, false),
        ] {
            assert_eq!(times.include(Some(created)), expected, "{created}");
        }
        assert!(!times.include(None));
        assert!(SendTimes::of([run(1, None)]).include(Some(48 * HOUR_MS)));
        assert!(!SendTimes::of([]).include(Some(1)));
        assert!(SendTimes::default().include(Some(1)));
    }
}
