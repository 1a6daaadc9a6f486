//! Tells the failures of connections apart, by SQLSTATE or by the error of the system.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};
use tokio_postgres::error::{DbError, SqlState};

use super::connect_error::ConnectError;

/// What was connected to when it failed.
#[derive(Debug, Clone)]
pub(super) struct ConnectAttempt {
    /// The host with its port, or the path of the socket.
    pub(super) server: String,
    pub(super) user: String,
    pub(super) database: String,
    /// Where the password is from, if there is one.
    pub(super) password_origin: Option<String>,
    /// Why the password file was ignored.
    pub(super) ignored: Option<String>,
    pub(super) timeout: Option<Duration>,
}

/// Whether a failed statement or connection may be worth another try later: the connection
/// is gone, or the server has no room or is not ready.
///
/// A statement that failed so may have been committed.
pub fn is_passing_failure(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(said) => is_passing_state(said.code()),
        None => error.is_closed() || io_error(error).is_some_and(|error| is_cut(error.kind())),
    }
}

/// Whether `state` means that the server is busy, starting up or shutting down, or that it has
/// closed a connection which was silent, as that of a process that was stopped for a while.
fn is_passing_state(state: &SqlState) -> bool {
    [
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::IDLE_SESSION_TIMEOUT,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ]
    .contains(state)
        // Class 08: connection exceptions, which poolers send.
        || state.code().starts_with("08") && *state != SqlState::PROTOCOL_VIOLATION
}

/// Whether an error of the system means that a connection was cut or did not come about.
fn is_cut(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof
            | ErrorKind::TimedOut
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
    )
}

/// The error of the system that is behind `error`.
fn io_error(error: &tokio_postgres::Error) -> Option<&std::io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

impl ConnectAttempt {
    /// The error for people that `error` is.
    pub(super) fn failed(&self, error: tokio_postgres::Error) -> ConnectError {
        let server = self.server.clone();
        if let Some(said) = error.as_db_error() {
            return self.rejected(said);
        }
        if let Some(cause) = io_error(&error) {
            let tls = cause.get_ref().and_then(|inner| inner.downcast_ref());
            if let Some(tls) = tls {
                return self.tls_failed(tls);
            }
            return self.io_failed(cause);
        }
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        match cause.as_str() {
            "password missing" => ConnectError::NoPassword {
                server,
                user: self.user.clone(),
                ignored: self
                    .ignored
                    .as_ref()
                    .map_or_else(String::new, |why| format!(" ({why})")),
            },
            "server does not support TLS" => ConnectError::NoTls { server },
            _other => ConnectError::Broken {
                server,
                passing: error.is_closed(),
                source: error.into(),
            },
        }
    }

    /// No answer came in time.
    pub(super) fn timed_out(&self) -> ConnectError {
        ConnectError::TimedOut {
            server: self.server.clone(),
            after: self.timeout.unwrap_or_default(),
        }
    }

    /// The error that the server sent.
    fn rejected(&self, said: &DbError) -> ConnectError {
        let (server, user) = (self.server.clone(), self.user.clone());
        let message = said.message().to_owned();
        match said.code() {
            code if *code == SqlState::INVALID_CATALOG_NAME => ConnectError::NoDatabase {
                server,
                database: self.database.clone(),
            },
            code if *code == SqlState::INVALID_PASSWORD => match &self.password_origin {
                Some(origin) => ConnectError::WrongPassword {
                    server,
                    user,
                    origin: origin.clone(),
                },
                None => ConnectError::NotAdmitted {
                    server,
                    user,
                    message,
                },
            },
            code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
                || *code == SqlState::INSUFFICIENT_PRIVILEGE =>
            {
                ConnectError::NotAdmitted {
                    server,
                    user,
                    message,
                }
            }
            code if *code == SqlState::TOO_MANY_CONNECTIONS => {
                ConnectError::TooManyConnections { server, message }
            }
            code if is_passing_state(code) => ConnectError::NotReady { server, message },
            code => ConnectError::Rejected {
                server,
                message,
                code: code.code().to_owned(),
            },
        }
    }

