//! How many requests this machine has resources for: file descriptors, ports or
//! buffers may run out before the concurrency limit is reached (pure).

/// A limit on requests in flight. It falls to the number in flight when resources ran
/// out, and grows slowly.
#[derive(Debug, Default)]
pub(in crate::engine) struct LocalCapacity {
    most: Option<usize>,
    answered: usize,
}

/// The limit grows by one after this many answers for each request in flight.
const ANSWERS_TO_GROW: usize = 20;

impl LocalCapacity {
    /// The lower of `window` and this limit.
    pub(in crate::engine) fn limit(&self, window: usize) -> usize {
        self.most.map_or(window, |most| window.min(most))
    }

    /// Resources ran out with `in_flight` requests. Returns the new limit if it is lower
    /// than before.
    pub(in crate::engine) fn exhausted(&mut self, in_flight: usize) -> Option<usize> {
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
