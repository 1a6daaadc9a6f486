//! The ledger in a schema of a PostgreSQL database, for one worker or several.
//!
//! - `address.rs`: the address as it is typed, and how to connect
//! - `address_error.rs`: why an address cannot be used
//! - `uri.rs`: splits an address into parameters
//! - `parameters.rs`: parameters of the address, a service and the environment
//! - `service.rs`: reads service files
//! - `user_files.rs`: where libpq's files of a user are
//! - `hosts.rs`: the servers of an address
//! - `tls.rs`: which connections are encrypted, and whom they trust
//! - `password.rs`: reads the password file
//! - `connect.rs`: connects to the first server that can be used
//! - `connect_error.rs`: why a connection to a server failed
//! - `failure.rs`: tells the failures of connections apart
//! - `connection.rs`: a connection that is taken up again when it drops
//! - `postgres_error.rs`: why something was not done
//! - `format.rs`: makes the tables, and tells the schema from others
//! - `lease.rs`: how a worker comes to hold a lease, keeps it and loses it
//! - `keeper.rs`: keeps a lease in the background
//! - `pace.rs`: the starts of requests of all workers
//! - `runs.rs`: begins and ends runs
//! - `parts.rs`: leases parts of the input
//! - `batch.rs`: writes a batch
//! - `rows.rs`: converts rows to the ledger's types
//! - `pages.rs`: reads claims, a page at a time
//! - `status.rs`: reads counts and figures

pub mod address;
mod address_error;
mod batch;
mod connect;
mod connect_error;
mod connection;
mod failure;
mod format;
mod hosts;
mod keeper;
mod lease;
mod pace;
mod pages;
mod parameters;
mod parts;
mod password;
mod postgres_error;
mod rows;
mod runs;
mod service;
mod status;
#[cfg(test)]
mod tests;
mod tls;
mod uri;
mod user_files;

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use self::address::DatabaseAddress;
use self::batch::BatchWriter;
use self::connection::{Connection, DatabaseSession, PostgresError};
use self::format::{FORMAT, SchemaKind};
use self::keeper::{Keeper, KeeperError, Kept};
use self::lease::{NewWorker, Registration, WorkerPlace};
use self::pages::ReadAhead;
use super::workers::{
    ClaimAnswer, LeaseDeadline, LedgerObserver, OtherWorkers, PartAnswer, SharedLedger, SharedPace,
};
use super::{Batch, ClaimRecord, Ledger, LedgerError, LedgerStatus, RunStart};
use crate::domain::decision::KnownClaim;
use crate::domain::summary::TargetAccount;
use crate::domain::timeline::RunHistory;
use crate::ledger::claim_state::{from_sql, to_sql};

/// How often a worker that waits for another one asks.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How much longer than its time-out a request may live in the network.
const MARGIN: Duration = Duration::from_secs(5);

/// How long the end of a process waits for its lease to be given up.
const LEAVING: Duration = Duration::from_secs(2);

/// A process that is to write a checkpoint.
pub struct WorkerSettings<'a> {
    /// The account that it sends to.
    pub target: &'a TargetAccount,
    /// The local clock, in Unix milliseconds.
    pub now_ms: i64,
    /// Whether other workers may join it, and it may join others.
    pub shares: bool,
    /// The machine's name, and the process's number, for people.
    pub host: (String, u32),
    /// The longest time that a request waits for its response.
    pub timeout: Duration,
    /// A clock that is never set, and that goes on while the machine sleeps.
    pub clock: fn() -> Duration,
    /// Is told what it waits for.
    pub says: &'a dyn Fn(&str),
    /// Whether it should give up waiting.
    pub is_stopped: &'a dyn Fn() -> bool,
}

impl Debug for WorkerSettings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerSettings").finish_non_exhaustive()
    }
}

/// A ledger in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresLedger {
    /// Dropped before the connection, so that nothing renews a lease that was given up.
    writer: Option<WriterState>,
    connection: Connection,
    target: TargetAccount,
    ahead: ReadAhead,
}

