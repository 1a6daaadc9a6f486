//! A checkpoint in PostgreSQL: what every command does with it, what is refused, and what a
//! connection that drops leaves behind. Skipped where no server is installed.

mod commands;
mod outages;
mod refusals;

use crate::common::Run;
use crate::common::postgres_server::PostgresServer;

/// A schema of a server, for one checkpoint. Its workers are taken for dead after a second.
struct DatabaseCheckpoint {
    server: &'static PostgresServer,
    schema: String,
}

impl DatabaseCheckpoint {
    /// A schema of its own on the server that the tests share.
    fn new() -> Option<Self> {
        let server = PostgresServer::shared()?;
        let schema = server.address().split_once("schema=")?.1.to_owned();
        Some(Self { server, schema })
    }

    fn address(&self) -> String {
        self.address_at(self.server.port())
    }

    /// Its address through a proxy.
    fn address_at(&self, port: u16) -> String {
        address("kable", port, &self.schema)
    }

    /// Its address for another user.
    fn address_of(&self, user: &str) -> String {
        address(user, self.server.port(), &self.schema)
    }

    /// What `psql` prints for a statement, in which `kb` stands for the schema.
    fn sql(&self, sql: &str) -> String {
        let sql = sql.replace("kb.", &format!("{}.", self.schema));
        self.server.query(&sql)
    }

    /// No request of a worker that was killed can be under way any more.
    fn bury(&self) {
        self.sql(
            "UPDATE kb.worker SET state = 'dead', gone = now() - interval '1 hour'
                WHERE state = 'live'",
        );
    }

    /// A run with this checkpoint for all its commands.
    fn run(&self) -> Run {
        Run::new().env("KABLE_BULK_CHECKPOINT", &self.address())
    }
}

fn address(user: &str, port: u16, schema: &str) -> String {
    format!("postgres://{user}@127.0.0.1:{port}/postgres?schema={schema}&lease=1s")
}
