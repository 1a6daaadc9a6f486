//! The ledger in one SQLite file.
//!
//! It uses a write-ahead log (WAL) with `synchronous=FULL`: a committed transaction
//! is durable (SQLite documentation, "PRAGMA synchronous"), and `status` can read
//! while a run writes.
//!
//! - `file.rs`: opens the file for reading, tells checkpoints from other files
//! - `format.rs`: application id, format version, schema, and upgrades
//! - `lock.rs`: ensures a single writer
//! - `watch.rs`: detects that a file was moved, removed or replaced
//! - `mounts.rs`: detects the file system
//! - `pin.rs`: keeps other processes from moving the WAL into the file
//! - `batch.rs`: writes a batch
//! - `fold.rs`: keeps the table of runs small
//! - `row_codec.rs`: converts rows to the ledger's types
//! - `read_ahead.rs`: reads claim records ahead
//! - `pages.rs`: reads all claim records, a page at a time
//! - `status.rs`: reads the account, counts and figures

mod batch;
pub(super) mod file;
mod fold;
pub(super) mod format;
pub mod lock;
pub mod mounts;
mod pages;
mod pin;
mod read_ahead;
pub(super) mod row_codec;
mod status;
mod watch;

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use self::file::{CheckpointFile, hold_back, is_perhaps_ours, keep_log, open_to_look, probe};
use self::fold::{drop_timelines, fold_latencies};
use self::format::{FORMAT, Marks};
use self::lock::{CheckpointLock, lock_database, lock_holder};
use self::mounts::{Trust, trust_in};
use self::pages::{BEFORE_FIRST, page_after};
use self::pin::{MOST_UNMOVED, Pin, move_log_into_file, pages_of};
use self::read_ahead::Entries;
use self::row_codec::{KNOWN, known_of};
use self::status::{histories, landing_ms, read_figures, read_status, send_times, target};
use self::watch::FileWatch;
use super::rescue::damage::{Damage, Rescue};
use super::rescue::integrity::{self, damage_in, find_damage};
use super::rescue::salvage;
use super::workers::ClaimAnswer;
use super::{
    Batch, ClaimRecord, IS_DURABLE, Ledger, LedgerError, LedgerStatus, RunFigures, RunStart,
};
use crate::domain::decision::KnownClaim;
use crate::domain::send_times::SendTimes;
use crate::domain::summary::TargetAccount;
use crate::domain::timeline::RunHistory;
use crate::ledger::claim_state::{from_sql, to_sql};
use crate::ledger::paths::{beside, real_place};

/// Whether SQLite syncs to disk.
const SYNCHRONOUS: &str = if IS_DURABLE { "FULL" } else { "OFF" };

/// A format version beyond this is taken for damage.
const MOST_FORMATS: i64 = 1000;

/// A ledger in an SQLite file.
#[derive(Debug)]
pub struct SqliteLedger {
    /// Closed before `db`, which deletes the WAL when it is closed last.
    pin: Option<Pin>,
    db: Connection,
    /// About how many pages of the WAL are not in the file yet.
    unmoved: usize,
    path: PathBuf,
    run: i64,
    /// The file's format; for a writer, always the newest.
    format: i64,
    /// What a writer holds; `None` if the file was opened for reading.
    writer: Option<Writer>,
    entries: Entries,
}

/// The locks and the watch of a run that writes.
#[derive(Debug)]
struct Writer {
    target: TargetAccount,
    watch: FileWatch,
    _lock: CheckpointLock,
    /// The database's lock. Dropped after `db`, by the order of the ledger's fields.
    _database: Option<File>,
}

