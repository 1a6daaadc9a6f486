//! How many requests this machine has room for: it may have too few descriptors,
//! ports or buffers for as many as are wanted.

use std::time::Duration;

use super::sender::Sending;
use crate::kable::{CustomerApi, Trouble};
use crate::report::{Event, Observer};

/// The pause where this machine has no room for a single request.
const CROWDED_PAUSE: Duration = Duration::from_secs(1);

/// How many requests this machine has room for, as far as that is known. It
/// shrinks to what was in flight when there was none, and grows slowly.
#[derive(Debug, Default)]
pub(in crate::engine) struct LocalRoom {
    most: Option<usize>,
    answered: usize,
}

/// After how many answers for each request in flight one more is tried.
const ANSWERS_TO_GROW: usize = 20;

impl LocalRoom {
    /// How many may be in flight where `window` are for other reasons.
    pub(in crate::engine) fn limit(&self, window: usize) -> usize {
        self.most.map_or(window, |most| window.min(most))
    }

    /// There was no room beside `in_flight`; how many may be in flight from now on,
    /// where that is fewer than before.
    pub(in crate::engine) fn crowded(&mut self, in_flight: usize) -> Option<usize> {
        let most = in_flight.max(1);
        self.answered = 0;
        if self.most.is_some_and(|known| known <= most) {
            return None;
        }
        self.most = Some(most);
        self.most
    }

    /// A request was answered.
    pub(in crate::engine) fn answered(&mut self) {
        let Some(most) = &mut self.most else { return };
        self.answered += 1;
        if self.answered >= *most * ANSWERS_TO_GROW {
            self.answered = 0;
            *most += 1;
        }
    }
}

impl<A: CustomerApi, O: Observer> Sending<A, O> {
    /// This machine had no room for a request: fewer are in flight from now on. It is
    /// neither the server's trouble nor the row's.
    pub(super) async fn crowded(&self, trouble: &Trouble) {
        let pause = self.crowded_for(trouble);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.stop.halted() => {}
        }
    }

    /// Likewise; how long there is to be a pause.
    pub(super) fn crowded_for(&self, trouble: &Trouble) -> Duration {
        if let Some(most) = self.pace.crowded() {
            let message = trouble.message.clone();
            self.observer.hear(&Event::Crowded { message, most });
        }
        // Where others are in flight, one of them makes room; else it is waited
        // for what made the machine short.
        if self.pace.in_flight() == 0 {
            CROWDED_PAUSE
        } else {
            Duration::ZERO
        }
    }
}
