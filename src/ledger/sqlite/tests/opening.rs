//! Opening a checkpoint: other files, permissions, links and locks.

use super::*;

#[test]
fn a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let ledger = open(&path);
    ledger.db.pragma_update(None, "user_version", 7).unwrap();
    drop(ledger);
    let refused = SqliteLedger::open(&path, &target(), 1).unwrap_err();
    assert!(
        matches!(
            refused,
            LedgerError::Newer {
                found: 7,
                known: 6,
                ..
            }
        ),
        "{refused}"
    );
}

#[test]
fn other_files_are_refused_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "no database").unwrap();
    let refused = SqliteLedger::open(&path, &target(), 1).unwrap_err();
    assert!(
        matches!(refused, LedgerError::NotALedger { .. }),
        "{refused}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "no database");

    let foreign = folder.path().join("foreign.db");
    let db = rusqlite::Connection::open(&foreign).unwrap();
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(db);
    let before = std::fs::read(&foreign).unwrap();
    let refused = SqliteLedger::open(&foreign, &target(), 1).unwrap_err();
    assert!(
        matches!(refused, LedgerError::NotALedger { .. }),
        "{refused}"
    );
    assert_eq!(std::fs::read(&foreign).unwrap(), before);
}

#[test]
fn a_checkpoint_can_be_read_while_a_run_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut writer = open(&path);
    writer
        .write(&Batch {
            claims: vec![claim(1)],
            ..Batch::default()
        })
        .unwrap();
    let mut reader = SqliteLedger::open_to_read(&path).unwrap();
    assert_eq!(reader.status().unwrap().tally.sum(), 1);
    assert!(reader.write(&Batch::default()).is_err());
}

#[cfg(unix)]
#[test]
fn a_checkpoint_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    drop(open(&path));
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[cfg(unix)]
#[test]
fn a_dangling_symbolic_link_is_followed_to_create_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("run.db"), folder.path().join("link.db"));
    std::os::unix::fs::symlink("run.db", &link).unwrap();
    drop(SqliteLedger::open(&link, &target(), 1).unwrap());
    assert!(link.is_symlink() && path.is_file());
    drop(SqliteLedger::open(&path, &target(), 1).unwrap());
}

/// A new checkpoint's schema and account are in the main file, not in the WAL.
#[test]
fn a_new_checkpoint_is_created_atomically() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    std::fs::write(folder.path().join("run.db.part"), "not ours").unwrap();
    drop(open(&path));
    std::fs::remove_file(folder.path().join("run.db-wal")).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    let whose: String = db
        .query_row("SELECT kable_client_id FROM account", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whose, "kci_1");
    let other = std::fs::read_to_string(folder.path().join("run.db.part"));
    assert_eq!(other.unwrap(), "not ours");
    let names = std::fs::read_dir(folder.path()).unwrap();
    let parts = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains(".part")
    });
    assert_eq!(parts.count(), 1, "a temporary file was left");
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_writer_is_refused_although_the_lock_file_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut first = open(&path);
    std::fs::remove_file(folder.path().join("run.db.lock")).unwrap();
    let refused = SqliteLedger::open(&path, &target(), 1).unwrap_err();
    assert!(matches!(refused, LedgerError::InUse { .. }), "{refused}");
    let refused = first.write(&Batch::default()).unwrap_err();
    assert!(
        matches!(refused, LedgerError::FileMoved { .. }),
        "{refused}"
    );
    drop(first);
    SqliteLedger::open(&path, &target(), 1).unwrap();
}
