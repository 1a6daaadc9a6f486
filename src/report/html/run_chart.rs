//! The runs over time, as charts: what was done in each interval, how many requests were
//! sent and allowed, and when the run waited.

use std::fmt::Write;

use super::run_words::{WaitLine, interval_text, run_heading, span_text, time_text, waits_of};
use crate::domain::text::{counted, thousands};
use crate::domain::timeline::{IntervalCounts, MOST_INTERVALS, RunHistory, Timeline, WaitKind};

/// The height of a chart, in its own units.
const HEIGHT: u64 = 1000;

/// The width of an interval, in the same units.
const COLUMN: u64 = 10;

/// How many intervals of all runs together are drawn: a page has a limited size.
const ALL_INTERVALS: usize = 1200;

/// The fewest intervals to which a run is reduced.
const FEWEST: usize = 60;

/// A run of the page.
#[derive(Debug)]
pub(super) struct RunChart {
    pub(super) heading: String,
    /// How long nothing ran before it, in words; empty for the first.
    pub(super) gap: String,
    /// Everything of it in words, for readers that do not see it.
    pub(super) label: String,
    /// The width of the drawing.
    pub(super) width: u64,
    /// The drawing's parts: class and path.
    pub(super) parts: Vec<(&'static str, String)>,
    /// Retried and throttled requests, drawn below.
    pub(super) trouble: Vec<(&'static str, String)>,
    /// The shaded times: class, place, width and title.
    pub(super) shades: Vec<WaitShade>,
    /// The highest rate of the drawing.
    pub(super) top: String,
    /// The times below the drawing.
    pub(super) from: String,
    pub(super) until: String,
    /// The figures: class of the key, name, number.
    pub(super) figures: Vec<(&'static str, &'static str, String)>,
    /// The waits in words.
    pub(super) waits: Vec<WaitLine>,
    /// How many waits are not listed, in words.
    pub(super) left_out: String,
    /// The length of an interval, in words.
    pub(super) interval: String,
}

/// A time in which the run waited, as a shaded part of the drawing.
#[derive(Debug)]
pub(super) struct WaitShade {
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) width: String,
}

/// The charts of the runs that have something to show, the earliest first; the latest may
/// still be running.
pub(super) fn run_charts(runs: &[RunHistory], is_running: bool) -> Vec<RunChart> {
    let shown: Vec<&RunHistory> = runs
        .iter()
        .filter(|run| !run.timeline.intervals.is_empty())
        .collect();
    let most = (ALL_INTERVALS / shown.len().max(1)).clamp(FEWEST, MOST_INTERVALS);
    let several = runs.len() > 1;
    let last = shown.len();
    let mut before: Option<&RunHistory> = None;
    let mut charts = Vec::new();
    for (number, run) in (1..).zip(shown) {
        let heading = run_heading(run, several.then_some(number), is_running && number == last);
        charts.push(chart(run, heading, before, most));
        before = Some(run);
    }
    charts
}

fn chart(run: &RunHistory, heading: String, before: Option<&RunHistory>, most: usize) -> RunChart {
    let mut timeline = run.timeline.clone();
    timeline.coarsen(most);
    let total = timeline.total();
    let drawing = Drawing::of(&timeline);
    let waits = waits_of(run);
    let gap = before.map(|before| run.began_ms.saturating_sub(before.changed_ms));
    let gap = gap.and_then(|gap| u64::try_from(gap).ok());
    let length = i64::try_from(length_ms(&timeline)).unwrap_or(i64::MAX);
    RunChart {
        label: label(&heading, total, &drawing, &waits),
        gap: gap.map(span_text).unwrap_or_default(),
        heading,
        width: drawing.width(),
        parts: drawing.parts(),
        trouble: drawing.trouble(),
        shades: shades(&timeline),
        top: drawing.top_text(),
        from: time_text(run.began_ms),
        until: time_text(run.began_ms.saturating_add(length)),
        figures: figures(total, &drawing),
        left_out: left_out(run, waits.len()),
        waits,
        interval: interval_text(timeline.interval_ms),
    }
}

/// How many waits are not listed, in words.
fn left_out(run: &RunHistory, listed: usize) -> String {
    let left = run.timeline.short_waits + (run.timeline.waits.len() - listed) as u64;
    if left == 0 {
        return String::new();
    }
    let waits = counted(left, "shorter wait is", "shorter waits are");
    format!("{waits} not listed.")
}

/// How long the intervals are together.
fn length_ms(timeline: &Timeline) -> u64 {
    timeline
        .interval_ms
        .saturating_mul(timeline.intervals.len() as u64)
}

fn figures(
    total: IntervalCounts,
    drawing: &Drawing<'_>,
) -> Vec<(&'static str, &'static str, String)> {
    let numbers = [
        ("created", "created", total.created),
        ("already_existed", "others", total.others),
        ("failed", "failed", total.failed),
        ("sent", "requests", total.sent),
        ("retried", "sent again", total.retried),
        ("throttled", "throttled (429)", total.throttled),
    ];
    let mut figures: Vec<_> = numbers
        .into_iter()
        .filter(|(_, _, number)| *number > 0)
        .map(|(class, name, number)| (class, name, thousands(number)))
        .collect();
    if let Some(allowed) = drawing.allowed_text() {
        figures.push(("allowed", "allowed at most", allowed));
    }
    figures
}

/// All of a chart in words.
fn label(
    heading: &str,
    total: IntervalCounts,
    drawing: &Drawing<'_>,
    waits: &[WaitLine],
) -> String {
    let mut parts: Vec<String> = figures(total, drawing)
        .into_iter()
        .map(|(_, name, number)| format!("{name} {number}"))
        .collect();
    parts.push(format!(
        "up to {} requests a second",
        drawing.fastest_text()
    ));
    parts.extend(waits.iter().map(|wait| wait.text.clone()));
    format!("{heading}: {}", parts.join("; "))
}

/// The shaded parts, over the whole of the drawing's width.
fn shades(timeline: &Timeline) -> Vec<WaitShade> {
    let most = length_ms(timeline).max(1);
    let place = |ms: u64| per_interval(ms.min(most), timeline);
    let shades = timeline.waits.iter().map(|wait| {
        let (from, until) = (place(wait.from_ms), place(wait.until_ms));
        WaitShade {
            class: match wait.kind {
                WaitKind::Pause => "paused",
                WaitKind::Outage => "down",
                WaitKind::Proof => "proof",
            },
            x: format!("{from:.1}"),
            // A short one is still seen.
            width: format!("{:.1}", (until - from).max(2.0)),
        }
    });
    shades.collect()
}

/// Where a moment is in the drawing.
#[expect(
    clippy::cast_precision_loss,
    reason = "a picture needs no more than four digits"
)]
fn per_interval(ms: u64, timeline: &Timeline) -> f64 {
    COLUMN as f64 * ms as f64 / timeline.interval_ms.max(1) as f64
}

