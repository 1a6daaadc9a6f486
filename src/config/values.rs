//! Lengths of time and names beside the input, read and checked.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{ConfigError, value_error};
use crate::report::result_names::{beside_results, is_written_back};

/// The end of a checkpoint's name beside its input.
const CHECKPOINT_ENDING: &str = ".checkpoint.db";

/// Likewise for a sandbox: a rehearsal and the real run keep separate checkpoints.
const SANDBOX_CHECKPOINT_ENDING: &str = ".sandbox.checkpoint.db";

/// Reads a length of time above zero, such as `30s`, `1m 30s` or `250ms`.
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
    humantime::parse_duration(text).map_err(|_not_a_duration| {
        value_error(option)(format!(
            "{text:?} is no length of time, wanted for example 30s"
        ))
    })
}

/// The name of the first input with `ending` behind it; `option` names such a place.
/// What belongs to a file of mended rejects stands beside the folder that it is in.
pub(super) fn beside(
    inputs: &[OsString],
    ending: &str,
    option: &'static str,
) -> Result<PathBuf, ConfigError> {
    match inputs.first() {
        Some(first) if first != "-" => {
            let path = Path::new(first);
            let mut name = if is_written_back(path) {
                beside_results(path).into_os_string()
            } else {
                first.clone()
            };
            name.push(ending);
            Ok(PathBuf::from(name))
        }
        Some(_) | None => Err(ConfigError::Needed { option }),
    }
}

/// The checkpoint of an import of `inputs` where none is named.
pub(super) fn default_checkpoint(
    inputs: &[OsString],
    is_sandbox: bool,
) -> Result<PathBuf, ConfigError> {
    let ending = if is_sandbox {
        SANDBOX_CHECKPOINT_ENDING
    } else {
        CHECKPOINT_ENDING
    };
    beside(inputs, ending, "checkpoint")
}

/// The checkpoint at `named`, or else that of `input`; of a rehearsal's and a real
/// run's, the latter.
pub fn checkpoint_of(
    input: Option<OsString>,
    named: Option<PathBuf>,
) -> Result<PathBuf, ConfigError> {
    if let Some(path) = named {
        return Ok(path);
    }
    let inputs = [input.unwrap_or_else(|| "-".into())];
    let real = default_checkpoint(&inputs, false)?;
    let rehearsed = default_checkpoint(&inputs, true)?;
    let is_rehearsed = !real.exists() && rehearsed.exists();
    Ok(if is_rehearsed { rehearsed } else { real })
}