impl SqliteLedger {
    /// Opens the checkpoint at `path` for a run against `target`, or creates it.
    ///
    /// A damaged one is not changed; what can be read of it is saved to a new file.
    pub fn open(path: &Path, target: &TargetAccount, now_ms: i64) -> Result<Self, LedgerError> {
        let real = real_place(path);
        if let Trust::Network(kind) = trust_in(&real) {
            let path = path.to_owned();
            return Err(LedgerError::Network { path, kind });
        }
        // Fail before a lock file is created beside a file that is no checkpoint.
        probe(path)?;
        let lock = CheckpointLock::acquire(path)?;
        // Another run may have created it meanwhile.
        match probe(path)? {
            CheckpointFile::Sqlite => {}
            CheckpointFile::Absent => format::begin(&real, target, now_ms).map_err(|source| {
                let path = path.to_owned();
                LedgerError::Database {
                    doing: "create",
                    path,
                    source,
                }
            })?,
            CheckpointFile::Damaged(damage) => {
                return Err(LedgerError::Damaged {
                    path: path.to_owned(),
                    damage: Box::new(damage),
                    rescue: salvage::save(path, target),
                });
            }
        }
        let database = lock_database(path, &real)?;
        let mut watch = FileWatch::default();
        watch.add(lock.place.clone(), lock.identity);
        watch.add_found(real.clone());
        let db = Connection::open(&real).and_then(|db| hold_back(&db, path).map(|()| db));
        let ledger = Self {
            db: db.map_err(refusing(path, "open"))?,
            pin: None,
            unmoved: 0,
            path: path.to_owned(),
            run: 0,
            format: FORMAT,
            writer: Some(Writer {
                target: target.clone(),
                watch,
                _lock: lock,
                _database: database,
            }),
            entries: Entries::default(),
        };
        // Check before the first write: another program's file, another account's and
        // a damaged one must not be changed.
        let format = ledger.ensure_format()?;
        ledger.ensure_account(target)?;
        ledger.ensure_soundness(format)?;
        ledger.configure().map_err(ledger.failing("open"))?;
        format::upgrade(&ledger.db, format).map_err(ledger.failing("upgrade"))?;
        Ok(ledger)
    }

    /// Opens the checkpoint at `path` for reading, also while a run writes to it.
    pub fn open_to_read(path: &Path) -> Result<Self, LedgerError> {
        match probe(path)? {
            CheckpointFile::Sqlite => {}
            CheckpointFile::Absent => {
                return Err(LedgerError::NotThere {
                    path: path.to_owned(),
                });
            }
            CheckpointFile::Damaged(damage) => {
                return Err(LedgerError::Damaged {
                    path: path.to_owned(),
                    damage: Box::new(damage),
                    rescue: Rescue::NotTried,
                });
            }
        }
        let mut ledger = Self {
            db: open_to_look(path).map_err(refusing(path, "open"))?,
            pin: None,
            unmoved: 0,
            path: path.to_owned(),
            run: 0,
            format: FORMAT,
            writer: None,
            entries: Entries::default(),
        };
        ledger.format = ledger.ensure_format()?;
        ledger.ensure_soundness(ledger.format)?;
        format::view_as_newest(&ledger.db, ledger.format).map_err(ledger.failing("read"))?;
        Ok(ledger)
    }

    /// Opens the checkpoint at `path` for reading, to plan a run against `target`.
    pub fn open_to_plan(path: &Path, target: &TargetAccount) -> Result<Self, LedgerError> {
        let ledger = Self::open_to_read(path)?;
        ledger.ensure_account(target)?;
        Ok(ledger)
    }

