//! The ledger in one SQLite file.
//!
//! Write-ahead log, synchronous=FULL: when a transaction returns it is on disk
//! (SQLite documentation, "PRAGMA synchronous"). `status` reads while a run
//! writes.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::file::{owner_only, refuse_other_files};
use super::lock::Lock;
use super::records::{add_run, entry_of, from_sql, known_of, to_sql};
use super::{Batch, Claim, Entry, Ledger, LedgerError, RunFigures, RunStart, Settlement, Standing};
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::plan::Known;
use crate::domain::summary::Target;

/// The newest format that this code reads and writes.
const FORMAT: i64 = 1;

/// "kblk": tells a checkpoint from every other SQLite file.
const APPLICATION: i64 = 0x6b62_6c6b;

/// A ledger in a file.
#[derive(Debug)]
pub struct SqliteLedger {
    db: Connection,
    path: PathBuf,
    run: i64,
    /// Held while we write; readers need none.
    _lock: Option<Lock>,
}

impl SqliteLedger {
    /// Opens the checkpoint at `path` for a run against `target`, or begins it.
    pub fn open(path: &Path, target: &Target, now_ms: i64) -> Result<Self, LedgerError> {
        refuse_other_files(path)?;
        let lock = Lock::take(path)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        owner_only(&mut options);
        options.open(path).map_err(|source| LedgerError::Database {
            doing: "create",
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let failed = failing(path, "open");
        let db = Connection::open(path).map_err(failed)?;
        let ledger = Self {
            db,
            path: path.to_owned(),
            run: 0,
            _lock: Some(lock),
        };
        // Whose file it is comes first: nobody else's is written to.
        let is_new = ledger.is_new()?;
        if !is_new {
            ledger.demand_format()?;
            ledger.demand_account(target)?;
        }
        ledger.settle_in().map_err(failed)?;
        if is_new {
            ledger.create(target, now_ms)?;
        }
        Ok(ledger)
    }

    /// Opens the checkpoint at `path` to look at it, also while a run writes.
    pub fn open_to_read(path: &Path) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Err(LedgerError::NotThere {
                path: path.to_owned(),
            });
        }
        refuse_other_files(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = failing(path, "open");
        let db = Connection::open_with_flags(path, flags).map_err(failed)?;
        db.execute_batch("PRAGMA query_only = ON;")
            .map_err(failed)?;
        let ledger = Self {
            db,
            path: path.to_owned(),
            run: 0,
            _lock: None,
        };
        if ledger.is_new()? {
            return Err(LedgerError::NotALedger {
                path: path.to_owned(),
            });
        }
        ledger.demand_format()?;
        Ok(ledger)
    }

    /// How we use the file, from now on.
    fn settle_in(&self) -> rusqlite::Result<()> {
        // The page cache is kept small: rows are appended and read in order.
        self.db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -4096;
             PRAGMA foreign_keys = ON;",
        )?;
        #[cfg(feature = "bench-without-durability")]
        self.db.execute_batch("PRAGMA synchronous = OFF;")?;
        self.db.set_prepared_statement_cache_capacity(32);
        Ok(())
    }

    fn is_new(&self) -> Result<bool, LedgerError> {
        self.one("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", "read")
    }

    fn one<T: rusqlite::types::FromSql>(
        &self,
        sql: &str,
        doing: &'static str,
    ) -> Result<T, LedgerError> {
        self.db
            .query_row(sql, [], |row| row.get(0))
            .map_err(failing(&self.path, doing))
    }

    fn create(&self, target: &Target, now_ms: i64) -> Result<(), LedgerError> {
        let failed = failing(&self.path, "begin");
        let transaction = self.db.unchecked_transaction().map_err(failed)?;
        transaction
            .execute_batch(include_str!("schema.sql"))
            .map_err(failed)?;
        transaction
            .execute(
                "INSERT INTO account (only, base_url, kable_client_id, begun) VALUES (1, ?, ?, ?)",
                params![target.base_url, target.kable_client_id, now_ms],
            )
            .map_err(failed)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION)
            .map_err(failed)?;
        transaction
            .pragma_update(None, "user_version", FORMAT)
            .map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    fn demand_format(&self) -> Result<(), LedgerError> {
        if self.one::<i64>("PRAGMA application_id", "read")? != APPLICATION {
            return Err(LedgerError::NotALedger {
                path: self.path.clone(),
            });
        }
        let found = self.one::<i64>("PRAGMA user_version", "read")?;
        if found > FORMAT {
            return Err(LedgerError::Newer {
                path: self.path.clone(),
                found,
                known: FORMAT,
            });
        }
        Ok(())
    }

