//! What is shown.

use std::path::PathBuf;

use super::environment::{Environment, TerminalAbility};
use super::error::{ConfigError, conflict};
use crate::cli::{
    CheckOptions, ColorChoice, DisplayOptions, ListingFormat, ListingOptions, ListingSwitches,
    LogFormat,
};

/// What is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct DisplaySettings {
    /// The summary as JSON on standard output.
    pub json: bool,
    /// What standard error is for.
    pub log_format: Option<LogFormat>,
    /// When there are colours.
    pub color: ColorChoice,
    /// The outcome of each row.
    pub verbose: bool,
    /// Nothing but errors.
    pub quiet: bool,
    /// No progress bar.
    pub no_progress: bool,
}

/// Decides what is shown: what is typed beats the file.
pub fn display(
    typed: &DisplayOptions,
    file: &DisplayOptions,
) -> Result<DisplaySettings, ConfigError> {
    let is_on = |typed: Option<bool>, file: Option<bool>| typed.or(file) == Some(true);
    let settings = DisplaySettings {
        json: is_on(typed.json, file.json),
        log_format: typed.log_format.or(file.log_format),
        color: typed.color.or(file.color).unwrap_or_default(),
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
        return Err(conflict("quiet", "cannot be used with --verbose"));
    }
    Ok(settings)
}

/// What the environment says of the terminal holds where no option says more.
pub(super) fn on_terminal(
    mut display: DisplayOptions,
    environment: &Environment,
) -> DisplayOptions {
    match environment.terminal {
        TerminalAbility::All => {}
        TerminalAbility::NoColor => {
            display.color.get_or_insert(ColorChoice::Never);
        }
        TerminalAbility::Lines => {
            display.color.get_or_insert(ColorChoice::Never);
            display.no_progress.get_or_insert(true);
        }
    }
    display
}

/// The file that the log is appended to, if there is one: what is typed beats the file.
pub fn log_file(typed: &DisplayOptions, file: &DisplayOptions) -> Option<PathBuf> {
    typed.log_file.clone().or_else(|| file.log_file.clone())
}

/// How a list is written, and what is shown beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListingSettings {
    /// How it is written.
    pub format: ListingFormat,
    /// Nothing but the list and errors.
    pub quiet: bool,
}

/// Decides how a list is written: what is typed beats the file, and of the file's
/// options `as` beats `json`, which is there for all commands.
pub fn listing(
    (typed, switches): (ListingOptions, ListingSwitches),
    (file, display): (ListingOptions, DisplayOptions),
    default: ListingFormat,
) -> ListingSettings {
    let as_json = |is_on: Option<bool>| (is_on == Some(true)).then_some(ListingFormat::Json);
    let stored = file.written_as.or_else(|| {
        let is_on = display.json.filter(|_| switches.json != Some(false));
        as_json(is_on)
    });
    let typed = typed.written_as.or_else(|| as_json(switches.json));
    ListingSettings {
        format: typed.or(stored).unwrap_or(default),
        quiet: switches.quiet.or(display.quiet) == Some(true),
    }
}

/// Decides what `validate` alone takes, and what is shown. Standard output is
/// either for the summary as JSON or for annotations; what is typed beats the file.
pub fn checks_and_display(
    (typed, file): (CheckOptions, CheckOptions),
    (typed_display, file_display): (&DisplayOptions, &DisplayOptions),
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
        return Err(conflict(
            "annotations",
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

#[cfg(test)]
mod tests {
    use super::{
        DisplayOptions, ListingFormat, ListingOptions, ListingSwitches, listing as decide,
    };

    #[test]
    fn what_is_typed_beats_the_file_and_as_beats_json() {
        use ListingFormat::{Csv, Json, Jsonl, Table};
        for (typed, typed_json, file, file_json, format) in [
            (None, None, None, None, Table),
            (Some(Csv), None, Some(Jsonl), Some(true), Csv),
            (None, Some(true), Some(Jsonl), None, Json),
            (None, None, Some(Jsonl), Some(true), Jsonl),
            (None, None, None, Some(true), Json),
            (None, Some(false), None, Some(true), Table),
            (None, Some(false), Some(Csv), Some(true), Csv),
        ] {
            let written_as = |written_as| ListingOptions { written_as };
            let switches = ListingSwitches {
                json: typed_json,
                quiet: None,
            };
            let display = DisplayOptions {
                json: file_json,
                ..DisplayOptions::default()
            };
            let typed = (written_as(typed), switches);
            let settings = decide(typed, (written_as(file), display), Table);
            assert_eq!(settings.format, format);
        }
    }
}
