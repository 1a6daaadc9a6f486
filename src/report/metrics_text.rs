//! Metrics in Prometheus' text format, version 0.0.4, and the names that the file at the end
//! of a run shares with what is served while it goes on.

use std::fmt::{Display, Write};

use crate::domain::summary::{RequestCounts, RowCounts};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only goes up, from 0 on when the process starts.
    Counter,
    /// Counts by upper bound.
    Histogram,
}

impl MetricKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// Metrics whose names begin with `kable_bulk_`, with some labels in common.
#[derive(Debug)]
pub(super) struct MetricsText {
    /// The labels that all samples have.
    common: String,
    text: String,
}

impl MetricsText {
    /// No metric yet; all will have the labels `common`.
    pub(super) fn new(common: &[(&str, &str)]) -> Self {
        Self {
            common: labels(common),
            text: String::new(),
        }
    }

    /// Begins a metric, whose samples follow.
    pub(super) fn metric(&mut self, name: &str, kind: MetricKind, help: &str) {
        let kind = kind.word();
        // Writing to a string can't fail, here and below.
        writeln!(
            self.text,
            "# HELP kable_bulk_{name} {help}\n# TYPE kable_bulk_{name} {kind}"
        )
        .ok();
    }

    /// Adds a sample.
    pub(super) fn sample(&mut self, name: &str, own: &[(&str, &str)], value: impl Display) {
        let common = &self.common;
        let comma = if own.is_empty() { "" } else { "," };
        let own = labels(own);
        writeln!(
            self.text,
            "kable_bulk_{name}{{{common}{comma}{own}}} {value}"
        )
        .ok();
    }

    /// Adds a gauge with a sample for each of these values of a label.
    pub(super) fn gauges<'v, V: Display>(
        &mut self,
        (name, help): (&str, &str),
        label: &str,
        samples: impl IntoIterator<Item = (&'v str, V)>,
    ) {
        self.metric(name, MetricKind::Gauge, help);
        for (value, number) in samples {
            self.sample(name, &[(label, value)], number);
        }
    }

    /// Adds a gauge with a single sample.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.metric(name, MetricKind::Gauge, help);
        self.sample(name, &[], value);
    }

    /// All of them.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// The rows of the input: a name, and its help.
pub(super) const ROWS: (&str, &str) = ("rows", "Rows of the input in the last run.");

/// When the run began.
pub(super) const START_TIME: (&str, &str) = ("start_timestamp_seconds", "When the last run began.");

/// The samples of [`ROWS`].
pub(super) fn row_samples(rows: RowCounts) -> [(&'static str, u64); 3] {
    [
        ("read", rows.read),
        ("skipped", rows.skipped),
        ("rejected", rows.rejected),
    ]
}

/// The requests by kind.
pub(super) fn request_samples(requests: &RequestCounts) -> [(&'static str, u64); 4] {
    [
        ("sent", requests.sent),
        ("retried", requests.retried),
        ("throttled", requests.throttled),
        ("lookup", requests.lookups),
    ]
}

/// Labels as they stand between braces.
pub(super) fn labels(labels: &[(&str, &str)]) -> String {
    let labels = labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}=\"{}\"", escaped_label(value)))
        .collect();
    labels.join(",")
}

/// A label's value, escaped as the format has it.
fn escaped_label(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::{MetricKind, MetricsText, labels};

    #[test]
    fn labels_are_escaped() {
        assert_eq!(
            labels(&[("command", "sync"), ("task", "a\"b\\c\nd")]),
            r#"command="sync",task="a\"b\\c\nd""#
        );
    }

    #[test]
    fn help_and_type_stand_before_the_samples() {
        let mut text = MetricsText::new(&[("command", "import")]);
        text.gauge("exit_code", "The exit code.", 3);
        text.metric("requests_total", MetricKind::Counter, "Requests.");
        text.sample("requests_total", &[("kind", "sent")], 7);
        assert_eq!(
            text.into_text(),
            "# HELP kable_bulk_exit_code The exit code.\n\
             # TYPE kable_bulk_exit_code gauge\n\
             kable_bulk_exit_code{command=\"import\"} 3\n\
             # HELP kable_bulk_requests_total Requests.\n\
             # TYPE kable_bulk_requests_total counter\n\
             kable_bulk_requests_total{command=\"import\",kind=\"sent\"} 7\n"
        );
    }
}
