//! All gates of a run together, in virtual time: token bucket, rate control, concurrency
//! limit, retry budget and circuit breaker, as `sender.rs` joins them, against a simulated
//! server. `tests/scenarios` runs the pacer alone, against many more kinds of servers.
//!
//! To add a scenario, add a row to [`SCENARIOS`]. Times are in seconds since the start.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{ticket, trouble};
use crate::domain::customer::Customer;
use crate::domain::remote::RemoteCustomer;
use crate::domain::remote_change::RemoteChange;
use crate::engine::pace::rate::Rate;
use crate::engine::pace::retry_budget::{Allowance, RetryBudget};
use crate::engine::pace::{PaceSettings, Pacer};
use crate::engine::testing::{CLAIMED_BY, sender_to};
use crate::kable::{
    Advice, Created, CustomerAddress, CustomerApi, Exchange, Failure, LookUpReply, ProbeReply,
    Reply, Trouble,
};

/// A server, a run against it, and what must hold.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    /// `--rate`; without it the rate is searched, up to 2000 requests per second.
    rate: Option<u32>,
    server: SimulatedServer,
    seconds: f64,
    /// From when on the share is measured.
    after: f64,
    /// The least share of the requests that the server would have accepted.
    share: f64,
    /// The most requests answered with 429.
    refused: usize,
    /// The most seconds from the end of the incident until the limit is used again.
    recovery: f64,
    /// The most requests sent during the incident.
    during: usize,
}

