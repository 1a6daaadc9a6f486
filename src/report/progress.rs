//! Shows the progress of a run: a bar, or plain lines without a terminal.
//!
//! Writes to standard error only; standard output is for data.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::wait_words::{pause_left, rounded, waiting_json, waiting_text};
use super::{Event, Observer, Progress};
use crate::domain::text::{counted, escaped, escaped_json, escaped_lines, thousands};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressFormat {
    /// A progress bar, on a terminal.
    Bar,
    /// A plain line every ten seconds.
    Lines,
    /// A JSON object on a line, every ten seconds.
    Json,
    /// Nothing.
    Hidden,
}

/// How often a plain line is printed.
const EVERY: Duration = Duration::from_secs(10);

/// The window over which speed is measured.
const RECENT: Duration = Duration::from_secs(15);

/// Shows the progress of a run.
#[derive(Debug)]
pub struct ProgressDisplay {
    style: ProgressFormat,
    bar: ProgressBar,
    state: Mutex<ProgressState>,
}

#[derive(Debug, Default)]
struct ProgressState {
    phase: Phase,
    total: u64,
    /// When sending began.
    began: Option<Instant>,
    /// When the last plain line was printed.
    last_line: Option<Instant>,
    progress: Progress,
    /// The number of rows done, sampled once a second.
    samples: VecDeque<(Instant, u64)>,
    note: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Starting,
    Checking(u64),
    Sending,
    Accounting(u64),
}

impl ProgressDisplay {
    /// Shows progress in `style`.
    pub fn new(style: ProgressFormat) -> Self {
        let bar = match style {
            ProgressFormat::Bar => {
                ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8))
            }
            ProgressFormat::Lines | ProgressFormat::Json | ProgressFormat::Hidden => {
                ProgressBar::hidden()
            }
        };
        Self {
            style,
            bar,
            state: Mutex::default(),
        }
    }

    /// Prints a line if one is due and there is no terminal. Must be called
    /// regularly, because a run that waits reports no events.
    pub fn tick(&self) {
        let now = Instant::now();
        let line = {
            let mut state = self.state.lock();
            let last = *state.last_line.get_or_insert(now);
            if now.duration_since(last) < EVERY {
                return;
            }
            state.last_line = Some(now);
            let speed = Speed::of(&state, now);
            match self.style {
                ProgressFormat::Lines => plain(&state, speed),
                ProgressFormat::Json => escaped_json(&json(&state, speed)).into_owned(),
                ProgressFormat::Bar | ProgressFormat::Hidden => String::new(),
            }
        };
        self.say(&line);
    }

    /// Prints a line, with control characters escaped.
    pub fn say(&self, line: &str) {
        self.print(&escaped(line));
    }

    /// Prints several lines, escaped.
    pub fn say_lines(&self, text: &str) {
        self.print(&escaped_lines(text));
    }

    fn print(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        // A closed standard error must not stop an import.
        self.bar
            .suspend(|| writeln!(std::io::stderr(), "{text}").ok());
    }

    /// Hides the bar while `prompt` runs.
    pub fn suspended<T>(&self, prompt: impl FnOnce() -> T) -> T {
        self.bar.suspend(prompt)
    }

    /// Removes the bar.
    pub fn close(&self) {
        self.bar.finish_and_clear();
    }

    fn note(&self, text: &str) {
        if self.style != ProgressFormat::Hidden && self.style != ProgressFormat::Json {
            self.say(text);
        }
        text.clone_into(&mut self.state.lock().note);
        self.bar.set_message(escaped(text).into_owned());
    }

    /// Shows `text` behind the progress, without a line of its own.
    fn remark(&self, text: String) {
        self.bar.set_message(format!(" · {text}"));
        self.state.lock().note = text;
    }

    fn say_waiting(&self, rows: u64, longest: Duration) {
        if self.style == ProgressFormat::Json {
            self.say(&waiting_json(rows, longest));
        }
        self.note(&waiting_text(rows, longest));
    }

    fn spin(&self, doing: &'static str, rows: u64) {
        self.tick();
        self.bar.set_style(style("{spinner} {msg}"));
        self.bar
            .set_message(format!("{doing}: {}", counted(rows, "row", "rows")));
        self.bar.tick();
    }

    fn begin(&self, total: u64) {
        self.bar
            .set_style(style("{bar:20} {human_pos}/{human_len} · {prefix}{msg}"));
        self.bar.set_length(total);
        self.bar.set_position(0);
        self.bar.reset_elapsed();
        self.bar.reset_eta();
        self.bar.set_message("");
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    fn update(&self, progress: &Progress) {
        self.bar.set_position(progress.done);
        let state = self.state.lock();
        self.bar
            .set_prefix(moving(&state, Speed::of(&state, Instant::now())));
    }
}

