//! Creates checkpoints, identifies them by application id and format version, and
//! upgrades older formats.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use rusqlite::{Connection, params};

use crate::domain::summary::TargetAccount;
use crate::ledger::paths::owner_only;

/// An error of the database or of the system.
pub(in crate::ledger) type BoxedError = Box<dyn Error + Send + Sync>;

/// The newest format that this code reads and writes.
pub(super) const FORMAT: i64 = 6;

/// The offset of the write and read versions in the file header (SQLite
/// documentation, "Database File Format").
pub(super) const VERSIONS: u64 = 18;

/// The write and read versions for WAL mode.
pub(super) const WITH_LOG: [u8; 2] = [2, 2];

/// "kblk", the application id of checkpoints among SQLite files.
pub(super) const APPLICATION: i64 = 0x6b62_6c6b;

/// The upgrade steps: the first from format 1 to 2, and so on.
const STEPS: [&str; 5] = [
    include_str!("upgrade-2.sql"),
    include_str!("upgrade-3.sql"),
    include_str!("upgrade-4.sql"),
    include_str!("upgrade-5.sql"),
    include_str!("upgrade-6.sql"),
];

/// Gives a read-only connection a view of the customers with the columns of the
/// newest format.
pub(super) fn view_as_newest(db: &Connection, format: i64) -> rusqlite::Result<()> {
    let view = match format {
        ..3 => include_str!("before-3.sql"),
        3 | 4 => include_str!("before-5.sql"),
        _ => return Ok(()),
    };
    // The view is temporary: it belongs to the connection and is not stored.
    db.execute_batch("PRAGMA query_only = OFF;")?;
    db.execute_batch(view)?;
    db.execute_batch("PRAGMA query_only = ON;")
}

/// What identifies an SQLite file as a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    /// Whether it has no tables.
    pub(super) is_empty: bool,
    /// Whether it has the application id of a checkpoint.
    pub(super) is_ours: bool,
    /// Its format version.
    pub(super) format: i64,
}

impl Marks {
    /// Reads the marks of `db`.
    pub(super) fn of(db: &Connection) -> rusqlite::Result<Self> {
        let number = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok(Self {
            is_empty: number("SELECT count(*) FROM sqlite_schema")? == 0,
            is_ours: number("PRAGMA application_id")? == APPLICATION,
            format: number("PRAGMA user_version")?,
        })
    }
}

/// Makes an empty database a checkpoint for `target`, in one transaction.
pub(in crate::ledger) fn create(
    db: &Connection,
    target: &TargetAccount,
    begun_ms: i64,
) -> rusqlite::Result<()> {
    let transaction = db.unchecked_transaction()?;
    transaction.execute_batch(include_str!("schema.sql"))?;
    transaction.execute(
        "INSERT INTO account (only, base_url, kable_client_id, begun) VALUES (1, ?, ?, ?)",
        params![target.base_url, target.kable_client_id, begun_ms],
    )?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// Writes a new checkpoint for `target` to `path`, in WAL mode, and syncs it.
/// Replaces an existing file.
pub(in crate::ledger) fn write_new(
    path: &Path,
    target: &TargetAccount,
    begun_ms: i64,
) -> Result<(), BoxedError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    owner_only(&mut options);
    let mut file = options.open(path)?;
    let db = Connection::open(path)?;
    db.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    create(&db, target, begun_ms)?;
    db.close().map_err(|(_, error)| error)?;
    file.seek(SeekFrom::Start(VERSIONS))?;
    file.write_all(&WITH_LOG)?;
    file.sync_all()?;
    Ok(())
}

/// Creates a new checkpoint at `real`, atomically.
pub(super) fn begin(real: &Path, target: &TargetAccount, now_ms: i64) -> Result<(), BoxedError> {
    let folder = real.parent().unwrap_or(Path::new("."));
    // Readable by its owner only, under a random name.
    let part = tempfile::Builder::new()
        .prefix(real.file_name().unwrap_or_default())
        .suffix(".part")
        .tempfile_in(folder)?;
    write_new(part.path(), target, now_ms)?;
    // Don't replace a file that was created meanwhile.
    part.persist_noclobber(real)
        .map_err(|refused| refused.error)?;
    // Make the new name durable, on systems that can sync folders.
    File::open(folder).and_then(|folder| folder.sync_all()).ok();
    Ok(())
}

/// Upgrades a checkpoint from format `from` to the newest, in one transaction.
pub(super) fn upgrade(db: &Connection, from: i64) -> rusqlite::Result<()> {
    upgrade_by(db, from, &STEPS)
}