/// A server whose limit is a token bucket with a burst of a tenth of a second.
#[derive(Clone, Copy)]
struct SimulatedServer {
    per_second: f64,
    retry_after: Option<u64>,
    incident: Incident,
    from: f64,
    until: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Incident {
    None,
    /// Every request fails with 503.
    Outage,
    /// Every request is answered with 429.
    Storm,
    /// Latency rises evenly to this many times the usual one.
    Slowing(f64),
    /// The limit is this share of the usual one.
    Limit(f64),
}

const LATENCY: f64 = 0.1;
const CONCURRENCY: usize = 64;

/// Requests that wait beside those in flight.
const WAITING: usize = 4;

/// A server with 100 requests per second, without incident.
const STEADY: SimulatedServer = SimulatedServer {
    per_second: 100.0,
    retry_after: None,
    incident: Incident::None,
    from: 0.0,
    until: 0.0,
};

const USUAL: Scenario = Scenario {
    name: "",
    rate: None,
    server: STEADY,
    seconds: 180.0,
    after: 20.0,
    share: 0.9,
    refused: 0,
    recovery: f64::INFINITY,
    during: usize::MAX,
};

const SCENARIOS: [Scenario; 9] = [
    Scenario {
        name: "the given rate is the limit",
        rate: Some(100),
        after: 0.0,
        share: 0.994,
        ..USUAL
    },
    Scenario {
        name: "a steady limit, 429 without Retry-After",
        refused: 30,
        share: 0.99,
        ..USUAL
    },
    Scenario {
        name: "a steady limit, 429 with Retry-After",
        server: SimulatedServer {
            retry_after: Some(1),
            ..STEADY
        },
        refused: 10,
        share: 0.97,
        ..USUAL
    },
    Scenario {
        name: "a storm of 429 for 30 s, without Retry-After",
        server: SimulatedServer {
            incident: Incident::Storm,
            from: 60.0,
            until: 90.0,
            ..STEADY
        },
        refused: 80,
        recovery: 3.0,
        during: 65,
        share: 0.98,
        ..USUAL
    },
    Scenario {
        name: "a storm of 429 for 30 s, with Retry-After",
        server: SimulatedServer {
            retry_after: Some(5),
            incident: Incident::Storm,
            from: 60.0,
            until: 90.0,
            ..STEADY
        },
        refused: 65,
        recovery: 5.0,
        during: 60,
        share: 0.92,
        ..USUAL
    },
    Scenario {
        name: "an outage of 30 s",
        server: SimulatedServer {
            incident: Incident::Outage,
            from: 60.0,
            until: 90.0,
            ..STEADY
        },
        refused: 30,
        recovery: 2.0,
        during: 20,
        share: 0.98,
        ..USUAL
    },
    Scenario {
        name: "latency that rises to four times within a minute",
        rate: Some(100),
        server: SimulatedServer {
            per_second: 200.0,
            incident: Incident::Slowing(4.0),
            from: 60.0,
            until: 120.0,
            ..STEADY
        },
        share: 0.99,
        ..USUAL
    },
    Scenario {
        name: "the limit is halved for good",
        server: SimulatedServer {
            retry_after: Some(1),
            incident: Incident::Limit(0.5),
            from: 60.0,
            until: 180.0,
            ..STEADY
        },
        refused: 30,
        share: 0.93,
        ..USUAL
    },
    Scenario {
        name: "the limit is halved for a minute",
        server: SimulatedServer {
            retry_after: Some(1),
            incident: Incident::Limit(0.5),
            from: 60.0,
            until: 120.0,
            ..STEADY
        },
        refused: 30,
        recovery: 20.0,
        share: 0.88,
        ..USUAL
    },
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum SimulatedCall {
    Create,
    LookUp,
    Probe,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SimulatedReply {
    Accepted,
    Refused,
    Failed,
}

/// A request as the server saw it.
#[derive(Clone, Copy)]
struct LoggedRequest {
    call: SimulatedCall,
    reply: SimulatedReply,
    started: Duration,
    ended: Option<Duration>,
}

/// The server's log, and its token bucket.
#[derive(Default)]
struct RequestLog {
    requests: Vec<LoggedRequest>,
    in_flight: usize,
    peak: usize,
    tokens: f64,
    filled_at: f64,
}

#[derive(Clone)]
struct SimulatedApi {
    server: SimulatedServer,
    began: Instant,
    log: Arc<Mutex<RequestLog>>,
}

impl SimulatedServer {
    fn has(&self, now: f64, incident: Incident) -> bool {
        self.incident == incident && (self.from..self.until).contains(&now)
    }

    fn burst(&self) -> f64 {
        self.per_second / 10.0
    }

    /// The requests per second that it accepts at `now`.
    fn limit(&self, now: f64) -> f64 {
        match self.incident {
            Incident::Limit(share) if (self.from..self.until).contains(&now) => {
                self.per_second * share
            }
            Incident::Outage | Incident::Storm if (self.from..self.until).contains(&now) => 0.0,
            Incident::None
            | Incident::Outage
            | Incident::Storm
            | Incident::Slowing(_)
            | Incident::Limit(_) => self.per_second,
        }
    }

    fn latency(&self, now: f64) -> Duration {
        let factor = match self.incident {
            Incident::Slowing(most) if now >= self.from => {
                let progress = ((now - self.from) / (self.until - self.from)).min(1.0);
                1.0 + (most - 1.0) * progress
            }
            Incident::None
            | Incident::Outage
            | Incident::Storm
            | Incident::Slowing(_)
            | Incident::Limit(_) => 1.0,
        };
        Duration::from_secs_f64(LATENCY * factor)
    }

    /// The requests that it accepts between two times, of at most `ceiling` per second.
    fn accepts(&self, from: f64, until: f64, ceiling: f64) -> f64 {
        let mut accepted = 0.0;
        let mut now = from;
        while now < until {
            accepted += self.limit(now).min(ceiling) * 0.1;
            now += 0.1;
        }
        accepted
    }
}

impl SimulatedApi {
    async fn request(&self, call: SimulatedCall) -> SimulatedReply {
        let started = self.began.elapsed();
        let now = started.as_secs_f64();
        let (at, reply) = {
            let mut log = self.log.lock().unwrap();
            let reply = log.reply(&self.server, now, call);
            log.requests.push(LoggedRequest {
                call,
                reply,
                started,
                ended: None,
            });
            log.in_flight += 1;
            log.peak = log.peak.max(log.in_flight);
            (log.requests.len() - 1, reply)
        };
        tokio::time::sleep(self.server.latency(now)).await;
        let mut log = self.log.lock().unwrap();
        log.in_flight -= 1;
        log.requests[at].ended = Some(self.began.elapsed());
        reply
    }

    fn retry_after(&self) -> Option<Duration> {
        self.server.retry_after.map(Duration::from_secs)
    }
}

impl RequestLog {
    fn reply(&mut self, server: &SimulatedServer, now: f64, call: SimulatedCall) -> SimulatedReply {
        let limit = server.limit(now);
        self.tokens = (self.tokens + (now - self.filled_at) * limit).min(server.burst());
        self.filled_at = now;
        if server.has(now, Incident::Outage) {
            SimulatedReply::Failed
        } else if call == SimulatedCall::Probe {
            SimulatedReply::Accepted
        } else if self.tokens < 1.0 || server.has(now, Incident::Storm) {
            SimulatedReply::Refused
        } else {
            self.tokens -= 1.0;
            SimulatedReply::Accepted
        }
    }
}

fn exchange<T>(reply: T) -> Exchange<T> {
    Exchange {
        reply,
        date_ms: None,
        advice: Advice::default(),
    }
}

impl CustomerApi for SimulatedApi {
    async fn remove(
        &self,
        customer_id: &str,
        _removal: crate::kable::Removal,
    ) -> Exchange<Reply<crate::kable::RemovalEffect>> {
        panic!("an unplanned removal of {customer_id}")
    }

    async fn create(&self, customer: &Customer) -> Exchange<Reply<Created>> {
        exchange(match self.request(SimulatedCall::Create).await {
            SimulatedReply::Accepted => Reply::Done {
                customer: Created {
                    customer_id: format!("cus_{}", customer.client_id()),
                    keys: Vec::new(),
                    created: Some(CLAIMED_BY),
                    modified: Some(CLAIMED_BY),
                    altered: false,
                },
                status: 201,
                request_id: None,
            },
            SimulatedReply::Refused => Reply::Failed(Failure::Throttled(self.retry_after())),
            SimulatedReply::Failed => Reply::Failed(Failure::Unknown(trouble(503))),
        })
    }

    async fn change(
        &self,
        _: CustomerAddress<'_>,
        _: &RemoteChange,
    ) -> Exchange<Reply<Box<RemoteCustomer>>> {
        unreachable!("no customer exists")
    }

    async fn probe(&self) -> Exchange<ProbeReply> {
        exchange(match self.request(SimulatedCall::Probe).await {
            SimulatedReply::Accepted | SimulatedReply::Refused => ProbeReply::Good,
            SimulatedReply::Failed => ProbeReply::Trouble(trouble(503)),
        })
    }

    // A create that failed was not done.
    async fn find(&self, _: CustomerAddress<'_>) -> Exchange<LookUpReply> {
        exchange(match self.request(SimulatedCall::LookUp).await {
            SimulatedReply::Accepted => LookUpReply::Absent,
            SimulatedReply::Refused => LookUpReply::Failed(Failure::Throttled(self.retry_after())),
            SimulatedReply::Failed => LookUpReply::Failed(Failure::Unknown(trouble(503))),
        })
    }

    async fn find_in_list(
        &self,
        client_ids: &[String],
    ) -> Exchange<Result<Vec<LookUpReply>, Trouble>> {
        exchange(Ok(client_ids.iter().map(|_| LookUpReply::Absent).collect()))
    }
}

/// Sends rows for as long as the scenario lasts, and returns the server's log.
async fn simulate(scenario: &Scenario) -> RequestLog {
    let began = Instant::now();
    let log = Arc::new(Mutex::new(RequestLog {
        tokens: scenario.server.burst(),
        ..RequestLog::default()
    }));
    let mut sender = sender_to(SimulatedApi {
        server: scenario.server,
        began,
        log: Arc::clone(&log),
    });
    let ceiling = Rate::per_second(NonZeroU32::new(scenario.rate.unwrap_or(2000)).unwrap());
    sender.pace = Pacer::new(PaceSettings {
        ceiling,
        at_once: scenario.rate.is_some(),
        concurrency: CONCURRENCY,
    });
    sender.budget = RetryBudget::new(Allowance::at(ceiling)).into();
    let sender = Arc::new(sender);
    let mut workers = JoinSet::new();
    for _ in 0..CONCURRENCY + WAITING {
        let sender = Arc::clone(&sender);
        workers.spawn(async move {
            loop {
                let settled = super::settled(super::deliver(&sender, ticket()).await);
                assert!(settled.ours, "a row was not created: {settled:?}");
            }
        });
    }
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs_f64(scenario.seconds)) => {}
        ended = workers.join_next() => panic!("{}: {ended:?}", scenario.name),
    }
    assert!(!sender.stop.is_halted(), "{}", scenario.name);
    workers.shutdown().await;
    std::mem::take(&mut *log.lock().unwrap())
}

/// What is measured of a scenario, in the terms of its expectations.
#[derive(Debug)]
struct Figures {
    share: f64,
    refused: usize,
    peak: usize,
    recovery: f64,
    during: usize,
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "a scenario has few requests")]
    fn of(scenario: &Scenario, log: &RequestLog) -> Self {
        let server = &scenario.server;
        let created: Vec<f64> = log
            .requests
            .iter()
            .filter(|seen| {
                seen.call == SimulatedCall::Create && seen.reply == SimulatedReply::Accepted
            })
            .map(|seen| seen.started.as_secs_f64())
            .collect();
        let between = |from: f64, until: f64| {
            created
                .iter()
                .filter(|at| (from..until).contains(at))
                .count()
        };
        let allowed = server.accepts(scenario.after, scenario.seconds, ceiling_of(scenario));
        // The first of the seconds after the incident in which 90 % of the limit is used.
        let mut recovered = server.until;
        let enough = server.per_second.min(ceiling_of(scenario)) * 0.9;
        while (between(recovered, recovered + 1.0) as f64) < enough && recovered < scenario.seconds
        {
            recovered += 0.1;
        }
        let during = log
            .requests
            .iter()
            .filter(|seen| (server.from..server.until).contains(&seen.started.as_secs_f64()));
        Self {
            share: between(scenario.after, scenario.seconds) as f64 / allowed,
            refused: log
                .requests
                .iter()
                .filter(|seen| seen.reply == SimulatedReply::Refused)
                .count(),
            peak: log.peak,
            recovery: recovered - server.until,
            during: during.count(),
        }
    }

    fn holds(&self, scenario: &Scenario) -> bool {
        self.share >= scenario.share
            && self.refused <= scenario.refused
            && self.peak <= CONCURRENCY
            && self.recovery <= scenario.recovery
            && self.during <= scenario.during
    }
}

