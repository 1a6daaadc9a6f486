//! A run against a simulated server, and its results.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kable_bulk::engine::pace::backoff::RetryPolicy;
use kable_bulk::engine::pace::rate::Rate;
use kable_bulk::engine::pace::{PaceSettings, Pacer};
use tokio::time::Instant;

use super::Scenario;
use super::server::{ServerState, ServerVerdict};

/// How many more workers than `--concurrency` allows want to send.
const IMPATIENT: usize = 4;

/// How long a worker waits after a request without a response: the gate of
/// `circuit_breaker.rs`, as far as pace is concerned.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);

/// The part of the latency that a request is under way before it is counted.
const WAY: f64 = 0.2;

/// The results of a run.
#[derive(Debug)]
pub(crate) struct RunFigures {
    /// The share of what was allowed.
    pub(crate) share: f64,
    /// The share of requests answered with 429.
    pub(crate) refused: f64,
    /// The promises that were broken.
    pub(crate) broken: Vec<String>,
    /// What happened, second by second.
    pub(crate) trace: String,
}

/// What all workers of a run share.
struct RunTrace {
    scenario: Scenario,
    pacing: PaceSettings,
    pace: Pacer,
    began: Instant,
    server: Mutex<ServerState>,
    seen: Mutex<RunRecord>,
}

/// The requests of a run, as the server saw them.
#[derive(Debug, Default)]
struct RunRecord {
    started: Vec<f64>,
    accepted: Vec<f64>,
    refused: usize,
    in_flight: usize,
    most_in_flight: usize,
    trace: String,
}

/// Runs a scenario, in virtual time.
pub(crate) fn run(scenario: &Scenario, seed: u64) -> RunFigures {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(simulate(scenario.clone(), seed))
}

async fn simulate(scenario: Scenario, seed: u64) -> RunFigures {
    let rate = scenario.run.rate.as_ref();
    let pacing = PaceSettings {
        ceiling: rate.unwrap_or(&scenario.run.max_rate).parse().unwrap(),
        at_once: rate.is_some(),
        concurrency: scenario.run.concurrency,
    };
    let course = Arc::new(RunTrace {
        pacing,
        pace: Pacer::new(pacing),
        began: Instant::now(),
        server: Mutex::new(ServerState::new(scenario.server.clone(), seed)),
        seen: Mutex::default(),
        scenario,
    });
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..pacing.concurrency + IMPATIENT {
        workers.spawn(work(course.clone()));
    }
    workers.spawn(watch(course.clone()));
    let until = Duration::from_secs_f64(course.scenario.run.seconds);
    tokio::time::sleep(until).await;
    // Workers that wait for a start would continue to wait.
    workers.shutdown().await;
    course.went()
}

async fn work(course: Arc<RunTrace>) {
    loop {
        let permit = course.pace.next().await;
        let latency = course.started();
        let way = latency.mul_f64(WAY);
        tokio::time::sleep(way).await;
        let verdict = course.server.lock().unwrap().arrived(course.now());
        tokio::time::sleep(latency.saturating_sub(way)).await;
        let (quotas, asks, jitter) = {
            let mut server = course.server.lock().unwrap();
            server.answered(verdict);
            (server.tells(), server.asks(), server.drawn())
        };
        course.ended(verdict);
        let sent = permit.ended();
        match verdict {
            ServerVerdict::Lost => tokio::time::sleep(AFTER_TROUBLE).await,
            ServerVerdict::Accepted => {
                course.pace.set_advertised(&quotas);
                course.pace.accepted(sent);
            }
            ServerVerdict::Refused => {
                course.pace.set_advertised(&quotas);
                let policy = RetryPolicy::default();
                course.pace.refused(sent, asks, &policy, jitter);
            }
        }
    }
}

/// Records every second what happened in it.
async fn watch(course: Arc<RunTrace>) {
    let mut last = (0, 0);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut seen = course.seen.lock().unwrap();
        let now = (seen.accepted.len(), seen.refused);
        let pacing = course.pace.pacing();
        let line = format!(
            "{:5.0} s: {:4} accepted {:3} refused, {:.1}/s ({:?}), {} of {} in flight",
            course.now(),
            now.0 - last.0,
            now.1 - last.1,
            pacing.rate.unwrap_or(f64::INFINITY),
            pacing.bound,
            pacing.in_flight,
            pacing.window,
        );
        writeln!(seen.trace, "{line}").unwrap();
        last = now;
    }
}

impl RunTrace {
    fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// A request starts; returns the latency of its response.
    fn started(&self) -> Duration {
        let now = self.now();
        let mut seen = self.seen.lock().unwrap();
        seen.started.push(now);
        seen.in_flight += 1;
        seen.most_in_flight = seen.most_in_flight.max(seen.in_flight);
        self.server.lock().unwrap().sent(now)
    }

    fn ended(&self, verdict: ServerVerdict) {
        let mut seen = self.seen.lock().unwrap();
        seen.in_flight -= 1;
        match verdict {
            ServerVerdict::Accepted => seen.accepted.push(self.now()),
            ServerVerdict::Refused => seen.refused += 1,
            ServerVerdict::Lost => {}
        }
    }

    fn went(&self) -> RunFigures {
        let mut seen = self.seen.lock().unwrap();
        let (run, from) = (&self.scenario.run, self.scenario.expect.after);
        let allowed = self.scenario.server.allowed(
            from,
            run.seconds,
            self.pacing.ceiling.a_second(),
            run.concurrency as f64,
        );
        let counted = seen.accepted.iter().filter(|at| **at >= from).count();
        let answered = seen.accepted.len() + seen.refused;
        RunFigures {
            share: counted as f64 / allowed,
            refused: seen.refused as f64 / answered as f64,
            broken: self.broken(&seen),
            trace: std::mem::take(&mut seen.trace),
        }
    }

    /// The promises of `--rate`, `--max-rate` and `--concurrency` that were
    /// broken.
    fn broken(&self, seen: &RunRecord) -> Vec<String> {
        let mut broken = Vec::new();
        if let Rate::Limited { starts, window } = self.pacing.ceiling {
            let (many, window) = (starts.get() as usize, window.as_secs_f64());
            let pairs = seen.started.iter().zip(seen.started.iter().skip(many));
            let too_soon = pairs.filter(|(first, next)| *next - *first <= window);
            if let Some((first, _)) = too_soon.into_iter().next() {
                let rate = self.pacing.ceiling;
                broken.push(format!("more than {rate} started from {first:.3} s on"));
            }
        }
        if seen.most_in_flight > self.pacing.concurrency {
            broken.push(format!("{} were in flight", seen.most_in_flight));
        }
        broken
    }
}
