//! Reads an object whole into an unnamed file, though connections are cut.
//!
//! It is pinned to the `ETag` that it has when its reading begins. A cut connection goes on
//! where it was. An object that changed meanwhile is begun anew, once: nothing was used yet.

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

/// How often it may be cut in a row without a new byte.
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
    /// The object was changed, or can't be read on: it is begun anew.
    Anew,
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
    let (mut failures, mut restarts) = (0, 0);
    loop {
        let before = copy.bytes;
        let ended = match source.open(copy.bytes, &copy.pin).await {
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
            Err(OpenFailure::Passing(error)) => error,
        };
        failures = if copy.bytes > before { 1 } else { failures + 1 };
        let most = if copy.bytes > 0 { TRIES } else { FIRST_TRIES };
        if failures >= most {
            return Err(copy.given_up(error));
        }
        let why = error.to_string();
        progress(FetchProgress::Cut { why });
        let pause = FIRST_PAUSE.saturating_mul(1 << (failures - 1));
        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
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
