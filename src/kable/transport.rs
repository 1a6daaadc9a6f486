//! Sends HTTP requests and reads whole responses.
//!
//! `response.rs` interprets the responses. Nothing is retried here, and redirects
//! are not followed. So this is `hyper_util`'s client with its pool of connections, and
//! not `reqwest`'s around it, which parses the URL of each request three times and copies
//! its headers three times, in case of a redirect or a retry.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{HeaderMap, HeaderValue, USER_AGENT};
use http::request::Builder;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use super::array_stream::ArrayStream;
use super::connector::ApiConnector;
use super::failure::{RequestFailure, Timeouts};
use super::redaction::Redaction;
use super::response::RawResponse;
use super::settings::{ClientError, Settings};
use crate::domain::error_cause::innermost;

/// The longest body that is read. A customer is a few KiB; only lists are longer.
pub(super) const LONGEST_BODY: usize = 1 << 20;

/// `User-Agent` (RFC 9110 §10.1.5).
const PROGRAM: &str = concat!("kable-bulk/", env!("BUILD_VERSION"));

/// The time-out for opening a connection, unless the request's is shorter.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// How long a streamed response may take as a whole.
const LONGEST_STREAM: Duration = Duration::from_hours(4);

/// How long a connection that is not used is kept open.
const LONGEST_IDLE: Duration = Duration::from_secs(90);

/// A request, or why it can't be one.
pub(super) type Request = http::Result<http::Request<Full<Bytes>>>;

/// A response of which only the head was read.
type Response = http::Response<Incoming>;

/// The connections to one API. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    http: legacy::Client<ApiConnector, Full<Bytes>>,
    /// Sent with every request.
    headers: HeaderMap,
    timeouts: Timeouts,
    redaction: Redaction,
}

/// A response whose body was processed while it was read.
pub(super) struct Streamed {
    /// Its head; if it is not a success, the body as well.
    pub(super) response: RawResponse,
    /// Why the body was not read to its end.
    pub(super) broken_off: Option<String>,
}

impl Transport {
    /// Sets up a client that sends `headers` with every request and applies
    /// `redaction` to every response. No connection is opened yet.
    pub(super) fn new(
        settings: &Settings,
        mut headers: HeaderMap,
        redaction: Redaction,
    ) -> Result<Self, ClientError> {
        let timeouts = Timeouts {
            // Shorter than the whole, to tell the two apart: a request without a
            // connection was not sent.
            connect: (settings.timeout / 2).min(LONGEST_CONNECT),
            request: settings.timeout,
        };
        let program = HeaderValue::from_static(PROGRAM);
        headers.insert(USER_AGENT, program.clone());
        let connector = ApiConnector::new(settings, timeouts.connect, program)?;
        let http = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(LONGEST_IDLE)
            .pool_max_idle_per_host(settings.connections)
            .build(connector);
        Ok(Self {
            http,
            headers,
            timeouts,
            redaction,
        })
    }

    /// A request with the headers that every request has.
    pub(super) fn request<U>(&self, method: Method, uri: U) -> Builder
    where
        U: TryInto<http::Uri, Error: Into<http::Error>>,
    {
        let mut request = http::Request::builder().method(method).uri(uri);
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.headers);
        }
        request
    }

    /// Sends `request` and reads a response of at most `longest` bytes.
    pub(super) async fn send(
        &self,
        request: Request,
        longest: usize,
    ) -> Result<RawResponse, RequestFailure> {
        let deadline = Instant::now() + self.timeouts.request;
        let mut response = self.head_of(request, deadline).await?;
        let mut raw = RawResponse::of_head(response.status(), response.headers(), &self.redaction);
        let reading = self.read_body(response.body_mut(), &mut raw, longest);
        let read = timeout_at(deadline, reading).await;
        match read.unwrap_or_else(|_elapsed| Err(self.too_late("no answer"))) {
            Ok(()) => Ok(raw),
            // Only a success needs its body. For other responses status and
            // headers suffice; the part of the body that arrived explains them.
            Err(_) if !raw.is_success() => Ok(raw),
            Err(why) => Err(RequestFailure {
                unsent: false,
                trouble: raw.broken(why),
            }),
        }
    }

    /// Sends `request` and calls `on_element` with each object of the array in the
    /// response as it is received; the whole may be larger than memory. The time-out
    /// is for each chunk of the response.
    pub(super) async fn stream(
        &self,
        request: Request,
        on_element: &mut (impl FnMut(&[u8]) + Send),
    ) -> Result<Streamed, RequestFailure> {
        let began = Instant::now();
        let mut response = self.head_of(request, began + self.timeouts.request).await?;
        let mut raw = RawResponse::of_head(response.status(), response.headers(), &self.redaction);
        let end = began + LONGEST_STREAM;
        let body = response.body_mut();
        let broken_off = if raw.is_success() {
            self.read_elements(body, on_element, end).await.err()
        } else {
            // The part of the body that arrived explains the refusal.
            let reading = self.read_body(body, &mut raw, LONGEST_BODY);
            timeout_at(end, reading).await.ok();
            None
        };
        Ok(Streamed {
            response: raw,
            broken_off,
        })
    }

    /// Sends `request`, and reads the head of the response.
    async fn head_of(&self, request: Request, until: Instant) -> Result<Response, RequestFailure> {
        let request = request.map_err(|error| RequestFailure::of_request(&error))?;
        match timeout_at(until, self.http.request(request)).await {
            Ok(answered) => answered.map_err(|error| RequestFailure::of(&error, self.timeouts)),
            Err(_elapsed) => Err(RequestFailure::late(self.too_late("no answer"))),
        }
    }

    async fn read_body(
        &self,
        body: &mut Incoming,
        raw: &mut RawResponse,
        longest: usize,
    ) -> Result<(), String> {
        while let Some(chunk) = next_chunk(body).await? {
            raw.body.extend_from_slice(&chunk);
            if raw.body.len() > longest {
                return Err(format!("the answer is longer than {} KiB", longest >> 10));
            }
        }
        Ok(())
    }

    async fn read_elements(
        &self,
        body: &mut Incoming,
        on_element: &mut (impl FnMut(&[u8]) + Send),
        end: Instant,
    ) -> Result<(), String> {
        let mut array = ArrayStream::new();
        loop {
            let until = end.min(Instant::now() + self.timeouts.request);
            let chunk = match timeout_at(until, next_chunk(body)).await {
                Err(_elapsed) => return Err(self.too_late("no more of the answer")),
                Ok(chunk) => chunk?,
            };
            match chunk {
                None => return array.finish().map_err(|error| error.to_string()),
                Some(chunk) => array
                    .push(&chunk, on_element)
                    .map_err(|error| error.to_string())?,
            }
        }
    }

    fn too_late(&self, missing: &str) -> String {
        let time = humantime::format_duration(self.timeouts.request);
        format!("{missing} within {time}")
    }
}

/// The next chunk of a body; `None` at its end.
async fn next_chunk(body: &mut Incoming) -> Result<Option<Bytes>, String> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| innermost(&error))?;
        // Trailers are not used.
        if let Ok(chunk) = frame.into_data() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}