fn upgrade_by(db: &Connection, from: i64, steps: &[&str]) -> rusqlite::Result<()> {
    let done = usize::try_from(from - 1).unwrap_or_default();
    let Some(steps) = steps.get(done..).filter(|steps| !steps.is_empty()) else {
        return Ok(());
    };
    let transaction = db.unchecked_transaction()?;
    let mut format = from;
    for step in steps {
        transaction.execute_batch(step)?;
        format += 1;
    }
    transaction.pragma_update(None, "user_version", format)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{FORMAT, Marks, STEPS, create, upgrade, upgrade_by, view_as_newest};
    use crate::domain::summary::TargetAccount;

    /// Files of each older format, the oldest first.
    const OLD: [&str; 5] = [
        include_str!("../../../tests/formats/format-1.sql"),
        include_str!("../../../tests/formats/format-2.sql"),
        include_str!("../../../tests/formats/format-3.sql"),
        include_str!("../../../tests/formats/format-4.sql"),
        include_str!("../../../tests/formats/format-5.sql"),
    ];

    fn old(format: usize) -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(OLD[format - 1]).unwrap();
        db
    }

    /// Every column of every table: name, type, nullability, default, key.
    fn columns(db: &Connection) -> Vec<String> {
        let sql = "SELECT concat_ws(' ', t.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk, t.strict)
                   FROM pragma_table_list t, pragma_table_info(t.name) c
                   WHERE t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.cid";
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn rows(db: &Connection, sql: &str) -> Vec<String> {
        let mut statement = db.prepare(sql).unwrap();
        let many = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells = (0..many).map(|at| row.get::<_, rusqlite::types::Value>(at).unwrap());
            Ok(format!("{:?}", cells.collect::<Vec<_>>()))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The content of all tables, without columns that later formats added.
    fn content(db: &Connection) -> Vec<String> {
        [
            "SELECT only, base_url, kable_client_id, begun FROM account",
            "SELECT id, command, inputs, fit_rows, began, changed, ended, elapsed_ms, sent, retried,
                throttled, lookups, latencies, clock_ahead_ms FROM run",
            "SELECT id, client_id, digest, run, claimed, nullif(outcome, 'unresolved'), ours, keys_lost,
                customer_id, request_id, attempts, status, message, settled FROM customer",
        ]
        .iter()
        .flat_map(|sql| rows(db, sql))
        .collect()
    }

    /// The customers' columns that later formats added or changed.
    const NEW: &str =
        "SELECT id, outcome, doubt, claimed_by, created, orphan, modified, differing FROM customer";

    #[test]
    fn there_is_an_upgrade_step_to_every_format() {
        assert_eq!(STEPS.len() + 1, usize::try_from(FORMAT).unwrap());
    }

    #[test]
    fn an_upgraded_file_has_the_schema_of_a_new_one_and_keeps_its_content() {
        let new = Connection::open_in_memory().unwrap();
        create(&new, &TargetAccount::default(), 1).unwrap();
        for (format, rows) in [(1, 5), (2, 9), (3, 9), (4, 9), (5, 9)] {
            let db = old(format);
            let before = content(&db);
            upgrade(&db, i64::try_from(format).unwrap()).unwrap();
            assert_eq!(columns(&db), columns(&new));
            assert_eq!(content(&db), before);
            assert_eq!(before.len(), rows);
            let marks = Marks::of(&db).unwrap();
            assert_eq!((marks.is_ours, marks.format), (true, FORMAT));
            let whole: String = db
                .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                .unwrap();
            assert_eq!(whole, "ok");
        }
    }

    #[test]
    fn an_upgrade_keeps_doubts_and_the_times_of_claims() {
        let db = old(2);
        upgrade(&db, 2).unwrap();
        let found: Vec<String> = rows(&db, NEW)
            .into_iter()
            .map(|row| row.replace("Integer", "").replace("Text", ""))
            .collect();
        assert_eq!(
            found,
            [
                "[(1), (\"created\"), (0), (1795355219998), (1795355219228), (0), Null, Null]",
                "[(2), Null, (1), (1795355220000), Null, (0), Null, Null]",
                "[(3), (\"failed\"), (0), (1795355220001), Null, (0), Null, Null]",
                "[(4), Null, (1), (1795355220002), Null, (0), Null, Null]",
                "[(5), Null, (1), Null, (1795355319205), (0), Null, Null]",
                "[(6), (\"pending\"), (0), (1795355220004), Null, (0), Null, Null]",
            ]
        );
    }

    #[test]
    fn an_older_file_opened_for_reading_reads_like_an_upgraded_one() {
        for format in [1, 2, 3, 4, 5] {
            let (looked_at, upgraded) = (old(format), old(format));
            let from = i64::try_from(format).unwrap();
            view_as_newest(&looked_at, from).unwrap();
            upgrade(&upgraded, from).unwrap();
            let all = |db| rows(db, "SELECT * FROM customer ORDER BY id");
            assert_eq!(all(&looked_at), all(&upgraded));
        }
    }

    /// `rescue/salvage.rs` replaces a damaged first page by that of a new file.
    #[test]
    fn the_statements_of_all_tables_fit_on_the_first_page() {
        let new = Connection::open_in_memory().unwrap();
        create(&new, &TargetAccount::default(), 1).unwrap();
        let tables = rows(&new, "SELECT name FROM sqlite_schema WHERE rootpage > 1");
        let pages: i64 = new
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        assert_eq!(usize::try_from(pages).unwrap(), 1 + tables.len());
    }

    #[test]
    fn a_file_of_the_newest_format_is_not_changed() {
        let db = old(1);
        upgrade(&db, 1).unwrap();
        let before = db.total_changes();
        upgrade(&db, FORMAT).unwrap();
        assert_eq!(db.total_changes(), before);
    }

    #[test]
    fn a_failed_upgrade_changes_nothing() {
        let db = old(1);
        let (before, marks) = (columns(&db), Marks::of(&db).unwrap());
        let breaking = format!("{}; SELECT no_such_function();", STEPS[0]);
        upgrade_by(&db, 1, &[&breaking]).unwrap_err();
        upgrade_by(&db, 1, &[STEPS[0], "SELECT no_such_function();"]).unwrap_err();
        assert_eq!(columns(&db), before);
        assert_eq!(Marks::of(&db).unwrap(), marks);
    }
}