/// The scale of a timeline's drawing.
struct Drawing<'t> {
    timeline: &'t Timeline,
    /// The number that is as high as the drawing, per interval.
    top: f64,
    /// The same for retried and throttled requests.
    most_trouble: f64,
}

impl<'t> Drawing<'t> {
    fn of(timeline: &'t Timeline) -> Self {
        let (mut done, mut allowed, mut most_trouble) = (1.0_f64, 0.0_f64, 1.0_f64);
        for interval in &timeline.intervals {
            done = done.max(number(interval.sent.max(interval.rows())));
            allowed = allowed.max(allowed_in(interval, timeline));
            most_trouble = most_trouble.max(number(interval.retried + interval.throttled));
        }
        Self {
            timeline,
            // What is allowed may be so much that the bars could not be seen.
            top: done.max(allowed.min(4.0 * done)),
            most_trouble,
        }
    }

    fn width(&self) -> u64 {
        COLUMN * self.timeline.intervals.len() as u64
    }

    /// Bars on top of each other, and the lines over them.
    fn parts(&self) -> Vec<(&'static str, String)> {
        let (mut created, mut others, mut failed) = (String::new(), String::new(), String::new());
        let (mut sent, mut allowed) = (StepLine::default(), StepLine::default());
        for (place, interval) in (0..).zip(&self.timeline.intervals) {
            let mut base = 0;
            let bars = [
                (&mut created, interval.created),
                (&mut others, interval.others),
                (&mut failed, interval.failed),
            ];
            for (path, rows) in bars {
                base += bar(path, place, base, self.height(number(rows)));
            }
            sent.add(place, Some(self.height(number(interval.sent))));
            let limit = allowed_in(interval, self.timeline);
            allowed.add(place, (limit > 0.0).then(|| self.height(limit)));
        }
        let parts = [
            ("created", created),
            ("already_existed", others),
            ("failed", failed),
            ("sent", sent.path),
            ("allowed", allowed.path),
        ];
        parts
            .into_iter()
            .filter(|(_, path)| !path.is_empty())
            .collect()
    }

