//! Opens connections to the API: TCP, through a proxy where the environment names one, and
//! TLS.
//!
//! `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are read as `curl` reads them. Plain HTTP is
//! for this machine only, so that a proxy always is a tunnel.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{HeaderMap, HeaderValue, USER_AGENT};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::settings::{ClientError, Settings};

/// After how long without traffic, and how often, the system asks whether the other side
/// is still there, and how often without an answer until the connection is closed.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;

/// How long sent data may stay unacknowledged until the connection is closed.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// TCP, or TLS to a proxy.
type ToServer = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Opens connections to one API. Clones share everything: one is made for each request.
#[derive(Debug, Clone)]
pub(super) struct ApiConnector(Arc<ApiRoute>);

/// How its connections are opened.
#[derive(Debug)]
struct ApiRoute {
    https: HttpsConnector<ServerRoute>,
    /// For all of it, TLS included.
    time: Duration,
}

/// The way to the server, without TLS to it.
#[derive(Debug, Clone)]
enum ServerRoute {
    Direct(HttpConnector),
    Tunnel(Box<Tunnel<HttpsConnector<HttpConnector>>>),
}

impl ApiConnector {
    /// A connector that takes at most `time` for a connection and names the program to a
    /// proxy as `user_agent`.
    pub(super) fn new(
        settings: &Settings,
        time: Duration,
        user_agent: HeaderValue,
    ) -> Result<Self, ClientError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(time));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        #[cfg(any(target_os = "android", target_os = "linux"))]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let mut tls = tls(settings).map_err(ClientError::Setup)?;
        let way = match proxy(settings) {
            None => ServerRoute::Direct(tcp),
            Some(proxy) => {
                let tunnel = tunnel(&proxy, (tcp, tls.clone()), user_agent);
                ServerRoute::Tunnel(Box::new(tunnel))
            }
        };
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(ApiRoute {
            https: HttpsConnector::from((way, tls)),
            time,
        })))
    }
}

/// What encrypts connections, by the system's certificates.
fn tls(settings: &Settings) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // TLS 1.2 and 1.3.
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    // The system's certificates take longer to read than a small import.
    let builder = if settings.loopback && settings.base_url.scheme() == "http" {
        builder.with_root_certificates(RootCertStore::empty())
    } else {
        builder.with_platform_verifier()?
    };
    Ok(builder.with_no_client_auth())
}

/// The proxy to the API. Requests to this machine go through none.
fn proxy(settings: &Settings) -> Option<Intercept> {
    if settings.loopback {
        return None;
    }
    Matcher::from_env().intercept(&settings.base_url.as_str().parse().ok()?)
}

fn tunnel(
    proxy: &Intercept,
    to_proxy: (HttpConnector, ClientConfig),
    user_agent: HeaderValue,
) -> Tunnel<HttpsConnector<HttpConnector>> {
    let headers = HeaderMap::from_iter([(USER_AGENT, user_agent)]);
    let tunnel = Tunnel::new(proxy.uri().clone(), HttpsConnector::from(to_proxy));
    let tunnel = tunnel.with_headers(headers);
    match proxy.basic_auth() {
        Some(credentials) => tunnel.with_auth(credentials.clone()),
        None => tunnel,
    }
}

impl Service<http::Uri> for ApiConnector {
    type Response = MaybeHttpsStream<ToServer>;
    type Error = BoxError;
    type Future = BoxFuture<Self::Response>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: http::Uri) -> Self::Future {
        let connecting = self.0.https.clone().call(server);
        let time = self.0.time;
        Box::pin(async move {
            let connected = timeout(time, connecting).await;
            connected.map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))?
        })
    }
}

impl Service<http::Uri> for ServerRoute {
    type Response = ToServer;
    type Error = BoxError;
    type Future = BoxFuture<Self::Response>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: http::Uri) -> Self::Future {
        match self {
            Self::Direct(tcp) => {
                let connecting = tcp.call(server);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) })
            }
            Self::Tunnel(tunnel) => {
                let connecting = tunnel.call(server);
                Box::pin(async move { Ok(connecting.await?) })
            }
        }
    }
}
