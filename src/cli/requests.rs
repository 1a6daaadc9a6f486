//! How fast requests are sent, and for how long a response is awaited.

use clap::Args;

use super::scalar::Scalar;

/// How fast requests are sent, and for how long a response is awaited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct RequestOptions {
    /// Requests at this rate, never faster: N or N/s, N/m, unlimited
    #[arg(long, value_name = "N")]
    pub rate: Option<Scalar>,
    /// Finds the rate that works, up to this one
    #[arg(long, value_name = "N", conflicts_with = "rate")]
    pub max_rate: Option<Scalar>,
    /// One request's time-out: a number of seconds, or 500ms, 30s, 5m
    #[arg(long, value_name = "DUR")]
    pub timeout: Option<String>,
}
