//! A request's way: counted, checked, perhaps struck by a fault, done, answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::DATE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::faults::effects::{self, Reaction};
use super::faults::late::Late;
use super::faults::schedule::{Arrival, Schedule};
use super::http::answer::Answer;
use super::http::connection::Line;
use super::http::request::{self, Work};
use super::http::routes;
use crate::sandbox::counts::Tally;
use crate::sandbox::faults::{Place, What};
use crate::sandbox::settings::Settings;
use crate::sandbox::store::{Store, Uniqueness};
use crate::sandbox::throttle::Bucket;

/// So much of a body is read, though far less is taken: a client that is still
/// sending would see a reset instead of the 413.
const MOST_READ: usize = 16 * 1024 * 1024;

/// Everything that all requests share.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) settings: Settings,
    pub(super) store: Arc<Store>,
    pub(super) tally: Tally,
    pub(super) stopping: CancellationToken,
    pub(super) late: Late,
    /// Whether there are faults of a proxy.
    proxied: bool,
    schedule: Mutex<Schedule>,
    bucket: Option<Mutex<Bucket>>,
    /// Requests that may be worked at.
    at_once: Semaphore,
    began: Instant,
    /// The next request's id.
    next_id: AtomicU64,
}

/// Answers a request; the one handler of all paths.
pub(super) async fn serve(
    State(server): State<Arc<Server>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let mut rate = HeaderMap::new();
    let reaction = server.react(request, &mut rate).await;
    if !server.settings.latency.is_zero() {
        // The semaphore is never closed; if it were, no request would wait.
        let _turn = server.at_once.acquire().await;
        tokio::time::sleep(server.settings.latency).await;
    }
    match reaction {
        Reaction::Answer(answer) => server.finish(answer, rate),
        Reaction::Reset => {
            line.reset();
            Response::default()
        }
        Reaction::Hang => {
            server.stopping.cancelled().await;
            line.reset();
            Response::default()
        }
    }
}

impl Server {
    pub(super) fn new(settings: Settings, store: Store) -> Self {
        let bucket = settings.requests_per_second.clone().map(Bucket::new);
        let stopping = CancellationToken::new();
        Self {
            late: Late::new(stopping.clone()),
            proxied: settings
                .faults
                .iter()
                .any(|fault| fault.what.place() == Place::Proxy),
            schedule: Mutex::new(Schedule::new(settings.faults.clone(), settings.seed)),
            bucket: bucket.map(Mutex::new),
            at_once: Semaphore::new(match settings.at_once {
                0 => Semaphore::MAX_PERMITS,
                most => most,
            }),
            began: Instant::now(),
            next_id: AtomicU64::new(fastrand::Rng::with_seed(settings.seed).u64(..)),
            stopping,
            tally: Tally::default(),
            settings,
            store: Arc::new(store),
        }
    }