/// What a ledger that writes has.
#[derive(Debug)]
struct WriterState {
    keeper: Keeper,
    kept: Arc<Kept>,
    place: WorkerPlace,
    shares: bool,
    /// The run, and whether others may join it.
    run: i64,
    is_shared_run: bool,
    /// Whether it began the run, or the session.
    is_first: bool,
    /// How many batches were written.
    batches: i64,
    /// Claims whose requests may be under way.
    open: HashSet<u64>,
    /// The parts of the input that are leased to it, as far as it was told.
    parts: HashSet<u32>,
}

impl PostgresLedger {
    /// Opens the checkpoint at `address` for a worker, or makes it.
    pub fn open(
        address: DatabaseAddress,
        settings: &WorkerSettings<'_>,
    ) -> Result<Self, LedgerError> {
        let mut ledger = Self::connected(address)?;
        let (target, now_ms) = (settings.target.clone(), settings.now_ms);
        let schema = ledger.connection.address.schema().to_owned();
        ledger.read(format::ensure_server)?;
        if ledger.schema_kind()? == SchemaKind::Empty {
            ledger.connection.run("create", async |session, _| {
                format::create(session, &schema, &target, now_ms).await
            })?;
        }
        ledger.identify()?;
        ledger.ensure_account(settings.target)?;
        let place = ledger.register(settings)?;
        let kept = Arc::new(Kept {
            deadline: Arc::new(LeaseDeadline::new(settings.clock)),
            observer: Mutex::default(),
        });
        let address = ledger.connection.address.clone();
        let keeper = Keeper::start(address, place.id, Arc::clone(&kept));
        let keeper = keeper.map_err(|error| {
            ledger.leave(place.id, false);
            match error {
                KeeperError::Thread(error) => ledger.error_of_caller(error),
                KeeperError::Connection(error) => ledger.connection.failed("open", error),
            }
        })?;
        ledger.writer = Some(WriterState {
            keeper,
            kept,
            place,
            shares: settings.shares,
            run: 0,
            is_shared_run: false,
            is_first: !place.is_joined(),
            batches: 0,
            open: HashSet::new(),
            parts: HashSet::new(),
        });
        Ok(ledger)
    }

    /// Opens the checkpoint at `address` for reading, also while workers write to it.
    pub fn open_to_read(address: DatabaseAddress) -> Result<Self, LedgerError> {
        let mut ledger = Self::connected(address)?;
        ledger.identify()?;
        Ok(ledger)
    }

    /// Opens the checkpoint at `address` for reading, to plan a run against `target`.
    pub fn open_to_plan(
        address: DatabaseAddress,
        target: &TargetAccount,
    ) -> Result<Self, LedgerError> {
        let ledger = Self::open_to_read(address)?;
        ledger.ensure_account(target)?;
        Ok(ledger)
    }

    /// Whether there is a checkpoint at `address`.
    pub fn is_there(address: DatabaseAddress) -> Result<bool, LedgerError> {
        let mut ledger = Self::connected(address)?;
        Ok(ledger.schema_kind()? != SchemaKind::Empty)
    }

    fn connected(address: DatabaseAddress) -> Result<Self, LedgerError> {
        Ok(Self {
            writer: None,
            connection: Connection::open(address)?,
            target: TargetAccount::default(),
            ahead: ReadAhead::default(),
        })
    }

    fn schema_kind(&mut self) -> Result<SchemaKind, LedgerError> {
        let schema = self.connection.address.schema().to_owned();
        self.connection.run("read", async |session, _| {
            format::kind(session, &schema).await
        })
    }

    /// Reads whose checkpoint it is; an error if it is none.
    fn identify(&mut self) -> Result<(), LedgerError> {
        let path = self.connection.address.to_string().into();
        match self.schema_kind()? {
            SchemaKind::Empty => Err(LedgerError::NotThere { path }),
            SchemaKind::Other => Err(LedgerError::NotALedger { path }),
            SchemaKind::Checkpoint { format, .. } if format > FORMAT => Err(LedgerError::Newer {
                path,
                found: i64::from(format),
                known: i64::from(FORMAT),
            }),
            SchemaKind::Checkpoint { target, .. } => {
                self.target = target;
                Ok(())
            }
        }
    }

