//! A connection that is taken up again when it drops, for callers that are not asynchronous.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::address::DatabaseAddress;
use super::keeper::Kept;
use super::postgres_error::{PostgresError, refused};
use super::session::DatabaseSession;
use super::timeline::{self, TimelineGuard};
use crate::ledger::LedgerError;
use crate::ledger::workers::LedgerObserver;

/// The shortest and the longest pause between two attempts to connect.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a run waits for its database.
const PATIENCE: Duration = Duration::from_hours(1);

/// How long a run that was stopped waits for it.
const PATIENCE_AFTER_STOP: Duration = Duration::from_secs(10);

/// How often it is looked whether the run was stopped.
const LOOK_FOR_STOP: Duration = Duration::from_millis(250);

/// How often a transaction is repeated that another one was in the way of.
const MOST_CONFLICTS: u32 = 100;

/// A time in which the database can't be reached.
#[derive(Debug)]
struct Outage {
    began: Instant,
    /// What began it, until another attempt has failed.
    first: Option<PostgresError>,
    /// The next pause.
    pause: Duration,
    is_told: bool,
}

/// The outcome of `work`, unless it takes too long after a stop.
async fn unless_given_up<T>(
    observer: Option<&dyn LedgerObserver>,
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    let given_up = async {
        let mut stopped: Option<Instant> = None;
        while stopped.is_none_or(|since| since.elapsed() < PATIENCE_AFTER_STOP) {
            tokio::time::sleep(LOOK_FOR_STOP).await;
            if observer.is_some_and(LedgerObserver::is_stopped) {
                stopped.get_or_insert_with(Instant::now);
            }
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = given_up => Err(PostgresError::GaveUp),
    }
}

/// A runtime that may be dropped in a task of another one, as that of a run which fails: to
/// wait for what it still does would block that one, which panics.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(runtime) = &self.0 else {
            unreachable!("it is shut down by its drop alone")
        };
        runtime.block_on(work)
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection to the database, and a thread to wait for it.
pub(super) struct Connection {
    pub(super) address: DatabaseAddress,
    runtime: OwnRuntime,
    session: Option<DatabaseSession>,
    connected: Instant,
    observer: Option<Arc<dyn LedgerObserver>>,
    /// Of a process that is to be a worker.
    guard: Option<ConnectionGuard>,
}

