//! Why a connection to a server failed, and what the user can do about it.

use std::time::Duration;

/// Why a connection failed. `server` is a host with its port, or the path of a socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum ConnectError {
    /// The host's name leads to no address.
    #[error("there is no host {host:?} for the database")]
    NoHost {
        host: String,
        source: Option<std::io::Error>,
    },
    /// No server listens there.
    #[error("no database server listens on {server}")]
    Refused {
        server: String,
        source: std::io::Error,
    },
    /// The network does not lead there, or the connection was cut.
    #[error("the connection to the database on {server} failed")]
    Broken {
        server: String,
        source: Box<dyn std::error::Error + Send + Sync>,
        passing: bool,
    },
    /// No answer in time.
    #[error("the database server on {server} did not answer within {}", humantime::format_duration(*.after))]
    TimedOut { server: String, after: Duration },
    /// The database does not exist.
    #[error("the server on {server} has no database {database:?}")]
    NoDatabase { server: String, database: String },
    /// Wrong password.
    #[error("the server on {server} refuses the password of user {user:?} ({origin})")]
    WrongPassword {
        server: String,
        user: String,
        origin: String,
    },
    /// A password is wanted, and there is none.
    #[error(
        "the server on {server} wants a password for user {user:?}, and none is given{ignored}"
    )]
    NoPassword {
        server: String,
        user: String,
        ignored: String,
    },
    /// The user may not connect, from here or at all.
    #[error("the server on {server} does not let user {user:?} connect: {message}")]
    NotAdmitted {
        server: String,
        user: String,
        message: String,
    },
    /// Its connections are all in use.
    #[error("the server on {server} has no free connection: {message}")]
    TooManyConnections { server: String, message: String },
    /// It starts up or shuts down.
    #[error("the server on {server} is not ready: {message}")]
    NotReady { server: String, message: String },
    /// Another refusal of the server.
    #[error("the server on {server} refuses the connection: {message} ({code})")]
    Rejected {
        server: String,
        message: String,
        code: String,
    },
    /// It has no TLS.
    #[error("the server on {server} offers no encryption")]
    NoTls { server: String },
    /// Its certificate was issued by an unknown authority.
    #[error("the certificate of the server on {server} is not trusted: {what}")]
    Untrusted { server: String, what: String },
    /// Its certificate is for another name.
    #[error("the certificate of the server on {server} is for another name{names}")]
    OtherName { server: String, names: String },
    /// Its certificate has expired, or is not valid yet.
    #[error("the certificate of the server on {server} {what}")]
    OutOfDate { server: String, what: &'static str },
    /// The two sides could not agree on how to encrypt, or it wants a certificate from us.
    #[error("the encrypted connection to the database on {server} failed: {what}")]
    TlsFailed { server: String, what: String },
    /// It does not allow writes.
    #[error("the database server on {server} is read-only")]
    ReadOnly { server: String },
}

impl ConnectError {
    /// Whether it may pass by itself, so that it is worth another try later.
    ///
    /// A name that leads nowhere counts only if the resolver says that it failed. Where a
    /// connection was open before, [`Self::NoHost`] mostly passes as well.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::TimedOut { .. }
            | Self::TooManyConnections { .. }
            | Self::NotReady { .. } => true,
            Self::Broken { passing, .. } => *passing,
            Self::NoHost { source, .. } => source.as_ref().is_some_and(is_resolver_failure),
            Self::NoDatabase { .. }
            | Self::WrongPassword { .. }
            | Self::NoPassword { .. }
            | Self::NotAdmitted { .. }
            | Self::Rejected { .. }
            | Self::NoTls { .. }
            | Self::Untrusted { .. }
            | Self::OtherName { .. }
            | Self::OutOfDate { .. }
            | Self::TlsFailed { .. }
            | Self::ReadOnly { .. } => false,
        }
    }

    /// Whether the user was refused.
    pub(super) fn is_about_the_user(&self) -> bool {
        matches!(
            self,
            Self::WrongPassword { .. } | Self::NoPassword { .. } | Self::NotAdmitted { .. }
        )
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoHost { .. } => "check the host in the address, or PGHOST",
            Self::Refused { .. } => {
                "check the host and the port, and that the server runs and listens there (listen_addresses)"
            }
            Self::Broken { .. } => "check the network, a firewall, and the server's log",
            Self::TimedOut { .. } => {
                "mostly a firewall, or a host that is down; connect_timeout=SECONDS in the address waits longer"
            }
            Self::NoDatabase { .. } => {
                "check the name in the address; the database must exist, its schema and tables are made by kable-bulk"
            }
            Self::WrongPassword { .. } => "correct it there; nothing was sent",
            Self::NoPassword { .. } => {
                "set PGPASSWORD, or write it into ~/.pgpass as HOST:PORT:DATABASE:USER:PASSWORD (chmod 600 ~/.pgpass)"
            }
            Self::NotAdmitted { .. } => {
                "the user must exist, be allowed from this machine in the server's pg_hba.conf, and have CONNECT on the database; a certificate that it wants is named with sslcert=FILE and sslkey=FILE"
            }
            Self::TooManyConnections { .. } => {
                "a process of kable-bulk needs two: end others, or raise max_connections or the user's CONNECTION LIMIT"
            }
            Self::NotReady { .. } => "try again in a moment",
            Self::NoTls { .. } => {
                "switch it on at the server (ssl = on), or go through a tunnel (ssh -L) to a port of localhost; another kind of server may also have the port"
            }
            Self::Untrusted { .. } => {
                "name the certificate of the authority that issued it with sslrootcert=FILE; it is verified with every sslmode, also with require"
            }
            Self::OtherName { .. } => {
                "use the name that is in the certificate (with hostaddr=IP for its address), or have one issued with this name as subject alternative name; a common name alone does not count"
            }
            Self::OutOfDate { .. } => "have it renewed, and check the clock of this machine",
            Self::TlsFailed { .. } => {
                "where the server wants a certificate, name one with sslcert=FILE and sslkey=FILE; else see its log, and whether it is PostgreSQL that listens there"
            }
            Self::ReadOnly { .. } => {
                "a checkpoint is written: name the primary server, not a standby, and see that default_transaction_read_only is off"
            }
            // The server's message says it.
            Self::Rejected { .. } => return None,
        })
    }
}

/// Whether a name could not be looked up, in contrast to one that does not exist.
fn is_resolver_failure(error: &std::io::Error) -> bool {
    let text = error.to_string().to_lowercase();
    ["temporary failure", "try again", "timed out"]
        .iter()
        .any(|sign| text.contains(sign))
}
