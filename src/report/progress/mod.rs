//! What is shown while a run goes on: a line that moves on a terminal, plain lines elsewhere,
//! and the same events in the JSON log.
//!
//! Writes to standard error only; standard output is for data.
//!
//! - `state.rs`: how far a run is, how fast it goes, how long it will take
//! - `status_line.rs`: that in one line that fits any width
//! - `terminal.rs`: draws the line on a terminal that may be resized
//! - `announcement.rs`: what a person should know while it runs, in sentences
//! - `logged_event.rs`: the same events in the JSON log
//! - `live_metrics.rs`: the same state for Prometheus

mod announcement;
pub mod live_metrics;
mod logged_event;
mod state;
mod status_line;
mod terminal;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use tokio::time::Instant;

use self::announcement::announcement;
use self::logged_event::{log_event, log_message, log_progress};
use self::state::{Phase, ProgressState, Speed};
use self::status_line::{plain, status_line};
use self::terminal::{DrawTarget, Terminal};
use super::palette::Palette;
use super::wall_time::{WallTime, dated, timed};
use super::{Event, Observer, Progress, WorkerHealth};
use crate::domain::text::{escaped, escaped_lines};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressFormat {
    /// A line that moves, on a terminal.
    Bar,
    /// A plain line every ten seconds.
    Lines,
    /// Not at all: standard error is for the JSON log.
    Json,
    /// Not at all.
    Hidden,
}

/// What is shown, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How progress is shown.
    pub format: ProgressFormat,
    /// The colours of standard error.
    pub palette: Palette,
    /// The time of day.
    pub clock: WallTime,
    /// What is done to what, for the window's title: `import customers.csv`.
    pub title: String,
}

/// How often a plain line is printed.
const EVERY: Duration = Duration::from_secs(10);

/// How often the line on a terminal is drawn anew, so that it follows the window's size.
const REDRAW: Duration = Duration::from_millis(250);

/// How often single failures are logged.
const TROUBLE_EVERY: Duration = Duration::from_secs(1);

/// Shows the progress of a run.
#[derive(Debug)]
pub struct ProgressDisplay {
    settings: Settings,
    bar: ProgressBar,
    terminal: Option<Arc<Terminal>>,
    state: Arc<Mutex<ProgressState>>,
    /// When the last line was printed, or logged.
    last_line: Mutex<Option<Instant>>,
    /// When a failure was last logged, and how many were not since.
    last_trouble: Mutex<(Option<Instant>, u64)>,
}

impl ProgressDisplay {
    /// Shows progress as `settings` say.
    pub fn new(settings: Settings) -> Self {
        let state = Arc::<Mutex<ProgressState>>::default();
        let terminal = (settings.format == ProgressFormat::Bar).then(|| {
            let size = || console::Term::stderr().size();
            Arc::new(Terminal::new(Box::new(std::io::stderr()), size))
        });
        let bar = match &terminal {
            None => ProgressBar::hidden(),
            Some(terminal) => {
                let target = DrawTarget(Arc::clone(terminal));
                let target = ProgressDrawTarget::term_like_with_hz(Box::new(target), 8);
                let bar = ProgressBar::with_draw_target(None, target);
                bar.set_style(style(&state, terminal, settings.clock));
                bar
            }
        };
        Self {
            settings,
            bar,
            terminal,
            state,
            last_line: Mutex::default(),
            last_trouble: Mutex::default(),
        }
    }

    /// The colours of standard error.
    pub fn palette(&self) -> Palette {
        self.settings.palette
    }

    /// The time of day.
    pub fn now(&self) -> jiff::Zoned {
        (self.settings.clock)()
    }

    /// Sets how the workers are, if several processes share the import.
    pub fn set_workers(&self, health: WorkerHealth) {
        self.state.lock().workers = Some((health, Instant::now()));
    }

    /// Says that metrics are served at `url`.
    pub fn say_metrics(&self, url: &str) {
        tracing::info!(target: super::event_log::TARGET, event = "serving_metrics", url);
        self.print(&format!("Metrics at {url}"));
    }

    /// Prints a line if one is due and there is no terminal. Must be called
    /// regularly, because a run that waits reports no events.
    pub fn tick(&self) {
        let now = Instant::now();
        {
            let mut last_line = self.last_line.lock();
            let last = *last_line.get_or_insert(now);
            if now.duration_since(last) < EVERY {
                return;
            }
            *last_line = Some(now);
        }
        let state = self.state.lock();
        let speed = Speed::of(&state, now);
        log_progress(&state, speed);
        let at = self.now();
        let line = plain(&state, speed, &at);
        drop(state);
        if self.settings.format == ProgressFormat::Lines && !line.is_empty() {
            self.print(&format!("{}  {}", dated(&at), escaped(&line)));
        }
    }

    /// Prints a line, with control characters escaped. It starts with `warning:` if it is
    /// one.
    pub fn say(&self, line: &str) {
        log_message(line);
        self.print(&self.settings.palette.line(&escaped(line)));
    }

    /// Prints a line that no option hides: what a file in a folder from elsewhere could do
    /// unseen.
    pub fn say_always(&self, line: &str) {
        self.say(line);
        if self.settings.format == ProgressFormat::Hidden {
            // A closed standard error must not stop an import.
            writeln!(std::io::stderr(), "{}", escaped(line)).ok();
        }
    }

    /// Prints several lines, escaped.
    pub fn say_lines(&self, text: &str) {
        text.lines().for_each(log_message);
        self.print(&escaped_lines(text));
    }