/// How it is found out of a new connection whether commits are gone.
#[derive(Debug, Clone)]
enum ConnectionGuard {
    /// Of a process that is not registered yet.
    Opening(TimelineGuard),
    /// Of a worker.
    Worker(Arc<Kept>),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects to `address`.
    pub(super) fn open(address: DatabaseAddress) -> Result<Self, LedgerError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| LedgerError::Io {
                path: address.to_string().into(),
                source,
            })?;
        let mut connection = Self {
            address,
            runtime: OwnRuntime(Some(runtime)),
            session: None,
            connected: Instant::now(),
            observer: None,
            guard: None,
        };
        let session = connection.wait(async || DatabaseSession::open(&connection.address).await);
        connection.session = Some(session.map_err(|error| connection.failed("open", error))?);
        Ok(connection)
    }

    /// From now on `observer` is told while this waits for the database.
    pub(super) fn observe(&mut self, observer: Arc<dyn LedgerObserver>) {
        self.observer = Some(observer);
    }

    /// From now on it is found out of every connection whether commits are gone, as they may
    /// be now: returns whether they may. `requests_live` is how long requests of other workers
    /// may live.
    pub(super) fn guard(&mut self, requests_live: Duration) -> Result<bool, LedgerError> {
        let guard = TimelineGuard {
            others_wrote: true,
            requests_live,
            own: None,
        };
        let is_gap = self.run("write to", async |session, _| {
            timeline::note(session, guard).await
        })?;
        self.guard = Some(ConnectionGuard::Opening(guard));
        Ok(is_gap)
    }

    /// From now on it is found out of every connection whether this worker holds its lease.
    pub(super) fn keep(&mut self, kept: Arc<Kept>) {
        self.guard = Some(ConnectionGuard::Worker(kept));
    }

    /// Does `work`, of which `doing` completes "cannot …". It is done again after a
    /// conflict, and after the connection was lost; then its argument is true, and what was
    /// done may have been done already.
    pub(super) fn run<T: Send>(
        &mut self,
        doing: &'static str,
        work: impl AsyncFn(&DatabaseSession, bool) -> Result<T, PostgresError> + Sync,
    ) -> Result<T, LedgerError> {
        let (mut conflicts, mut is_again) = (0, false);
        let mut outage = None;
        loop {
            match self.attempt(async |session| work(session, is_again).await) {
                Ok(done) => {
                    self.back(outage);
                    return Ok(done);
                }
                Err(error) if error.is_conflict() && conflicts < MOST_CONFLICTS => {
                    conflicts += 1;
                    self.pause(Duration::from_millis(fastrand::u64(1..20)));
                }
                Err(error) if error.is_lost_connection() || self.waits_for_primary(&error) => {
                    (self.session, is_again) = (None, true);
                    self.sit_out(&mut outage, error)
                        .map_err(|error| self.failed(doing, error))?;
                }
                Err(error) => return Err(self.failed(doing, error)),
            }
        }
    }

    /// Does `work` once, on a new connection if there is none.
    fn attempt<T: Send>(
        &mut self,
        work: impl AsyncFn(&DatabaseSession) -> Result<T, PostgresError> + Sync,
    ) -> Result<T, PostgresError> {
        let observer = self.observer.as_deref();
        let session = if let Some(session) = self.session.take() {
            session
        } else {
            let opened = Box::pin(async {
                let opened = DatabaseSession::open(&self.address).await?;
                match &self.guard {
                    Some(ConnectionGuard::Opening(guard)) => {
                        timeline::note(&opened, *guard).await?;
                    }
                    Some(ConnectionGuard::Worker(kept)) => kept.check(&opened).await?,
                    None => {}
                }
                Ok(opened)
            });
            let opened = self.wait(async || unless_given_up(observer, opened).await)?;
            self.connected = Instant::now();
            opened
        };
        let done = self.wait(async || unless_given_up(observer, work(&session)).await);
        self.session = Some(session);
        done
    }

    /// Whether a run that was under way has met a server that takes no writes: after a
    /// failover the connection may lead to a standby for a while.
    fn waits_for_primary(&self, error: &PostgresError) -> bool {
        self.observer.is_some() && error.is_read_only()
    }

    /// Pauses before another attempt to connect, unless there were enough. The first is made
    /// at once.
    fn sit_out(
        &self,
        outage: &mut Option<Outage>,
        error: PostgresError,
    ) -> Result<(), PostgresError> {
        let Some(outage) = outage else {
            *outage = Some(Outage {
                began: Instant::now(),
                first: Some(error),
                pause: SHORTEST_PAUSE,
                is_told: false,
            });
            return Ok(());
        };
        // The first error says most: later ones are those of the attempts.
        let error = outage.first.take().unwrap_or(error);
        let patience = if self.is_patient() {
            PATIENCE
        } else {
            PATIENCE_AFTER_STOP
        };
        if outage.began.elapsed() > patience {
            return Err(error);
        }
        if let (Some(observer), false) = (&self.observer, outage.is_told) {
            observer.waits(&format!(
                "the checkpoint's database can't be reached: {error}"
            ));
            outage.is_told = true;
        }
        self.pause(outage.pause.mul_f64(0.5 + fastrand::f64() / 2.0));
        outage.pause = (outage.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// The database answers again.
    fn back(&self, outage: Option<Outage>) {
        let is_told = outage.is_some_and(|outage| outage.is_told);
        if let (Some(observer), true) = (&self.observer, is_told) {
            observer.goes_on();
        }
    }

    /// Whether the run goes on, so that waiting is worth while.
    pub(super) fn is_patient(&self) -> bool {
        self.observer.as_ref().is_some_and(|one| !one.is_stopped())
    }

    /// Drops the connection, as a network does.
    #[cfg(test)]
    pub(super) fn cut(&mut self) {
        self.session = None;
    }

    /// Sleeps for `time`.
    pub(super) fn pause(&self, time: Duration) {
        self.wait(async || tokio::time::sleep(time).await);
    }

    /// For how long the connection has stood.
    pub(super) fn age(&self) -> Duration {
        self.connected.elapsed()
    }

    /// Does `work` if the database can be reached at once, and takes no longer than `most`.
    pub(super) fn try_run(
        &self,
        most: Duration,
        work: impl AsyncFn(&DatabaseSession) -> Result<(), PostgresError> + Sync,
    ) {
        if let Some(session) = &self.session {
            self.wait(async || tokio::time::timeout(most, work(session)).await.ok());
        }
    }

    /// Waits until `work` is done. Some callers are tasks of another runtime, in which no
    /// other one may block: then it is done on a thread of its own.
    fn wait<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        if tokio::runtime::Handle::try_current().is_err() {
            return self.runtime.block_on(work());
        }
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| self.runtime.block_on(work()));
            waiting
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The checkpoint's name, as errors have it.
    pub(super) fn path(&self) -> PathBuf {
        self.address.to_string().into()
    }

    /// The error for a caller.
    pub(super) fn failed(&self, doing: &'static str, error: PostgresError) -> LedgerError {
        let path = self.path();
        match error {
            PostgresError::Fenced => LedgerError::Fenced { path },
            PostgresError::LostCommits => LedgerError::LostCommits { path },
            PostgresError::Address(source) => LedgerError::Unreachable {
                path,
                hint: source.hint(),
                source: Box::new(source),
            },
            other @ (PostgresError::Database(_)
            | PostgresError::MayNotCreateSchema(_)
            | PostgresError::GaveUp
            | PostgresError::Unfit { .. }
            | PostgresError::OtherCustomer
            | PostgresError::Invalid(_)) => refused(doing, &self.address, other),
        }
    }
}
