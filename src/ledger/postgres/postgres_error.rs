//! Why something was not done in the database, and what the user can do about it.

use std::borrow::Cow;

use tokio_postgres::error::SqlState;

use super::address::{AddressError, DatabaseAddress, quoted};
use super::failure::is_passing_failure;
use crate::domain::error_cause::innermost;
use crate::ledger::LedgerError;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostgresError {
    /// The connection could not be made.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The database refused it, or the connection was lost.
    #[error("{}", server_words(.0))]
    Database(#[from] tokio_postgres::Error),
    /// This worker was taken for dead.
    #[error("this worker was not heard from for so long that others took over its work")]
    Fenced,
    /// What the database had acknowledged is gone.
    #[error("what the database had acknowledged is gone")]
    LostCommits,
    /// It did not answer in time, after a stop.
    #[error("its database does not answer")]
    GaveUp,
    /// The user may not make the schema.
    #[error("{}", server_words(.0))]
    MayNotCreateSchema(tokio_postgres::Error),
    /// The server can't hold a checkpoint.
    #[error("{what}")]
    Unfit { what: String, hint: &'static str },
    /// A claim's number, or its key, belongs to another customer.
    #[error("the claim is another customer's")]
    OtherCustomer,
    /// Something in the tables is not as it was written.
    #[error("{0}")]
    Invalid(String),
}

impl PostgresError {
    /// Whether the connection is of no more use, and another one may do.
    pub(super) fn is_lost_connection(&self) -> bool {
        match self {
            Self::Database(error) => is_passing_failure(error),
            Self::Address(error) => error.is_passing(),
            Self::Fenced
            | Self::LostCommits
            | Self::GaveUp
            | Self::MayNotCreateSchema(_)
            | Self::Unfit { .. }
            | Self::OtherCustomer
            | Self::Invalid(_) => false,
        }
    }

    /// Whether the server takes no writes, as one that is a standby by now.
    pub(super) fn is_read_only(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// Whether another transaction was in the way, so that this one is repeated.
    pub(super) fn is_conflict(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        error.code().is_some_and(|code| {
            *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
        })
    }
}

/// What the server said, or what happened to the connection: the library's own words are
/// "db error" for all that a server says.
fn server_words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => said.message().to_owned(),
        None => match (error.to_string(), innermost(error)) {
            (text, cause) if text.ends_with(&cause) => text,
            (text, cause) => format!("{text}: {cause}"),
        },
    }
}

const NETWORK_HINT: &str =
    "check the network and the server, and run the same command again: what was done is kept";

/// What the database said, with its SQLSTATE.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({code})")]
struct DatabaseMessage {
    message: String,
    code: String,
}

/// The error for people of what was refused at `address`; `doing` completes "cannot …".
pub(super) fn refused(
    doing: &'static str,
    address: &DatabaseAddress,
    error: PostgresError,
) -> LedgerError {
    let hint = match &error {
        PostgresError::MayNotCreateSchema(_) => schema_to_make(address).into(),
        PostgresError::Unfit { hint, .. } => (*hint).into(),
        PostgresError::Database(error) => match error.code() {
            Some(state) => state_hint(doing, address, state),
            None => NETWORK_HINT.into(),
        },
        PostgresError::GaveUp => NETWORK_HINT.into(),
        PostgresError::OtherCustomer | PostgresError::Invalid(_) => {
            "something else has changed its tables: restore them from a backup, or begin another checkpoint with schema=NAME in the address"
                .into()
        }
        // They have messages and hints of their own.
        PostgresError::Address(_) | PostgresError::Fenced | PostgresError::LostCommits => {
            Cow::default()
        }
    };
    LedgerError::Refused {
        doing,
        path: address.to_string().into(),
        hint,
        source: match error {
            PostgresError::Database(failed) | PostgresError::MayNotCreateSchema(failed) => {
                match failed.as_db_error() {
                    Some(said) => Box::new(DatabaseMessage {
                        message: said.message().to_owned(),
                        code: said.code().code().to_owned(),
                    }),
                    None => Box::new(failed),
                }
            }
            other @ (PostgresError::Address(_)
            | PostgresError::Fenced
            | PostgresError::LostCommits
            | PostgresError::GaveUp
            | PostgresError::OtherCustomer
            | PostgresError::Unfit { .. }
            | PostgresError::Invalid(_)) => Box::new(other),
        },
    }
}

/// What to do about a statement that failed with `state`.
fn state_hint(
    doing: &'static str,
    address: &DatabaseAddress,
    state: &SqlState,
) -> Cow<'static, str> {
    let hint = if *state == SqlState::INSUFFICIENT_PRIVILEGE {
        return missing_rights(doing, address).into();
    } else if *state == SqlState::READ_ONLY_SQL_TRANSACTION {
        "a checkpoint is written: name the primary server, not a standby, and see that default_transaction_read_only is off"
    } else if *state == SqlState::DISK_FULL {
        "make room on the disk of the database server, and run the same command again: what was done is kept"
    } else if *state == SqlState::QUERY_CANCELED || *state == SqlState::LOCK_NOT_AVAILABLE {
        "it took longer than statement_timeout or lock_timeout allow, or an administrator cancelled it: run the same command again"
    } else if *state == SqlState::UNDEFINED_TABLE || *state == SqlState::UNDEFINED_COLUMN {
        "its tables are not those that kable-bulk made: restore them from a backup, or begin another checkpoint with schema=NAME in the address"
    } else if *state == SqlState::INVALID_SQL_STATEMENT_NAME
        || *state == SqlState::DUPLICATE_PSTATEMENT
    {
        "a pooler between seems to share connections by transaction (PgBouncer's pool_mode): connect to the server itself, or to a pool of sessions"
    } else {
        "see the log of the database server, and run the same command again: what was done is kept"
    };
    hint.into()
}

