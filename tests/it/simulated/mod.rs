//! A server in virtual time, as a file describes it, and a run against it.
//!
//! Times are seconds since the run's start, as the files have them.

pub(crate) mod limits;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod tells;

use serde::Deserialize;

use self::server::SimulatedServer;

/// A server, a run against it, and what is expected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// In one line.
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) run: SimulatedRun,
    pub(crate) server: SimulatedServer,
    pub(crate) expect: ExpectedFigures,
}

/// How the importer is run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SimulatedRun {
    /// `--rate`.
    pub(crate) rate: Option<String>,
    /// `--max-rate`.
    pub(crate) max_rate: String,
    /// `--concurrency`.
    pub(crate) concurrency: usize,
    pub(crate) seconds: f64,
}

impl Default for SimulatedRun {
    fn default() -> Self {
        Self {
            rate: None,
            max_rate: "2000".to_owned(),
            concurrency: 64,
            seconds: 120.0,
        }
    }
}

/// The targets.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedFigures {
    /// The time from which the share is counted.
    pub(crate) after: f64,
    /// The least share of what the server allows by then.
    pub(crate) share: f64,
    /// The largest share of requests answered with 429, over the whole run.
    pub(crate) refused: f64,
}

/// A time in which a setting differs.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(default)]
pub(crate) struct ScenarioPhase {
    pub(crate) from: f64,
    pub(crate) until: f64,
    /// The factor; or the requests a second.
    pub(crate) by: f64,
}

impl Default for ScenarioPhase {
    /// Always.
    fn default() -> Self {
        Self {
            from: 0.0,
            until: f64::INFINITY,
            by: 1.0,
        }
    }
}

impl ScenarioPhase {
    /// The `by` at a time; `None` where no phase covers it.
    pub(crate) fn at(phases: &[Self], now: f64) -> Option<f64> {
        let now_on = |phase: &&Self| phase.from <= now && now < phase.until;
        phases.iter().find(now_on).map(|phase| phase.by)
    }
}
