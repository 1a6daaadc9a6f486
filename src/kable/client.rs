//! The client over HTTP: one request out, one meaning back.
//!
//! What an answer means is `answer.rs`'s; what it means that none came is at
//! the end of `Client`. Both are the README's table in code.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};

use super::redaction::Redaction;
use super::response::{Answer, Lost, asked};
use super::{Advice, BundlePlans, CustomerReader, Exchange, Preflight, Trouble};
use super::{headers, limits, wire};
use crate::domain::catalog::Catalog;

/// The longest body that is read. A customer is a few KiB; what is longer is
/// no answer of the API's.
pub(super) const LONGEST_BODY: usize = 1 << 20;

/// The longest list of plans or bundles that is read.
const LONGEST_LIST: usize = 64 << 20;

/// Who we say that we are (RFC 9110 §10.1.5).
const USER_AGENT: &str = concat!("kable-bulk/", env!("CARGO_PKG_VERSION"));

/// The longest that a connection may take to come about.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// What the client needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Scheme, host and port, and a path where there is one; without `/api/v1`.
    pub base_url: Url,
    /// Whether that is this machine.
    pub loopback: bool,
    /// `Kable-Client-Id`.
    pub client_id: String,
    /// `Kable-Client-Secret`.
    pub client_secret: SecretString,
    /// How long one request may take, answer included.
    pub timeout: Duration,
    /// How many connections are kept open.
    pub connections: usize,
    /// The query parameter `stripe`.
    pub stripe: bool,
    /// The query parameter `keys`.
    pub keys: bool,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// A credential cannot stand in a header.
    #[error("the {0} holds characters that no header can carry")]
    Credential(&'static str),
    /// The base URL cannot carry a path.
    #[error("{0} is no base URL of an API")]
    BaseUrl(Url),
    /// The library could not be set up.
    #[error("cannot set up the HTTP client")]
    Setup(#[source] reqwest::Error),
}

/// A client of one account. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) create_url: Url,
    pub(super) customers_url: Url,
    authenticate_url: Url,
    api_url: Url,
    credentials: HeaderMap,
    pub(super) redaction: Redaction,
    bundle_plans: Arc<OnceLock<Arc<BundlePlans>>>,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
}

