//! Results at an address: written to a folder of this machine, and copied there at the end.
//!
//! Only what a run wrote is replaced or removed there: the manifest in the folder of results
//! is kept beside the results, and names them.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::error::ObjectError;
#[cfg(not(feature = "object-stores"))]
use super::no_stores::AbsentBucket as Bucket;
#[cfg(feature = "object-stores")]
use super::stores::Bucket;
use crate::domain::object_address::ObjectAddress;

/// The file that names the results beside it.
const MANIFEST: &str = ".kable-bulk";

/// A place for results in a bucket.
#[derive(Debug)]
pub struct ResultPlace {
    address: ObjectAddress,
    bucket: Bucket,
    /// The results of an earlier run.
    earlier: BTreeSet<String>,
}

/// What is read of a manifest.
#[derive(Debug, Deserialize)]
struct StoredManifest {
    files: Vec<StoredResult>,
}

/// A result that a manifest names.
#[derive(Debug, Deserialize)]
struct StoredResult {
    name: String,
}

impl ResultPlace {
    /// The place at `address`, with what is there. An error if it can't be read, or holds
    /// something else that `is_result` says has the name of a result.
    pub async fn find(
        address: &ObjectAddress,
        is_result: impl Fn(&str) -> bool,
    ) -> Result<Self, ObjectError> {
        let name = address.shown();
        if address.scheme().is_web() || address.is_pattern() {
            return Err(ObjectError::NoPlace { name });
        }
        let bucket = Bucket::of(address)?;
        let manifest = bucket.read(address.join(MANIFEST).key()).await?;
        let earlier: BTreeSet<String> = match manifest {
            None => BTreeSet::new(),
            Some(text) => match serde_json::from_slice::<StoredManifest>(&text) {
                Ok(found) => found.files.into_iter().map(|file| file.name).collect(),
                Err(_) => return Err(foreign(name, MANIFEST.to_owned())),
            },
        };
        let folder = address.key().trim_end_matches('/');
        for key in bucket.list(folder).await? {
            let below = key.strip_prefix(folder).unwrap_or(&key);
            let below = below.trim_start_matches('/');
            let is_ours = below == MANIFEST || earlier.contains(below);
            if !below.contains('/') && !is_ours && is_result(below) {
                return Err(foreign(name, below.to_owned()));
            }
        }
        Ok(Self {
            address: address.clone(),
            bucket,
            earlier,
        })
    }

    /// Writes what proves that results can be written here.
    pub async fn try_out(&self, folder: &Path) -> Result<(), ObjectError> {
        if self.earlier.is_empty() {
            let empty = folder.join(MANIFEST);
            let text = r#"{"kable_bulk_results":1,"files":[]}"#;
            std::fs::write(&empty, text).map_err(|error| self.unreadable(MANIFEST, error))?;
            self.write(folder, MANIFEST).await?;
        }
        Ok(())
    }

    /// Copies the files of `folder` there, the manifest last, and removes what an earlier run
    /// wrote and this one did not.
    pub async fn publish(&self, folder: &Path) -> Result<(), ObjectError> {
        let listed = std::fs::read_dir(folder);
        let listed = listed.map_err(|error| self.unreadable(".", error))?;
        let names = listed.flatten().map(|entry| entry.file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        // A dot is before the names of the manifest and of files that are not finished.
        let names: BTreeSet<String> = names.filter(|name| !name.starts_with('.')).collect();
        for name in &names {
            self.write(folder, name).await?;
        }
        self.write(folder, MANIFEST).await?;
        for gone in self.earlier.difference(&names) {
            self.bucket.remove(self.address.join(gone).key()).await?;
        }
        Ok(())
    }

    async fn write(&self, folder: &Path, name: &str) -> Result<(), ObjectError> {
        let (key, file) = (self.address.join(name), folder.join(name));
        self.bucket.write(key.key(), &file).await
    }

    fn unreadable(&self, name: &str, source: std::io::Error) -> ObjectError {
        ObjectError::NotRead {
            name: self.address.join(name).shown(),
            source,
        }
    }
}

fn foreign(name: String, what: String) -> ObjectError {
    ObjectError::ForeignResult { name, what }
}