impl Observer for ProgressDisplay {
    fn observe(&self, event: &Event) {
        match event {
            Event::Checking { rows } => {
                self.state.lock().phase = Phase::Checking(*rows);
                self.spin("checking", *rows);
            }
            Event::Sending { total } => {
                {
                    let mut state = self.state.lock();
                    state.phase = Phase::Sending;
                    state.began = Some(Instant::now());
                    state.total = *total;
                }
                self.begin(*total);
            }
            Event::Progress(progress) => {
                let was_noted = {
                    let mut state = self.state.lock();
                    // The note is kept until more rows are done.
                    let moved = progress.done > state.progress.done;
                    state.record(*progress, Instant::now());
                    moved && !std::mem::take(&mut state.note).is_empty()
                };
                if was_noted {
                    self.bar.set_message("");
                }
                self.update(progress);
            }
            Event::Paused { wait } => {
                self.remark(format!("the API asks for a pause of {}", rounded(*wait)));
            }
            Event::Down { message } => self.note(&format!(
                "the API does not answer ({message}); waiting for it. Nothing is lost, also by Ctrl-C"
            )),
            Event::Trouble { message } => self.remark(format!("trouble: {}", escaped(message))),
            Event::Crowded { message, most } => self.note(&format!(
                "{message}; from now on {} at once",
                counted(*most as u64, "request", "requests")
            )),
            Event::CanaryWaits { wait } => self.note(&format!(
                "a row of the canary is not to be seen at Kable yet; looking again in {}",
                rounded(*wait)
            )),
            Event::Waiting { rows, longest } => self.say_waiting(*rows, *longest),
            Event::Up => self.note("the API answers again"),
            Event::Finishing { in_flight } => self.note(&format!(
                "stopping: nothing more is sent, {} may finish (10 s at most)",
                counted(*in_flight, "request in flight", "requests in flight")
            )),
            Event::Accounting { rows } => {
                self.state.lock().phase = Phase::Accounting(*rows);
                self.spin("writing results", *rows);
            }
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants, which a test checks.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_bad_template| ProgressStyle::default_bar())
}

/// The speed of sending.
#[derive(Debug, Clone, Copy, Default)]
struct Speed {
    rows_a_second: f64,
    left: Option<Duration>,
}

impl Speed {
    /// The recent speed, and the time left. While the rate is the bottleneck, the
    /// time left follows from the rate, because the recent speed may have been
    /// lower; otherwise from the speed.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a speed for people; counts below 2⁵³ are exact"
    )]
    fn of(state: &ProgressState, now: Instant) -> Self {
        let progress = state.progress;
        let rows_a_second = state.recent_speed(now);
        let requests_a_row = progress.sent as f64 / progress.done.max(1) as f64;
        let speed = match progress.pacing.rate {
            Some(rate) if progress.pacing.bound.is_rate() && progress.done > 0 => {
                rate / requests_a_row
            }
            Some(_) | None => rows_a_second,
        };
        let left = state.total.saturating_sub(progress.done) as f64 / speed;
        let pause = progress.pacing.paused_ms.unwrap_or_default();
        Self {
            rows_a_second,
            left: Duration::try_from_secs_f64(left.round())
                .ok()
                .map(|left| left + Duration::from_secs(pause / 1000)),
        }
    }
}

impl ProgressState {
    /// Rows per second over the last [`RECENT`].
    #[expect(
        clippy::cast_precision_loss,
        reason = "a speed for people; counts below 2⁵³ are exact"
    )]
    fn recent_speed(&self, now: Instant) -> f64 {
        let begun = self.began.map(|began| (began, 0));
        let Some((at, done)) = self.samples.front().copied().or(begun) else {
            return 0.0;
        };
        let seconds = now.duration_since(at).as_secs_f64();
        self.progress.done.saturating_sub(done) as f64 / seconds.max(0.001)
    }

    /// Records the progress, and samples it once a second.
    fn record(&mut self, progress: Progress, now: Instant) {
        self.progress = progress;
        let is_due = |(at, _): &(Instant, u64)| now.duration_since(*at) >= Duration::from_secs(1);
        if self.samples.back().is_none_or(is_due) {
            self.samples.push_back((now, progress.done));
        }
        while self.samples.len() > 1
            && self
                .samples
                .front()
                .is_some_and(|(at, _)| now.duration_since(*at) > RECENT)
        {
            self.samples.pop_front();
        }
    }
}

/// The bottleneck, and the number of requests in flight.
fn bound(progress: &Progress) -> String {
    let pacing = progress.pacing;
    let paused = pacing.paused_ms.map_or_else(String::new, pause_left);
    let waiting = match pacing.waiting {
        0 => String::new(),
        rows => format!(" · {} in doubt", thousands(rows)),
    };
    format!(
        "{}{paused} · {} of {} in flight{waiting}",
        pacing.bound.description(),
        pacing.in_flight,
        pacing.window
    )
}

fn figures(progress: &Progress) -> String {
    let mut text = format!(
        "created {} · failed {} · throttled {}",
        thousands(progress.created),
        thousands(progress.failed),
        thousands(progress.throttled)
    );
    if progress.existed > 0 {
        text = format!("{text} · there already {}", thousands(progress.existed));
    }
    text
}

