//! The clocks of workers in virtual time: each begins somewhere, and none has the right speed.

use std::cell::Cell;
use std::time::Duration;

thread_local! {
    /// What the clock of the worker shows that acts now.
    static SHOWN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The clock of the worker that acts now, as a [`LeaseDeadline`] reads it.
///
/// [`LeaseDeadline`]: crate::ledger::workers::LeaseDeadline
pub(super) fn shown() -> Duration {
    SHOWN.get()
}

/// One worker's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct DriftingClock {
    /// What it shows at the start of the simulation.
    began: Duration,
    /// How much it shows in a second.
    speed: f64,
}

impl DriftingClock {
    /// A clock that is at most `drift` parts of a million too fast or too slow.
    pub(super) fn random(rng: &mut fastrand::Rng, drift: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "it is small")]
        let most = drift as f64 / 1e6;
        Self {
            began: Duration::from_millis(rng.u64(0..100_000_000)),
            speed: 1.0 + most * (rng.f64() * 2.0 - 1.0),
        }
    }

    /// What it shows at `now`.
    pub(super) fn at(self, now: Duration) -> Duration {
        self.began + now.mul_f64(self.speed)
    }

    /// Lets [`shown`] show it, at `now`.
    pub(super) fn show(self, now: Duration) {
        SHOWN.set(self.at(now));
    }

    /// When it will show `time`; now, if it has.
    pub(super) fn when(self, now: Duration, time: Duration) -> Duration {
        now + time.saturating_sub(self.at(now)).div_f64(self.speed)
    }
}
