//! What keeps a run from being faster.

use serde::{Deserialize, Serialize};

/// What binds: were it not there, the run would be faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bottleneck {
    /// The rows: reading them, or the checkpoint's disk; or there are no more.
    #[default]
    Rows,
    /// `--rate`.
    Rate,
    /// `--max-rate`.
    MaxRate,
    /// A limit that the server tells.
    Told,
    /// A limit that was found by being refused.
    Refused,
    /// Nothing: the pace is still growing.
    Growing,
    /// The server's latency, which more requests in flight would only raise.
    Latency,
    /// `--concurrency`.
    Concurrency,
    /// A pause that the server asked for.
    Pause,
    /// The API is down.
    Down,
}

impl Bottleneck {
    /// What it is called in front of people.
    pub const fn said(self) -> &'static str {
        match self {
            Self::Rows => "as fast as rows and disk",
            Self::Rate => "held by --rate",
            Self::MaxRate => "held by --max-rate",
            Self::Told => "held by the limit that the API tells",
            Self::Refused => "held where the API begins to refuse",
            Self::Growing => "still growing",
            Self::Latency => "held by the API's latency",
            Self::Concurrency => "held by --concurrency",
            Self::Pause => "paused",
            Self::Down => "waiting for the API",
        }
    }

    /// Whether requests per second are what is limited.
    pub const fn is_rate(self) -> bool {
        match self {
            Self::Rate | Self::MaxRate | Self::Told | Self::Refused | Self::Growing => true,
            Self::Rows | Self::Latency | Self::Concurrency | Self::Pause | Self::Down => false,
        }
    }
}

/// How fast a run is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Pacing {
    /// How many requests may start per second; `None` where there is no limit.
    pub rate: Option<f64>,
    /// How many requests are in flight.
    pub in_flight: u64,
    /// How many may be.
    pub window: u64,
    /// What binds.
    pub bound: Bottleneck,
    /// How long a pause lasts still, in milliseconds.
    pub paused_ms: Option<u64>,
    /// Rows that were sent and are waited for, until it is proved that they are not
    /// at Kable.
    #[serde(default)]
    pub waiting: u64,
}
