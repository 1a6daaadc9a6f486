//! The ledger in one SQLite file.
//!
//! Write-ahead log, synchronous=FULL: when a transaction returns it is on disk
//! (SQLite documentation, "PRAGMA synchronous"). `status` reads while a run
//! writes.
//!
//! - `file.rs`: whose a file is, and whether it is a checkpoint
//! - `format.rs`: its mark, its format, its tables, and upgrades
//! - `lock.rs`: one writer
//! - `watch.rs`: whether the files are still where they were opened
//! - `mounts.rs`: on which file system they are
//! - `pin.rs`: keeps others from moving the log into the file
//! - `batch.rs`: a batch → the file
//! - `row_codec.rs`: rows of the file → the ledger's words
//! - `read_ahead.rs`: entries, read ahead where they are asked for in order
//! - `status.rs`: what the file says of itself

mod batch;
pub(super) mod file;
pub(super) mod format;
pub mod lock;
pub mod mounts;
mod pin;
mod read_ahead;
pub(super) mod row_codec;
pub(super) mod status;
mod watch;

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use self::file::{CheckpointFile, hold_back, is_perhaps_ours, keep_log, open_to_look, probe};
use self::format::{FORMAT, Marks};
use self::lock::{CheckpointLock, lock_database, lock_holder};
use self::mounts::{Trust, trust_in};
use self::pin::{MOST_UNMOVED, Pin, move_log_into_file, pages_of};
use self::read_ahead::Entries;
use self::row_codec::{KNOWN, from_sql, known_of, to_sql};
use self::status::{account_of, landing_ms, read_status, target};
use self::watch::FileWatch;
use super::rescue::damage::{Damage, Rescue};
use super::rescue::integrity::{self, damage_in, find_damage};
use super::rescue::salvage;
use super::{Batch, ClaimRecord, Ledger, LedgerError, LedgerStatus, RunStart};
use crate::domain::decision::KnownClaim;
use crate::domain::summary::TargetAccount;
use crate::ledger::paths::{beside, real_place};

/// Whether SQLite waits for the disk. `benches/durability.rs` measures what that
/// costs, by a build that does not.
const SYNCHRONOUS: &str = if cfg!(feature = "bench-without-durability") {
    "OFF"
} else {
    "FULL"
};

/// A format beyond this is no format but damage.
const MOST_FORMATS: i64 = 1000;

/// A ledger in a file.
#[derive(Debug)]
pub struct SqliteLedger {
    /// Closed before `db`, which takes the log away if it is the last one.
    pin: Option<Pin>,
    db: Connection,
    /// About how many pages of the log are not in the file.
    unmoved: usize,
    path: PathBuf,
    run: i64,
    /// The file's format, which is the newest where it is written.
    format: i64,
    /// The writer; none where the file is only read.
    writer: Option<Writer>,
    entries: Entries,
}

/// A run that writes.
#[derive(Debug)]
struct Writer {
    target: TargetAccount,
    watch: FileWatch,
    _lock: CheckpointLock,
    /// Closed after `db`, which stands before it in the ledger.
    _database: Option<File>,
}

impl SqliteLedger {
    /// Opens the checkpoint at `path` for a run against `target`, or begins it.
    ///
    /// One that is damaged is left as it is, and what can be read of it is saved.
    pub fn open(path: &Path, target: &TargetAccount, now_ms: i64) -> Result<Self, LedgerError> {
        let real = real_place(path);
        if let Trust::Network(kind) = trust_in(&real) {
            let path = path.to_owned();
            return Err(LedgerError::Network { path, kind });
        }
        // What is none of ours gets no lock file beside it.
        probe(path)?;
        let lock = CheckpointLock::acquire(path)?;
        // Another run may have begun it meanwhile.
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
        // Whose file it is comes first: no other program's is written to, and no
        // damaged one.
        let format = ledger.ensure_format()?;
        ledger.ensure_account(target)?;
        ledger.ensure_soundness(format)?;
        ledger.configure().map_err(ledger.failing("open"))?;
        format::upgrade(&ledger.db, format).map_err(ledger.failing("upgrade"))?;
        Ok(ledger)
    }

