//! The way of a request: counted, checked, perhaps struck by a fault, done, answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::DATE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::faults::delayed::DelayedWork;
use super::faults::effects::Reaction;
use super::faults::kinds::{ApiEffect, Effect};
use super::faults::schedule::{ObservedRequest, Schedule, Strike};
use super::http::connection::ResetHandle;
use super::http::request::{self, Operation};
use super::http::response::ApiResponse;
use super::http::routes::{self, Call, Route, RouteError};
use crate::sandbox::api::Api;
use crate::sandbox::counts::RequestCounter;
use crate::sandbox::settings::Settings;
use crate::sandbox::store::Store;
use crate::sandbox::store::task::Uniqueness;
use crate::sandbox::throttle::ThrottleBucket;

/// How much of a body is read, far more than is accepted: a client that is still
/// sending would see a reset instead of the 413.
const MOST_READ: usize = 16 * 1024 * 1024;

/// What all requests share.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) store: Arc<Store>,
    pub(super) counter: RequestCounter,
    pub(super) stopping: CancellationToken,
    pub(super) delayed: DelayedWork,
    settings: Arc<Settings>,
    api: Api,
    /// Whether there are faults of a proxy.
    has_proxy: bool,
    schedule: Mutex<Schedule>,
    bucket: Option<Mutex<ThrottleBucket>>,
    /// One permit for each request that is worked on.
    at_once: Semaphore,
    began: Instant,
    /// The `X-Request-Id` of the next response.
    next_id: AtomicU64,
}

/// Answers a request; the handler of all paths.
pub(super) async fn serve(
    State(server): State<Arc<Server>>,
    ConnectInfo(connection): ConnectInfo<ResetHandle>,
    request: Request,
) -> Response {
    let mut rate_headers = HeaderMap::new();
    let reaction = server.react(request, &mut rate_headers).await;
    if !server.settings.latency.is_zero() {
        // The semaphore is never closed; if it were, no request would wait.
        let _permit = server.at_once.acquire().await;
        tokio::time::sleep(server.settings.latency).await;
    }
    match reaction {
        Reaction::Respond(response) => server.finish(response, rate_headers),
        Reaction::Reset => {
            connection.reset();
            Response::default()
        }
        Reaction::Hang => {
            server.stopping.cancelled().await;
            connection.reset();
            Response::default()
        }
    }
}

impl Server {
    pub(super) fn new(settings: Settings, store: Store) -> Self {
        let (settings, store) = (Arc::new(settings), Arc::new(store));
        let bucket = settings.requests_per_second.clone();
        let mut faults = settings.faults.iter();
        let stopping = CancellationToken::new();
        Self {
            api: Api::new(Arc::clone(&settings), Arc::clone(&store)),
            counter: RequestCounter::default(),
            delayed: DelayedWork::new(stopping.clone()),
            has_proxy: faults.any(|fault| matches!(fault.effect, Effect::Proxy(..))),
            schedule: Mutex::new(Schedule::new(settings.faults.clone(), settings.seed)),
            bucket: bucket.map(ThrottleBucket::new).map(Mutex::new),
            at_once: Semaphore::new(match settings.at_once {
                0 => Semaphore::MAX_PERMITS,
                most => most,
            }),
            began: Instant::now(),
            next_id: AtomicU64::new(fastrand::Rng::with_seed(settings.seed).u64(..)),
            stopping,
            settings,
            store,
        }
    }

    async fn react(self: &Arc<Self>, request: Request, rate_headers: &mut HeaderMap) -> Reaction {
        let decided = {
            let (mut parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, MOST_READ).await.ok();
            let route = routes::route(&mut parts).await;
            match self
                .arrive(&parts, body.as_ref(), route.as_ref().ok())
                .await
            {
                Some(reaction) => Err(reaction),
                None => self.decide(&parts, body.as_ref(), route, rate_headers),
            }
            // Here the request is dropped: it lies in the connection's read buffer,
            // and while it does, every connection needs another one.
        };
        match decided {
            Err(reaction) => reaction,
            Ok((operation, None)) => {
                Reaction::Respond(self.api.perform(operation, Uniqueness::Checked).await)
            }
            Ok((operation, Some(strike))) => self.misbehave(strike, operation).await,
        }
    }

    /// Counts a request, and gives its end if it does not reach the API.
    async fn arrive(
        &self,
        parts: &Parts,
        body: Option<&Bytes>,
        route: Option<&Route>,
    ) -> Option<Reaction> {
        let at = self.began.elapsed();
        let call = route.map(|route| route.call);
        self.counter.arrived(call, at);
        if self.schedule.lock().is_out(at) {
            return Some(Reaction::Reset);
        }
        if !self.has_proxy {
            return None;
        }
        let body = body.map_or(&[] as &[u8], |body| body);
        let client = match route {
            Some(route) if route.call == Call::Create => client_id(body),
            Some(route) => route.id.clone(),
            None => String::new(),
        };
        let observed = ObservedRequest {
            call,
            client: &client,
            path: parts.uri.path(),
            body,
        };
        let strike = self.schedule.lock().strike_at_proxy(observed, at)?;
        self.counter.struck(strike.name);
        let reaction = strike.effect.reaction();
        if call == Some(Call::Create) && !client.is_empty() {
            return Some(self.stopped(client, reaction).await);
        }
        Some(reaction)
    }