    /// Configures the connection for writing.
    fn configure(&self) -> rusqlite::Result<()> {
        // If the latest run was killed, keep the WAL until another run has ended:
        // until then, a missing WAL means that it was lost.
        keep_log(&self.db, integrity::is_open(&self.db)?)?;
        // A small page cache is enough: rows are appended and read in order. Foreign
        // keys are off because each batch checks once that its run exists.
        self.db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -4096;
             PRAGMA foreign_keys = OFF;",
        )?;
        self.db.pragma_update(None, "synchronous", SYNCHRONOUS)?;
        self.db.set_prepared_statement_cache_capacity(32);
        Ok(())
    }

    /// The file's format; an error if it is no checkpoint or of a newer format.
    fn ensure_format(&self) -> Result<i64, LedgerError> {
        let marks = Marks::of(&self.db).map_err(|error| match damage_in(&error) {
            // A damaged file may be another program's.
            Some(_) if !is_perhaps_ours(&self.path) => self.not_a_ledger(),
            _ => self.failing("read")(error),
        })?;
        if marks.is_empty {
            let what = "there is no table in it";
            return Err(self.damaged(if marks.is_ours {
                Damage::found(what)
            } else {
                Damage::empty(what)
            }));
        }
        if !marks.is_ours {
            return Err(if integrity::has_our_tables(&self.db) {
                self.damaged(Damage::found("its mark is gone"))
            } else {
                self.not_a_ledger()
            });
        }
        if !(1..=MOST_FORMATS).contains(&marks.format) {
            let what = format!("no checkpoint has the format {}", marks.format);
            return Err(self.damaged(Damage::found(what)));
        }
        if marks.format > FORMAT {
            return Err(LedgerError::Newer {
                path: self.path.clone(),
                found: marks.format,
                known: FORMAT,
            });
        }
        Ok(marks.format)
    }

    fn ensure_account(&self, given: &TargetAccount) -> Result<(), LedgerError> {
        let recorded = target(&self.db).map_err(self.failing("read"))?;
        if recorded == *given {
            return Ok(());
        }
        Err(LedgerError::OtherAccount {
            path: self.path.clone(),
            recorded: super::account_of(&recorded),
            given: super::account_of(given),
        })
    }

    fn ensure_soundness(&self, format: i64) -> Result<(), LedgerError> {
        let damage = find_damage(&self.db, &self.path, format).map_err(self.failing("read"))?;
        match damage.or_else(|| self.find_log_damage()) {
            Some(damage) => Err(self.damaged(damage)),
            None => Ok(()),
        }
    }

    /// Checks the WAL. Damage found while another process writes is ignored: it may be
    /// a frame that is being written. If that process has ended, checks again.
    fn find_log_damage(&self) -> Option<Damage> {
        let met = integrity::find_log_damage(&self.path)?;
        if self.writer.is_some() {
            return Some(met);
        }
        match lock_holder(&self.path) {
            Some(_writes_it) => None,
            None => integrity::find_log_damage(&self.path),
        }
    }

    /// Moves the WAL into the file as far as readers allow, and pins the result.
    fn move_log(&mut self) -> rusqlite::Result<()> {
        self.pin = None;
        self.db
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        self.pin = Some(Pin::at(&real_place(&self.path))?);
        self.unmoved = 0;
        Ok(())
    }

    /// An error if one of the files was moved, so that writes to it would be lost.
    fn ensure_in_place(&self) -> Result<(), LedgerError> {
        let watch = self.writer.as_ref().map(|writer| &writer.watch);
        watch.map_or(Ok(()), |watch| watch.ensure_in_place(&self.path))
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

    /// The error for a damaged file. A writer saves what can be read of it.
    fn damaged(&self, damage: Damage) -> LedgerError {
        LedgerError::Damaged {
            path: self.path.clone(),
            damage: Box::new(damage),
            rescue: match &self.writer {
                Some(writer) => salvage::save(&self.path, &writer.target),
                None => Rescue::NotTried,
            },
        }
    }

    fn failing(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> LedgerError + Copy {
        move |error| match damage_in(&error) {
            Some(damage) => self.damaged(damage),
            None => refusing(&self.path, doing)(error),
        }
    }
}

impl Ledger for SqliteLedger {
    fn scan(
        &mut self,
        each: &mut dyn FnMut(&str, KnownClaim) -> std::io::Result<()>,
    ) -> Result<(), LedgerError> {
        let failed = self.failing("read");
        let mut statement = self.db.prepare(KNOWN).map_err(failed)?;
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
        // Format 1 has no such column: no checkpoint of it was ever saved.
        if self.format < 2 {
            return Ok(false);
        }
        self.one("SELECT gaps FROM account")
    }

    fn next_id(&mut self) -> Result<u64, LedgerError> {
        self.one::<i64>("SELECT coalesce(max(id), 0) + 1 FROM customer")
            .map(from_sql)
    }

    fn landing_ms(&mut self, now_ms: i64) -> Result<u64, LedgerError> {
        landing_ms(&self.db, now_ms).map_err(self.failing("read"))
    }

    fn send_times(&mut self) -> Result<SendTimes, LedgerError> {
        send_times(&self.db, (self.run, self.format)).map_err(self.failing("read"))
    }

    fn begin(&mut self, run: &RunStart) -> Result<(), LedgerError> {
        let inputs = serde_json::Value::from(run.inputs.clone()).to_string();
        keep_log(&self.db, true).map_err(self.failing("write to"))?;
        let begun = || {
            let transaction = self.db.unchecked_transaction()?;
            fold_latencies(&self.db)?;
            drop_timelines(&self.db)?;
            self.db.execute(
                "INSERT INTO run (command, inputs, fit_rows, began, changed) VALUES (?1, ?2, ?3, ?4, ?4)",
                params![run.command, inputs, to_sql(run.fit_rows), run.now_ms],
            )?;
            transaction.commit()
        };
        begun().map_err(self.failing("write to"))?;
        self.run = self.db.last_insert_rowid();
        // Move the new run into the main file: if the WAL is lost, the open run shows
        // that there was one.
        self.pin = None;
        move_log_into_file(&self.db).map_err(self.failing("write to"))?;
        let real = real_place(&self.path);
        self.pin = Some(Pin::at(&real).map_err(self.failing("write to"))?);
        self.unmoved = 0;
        if let Some(writer) = &mut self.writer {
            writer.watch.add_found(beside(&real, "-wal"));
            writer.watch.add_found(beside(&real, "-shm"));
        }
        self.ensure_in_place()
    }

    fn write(&mut self, batch: &Batch) -> Result<Vec<(u64, ClaimAnswer)>, LedgerError> {
        self.entries.forget();
        self.ensure_in_place()?;
        let is_moved = self.unmoved > MOST_UNMOVED;
        batch::write(&self.db, self.run, batch, is_moved).map_err(self.failing("write to"))?;
        self.unmoved += pages_of(batch);
        if is_moved {
            self.move_log().map_err(self.failing("write to"))?;
        }
        self.ensure_in_place()?;
        Ok(Vec::new())
    }

    fn end(&mut self, how: &str, now_ms: i64) -> Result<(), LedgerError> {
        self.pin = None;
        self.db
            .execute(
                "UPDATE run SET ended = ?2, changed = ?3 WHERE id = ?1",
                params![self.run, how, now_ms],
            )
            .map_err(self.failing("write to"))?;
        keep_log(&self.db, false).map_err(self.failing("write to"))
    }

    fn claim_record(&mut self, id: u64) -> Result<Option<ClaimRecord>, LedgerError> {
        let entry = self.entries.get(&self.db, id);
        entry.map_err(self.failing("read"))
    }

    fn records(
        &mut self,
        each: &mut dyn FnMut(ClaimRecord) -> std::io::Result<()>,
    ) -> Result<(), LedgerError> {
        let mut last = BEFORE_FIRST;
        loop {
            let page = page_after(&self.db, last).map_err(self.failing("read"))?;
            let Some((latest, _)) = page.last() else {
                return Ok(());
            };
            last = *latest;
            for (_, record) in page {
                each(record).map_err(|source| LedgerError::Io {
                    path: self.path.clone(),
                    source,
                })?;
            }
        }
    }

    fn runs(&mut self) -> Result<Vec<RunHistory>, LedgerError> {
        histories(&self.db, self.format).map_err(self.failing("read"))
    }

    fn status(&mut self) -> Result<LedgerStatus, LedgerError> {
        let gaps = self.has_gaps()?;
        let status = read_status(&self.db).map_err(self.failing("read"))?;
        Ok(LedgerStatus { gaps, ..status })
    }

    fn figures(&mut self) -> Result<RunFigures, LedgerError> {
        read_figures(&self.db).map_err(self.failing("read"))
    }
}

/// The error for a failed database operation.
fn refusing(path: &Path, doing: &'static str) -> impl Fn(rusqlite::Error) -> LedgerError {
    move |source| LedgerError::Database {
        doing,
        path: path.to_owned(),
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests;
