//! `status --watch`: shows a checkpoint again and again until its run has ended.
//!
//! Only reads. A look at a large checkpoint takes a moment of a processor, so that the looks
//! are further apart then: together they take at most a tenth of one.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use console::truncate_str;
use jiff::Zoned;
use tokio::time::{Instant, timeout, timeout_at};

use super::standing::{RunPhase, RunStanding};
use super::{json, text};
use crate::commands::signals::shutdown;
use crate::commands::system::runtime;
use crate::config::ConfigError;
use crate::config::values::duration;
use crate::report::wall_time::dated;

/// How often a terminal's size is looked at.
const RESIZED_EVERY: Duration = Duration::from_millis(250);

/// How many times as long as a look took is waited before the next.
const REST: u32 = 9;

/// How a checkpoint is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatusView {
    pub(super) is_json: bool,
    /// Whether nothing moves on a terminal.
    pub(super) is_plain: bool,
}

impl StatusView {
    /// All of it, once.
    pub(super) fn whole(self, standing: &RunStanding) -> String {
        if self.is_json {
            json::pretty(standing)
        } else {
            text::lines(standing).join("\n") + "\n"
        }
    }
}

/// The time between two looks, if it is watched.
pub(super) fn watch_interval(typed: Option<&str>) -> Result<Option<Duration>, ConfigError> {
    typed.map(|text| duration("watch", text)).transpose()
}

/// Shows the checkpoint at `path` every `interval` until its run has ended, a signal comes, or
/// standard output is closed.
pub(super) fn watch(path: &Path, view: StatusView, interval: Duration) -> anyhow::Result<()> {
    let mut screen = Screen::of(view);
    let runtime = runtime()?;
    let watched = runtime.block_on(async {
        let mut signal = pin!(shutdown());
        // From the first poll on, a signal that comes during a look is kept.
        let mut is_open = timeout(Duration::ZERO, &mut signal).await.is_err();
        while is_open {
            let at = Instant::now();
            let path = path.to_owned();
            let look = tokio::task::spawn_blocking(|| RunStanding::of(path, Zoned::now()));
            let standing = tokio::select! {
                standing = look => standing??,
                _signal = &mut signal => break,
            };
            let is_over = matches!(
                standing.phase(),
                RunPhase::NotBegun | RunPhase::Ended | RunPhase::CutOff
            );
            is_open = screen.show(&standing, is_over)? && !is_over;
            let next = at + interval.max(at.elapsed() * REST);
            while is_open && Instant::now() < next {
                let step = next.min(Instant::now() + RESIZED_EVERY);
                is_open = timeout_at(step, &mut signal).await.is_err() && screen.fit()?;
            }
        }
        screen.leave()
    });
    // A look at a database that does not answer is not waited for.
    runtime.shutdown_background();
    watched
}

/// Where it is shown.
enum Screen {
    /// One object a line.
    Json,
    /// One block after another.
    Blocks,
    /// In place.
    Terminal(TerminalScreen),
}

impl Screen {
    fn of(view: StatusView) -> Self {
        if view.is_json {
            Self::Json
        } else if view.is_plain || !std::io::stdout().is_terminal() {
            Self::Blocks
        } else {
            Self::Terminal(TerminalScreen::default())
        }
    }

    /// Shows `standing`; false once the output is closed.
    fn show(&mut self, standing: &RunStanding, is_last: bool) -> anyhow::Result<bool> {
        match self {
            Self::Json => write(&json::line(standing)),
            Self::Blocks => {
                let gap = if is_last { "" } else { "\n" };
                let lines = text::lines(standing).join("\n");
                write(&format!("{}\n{lines}\n{gap}", dated(&standing.now)))
            }
            Self::Terminal(screen) => {
                screen.lines = text::lines(standing);
                write(&screen.drawn(size()))
            }
        }
    }

    /// Draws it anew if the terminal was resized; false once the output is closed.
    fn fit(&mut self) -> anyhow::Result<bool> {
        match self {
            Self::Terminal(screen) if screen.size != Some(size()) => write(&screen.drawn(size())),
            Self::Json | Self::Blocks | Self::Terminal(_) => Ok(true),
        }
    }

    /// Leaves what was shown last, with the cursor below it.
    fn leave(&self) -> anyhow::Result<()> {
        match self {
            Self::Terminal(screen) if screen.size.is_some() => write("\r\n").map(drop),
            Self::Json | Self::Blocks | Self::Terminal(_) => Ok(()),
        }
    }
}

