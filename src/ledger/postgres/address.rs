//! The address of a checkpoint in PostgreSQL, as it is typed: `postgres://user@host/db?schema=NAME`.

use std::time::Duration;

use tokio_postgres::{Client, NoTls};

/// How long a worker that is not heard from is taken to be alive.
const LEASE: Duration = Duration::from_secs(20);

/// The schema whose tables are used where none is named.
const SCHEMA: &str = "kable_bulk";

/// Where a checkpoint's tables are, and how to connect.
#[derive(Debug, Clone)]
pub struct DatabaseAddress {
    shown: String,
    schema: String,
    lease: Duration,
    config: tokio_postgres::Config,
}

impl DatabaseAddress {
    /// The address that is written as `text`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let mut kept = Vec::new();
        let (mut schema, mut lease) = (SCHEMA.to_owned(), LEASE);
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("schema", name)) => name.clone_into(&mut schema),
                Some(("lease", written)) => {
                    lease = humantime::parse_duration(written).unwrap_or(LEASE);
                }
                Some(_) | None => kept.push(pair),
            }
        }
        let plain = format!("{base}?{}", kept.join("&"));
        let config = plain.parse().map_err(AddressError::Unreadable)?;
        Ok(Self {
            shown: text.to_owned(),
            schema,
            lease,
            config,
        })
    }

    /// The schema that has the tables.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// How long a worker that is not heard from is taken to be alive.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Connects. The connection is driven by a task of the runtime that this is called in.
    pub(super) async fn connect(&self) -> Result<Client, AddressError> {
        let (client, driver) = self.config.connect(NoTls).await.map_err(AddressError::Refused)?;
        tokio::spawn(driver);
        Ok(client)
    }
}

/// As it was typed, without what is secret.
impl std::fmt::Display for DatabaseAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Why an address can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is not an address.
    #[error("not the address of a PostgreSQL database")]
    Unreadable(#[source] tokio_postgres::Error),
    /// The database could not be connected to.
    #[error("cannot connect")]
    Refused(#[source] tokio_postgres::Error),
}
