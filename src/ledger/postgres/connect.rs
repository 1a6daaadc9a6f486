//! Connects to the first server that can be used.
//!
//! Each address of each host is tried for itself, so that a password, the time-out and the
//! rule for plain text hold for one server, and an error names it.

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Socket};

use super::address_error::AddressError;
use super::connect_error::ConnectError;
use super::failure::ConnectAttempt;
use super::hosts::{ServerHost, ServerPlace, is_loopback};
use super::password::{FilePassword, PasswordKey, password_in_file};
use super::tls::TlsSettings;

/// How to notice that the other side of a connection is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keepalives {
    pub(super) is_on: bool,
    pub(super) idle: Duration,
    pub(super) interval: Duration,
    pub(super) count: u32,
    /// How long sent data may stay without an acknowledgement; `None` for the system's time.
    pub(super) user_timeout: Option<Duration>,
}

/// All that is needed for connecting.
#[derive(Debug, Clone)]
pub(super) struct ConnectionParameters {
    pub(super) servers: Vec<ServerPlace>,
    pub(super) user: String,
    pub(super) database: String,
    /// With where it was given.
    pub(super) password: Option<(SecretString, String)>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) tls: TlsSettings,
    pub(super) channel_binding: ChannelBinding,
    pub(super) session: TargetSessionAttrs,
    pub(super) application_name: String,
    pub(super) options: Option<String>,
    /// For each address of a host, until it is ready for statements; `None` for no limit.
    pub(super) timeout: Option<Duration>,
    pub(super) keepalives: Keepalives,
}

impl ConnectionParameters {
    /// Connects to the first server that can be used. The connection is driven by a task of
    /// the runtime that this is called in.
    ///
    /// A server that refuses the user ends the search, as in libpq: the others have the same
    /// users.
    pub(super) async fn connect(&self) -> Result<Client, AddressError> {
        let mut errors = Vec::new();
        for server in &self.servers {
            match self.connect_to(server).await {
                Ok(client) => return Ok(client),
                Err(error) if error.is_about_the_user() => return Err(error),
                Err(error) => errors.push(error),
            }
        }
        Err(match errors.pop() {
            Some(only) if errors.is_empty() => only,
            last => {
                errors.extend(last);
                AddressError::NoServer { errors }
            }
        })
    }

    /// Connects to `server`, at the first of its addresses that answers.
    async fn connect_to(&self, server: &ServerPlace) -> Result<Client, AddressError> {
        let is_encrypted = self.tls.encrypts(server)?;
        let (attempt, mut config) = self.attempt(server);
        config.port(server.port).ssl_mode(if is_encrypted {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        let (name, addresses) = match &server.host {
            ServerHost::Socket(folder) => {
                config.host(folder.to_string_lossy());
                return attempted(&config, NoTls, &attempt).await;
            }
            ServerHost::Tcp { name, address } => match address {
                Some(address) => (name, vec![*address]),
                None => (name, addresses_of(name, server.port, &attempt).await?),
            },
        };
        config.host(name);
        let tls = if is_encrypted {
            Some(self.tls.connector()?)
        } else {
            None
        };
        let mut failed = None;
        for address in addresses {
            let mut config = config.clone();
            config.hostaddr(address);
            let connected = match &tls {
                Some(tls) => attempted(&config, tls.clone(), &attempt).await,
                None if is_loopback(address) => attempted(&config, NoTls, &attempt).await,
                None => Err(AddressError::Unencrypted {
                    server: server.to_string(),
                    origin: format!("the name leads to {address}"),
                }),
            };
            match connected {
                Ok(client) => return Ok(client),
                Err(error) if error.is_about_the_user() => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| no_host(name, None)))
    }

    /// What errors say of an attempt at `server`, and the library's settings for it, still
    /// without a host.
    fn attempt(&self, server: &ServerPlace) -> (ConnectAttempt, Config) {
        let mut attempt = ConnectAttempt {
            server: server.to_string(),
            user: self.user.clone(),
            database: self.database.clone(),
            password_origin: None,
            ignored: None,
            timeout: self.timeout,
        };
        let mut config = Config::new();
        config
            .user(&self.user)
            .dbname(&self.database)
            .application_name(&self.application_name)
            .channel_binding(self.channel_binding)
            .target_session_attrs(self.session)
            .keepalives(self.keepalives.is_on)
            .keepalives_idle(self.keepalives.idle)
            .keepalives_interval(self.keepalives.interval)
            .keepalives_retries(self.keepalives.count);
        if let Some(timeout) = self.keepalives.user_timeout {
            config.tcp_user_timeout(timeout);
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        if self.tls.is_direct {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        if let Some((password, origin)) = self.password_for(server, &mut attempt) {
            config.password(password.expose_secret());
            attempt.password_origin = Some(origin);
        }
        (attempt, config)
    }

    /// The password for `server`, and where it is from. The password file is read anew for
    /// each connection: passwords are changed during long runs.
    fn password_for(
        &self,
        server: &ServerPlace,
        attempt: &mut ConnectAttempt,
    ) -> Option<(SecretString, String)> {
        if let Some(password) = &self.password {
            return Some(password.clone());
        }
        let path = self.password_file.as_ref()?;
        let key = PasswordKey {
            hosts: &server.password_names(),
            port: server.port,
            database: &self.database,
            user: &self.user,
        };
        match password_in_file(path, key) {
            FilePassword::Found(password) => Some((password, path.display().to_string())),
            FilePassword::NotFound => None,
            FilePassword::Ignored(why) => {
                attempt.ignored = Some(why);
                None
            }
        }
    }
}

/// Connects as `config` says, within the time of `attempt`.
async fn attempted<T>(
    config: &Config,
    tls: T,
    attempt: &ConnectAttempt,
) -> Result<Client, AddressError>
where
    T: MakeTlsConnect<Socket> + Send,
    T::Stream: Send + 'static,
{
    let connected = within(attempt, config.connect(tls)).await?;
    let (client, connection) = connected.map_err(|error| attempt.failed(error))?;
    tokio::spawn(async move {
        // The client returns an error for what is asked of it afterwards, too.
        connection.await.ok();
    });
    Ok(client)
}

/// The addresses of the host `name`.
async fn addresses_of(
    name: &str,
    port: u16,
    attempt: &ConnectAttempt,
) -> Result<Vec<IpAddr>, AddressError> {
    match within(attempt, tokio::net::lookup_host((name, port))).await? {
        Ok(found) => Ok(found.map(|address| address.ip()).collect()),
        Err(error) => Err(no_host(name, Some(error))),
    }
}

fn no_host(name: &str, source: Option<std::io::Error>) -> AddressError {
    let host = name.to_owned();
    ConnectError::NoHost { host, source }.into()
}

/// The outcome of `work`, unless the time of `attempt` ends before.
async fn within<F: Future>(attempt: &ConnectAttempt, work: F) -> Result<F::Output, AddressError> {
    match attempt.timeout {
        None => Ok(work.await),
        Some(limit) => tokio::time::timeout(limit, work)
            .await
            .map_err(|_elapsed| attempt.timed_out().into()),
    }
}
