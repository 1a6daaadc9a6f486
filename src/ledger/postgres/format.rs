//! Makes the tables of a checkpoint, and tells its schema from others.

use super::postgres_error::PostgresError;
use super::session::DatabaseSession;
use super::timeline;
use crate::domain::summary::TargetAccount;

/// The newest format that this code reads and writes.
pub(super) const FORMAT: i32 = 3;

/// The oldest server that the statements work on.
const OLDEST_SERVER: i32 = 13;

/// What a schema is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SchemaKind {
    /// It doesn't exist, or has no table.
    Empty,
    /// It has other tables.
    Other,
    /// It has a checkpoint of this format and account.
    Checkpoint { format: i32, target: TargetAccount },
}

/// Fails if the server can't hold a checkpoint.
pub(super) async fn ensure_server(session: &DatabaseSession) -> Result<(), PostgresError> {
    let row = session
        .query_one(
            "SELECT current_setting('server_version_num')::int / 10000,
                    current_setting('server_version'),
                    current_setting('server_encoding'),
                    current_setting('fsync') = 'on'",
            &[],
        )
        .await?;
    let Some(row) = row else {
        return Err(PostgresError::Invalid(
            "the server tells nothing".to_owned(),
        ));
    };
    let (major, version): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
    if major < OLDEST_SERVER {
        return Err(PostgresError::Unfit {
            what: format!(
                "the server is PostgreSQL {version}, and a checkpoint needs {OLDEST_SERVER} or later"
            ),
            hint: "upgrade the server, or name another one",
        });
    }
    let encoding: String = row.try_get(2)?;
    if encoding != "UTF8" {
        return Err(PostgresError::Unfit {
            what: format!(
                "the database has the encoding {encoding}, in which not every customer's id can be \
                 written"
            ),
            hint: "CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0 makes one that can hold it",
        });
    }
    Ok(())
}

/// What the schema is.
pub(super) async fn kind(
    session: &DatabaseSession,
    schema: &str,
) -> Result<SchemaKind, PostgresError> {
    let found = session
        .query(
            "SELECT c.relname::text FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
            &[&schema],
        )
        .await?;
    let names: Vec<String> = found
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Ok(SchemaKind::Empty);
    }
    let has = |name: &str| names.iter().any(|found| found == name);
    if !["account", "worker", "run", "customer"]
        .into_iter()
        .all(has)
    {
        return Ok(SchemaKind::Other);
    }
    let account = session
        .query_one(
            "SELECT format, base_url, kable_client_id FROM kb.account",
            &[],
        )
        .await?;
    let Some(row) = account else {
        return Ok(SchemaKind::Other);
    };
    Ok(SchemaKind::Checkpoint {
        format: row.try_get(0)?,
        target: TargetAccount {
            base_url: row.try_get(1)?,
            kable_client_id: row.try_get(2)?,
        },
    })
}

/// Makes the tables, unless another process has made them meanwhile.
pub(super) async fn create(
    session: &DatabaseSession,
    schema: &str,
    target: &TargetAccount,
    now_ms: i64,
) -> Result<(), PostgresError> {
    let timeline = timeline::current(session).await?;
    session
        .transaction(async {
            // Two processes that begin at once: one makes the tables, the other finds them.
            lock(session, schema).await?;
            if kind(session, schema).await? != SchemaKind::Empty {
                return Ok(());
            }
            let is_there = session
                .query(
                    "SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1",
                    &[&schema],
                )
                .await?;
            if is_there.is_empty() {
                session.create_schema().await?;
            }
            session.execute_all(include_str!("schema.sql")).await?;
            session
                .query(
                    "INSERT INTO kb.account (format, base_url, kable_client_id, begun, timeline)
                        VALUES ($1, $2, $3, $4, $5)",
                    &[
                        &FORMAT,
                        &target.base_url,
                        &target.kable_client_id,
                        &now_ms,
                        &timeline,
                    ],
                )
                .await?;
            session
                .query("INSERT INTO kb.pace DEFAULT VALUES", &[])
                .await?;
            Ok(())
        })
        .await
}

/// Brings the tables of an older format up to this one.
pub(super) async fn upgrade(session: &DatabaseSession, schema: &str) -> Result<(), PostgresError> {
    let timeline = timeline::current(session).await?;
    session
        .transaction(async {
            lock(session, schema).await?;
            let SchemaKind::Checkpoint { format, .. } = kind(session, schema).await? else {
                return Ok(());
            };
            if format < 2 {
                session
                    .execute_all(
                        "ALTER TABLE kb.account ADD COLUMN timeline bigint,
                            ADD COLUMN claims_after timestamptz;
                         ALTER TABLE kb.worker ADD COLUMN nonce bigint",
                    )
                    .await?;
                session
                    .query("UPDATE kb.account SET timeline = $1", &[&timeline])
                    .await?;
            }
            if format < 3 {
                session
                    .execute_all("ALTER TABLE kb.pace ADD COLUMN seen_us bigint NOT NULL DEFAULT 0")
                    .await?;
            }
            session
                .query("UPDATE kb.account SET format = $1", &[&FORMAT])
                .await?;
            Ok(())
        })
        .await
}

/// Lets one process at a time make or change the tables, until its transaction ends.
async fn lock(session: &DatabaseSession, schema: &str) -> Result<(), PostgresError> {
    session
        .query(
            "SELECT pg_advisory_xact_lock(hashtext('kable-bulk ' || $1))",
            &[&schema],
        )
        .await?;
    Ok(())
}
