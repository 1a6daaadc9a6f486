//! The state of a run for Prometheus, while it goes on.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::ProgressDisplay;
use super::state::{Phase, ProgressState, Speed};
use crate::domain::bottleneck::{Bottleneck, Pacing};
use crate::domain::latency_buckets::LatencyBuckets;
use crate::domain::outcome::Outcome;
use crate::domain::version::VERSION;
use crate::report::SendingTotals;
use crate::report::metrics_text::{
    MetricKind, MetricsText, ROWS, START_TIME, request_samples, row_samples,
};

/// The outcomes of rows that are sent.
const SENT: [Outcome; 7] = [
    Outcome::Created,
    Outcome::AlreadyExisted,
    Outcome::Updated,
    Outcome::Unchanged,
    Outcome::Differs,
    Outcome::Failed,
    Outcome::Unresolved,
];

/// The metrics of a run that goes on.
#[derive(Debug, Clone)]
pub struct LiveMetrics {
    state: Arc<Mutex<ProgressState>>,
    command: String,
    started_ms: i64,
}

impl ProgressDisplay {
    /// The metrics of what it shows: of `command`, which began at `started_ms`, Unix
    /// milliseconds.
    pub fn metrics(&self, command: &str, started_ms: i64) -> LiveMetrics {
        LiveMetrics {
            state: Arc::clone(&self.state),
            command: command.to_owned(),
            started_ms,
        }
    }
}

impl LiveMetrics {
    /// The metrics of now, in Prometheus' text format.
    pub fn text(&self) -> String {
        // A copy: the run must not wait for the text.
        let state = self.state.lock().clone();
        text(&state, Instant::now(), &self.command, self.started_ms)
    }
}

fn text(state: &ProgressState, now: Instant, command: &str, started_ms: i64) -> String {
    let mut text = MetricsText::new(&[("command", command)]);
    text.gauges(
        ("build_info", "The version of kable-bulk; always 1."),
        "version",
        [(VERSION, 1)],
    );
    let (name, help) = START_TIME;
    text.gauge(name, help, started_ms.div_euclid(1000));
    add_phase(&mut text, state);
    if command != "verify" {
        add_work(&mut text, state, command);
        add_pace(&mut text, state, now);
    }
    let age = state.workers.map_or(0.0, |(health, since)| {
        (health.oldest_heartbeat + now.duration_since(since)).as_secs_f64()
    });
    let help = "How long ago the worker that has been silent longest sent a heartbeat; 0 of a \
                process that works alone.";
    text.gauge("oldest_heartbeat_age_seconds", help, age);
    text.into_text()
}

fn add_phase(text: &mut MetricsText, state: &ProgressState) {
    let (checked, phase) = match state.phase {
        Phase::Starting => (None, "starting"),
        Phase::Fetching(..) => (None, "fetching"),
        Phase::Checking(rows) => (Some(rows), "checking"),
        Phase::Sending => (None, "sending"),
        Phase::Accounting(_) => (None, "writing_results"),
    };
    let phases = [
        "starting",
        "fetching",
        "checking",
        "sending",
        "writing_results",
    ];
    let phases = phases.map(|name| (name, u8::from(name == phase)));
    let help = "What the run is doing: 1 for that, 0 for the others.";
    text.gauges(("phase", help), "phase", phases);
    match (state.rows, checked) {
        (Some(rows), _) => text.gauges(ROWS, "state", row_samples(rows)),
        (None, Some(read)) => text.gauges(ROWS, "state", [("read", read)]),
        (None, None) => {}
    }
}