impl Client {
    /// A client with these settings. Nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        let mut defaults = HeaderMap::new();
        let mut secret = HeaderValue::from_str(settings.client_secret.expose_secret())
            .map_err(|_it_names_the_value| ClientError::Credential("client secret"))?;
        secret.set_sensitive(true);
        let id = HeaderValue::from_str(&settings.client_id)
            .map_err(|_it_names_the_value| ClientError::Credential("client id"))?;
        let credentials = HeaderMap::from_iter([
            (HeaderName::from_static("x-client-id"), id.clone()),
            (HeaderName::from_static("x-api-key"), secret.clone()),
        ]);
        defaults.insert(HeaderName::from_static("kable-client-id"), id);
        defaults.insert(HeaderName::from_static("kable-client-secret"), secret);
        // On every request, also without a body (API reference, "other headers").
        let json = HeaderValue::from_static("application/json");
        defaults.insert(CONTENT_TYPE, json.clone());
        defaults.insert(ACCEPT, json);
        // One provider for the whole process; a second call finds it installed.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        // Shorter than the whole, or the two could not be told apart: what
        // has no connection was not sent.
        let connect_timeout = (settings.timeout / 2).min(LONGEST_CONNECT);
        let http = reqwest::Client::builder()
            .user_agent(HeaderValue::from_static(USER_AGENT))
            .default_headers(defaults)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .timeout(settings.timeout)
            .connect_timeout(connect_timeout)
            .pool_max_idle_per_host(settings.connections)
            .tcp_nodelay(true)
            .referer(false);
        // What stays on this machine goes through no proxy.
        let http = if settings.loopback {
            http.no_proxy()
        } else {
            http
        };
        let http = http.build().map_err(ClientError::Setup)?;
        let api_url = extended(&settings.base_url, &["api", "v1"])?;
        let customers_url = extended(&api_url, &["customers"])?;
        let mut create_url = extended(&customers_url, &["create"])?;
        if settings.stripe {
            create_url.query_pairs_mut().append_pair("stripe", "true");
        }
        if settings.keys {
            create_url.query_pairs_mut().append_pair("keys", "true");
        }
        Ok(Self {
            http,
            create_url,
            customers_url,
            authenticate_url: extended(&api_url, &["authenticate"])?,
            api_url,
            credentials,
            redaction: Redaction::of([settings.client_secret.expose_secret()]),
            bundle_plans: Arc::default(),
            timeout: settings.timeout,
            connect_timeout,
        })
    }

    /// `POST /authenticate`: whether the credentials hold.
    pub async fn authenticate(&self) -> Exchange<Preflight<()>> {
        // The same two credentials, given once more (API reference, "Calls"). The
        // HTTP library leaves the length of no body out; the vendor's clients
        // send it.
        let request = self
            .http
            .post(self.authenticate_url.clone())
            .headers(self.credentials.clone())
            .header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        self.preflight(request, LONGEST_BODY, |_body| Ok(())).await
    }

    /// `GET /plans`: all plans.
    pub async fn plans(&self) -> Exchange<Preflight<Catalog>> {
        self.list("plans").await
    }

    /// `GET /bundles`: all bundles. Which plans they bring is kept, for customers
    /// that are compared later.
    pub async fn bundles(&self) -> Exchange<Preflight<Catalog>> {
        self.list("bundles").await
    }

    /// What reads customers of the list of all.
    pub fn customer_reader(&self) -> CustomerReader {
        CustomerReader {
            redaction: self.redaction.clone(),
            bundle_plans: self.bundle_plans(),
        }
    }

    fn bundle_plans(&self) -> Arc<BundlePlans> {
        self.bundle_plans.get().cloned().unwrap_or_default()
    }

    async fn list(&self, what: &str) -> Exchange<Preflight<Catalog>> {
        match extended(&self.api_url, &[what]) {
            Ok(url) => {
                let request = self.http.request(Method::GET, url);
                let read = |body: &[u8]| {
                    let (catalog, bundle_plans) = wire::catalog(body)?;
                    if !bundle_plans.is_empty() {
                        self.bundle_plans.get_or_init(|| Arc::new(bundle_plans));
                    }
                    Ok(catalog)
                };
                self.preflight(request, LONGEST_LIST, read).await
            }
            Err(error) => unaddressable(&error),
        }
    }

    async fn preflight<T>(
        &self,
        request: RequestBuilder,
        longest: usize,
        read: impl FnOnce(&[u8]) -> serde_json::Result<T>,
    ) -> Exchange<Preflight<T>> {
        let answer = match self.send(request, longest).await {
            Ok(answer) => answer,
            Err(lost) => {
                let refused = lost.unsent;
                return undated(Preflight::Unreachable(lost.trouble, refused));
            }
        };
        answer.meaning(|answer| asked(answer, read))
    }

    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        longest: usize,
    ) -> Result<Answer, Lost> {
        let mut response = request.send().await.map_err(|error| self.lost(&error))?;
        let mut answer = Self::answer_of(&response);
        let whole = self.read_body(&mut response, &mut answer, longest).await;
        // A server that gives a request back must not get the secret printed.
        answer.redact(&self.redaction);
        answer.bundle_plans = self.bundle_plans();
        whole.map(|()| answer)
    }

    /// What the head of `response` says.
    pub(super) fn answer_of(response: &reqwest::Response) -> Answer {
        let status = response.status();
        let advice = limits::advice(response.headers());
        Answer {
            status,
            date_ms: headers::date_ms(response.headers()),
            request_id: headers::request_id(response.headers()),
            wait: advice.wait,
            advice,
            redirect: status
                .is_redirection()
                .then(|| response.headers().get(LOCATION))
                .flatten()
                .map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned()),
            body: Vec::new(),
            redaction: Redaction::default(),
            bundle_plans: Arc::default(),
        }
    }

    pub(super) async fn read_body(
        &self,
        response: &mut reqwest::Response,
        answer: &mut Answer,
        longest: usize,
    ) -> Result<(), Lost> {
        let why = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    answer.body.extend_from_slice(&chunk);
                    if answer.body.len() > longest {
                        break format!("the answer is longer than {} KiB", longest >> 10);
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => break self.lost(&error).trouble.message,
            }
        };
        // Only a success is decided by what its body says. Of any other answer
        // the status and the headers are enough, and the text is as much of an
        // explanation as there was.
        if answer.status.is_success() {
            Err(answer.broken(why))
        } else {
            Ok(())
        }
    }
}

fn extended(url: &Url, segments: &[&str]) -> Result<Url, ClientError> {
    let mut longer = url.clone();
    match longer.path_segments_mut() {
        Ok(mut path) => path.pop_if_empty().extend(segments),
        Err(()) => return Err(ClientError::BaseUrl(url.clone())),
    };
    Ok(longer)
}

fn unaddressable<T>(error: &ClientError) -> Exchange<Preflight<T>> {
    let trouble = Trouble {
        message: error.to_string(),
        ..Trouble::default()
    };
    undated(Preflight::Unreachable(trouble, true))
}

/// What came of a request without an answer.
pub(super) fn undated<T>(reply: T) -> Exchange<T> {
    Exchange {
        reply,
        date_ms: None,
        advice: Advice::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Client, Settings};

    fn client(base: &str) -> Client {
        Client::new(&Settings {
            base_url: base.parse().unwrap(),
            loopback: false,
            client_id: "kci_1".to_owned(),
            client_secret: "sk_test.1".into(),
            timeout: Duration::from_secs(5),
            connections: 1,
            stripe: true,
            keys: true,
        })
        .unwrap()
    }

    #[test]
    fn the_calls_go_where_the_reference_says() {
        for base in ["https://test.kable.example", "https://test.kable.example/"] {
            let client = client(base);
            assert_eq!(
                client.create_url.as_str(),
                "https://test.kable.example/api/v1/customers/create?stripe=true&keys=true"
            );
            assert_eq!(
                client.customer_url("a/b ü?", "").as_str(),
                "https://test.kable.example/api/v1/customers/a%2Fb%20%C3%BC%3F"
            );
        }
    }

    #[test]
    fn a_client_says_nothing_of_its_secret() {
        let shown = format!("{:?}", client("https://test.kable.example"));
        assert!(!shown.contains("sk_test"), "{shown}");
    }
}
