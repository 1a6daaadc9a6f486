//! Lengths of time and names beside the input, read and checked.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{ConfigError, value_error};
use crate::domain::object_address::ObjectAddress;
use crate::ledger::is_database;
use crate::report::result_names::{beside_results, is_written_back};

/// The end of a checkpoint's name beside its input.
pub const CHECKPOINT_ENDING: &str = ".checkpoint.db";

/// Likewise for a sandbox: a rehearsal and the real run keep separate checkpoints.
pub const SANDBOX_CHECKPOINT_ENDING: &str = ".sandbox.checkpoint.db";

/// Reads a length of time above zero, such as `30s`, `1m 30s` or `250ms`; a bare
/// number is seconds.
pub fn duration(option: &'static str, text: &str) -> Result<Duration, ConfigError> {
    let duration = duration_or_zero(option, text)?;
    if duration.is_zero() {
        return Err(value_error(option)(format!(
            "{text:?} is no time at all, wanted for example 30s"
        )));
    }
    Ok(duration)
}

/// Reads a length of time that may be zero.
pub(super) fn duration_or_zero(option: &'static str, text: &str) -> Result<Duration, ConfigError> {
    let seconds = text.parse().ok().map(Duration::try_from_secs_f64);
    match seconds {
        Some(Ok(duration)) => Ok(duration),
        Some(Err(_)) | None => humantime::parse_duration(text).map_err(|_not_a_duration| {
            value_error(option)(format!(
                "{text:?} is no length of time, wanted for example 30s"
            ))
        }),
    }
}

/// The name of the first input with `ending` behind it; `option` names such a place.
/// What belongs to a file of mended rejects stands beside the folder that it is in, what
/// belongs to an object in the current folder.
pub fn beside(
    inputs: &[OsString],
    ending: &str,
    option: &'static str,
) -> Result<PathBuf, ConfigError> {
    match inputs.first() {
        Some(first) if !is_nameless(first) => {
            let local = ObjectAddress::of(first).map(|address| address.local_path());
            let path = local.as_deref().unwrap_or(Path::new(first));
            let mut name = if is_written_back(path) {
                beside_results(path).into_os_string()
            } else if local.is_some() {
                // What belongs to an object stands in the current folder.
                path.file_name().unwrap_or_default().to_owned()
            } else {
                first.clone()
            };
            name.push(ending);
            Ok(PathBuf::from(name))
        }
        first => Err(ConfigError::Needed {
            option,
            input: match first {
                Some(stream) if stream != "-" => stream.display().to_string(),
                Some(_) | None => "standard input".to_owned(),
            },
        }),
    }
}

/// Whether an input has no name of its own, after which its results could be named:
/// standard input, or a stream that a shell opened for the program
/// (`<(zcat in.csv.gz)`).
pub fn is_nameless(input: &OsStr) -> bool {
    let path = Path::new(input);
    let folder = path.parent().unwrap_or(Path::new(""));
    let is_descriptor =
        || folder.file_name().is_some_and(|name| name == "fd") && path.starts_with("/proc");
    input == "-" || [Path::new("/dev"), Path::new("/dev/fd")].contains(&folder) || is_descriptor()
}

/// Refuses a checkpoint at an address that is not one of PostgreSQL, which would be taken
/// for a file. Only its scheme is told: the rest may hold a password.
pub fn ensure_checkpoint(checkpoint: &Path) -> Result<(), ConfigError> {
    let name = checkpoint.to_string_lossy();
    let scheme = name.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
    // RFC 3986 §3.1.
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(is_letter);
    if !is_scheme || is_database(checkpoint) {
        return Ok(());
    }
    Err(value_error("checkpoint")(format!(
        "a checkpoint can't be kept at {scheme}://…, wanted a file or postgres://USER@HOST/DB"
    )))
}

/// The checkpoint of an import of `inputs` where none is named.
pub fn default_checkpoint(inputs: &[OsString], is_sandbox: bool) -> Result<PathBuf, ConfigError> {
    let ending = if is_sandbox {
        SANDBOX_CHECKPOINT_ENDING
    } else {
        CHECKPOINT_ENDING
    };
    beside(inputs, ending, "checkpoint")
}
