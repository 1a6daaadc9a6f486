//! Inputs that are objects: found, and read into the folder for results.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;

use tokio::runtime::Runtime;

use super::input_digest::input_digest;
use super::signals;
use crate::domain::object_address::ObjectAddress;
use crate::domain::summary::InputDigest;
use crate::domain::text::thousands;
use crate::objects::ObjectPin;
use crate::objects::error::ObjectError;
use crate::objects::fetch::{FetchProgress, FetchedObject, fetch};
use crate::objects::listing::matching;
use crate::report::progress::ProgressDisplay;
use crate::report::{Event, Observer};
use crate::source::Settings;
use crate::source::input::{FoundInput, Input};

/// That a signal came while an object was read.
#[derive(Debug, thiserror::Error)]
#[error("stopped while {name} was being read: nothing was sent")]
pub struct FetchStopped {
    /// The object.
    name: String,
}

/// The inputs that are objects, read.
#[derive(Debug, Default)]
pub(super) struct FetchedInputs {
    copies: HashMap<OsString, File>,
    /// What identifies them.
    pub(super) digests: Vec<InputDigest>,
    /// What was read, in words.
    pub(super) notes: Vec<String>,
}

impl FetchedInputs {
    /// Reads the objects among `names` into `folder`. A signal ends it at once.
    pub(super) fn read(
        names: &[OsString],
        folder: &Path,
        (runtime, watcher): (&Runtime, &ProgressDisplay),
    ) -> anyhow::Result<Self> {
        let mut all = Self::default();
        for name in names {
            let Some(address) = ObjectAddress::of(name) else {
                continue;
            };
            let fetched = runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = signals::shutdown() => Err(FetchStopped { name: address.shown() }.into()),
                    fetched = fetch(&address, folder, |progress| {
                        report(&address, progress, watcher);
                    }) => fetched.map_err(anyhow::Error::new),
                }
            });
            all.add(name, &address, fetched?);
        }
        Ok(all)
    }

    fn add(&mut self, name: &OsStr, address: &ObjectAddress, fetched: FetchedObject) {
        let shown = address.shown();
        self.notes.push(format!(
            "{shown}: {} bytes read{}",
            thousands(fetched.bytes),
            version(&fetched.pin)
        ));
        self.digests.push(InputDigest {
            name: shown,
            bytes: fetched.bytes,
            sha256: fetched.sha256,
        });
        self.copies.insert(name.to_owned(), fetched.file);
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.copies.is_empty()
    }

    /// The copy of the input `name`, if it is an object.
    pub(super) fn take(&mut self, name: &OsStr) -> Option<File> {
        self.copies.remove(name)
    }
}

/// The input `name`, opened, with copies in `folder`.
pub(super) fn opened(
    name: &OsStr,
    settings: &Settings,
    folder: &Path,
    watcher: &ProgressDisplay,
) -> anyhow::Result<Input> {
    let found = FoundInput::of(name, settings)?;
    let reading = (&super::system::runtime()?, watcher);
    let mut fetched = FetchedInputs::read(&[name.to_owned()], folder, reading)?;
    Ok(found.open(settings, folder, fetched.take(name))?)
}

/// What identifies the input `name` as it was read: of an object from `fetched`. `None` if it
/// is neither an object nor a file.
pub(super) fn digest_of(fetched: &[InputDigest], name: &OsStr) -> io::Result<Option<InputDigest>> {
    let known = fetched.iter().find(|known| OsStr::new(&known.name) == name);
    match known {
        Some(known) => Ok(Some(known.clone())),
        None => input_digest(name),
    }
}

/// The addresses of the objects that fit the patterns among `names`, in their places, but for
/// those that `is_own` says so of: it is told a name, the pattern, and whether results are
/// in the same folder. Other names stay.
pub(super) fn with_listed(
    names: Vec<OsString>,
    is_own: impl Fn(&str, &str, bool) -> bool,
) -> anyhow::Result<Vec<OsString>> {
    let pattern = |name: &OsString| ObjectAddress::of(name).filter(ObjectAddress::is_pattern);
    if !names.iter().any(|name| pattern(name).is_some()) {
        return Ok(names);
    }
    let runtime = super::system::runtime()?;
    let mut all = Vec::new();
    for name in names {
        let Some(pattern) = pattern(&name) else {
            all.push(name);
            continue;
        };
        let found: Result<Vec<ObjectAddress>, ObjectError> = runtime
            .block_on(matching(&pattern, |key, beside_manifest| {
                is_own(key, pattern.key(), beside_manifest)
            }));
        all.extend(found?.iter().map(|found| OsString::from(found.shown())));
    }
    Ok(all)
}

fn report(address: &ObjectAddress, progress: FetchProgress, watcher: &ProgressDisplay) {
    watcher.observe(&match progress {
        FetchProgress::AnewAfterCut { bytes } => {
            return watcher.say(&format!(
                "{}: the connection was cut at {} bytes, and the server can't go on from there: it is read anew",
                address.shown(),
                thousands(bytes)
            ));
        }
        FetchProgress::Read { bytes, total } => Event::Fetching {
            name: address.shown(),
            bytes,
            total,
        },
        FetchProgress::Cut { why } => Event::Trouble { message: why },
        FetchProgress::Anew => Event::FetchingAnew {
            name: address.shown(),
        },
    });
}

fn version(pin: &ObjectPin) -> String {
    let etag = pin.etag.as_ref().map(|etag| format!(", ETag {etag}"));
    let version = pin.version.as_ref();
    let version = version.map(|version| format!(", version {version}"));
    format!(
        "{}{}",
        etag.unwrap_or_default(),
        version.unwrap_or_default()
    )
}
