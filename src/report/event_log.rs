//! The events of a run as JSON, one object a line (`docs/json-log.md` lists them).
//!
//! Events go through `tracing`; [`JsonLog`] is the subscriber that writes them. Events of
//! other crates are not ours to promise, and are left out.

use std::fmt::{self, Write as _};
use std::io::Write;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};

use crate::domain::text::escaped_json;

/// The target of our events.
pub const TARGET: &str = "kable_bulk";

/// Logs that a run ended with this exit code, and these fields.
macro_rules! log_finished {
    ($exit_code:expr, $($field:tt)*) => {{
        let exit_code = u64::from($exit_code);
        // The level is part of the place in the code from which an event is logged.
        match exit_code {
            0 => tracing::info!(target: $crate::report::event_log::TARGET, event = "finished", exit_code, $($field)*),
            1 | 5 => tracing::error!(target: $crate::report::event_log::TARGET, event = "finished", exit_code, $($field)*),
            _ => tracing::warn!(target: $crate::report::event_log::TARGET, event = "finished", exit_code, $($field)*),
        }
    }};
}
pub(crate) use log_finished;

/// Reads the clock: RFC 3339.
pub type LogClock = fn() -> String;

/// Which events a destination receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// All.
    All,
    /// Only how a run ended, and only if not all of it was done.
    BadEnds,
}

/// Where events are written.
struct LogDestination {
    level: LogLevel,
    out: Mutex<Box<dyn Write + Send>>,
}

/// Writes events as JSON.
pub struct JsonLog {
    clock: LogClock,
    destinations: Vec<LogDestination>,
}

impl fmt::Debug for JsonLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLog").finish_non_exhaustive()
    }
}

impl JsonLog {
    /// A log that is written nowhere yet.
    pub fn new(clock: LogClock) -> Self {
        Self {
            clock,
            destinations: Vec::new(),
        }
    }

    /// Writes it to `out` too.
    #[must_use]
    pub fn and_to(mut self, out: Box<dyn Write + Send>, level: LogLevel) -> Self {
        let out = Mutex::new(out);
        self.destinations.push(LogDestination { level, out });
        self
    }
}

impl Subscriber for JsonLog {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == TARGET
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = JsonFields::default();
        event.record(&mut fields);
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG | Level::TRACE => "debug",
        };
        let is_bad_end = level != "info" && matches!(fields.event, "finished" | "error");
        let (time, name) = ((self.clock)(), fields.event);
        let rest = &fields.text;
        let line = format!(r#"{{"time":"{time}","level":"{level}","event":"{name}"{rest}}}"#);
        let line = format!("{}\n", escaped_json(&line));
        for destination in &self.destinations {
            if destination.level == LogLevel::All || is_bad_end {
                // A log that can't be written must not stop a run.
                destination.out.lock().write_all(line.as_bytes()).ok();
            }
        }
    }

    // There are no spans.
    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

/// The fields of an event as members of a JSON object, each behind a comma.
#[derive(Default)]
struct JsonFields {
    event: &'static str,
    text: String,
}

/// The names of events, so that a misspelt one is found by a test.
pub const EVENTS: [&str; 23] = [
    "started",
    "message",
    "serving_metrics",
    "fetching",
    "fetching_anew",
    "checking",
    "sending",
    "progress",
    "throttled",
    "paused",
    "resumed",
    "outage_began",
    "outage_ended",
    "trouble",
    "concurrency_limited",
    "canary_waits",
    "waiting",
    "stopping",
    "writing_results",
    "row",
    "question",
    "finished",
    "error",
];

impl JsonFields {
    fn add(&mut self, field: &Field, value: &str) {
        // Writing to a string can't fail. Names are identifiers.
        write!(self.text, r#","{}":{value}"#, field.name()).ok();
    }
}

impl Visit for JsonFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            let known = EVENTS.into_iter().find(|name| *name == value);
            self.event = known.unwrap_or("message");
        } else {
            let quoted = serde_json::Value::from(value).to_string();
            self.add(field, &quoted);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, &value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, if value { "true" } else { "false" });
    }

    /// To a tenth: more is noise.
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            let value = (value * 10.0).round() / 10.0;
            self.add(field, &value.to_string());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::{EVENTS, JsonLog, LogLevel, TARGET};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LogLevel, events: impl FnOnce()) -> String {
        let written = Written::default();
        let log = JsonLog::new(|| "2026-11-28T03:12:05Z".to_owned())
            .and_to(Box::new(written.clone()), level);
        tracing::subscriber::with_default(log, events);
        let bytes = std::mem::take(&mut *written.0.lock());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_event_is_an_object_on_a_line_with_its_fields_in_their_order() {
        let text = logged(LogLevel::All, || {
            tracing::info!(target: TARGET, event = "progress", done = 12_u64, rate = 98.46, failed = false);
            tracing::warn!(target: TARGET, event = "message", message = "a \"b\"\n\u{1b}[31m", more = None::<u64>);
            tracing::warn!(target: "h2", event = "progress");
        });
        assert_eq!(
            text,
            "{\"time\":\"2026-11-28T03:12:05Z\",\"level\":\"info\",\"event\":\"progress\",\"done\":12,\
             \"rate\":98.5,\"failed\":false}\n\
             {\"time\":\"2026-11-28T03:12:05Z\",\"level\":\"warn\",\"event\":\"message\",\
             \"message\":\"a \\\"b\\\"\\n\\u001b[31m\"}\n"
        );
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }

    #[test]
    fn a_quiet_destination_learns_of_bad_ends_only() {
        let text = logged(LogLevel::BadEnds, || {
            tracing::warn!(target: TARGET, event = "message", message = "a warning");
            tracing::info!(target: TARGET, event = "finished", exit_code = 0_u64);
            tracing::warn!(target: TARGET, event = "finished", exit_code = 3_u64);
            tracing::error!(target: TARGET, event = "error", message = "no");
        });
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn every_event_is_in_the_manual() {
        let manual = include_str!("../../docs/json-log.md");
        for event in EVENTS {
            assert!(manual.contains(&format!("| `{event}` |")), "{event}");
        }
    }
}
