//! Resolves file name patterns to names of files, each file once.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use super::SourceError;
use crate::domain::object_address::{is_address, without_secrets};

/// The files that names and patterns stand for.
#[derive(Debug, Default)]
pub struct ResolvedNames {
    /// The names of the files.
    pub names: Vec<OsString>,
    /// The files that match a pattern and are left out.
    pub left_out: Vec<OsString>,
}

/// The files that `typed` names, as names or as patterns. `-` is kept.
///
/// A file that matches a pattern is left out if `is_own` says so of it and the
/// pattern; a name that is no pattern is always kept.
pub fn resolve(
    typed: &[OsString],
    is_own: impl Fn(&Path, &str) -> bool,
) -> Result<ResolvedNames, SourceError> {
    let mut resolved = ResolvedNames::default();
    for name in typed {
        let pattern = Some(name)
            .filter(|name| !is_address(name))
            .and_then(|name| name.to_str())
            .filter(|text| text.contains(['*', '?', '[']) && !Path::new(text).exists());
        let Some(pattern) = pattern.filter(|_| name != "-") else {
            resolved.names.push(name.clone());
            continue;
        };
        let (own, found): (Vec<OsString>, Vec<OsString>) = matching(pattern)?
            .into_iter()
            .partition(|name| is_own(Path::new(name), pattern));
        if found.is_empty() {
            return Err(SourceError::NoMatch {
                pattern: pattern.to_owned(),
                own: own.iter().map(|name| shown_name(name)).collect(),
            });
        }
        resolved.names.extend(found);
        resolved.left_out.extend(own);
    }
    refuse_twice(&resolved.names)?;
    Ok(resolved)
}

fn refuse_twice(names: &[OsString]) -> Result<(), SourceError> {
    let mut seen = HashSet::new();
    for name in names {
        let path = std::fs::canonicalize(name).unwrap_or_else(|_not_there| PathBuf::from(name));
        if !seen.insert(path) {
            return Err(SourceError::Twice {
                name: shown_name(&without_secrets(name)),
            });
        }
    }
    Ok(())
}

/// The files that match `pattern`, sorted by name.
fn matching(pattern: &str) -> Result<Vec<OsString>, SourceError> {
    let paths = glob::glob(pattern).map_err(|source| SourceError::BadPattern {
        pattern: pattern.to_owned(),
        source,
    })?;
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|error| SourceError::Io {
            name: shown_name(error.path().as_os_str()),
            source: error.into(),
        })?;
        if path.is_file() {
            found.push(path.into_os_string());
        }
    }
    found.extend(not_text(pattern));
    found.retain(|path| !is_hidden(Path::new(path), pattern));
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether a name in `path` begins with a dot and `pattern` doesn't name the dot: then it does
/// not match in a shell. Uploads and systems give such names to files of their own.
fn is_hidden(path: &Path, pattern: &str) -> bool {
    let begins_with_dot = |name: &&OsStr| name.as_encoded_bytes().starts_with(b".");
    let parts = |path| Path::new(path).components().map(Component::as_os_str);
    let named: Vec<glob::Pattern> = parts(OsStr::new(pattern))
        .filter(begins_with_dot)
        .filter_map(|part| glob::Pattern::new(part.to_str()?).ok())
        .collect();
    let is_named = |name: &OsStr| {
        let name = name.to_string_lossy();
        named.iter().any(|part| part.matches(&name))
    };
    let mut hidden = parts(path.as_os_str()).filter(begins_with_dot);
    hidden.any(|name| !is_named(name))
}

/// The files that match `pattern` and whose names are not UTF-8, which [`glob`]
/// silently skips. Folders that match `**` are not searched.
fn not_text(pattern: &str) -> Vec<OsString> {
    let mut found = vec![PathBuf::new()];
    for part in Path::new(pattern).components() {
        let part = part.as_os_str();
        let wanted = part
            .to_str()
            .filter(|text| text.contains(['*', '?', '[']))
            .and_then(|text| glob::Pattern::new(text).ok());
        found = match wanted {
            None => found.into_iter().map(|path| path.join(part)).collect(),
            Some(wanted) => found
                .iter()
                .flat_map(|folder| entries(folder, &wanted))
                .collect(),
        };
    }
    found.retain(|path| path.to_str().is_none() && path.is_file());
    found.into_iter().map(PathBuf::into_os_string).collect()
}

/// The entries of `folder` whose names match `wanted`.
fn entries(folder: &Path, wanted: &glob::Pattern) -> Vec<PathBuf> {
    let read = if folder.as_os_str().is_empty() {
        std::fs::read_dir(".")
    } else {
        std::fs::read_dir(folder)
    };
    let entries = read.into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter(|name| wanted.matches(&name.to_string_lossy()))
        .map(|name| folder.join(name))
        .collect()
}

/// The displayed name of an input: bytes that are not UTF-8 as `\xe4`, so that no
/// two names look alike.
pub(super) fn shown_name(name: &OsStr) -> String {
    match name.to_str() {
        Some(text) => text.to_owned(),
        None => name.as_encoded_bytes().escape_ascii().to_string(),
    }
}
