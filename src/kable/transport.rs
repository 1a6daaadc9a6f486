//! Sends HTTP requests and reads whole responses.
//!
//! `response.rs` interprets the responses. Nothing is retried here, and redirects
//! are not followed.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, RequestBuilder, Url};

use super::array_stream::ArrayStream;
use super::failure::{RequestFailure, Timeouts};
use super::paging::PagingHeaders;
use super::redaction::Redaction;
use super::response::RawResponse;
use super::settings::{ClientError, Settings};

/// The longest body that is read. A customer is a few KiB; only lists are longer.
pub(super) const LONGEST_BODY: usize = 1 << 20;

/// `User-Agent` (RFC 9110 §10.1.5).
const AGENT: HeaderValue = HeaderValue::from_static(concat!("kable-bulk/", env!("BUILD_VERSION")));

/// The time-out for opening a connection, unless the request's is shorter.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// How long a streamed response may take as a whole.
const LONGEST_STREAM: Duration = Duration::from_hours(4);

/// The connections to one API. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    http: reqwest::Client,
    /// The headers of every request.
    headers: HeaderMap,
    timeouts: Timeouts,
    redaction: Redaction,
}

/// A response whose body was processed while it was read.
pub(super) struct Streamed {
    /// Its head; if it is not a success, the body as well.
    pub(super) response: RawResponse,
    /// What its headers say about other pages.
    pub(super) paging: PagingHeaders,
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
        // The provider is global to the process; a second call has no effect.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        headers.insert(USER_AGENT, AGENT);
        let timeouts = Timeouts {
            // Shorter than the whole, to tell the two apart: a request without a
            // connection was not sent.
            connect: (settings.timeout / 2).min(LONGEST_CONNECT),
            request: settings.timeout,
        };
        let http = reqwest::Client::builder()
            .user_agent(AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .timeout(timeouts.request)
            .connect_timeout(timeouts.connect)
            .pool_max_idle_per_host(settings.connections)
            .tcp_nodelay(true)
            .referer(false);
        // Requests to this machine go through no proxy.
        let http = if settings.loopback {
            http.no_proxy()
        } else {
            http
        };
        // The system's certificates take longer to read than a small import.
        let http = if settings.loopback && settings.base_url.scheme() == "http" {
            http.tls_certs_only([])
        } else {
            http
        };
        Ok(Self {
            http: http.build().map_err(ClientError::Setup)?,
            headers,
            timeouts,
            redaction,
        })
    }

    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let mut request = Request::new(method, url);
        // Cloning them costs less than adding `default_headers` one by one.
        request.headers_mut().clone_from(&self.headers);
        RequestBuilder::from_parts(self.http.clone(), request)
    }

    /// Sends `request` and reads a response of at most `longest` bytes.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        longest: usize,
    ) -> Result<RawResponse, RequestFailure> {
        let sent = request.send().await;
        let mut response = sent.map_err(|error| RequestFailure::of(&error, self.timeouts))?;
        let mut raw = RawResponse::of_head(&response, &self.redaction);
        match self.read_body(&mut response, &mut raw, longest).await {
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
        request: RequestBuilder,
        on_element: &mut (impl FnMut(&[u8]) + Send),
    ) -> Result<Streamed, RequestFailure> {
        let sent = request.timeout(LONGEST_STREAM).send();
        let mut response = match tokio::time::timeout(self.timeouts.request, sent).await {
            Ok(sent) => sent.map_err(|error| RequestFailure::of(&error, self.timeouts))?,
            Err(_elapsed) => return Err(RequestFailure::late(self.too_late("no answer"))),
        };
        let mut raw = RawResponse::of_head(&response, &self.redaction);
        let broken_off = if raw.is_success() {
            self.read_elements(&mut response, on_element).await.err()
        } else {
            // The part of the body that arrived explains the refusal.
            self.read_body(&mut response, &mut raw, LONGEST_BODY)
                .await
                .ok();
            None
        };
        Ok(Streamed {
            response: raw,
            paging: PagingHeaders::of(response.status(), response.headers()),
            broken_off,
        })
    }

    async fn read_body(
        &self,
        response: &mut reqwest::Response,
        raw: &mut RawResponse,
        longest: usize,
    ) -> Result<(), String> {
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => raw.body.extend_from_slice(&chunk),
                Ok(None) => return Ok(()),
                Err(error) => {
                    return Err(RequestFailure::of(&error, self.timeouts).trouble.message);
                }
            }
            if raw.body.len() > longest {
                return Err(format!("the answer is longer than {} KiB", longest >> 10));
            }
        }
    }

    async fn read_elements(
        &self,
        response: &mut reqwest::Response,
        on_element: &mut (impl FnMut(&[u8]) + Send),
    ) -> Result<(), String> {
        let mut array = ArrayStream::new();
        loop {
            let next = tokio::time::timeout(self.timeouts.request, response.chunk()).await;
            match next {
                Err(_elapsed) => return Err(self.too_late("no more of the answer")),
                Ok(Err(error)) => {
                    return Err(RequestFailure::of(&error, self.timeouts).trouble.message);
                }
                Ok(Ok(None)) => return array.finish().map_err(|error| error.to_string()),
                Ok(Ok(Some(chunk))) => array
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