/// The rights that `doing` needs.
fn missing_rights(doing: &'static str, address: &DatabaseAddress) -> String {
    let (schema, user) = (quoted(address.schema()), quoted(address.user()));
    let tables = |rights| {
        format!(
            "the owner of the schema runs GRANT USAGE ON SCHEMA {schema} TO {user}; \
             GRANT {rights} ON ALL TABLES IN SCHEMA {schema} TO {user}"
        )
    };
    match doing {
        "create" => {
            format!("the owner of the schema runs GRANT USAGE, CREATE ON SCHEMA {schema} TO {user}")
        }
        "read" => tables("SELECT"),
        "upgrade" => format!(
            "the owner of the tables in schema {schema} runs an import with this version once: they are of an older one"
        ),
        _other => tables("SELECT, INSERT, UPDATE, DELETE"),
    }
}

/// How a user who may not make the schema comes to have it.
fn schema_to_make(address: &DatabaseAddress) -> String {
    let (schema, user) = (quoted(address.schema()), quoted(address.user()));
    format!("an administrator of the database runs CREATE SCHEMA {schema} AUTHORIZATION {user}")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_postgres::{Config, NoTls};

    use super::PostgresError;

    /// The error of a connection on which the server answers `answer`, and closes it.
    async fn error_of(answer: &[u8]) -> String {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let config = Config::new().user("u").to_owned();
        let connecting = config.connect_raw(ours, NoTls);
        let answering = async move {
            assert!(theirs.read(&mut [0; 256]).await.unwrap() > 0);
            theirs.write_all(answer).await.unwrap();
        };
        let (connected, ()) = tokio::join!(connecting, answering);
        PostgresError::from(connected.err().unwrap()).to_string()
    }

    #[tokio::test]
    async fn a_server_is_quoted() {
        let message = "terminating connection due to administrator command";
        let fields = format!("SFATAL\0VFATAL\0C57P01\0M{message}\0\0");
        let mut answer = vec![b'E'];
        answer.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
        answer.extend(fields.as_bytes());
        assert_eq!(error_of(&answer).await, message);
        let closed = error_of(b"").await;
        assert!(!closed.contains("db error"), "{closed}");
    }
}