    /// Prints a line with its time, without logging it.
    fn announce(&self, line: &str) {
        let now = self.now();
        let time = match self.settings.format {
            ProgressFormat::Bar => timed(&now),
            ProgressFormat::Lines | ProgressFormat::Json | ProgressFormat::Hidden => dated(&now),
        };
        self.print(&format!("{time}  {}", escaped(line)));
    }

    /// Prints `text` that holds nothing hostile, unless standard error is for something else.
    pub(super) fn print(&self, text: &str) {
        let is_shown = match self.settings.format {
            ProgressFormat::Bar | ProgressFormat::Lines => true,
            ProgressFormat::Json | ProgressFormat::Hidden => false,
        };
        if is_shown && !text.is_empty() {
            // A closed standard error must not stop an import.
            self.bar
                .suspend(|| writeln!(std::io::stderr(), "{text}").ok());
        }
    }

    /// Asks on the terminal, above the line. Whatever else is shown, a question is.
    pub fn ask(&self, question: &str) {
        tracing::info!(target: super::event_log::TARGET, event = "question", message = question);
        if self.settings.format != ProgressFormat::Json {
            // A terminal that is closed answers nothing either.
            write!(std::io::stderr(), "{} [y/N] ", escaped(question)).ok();
        }
    }

    /// Hides the line while `prompt` runs.
    pub fn suspended<T>(&self, prompt: impl FnOnce() -> T) -> T {
        self.bar.suspend(prompt)
    }

    /// Removes the line.
    pub fn close(&self) {
        self.bar.finish_and_clear();
        if let Some(terminal) = &self.terminal {
            terminal.restore_title();
        }
    }

    fn show_phase(&self, phase: Phase) {
        self.state.lock().phase = phase;
        self.tick();
        self.bar.tick();
    }

    fn begin(&self, total: u64, before: u64) {
        self.state.lock().begin(total, before, Instant::now());
        self.show_title();
        if self.settings.format == ProgressFormat::Bar {
            self.bar.enable_steady_tick(REDRAW);
        }
    }

    fn update(&self, progress: &Progress) {
        self.state.lock().record(progress, Instant::now());
        self.show_title();
        self.bar.tick();
    }

    fn show_title(&self) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        let percent = self.state.lock().percent();
        let title = format!("{percent}% {}", self.settings.title);
        terminal.set_title(escaped(&title).into_owned());
    }

    /// Logs a failure, if none was logged a moment ago: a server may fail thousands of
    /// requests a second.
    fn log_trouble(&self, event: &Event) {
        let now = Instant::now();
        let mut trouble = self.last_trouble.lock();
        let (last, more) = *trouble;
        if last.is_some_and(|last| now.duration_since(last) < TROUBLE_EVERY) {
            trouble.1 += 1;
            return;
        }
        *trouble = (Some(now), 0);
        drop(trouble);
        log_event(event, more);
    }
}

impl Observer for ProgressDisplay {
    fn observe(&self, event: &Event) {
        let now = self.now();
        let said = announcement(event, &mut self.state.lock(), &now);
        if let Some(line) = &said.resumed {
            self.announce(line);
            tracing::info!(target: super::event_log::TARGET, event = "resumed");
        }
        if let Some(line) = &said.line {
            self.announce(line);
        }
        match event {
            Event::Fetching { name, bytes, total } => {
                {
                    let mut state = self.state.lock();
                    state.fetched.clone_from(name);
                    state.note.clear();
                }
                self.show_phase(Phase::Fetching(*bytes, *total));
            }
            Event::Checking { rows } => self.show_phase(Phase::Checking(*rows)),
            Event::Accounting { rows } => self.show_phase(Phase::Accounting(*rows)),
            Event::Checked { rows } => self.state.lock().rows = Some(*rows),
            Event::Sending { total, before } => {
                log_event(event, 0);
                self.begin(*total, *before);
            }
            Event::Progress(progress) => {
                if said.throttled {
                    let throttled = progress.totals.requests.throttled;
                    tracing::warn!(target: super::event_log::TARGET, event = "throttled", throttled);
                }
                self.update(progress);
            }
            Event::Trouble { .. } => self.log_trouble(event),
            Event::Failed(_) => {}
            Event::Workers(health) => self.set_workers(*health),
            Event::Paused { .. }
            | Event::FetchingAnew { .. }
            | Event::Down { .. }
            | Event::Crowded { .. }
            | Event::CanaryWaits { .. }
            | Event::Waiting { .. }
            | Event::Up
            | Event::Finishing { .. } => log_event(event, 0),
        }
    }
}

/// The style of the line, which is composed anew with each drawing.
fn style(
    state: &Arc<Mutex<ProgressState>>,
    terminal: &Arc<Terminal>,
    clock: WallTime,
) -> ProgressStyle {
    let (state, terminal) = (Arc::clone(state), Arc::clone(terminal));
    // The template is a constant, which a test checks.
    ProgressStyle::with_template("{line}")
        .unwrap_or_else(|_bad_template| ProgressStyle::default_bar())
        .with_key(
            "line",
            move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                let state = state.lock();
                let speed = Speed::of(&state, Instant::now());
                let line = status_line(&state, speed, &clock(), terminal.width());
                // Writing to a string can't fail.
                out.write_str(&line).ok();
            },
        )
}

#[cfg(test)]
mod tests {
    use super::ProgressStyle;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template("{line}").is_ok());
    }
}