    async fn react(self: &Arc<Self>, request: Request, rate: &mut HeaderMap) -> Reaction {
        let decided = {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, MOST_READ).await.ok();
            match self.arrive(&parts, body.as_ref()).await {
                Some(reaction) => Err(reaction),
                None => self.decide(&parts, body.as_ref(), rate),
            }
            // Here the request is gone: it lies in the connection's read buffer,
            // and as long as it does, every connection needs another one.
        };
        match decided {
            Err(reaction) => reaction,
            Ok((work, None)) => Reaction::Answer(self.perform(work, Uniqueness::Checked).await),
            Ok((work, Some(what))) => self.misbehave(&what, work).await,
        }
    }

    /// Counts a request, and says how it ends if it does not get as far as the API.
    async fn arrive(&self, parts: &Parts, body: Option<&Bytes>) -> Option<Reaction> {
        let at = self.began.elapsed();
        let route = routes::route(&parts.method, parts.uri.path()).ok();
        let call = route.as_ref().map(|route| route.call);
        self.tally.came(call, at);
        if locked(&self.schedule).down(at) {
            return Some(Reaction::Reset);
        }
        if !self.proxied {
            return None;
        }
        let body = body.map_or(&[] as &[u8], |body| body);
        let client = match route {
            Some(route) if route.call == routes::Call::Create => client_id(body),
            Some(route) => route.customer,
            None => String::new(),
        };
        let arrival = Arrival {
            call,
            client: &client,
            path: parts.uri.path(),
            body,
        };
        let what = locked(&self.schedule).strike_at_proxy(arrival, at)?;
        self.tally.struck(what.word());
        let reaction = effects::instead(&what)?;
        if call == Some(routes::Call::Create) && !client.is_empty() {
            return Some(self.stopped(client, reaction).await);
        }
        Some(reaction)
    }

    /// What a request asks for and what strikes it, or how it ends here.
    fn decide(
        &self,
        parts: &Parts,
        body: Option<&Bytes>,
        rate: &mut HeaderMap,
    ) -> Result<(Work, Option<What>), Reaction> {
        let at = self.began.elapsed();
        let route = routes::route(&parts.method, parts.uri.path())
            .map_err(|astray| Reaction::Answer(request::astray(&astray, parts)))?;
        let call = route.call;
        let work = self
            .admit(call, parts, at, rate)
            .and_then(|()| request::check(route, parts, body, &self.settings))
            .map_err(Reaction::Answer)?;
        let strike = locked(&self.schedule).strike(call, work.client(), at);
        for _ in 0..strike.clock_steps {
            self.tally.struck("clock");
        }
        Ok((work, strike.what))
    }

    /// The checks that come before the request is looked at.
    fn admit(
        &self,
        call: routes::Call,
        parts: &Parts,
        at: Duration,
        rate: &mut HeaderMap,
    ) -> Result<(), Answer> {
        if let Some(bucket) = &self.bucket {
            let mut bucket = locked(bucket);
            let standing = bucket.take(at);
            bucket.tell(standing, self.settings.rate_headers, rate);
            if !standing.passed {
                let said = "too many requests";
                return Err(Answer::message(StatusCode::TOO_MANY_REQUESTS, said));
            }
        }
        let revoked = locked(&self.schedule).revoked();
        if revoked || !request::authorized(call, &parts.headers, &self.settings) {
            return Err(request::unauthorized());
        }
        Ok(())
    }

    async fn misbehave(self: &Arc<Self>, what: &What, work: Work) -> Reaction {
        let arrived = Instant::now();
        self.tally.struck(what.word());
        if let Some(reaction) = effects::instead(what) {
            return if let Work::Create(draft) = work {
                self.stopped(draft.client_id, reaction).await
            } else {
                reaction
            };
        }
        let answer = if let What::Delay(time) | What::LandLate(time) = *what {
            self.land(arrived + time, work, Uniqueness::Checked).await
        } else if let What::LandLateUnchecked(time) = *what {
            // A task of its own already here: the client may go while it is looked for.
            let server = Arc::clone(self);
            let task = async move { server.land_unchecked(arrived + time, work).await };
            let landed = tokio::spawn(task).await;
            landed.unwrap_or_else(|lost| Answer::broken(&lost.to_string()))
        } else if let What::StatusThenLand(_, time) | What::ResetThenLand(time) = *what {
            drop(self.begin_late(arrived + time, work, Uniqueness::Checked));
            Answer::json(StatusCode::OK, Vec::new())
        } else {
            self.perform(work, Uniqueness::Checked).await
        };
        effects::afterwards(what, answer)
    }

    /// Notes a create that ends without anything done.
    async fn stopped(&self, client_id: String, reaction: Reaction) -> Reaction {
        match self.store.stopped(client_id).await {
            Ok(()) => reaction,
            Err(refusal) => Reaction::Answer(self.refuse(refusal, "")),
        }
    }

    /// Looks for the customer of a create now, and does the work at `due`.
    async fn land_unchecked(self: Arc<Self>, due: Instant, work: Work) -> Answer {
        if let Work::Create(draft) = &work
            && let Err(refusal) = self.store.probe(draft.client_id.clone()).await
        {
            return self.refuse(refusal, &draft.client_id);
        }
        self.land(due, work, Uniqueness::Unchecked).await
    }

    /// Does the work at `due`, and waits for it.
    async fn land(self: &Arc<Self>, due: Instant, work: Work, uniqueness: Uniqueness) -> Answer {
        let late = self.begin_late(due, work, uniqueness);
        late.await
            .unwrap_or_else(|lost| Answer::broken(&lost.to_string()))
    }

    fn begin_late(
        self: &Arc<Self>,
        due: Instant,
        work: Work,
        uniqueness: Uniqueness,
    ) -> JoinHandle<Answer> {
        let server = Arc::clone(self);
        let work = async move { server.perform(work, uniqueness).await };
        self.late.begin(due, work)
    }

    fn finish(&self, mut answer: Answer, rate: HeaderMap) -> Response {
        self.tally.answered(answer.status.as_u16());
        let id = format!("req_{:016x}", self.next_id.fetch_add(1, Ordering::Relaxed));
        let date = httpdate::fmt_http_date(self.date());
        for (name, value) in [(HeaderName::from_static("x-request-id"), id), (DATE, date)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                answer.headers.push((name, value));
            }
        }
        let mut response = answer.into_response();
        response.headers_mut().extend(rate);
        response
    }

    /// The time that answers bear.
    fn date(&self) -> SystemTime {
        let shift = locked(&self.schedule).clock_shift();
        let (now, by) = (
            (self.settings.now)(),
            Duration::from_secs(shift.unsigned_abs()),
        );
        let shifted = if shift < 0 {
            now.checked_sub(by)
        } else {
            now.checked_add(by)
        };
        // An HTTP date has four digits for the year and begins in 1970.
        let last = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 8000);
        shifted.unwrap_or(now).clamp(SystemTime::UNIX_EPOCH, last)
    }

    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        (self.settings.now)()
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_millis()).ok())
            .unwrap_or_default()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Both bucket and schedule are whole after every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The `clientId` in the body of a create, as far as there is one.
fn client_id(body: &[u8]) -> String {
    let body: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let id = body
        .as_ref()
        .and_then(|body| body.get("clientId")?.as_str());
    id.unwrap_or_default().to_owned()
}
