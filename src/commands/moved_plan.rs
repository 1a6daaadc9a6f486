//! A plan that no longer fits.

/// Why a saved plan is not applied: it is not as it was read. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("{what}: nothing was sent")]
pub struct MovedPlan {
    /// What moved.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}
