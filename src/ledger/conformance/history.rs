//! Random histories of runs, crashes, claims and settlements, compared with the
//! model.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;

use super::model::LedgerModel;
use super::{LedgerStore, all_records, claim, counts, open, run_start, scanned, settlement};
use crate::domain::bottleneck::{Bottleneck, Pacing};
use crate::domain::outcome::Outcome;
use crate::domain::summary::RequestCounts;
use crate::domain::timeline::{IntervalCounts, RunMoment, Timeline, TimelineRecorder, WaitKind};
use crate::ledger::{Batch, Claim, Ledger, RunFigures, Settlement};

/// One step of a random history.
#[derive(Debug, Clone)]
enum HistoryStep {
    Write(Box<PlannedBatch>),
    /// The run ends normally, and the ledger is reopened.
    End,
    /// The process is killed, and the ledger is reopened.
    Crash,
}

/// A batch whose repeated claims and settlements are indices into the claims that
/// exist when it is written.
#[derive(Debug, Clone)]
struct PlannedBatch {
    passed_ms: i64,
    claimed_by: Option<i64>,
    new_claims: u8,
    /// Which claims are made again, with which digest.
    repeated_claims: Vec<(Index, u8)>,
    /// Which open claims are settled, and how.
    settlements: Vec<(Index, Settlement)>,
    figures: RunFigures,
    /// The first of the claims whose records are compared afterwards.
    read_from: Index,
}

fn steps() -> impl Strategy<Value = Vec<HistoryStep>> {
    let step = prop_oneof![
        8 => planned_batch().prop_map(|planned| HistoryStep::Write(Box::new(planned))),
        1 => Just(HistoryStep::End),
        1 => Just(HistoryStep::Crash),
    ];
    prop::collection::vec(step, 1..30)
}

fn planned_batch() -> impl Strategy<Value = PlannedBatch> {
    let claims = (
        0u8..5,
        prop::collection::vec((any::<Index>(), 1u8..9), 0..3),
    );
    let times = (0i64..1000, prop::option::of(0i64..5000));
    let settlements = prop::collection::vec((any::<Index>(), planned_settlement()), 0..4);
    (times, claims, settlements, figures(), any::<Index>()).prop_map(
        |(
            (passed_ms, claimed_by),
            (new_claims, repeated_claims),
            settlements,
            figures,
            read_from,
        )| {
            PlannedBatch {
                passed_ms,
                claimed_by,
                new_claims,
                repeated_claims,
                settlements,
                figures,
                read_from,
            }
        },
    )
}

/// A settlement whose claim is chosen later.
fn planned_settlement() -> impl Strategy<Value = Settlement> {
    let outcomes = prop::sample::select(Outcome::ALL.to_vec());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let answer = (0u32..4, prop::option::of(200u16..600));
    let texts = (
        prop::option::of("cus_[a-z]{3}"),
        prop::option::of("req_[a-z]{3}"),
        prop::option::of("[ -~é]{0,8}"),
        prop::option::of("[{}a-z:\"é]{0,8}"),
    );
    let modified = prop::option::of(0i64..9000);
    (outcomes, flags, answer, texts, 1u8..9, modified).prop_map(
        |(outcome, flags, (attempts, status), texts, digest, modified)| Settlement {
            digest: [digest; 16],
            ours: flags.0,
            orphan: flags.1,
            place: None,
            keys_lost: flags.2,
            customer_id: texts.0,
            request_id: texts.1,
            message: texts.2,
            modified,
            differing: texts.3,
            attempts,
            status,
            ..settlement(0, outcome)
        },
    )
}

fn figures() -> impl Strategy<Value = RunFigures> {
    let pacing = prop::option::of((0u32..400, 0u64..9)).prop_map(|pacing| {
        pacing.map(|(halves, in_flight)| Pacing {
            rate: Some(f64::from(halves) / 2.0),
            in_flight,
            window: 9,
            bound: Bottleneck::default(),
            paused_ms: None,
            waiting: in_flight / 2,
        })
    });
    let latencies = prop::collection::vec((1u64..9000, 1u64..9), 0..3);
    let counts = (0u64..9000, 0u64..99, 0u64..99);
    let clocks = (prop::option::of(-900i64..900), 0u64..9000);
    (pacing, latencies, counts, clocks).prop_map(|(pacing, latencies, counts, clocks)| RunFigures {
        elapsed_ms: counts.0,
        requests: RequestCounts {
            sent: counts.1,
            retried: counts.2,
            throttled: counts.1 / 3,
            lookups: counts.2 / 3,
        },
        latencies,
        clock_ahead_ms: clocks.0,
        pacing,
        landing_ms: clocks.1,
        timeline: clocks.0.map(|_| timeline(counts.0, counts.1)),
    })
}

/// A run over time with one wait.
fn timeline(at_ms: u64, sent: u64) -> Timeline {
    let mut recorder = TimelineRecorder::default();
    let rows = IntervalCounts {
        created: sent,
        ..IntervalCounts::default()
    };
    let moment = RunMoment {
        at_ms,
        waits: Some(WaitKind::Outage),
        ..RunMoment::default()
    };
    recorder.add(moment, rows);
    recorder.timeline()
}

