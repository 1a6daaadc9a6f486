//! Keeps a worker's lease, and reserves the starts of its requests, on a connection and a
//! thread of its own: nothing that the ledger does delays a heartbeat. A process that is not a
//! worker yet reserves the starts of its first requests in the same way.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::address::DatabaseAddress;
use super::lease::renew;
use super::pace;
use super::postgres_error::PostgresError;
use super::session::DatabaseSession;
use super::timeline::{self, OwnBatches, TimelineGuard};
use crate::ledger::workers::{
    Later, LeaseDeadline, LedgerObserver, ProbeTurn, ReservedStarts, SharedPace,
};

/// The pause before another attempt to connect.
const PAUSE: Duration = Duration::from_millis(250);

/// How many requests of the pace may wait for an answer.
const MOST_REQUESTS: usize = 16;

/// What a keeper and its ledger share.
#[derive(Debug)]
pub(super) struct Kept {
    /// The worker's number, and its random number.
    pub(super) worker: (i64, i64),
    pub(super) deadline: Arc<LeaseDeadline>,
    /// The number of the last batch whose commit was acknowledged.
    pub(super) acknowledged: AtomicI64,
    /// Is told that another worker stopped the run.
    pub(super) observer: Mutex<Option<Arc<dyn LedgerObserver>>>,
    /// Whether other workers may write, too.
    pub(super) shares: bool,
    /// The lease of a worker, and how long after it a request may live.
    pub(super) requests_live: Duration,
}

impl Kept {
    /// What was acknowledged to the worker.
    pub(super) fn own(&self) -> OwnBatches {
        OwnBatches {
            worker: self.worker,
            acknowledged: self.acknowledged.load(Ordering::Acquire),
        }
    }

    /// Finds out of a new connection, before anything is written on it, whether commits are
    /// gone. Fails if the lease is lost.
    ///
    /// A worker that is alone knows by its own batches, unless its lease may have ended: then
    /// another one may have taken its place, whose batches are gone.
    pub(super) async fn check(&self, session: &DatabaseSession) -> Result<(), PostgresError> {
        let guard = TimelineGuard {
            others_wrote: self.shares || !self.deadline.allows(),
            requests_live: self.requests_live,
            own: Some(self.own()),
        };
        let is_gap = timeline::note(session, guard).await?;
        self.ensure_held(session).await?;
        let observer = self.observer.lock().clone();
        if let (true, Some(observer)) = (is_gap, observer) {
            observer.warns(timeline::MAY_LACK);
        }
        Ok(())
    }

    /// Fails if the lease is lost, which its deadline is told.
    pub(super) async fn ensure_held(&self, session: &DatabaseSession) -> Result<(), PostgresError> {
        let held = timeline::ensure_own(session, self.own(), self.requests_live).await;
        if matches!(
            held,
            Err(PostgresError::Fenced | PostgresError::LostCommits)
        ) {
            self.deadline.lose();
        }
        held
    }
}

/// What is asked of the pace.
#[derive(Debug)]
enum PaceRequest {
    Reserve(u32, Duration, oneshot::Sender<ReservedStarts>),
    Hold(Duration, oneshot::Sender<()>),
    Held(oneshot::Sender<Duration>),
    Probe(oneshot::Sender<ProbeTurn>),
    Probed(bool, oneshot::Sender<()>),
}

/// Asks a keeper for what the workers share.
#[derive(Debug, Clone)]
pub(super) struct PaceRequests {
    requests: Sender<PaceRequest>,
    /// A keeper without a lease, which ends with the last of these.
    _keeper: Option<Arc<Keeper>>,
}

impl PaceRequests {
    /// Sends a request, and waits for its answer; `None` if the keeper has ended, or could
    /// not reach the database.
    fn ask<T: Send + 'static>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> PaceRequest,
    ) -> Later<Option<T>> {
        let (answer, answered) = oneshot::channel();
        let (request, keeper) = (request(answer), self.requests.clone());
        Box::pin(async move {
            keeper.send(request).await.ok()?;
            answered.await.ok()
        })
    }
}

impl SharedPace for PaceRequests {
    fn reserve(&self, count: u32, every: Duration) -> Later<Option<ReservedStarts>> {
        self.ask(|answer| PaceRequest::Reserve(count, every, answer))
    }

    fn hold(&self, wait: Duration) -> Later<()> {
        let held = self.ask(|answer| PaceRequest::Hold(wait, answer));
        Box::pin(async { held.await.unwrap_or_default() })
    }

    fn held(&self) -> Later<Option<Duration>> {
        self.ask(PaceRequest::Held)
    }

    fn probe(&self) -> Later<ProbeTurn> {
        let asked = self.ask(PaceRequest::Probe);
        Box::pin(async { asked.await.unwrap_or(ProbeTurn::Others) })
    }

    fn probed(&self, is_back: bool) -> Later<()> {
        let told = self.ask(|answer| PaceRequest::Probed(is_back, answer));
        Box::pin(async { told.await.unwrap_or_default() })
    }
}

