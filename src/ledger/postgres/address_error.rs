//! Why the address of a checkpoint in PostgreSQL can't be used, and what the user can do
//! about it.
//!
//! No message holds a password: an address that has one is refused without being quoted.

use std::borrow::Cow;
use std::path::PathBuf;

use super::connect_error::ConnectError;

/// Why an address can't be used, or its database can't be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum AddressError {
    /// It does not begin as an address does.
    #[error("that is not the address of a PostgreSQL database")]
    NotAnAddress,
    /// It can't be split into its parts.
    #[error("the address of the database cannot be read: {what}")]
    Malformed { what: &'static str },
    /// It has a password.
    #[error(
        "a password stands in the address of the database, where other users of this machine can read it"
    )]
    PasswordInAddress,
    /// Neither libpq nor kable-bulk has such a parameter.
    #[error("unknown parameter {name:?} of the database ({origin})")]
    UnknownParameter {
        name: String,
        origin: String,
        nearest: Option<&'static str>,
    },
    /// A parameter of libpq that would change what is connected to, and is not obeyed here.
    #[error("the database's parameter {name} is not supported ({origin})")]
    UnsupportedParameter { name: &'static str, origin: String },
    /// A parameter's value can't be used.
    #[error("the database's {name} cannot be {given} ({origin}): wanted {wanted}")]
    BadValue {
        name: &'static str,
        given: String,
        origin: String,
        wanted: &'static str,
    },
    /// No service file has the service.
    #[error("there is no service {name:?} of a database in {files}")]
    NoService { name: String, files: String },
    /// A service file can't be read.
    #[error("cannot read the service file {}: {what}", .path.display())]
    ServiceFile { path: PathBuf, what: String },
    /// Nothing says who connects.
    #[error("no user is named for the database")]
    NoUser,
    /// The connection would leave the machine without being encrypted.
    #[error("the connection to {server} would not be encrypted ({origin})")]
    Unencrypted { server: String, origin: String },
    /// A file for TLS can't be used.
    #[error("cannot use {} for the connection to the database: {what}", .path.display())]
    TlsFile { path: PathBuf, what: String },
    /// The system's certificates can't be used.
    #[error("cannot set up the encryption of the connection to the database: {what}")]
    Tls { what: String },
    /// The connection to one server failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// None of several servers can be used.
    #[error("none of the database's servers can be used: {}", joined(.errors))]
    NoServer { errors: Vec<AddressError> },
}

/// The messages of `errors` with their causes, one after the other.
fn joined(errors: &[AddressError]) -> String {
    let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
    messages.join("; ")
}

impl AddressError {
    /// Whether it may pass by itself, so that it is worth another try later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_passing(),
            // A standby among several servers may be about to become the primary.
            Self::NoServer { errors } => errors.iter().any(|error| {
                error.is_passing() || matches!(error, Self::Connect(ConnectError::ReadOnly { .. }))
            }),
            Self::NotAnAddress
            | Self::Malformed { .. }
            | Self::PasswordInAddress
            | Self::UnknownParameter { .. }
            | Self::UnsupportedParameter { .. }
            | Self::BadValue { .. }
            | Self::NoService { .. }
            | Self::ServiceFile { .. }
            | Self::NoUser
            | Self::Unencrypted { .. }
            | Self::TlsFile { .. }
            | Self::Tls { .. } => false,
        }
    }

    /// Whether the user was refused, which another server of the list would do as well.
    pub(super) fn is_about_the_user(&self) -> bool {
        matches!(self, Self::Connect(error) if error.is_about_the_user())
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::NotAnAddress => {
                "it is written postgres://USER@HOST/DATABASE, such as postgres://importer@db.example.com/billing"
            }
            Self::Malformed { .. } => {
                "it is written postgres://USER@HOST:PORT/DATABASE?PARAMETER=VALUE; %40 stands for @, %2F for /, %3A for : and %25 for %"
            }
            Self::PasswordInAddress => {
                "leave it out, and set it as PGPASSWORD, or write it into ~/.pgpass as HOST:PORT:DATABASE:USER:PASSWORD (chmod 600 ~/.pgpass); others may have seen the one that was typed"
            }
            Self::UnknownParameter { nearest, .. } => {
                return nearest.map(|name| format!("perhaps {name} is meant").into());
            }
            Self::UnsupportedParameter { .. } => "leave it out",
            // It says what is wanted.
            Self::BadValue { .. } => return None,
            Self::NoService { .. } => {
                "services are sections of ~/.pg_service.conf, or of the file that PGSERVICEFILE names"
            }
            Self::ServiceFile { .. } => {
                "a service is a line [NAME], and lines NAME=VALUE without blanks around the = below it"
            }
            Self::NoUser => "name it in the address (postgres://USER@HOST/DATABASE), or as PGUSER",
            Self::TlsFile { .. } => {
                "files are named with sslrootcert, sslcert and sslkey, or are in ~/.postgresql; all are PEM"
            }
            Self::Tls { .. } => {
                "install the package ca-certificates, or name the authority's certificate with sslrootcert=FILE"
            }
            Self::NoServer { errors } => return errors.iter().find_map(Self::hint),
            Self::Connect(error) => return error.hint().map(Into::into),
            Self::Unencrypted { .. } => {
                "only connections within this machine may be plain text: leave sslmode out and give the server a certificate, or go through a tunnel (ssh -L) to a port of localhost"
            }
        };
        Some(hint.into())
    }
}
