//! What is done where this machine has no room for one more request.

use std::time::Duration;

use super::sender::Sender;
use crate::kable::{CustomerApi, Trouble};
use crate::report::{Event, Observer};

/// The pause where this machine has no room for a single request.
const CROWDED_PAUSE: Duration = Duration::from_secs(1);

impl<A: CustomerApi, O: Observer> Sender<A, O> {
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
            self.observer.observe(&Event::Crowded { message, most });
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
