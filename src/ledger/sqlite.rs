//! The ledger in one SQLite file.
//!
//! Write-ahead log, synchronous=FULL: when a transaction returns it is on disk
//! (SQLite documentation, "PRAGMA synchronous"). `status` reads while a run
//! writes.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::damage::Rescue;
use super::file::{hold_back, let_go, open_to_look, owner_only, refuse_other_files};
use super::format::{self, FORMAT, Marks};
use super::lock::Lock;
use super::records::{entry_of, from_sql, known_of, to_sql};
use super::soundness::{self, damage, damage_in};
use super::standing::{standing, target};
use super::{Batch, Entry, Ledger, LedgerError, RunStart, Standing, batch, salvage};
use crate::domain::plan::Known;
use crate::domain::summary::Target;

/// A ledger in a file.
#[derive(Debug)]
pub struct SqliteLedger {
    db: Connection,
    path: PathBuf,
    run: i64,
    /// The file's format, which is the newest where it is written.
    format: i64,
    /// Held while we write; readers need none.
    lock: Option<Lock>,
}

impl SqliteLedger {
    /// Opens the checkpoint at `path` for a run against `target`, or begins it.
    ///
    /// One that is damaged is left as it is, and what can be read of it is saved.
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
        let db = Connection::open(path).and_then(|db| hold_back(&db, path).map(|()| db));
        let mut ledger = Self {
            db: db.map_err(refusing(path, "open"))?,
            path: path.to_owned(),
            run: 0,
            format: FORMAT,
            lock: Some(lock),
        };
        // Whose file it is comes first: nobody else's is written to, and no
        // damaged one.
        let marks = ledger.marks()?;
        if !marks.is_empty {
            ledger.demand_format(marks)?;
            ledger.demand_account(target)?;
            ledger.demand_soundness()?;
        }
        ledger.settle_in().map_err(ledger.failing("open"))?;
        if marks.is_empty {
            format::create(&ledger.db, target, now_ms).map_err(ledger.failing("begin"))?;
        } else {
            format::upgrade(&ledger.db, marks.format).map_err(ledger.failing("upgrade"))?;
        }
        ledger.format = FORMAT;
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
        let mut ledger = Self {
            db: open_to_look(path).map_err(refusing(path, "open"))?,
            path: path.to_owned(),
            run: 0,
            format: FORMAT,
            lock: None,
        };
        let marks = ledger.marks()?;
        if marks.is_empty {
            return Err(ledger.not_a_ledger());
        }
        ledger.demand_format(marks)?;
        ledger.demand_soundness()?;
        ledger.format = marks.format;
        Ok(ledger)
    }

    /// How we use the file, from now on.
    fn settle_in(&self) -> rusqlite::Result<()> {
        let_go(&self.db)?;
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

    fn marks(&self) -> Result<Marks, LedgerError> {
        let marks = Marks::of(&self.db).map_err(self.failing("read"))?;
        if marks.is_empty && marks.is_ours {
            return Err(self.damaged("its tables are gone".to_owned()));
        }
        Ok(marks)
    }

    fn demand_format(&self, marks: Marks) -> Result<(), LedgerError> {
        if !marks.is_ours {
            return Err(if soundness::has_our_tables(&self.db) {
                self.damaged("its mark is gone".to_owned())
            } else {
                self.not_a_ledger()
            });
        }
        if marks.format < 1 {
            return Err(self.damaged(format!("it has the format {}", marks.format)));
        }
        if marks.format > FORMAT {
            return Err(LedgerError::Newer {
                path: self.path.clone(),
                found: marks.format,
                known: FORMAT,
            });
        }
        Ok(())
    }

    fn demand_account(&self, given: &Target) -> Result<(), LedgerError> {
        let recorded = target(&self.db).map_err(self.failing("read"))?;
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

    fn demand_soundness(&self) -> Result<(), LedgerError> {
        match damage(&self.db, &self.path).map_err(self.failing("read"))? {
            Some(what) => Err(self.damaged(what)),
            None => Ok(()),
        }
    }

    fn one<T: rusqlite::types::FromSql>(&self, sql: &str) -> Result<T, LedgerError> {
        self.db
            .query_row(sql, [], |row| row.get(0))
            .map_err(self.failing("read"))
    }

    fn not_a_ledger(&self) -> LedgerError {
        LedgerError::NotALedger {
            path: self.path.clone(),
        }
    }

    /// The error for a file with `what` wrong. A run saves what can be read.
    fn damaged(&self, what: String) -> LedgerError {
        LedgerError::Damaged {
            path: self.path.clone(),
            what,
            rescue: match &self.lock {
                Some(_ours) => salvage::save(&self.path),
                None => Rescue::NotTried,
            },
        }
    }

    fn failing(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> LedgerError + Copy {
        move |error| match damage_in(&error) {
            Some(what) => self.damaged(what),
            None => refusing(&self.path, doing)(error),
        }
    }
}

impl Ledger for SqliteLedger {
    fn scan(
        &mut self,
        each: &mut dyn FnMut(&str, Known) -> std::io::Result<()>,
    ) -> Result<(), LedgerError> {
        let failed = self.failing("read");
        // A claim whose run is not known is a claim all the same.
        let mut statement = self
            .db
            .prepare(
                "SELECT customer.id, client_id, digest, outcome, claimed + clock_ahead_ms
                 FROM customer LEFT JOIN run ON run.id = customer.run ORDER BY customer.id",
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

    fn has_gaps(&mut self) -> Result<bool, LedgerError> {
        // Before format 2 nothing was ever saved.
        if self.format < 2 {
            return Ok(false);
        }
        self.one("SELECT gaps FROM account")
    }

    fn next_id(&mut self) -> Result<u64, LedgerError> {
        self.one::<i64>("SELECT coalesce(max(id), 0) + 1 FROM customer")
            .map(from_sql)
    }

    fn begin(&mut self, run: &RunStart) -> Result<(), LedgerError> {
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
            .map_err(self.failing("write to"))?;
        self.run = self.db.last_insert_rowid();
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        batch::write(&self.db, self.run, batch).map_err(self.failing("write to"))
    }

    fn end(&mut self, how: &str, now_ms: i64) -> Result<(), LedgerError> {
        self.db
            .execute(
                "UPDATE run SET ended = ?2, changed = ?3 WHERE id = ?1",
                params![self.run, how, now_ms],
            )
            .map_err(self.failing("write to"))?;
        Ok(())
    }

    fn entry(&mut self, id: u64) -> Result<Option<Entry>, LedgerError> {
        let failed = self.failing("read");
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
        let gaps = self.has_gaps()?;
        let standing = standing(&self.db).map_err(self.failing("read"))?;
        Ok(Standing { gaps, ..standing })
    }
}

/// The error where the database refuses to do something.
fn refusing(path: &Path, doing: &'static str) -> impl Fn(rusqlite::Error) -> LedgerError {
    move |source| LedgerError::Database {
        doing,
        path: path.to_owned(),
        source: Box::new(source),
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
