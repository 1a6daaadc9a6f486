//! The settings of a client, and the errors of building one.

use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

/// The settings of a client.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Scheme, host and port, and a path if there is one; without `/api/v1`.
    pub base_url: Url,
    /// Whether the host is this machine.
    pub loopback: bool,
    /// `Kable-Client-Id`.
    pub client_id: String,
    /// `Kable-Client-Secret`.
    pub client_secret: SecretString,
    /// How long one request may take, response included.
    pub timeout: Duration,
    /// How many idle connections are kept open.
    pub connections: usize,
    /// The query parameter `stripe`.
    pub stripe: bool,
    /// The query parameter `keys`.
    pub keys: bool,
}

/// Why a client can't be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// A credential holds characters that are invalid in a header.
    #[error("the {0} holds characters that no header can carry")]
    Credential(&'static str),
    /// The base URL can't be extended by a path.
    #[error("{0} is no base URL of an API")]
    BaseUrl(Url),
    /// The HTTP library could not be set up.
    #[error("cannot set up the HTTP client")]
    Setup(#[source] reqwest::Error),
}