    /// Requests that were sent again, and those that were throttled.
    fn trouble(&self) -> Vec<(&'static str, String)> {
        let (mut retried, mut throttled) = (String::new(), String::new());
        for (place, interval) in (0..).zip(&self.timeline.intervals) {
            let height = |many: u64| in_units(number(many) / self.most_trouble);
            let base = bar(&mut throttled, place, 0, height(interval.throttled));
            bar(&mut retried, place, base, height(interval.retried));
        }
        let parts = [("throttled", throttled), ("retried", retried)];
        parts
            .into_iter()
            .filter(|(_, path)| !path.is_empty())
            .collect()
    }

    fn height(&self, in_interval: f64) -> u64 {
        in_units(in_interval / self.top)
    }

    fn a_second(&self, in_interval: f64) -> String {
        let rate = 1000.0 * in_interval / number(self.timeline.interval_ms.max(1));
        if rate >= 10.0 {
            format!("{rate:.0}")
        } else {
            format!("{rate:.1}")
        }
    }

    fn top_text(&self) -> String {
        format!("{} a second", self.a_second(self.top))
    }

    /// The most requests in an interval, per second.
    fn fastest_text(&self) -> String {
        let intervals = self.timeline.intervals.iter();
        let most = intervals.map(|interval| interval.sent).max();
        self.a_second(number(most.unwrap_or_default()))
    }

    /// The most that was allowed per second, if there was a limit.
    fn allowed_text(&self) -> Option<String> {
        let intervals = self.timeline.intervals.iter();
        let most = intervals.map(|interval| interval.allowed_tenths).max()?;
        (most > 0).then(|| format!("{:.1}/s", number(most) / 10.0))
    }
}

/// How many requests were allowed in an interval; 0 without a limit.
fn allowed_in(interval: &IntervalCounts, timeline: &Timeline) -> f64 {
    number(interval.allowed_tenths) * number(timeline.interval_ms) / 10_000.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture needs no more than four digits"
)]
fn number(count: u64) -> f64 {
    count as f64
}

/// A share of the height, at most all of it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 0 and the height"
)]
fn in_units(share: f64) -> u64 {
    let units = (share * number(HEIGHT)).ceil();
    (units as u64).min(HEIGHT)
}

/// Adds a bar to `path`; returns its height.
fn bar(path: &mut String, place: u64, base: u64, height: u64) -> u64 {
    let height = height.min(HEIGHT.saturating_sub(base));
    if height > 0 {
        let (x, y) = (place * COLUMN, HEIGHT - base);
        // Writing to a string can't fail.
        write!(path, "M{x} {y}v-{height}h{COLUMN}v{height}z").ok();
    }
    height
}

/// A line that is level in each interval.
#[derive(Default)]
struct StepLine {
    path: String,
    /// Its height in the last interval, if it was there.
    last: Option<u64>,
}

