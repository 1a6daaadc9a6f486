//! Reads an object whole into an unnamed file, though connections are cut.
//!
//! It is pinned to the `ETag` that it has when its reading begins. A cut connection goes on
//! where it was, or anew where the server can't do that. An object that changed meanwhile is
//! begun anew, once: nothing was used yet.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::Duration;

use ring::digest::{Context, SHA256};

use super::ObjectPin;
use super::error::ObjectError;
use super::opened::{OpenFailure, OpenedObject};
#[cfg(feature = "object-stores")]
use super::stores::StoredObject;
use super::web::WebObject;
use crate::domain::hex::hex;
use crate::domain::object_address::ObjectAddress;

/// How often a connection may fail in a row before anything was read.
const FIRST_TRIES: u32 = 3;

/// How often it may be cut in a row without a new byte, or at all where each try begins anew.
const TRIES: u32 = 8;

/// The pause after the first cut; each further one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// An object that was read.
#[derive(Debug)]
pub struct FetchedObject {
    /// Its content: a file without a name, which the system removes when this process ends.
    pub file: File,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// Which version of it was read.
    pub pin: ObjectPin,
}

/// How far the reading of an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchProgress {
    /// So many bytes were read.
    Read {
        /// How many.
        bytes: u64,
        /// The size of all of it, if the server tells it.
        total: Option<u64>,
    },
    /// The connection was cut, and is opened again.
    Cut {
        /// Why.
        why: String,
    },
    /// The object was changed: it is begun anew.
    Anew,
    /// The connection was cut, and the server can't go on from there: it is begun anew.
    AnewAfterCut {
        /// How much of it was read.
        bytes: u64,
    },
}

/// Reads the object at `address` into a file in `folder`.
pub async fn fetch(
    address: &ObjectAddress,
    folder: &Path,
    mut progress: impl FnMut(FetchProgress),
) -> Result<FetchedObject, ObjectError> {
    let name = address.shown();
    let source = ObjectSource::of(address)?;
    let mut copy = ObjectCopy::begin(&name, folder)?;
    let (mut tries, mut restarts) = (FetchTries::default(), 0);
    loop {
        let before = copy.bytes;
        let opened = if tries.begin_anew && before > 0 {
            Err(OpenFailure::OnlyWhole)
        } else {
            source.open(before, &copy.pin).await
        };
        let ended = match opened {
            Ok(opened) => copy.read(opened, &mut progress).await,
            Err(failure) => Err(failure),
        };
        let error = match ended {
            Ok(()) => return Ok(copy.finish()),
            Err(OpenFailure::Lasting(error)) => return Err(error),
            Err(OpenFailure::Another) if restarts > 0 => return Err(ObjectError::Changed { name }),
            Err(OpenFailure::Another) => {
                restarts += 1;
                copy.begin_anew()?;
                progress(FetchProgress::Anew);
                continue;
            }
            Err(OpenFailure::OnlyWhole) => {
                tries.begin_anew = true;
                copy.begin_anew()?;
                progress(FetchProgress::AnewAfterCut { bytes: before });
                continue;
            }
            Err(OpenFailure::Passing(error)) => error,
        };
        let Some(pause) = tries.pause_after(before, copy.bytes) else {
            return Err(copy.given_up(error));
        };
        let why = error.to_string();
        progress(FetchProgress::Cut { why });
        tokio::time::sleep(pause).await;
    }
}

/// How often the connection was cut.
#[derive(Debug, Default)]
struct FetchTries {
    failures: u32,
    /// Whether each try begins anew, so that no byte is progress.
    begin_anew: bool,
}

impl FetchTries {
    /// Notes that the connection was cut when `read` bytes were there, of which `before` were
    /// there before. Returns the pause before the next try, unless there were enough.
    fn pause_after(&mut self, before: u64, read: u64) -> Option<Duration> {
        let is_progress = read > before && !self.begin_anew;
        self.failures = if is_progress { 1 } else { self.failures + 1 };
        let is_begun = read > 0 || self.begin_anew;
        let most = if is_begun { TRIES } else { FIRST_TRIES };
        let pause = FIRST_PAUSE.saturating_mul(1 << (self.failures - 1));
        (self.failures < most).then_some(pause.min(LONGEST_PAUSE))
    }
}

/// Where an object is read from.
enum ObjectSource {
    Web(WebObject),
    #[cfg(feature = "object-stores")]
    Store(StoredObject),
}

impl ObjectSource {
    fn of(address: &ObjectAddress) -> Result<Self, ObjectError> {
        if address.scheme().is_web() {
            return WebObject::new(address).map(Self::Web);
        }
        #[cfg(feature = "object-stores")]
        {
            StoredObject::new(address).map(Self::Store)
        }
        #[cfg(not(feature = "object-stores"))]
        Err(ObjectError::NotBuiltIn {
            name: address.shown(),
        })
    }