/// A ledger and its model, and the state of the run.
struct Comparison<'s, S: LedgerStore> {
    store: &'s S,
    ledger: S::Opened,
    model: LedgerModel,
    is_running: bool,
    now_ms: i64,
}

/// After any history the ledger's content equals the model's.
pub(crate) fn random_histories_match_the_model<S: LedgerStore>() {
    let config = ProptestConfig {
        source_file: Some(file!()),
        ..ProptestConfig::with_cases(S::HISTORIES)
    };
    let mut runner = TestRunner::new(config);
    let result = runner.run(&steps(), |steps| {
        let Some(store) = S::start() else {
            return Ok(());
        };
        let mut comparison = Comparison {
            ledger: open(&store),
            store: &store,
            model: LedgerModel::default(),
            is_running: false,
            now_ms: 1000,
        };
        for step in steps {
            comparison = comparison.apply(step);
        }
        comparison.reopened().compare_all();
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

impl<S: LedgerStore> Comparison<'_, S> {
    fn apply(mut self, step: HistoryStep) -> Self {
        match step {
            HistoryStep::Write(planned) => {
                self.now_ms += planned.passed_ms;
                self.begin_if_needed();
                self.write(&planned);
                self.compare_records(planned.read_from);
                self
            }
            HistoryStep::End => {
                self.begin_if_needed();
                self.ledger.end("done", self.now_ms).unwrap();
                self.model.end("done", self.now_ms);
                self.reopened()
            }
            HistoryStep::Crash => self.reopened(),
        }
    }

    fn begin_if_needed(&mut self) {
        if !self.is_running {
            let start = run_start(self.now_ms);
            self.ledger.begin(&start).unwrap();
            self.model.begin(&start);
            self.is_running = true;
        }
    }

    fn reopened(self) -> Self {
        self.store.crash(self.ledger);
        let mut reopened = Self {
            ledger: open(self.store),
            is_running: false,
            ..self
        };
        reopened.compare_all();
        reopened
    }

    fn write(&mut self, planned: &PlannedBatch) {
        let batch = Batch {
            now_ms: self.now_ms,
            claimed_by: planned.claimed_by,
            settlements: self.settlements(planned),
            claims: self.claims(planned),
            figures: planned.figures.clone(),
            ..Batch::default()
        };
        self.ledger.write(&batch).unwrap();
        self.model.write(&batch);
    }

    /// Settlements of open claims, at most one of each.
    fn settlements(&self, planned: &PlannedBatch) -> Vec<Settlement> {
        let open = self.model.claims.iter().filter(|(_, claim)| claim.is_open);
        let mut open: Vec<u64> = open.map(|(id, _)| *id).collect();
        let mut settlements = Vec::new();
        for (index, settled) in &planned.settlements {
            if open.is_empty() {
                break;
            }
            let id = open.swap_remove(index.index(open.len()));
            settlements.push(Settlement {
                id,
                client_id: claim(id).client_id,
                ..settled.clone()
            });
        }
        settlements
    }

    /// Repeated claims, at most one of each, and new ones.
    fn claims(&self, planned: &PlannedBatch) -> Vec<Claim> {
        let known = self.model.claims.len();
        let mut claims = Vec::new();
        let mut repeated = BTreeSet::new();
        for (index, digest) in planned.repeated_claims.iter().filter(|_| known > 0) {
            let id = index.index(known) as u64 + 1;
            if repeated.insert(id) {
                claims.push(Claim {
                    digest: [*digest; 16],
                    ..claim(id)
                });
            }
        }
        let first = known as u64 + 1;
        claims.extend((first..first + u64::from(planned.new_claims)).map(claim));
        claims
    }

    /// Compares some consecutive records.
    fn compare_records(&mut self, from: Index) {
        let first = from.index(self.model.claims.len() + 1) as u64 + 1;
        for id in first..first + 4 {
            let record = self.ledger.claim_record(id).unwrap();
            assert_eq!(record, self.model.record(id), "{id}");
        }
    }

    fn compare_all(&mut self) {
        let last = self.model.claims.len() as u64;
        assert_eq!(self.ledger.next_id().unwrap(), last + 1);
        assert_eq!(scanned(&mut self.ledger), self.model.scan());
        let status = self.model.status();
        assert_eq!(self.ledger.figures().unwrap(), status.figures);
        assert_eq!(counts(&mut self.ledger), status);
        assert_eq!(self.ledger.runs().unwrap(), self.model.runs());
        assert!(!self.ledger.has_gaps().unwrap());
        for id in 1..=last + 1 {
            let record = self.ledger.claim_record(id).unwrap();
            assert_eq!(record, self.model.record(id), "{id}");
        }
        let expected = (1..=last).filter_map(|id| self.model.record(id));
        let expected: Vec<_> = expected.collect();
        assert_eq!(all_records(&mut self.ledger), expected);
    }
}
