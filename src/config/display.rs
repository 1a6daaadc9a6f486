//! What is shown.

use super::error::{ConfigError, value_error};
use crate::cli::{CheckOptions, DisplayOptions, LogFormat};

/// What is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct DisplaySettings {
    /// The summary as JSON on standard output.
    pub json: bool,
    /// How progress lines are written.
    pub log_format: Option<LogFormat>,
    /// The outcome of each row.
    pub verbose: bool,
    /// Nothing but errors.
    pub quiet: bool,
    /// No progress bar.
    pub no_progress: bool,
}

/// Decides what is shown: what is typed beats the file.
pub fn display(
    typed: DisplayOptions,
    file: DisplayOptions,
) -> Result<DisplaySettings, ConfigError> {
    let is_on = |typed: Option<bool>, file: Option<bool>| typed.or(file) == Some(true);
    let settings = DisplaySettings {
        json: is_on(typed.json, file.json),
        log_format: typed.log_format.or(file.log_format),
        verbose: is_on(
            typed.verbose,
            file.verbose.filter(|_| typed.quiet != Some(true)),
        ),
        quiet: is_on(
            typed.quiet,
            file.quiet.filter(|_| typed.verbose != Some(true)),
        ),
        no_progress: is_on(typed.no_progress, file.no_progress),
    };
    if settings.verbose && settings.quiet {
        return Err(value_error("quiet")("cannot be used with --verbose"));
    }
    Ok(settings)
}

/// Decides what `validate` alone takes, and what is shown. Standard output is
/// either for the summary as JSON or for annotations; what is typed beats the file.
pub fn checks_and_display(
    (typed, file): (CheckOptions, CheckOptions),
    (typed_display, file_display): (DisplayOptions, DisplayOptions),
) -> Result<(CheckOptions, DisplaySettings), ConfigError> {
    let is_json_typed = typed_display.json == Some(true);
    let mut display = display(typed_display, file_display)?;
    let annotations = typed
        .annotations
        .or(file.annotations.filter(|_| !is_json_typed));
    if typed.annotations.is_some() {
        display.json = false;
    }
    if annotations.is_some() && display.json {
        return Err(value_error("annotations")(
            "standard output can't take both annotations and json",
        ));
    }
    Ok((
        CheckOptions {
            online: typed.online.or(file.online),
            annotations,
        },
        display,
    ))
}
