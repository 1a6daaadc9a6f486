//! One connection to a server, with its prepared statements.

use std::collections::HashMap;
use std::fmt;

use parking_lot::Mutex;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::address::{DatabaseAddress, quoted};
use super::postgres_error::PostgresError;

/// A connection, with its prepared statements.
pub(super) struct DatabaseSession {
    client: Client,
    schema: String,
    statements: Mutex<HashMap<&'static str, Statement>>,
}

impl fmt::Debug for DatabaseSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSession").finish_non_exhaustive()
    }
}

impl DatabaseSession {
    /// Connects to `address`, for tables in its schema.
    pub(super) async fn open(address: &DatabaseAddress) -> Result<Self, PostgresError> {
        let client = address.connect().await?;
        // A claim must be on disk when it is acknowledged, whatever the server's default is.
        // Where more than that is asked for (remote_apply), it stays.
        client
            .batch_execute(
                "SET client_encoding = 'UTF8'; SET timezone = 'UTC';
                 SET idle_in_transaction_session_timeout = '60s';
                 SELECT set_config('synchronous_commit', 'on', false)
                    WHERE current_setting('synchronous_commit') IN ('off', 'local')",
            )
            .await?;
        Ok(Self {
            client,
            schema: quoted(address.schema()),
            statements: Mutex::default(),
        })
    }

    /// `sql` with the schema's name in the place of `kb`.
    fn named(&self, sql: &str) -> String {
        sql.replace("kb.", &format!("{}.", self.schema))
    }

    async fn prepared(&self, sql: &'static str) -> Result<Statement, PostgresError> {
        if let Some(known) = self.statements.lock().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(&self.named(sql)).await?;
        self.statements.lock().insert(sql, statement.clone());
        Ok(statement)
    }

    /// Runs statements that return nothing.
    pub(super) async fn execute_all(&self, sql: &str) -> Result<(), PostgresError> {
        Ok(self.client.batch_execute(&self.named(sql)).await?)
    }

    /// Makes the schema.
    pub(super) async fn create_schema(&self) -> Result<(), PostgresError> {
        let sql = format!("CREATE SCHEMA {}", self.schema);
        self.client.batch_execute(&sql).await.map_err(|error| {
            if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
                PostgresError::MayNotCreateSchema(error)
            } else {
                error.into()
            }
        })
    }

    /// Runs one statement, and returns its rows.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PostgresError> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.query(&statement, values).await?)
    }

    /// Runs one statement, and returns its only row, if there is one.
    pub(super) async fn query_one(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, PostgresError> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Runs one statement that returns a row in any case, and returns it.
    pub(super) async fn query_row(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, PostgresError> {
        let row = self.query_one(sql, values).await?;
        row.ok_or_else(|| PostgresError::Invalid("a row of its own tables is missing".to_owned()))
    }

    /// Runs `work` in a transaction, which is undone if `work` fails.
    pub(super) async fn transaction<T>(
        &self,
        work: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<T, PostgresError> {
        self.client.batch_execute("BEGIN").await?;
        match work.await {
            Ok(done) => {
                self.client.batch_execute("COMMIT").await?;
                Ok(done)
            }
            Err(error) => {
                // If this fails too, the connection is lost, and the transaction with it.
                self.client.batch_execute("ROLLBACK").await.ok();
                Err(error)
            }
        }
    }
}
