//! What determines the rate of a run's requests.

/// What determines the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateBound {
    /// `--rate` or `--max-rate`.
    Ceiling,
    /// A limit that the server advertises.
    Advertised,
    /// An earlier refusal.
    Refused,
    /// Nothing yet: it is growing.
    Growing,
}
