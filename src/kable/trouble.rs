//! Why the result of a request is not known.

use std::time::Duration;

/// Why the result of a request is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// What happened; reads on after "the API: ".
    pub message: String,
    /// `X-REQUEST-ID`, if there was a response.
    pub request_id: Option<String>,
    /// How long the server asks to wait.
    pub wait: Option<Duration>,
    /// Whether the cause is this machine and not the network or the server: it has
    /// run out of descriptors, ports or buffers for connections.
    pub local: bool,
    /// Whether the API itself reported a failure (500 with its message), and not a
    /// proxy in between.
    pub by_api: bool,
    /// Whether the body is a web page, which the API itself never sends.
    pub is_page: bool,
}

impl Trouble {
    /// Whether the API itself says that a create failed (500), or that there is no such call.
    pub fn is_said_by_api(&self) -> bool {
        self.by_api || !self.is_page && matches!(self.status, Some(404 | 405))
    }
}