    async fn open(&self, offset: u64, pin: &ObjectPin) -> Result<OpenedObject, OpenFailure> {
        match self {
            Self::Web(object) => object.open(offset, pin).await,
            #[cfg(feature = "object-stores")]
            Self::Store(object) => object.open(offset, pin).await,
        }
    }
}

/// The copy of an object, as far as it was read.
struct ObjectCopy<'c> {
    name: &'c str,
    folder: &'c Path,
    file: File,
    bytes: u64,
    digest: Context,
    pin: ObjectPin,
}

impl<'c> ObjectCopy<'c> {
    fn begin(name: &'c str, folder: &'c Path) -> Result<Self, ObjectError> {
        let file = tempfile::tempfile_in(folder).map_err(|source| ObjectError::NotKept {
            name: name.to_owned(),
            folder: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            name,
            folder,
            file,
            bytes: 0,
            digest: Context::new(&SHA256),
            pin: ObjectPin::default(),
        })
    }

    fn begin_anew(&mut self) -> Result<(), ObjectError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|source| self.not_kept(source))?;
        self.bytes = 0;
        self.digest = Context::new(&SHA256);
        self.pin = ObjectPin::default();
        Ok(())
    }

    /// Copies what arrives until it ends.
    async fn read(
        &mut self,
        mut opened: OpenedObject,
        progress: &mut impl FnMut(FetchProgress),
    ) -> Result<(), OpenFailure> {
        let total = opened.size;
        self.pin = opened.pin;
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            match opened.body.read(&mut buffer).await {
                Ok(true) => {}
                Ok(false) if total.is_none_or(|total| total == self.bytes) => return Ok(()),
                Ok(false) => return Err(self.cut("it ended early".to_owned())),
                Err(why) => return Err(self.cut(why)),
            }
            let written = self.file.write_all(&buffer);
            written.map_err(|source| OpenFailure::Lasting(self.not_kept(source)))?;
            self.digest.update(&buffer);
            self.bytes += buffer.len() as u64;
            let bytes = self.bytes;
            progress(FetchProgress::Read { bytes, total });
        }
    }

    fn cut(&self, why: String) -> OpenFailure {
        OpenFailure::Passing(ObjectError::CutOff {
            name: self.name.to_owned(),
            read: self.bytes,
            why,
        })
    }

    /// The error after the last try.
    fn given_up(&self, last: ObjectError) -> ObjectError {
        if self.bytes == 0 || matches!(last, ObjectError::CutOff { .. }) {
            return last;
        }
        ObjectError::CutOff {
            name: self.name.to_owned(),
            read: self.bytes,
            why: last.to_string(),
        }
    }

    fn not_kept(&self, source: std::io::Error) -> ObjectError {
        ObjectError::NotKept {
            name: self.name.to_owned(),
            folder: self.folder.to_owned(),
            source,
        }
    }

    fn finish(self) -> FetchedObject {
        let digest = self.digest.finish();
        FetchedObject {
            file: self.file,
            bytes: self.bytes,
            sha256: hex(digest.as_ref()),
            pin: self.pin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FetchTries;

    /// The pauses in milliseconds until it is given up, if each try ends so: with the bytes
    /// that were there before, and those that are there then.
    fn pauses(tries: &mut FetchTries, (before, read): (u64, u64)) -> Vec<u128> {
        let pauses = std::iter::from_fn(|| tries.pause_after(before, read));
        pauses.take(20).map(|pause| pause.as_millis()).collect()
    }

    #[test]
    fn a_server_that_gives_no_new_byte_is_given_up() {
        let eight = [250, 500, 1000, 2000, 4000, 8000, 16_000];
        assert_eq!(pauses(&mut FetchTries::default(), (0, 0)), [250, 500]);
        assert_eq!(pauses(&mut FetchTries::default(), (9, 9)), eight);
        assert_eq!(pauses(&mut FetchTries::default(), (0, 9)), [250; 20]);
        // The first cut, after which it turns out that there are no ranges.
        let mut tries = FetchTries::default();
        assert_eq!(tries.pause_after(0, 9).unwrap().as_millis(), 250);
        tries.begin_anew = true;
        assert_eq!(pauses(&mut tries, (0, 9)), eight[1..]);
        // Also where no connection comes about then.
        let mut tries = FetchTries {
            failures: 1,
            begin_anew: true,
        };
        assert_eq!(pauses(&mut tries, (0, 0)), eight[1..]);
    }
}