    fn ensure_account(&self, given: &TargetAccount) -> Result<(), LedgerError> {
        if self.target == *given {
            return Ok(());
        }
        Err(LedgerError::OtherAccount {
            path: self.connection.address.to_string().into(),
            recorded: super::account_of(&self.target),
            given: super::account_of(given),
        })
    }

    /// Registers a worker, once nothing is in its way. Another one that is alive is in the
    /// way, and one that may be: it is waited for until it is heard from, or its lease ends.
    fn register(&mut self, settings: &WorkerSettings<'_>) -> Result<WorkerPlace, LedgerError> {
        let (host, process) = settings.host.clone();
        let worker = NewWorker {
            shares: settings.shares,
            host,
            process,
            lease: self.connection.address.lease(),
            quarantine: settings.timeout + MARGIN,
        };
        let mut last_beat = None;
        let mut is_told = false;
        loop {
            let registered = self.connection.run("write to", async |session, _| {
                lease::register(session, &worker).await
            })?;
            let (what, wait) = match registered {
                Registration::Registered(place) => return Ok(place),
                Registration::Busy {
                    holder,
                    beat_us,
                    ends_in,
                } => {
                    let is_alive = *last_beat.get_or_insert(beat_us) != beat_us;
                    if is_alive || (settings.is_stopped)() {
                        return Err(LedgerError::InUse {
                            path: self.connection.address.to_string().into(),
                            holder,
                        });
                    }
                    (
                        format!("{holder}, which may have died, to be heard from"),
                        ends_in,
                    )
                }
                Registration::Quarantine(wait) => {
                    let what = "requests of a worker that died, which may still be under way";
                    (what.to_owned(), wait)
                }
            };
            if (settings.is_stopped)() {
                return Err(LedgerError::InUse {
                    path: self.connection.address.to_string().into(),
                    holder: "a worker that died".to_owned(),
                });
            }
            if !is_told {
                is_told = true;
                let most = humantime::format_duration(Duration::from_secs(wait.as_secs() + 1));
                (settings.says)(&format!("waiting for {what} (at most {most})"));
            }
            self.connection
                .pause(wait.clamp(Duration::from_millis(10), LOOK_AGAIN));
        }
    }

    /// Gives up the lease of worker `id`. If this fails, it ends by itself.
    fn leave(&self, id: i64, in_doubt: bool) {
        self.connection.try_run(LEAVING, async |session| {
            lease::leave(session, id, in_doubt).await
        });
    }

    /// Does `work` with the database.
    fn read<T: Send>(
        &mut self,
        work: impl AsyncFn(&DatabaseSession) -> Result<T, PostgresError> + Sync,
    ) -> Result<T, LedgerError> {
        self.connection
            .run("read", async |session, _| work(session).await)
    }

    fn error_of_caller(&self, source: std::io::Error) -> LedgerError {
        LedgerError::Io {
            path: self.connection.address.to_string().into(),
            source,
        }
    }

    /// Who writes it now, for people; `None` if nobody does.
    pub fn holder(&mut self) -> Result<Option<String>, LedgerError> {
        self.read(async |session| runs::holder(session).await)
    }

    /// Marks it as one that may lack claims: a database was restored, or a failover lost what
    /// had been acknowledged.
    fn note_gaps(&mut self) {
        let noted = self.connection.run("write to", async |session, _| {
            session
                .execute_all("UPDATE kb.account SET gaps = true")
                .await
        });
        // The error that follows tells of the lost claims in any case.
        noted.ok();
    }
}

