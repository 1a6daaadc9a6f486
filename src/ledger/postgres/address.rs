//! The address of a checkpoint in PostgreSQL, as it is typed: `postgres://user@host/db?schema=NAME`.
//!
//! It is libpq's, with its parameters, variables and files, and with two parameters of our
//! own: `schema` and `lease`. Two things differ: a password in it is refused, because other
//! users of the machine can read it there, and a connection that leaves the machine is
//! always encrypted and verified (`tls.rs`).

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

pub use super::address_error::AddressError;
use super::connect::{ConnectionParameters, Keepalives};
pub use super::connect_error::ConnectError;
pub use super::failure::is_passing_failure;
use super::hosts::server_places;
use super::parameters::{PASSWORD, Parameters};
use super::tls::TlsSettings;
use super::uri::after_scheme;
use super::user_files::UserFile;
pub use super::user_files::Variables;

/// How long a worker that is not heard from is taken to be alive.
const LEASE: Duration = Duration::from_secs(20);

/// The shortest and the longest lease that can be asked for.
const LEASES: [Duration; 2] = [Duration::from_secs(1), Duration::from_mins(10)];

/// The schema whose tables are used where none is named.
const SCHEMA: &str = "kable_bulk";

/// The most bytes of a name; PostgreSQL cuts longer ones off (`NAMEDATALEN`).
const LONGEST_NAME: usize = 63;

/// How the server names our connections.
const APPLICATION_NAME: &str = "kable-bulk";

/// libpq waits for ever.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A dead peer is noticed after about twenty seconds: 10 + 3 × 3, or 20 for data that was sent.
const KEEPALIVES: Keepalives = Keepalives {
    is_on: true,
    idle: Duration::from_secs(10),
    interval: Duration::from_secs(3),
    count: 3,
    user_timeout: Some(Duration::from_secs(20)),
};

/// Where a checkpoint's tables are, and how to connect.
#[derive(Debug, Clone)]
pub struct DatabaseAddress {
    shown: String,
    schema: String,
    lease: Duration,
    connection: ConnectionParameters,
}

impl DatabaseAddress {
    /// Whether `text` is meant to be an address, and not the name of a file.
    pub fn is_meant_by(text: &str) -> bool {
        after_scheme(text).is_some()
    }

    /// The address that is written as `text`. What it does not give is taken from the
    /// environment's variables, as in libpq. Nothing is connected to yet.
    pub fn parse(text: &str, variables: &Variables<'_>) -> Result<Self, AddressError> {
        let parameters = Parameters::read(text, variables)?;
        let wanted = "a name of at most 63 bytes that does not begin with pg_";
        let schema = parameters.parsed("schema", wanted, |name| {
            is_schema_name(name).then(|| name.to_owned())
        })?;
        let lease = parameters.parsed("lease", "a time from 1s to 10min", |text| {
            let [shortest, longest] = LEASES;
            let lease = humantime::parse_duration(text).ok()?;
            (shortest..=longest).contains(&lease).then_some(lease)
        })?;
        Ok(Self {
            shown: text.to_owned(),
            schema: schema.unwrap_or_else(|| SCHEMA.to_owned()),
            lease: lease.unwrap_or(LEASE),
            connection: connection_parameters(&parameters, variables)?,
        })
    }

    /// The schema that has the tables. It is quoted where it stands in a statement.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Who connects.
    pub(super) fn user(&self) -> &str {
        &self.connection.user
    }

    /// How long a worker that is not heard from is taken to be alive.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Connects. The connection is driven by a task of the runtime that this is called in,
    /// which needs its clock and its network.
    pub async fn connect(&self) -> Result<Client, AddressError> {
        self.connection.connect().await
    }
}

/// As it was typed, which is without a password.
impl std::fmt::Display for DatabaseAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

/// A name as it stands in a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether a schema of ours can have that name.
fn is_schema_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name.len() <= LONGEST_NAME
        && !name.chars().any(char::is_control)
        && !lower.starts_with("pg_")
        && lower != "information_schema"
}

/// How to connect, by libpq's `parameters`.
fn connection_parameters(
    parameters: &Parameters,
    variables: &Variables<'_>,
) -> Result<ConnectionParameters, AddressError> {
    let servers = server_places(parameters)?;
    let tls = TlsSettings::new(parameters, variables)?;
    for server in &servers {
        tls.encrypts(server)?;
    }
    let user = match parameters.text("user") {
        Some(user) => user.to_owned(),
        None => whoami::username().map_err(|_unknown| AddressError::NoUser)?,
    };
    let wanted = "any, read-write or primary: a checkpoint is written";
    let session = parameters.parsed("target_session_attrs", wanted, |text| match text {
        "any" => Some(TargetSessionAttrs::Any),
        "read-write" | "primary" => Some(TargetSessionAttrs::ReadWrite),
        _other => None,
    })?;
    let usual_session = match servers.as_slice() {
        [] | [_] => TargetSessionAttrs::Any,
        _several => TargetSessionAttrs::ReadWrite,
    };
    let wanted = "disable, prefer or require";
    let channel_binding = parameters.parsed("channel_binding", wanted, |text| match text {
        "disable" => Some(ChannelBinding::Disable),
        "prefer" => Some(ChannelBinding::Prefer),
        "require" => Some(ChannelBinding::Require),
        _other => None,
    })?;
    let password = parameters
        .text(PASSWORD)
        .map(|password| (password.into(), parameters.origin(PASSWORD)));
    let timeout = parameters.number("connect_timeout")?;
    let name = parameters.text("application_name");
    Ok(ConnectionParameters {
        servers,
        database: parameters.text("dbname").unwrap_or(&user).to_owned(),
        user,
        password,
        password_file: match parameters.text("passfile") {
            Some(path) => Some(path.into()),
            None => UserFile::Passwords.path(variables),
        },
        tls,
        channel_binding: channel_binding.unwrap_or(ChannelBinding::Prefer),
        session: session.unwrap_or(usual_session),
        application_name: name.unwrap_or(APPLICATION_NAME).to_owned(),
        options: parameters.text("options").map(str::to_owned),
        timeout: match timeout {
            None => Some(CONNECT_TIMEOUT),
            Some(seconds) => positive(seconds).map(Duration::from_secs),
        },
        keepalives: keepalives(parameters)?,
    })
}

/// How a dead peer is noticed. 0 stands for the default, and the unit of `tcp_user_timeout`
/// is the millisecond, as in libpq.
fn keepalives(parameters: &Parameters) -> Result<Keepalives, AddressError> {
    let number = |name| {
        parameters
            .number(name)
            .map(|number| number.and_then(positive))
    };
    Ok(Keepalives {
        is_on: parameters
            .number("keepalives")?
            .is_none_or(|number| number != 0),
        idle: number("keepalives_idle")?.map_or(KEEPALIVES.idle, Duration::from_secs),
        interval: number("keepalives_interval")?.map_or(KEEPALIVES.interval, Duration::from_secs),
        count: number("keepalives_count")?
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(KEEPALIVES.count),
        user_timeout: match parameters.number("tcp_user_timeout")? {
            None => KEEPALIVES.user_timeout,
            Some(milliseconds) => positive(milliseconds).map(Duration::from_millis),
        },
    })
}

/// `number`, if it is more than zero.
fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
