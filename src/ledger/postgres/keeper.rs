//! Keeps a worker's lease, and reserves the starts of its requests, on a connection and a
//! thread of its own: nothing that the ledger does delays a heartbeat.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::address::DatabaseAddress;
use super::connection::{PostgresError, Session};
use super::lease::renew;
use super::pace;
use crate::ledger::workers::{LeaseDeadline, LedgerObserver, PaceRequest};

/// The pause before another attempt to connect.
const PAUSE: Duration = Duration::from_millis(250);

/// What a keeper and its ledger share.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) deadline: Arc<LeaseDeadline>,
    /// Is told that another worker stopped the run.
    pub(super) observer: Mutex<Option<Arc<dyn LedgerObserver>>>,
}

/// The thread that keeps a lease. Dropping it ends the thread, and not the lease.
#[derive(Debug)]
pub(super) struct Keeper {
    requests: UnboundedSender<PaceRequest>,
    thread: Option<JoinHandle<()>>,
    ends: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Keeper {
    /// Begins to keep the lease of worker `id`.
    pub(super) fn start(
        address: DatabaseAddress,
        id: i64,
        kept: Arc<Kept>,
    ) -> std::io::Result<Self> {
        let (requests, inbox) = unbounded_channel();
        let (ends, ended) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("lease".to_owned())
            .spawn(move || {
                let lease = LeaseLoop {
                    beat: address.lease() / 4,
                    outages: None,
                    address,
                    id,
                    kept,
                    session: None,
                };
                runtime.block_on(async {
                    tokio::select! {
                        () = lease.keep(inbox) => {}
                        _ = ended => {}
                    }
                });
            })?;
        Ok(Self {
            requests,
            thread: Some(thread),
            ends: Some(ends),
        })
    }

    pub(super) fn requests(&self) -> UnboundedSender<PaceRequest> {
        self.requests.clone()
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
    id: i64,
    kept: Arc<Kept>,
    session: Option<Session>,
    beat: Duration,
    /// How many outages were over when this worker's began.
    outages: Option<i64>,
}

impl LeaseLoop {
    async fn keep(mut self, mut inbox: UnboundedReceiver<PaceRequest>) {
        let mut next = Instant::now();
        loop {
            let request = tokio::select! {
                biased;
                () = tokio::time::sleep_until(next.into()) => None,
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
                Ok(Err(PostgresError::Fenced)) => {
                    self.kept.deadline.lose();
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

    async fn session(&mut self) -> Result<&Session, PostgresError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::open(&self.address).await?,
        };
        Ok(self.session.insert(session))
    }

    async fn renew(&mut self) -> Result<(), PostgresError> {
        let (id, lease) = (self.id, self.address.lease());
        let asked = self.kept.deadline.now();
        let session = self.session().await?;
        renew(session, id, lease).await?;
        let stop = session
            .query_one(
                "SELECT r.stop FROM kb.run r JOIN kb.worker w ON w.run = r.id WHERE w.id = $1",
                &[&id],
            )
            .await?;
        let stop: Option<String> = match stop {
            Some(row) => row.try_get(0)?,
            None => None,
        };
        self.kept.deadline.granted(asked, lease);
        if let (Some(stop), Some(observer)) = (stop, &*self.kept.observer.lock()) {
            observer.stop(&stop);
        }
        Ok(())
    }

    async fn answer(&mut self, request: PaceRequest) -> Result<(), PostgresError> {
        match request {
            PaceRequest::Reserve {
                count,
                every,
                answer,
            } => {
                let starts = pace::reserve(self.session().await?, count, every).await?;
                answer.send(starts).ok();
            }
            PaceRequest::Hold(wait) => pace::hold(self.session().await?, wait).await?,
            PaceRequest::Probe { answer } => {
                let known = self.outages;
                let (turn, outages) = pace::probe(self.session().await?, known).await?;
                self.outages = Some(outages);
                answer.send(turn).ok();
            }
            PaceRequest::Up => {
                pace::end_outage(self.session().await?).await?;
                self.outages = None;
            }
        }
        Ok(())
    }
}