impl Ledger for PostgresLedger {
    fn scan(
        &mut self,
        each: &mut dyn FnMut(&str, KnownClaim) -> std::io::Result<()>,
    ) -> Result<(), LedgerError> {
        // Claims of its own session are not of an earlier run: all workers of a session see
        // the same.
        let before = self
            .writer
            .as_ref()
            .filter(|writer| writer.place.is_joined())
            .map_or(i64::MAX, |writer| writer.place.first_id);
        let mut last = i64::MIN;
        loop {
            let page =
                self.read(async |session| pages::known_after(session, last, before).await)?;
            let Some((_, latest)) = page.last() else {
                return Ok(());
            };
            last = to_sql(latest.id);
            for (client_id, known) in page {
                each(&client_id, known).map_err(|source| self.error_of_caller(source))?;
            }
        }
    }

    fn has_gaps(&mut self) -> Result<bool, LedgerError> {
        self.read(async |session| status::has_gaps(session).await)
    }

    fn next_id(&mut self) -> Result<u64, LedgerError> {
        if let Some(writer) = self.writer.as_ref().filter(|writer| writer.shares) {
            return Ok(from_sql(writer.place.first_id));
        }
        self.read(async |session| runs::next_id(session).await)
    }

    fn landing_ms(&mut self, now_ms: i64) -> Result<u64, LedgerError> {
        self.read(async |session| status::landing_ms(session, now_ms).await)
    }