impl StepLine {
    fn add(&mut self, place: u64, height: Option<u64>) {
        let Some(height) = height else {
            self.last = None;
            return;
        };
        let (x, y) = (place * COLUMN, HEIGHT.saturating_sub(height));
        // Writing to a string can't fail.
        match self.last {
            None => write!(self.path, "M{x} {y}h{COLUMN}").ok(),
            Some(last) if last == height => write!(self.path, "h{COLUMN}").ok(),
            Some(_) => write!(self.path, "V{y}h{COLUMN}").ok(),
        };
        self.last = Some(height);
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_INTERVALS, RunHistory, Timeline, run_charts};
    use crate::domain::timeline::{IntervalCounts, RunWait, WaitKind};

    fn run(intervals: Vec<IntervalCounts>) -> RunHistory {
        RunHistory {
            command: "import".to_owned(),
            began_ms: 1_795_355_219_000,
            changed_ms: 1_795_355_229_000,
            ended: Some("finished".to_owned()),
            timeline: Timeline {
                intervals,
                ..Timeline::default()
            },
        }
    }

    fn busy() -> IntervalCounts {
        IntervalCounts {
            created: 6,
            others: 1,
            failed: 1,
            sent: 10,
            retried: 1,
            throttled: 1,
            allowed_tenths: 200,
        }
    }

    #[test]
    fn a_run_is_drawn_with_its_figures_in_words() {
        let idle = IntervalCounts {
            allowed_tenths: 200,
            ..IntervalCounts::default()
        };
        let mut run = run(vec![busy(), idle, busy()]);
        run.timeline.waits = vec![RunWait {
            kind: WaitKind::Pause,
            from_ms: 1000,
            until_ms: 2000,
        }];
        let charts = run_charts(&[run], false);
        let chart = charts.first().unwrap();
        insta::assert_snapshot!(chart.label);
        // The allowance of 20 a second is as high as the drawing.
        assert_eq!(chart.top, "20 a second");
        let part = |name: &str| {
            let found = chart.parts.iter().find(|(class, _)| *class == name);
            found.map(|(_, path)| path.as_str()).unwrap_or_default()
        };
        assert_eq!(part("created"), "M0 1000v-300h10v300zM20 1000v-300h10v300z");
        assert_eq!(part("failed"), "M0 650v-50h10v50zM20 650v-50h10v50z");
        assert_eq!(part("sent"), "M0 500h10V1000h10V500h10");
        assert_eq!(part("allowed"), "M0 0h10h10h10");
        let shade = chart.shades.first().unwrap();
        assert_eq!(
            (shade.class, shade.x.as_str(), shade.width.as_str()),
            ("paused", "10.0", "10.0")
        );
        assert_eq!((chart.width, chart.until.as_str()), (30, "13:47:02"));
        assert_eq!(chart.gap, "");
    }

    #[test]
    fn runs_follow_each_other_with_the_gap_between_them() {
        let mut later = run(vec![busy()]);
        (later.began_ms, later.ended) = (1_795_355_229_000 + 3_600_000, None);
        let empty = run(Vec::new());
        let charts = run_charts(&[run(vec![busy()]), empty, later], true);
        let gaps: Vec<&str> = charts.iter().map(|chart| chart.gap.as_str()).collect();
        assert_eq!(gaps, ["", "1 h"]);
        let headings: Vec<&str> = charts.iter().map(|chart| chart.heading.as_str()).collect();
        insta::assert_snapshot!(headings.join("\n"));
    }

    #[test]
    fn many_long_runs_take_few_bytes() {
        let runs = vec![run(vec![busy(); MOST_INTERVALS]); 16];
        let charts = run_charts(&runs, false);
        let paths = charts
            .iter()
            .flat_map(|chart| chart.parts.iter().chain(&chart.trouble));
        let bytes: usize = paths.map(|(_, path)| path.len()).sum();
        assert!(bytes < 200_000, "{bytes}");
        assert_eq!(charts.len(), 16);
    }
}