/// What is done, and what it took.
fn add_work(text: &mut MetricsText, state: &ProgressState, command: &str) {
    if state.phase.has_begun_sending() {
        let help = "Rows to be sent, by this run and by earlier ones; of a rollback, customers.";
        text.gauge("rows_to_process", help, state.all());
        let help = "Those of them that are done.";
        text.gauge("rows_processed", help, state.done());
    }
    let totals = state.totals();
    let name = "outcomes_total";
    let help = "Rows that this process has settled, or customers of a rollback, by outcome.";
    text.metric(name, MetricKind::Counter, help);
    for (outcome, rows) in outcomes(&totals, command) {
        text.sample(name, &[("outcome", outcome)], rows);
    }
    let name = "requests_total";
    let help = "Requests of this process; those of the other kinds are among those sent.";
    text.metric(name, MetricKind::Counter, help);
    for (kind, requests) in request_samples(&totals.requests) {
        text.sample(name, &[("kind", kind)], requests);
    }
    add_latencies(text, &totals.latencies);
}

/// How many rows or customers have which outcome, as the file at the end names them. The
/// recorder does not tell those that were gone from those that were removed.
fn outcomes(totals: &SendingTotals, command: &str) -> Vec<(&'static str, u64)> {
    let of = |outcome| totals.outcomes.of(outcome);
    let left = ("left", totals.left);
    if command == "rollback" {
        return vec![
            ("deleted", of(Outcome::Deleted)),
            ("not_ours", of(Outcome::AlreadyExisted)),
            left,
        ];
    }
    let mut all: Vec<(&str, u64)> = SENT
        .iter()
        .map(|outcome| (outcome.name(), of(*outcome)))
        .collect();
    if command == "sync" {
        all.extend([("cancelled", of(Outcome::Deleted)), left]);
    }
    all
}

fn add_latencies(text: &mut MetricsText, latencies: &LatencyBuckets) {
    let name = "request_duration_seconds";
    let help = "The time from a request to its response.";
    text.metric(name, MetricKind::Histogram, help);
    for (bound, count) in latencies.cumulative() {
        let bound = bound.to_string();
        text.sample(&format!("{name}_bucket"), &[("le", &bound)], count);
    }
    let count = latencies.count();
    text.sample(&format!("{name}_bucket"), &[("le", "+Inf")], count);
    text.sample(&format!("{name}_sum"), &[], latencies.sum_seconds());
    text.sample(&format!("{name}_count"), &[], count);
}

