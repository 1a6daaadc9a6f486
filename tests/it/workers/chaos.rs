//! Eight workers that are killed, frozen and cut off at any moment, while the database
//! crashes and the API loses answers and acts late: every customer exactly once.

use std::time::{Duration, Instant};

use kable_bulk::sandbox::http::routes::Call;

use super::Worker;
use super::proxy::Proxy;
use crate::common::postgres_server::PostgresServer;
use crate::common::{Run, customers_of_csv, json_lines, rows};

/// How many processes work at the same time.
const WORKERS: usize = 8;

/// How many times the test kills, in all rounds.
fn kills_wanted() -> usize {
    std::env::var("KABLE_BULK_KILLS").map_or(200, |kills| kills.parse().unwrap())
}

/// The most kills of one import.
const KILLS_A_ROUND: usize = 1000;

/// The faults of the sandbox. A create may be lost, before or after it was done, refused, or
/// land after the program's time-out; with `unchecked`, so that sending it again creates the
/// customer twice.
const FAULTS: [&str; 6] = [
    "lost-reply=1%@create",
    "reset=1%@create",
    "status:503=1%@create",
    "land-late-unchecked:1500ms=0.5%@create",
    "status-then-land:503/500ms=0.5%@create",
    "reset-then-land:500ms=0.5%@create",
];

/// How far its reads lag.
const LAG: Duration = Duration::from_millis(100);

/// SIGKILL again and again at any moment; SIGSTOP for a shorter or longer time than the
/// lease; a proxy between some workers and the database that delays and cuts; crashes of the
/// database: no customer twice, none lost, one outcome a row.
///
/// A create lands and is visible within 1.6 s, and look-ups must find nothing for two seconds
/// after its time-out of one second before it is sent again. For longer:
///
/// ```sh
/// KABLE_BULK_KILLS=10000 cargo test --release --test it workers::chaos -- --nocapture
/// ```
#[test]
fn eight_workers_make_every_customer_exactly_once() {
    let wanted = kills_wanted();
    let mut killed = 0;
    while killed < wanted {
        let Some(server) = PostgresServer::start() else {
            return;
        };
        let round = Chaos::new(server, (wanted - killed).min(KILLS_A_ROUND));
        killed += round.all();
    }
}

/// A round of kills.
struct Chaos {
    run: Run,
    server: PostgresServer,
    proxy: Proxy,
    workers: Vec<Worker>,
    /// When frozen workers go on.
    thaws: Vec<Option<Instant>>,
    /// When workers were started.
    begun: Vec<Instant>,
    chance: fastrand::Rng,
    seed: u64,
    wanted: usize,
    many_rows: usize,
    struck: Struck,
}

/// What was done to the workers.
#[derive(Debug, Default)]
struct Struck {
    kills: usize,
    frozen: usize,
    cuts: usize,
    crashes: usize,
    /// Workers that ended with an error, such as those that were fenced, and were started
    /// again.
    gave_up: usize,
    ended: usize,
}

impl Chaos {
    fn new(server: PostgresServer, wanted: usize) -> Self {
        let seed = std::env::var("KABLE_BULK_SEED")
            .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
        println!("seed {seed}: KABLE_BULK_SEED repeats its choices");
        let many_rows = (wanted * 15).max(1000);
        let run = Run::new()
            .input("in.csv", rows(many_rows))
            .env("KABLE_BULK_SETTLE", "2s")
            .server_with(&FAULTS, |settings| {
                settings.read_lag = LAG;
                settings.seed = seed;
            });
        Self {
            proxy: Proxy::to(server.port()),
            run,
            server,
            workers: Vec::new(),
            thaws: vec![None; WORKERS],
            begun: vec![Instant::now(); WORKERS],
            chance: fastrand::Rng::with_seed(seed),
            seed,
            wanted,
            many_rows,
            struck: Struck::default(),
        }
    }

    /// Kills until it is enough, lets all come to their end, and compares what they made
    /// with the file. Returns how often it killed.
    fn all(mut self) -> usize {
        for place in 0..WORKERS {
            let worker = self.start(place);
            self.workers.push(worker);
        }
        let mut crashes = [self.wanted / 4, self.wanted / 2, self.wanted * 3 / 4].into_iter();
        let mut crash_at = crashes.next();
        while self.struck.kills < self.wanted && self.struck.ended < 2 * WORKERS {
            self.strike();
            self.look_after();
            if crash_at.is_some_and(|at| self.struck.kills >= at) {
                self.server.crash();
                self.struck.crashes += 1;
                crash_at = crashes.next();
            }
            std::thread::sleep(Duration::from_millis(self.chance.u64(0..250)));
        }
        let at_last = self.run.held().len();
        self.come_to_an_end();
        println!(
            "{:?}, {at_last} of {} rows held at last, seed {}",
            self.struck, self.many_rows, self.seed
        );
        self.compare();
        self.struck.kills
    }

