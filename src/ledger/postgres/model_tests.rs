//! Random histories of the transactions of several workers, on a real server and on the model
//! that the simulation uses. Each answer must be the same, and all tables after each step.
//!
//! The server's clock is one of the test: functions of the schema hide those of PostgreSQL.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::address::{DatabaseAddress, quoted};
use super::batch::{self, BatchWriter};
use super::lease::{self, NewWorker, Registration, WorkerPlace};
use super::model_tables_tests::{
    CLOCK, KnownWorker, LEASE, PARTS, QUARANTINE, STANDBY, TwoDatabases, rules,
};
use super::postgres_error::PostgresError;
use super::session::DatabaseSession;
use super::tests::server::PostgresServer;
use super::{format, pace, parts, runs};
use crate::domain::outcome::Outcome;
use crate::ledger::conformance::shared_database::{
    SimulatedBeginning, SimulatedDatabase, SimulatedPlace, WriteRefusal,
};
use crate::ledger::conformance::{account, settlement};
use crate::ledger::workers::{ClaimAnswer, PartAnswer, SharedRun, WorkerState};
use crate::ledger::{Batch, Claim, RunStart};

const EVERY: Duration = Duration::from_millis(10);
const ROWS: usize = 8;

/// How many histories there are, unless more are asked for, and how long each is.
const HISTORIES: u64 = 16;
const STEPS: u32 = 150;

/// Each of these has to be met.
const ALL_ANSWERS: &[&str] = &[
    "register: None",
    "register: Some(",
    "begin: Ok(First",
    "begin: Ok(Joined",
    "begin: Ok(NotYet",
    "begin: Err(Fenced",
    "take part: Ok(Take",
    "take part: Ok(Wait",
    "take part: Ok(Done",
    "take part: Err(Fenced",
    "take part: Err(LostCommits",
    "write: Err(Fenced",
    "write: Err(NoRun",
    "write: Err(LostCommits",
    "renew: Ok(",
    "renew: Err(Fenced",
    "claim: Settled",
    "claim: Held",
    "claim: InDoubt",
    "probe: (Yours",
    "probe: (Others",
    "probe: (Over",
];

#[tokio::test]
async fn at_read_committed_the_statements_do_what_the_model_does() {
    compare("").await;
}

#[tokio::test]
async fn at_serializable_the_statements_do_what_the_model_does() {
    compare("&options=-c%20default_transaction_isolation%3Dserializable").await;
}

async fn compare(options: &str) {
    let Some(server) = PostgresServer::shared() else {
        return;
    };
    let address = server.address() + options;
    let address = DatabaseAddress::parse(&address, &|_| None).unwrap();
    let session = DatabaseSession::open(&address).await.unwrap();
    session.create_schema().await.unwrap();
    session.execute_all(CLOCK).await.unwrap();
    let path = format!("{}, pg_catalog", quoted(address.schema()));
    let set = "SELECT set_config('search_path', $1, false)";
    session.query(set, &[&path]).await.unwrap();
    let mut two = TwoDatabases {
        session,
        model: SimulatedDatabase::new(rules()),
        standby: None,
        rng: fastrand::Rng::new(),
        now: Duration::ZERO,
        workers: Vec::new(),
        told: Vec::new(),
        met: BTreeMap::new(),
    };
    two.go_to(Duration::ZERO).await;
    two.set("kable_test.timeline", Duration::from_micros(1))
        .await;
    format::create(&two.session, address.schema(), &account(), 1)
        .await
        .unwrap();
    two.session.execute_all(STANDBY).await.unwrap();
    for seed in 0..histories() {
        two.begin_again(seed).await;
        for _ in 0..STEPS {
            two.step().await;
            two.assert_same_tables().await;
        }
    }
    let met = &two.met;
    for answer in ALL_ANSWERS {
        assert!(
            met.contains_key(*answer),
            "{answer} was never answered: {met:?}"
        );
    }
    println!("{met:?}");
}

#[expect(clippy::disallowed_methods, reason = "it asks for more of this test")]
fn histories() -> u64 {
    let given = std::env::var("KABLE_BULK_SIMULATIONS").ok();
    given
        .and_then(|many| many.parse().ok())
        .unwrap_or(HISTORIES)
}

fn run_start(may_begin: bool) -> RunStart {
    RunStart {
        command: "import".to_owned(),
        inputs: Vec::new(),
        fit_rows: ROWS as u64,
        now_ms: 1,
        shared: Some(SharedRun {
            rows: 50 * u64::from(PARTS),
            input: [0; 16],
            options: Vec::new(),
            may_begin,
        }),
    }
}

/// The refusal that the model would give.
fn refusal(error: &PostgresError) -> WriteRefusal {
    if matches!(error, PostgresError::Fenced) {
        WriteRefusal::Fenced
    } else if matches!(error, PostgresError::LostCommits) {
        WriteRefusal::LostCommits
    } else {
        assert_eq!(error.to_string(), "no run has begun");
        WriteRefusal::NoRun
    }
}

