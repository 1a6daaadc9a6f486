//! `keys.csv`: the API keys that Kable made, which it shows only once.
//!
//! Appended to and synced before their row is settled, so that a key is never
//! lost that had arrived. Readable by its owner only.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

/// The file of keys, open for appending.
#[derive(Debug)]
pub struct KeyFile {
    file: File,
    dirty: bool,
}

impl KeyFile {
    /// Opens `keys.csv` at `path`, or begins it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        super::part::owner_only(&mut options);
        let mut file = options.open(path)?;
        // A line that was cut off by a crash belongs to a row that was not
        // settled, which will be told as having lost its key.
        let whole = whole_lines(&mut file)?;
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        if whole == 0 {
            file.write_all(b"clientId,key\n")?;
        }
        Ok(Self { file, dirty: true })
    }

    /// Adds the keys of one customer.
    pub fn keep(&mut self, client_id: &str, keys: &[SecretString]) -> io::Result<()> {
        for key in keys {
            let mut line = csv::Writer::from_writer(Vec::new());
            line.write_record([client_id, key.expose_secret()])?;
            let line = line.into_inner().map_err(csv::IntoInnerError::into_error)?;
            self.file.write_all(&line)?;
            self.dirty = true;
        }
        Ok(())
    }

    /// Makes sure that what was added is on disk.
    pub fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.dirty) {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Whether there is a key of this customer.
    pub fn holds(&mut self, client_id: &str) -> io::Result<bool> {
        self.file.rewind()?;
        let mut reader = csv::Reader::from_reader(BufReader::new(&self.file));
        let mut found = false;
        for record in reader.records() {
            found = found || record?.get(0) == Some(client_id);
        }
        self.file.seek(SeekFrom::End(0))?;
        Ok(found)
    }
}

fn whole_lines(file: &mut File) -> io::Result<u64> {
    file.rewind()?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut whole = 0;
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Ok(whole);
        }
        whole += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::KeyFile;

    #[test]
    fn keys_are_kept_and_found_and_a_torn_line_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.csv");
        let secret = |text: &str| secrecy::SecretString::from(text.to_owned());
        let mut file = KeyFile::open(&path).unwrap();
        file.keep("c,1", &[secret("sk_1"), secret("sk_2")]).unwrap();
        file.sync().unwrap();
        drop(file);
        std::fs::write(
            &path,
            [std::fs::read(&path).unwrap(), b"c-2,sk_to".to_vec()].concat(),
        )
        .unwrap();

        let mut file = KeyFile::open(&path).unwrap();
        assert!(file.holds("c,1").unwrap());
        assert!(!file.holds("c-2").unwrap());
        file.keep("c-3", &[secret("sk_3")]).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "clientId,key\n\"c,1\",sk_1\n\"c,1\",sk_2\nc-3,sk_3\n"
        );
    }
}