    /// The operation that a request asks for and the fault that strikes it, or its end.
    fn decide(
        &self,
        parts: &Parts,
        body: Option<&Bytes>,
        route: Result<Route, RouteError>,
        rate_headers: &mut HeaderMap,
    ) -> Result<(Operation, Option<Strike<ApiEffect>>), Reaction> {
        let at = self.began.elapsed();
        let route = route.map_err(|error| Reaction::Respond(request::no_route(&error, parts)))?;
        let call = route.call;
        let operation = self
            .admit(call, parts, at, rate_headers)
            .and_then(|()| request::check(route, parts, body, &self.settings))
            .map_err(Reaction::Respond)?;
        let strikes = self
            .schedule
            .lock()
            .strike_at_api(call, operation.client(), at);
        for name in strikes.clock_changes {
            self.counter.struck(name);
        }
        Ok((operation, strikes.strike))
    }

    /// The checks that come before the request itself is looked at.
    fn admit(
        &self,
        call: Call,
        parts: &Parts,
        at: Duration,
        rate_headers: &mut HeaderMap,
    ) -> Result<(), ApiResponse> {
        if let Some(bucket) = &self.bucket {
            let mut bucket = bucket.lock();
            let state = bucket.take(at);
            bucket.describe(state, self.settings.rate_headers, rate_headers);
            if !state.passed {
                let message = "too many requests";
                return Err(ApiResponse::message(StatusCode::TOO_MANY_REQUESTS, message));
            }
        }
        let revoked = self.schedule.lock().revoked();
        if revoked || !request::authorized(call, &parts.headers, &self.settings) {
            return Err(request::unauthorized());
        }
        Ok(())
    }

    async fn misbehave(
        self: &Arc<Self>,
        strike: Strike<ApiEffect>,
        operation: Operation,
    ) -> Reaction {
        let arrived = Instant::now();
        self.counter.struck(strike.name);
        match strike.effect {
            ApiEffect::ReplyInstead(reply) => self.skip(operation, reply.reaction()).await,
            ApiEffect::RevokeKey => {
                let refused = Reaction::Respond(request::unauthorized());
                self.skip(operation, refused).await
            }
            ApiEffect::Outage(_) => self.skip(operation, Reaction::Reset).await,
            ApiEffect::ReplyAfter(reply) => {
                drop(self.api.perform(operation, Uniqueness::Checked).await);
                reply.reaction()
            }
            ApiEffect::Spoil(spoilage) => {
                let response = self.api.perform(operation, Uniqueness::Checked).await;
                Reaction::Respond(spoilage.apply(response))
            }
            ApiEffect::Delay(time, Uniqueness::Checked) => {
                let delayed = self.begin_delayed(arrived + time, operation, Uniqueness::Checked);
                Reaction::Respond(finished(delayed).await)
            }
            ApiEffect::Delay(time, Uniqueness::Unchecked) => {
                // A task of its own, since the client may disconnect during the look-up.
                let server = Arc::clone(self);
                let task = async move { server.delay_unchecked(arrived + time, operation).await };
                Reaction::Respond(finished(tokio::spawn(task)).await)
            }
            ApiEffect::ReplyThenDelay(reply, time) => {
                drop(self.begin_delayed(arrived + time, operation, Uniqueness::Checked));
                reply.reaction()
            }
        }
    }

    /// Ends a request without doing its operation.
    async fn skip(&self, operation: Operation, reaction: Reaction) -> Reaction {
        if let Operation::Create(customer) = operation {
            return self.stopped(customer.client_id, reaction).await;
        }
        reaction
    }

    /// Notes a create that a fault stopped, and ends it.
    async fn stopped(&self, client_id: String, reaction: Reaction) -> Reaction {
        match self.api.note_stopped(client_id).await {
            Ok(()) => reaction,
            Err(response) => Reaction::Respond(response),
        }
    }

    /// Does the operation at `due`, but looks for the `clientId` of a create now.
    async fn delay_unchecked(self: Arc<Self>, due: Instant, operation: Operation) -> ApiResponse {
        if let Operation::Create(customer) = &operation
            && let Err(response) = self.api.check_unique(&customer.client_id).await
        {
            return response;
        }
        finished(self.begin_delayed(due, operation, Uniqueness::Unchecked)).await
    }

    fn begin_delayed(
        &self,
        due: Instant,
        operation: Operation,
        uniqueness: Uniqueness,
    ) -> JoinHandle<ApiResponse> {
        let api = self.api.clone();
        let work = async move { api.perform(operation, uniqueness).await };
        self.delayed.begin(due, work)
    }

    fn finish(&self, mut response: ApiResponse, rate_headers: HeaderMap) -> Response {
        self.counter.answered(response.status.as_u16());
        let id = format!("req_{:016x}", self.next_id.fetch_add(1, Ordering::Relaxed));
        let date = httpdate::fmt_http_date(self.date());
        for (name, value) in [(HeaderName::from_static("x-request-id"), id), (DATE, date)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers.push((name, value));
            }
        }
        let mut response = response.into_response();
        response.headers_mut().extend(rate_headers);
        response
    }

    /// The `Date` of a response now.
    fn date(&self) -> SystemTime {
        let shift = self.schedule.lock().clock_shift();
        let now = (self.settings.now)();
        let by = Duration::from_secs(shift.unsigned_abs());
        let shifted = if shift < 0 {
            now.checked_sub(by)
        } else {
            now.checked_add(by)
        };
        // An HTTP date begins in 1970 and has four digits for the year.
        let last = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 8000);
        shifted.unwrap_or(now).clamp(SystemTime::UNIX_EPOCH, last)
    }
}

/// The response of a task, or a 500 if it panicked.
async fn finished(task: JoinHandle<ApiResponse>) -> ApiResponse {
    task.await
        .unwrap_or_else(|error| ApiResponse::broken(&error.to_string()))
}

/// The `clientId` in the body of a create, or an empty string.
fn client_id(body: &[u8]) -> String {
    let body: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let id = body
        .as_ref()
        .and_then(|body| body.get("clientId")?.as_str());
    id.unwrap_or_default().to_owned()
}
