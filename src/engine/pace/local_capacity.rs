//! How many requests this machine has room for: it may have too few descriptors,
//! ports or buffers for as many as are wanted (pure).

/// How many requests this machine has room for, as far as that is known. It
/// shrinks to what was in flight when there was none, and grows slowly.
#[derive(Debug, Default)]
pub(in crate::engine) struct LocalCapacity {
    most: Option<usize>,
    answered: usize,
}

/// After how many answers for each request in flight one more is tried.
const ANSWERS_TO_GROW: usize = 20;

impl LocalCapacity {
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
