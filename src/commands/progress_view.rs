//! What is shown while a run goes on, and in which colours.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use jiff::Zoned;

use super::shell_word::shown;
use crate::cli::{ColorChoice, LogFormat};
use crate::config::display::DisplaySettings;
use crate::domain::object_address::without_secrets;
use crate::domain::text::listed;
use crate::report::palette::Palette;
use crate::report::progress::{ProgressDisplay, ProgressFormat, Settings};

/// How many inputs the window's title names.
const NAMED: usize = 1;

/// Shows what `command` does to the inputs of these `names`.
pub(super) fn progress_view(
    display: DisplaySettings,
    command: &str,
    names: &[OsString],
) -> Arc<ProgressDisplay> {
    let files = names.iter().map(|name| {
        let name = without_secrets(name);
        let name = Path::new(&*name);
        shown(Path::new(name.file_name().unwrap_or(name.as_os_str())))
    });
    let files: Vec<String> = files.collect();
    Arc::new(ProgressDisplay::new(Settings {
        format: format(display),
        palette: palette(display.color, &std::io::stderr()),
        clock: Zoned::now,
        title: format!("{command} {}", listed(&files, NAMED)),
    }))
}

/// Says that a second signal ends the process.
pub(super) fn say_stopped_at_once(watcher: &ProgressDisplay) {
    watcher.close();
    watcher.say("warning: stopped at once; the checkpoint is intact, run the same command again");
}

/// Says what has to be said, unless `quiet`, and shows no progress.
pub(super) fn plain_view(quiet: bool) -> ProgressDisplay {
    ProgressDisplay::new(Settings {
        format: if quiet {
            ProgressFormat::Hidden
        } else {
            ProgressFormat::Lines
        },
        palette: Palette::PLAIN,
        clock: Zoned::now,
        title: String::new(),
    })
}

/// The colours of `stream`.
pub(super) fn palette(color: ColorChoice, stream: &impl IsTerminal) -> Palette {
    let is_on = match color {
        ColorChoice::Auto => stream.is_terminal(),
        ColorChoice::Always => true,
        ColorChoice::Never => false,
    };
    Palette { is_on }
}

/// How progress is shown.
fn format(display: DisplaySettings) -> ProgressFormat {
    if display.log_format == Some(LogFormat::Json) {
        ProgressFormat::Json
    } else if display.quiet {
        ProgressFormat::Hidden
    } else if display.no_progress || display.verbose || !std::io::stderr().is_terminal() {
        ProgressFormat::Lines
    } else {
        ProgressFormat::Bar
    }
}