/// Writes `text` to standard output in one piece, so that nothing flickers; false if it is
/// closed.
fn write(text: &str) -> anyhow::Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// Rows and columns of the terminal.
fn size() -> (u16, u16) {
    console::Term::stdout().size()
}

/// A terminal whose screen is drawn in place.
#[derive(Default)]
struct TerminalScreen {
    lines: Vec<String>,
    /// Its rows and columns when it was last drawn.
    size: Option<(u16, u16)>,
}

impl TerminalScreen {
    /// What draws the lines from the top of a terminal of this size, each cut to its width,
    /// and erases what else was there. What was on it before the first drawing is scrolled
    /// away instead.
    fn drawn(&mut self, size: (u16, u16)) -> String {
        let (rows, columns) = (usize::from(size.0), usize::from(size.1));
        let mut text = if self.size.is_none() {
            "\r\n".repeat(rows)
        } else {
            String::new()
        };
        self.size = Some(size);
        // The last column and the last row stay free, so that no terminal wraps or scrolls.
        let lines = self.lines.iter().take(rows.saturating_sub(1).max(1));
        let lines = lines.map(|line| truncate_str(line, columns.saturating_sub(1), "…"));
        let lines: Vec<_> = lines.map(|line| format!("{line}\x1b[K")).collect();
        text.push_str("\x1b[H");
        text.push_str(&lines.join("\r\n"));
        text.push_str("\x1b[J");
        text
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use console::measure_text_width;

    use super::{TerminalScreen, watch_interval};
    use crate::commands::status::standing::tests::{ended, running};
    use crate::commands::status::text::lines;

    fn shown(screen: &vt100::Parser) -> Vec<String> {
        let columns = screen.screen().size().1;
        let rows = screen.screen().rows(0, columns.get());
        let rows = rows.map(|row| row.trim_end().to_owned());
        let mut rows: Vec<String> = rows.collect();
        while rows.pop_if(|row| row.is_empty()).is_some() {}
        rows
    }

    fn terminal(columns: u16) -> vt100::Parser {
        let size = |size| NonZero::new(size).unwrap();
        vt100::Parser::new(size(24), size(columns), 100)
    }

    #[test]
    fn it_fits_terminals_of_any_width() {
        for columns in [40, 80] {
            let mut screen = TerminalScreen {
                lines: lines(&running()),
                size: None,
            };
            let mut terminal = terminal(columns);
            terminal.process(b"$ kable-bulk status in.csv --watch\r\n");
            terminal.process(screen.drawn((24, columns)).as_bytes());
            let rows = shown(&terminal);
            assert!(
                rows.iter()
                    .all(|row| measure_text_width(row) < columns.into())
            );
            insta::assert_snapshot!(format!("at_{columns}_columns"), rows.join("\n"));
        }
    }

    #[test]
    fn nothing_of_an_earlier_drawing_is_left() {
        let mut screen = TerminalScreen {
            lines: lines(&running()),
            size: None,
        };
        let mut terminal = terminal(80);
        terminal.process(screen.drawn((24, 80)).as_bytes());
        terminal
            .screen_mut()
            .set_size(NonZero::new(24).unwrap(), NonZero::new(50).unwrap());
        // What a terminal that wraps anew would show.
        terminal.process("stale ".repeat(100).as_bytes());
        screen.lines = lines(&ended(Some("finished")));
        terminal.process(screen.drawn((24, 50)).as_bytes());
        let rows = shown(&terminal);
        assert_eq!(rows.len(), screen.lines.len(), "{rows:?}");
        assert!(!rows.join("").contains("stale"), "{rows:?}");
    }

    #[test]
    fn a_low_terminal_is_not_scrolled() {
        for rows in 0..4 {
            let mut screen = TerminalScreen {
                lines: lines(&running()),
                size: Some((24, 80)),
            };
            let drawn = screen.drawn((rows, 80));
            assert!(drawn.matches("\r\n").count() < usize::from(rows).max(1));
        }
    }

    #[test]
    fn a_bare_number_is_seconds() {
        let interval = |text| watch_interval(Some(text)).unwrap().unwrap().as_millis();
        assert_eq!((interval("2"), interval("500ms")), (2000, 500));
        assert!(watch_interval(Some("0")).is_err());
        assert_eq!(watch_interval(None).unwrap(), None);
    }
}
