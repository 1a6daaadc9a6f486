//! A server: its settings, from a file, and its state.

use std::time::Duration;

use kable_bulk::kable::Quota;
use serde::Deserialize;

use super::ScenarioPhase;
use super::limits::{LimitKind, LimitMeter, ServerLimit};
use super::tells::{LimitHeaders, RetryAfter, WrongHeaders};

/// The settings of a server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SimulatedServer {
    pub(crate) latency_ms: f64,
    /// The spread of a lognormal latency; 0 is none.
    pub(crate) sigma: f64,
    /// How many requests it processes at once; more slow all down.
    pub(crate) knee: Option<f64>,
    /// How much further requests slow all down: with 1 they take turns; with more,
    /// throughput falls as load grows.
    pub(crate) crush: f64,
    /// When latency is `by` times as long.
    pub(crate) slow: Vec<ScenarioPhase>,
    /// When there are no responses.
    pub(crate) down: Vec<ScenarioPhase>,
    /// A request needs room in all of them.
    pub(crate) limit: Vec<ServerLimit>,
    /// When limits are `by` times as high.
    pub(crate) change: Vec<ScenarioPhase>,
    /// When another client uses the limits too, `by` requests a second; those in
    /// flight are not shared.
    pub(crate) others: Vec<ScenarioPhase>,
    pub(crate) tells: LimitHeaders,
    pub(crate) lies: WrongHeaders,
    pub(crate) retry_after: Option<RetryAfter>,
}

impl Default for SimulatedServer {
    fn default() -> Self {
        Self {
            latency_ms: 100.0,
            sigma: 0.0,
            knee: None,
            crush: 1.0,
            slow: Vec::new(),
            down: Vec::new(),
            limit: Vec::new(),
            change: Vec::new(),
            others: Vec::new(),
            tells: LimitHeaders::Nothing,
            lies: WrongHeaders::default(),
            retry_after: None,
        }
    }
}

impl SimulatedServer {
    fn slowness(&self, now: f64) -> f64 {
        ScenarioPhase::at(&self.slow, now).unwrap_or(1.0)
    }

    pub(crate) fn is_down(&self, now: f64) -> bool {
        ScenarioPhase::at(&self.down, now).is_some()
    }

    /// How many requests it would accept between two times from a client that sends at most
    /// `rate` a second and has at most `concurrency` in flight.
    pub(crate) fn allowed(&self, from: f64, until: f64, rate: f64, concurrency: f64) -> f64 {
        let step = 0.1;
        let steps = ((until - from) / step) as usize;
        (0..steps)
            .map(|at| from + at as f64 * step)
            .filter(|now| !self.is_down(*now))
            .map(|now| {
                // The mean of a lognormal distribution is above its median.
                let spread = (self.sigma * self.sigma / 2.0).exp();
                let latency = self.latency_ms / 1000.0 * self.slowness(now) * spread;
                let at_once = self.knee.unwrap_or(concurrency).min(concurrency);
                let share = ScenarioPhase::at(&self.change, now).unwrap_or(1.0);
                let others = ScenarioPhase::at(&self.others, now).unwrap_or(0.0);
                let limits = self.limit.iter();
                let limit = limits
                    .map(|limit| limit.a_second(latency) * share - others)
                    .fold(rate, f64::min);
                limit.clamp(0.0, at_once / latency) * step
            })
            .sum()
    }
}

/// The state of a server.
#[derive(Debug)]
pub(crate) struct ServerState {
    temper: SimulatedServer,
    meters: Vec<LimitMeter>,
    /// When the other client sends next.
    other_at: f64,
    busy: usize,
    chance: fastrand::Rng,
}

/// The server's response to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerVerdict {
    Accepted,
    Refused,
    /// No response.
    Lost,
}

impl ServerState {
    pub(crate) fn new(temper: SimulatedServer, seed: u64) -> Self {
        Self {
            meters: temper.limit.iter().cloned().map(LimitMeter::new).collect(),
            temper,
            other_at: 0.0,
            busy: 0,
            chance: fastrand::Rng::with_seed(seed),
        }
    }

    /// From 0 to 1.
    pub(crate) fn drawn(&mut self) -> f64 {
        self.chance.f64()
    }

    /// A request leaves its client; returns the latency of its response.
    pub(crate) fn sent(&mut self, now: f64) -> Duration {
        self.busy += 1;
        // Box and Muller.
        let (u, v) = (self.drawn().max(1e-12), self.drawn());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        let temper = &self.temper;
        let crowd = temper.knee.map_or(1.0, |knee| self.busy as f64 / knee);
        let crowd = crowd.max(1.0).powf(temper.crush);
        let latency = temper.latency_ms / 1000.0 * crowd * temper.slowness(now);
        Duration::from_secs_f64(latency * (normal * temper.sigma).exp())
    }

    /// A request arrives.
    pub(crate) fn arrived(&mut self, now: f64) -> ServerVerdict {
        self.let_others_send(now);
        if self.temper.is_down(now) {
            return ServerVerdict::Lost;
        }
        if self.take(now) {
            ServerVerdict::Accepted
        } else {
            ServerVerdict::Refused
        }
    }

    /// Its client has the response.
    pub(crate) fn answered(&mut self, verdict: ServerVerdict) {
        self.busy -= 1;
        if verdict == ServerVerdict::Accepted {
            self.meters.iter_mut().for_each(LimitMeter::answered);
        }
    }

    fn let_others_send(&mut self, until: f64) {
        while self.other_at <= until {
            let now = self.other_at;
            match ScenarioPhase::at(&self.temper.others, now) {
                Some(a_second) => {
                    self.take(now);
                    self.other_at += 1.0 / a_second;
                }
                None => self.other_at += 0.1,
            }
        }
    }

    fn take(&mut self, now: f64) -> bool {
        let share = ScenarioPhase::at(&self.temper.change, now).unwrap_or(1.0);
        self.meters
            .iter_mut()
            .for_each(|meter| meter.advance(now, share));
        let passes = self.meters.iter().all(LimitMeter::has_room);
        if passes {
            self.meters.iter_mut().for_each(LimitMeter::take);
        }
        passes
    }

    /// The limits in the headers of a response.
    pub(crate) fn tells(&self) -> Vec<Quota> {
        self.temper.tells.quotas(&self.meters, &self.temper.lies)
    }

    /// How long a refusal asks to wait.
    pub(crate) fn asks(&self) -> Option<Duration> {
        let reset = || {
            let full = self.meters.iter().filter(|meter| !meter.has_room());
            let timed = full.filter(|meter| meter.limit.kind != LimitKind::InFlight);
            let longest = timed.map(LimitMeter::reset).fold(0.0, f64::max);
            Duration::from_secs(longest.ceil().max(1.0) as u64)
        };
        self.temper.retry_after.map(|after| match after {
            RetryAfter::Seconds(seconds) => Duration::from_secs(seconds),
            RetryAfter::Reset => reset(),
        })
    }
}