fn ceiling_of(scenario: &Scenario) -> f64 {
    scenario.rate.map_or(f64::INFINITY, f64::from)
}

/// The guarantees that hold in every scenario and that were broken.
fn broken(scenario: &Scenario, log: &RequestLog) -> Vec<String> {
    let mut broken = Vec::new();
    if let Some(wait) = scenario.server.retry_after.map(Duration::from_secs) {
        for refused in log
            .requests
            .iter()
            .filter(|seen| seen.reply == SimulatedReply::Refused)
        {
            let Some(ended) = refused.ended else { continue };
            let within =
                |seen: &&LoggedRequest| ended < seen.started && seen.started < ended + wait;
            if let Some(early) = log.requests.iter().find(within) {
                broken.push(format!(
                    "a request started at {:?}, in a pause",
                    early.started
                ));
            }
        }
    }
    let probes: Vec<_> = log
        .requests
        .iter()
        .filter(|seen| seen.call == SimulatedCall::Probe)
        .collect();
    for pair in probes.windows(2) {
        if pair[0].ended.is_none_or(|ended| pair[1].started < ended) {
            broken.push(format!(
                "two probes were in flight at {:?}",
                pair[1].started
            ));
        }
    }
    // From a second after an outage began, nothing but probes is sent.
    let SimulatedServer { from, until, .. } = scenario.server;
    if scenario.server.incident == Incident::Outage {
        let late = log
            .requests
            .iter()
            .filter(|seen| seen.call != SimulatedCall::Probe);
        let late = late.filter(|seen| (from + 1.0..until).contains(&seen.started.as_secs_f64()));
        broken.extend(late.map(|seen| format!("a row was sent at {:?}", seen.started)));
        if probes.is_empty() {
            broken.push("no probe was sent".to_owned());
        }
    }
    broken
}

#[test]
fn all_gates_together_use_the_limit_and_respect_it() {
    let (mut is_good, mut report) = (true, String::new());
    for scenario in &SCENARIOS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let log = runtime.block_on(simulate(scenario));
        let figures = Figures::of(scenario, &log);
        let broken = broken(scenario, &log);
        let holds = figures.holds(scenario) && broken.is_empty();
        is_good &= holds;
        writeln!(
            report,
            "{} {}: {figures:.3?} {}",
            if holds { "ok   " } else { "WRONG" },
            scenario.name,
            broken.join("; "),
        )
        .unwrap();
    }
    assert!(is_good, "\n{report}");
}