    fn start(&self, place: usize) -> Worker {
        let port = if place.is_multiple_of(4) {
            self.proxy.port()
        } else {
            self.server.port()
        };
        let line = format!(
            "import in.csv --base-url URL --rate 300/s --timeout 1s --out out-{place} \
             --checkpoint postgres://kable@127.0.0.1:{port}/postgres?schema=chaos&lease=1s"
        );
        Worker::start(&self.run, &line, &format!("told-{place}.txt"))
    }

    /// Does something to some worker.
    fn strike(&mut self) {
        let place = self.chance.usize(0..WORKERS);
        match self.chance.u32(0..100) {
            0..12 if !self.workers[place].is_frozen => {
                self.workers[place].freeze(true);
                let wait = Duration::from_millis(self.chance.u64(50..2500));
                self.thaws[place] = Some(Instant::now() + wait);
                self.struck.frozen += 1;
            }
            12..16 => {
                self.proxy.cut();
                self.struck.cuts += 1;
            }
            16..20 => {
                let most = [0, 0, 20, 300][self.chance.usize(0..4)];
                self.proxy.delay(Duration::from_millis(most));
            }
            // Mostly the one of two that is older, so that all have done something.
            _ => {
                let other = self.chance.usize(0..WORKERS);
                let place = if self.begun[other] < self.begun[place] {
                    other
                } else {
                    place
                };
                if self.workers[place].ended().is_none() {
                    self.workers[place].kill();
                    self.struck.kills += 1;
                    self.again(place);
                }
            }
        }
    }

    /// Lets frozen workers go on whose time has come, and starts those again that have ended.
    fn look_after(&mut self) {
        for place in 0..WORKERS {
            if self.thaws[place].is_some_and(|at| at <= Instant::now()) {
                self.thaws[place] = None;
                self.workers[place].freeze(false);
            }
            if let Some(status) = self.workers[place].ended() {
                self.count(place, status);
                self.again(place);
            }
        }
    }

    fn again(&mut self, place: usize) {
        (self.thaws[place], self.begun[place]) = (None, Instant::now());
        self.workers[place] = self.start(place);
    }

    fn count(&mut self, place: usize, status: std::process::ExitStatus) {
        let told = self.run.text(&format!("told-{place}.txt"));
        assert!(!told.contains("panicked"), "seed {}\n{told}", self.seed);
        match status.code() {
            Some(0) => self.struck.ended += 1,
            // Fenced, cut off, or stopped because the API or the database was away.
            Some(1 | 4 | 5) => self.struck.gave_up += 1,
            code => panic!("exit code {code:?}, seed {}\n{told}", self.seed),
        }
    }

    /// Lets every worker come to its end, started again until it ends well.
    fn come_to_an_end(&mut self) {
        self.proxy.delay(Duration::ZERO);
        for place in 0..WORKERS {
            if self.thaws[place].take().is_some() {
                self.workers[place].freeze(false);
            }
        }
        let until = Instant::now() + Duration::from_mins(5);
        let mut places: Vec<usize> = (0..WORKERS).collect();
        while !places.is_empty() {
            assert!(Instant::now() < until, "{places:?}, seed {}", self.seed);
            places.retain(|place| match self.workers[*place].ended() {
                None => true,
                Some(status) => {
                    self.count(*place, status);
                    if !status.success() {
                        self.again(*place);
                    }
                    !status.success()
                }
            });
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn compare(&self) {
        let seed = self.seed;
        self.run.settled();
        self.run.holds(&customers_of_csv(&rows(self.many_rows)));
        assert_eq!(self.run.creates_in_vain(), 0, "seed {seed}");
        let first = self.run.text("out-0/results.jsonl");
        assert_eq!(json_lines(&first).len(), self.many_rows, "seed {seed}");
        for place in 1..WORKERS {
            let results = self.run.text(&format!("out-{place}/results.jsonl"));
            assert!(
                results == first,
                "worker {place} tells otherwise, seed {seed}"
            );
        }
        let settled = self.server.query(
            "SELECT count(*) FROM chaos.customer
                WHERE outcome IN ('created', 'already_existed') AND doubt = 0",
        );
        assert_eq!(settled, self.many_rows.to_string(), "seed {seed}");
        let (counts, kills) = (self.run.counts(), self.struck.kills);
        println!(
            "{kills} kills, {} creates for {} customers, busiest second {}, seed {seed}; struck: {:?}",
            counts.of(Call::Create),
            self.many_rows,
            counts.busiest_second,
            counts.faults
        );
    }
}
