//! The connections to web servers and stores.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use super::redirects::redirect_policy;
use crate::domain::loopback::is_loopback_host;

/// `User-Agent` (RFC 9110 §10.1.5).
const USER_AGENT: &str = concat!("kable-bulk/", env!("BUILD_VERSION"));

/// The time-out for opening a connection.
pub(super) const CONNECT: Duration = Duration::from_secs(10);

/// The longest time without a byte. The whole may take hours.
const SILENCE: Duration = Duration::from_mins(1);

/// The connections to a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientSettings {
    /// Whether `http://` is allowed.
    pub(super) unencrypted: bool,
    /// Whether it is this machine, to which no proxy leads.
    pub(super) is_loopback: bool,
    /// Whether redirects are followed.
    pub(super) follows_redirects: bool,
    /// The time-out for opening a connection.
    pub(super) connect: Duration,
}

/// Sets up a client. No connection is opened yet.
pub(super) fn http_client(settings: ClientSettings) -> reqwest::Result<Client> {
    // The provider is global to the process; a second call has no effect.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let redirects = if settings.follows_redirects {
        redirect_policy()
    } else {
        Policy::none()
    };
    let client = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirects)
        .retry(reqwest::retry::never())
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .connect_timeout(settings.connect)
        .read_timeout(SILENCE)
        .https_only(!settings.unencrypted)
        .referer(false);
    let client = if settings.is_loopback {
        client.no_proxy()
    } else {
        client
    };
    // The system's certificates take longer to read than a small object.
    let client = if settings.is_loopback && settings.unencrypted {
        client.tls_certs_only([])
    } else {
        client
    };
    client.build()
}

/// Whether `url` is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    is_loopback_host(url.host_str().unwrap_or_default())
}

/// Whether a host's name could not be resolved.
pub(super) fn is_unknown_host(error: &dyn std::error::Error) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains("dns error") {
            return true;
        }
        next = error.source();
    }
    false
}