    fn demand_account(&self, given: &Target) -> Result<(), LedgerError> {
        let recorded = self.target()?;
        if recorded == *given {
            return Ok(());
        }
        let named =
            |target: &Target| format!("{} (account {})", target.base_url, target.kable_client_id);
        Err(LedgerError::OtherAccount {
            path: self.path.clone(),
            recorded: named(&recorded),
            given: named(given),
        })
    }

    /// How many claims came to which outcome, in one pass: grouping them would
    /// sort them all in memory.
    fn tally(&self) -> Result<Tally, LedgerError> {
        let sums = Outcome::ALL.map(|outcome| format!("sum(outcome IS '{}')", outcome.name()));
        let sql = format!(
            "SELECT sum(outcome IS NULL), {} FROM customer",
            sums.join(", ")
        );
        let read = |row: &rusqlite::Row<'_>| {
            let count = |column: usize| {
                row.get::<_, Option<i64>>(column)
                    .map(|sum| from_sql(sum.unwrap_or_default()))
            };
            let mut tally = Tally::default();
            tally.add_many(Outcome::Unresolved, count(0)?);
            for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
                tally.add_many(outcome, count(place + 1)?);
            }
            Ok(tally)
        };
        self.db
            .query_row(&sql, [], read)
            .map_err(failing(&self.path, "read"))
    }

    fn target(&self) -> Result<Target, LedgerError> {
        self.db
            .query_row("SELECT base_url, kable_client_id FROM account", [], |row| {
                Ok(Target {
                    base_url: row.get(0)?,
                    kable_client_id: row.get(1)?,
                })
            })
            .map_err(failing(&self.path, "read"))
    }

    fn write_claim(&self, claim: &Claim, now_ms: i64) -> rusqlite::Result<()> {
        // A claim in doubt keeps its time and its run: that one may have been
        // sent, and what Kable created since then may be its doing.
        self.db
            .prepare_cached(
                "INSERT INTO customer (id, client_id, digest, run, claimed) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET
                    digest = excluded.digest,
                    run = iif(outcome IS NULL OR outcome = 'unresolved', run, excluded.run),
                    claimed = iif(outcome IS NULL OR outcome = 'unresolved', claimed, excluded.claimed),
                    outcome = NULL, settled = NULL",
            )?
            .execute(params![to_sql(claim.id), claim.client_id, claim.digest, self.run, now_ms])?;
        Ok(())
    }

    fn write_settlement(&self, settled: &Settlement, now_ms: i64) -> rusqlite::Result<()> {
        self.db
            .prepare_cached(
                "UPDATE customer SET outcome = ?2, ours = max(ours, ?3), keys_lost = ?4,
                    customer_id = coalesce(?5, customer_id), request_id = coalesce(?6, request_id),
                    attempts = attempts + ?7, status = ?8, message = ?9, settled = ?10, digest = ?11
                 WHERE id = ?1",
            )?
            .execute(params![
                to_sql(settled.id),
                settled.outcome.name(),
                settled.ours,
                settled.keys_lost,
                settled.customer_id,
                settled.request_id,
                settled.attempts,
                settled.status,
                settled.message,
                now_ms,
                settled.digest,
            ])?;
        Ok(())
    }

    fn write_figures(&self, figures: &RunFigures, now_ms: i64) -> rusqlite::Result<()> {
        let latencies = serde_json::to_string(&figures.latencies)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let requests = figures.requests;
        self.db
            .prepare_cached(
                "UPDATE run SET changed = ?2, elapsed_ms = ?3, sent = ?4, retried = ?5, throttled = ?6,
                    lookups = ?7, latencies = ?8, clock_ahead_ms = ?9 WHERE id = ?1",
            )?
            .execute(params![
                self.run,
                now_ms,
                to_sql(figures.elapsed_ms),
                to_sql(requests.sent),
                to_sql(requests.retried),
                to_sql(requests.throttled),
                to_sql(requests.lookups),
                latencies,
                figures.clock_ahead_ms,
            ])?;
        Ok(())
    }
}