    /// An error of the system.
    fn io_failed(&self, cause: &std::io::Error) -> ConnectError {
        let server = self.server.clone();
        // A copy: the library keeps the error itself.
        let source = match cause.raw_os_error() {
            Some(number) => std::io::Error::from_raw_os_error(number),
            None => std::io::Error::new(cause.kind(), cause.to_string()),
        };
        let kind = cause.kind();
        let is_of_system = cause.raw_os_error().is_some();
        if matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound) {
            ConnectError::Refused { server, source }
        } else if kind == ErrorKind::TimedOut && !is_of_system {
            self.timed_out()
        } else if kind == ErrorKind::PermissionDenied && !is_of_system {
            // The library's own, where `target_session_attrs` is not met.
            ConnectError::ReadOnly { server }
        } else {
            ConnectError::Broken {
                server,
                source: source.into(),
                passing: is_cut(kind),
            }
        }
    }

    /// The encryption could not be set up.
    fn tls_failed(&self, error: &rustls::Error) -> ConnectError {
        use rustls::Error::{AlertReceived, InvalidCertificate};
        if let InvalidCertificate(why) = error {
            return self.certificate_refused(why);
        }
        let what = if *error == AlertReceived(AlertDescription::CertificateRequired) {
            "it wants a certificate".to_owned()
        } else if *error == AlertReceived(AlertDescription::UnknownCA) {
            "it does not trust our certificate".to_owned()
        } else {
            error.to_string()
        };
        let server = self.server.clone();
        ConnectError::TlsFailed { server, what }
    }

    fn certificate_refused(&self, why: &CertificateError) -> ConnectError {
        use CertificateError as Why;
        let server = self.server.clone();
        if matches!(why, Why::Expired | Why::ExpiredContext { .. }) {
            let what = "has expired";
            ConnectError::OutOfDate { server, what }
        } else if matches!(why, Why::NotValidYet | Why::NotValidYetContext { .. }) {
            let what = "is not valid yet";
            ConnectError::OutOfDate { server, what }
        } else if let Why::NotValidForNameContext { presented, .. } = why {
            let names: Vec<&str> = presented.iter().map(|name| bare_name(name)).collect();
            let names = match names.as_slice() {
                [] => " (it names none)".to_owned(),
                names => format!(" ({})", names.join(", ")),
            };
            ConnectError::OtherName { server, names }
        } else if matches!(why, Why::NotValidForName) {
            let names = String::new();
            ConnectError::OtherName { server, names }
        } else {
            let what = match why.to_string() {
                _ if *why == Why::UnknownIssuer => "its issuer is unknown".to_owned(),
                // webpki's word for it.
                text if text.contains("CaUsedAsEndEntity") => {
                    "it is that of an authority (CA:TRUE), wanted one that an authority issued"
                        .to_owned()
                }
                text => text,
            };
            ConnectError::Untrusted { server, what }
        }
    }
}

/// The name in webpki's `DnsName("name")` or `IpAddress(number)`.
fn bare_name(shown: &str) -> &str {
    let inner = shown.split_once('(').map(|(_, inner)| inner);
    inner.map_or(shown, |inner| inner.trim_end_matches(')').trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use tokio_postgres::error::SqlState;

    use super::is_passing_state;

    #[test]
    fn a_connection_that_the_server_closed_is_made_again() {
        for code in ["25P03", "57P01", "57P03", "57P05", "08006", "53300"] {
            assert!(is_passing_state(&SqlState::from_code(code)), "{code}");
        }
        for code in ["25P02", "08P01", "42P01", "40001"] {
            assert!(!is_passing_state(&SqlState::from_code(code)), "{code}");
        }
    }
}
