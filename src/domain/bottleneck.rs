//! How fast a run is, and what keeps it from being faster.

use serde::{Deserialize, Serialize};

/// What limits the pace of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bottleneck {
    /// Reading the rows or writing the checkpoint; or there are no more rows.
    #[default]
    Rows,
    /// `--rate`.
    Rate,
    /// `--max-rate`.
    MaxRate,
    /// A limit that the server advertises.
    #[serde(rename = "told")]
    Advertised,
    /// A limit that showed in refusals.
    Refused,
    /// Nothing yet: the pace is still growing.
    Growing,
    /// The server's latency, which more requests in flight would only increase.
    Latency,
    /// `--concurrency`.
    Concurrency,
    /// A pause that the server asked for.
    Pause,
    /// The API is down.
    Down,
}

impl Bottleneck {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Rows,
        Self::Rate,
        Self::MaxRate,
        Self::Advertised,
        Self::Refused,
        Self::Growing,
        Self::Latency,
        Self::Concurrency,
        Self::Pause,
        Self::Down,
    ];

    /// Its name in the JSON log, in metrics and in what `status` says.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Rate => "rate",
            Self::MaxRate => "max_rate",
            Self::Advertised => "told",
            Self::Refused => "refused",
            Self::Growing => "growing",
            Self::Latency => "latency",
            Self::Concurrency => "concurrency",
            Self::Pause => "pause",
            Self::Down => "down",
        }
    }

    /// A description for the progress display.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Rows => "as fast as rows and disk",
            Self::Rate => "held by --rate",
            Self::MaxRate => "held by --max-rate",
            Self::Advertised => "held by the API's limit",
            Self::Refused => "held where the API begins to refuse",
            Self::Growing => "still growing",
            Self::Latency => "held by the API's latency",
            Self::Concurrency => "held by --concurrency",
            Self::Pause => "paused",
            Self::Down => "waiting for the API",
        }
    }

    /// Whether the limit is one of requests per second.
    pub const fn is_rate(self) -> bool {
        match self {
            Self::Rate | Self::MaxRate | Self::Advertised | Self::Refused | Self::Growing => true,
            Self::Rows | Self::Latency | Self::Concurrency | Self::Pause | Self::Down => false,
        }
    }
}

/// How fast a run is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Pacing {
    /// How many requests may start per second; `None` without a limit.
    pub rate: Option<f64>,
    /// How many requests are in flight.
    pub in_flight: u64,
    /// How many may be in flight.
    pub window: u64,
    /// What limits the pace.
    pub bound: Bottleneck,
    /// How much of a pause is left, in milliseconds.
    pub paused_ms: Option<u64>,
    /// Rows that were sent and not found since, and wait until their absence at Kable
    /// is proved.
    #[serde(default)]
    pub waiting: u64,
}

#[cfg(test)]
mod tests {
    use super::Bottleneck;

    #[test]
    fn names_are_those_in_which_they_are_kept() {
        for (place, bound) in Bottleneck::ALL.into_iter().enumerate() {
            assert_eq!(bound as usize, place);
            assert_eq!(serde_json::to_value(bound).unwrap(), bound.name());
        }
        assert_eq!(Bottleneck::ALL.len(), Bottleneck::Down as usize + 1);
    }
}