    fn begin(&mut self, run: &RunStart) -> Result<(), LedgerError> {
        let Some(writer) = &mut self.writer else {
            return Err(LedgerError::NotBegun);
        };
        let place = writer.place;
        loop {
            let begun = self.connection.run("write to", async |session, _| {
                runs::begin(session, place, run).await
            })?;
            let what = match begun {
                runs::Begun::First(id) | runs::Begun::Joined(id) => {
                    (writer.run, writer.is_shared_run) = (id, run.shared.is_some());
                    writer.parts.clear();
                    writer.is_first |= matches!(begun, runs::Begun::First(_));
                    return Ok(());
                }
                runs::Begun::NotYet if self.connection.is_patient() => {
                    self.connection.pause(LOOK_AGAIN);
                    continue;
                }
                runs::Begun::NotYet => "that it was not begun yet".to_owned(),
                runs::Begun::Gone => "that its first worker ended before it began".to_owned(),
                runs::Begun::Differs(what) => what,
            };
            return Err(LedgerError::OtherRun {
                path: self.connection.address.to_string().into(),
                what,
            });
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<Vec<(u64, ClaimAnswer)>, LedgerError> {
        self.ahead.forget();
        let Some(state) = &mut self.writer else {
            return Err(LedgerError::NotBegun);
        };
        let writer = BatchWriter {
            worker: state.place.id,
            run: state.run,
            shares: state.is_shared_run,
            runs_before: state.place.runs,
            lease: self.connection.address.lease(),
            number: state.batches + 1,
        };
        let asked = state.kept.deadline.now();
        let written = self.connection.run("write to", async |session, is_again| {
            batch::write(session, writer, batch, is_again).await
        });
        let answers = match written {
            Ok(answers) => answers,
            Err(error) => {
                let is_gap = matches!(error, LedgerError::LostCommits { .. });
                if is_gap || matches!(error, LedgerError::Fenced { .. }) {
                    state.kept.deadline.lose();
                }
                if is_gap {
                    self.note_gaps();
                }
                return Err(error);
            }
        };
        state.batches += 1;
        state.kept.deadline.granted(asked, writer.lease);
        for settled in &batch.settlements {
            state.open.remove(&settled.id);
        }
        for part in batch.finished_parts.iter().chain(&batch.returned_parts) {
            state.parts.remove(part);
        }
        state.open.extend(batch.claims.iter().map(|claim| claim.id));
        for (id, answer) in &answers {
            if matches!(answer, ClaimAnswer::Settled | ClaimAnswer::Held) {
                state.open.remove(id);
            }
        }
        Ok(answers)
    }

    fn end(&mut self, how: &str, now_ms: i64) -> Result<(), LedgerError> {
        let Some(writer) = &self.writer else {
            return Err(LedgerError::NotBegun);
        };
        let (run, worker) = (writer.run, writer.place.id);
        self.connection.run("write to", async |session, _| {
            runs::end(session, (run, worker), how, now_ms).await
        })
    }

    fn claim_record(&mut self, id: u64) -> Result<Option<ClaimRecord>, LedgerError> {
        if let Some(most) = self.ahead.wanted(id) {
            let read = self.connection.run("read", async |session, _| {
                pages::records_from(session, id, most).await
            })?;
            self.ahead.hold(id, read);
        }
        Ok(self.ahead.take(id))
    }

    fn records(
        &mut self,
        each: &mut dyn FnMut(ClaimRecord) -> std::io::Result<()>,
    ) -> Result<(), LedgerError> {
        let mut next = 0;
        loop {
            let page =
                self.read(async |session| pages::records_from(session, next, pages::PAGE).await)?;
            let Some((latest, _)) = page.last() else {
                return Ok(());
            };
            next = latest + 1;
            for (_, record) in page {
                each(record).map_err(|source| self.error_of_caller(source))?;
            }
        }
    }

    fn runs(&mut self) -> Result<Vec<RunHistory>, LedgerError> {
        self.read(async |session| status::histories(session).await)
    }

    fn status(&mut self) -> Result<LedgerStatus, LedgerError> {
        let target = self.target.clone();
        self.connection.run("read", async |session, _| {
            status::read_status(session, &target).await
        })
    }

    fn lease(&self) -> Option<Arc<LeaseDeadline>> {
        let writer = self.writer.as_ref()?;
        Some(Arc::clone(&writer.kept.deadline))
    }

    fn shared(&mut self) -> Option<&mut dyn SharedLedger> {
        let is_shared = self.writer.as_ref().is_some_and(|writer| writer.shares);
        is_shared.then_some(self as &mut dyn SharedLedger)
    }

    fn observe(&mut self, observer: Arc<dyn LedgerObserver>) {
        if let Some(writer) = &self.writer {
            *writer.kept.observer.lock() = Some(Arc::clone(&observer));
        }
        self.connection.observe(observer);
    }
}

impl SharedLedger for PostgresLedger {
    fn is_joined(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| !writer.is_first)
    }

    fn take_part(&mut self, from: u32) -> Result<PartAnswer, LedgerError> {
        let Some(writer) = &mut self.writer else {
            return Err(LedgerError::NotBegun);
        };
        let (run, worker) = (writer.run, writer.place.id);
        let known = parts::numbers(writer.parts.iter().copied());
        // After an outage of the database others need time to come back, too.
        let buries = self.connection.age() > self.connection.address.lease();
        let taken = self.connection.run("write to", async |session, _| {
            parts::take(session, (run, worker), (from, &known), buries).await
        })?;
        if let PartAnswer::Take(part) = taken {
            writer.parts.insert(part);
        }
        Ok(taken)
    }

    fn others(&mut self) -> Result<OtherWorkers, LedgerError> {
        let (run, worker) = self
            .writer
            .as_ref()
            .map_or((0, 0), |writer| (writer.run, writer.place.id));
        self.read(async |session| status::others(session, (run, worker)).await)
    }

    fn stop_all(&mut self, reason: &str) -> Result<(), LedgerError> {
        let run = self.writer.as_ref().map_or(0, |writer| writer.run);
        self.connection.run("write to", async |session, _| {
            runs::stop(session, run, reason).await
        })
    }

    fn pace(&self) -> Option<Arc<dyn SharedPace>> {
        let writer = self.writer.as_ref()?;
        Some(Arc::new(writer.keeper.requests()))
    }
}

impl Drop for PostgresLedger {
    /// Gives the lease up, so that others go on at once.
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else {
            return;
        };
        let (id, in_doubt) = (writer.place.id, !writer.open.is_empty());
        let is_lost = writer.kept.deadline.is_lost();
        drop(writer);
        if !is_lost {
            self.leave(id, in_doubt);
        }
    }
}