impl TwoDatabases {
    /// Time goes by, and something happens.
    async fn step(&mut self) {
        let most = match self.rng.u8(0..10) {
            0..7 => 300,
            7..9 => 3_000,
            _ => 20_000,
        };
        let after = Duration::from_millis(self.rng.u64(0..most));
        self.go_to(self.now + after).await;
        let Some(worker) = self.some_worker() else {
            return self.register().await;
        };
        if self.workers[worker].place.run == 0 && self.rng.u8(0..10) > 6 {
            return self.begin(worker).await;
        }
        match self.rng.u8(0..100) {
            0..12 => self.register().await,
            12..22 => self.begin(worker).await,
            22..35 => self.take_part(worker).await,
            35..40 => {
                // Until all parts are done, if it may.
                for _ in 0..8 {
                    self.take_part(worker).await;
                    self.write(worker).await;
                }
            }
            40..70 => self.write(worker).await,
            70..80 => self.renew(worker).await,
            80..84 => self.leave(worker).await,
            84..97 => self.use_pace(worker).await,
            97 => self.restart(self.now).await,
            _ => self.fail_over().await,
        }
    }

    /// A worker that was registered; mostly one of the latest that are alive.
    fn some_worker(&mut self) -> Option<usize> {
        let is_live = |at: &usize| {
            let id = self.workers[*at].place.worker;
            let record = self.model.workers.get(&id);
            record.is_some_and(|record| record.state == WorkerState::Live)
        };
        let all = 0..self.workers.len();
        let live: Vec<usize> = all.clone().filter(is_live).collect();
        if live.is_empty() || self.rng.u8(0..8) == 0 {
            return self.rng.choice(all);
        }
        self.rng.choice(live.into_iter().rev().take(4))
    }

    async fn register(&mut self) {
        let worker = NewWorker {
            shares: true,
            host: "here".to_owned(),
            process: 1,
            lease: LEASE,
            quarantine: QUARANTINE,
            nonce: 0,
        };
        let real = lease::register(&self.session, &worker, false)
            .await
            .unwrap();
        let model = self.model.register(self.now);
        let place = |one: &SimulatedPlace| {
            (
                one.worker,
                one.session,
                one.first_id.cast_signed(),
                one.runs_before,
            )
        };
        let real = match real {
            Registration::Registered(one) => Some((one.id, one.session, one.first_id, one.runs)),
            Registration::Quarantine(_) => None,
            busy @ Registration::Busy { .. } => panic!("{busy:?}"),
        };
        self.same("register", (), (&real, &model.as_ref().map(place)));
        self.workers.extend(model.map(|place| KnownWorker {
            place,
            batches: 0,
            last: None,
            parts: HashSet::new(),
            outages: None,
        }));
    }

    async fn begin(&mut self, worker: usize) {
        let place = self.workers[worker].place.clone();
        let may_begin = self.rng.u8(0..4) > 0;
        let as_real = WorkerPlace {
            id: place.worker,
            nonce: 0,
            session: place.session,
            first_id: place.first_id.cast_signed(),
            runs: place.runs_before,
        };
        let real = runs::begin(&self.session, as_real, &run_start(may_begin), None).await;
        let real = real
            .map_err(|error| refusal(&error))
            .map(|begun| match begun {
                runs::Begun::First(run) => SimulatedBeginning::First(run),
                runs::Begun::Joined(run) => SimulatedBeginning::Joined(run),
                runs::Begun::NotYet => SimulatedBeginning::NotYet,
                runs::Begun::Gone => SimulatedBeginning::Gone,
                runs::Begun::Differs(what) => panic!("{what}"),
            });
        let model = self.model.begin(self.now, &place, may_begin);
        self.same("begin", place.worker, (&real, &model));
        if let Ok(SimulatedBeginning::First(run) | SimulatedBeginning::Joined(run)) = model {
            self.workers[worker].place.run = run;
        }
    }

    async fn take_part(&mut self, worker: usize) {
        let (from, buries) = (self.rng.u32(0..=PARTS), self.rng.bool());
        let one = &self.workers[worker];
        let place = one.place.clone();
        // An answer may have been lost.
        let mut known = one.parts.clone();
        known.retain(|_| self.rng.u8(0..4) > 0);
        let numbers = parts::numbers(known.iter().copied());
        let ids = (place.run, place.worker);
        let real = parts::take(&self.session, ids, (from, &numbers), buries).await;
        let model = self
            .model
            .take_part(self.now, &place, (from, &known, buries));
        let with = (place.worker, from, &known, buries);
        self.same(
            "take part",
            with,
            (&real.map_err(|error| refusal(&error)), &model),
        );
        if let Ok(PartAnswer::Take(part)) = model {
            self.workers[worker].parts.insert(part);
        }
    }