impl Ledger for SqliteLedger {
    fn scan(
        &mut self,
        each: &mut dyn FnMut(&str, Known) -> std::io::Result<()>,
    ) -> Result<(), LedgerError> {
        let failed = failing(&self.path, "read");
        let mut statement = self
            .db
            .prepare(
                "SELECT customer.id, client_id, digest, outcome, claimed + clock_ahead_ms
                 FROM customer JOIN run ON run.id = customer.run ORDER BY customer.id",
            )
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let (client_id, known) = known_of(row).map_err(failed)?;
            each(&client_id, known).map_err(|source| LedgerError::Io {
                path: self.path.clone(),
                source,
            })?;
        }
        Ok(())
    }

    fn next_id(&mut self) -> Result<u64, LedgerError> {
        self.one::<i64>("SELECT coalesce(max(id), 0) + 1 FROM customer", "read")
            .map(from_sql)
    }

    fn begin(&mut self, run: &RunStart) -> Result<(), LedgerError> {
        let failed = failing(&self.path, "write to");
        let inputs = serde_json::to_string(&run.inputs).map_err(|error| LedgerError::Database {
            doing: "write to",
            path: self.path.clone(),
            source: Box::new(error),
        })?;
        self.db
            .execute(
                "INSERT INTO run (command, inputs, fit_rows, began, changed) VALUES (?1, ?2, ?3, ?4, ?4)",
                params![run.command, inputs, to_sql(run.fit_rows), run.now_ms],
            )
            .map_err(failed)?;
        self.run = self.db.last_insert_rowid();
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        let failed = failing(&self.path, "write to");
        let transaction = self.db.unchecked_transaction().map_err(failed)?;
        for settled in &batch.settlements {
            self.write_settlement(settled, batch.now_ms)
                .map_err(failed)?;
        }
        for claim in &batch.claims {
            self.write_claim(claim, batch.now_ms).map_err(failed)?;
        }
        self.write_figures(&batch.figures, batch.now_ms)
            .map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    fn end(&mut self, how: &str, now_ms: i64) -> Result<(), LedgerError> {
        self.db
            .execute(
                "UPDATE run SET ended = ?2, changed = ?3 WHERE id = ?1",
                params![self.run, how, now_ms],
            )
            .map_err(failing(&self.path, "write to"))?;
        Ok(())
    }

    fn entry(&mut self, id: u64) -> Result<Option<Entry>, LedgerError> {
        let failed = failing(&self.path, "read");
        self.db
            .prepare_cached(
                "SELECT client_id, outcome, keys_lost, customer_id, request_id, attempts, status, message
                 FROM customer WHERE id = ?",
            )
            .map_err(failed)?
            .query_row([to_sql(id)], entry_of)
            .optional()
            .map_err(failed)
    }

    fn standing(&mut self) -> Result<Standing, LedgerError> {
        let failed = failing(&self.path, "read");
        let mut standing = Standing {
            target: self.target()?,
            began_ms: self.one("SELECT begun FROM account", "read")?,
            ..Standing::default()
        };
        standing.tally = self.tally()?;
        let mut runs = self
            .db
            .prepare(
                "SELECT command, inputs, fit_rows, changed, ended, elapsed_ms, sent, retried, throttled, lookups, latencies
                 FROM run ORDER BY id",
            )
            .map_err(failed)?;
        let mut rows = runs.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            add_run(&mut standing, row).map_err(failed)?;
        }
        Ok(standing)
    }
}

fn failing(path: &Path, doing: &'static str) -> impl Fn(rusqlite::Error) -> LedgerError + Copy {
    move |source| {
        let path = path.to_owned();
        if source.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
            return LedgerError::NotALedger { path };
        }
        LedgerError::Database {
            doing,
            path,
            source: Box::new(source),
        }
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