/// Why a lease can't be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeeperError {
    #[error(transparent)]
    Thread(#[from] std::io::Error),
    #[error(transparent)]
    Connection(#[from] PostgresError),
}

/// The thread that keeps a lease. Dropping it ends the thread, and not the lease.
#[derive(Debug)]
pub(super) struct Keeper {
    requests: Sender<PaceRequest>,
    thread: Option<JoinHandle<()>>,
    ends: Option<oneshot::Sender<()>>,
}

impl Keeper {
    /// Begins to keep a lease, if there is one to keep, once it has a connection.
    pub(super) fn start(
        address: DatabaseAddress,
        kept: Option<Arc<Kept>>,
    ) -> Result<Self, KeeperError> {
        let (requests, inbox) = channel(MOST_REQUESTS);
        let (ends, ended) = oneshot::channel();
        let (opens, opened) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("lease".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let session = match DatabaseSession::open(&address).await {
                        Ok(session) => session,
                        Err(error) => return opens.send(Err(error)).unwrap_or_default(),
                    };
                    opens.send(Ok(())).ok();
                    let lease = LeaseLoop {
                        beat: address.lease() / 4,
                        outages: None,
                        address,
                        kept,
                        session: Some(session),
                    };
                    tokio::select! {
                        () = lease.keep(inbox) => {}
                        _ = ended => {}
                    }
                });
            })?;
        if let Ok(Err(error)) = opened.recv() {
            return Err(error.into());
        }
        Ok(Self {
            requests,
            thread: Some(thread),
            ends: Some(ends),
        })
    }

    pub(super) fn requests(&self) -> PaceRequests {
        PaceRequests {
            requests: self.requests.clone(),
            _keeper: None,
        }
    }

    /// The requests alone, of a keeper without a lease.
    pub(super) fn into_requests(self) -> PaceRequests {
        PaceRequests {
            requests: self.requests.clone(),
            _keeper: Some(Arc::new(self)),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.ends.take());
        if let Some(thread) = self.thread.take() {
            // It can't panic, and if it did, the lease just ends.
            thread.join().ok();
        }
    }
}

struct LeaseLoop {
    address: DatabaseAddress,
    /// `None` of a process that is not a worker yet.
    kept: Option<Arc<Kept>>,
    session: Option<DatabaseSession>,
    beat: Duration,
    /// How many outages were over when this worker's began.
    outages: Option<i64>,
}

impl LeaseLoop {
    async fn keep(mut self, mut inbox: Receiver<PaceRequest>) {
        let mut next = Instant::now();
        loop {
            let request = tokio::select! {
                biased;
                () = tokio::time::sleep_until(next), if self.kept.is_some() => None,
                request = inbox.recv() => match request {
                    Some(request) => Some(request),
                    None => std::future::pending().await,
                },
            };
            // Neither may take longer than a beat: then the connection is taken for lost.
            let lease = self.address.lease();
            let done = timeout(lease / 2, async {
                match request {
                    None => self.renew().await.map(|()| true),
                    Some(request) => self.answer(request).await.map(|()| false),
                }
            })
            .await;
            match done {
                Ok(Ok(true)) => next = Instant::now() + self.beat,
                Ok(Ok(false)) => {}
                Ok(Err(PostgresError::Fenced | PostgresError::LostCommits)) => {
                    if let Some(kept) = &self.kept {
                        kept.deadline.lose();
                    }
                    self.note_loss().await;
                    return;
                }
                Ok(Err(_)) | Err(_) => {
                    self.session = None;
                    tokio::time::sleep(PAUSE).await;
                    next = Instant::now();
                }
            }
        }
    }

    async fn session(&mut self) -> Result<&DatabaseSession, PostgresError> {
        let session = if let Some(session) = self.session.take() {
            session
        } else {
            let session = DatabaseSession::open(&self.address).await?;
            if let Some(kept) = &self.kept {
                kept.check(&session).await?;
            }
            session
        };
        Ok(self.session.insert(session))
    }

    /// Notes it if the lease is lost because commits are gone. If this fails, the ledger
    /// does so, once it is used.
    async fn note_loss(&self) {
        if let (Some(session), Some(kept)) = (&self.session, &self.kept) {
            let noted = kept.ensure_held(session);
            timeout(self.address.lease(), noted).await.ok();
        }
    }

    async fn renew(&mut self) -> Result<(), PostgresError> {
        let Some(kept) = self.kept.clone() else {
            return Ok(());
        };
        let lease = self.address.lease();
        let asked = kept.deadline.now();
        // A worker whose claims are gone must not go on sending them.
        let acknowledged = kept.acknowledged.load(Ordering::Acquire);
        let session = self.session().await?;
        let stop = renew(session, kept.worker, acknowledged, lease).await?;
        kept.deadline.granted(asked, lease);
        if let (Some(stop), Some(observer)) = (stop, &*kept.observer.lock()) {
            observer.stop(&stop);
        }
        Ok(())
    }

    async fn answer(&mut self, request: PaceRequest) -> Result<(), PostgresError> {
        match request {
            PaceRequest::Reserve(count, every, answer) => {
                let starts = pace::reserve(self.session().await?, count, every).await?;
                answer.send(starts).ok();
            }
            PaceRequest::Hold(wait, answer) => {
                pace::hold(self.session().await?, wait).await?;
                answer.send(()).ok();
            }
            PaceRequest::Held(answer) => {
                let wait = pace::held(self.session().await?).await?;
                answer.send(wait).ok();
            }
            PaceRequest::Probe(answer) => {
                let known = self.outages;
                let (turn, outages) = pace::probe(self.session().await?, known).await?;
                self.outages = (turn != ProbeTurn::Over).then_some(outages);
                answer.send(turn).ok();
            }
            PaceRequest::Probed(is_back, answer) => {
                pace::probed(self.session().await?, is_back).await?;
                if is_back {
                    self.outages = None;
                }
                answer.send(()).ok();
            }
        }
        Ok(())
    }
}
