//! Which checkpoint a command reads that has no run of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::own_files::ResolvedInputs;
use crate::cli::TargetOptions;
use crate::config::values::existing_checkpoint;
use crate::config::{ConfigError, FileOptions};

/// The checkpoint that was typed, or stands in the file, or else that of the import of
/// these inputs.
pub(super) fn chosen_checkpoint(
    typed: Option<&Path>,
    inputs: &[OsString],
    file: &FileOptions,
) -> anyhow::Result<PathBuf> {
    if let Some(path) = typed.or(file.sending.checkpoint.as_deref()) {
        return Ok(path.to_owned());
    }
    if inputs.is_empty() {
        let wrong = "neither an input nor a checkpoint is named".to_owned();
        let option = "checkpoint";
        return Err(ConfigError::Value { option, wrong }.into());
    }
    let inputs = ResolvedInputs::of(inputs)?;
    let is_sandbox = file.is_sandbox(&TargetOptions::default());
    Ok(existing_checkpoint(&inputs.names, is_sandbox)?)
}