/// The speed, the time left, the figures, and the bottleneck.
fn moving(state: &ProgressState, speed: Speed) -> String {
    let left = speed.left.map_or_else(
        || "?".to_owned(),
        |left| humantime::format_duration(left).to_string(),
    );
    format!(
        "{:.0}/s · {left} left · {} · {}",
        speed.rows_a_second,
        figures(&state.progress),
        bound(&state.progress)
    )
}

fn plain(state: &ProgressState, speed: Speed) -> String {
    match state.phase {
        Phase::Starting => String::new(),
        Phase::Checking(rows) => format!("checking: {}", counted(rows, "row", "rows")),
        Phase::Accounting(rows) => format!("writing results: {}", counted(rows, "row", "rows")),
        Phase::Sending => {
            let note = if state.note.is_empty() {
                String::new()
            } else {
                format!(" · {}", state.note)
            };
            format!(
                "{}/{} · {}{note}",
                thousands(state.progress.done),
                thousands(state.total),
                moving(state, speed)
            )
        }
    }
}

fn json(state: &ProgressState, speed: Speed) -> String {
    let progress = state.progress;
    match state.phase {
        Phase::Starting => String::new(),
        Phase::Checking(rows) => format!(r#"{{"event":"checking","rows":{rows}}}"#),
        Phase::Accounting(rows) => format!(r#"{{"event":"writing_results","rows":{rows}}}"#),
        Phase::Sending => serde_json::json!({
            "event": "progress", "done": progress.done, "total": state.total,
            "created": progress.created, "already_existed": progress.existed, "failed": progress.failed,
            "retried": progress.retried, "throttled": progress.throttled,
            "in_flight": progress.pacing.in_flight, "window": progress.pacing.window,
            "rate": progress.pacing.rate, "bound": progress.pacing.bound,
            "paused_ms": progress.pacing.paused_ms, "waiting": progress.pacing.waiting,
            "rows_per_second": speed.rows_a_second,
            "seconds_left": speed.left.map(|left| left.as_secs()), "note": state.note,
        })
        .to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        Event, Observer, Progress, ProgressDisplay, ProgressFormat, ProgressStyle, Speed, json,
        plain,
    };
    use crate::domain::bottleneck::{Bottleneck, Pacing};

    const SPEED: Speed = Speed {
        rows_a_second: 120.0,
        left: Some(Duration::from_secs(7)),
    };

    fn watcher() -> ProgressDisplay {
        let watcher = ProgressDisplay::new(ProgressFormat::Hidden);
        watcher.observe(&Event::Sending { total: 2000 });
        watcher.observe(&Event::Progress(Progress {
            done: 1200,
            created: 1190,
            existed: 6,
            failed: 4,
            pacing: Pacing {
                rate: Some(98.5),
                in_flight: 9,
                window: 18,
                bound: Bottleneck::Advertised,
                paused_ms: None,
                waiting: 0,
            },
            ..Progress::default()
        }));
        watcher
    }

    #[test]
    fn a_plain_line_shows_the_progress() {
        assert_eq!(
            plain(&watcher().state.lock(), SPEED),
            "1,200/2,000 · 120/s · 7s left · created 1,190 · failed 4 · throttled 0 · there already 6 \
             · held by the limit that the API advertises · 9 of 18 in flight"
        );
    }

    #[test]
    fn a_plain_line_shows_why_nothing_is_sent() {
        let watcher = watcher();
        watcher.observe(&Event::Down {
            message: "connection refused".to_owned(),
        });
        assert!(plain(&watcher.state.lock(), SPEED).ends_with(
            "the API does not answer (connection refused); waiting for it. Nothing is lost, also by Ctrl-C"
        ));
    }

    #[test]
    fn a_pause_is_shown_and_counts_as_time_left() {
        let watcher = watcher();
        let mut progress = watcher.state.lock().progress;
        progress.sent = 1200;
        progress.pacing.paused_ms = Some(60_000);
        watcher.observe(&Event::Progress(progress));
        progress.pacing.bound = Bottleneck::Pause;
        let state = watcher.state.lock();
        let speed = Speed::of(&state, tokio::time::Instant::now());
        // 800 rows at the advertised rate, after the pause.
        assert_eq!(speed.left, Some(Duration::from_secs(60 + 8)));
        assert!(super::bound(&progress).starts_with("paused for 1m more · "));
    }

    #[test]
    fn a_json_line_is_json() {
        let line: serde_json::Value =
            serde_json::from_str(&json(&watcher().state.lock(), SPEED)).unwrap();
        assert_eq!(line["done"], 1200);
    }

    #[test]
    fn the_templates_are_valid() {
        for template in [
            "{spinner} {msg}",
            "{bar:20} {human_pos}/{human_len} · {prefix}{msg}",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