    async fn write(&mut self, worker: usize) {
        let one = self.workers[worker].clone();
        // A commit whose answer was lost is repeated.
        let (number, batch) = match one.last {
            Some(batch) if self.rng.u8(0..5) == 0 => (one.batches, batch),
            Some(_) | None => (one.batches + 1, self.batch(worker)),
        };
        let written = self.model.workers.get(&one.place.worker);
        let is_next = written.is_some_and(|record| record.batch + 1 == number);
        let is_again = !is_next || self.rng.bool();
        let writer = BatchWriter {
            worker: one.place.worker,
            nonce: 0,
            run: one.place.run,
            shares: true,
            runs_before: one.place.runs_before,
            lease: LEASE,
            number,
        };
        let real = batch::write(&self.session, writer, &batch, is_again).await;
        let sorted =
            |answers: Vec<(u64, ClaimAnswer)>| answers.into_iter().collect::<BTreeMap<_, _>>();
        let model = self.model.write(self.now, &one.place, (number, &batch));
        let model = model.map(|answers: HashMap<_, _>| sorted(answers.into_iter().collect()));
        let settled: Vec<_> = batch
            .settlements
            .iter()
            .map(|one| (one.id, one.outcome))
            .collect();
        let claims: Vec<_> = batch.claims.iter().map(|one| one.id).collect();
        let parts = (&batch.finished_parts, &batch.returned_parts);
        let with = (one.place.worker, number, claims, settled, parts);
        let real = real.map_err(|error| refusal(&error)).map(sorted);
        self.same("write", with, (&real, &model));
        for answer in model.iter().flat_map(BTreeMap::values) {
            self.same("claim", (), (answer, answer));
        }
        if model.is_ok() {
            let one = &mut self.workers[worker];
            for part in batch.finished_parts.iter().chain(&batch.returned_parts) {
                one.parts.remove(part);
            }
            (one.batches, one.last) = (number, Some(batch));
        }
    }

    /// Some claims, outcomes of some that there are, and parts that end.
    fn batch(&mut self, worker: usize) -> Batch {
        let place = self.workers[worker].place.clone();
        let mut batch = Batch {
            now_ms: 1,
            claimed_by: self.rng.bool().then(|| self.rng.i64(0..100)),
            ..Batch::default()
        };
        let mut rows: Vec<usize> = (0..ROWS).collect();
        self.rng.shuffle(&mut rows);
        for row in rows.iter().take(self.rng.usize(0..4)) {
            let known = self.model.customers.get(row);
            batch.claims.push(Claim {
                id: known.map_or(place.first_id + *row as u64, |one| one.id),
                client_id: row.to_string(),
                digest: [7; 16],
            });
        }
        self.rng.shuffle(&mut rows);
        for row in rows.iter().take(self.rng.usize(0..4)) {
            let outcomes = [Outcome::Created, Outcome::Pending, Outcome::Unresolved];
            let outcome = outcomes[self.rng.usize(0..3)];
            let known = self.model.customers.get(row);
            batch
                .settlements
                .extend(known.map(|one| settlement(one.id, outcome)));
        }
        let ends_all = self.rng.u8(0..3) == 0;
        for part in 0..PARTS {
            match self.rng.u8(0..12) {
                _ if ends_all => batch.finished_parts.push(part),
                0 => batch.finished_parts.push(part),
                1 => batch.returned_parts.push(part),
                _ => {}
            }
        }
        batch
    }

    async fn renew(&mut self, worker: usize) {
        let id = self.workers[worker].place.worker;
        let batches = self.workers[worker].batches;
        let real = lease::renew(&self.session, (id, 0), batches, LEASE).await;
        let model = self.model.renew(self.now, (id, batches));
        let real = real.map(|_stop| ()).map_err(|error| refusal(&error));
        self.same("renew", id, (&real, &model));
    }

    async fn leave(&mut self, worker: usize) {
        let (id, in_doubt) = (self.workers[worker].place.worker, self.rng.bool());
        lease::leave(&self.session, (id, 0), in_doubt)
            .await
            .unwrap();
        self.model.leave(self.now, id, in_doubt);
        self.same("leave", (id, in_doubt), (&(), &()));
    }

    async fn use_pace(&mut self, worker: usize) {
        let (session, now) = (&self.session, self.now);
        match self.rng.u8(0..10) {
            0..3 => {
                let count = self.rng.u32(1..200);
                pace::reserve(session, count, EVERY).await.unwrap();
                self.model.reserve(now, count, EVERY);
            }
            3 => {
                let wait = Duration::from_millis(self.rng.u64(0..10_000));
                pace::hold(session, wait).await.unwrap();
                self.model.hold(now, wait);
            }
            4..8 => {
                let known = self.workers[worker].outages;
                let real = pace::probe(session, known).await.unwrap();
                let model = self.model.probe(now, known);
                let known_later = self.rng.u8(0..5) > 0;
                self.workers[worker].outages = known_later.then_some(model.1);
                self.same("probe", known, (&real, &model));
            }
            _ => {
                let is_back = self.rng.u8(0..3) > 0;
                pace::probed(session, is_back).await.unwrap();
                self.model.probed(is_back);
            }
        }
    }
}
