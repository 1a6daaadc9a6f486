//! Figures with a bar beside each: currencies, countries, fields, latencies.

use crate::domain::text::{on_one_line, thousands};

/// How many characters of a value are shown.
const VALUE_SHOWN: usize = 60;

/// A list of figures.
#[derive(Debug)]
pub(super) struct ValueBars {
    pub(super) title: &'static str,
    /// What the figures are of.
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) bars: Vec<ValueBar>,
    pub(super) note: String,
}

/// A figure, and the width of its bar in percent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ValueBar {
    pub(super) label: String,
    pub(super) text: String,
    pub(super) width: String,
}

/// The numbers of rows with each value; `others` are those of values that are not named.
pub(super) fn value_bars(
    title: &'static str,
    what: &'static str,
    (values, others): (Vec<(&str, u64)>, u64),
    most: usize,
) -> ValueBars {
    let longest = values
        .iter()
        .map(|(_, rows)| *rows)
        .max()
        .unwrap_or_default();
    let bars = values.into_iter().take(most).map(|(value, rows)| ValueBar {
        label: on_one_line(value, VALUE_SHOWN),
        text: thousands(rows),
        width: width(rows, longest),
    });
    ValueBars {
        title,
        what,
        unit: "Rows",
        bars: bars.collect(),
        note: if others == 0 {
            String::new()
        } else {
            format!("Others: {}.", thousands(others))
        },
    }
}

/// Percentiles of latencies, in milliseconds.
pub(super) fn latencies(percentiles: &[(&'static str, f64)]) -> ValueBars {
    let longest = percentiles
        .iter()
        .map(|(_, millis)| *millis)
        .fold(0.0, f64::max);
    let bars = percentiles.iter().map(|(label, millis)| ValueBar {
        label: (*label).to_owned(),
        text: format!("{millis:.1}"),
        width: format!("{:.1}", 100.0 * millis / longest.max(f64::MIN_POSITIVE)),
    });
    ValueBars {
        title: "Latency",
        what: "Requests",
        unit: "ms",
        bars: bars.collect(),
        note: if percentiles.is_empty() {
            String::new()
        } else {
            "From request to response: this share of them took no longer.".to_owned()
        },
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture needs no more than three digits"
)]
fn width(rows: u64, longest: u64) -> String {
    format!("{:.1}", 100.0 * rows as f64 / longest.max(1) as f64)
}
