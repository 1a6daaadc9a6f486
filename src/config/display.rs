//! What is shown.

use super::error::ConfigError;
use crate::cli::{CheckOptions, DisplayOptions};

/// Decides what is shown.
pub fn display(mut typed: DisplayOptions, file: DisplayOptions) -> DisplayOptions {
    typed.json |= file.json;
    typed.log_format = typed.log_format.or(file.log_format);
    typed.verbose |= file.verbose && !typed.quiet;
    typed.quiet |= file.quiet && !typed.verbose;
    typed.no_progress |= file.no_progress;
    typed
}

/// Decides what `validate` alone takes, and what is shown. Standard output is
/// either for the summary as JSON or for annotations; what is typed beats the file.
pub fn checks_and_display(
    (typed, file): (CheckOptions, CheckOptions),
    (typed_display, file_display): (DisplayOptions, DisplayOptions),
) -> Result<(CheckOptions, DisplayOptions), ConfigError> {
    let typed_json = typed_display.json;
    let mut display = display(typed_display, file_display);
    let annotations = typed
        .annotations
        .or(file.annotations.filter(|_| !typed_json));
    if typed.annotations.is_some() {
        display.json = false;
    }
    if annotations.is_some() && display.json {
        return Err(ConfigError::Value {
            option: "annotations",
            wrong: "standard output can't take both annotations and json".to_owned(),
        });
    }
    Ok((
        CheckOptions {
            online: typed.online.or(file.online),
            annotations,
        },
        display,
    ))
}
