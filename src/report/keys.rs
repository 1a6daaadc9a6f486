//! `keys.csv`: the API keys of created customers, which Kable shows only once.
//!
//! Keys are appended and synced before their row is settled, so that no received
//! key is lost. The file is readable by its owner only.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::domain::customer::{Fingerprint, fingerprint};

/// The header of the file.
const HEADER: &[u8] = b"clientId,key\n";

/// The last cell of a line that may be incomplete.
const CUT_OFF: &str = "cut off?";

/// The file of keys, open for appending.
#[derive(Debug)]
pub struct KeyFile {
    file: File,
    dirty: bool,
    /// The customers with keys in it, read at the first query: after a crash a few
    /// hundred rows are queried, with a restored checkpoint perhaps all.
    whose: Option<HashSet<Fingerprint>>,
}

impl KeyFile {
    /// Opens or creates `keys.csv` at `path`, and locks it for this process as long
    /// as this value lives.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        super::atomic_file::owner_only(&mut options);
        let mut file = options.open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another run is writing to it"),
            TryLockError::Error(error) => error,
        })?;
        keep_private(&file)?;
        let mut start = Vec::new();
        Read::by_ref(&mut file)
            .take(HEADER.len() as u64)
            .read_to_end(&mut start)?;
        match HEADER.strip_prefix(start.as_slice()) {
            None => {
                return Err(io::Error::other(
                    "it exists already and is not a file of keys",
                ));
            }
            Some([]) => end_last_line(&mut file)?,
            // The file is new, or its header was cut off by a full disk.
            Some(missing) => {
                file.write_all(missing)?;
                file.sync_data()?;
                sync_folder(path)?;
            }
        }
        Ok(Self {
            file,
            dirty: true,
            whose: None,
        })
    }

    /// Appends the keys of one customer.
    pub fn keep(&mut self, client_id: &str, keys: &[SecretString]) -> io::Result<()> {
        for key in keys {
            let mut line = csv::Writer::from_writer(Vec::new());
            line.write_record([client_id, key.expose_secret()])?;
            let line = line.into_inner().map_err(csv::IntoInnerError::into_error)?;
            self.file.write_all(&line)?;
            self.dirty = true;
            if let Some(whose) = &mut self.whose {
                whose.insert(fingerprint(client_id));
            }
        }
        Ok(())
    }

    /// Syncs what was appended to disk.
    pub fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.dirty) {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Whether it has a key of this customer.
    pub fn holds(&mut self, client_id: &str) -> io::Result<bool> {
        let whose = match self.whose.take() {
            Some(whose) => whose,
            None => self.read_through()?,
        };
        Ok(self.whose.insert(whose).contains(&fingerprint(client_id)))
    }

    /// The customers with keys in it.
    fn read_through(&mut self) -> io::Result<HashSet<Fingerprint>> {
        self.file.rewind()?;
        let mut whose = HashSet::new();
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(BufReader::new(&self.file));
        // As bytes: a line may have been cut off within a letter.
        for record in reader.byte_records() {
            let record = record?;
            // An incomplete line is not a key.
            if record.len() == 2
                && let (Some(client_id), Some(key)) = (record.get(0), record.get(1))
                && let Ok(client_id) = std::str::from_utf8(client_id)
                && key != CUT_OFF.as_bytes()
            {
                whose.insert(fingerprint(client_id));
            }
        }
        Ok(whose)
    }
}

/// Completes a last line that a crash cut off, or that an editor left without a
/// line end.
///
/// Nothing is removed, because the line may have a key; a last cell says that it
/// may be incomplete.
fn end_last_line(file: &mut File) -> io::Result<()> {
    file.rewind()?;
    let mut reader = BufReader::new(&*file);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if !line.ends_with(b"\n") {
            break;
        }
    }
    let open = memchr::memchr_iter(b'"', &line).count() % 2 == 1;
    let quote = if open { "\"" } else { "" };
    file.write_all(format!("{quote},{CUT_OFF}\n").as_bytes())
}

/// Syncs the folder of a new file, so that it survives a power failure (fsync(2)).
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _unused = path;
    Ok(())
}

/// Makes a file that other users could read private to its owner.
fn keep_private(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    #[cfg(not(unix))]
    let _unused = file;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::KeyFile;

    fn secret(text: &str) -> secrecy::SecretString {
        secrecy::SecretString::from(text.to_owned())
    }

    #[test]
    fn keys_are_appended_and_found_and_nothing_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.csv");
        let mut file = KeyFile::open(&path).unwrap();
        file.keep("c,1", &[secret("sk_1"), secret("sk_2")]).unwrap();
        file.sync().unwrap();
        drop(file);
        std::fs::write(
            &path,
            [std::fs::read(&path).unwrap(), b"\"c-2\",sk_to".to_vec()].concat(),
        )
        .unwrap();

        let mut file = KeyFile::open(&path).unwrap();
        assert!(file.holds("c,1").unwrap());
        assert!(!file.holds("c-2").unwrap());
        file.keep("c-3", &[secret("sk_3")]).unwrap();
        assert!(file.holds("c-3").unwrap() && file.holds("c,1").unwrap());
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "clientId,key\n\"c,1\",sk_1\n\"c,1\",sk_2\n\"c-2\",sk_to,cut off?\nc-3,sk_3\n"
        );
    }

    #[test]
    fn a_line_that_was_cut_off_anywhere_hides_no_other_key_and_is_none() {
        let whole = "c-é2,sk_2\n".as_bytes();
        for end in 1..whole.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("keys.csv");
            let (tail, _) = whole.split_at(end);
            let before = [b"clientId,key\nc-\xc3\xa91,sk_1\n", tail].concat();
            std::fs::write(&path, &before).unwrap();

            let mut file = KeyFile::open(&path).unwrap();
            assert!(file.holds("c-é1").unwrap(), "{end}");
            for id in ["c", "c-", "c-é", "c-é2"] {
                assert!(!file.holds(id).unwrap(), "{id} in {end}");
            }
            file.keep("c-é2", &[secret("sk_3")]).unwrap();
            drop(file);
            let added = ",cut off?\nc-é2,sk_3\n".as_bytes();
            let after = std::fs::read(&path).unwrap();
            assert_eq!(after, [&before, added].concat(), "{end}");
            assert!(KeyFile::open(&path).unwrap().holds("c-é2").unwrap());
        }
    }

    #[test]
    fn a_header_that_was_cut_off_is_completed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.csv");
        std::fs::write(&path, "client").unwrap();
        KeyFile::open(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "clientId,key\n");
    }

    #[test]
    fn a_file_without_the_header_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.csv");
        std::fs::write(&path, "notes").unwrap();
        assert!(KeyFile::open(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "notes");
    }

    #[test]
    fn two_runs_do_not_write_it_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.csv");
        let first = KeyFile::open(&path).unwrap();
        assert!(
            KeyFile::open(&path)
                .unwrap_err()
                .to_string()
                .contains("another run")
        );
        drop(first);
        KeyFile::open(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_could_read_is_made_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.csv");
        std::fs::write(&path, "clientId,key\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        KeyFile::open(&path).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