    /// Opens the checkpoint at `path` to look at it, also while a run writes.
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

    /// Likewise, to say what a run against `target` would do: nothing is written.
    pub fn open_to_plan(path: &Path, target: &TargetAccount) -> Result<Self, LedgerError> {
        let ledger = Self::open_to_read(path)?;
        ledger.ensure_account(target)?;
        Ok(ledger)
    }

    /// Configures the connection for writing.
    fn configure(&self) -> rusqlite::Result<()> {
        // The log of a run that was cut off goes when another one has ended:
        // until then, a log that is not there is one that was lost.
        keep_log(&self.db, integrity::is_open(&self.db)?)?;
        // The page cache is kept small: rows are appended and read in order. That
        // a run is there is seen to once a batch, not for each of its claims.
        self.db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -4096;
             PRAGMA foreign_keys = OFF;",
        )?;
        self.db.pragma_update(None, "synchronous", SYNCHRONOUS)?;
        self.db.set_prepared_statement_cache_capacity(32);
        Ok(())
    }

    /// Its format, if it is a checkpoint and we know it.
    fn ensure_format(&self) -> Result<i64, LedgerError> {
        let marks = Marks::of(&self.db).map_err(|error| match damage_in(&error) {
            // Another program's file may be damaged as well.
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
            recorded: account_of(&recorded),
            given: account_of(given),
        })
    }

    fn ensure_soundness(&self, format: i64) -> Result<(), LedgerError> {
        let damage = find_damage(&self.db, &self.path, format).map_err(self.failing("read"))?;
        match damage.or_else(|| self.find_log_damage()) {
            Some(damage) => Err(self.damaged(damage)),
            None => Ok(()),
        }
    }

    /// Where another process writes the log, it is looked at by that one. One
    /// that ended meanwhile may have been met in the middle of a frame.
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

    /// Moves the log into the file, as far as those who read allow, and pins it.
    fn move_log(&mut self) -> rusqlite::Result<()> {
        self.pin = None;
        self.db
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        self.pin = Some(Pin::at(&real_place(&self.path))?);
        self.unmoved = 0;
        Ok(())
    }

    /// An error where what is written would not be found.
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

    /// The error for a file with `what` wrong. A run saves what can be read.
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

    fn landing_ms(&mut self, now_ms: i64) -> Result<u64, LedgerError> {
        landing_ms(&self.db, now_ms).map_err(self.failing("read"))
    }

    fn begin(&mut self, run: &RunStart) -> Result<(), LedgerError> {
        let inputs = serde_json::Value::from(run.inputs.clone()).to_string();
        keep_log(&self.db, true).map_err(self.failing("write to"))?;
        self.db
            .execute(
                "INSERT INTO run (command, inputs, fit_rows, began, changed) VALUES (?1, ?2, ?3, ?4, ?4)",
                params![run.command, inputs, to_sql(run.fit_rows), run.now_ms],
            )
            .map_err(self.failing("write to"))?;
        self.run = self.db.last_insert_rowid();
        // In the file itself from now on: if the log is lost, the run tells that
        // there was one.
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

    fn write(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        self.entries.forget();
        self.ensure_in_place()?;
        let is_moved = self.unmoved > MOST_UNMOVED;
        batch::write(&self.db, self.run, batch, is_moved).map_err(self.failing("write to"))?;
        self.unmoved += pages_of(batch);
        if is_moved {
            self.move_log().map_err(self.failing("write to"))?;
        }
        self.ensure_in_place()
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

    fn status(&mut self) -> Result<LedgerStatus, LedgerError> {
        let gaps = self.has_gaps()?;
        let status = read_status(&self.db).map_err(self.failing("read"))?;
        Ok(LedgerStatus { gaps, ..status })
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
mod tests;