/// How fast it goes, and what limits that.
fn add_pace(text: &mut MetricsText, state: &ProgressState, now: Instant) {
    // What was last reported is over when sending is.
    let is_sending = state.phase == Phase::Sending;
    let (pacing, speed) = if is_sending {
        (state.progress.pacing, Speed::of(state, now).rows_a_second)
    } else {
        (Pacing::default(), 0.0)
    };
    let help = "Rows that were done a second, over the last 15 seconds.";
    text.gauge("rows_per_second", help, speed);
    if is_sending {
        let help = "How many requests may start a second at the moment.";
        let rate = pacing
            .rate
            .map_or_else(|| "+Inf".to_owned(), |rate| rate.to_string());
        text.gauge("allowed_requests_per_second", help, rate);
    }
    let help = "Requests that have no response yet.";
    text.gauge("requests_in_flight", help, pacing.in_flight);
    let help = "How many requests may be in flight at the moment.";
    text.gauge("requests_in_flight_limit", help, pacing.window);
    let bounds = Bottleneck::ALL.map(|bound| {
        let is_it = is_sending && bound == pacing.bound;
        (bound.name(), u8::from(is_it))
    });
    let help = "What limits the pace: 1 for that, 0 for the others.";
    text.gauges(("bound", help), "bound", bounds);
    let paused = pacing.paused_ms.unwrap_or_default().div_ceil(1000);
    let help = "How much is left of a pause that the API asked for.";
    text.gauge("paused_seconds", help, paused);
    let help = "Rows that may have been sent and wait for the proof of their absence.";
    text.gauge("rows_in_doubt", help, pacing.waiting);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::text;
    use crate::domain::bottleneck::{Bottleneck, Pacing};
    use crate::domain::outcome::Outcome;
    use crate::domain::summary::RowCounts;
    use crate::report::progress::state::{Phase, ProgressState};
    use crate::report::{Progress, SendingTotals, WorkerHealth};

    fn totals() -> SendingTotals {
        let mut totals = SendingTotals::default();
        totals.outcomes.add_many(Outcome::Created, 90);
        totals.outcomes.add_many(Outcome::Failed, 2);
        totals.requests.sent = 95;
        totals.requests.throttled = 1;
        for millis in [40, 60, 40_000] {
            totals.latencies.record(Duration::from_millis(millis));
        }
        totals
    }

    fn sending() -> ProgressState {
        let mut state = ProgressState::default();
        state.rows = Some(RowCounts {
            read: 300,
            skipped: 1,
            rejected: 9,
        });
        let now = Instant::now();
        state.begin(200, 90, now);
        let progress = Progress {
            done: 92,
            elsewhere: 0,
            totals: totals(),
            pacing: Pacing {
                rate: Some(98.5),
                in_flight: 9,
                window: 18,
                bound: Bottleneck::Advertised,
                paused_ms: Some(1200),
                waiting: 3,
            },
        };
        state.record(&progress, now);
        state
    }

    #[tokio::test(start_paused = true)]
    async fn the_text_has_the_state_of_the_run() {
        let mut state = sending();
        let now = Instant::now();
        let health = WorkerHealth {
            oldest_heartbeat: Duration::from_secs(4),
        };
        state.workers = Some((health, now));
        let text = text(
            &state,
            now + Duration::from_secs(2),
            "import",
            1_700_000_000_900,
        );
        let text = text.replace(crate::domain::version::VERSION, "VERSION");
        insta::assert_snapshot!(text);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_in_flight_once_results_are_written() {
        let mut state = sending();
        state.phase = Phase::Accounting(7);
        let text = text(&state, Instant::now(), "sync", 0);
        for line in [
            "kable_bulk_requests_in_flight{command=\"sync\"} 0\n",
            "kable_bulk_rows_per_second{command=\"sync\"} 0\n",
            "kable_bulk_bound{command=\"sync\",bound=\"told\"} 0\n",
            "kable_bulk_rows_processed{command=\"sync\"} 182\n",
            "kable_bulk_phase{command=\"sync\",phase=\"writing_results\"} 1\n",
            "kable_bulk_oldest_heartbeat_age_seconds{command=\"sync\"} 0\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("allowed_requests"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_verification_sends_nothing_and_says_nothing_of_it() {
        let mut state = ProgressState::default();
        state.phase = Phase::Checking(12);
        let checking = text(&state, Instant::now(), "verify", 0);
        assert!(checking.contains("kable_bulk_rows{command=\"verify\",state=\"read\"} 12\n"));
        state.phase = Phase::Starting;
        let starting = text(&state, Instant::now(), "verify", 0);
        for word in ["kable_bulk_rows{", "outcomes", "requests", "per_second"] {
            assert!(!starting.contains(word), "{word}: {starting}");
        }
    }

    /// What a scraper checks: HELP and TYPE once before the samples of a name, every value a
    /// number, buckets that do not fall.
    #[tokio::test(start_paused = true)]
    async fn it_is_well_formed() {
        for command in ["import", "sync", "rollback", "verify"] {
            let text = text(&sending(), Instant::now(), command, 0);
            let (mut name, mut seen, mut last_bucket) = ("", Vec::new(), 0.0);
            for line in text.lines() {
                if let Some(help) = line.strip_prefix("# HELP ") {
                    name = help.split(' ').next().unwrap();
                    assert!(!seen.contains(&name), "{line}");
                    seen.push(name);
                } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                    assert!(kind.starts_with(name), "{line}");
                } else {
                    assert!(line.starts_with(name), "{line}");
                    let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
                    if line.contains("_bucket{") {
                        assert!(value >= last_bucket, "{line}");
                        last_bucket = value;
                    }
                }
            }
            assert!(text.ends_with('\n'));
        }
    }
}
