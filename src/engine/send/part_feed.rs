//! How the input is read part by part.

use std::time::Duration;

/// How often it is asked again for a part of the input while others have all.
pub(super) const PART_AGAIN: Duration = Duration::from_millis(250);

/// How the parts of the input are read in a run that several workers share.
pub struct PartFeed<R> {
    /// How many rows a part has.
    pub rows: u64,
    /// Opens the input again, from its start: a part may be taken over from a worker that
    /// died.
    pub again: Box<dyn FnMut() -> R + Send>,
}

impl<R> std::fmt::Debug for PartFeed<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartFeed")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}
