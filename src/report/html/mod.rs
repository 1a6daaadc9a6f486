//! `report.html`: one page without outside resources, for people who look at a run.
//!
//! What stands in it is escaped by the template; sizes are limited, so that the page
//! stays below 2 MB whatever the rows.
//!
//! - `page_rows.rs`: keeps the first rows of each kind that a person should look at
//! - `last_run.rs`: what a page that is written again says of the latest run
//! - `verdict.rs`: how the run went, in a sentence
//! - `outcome_bar.rs`: every row by its outcome, as a bar
//! - `run_chart.rs`: the runs over time, as charts
//! - `run_words.rs`: times and lengths of runs, in words
//! - `value_bars.rs`: figures with a bar beside each
//! - `page.html`, `page.css`, `page.js`: the page

pub mod last_run;
mod outcome_bar;
pub mod page_rows;
mod run_chart;
mod run_words;
mod value_bars;
mod verdict;

use askama::Template;

use self::last_run::{LastRun, RunEnd};
use self::outcome_bar::{OutcomeSegment, bar_label, segments, share};
use self::page_rows::{PageRows, ShownRow};
use self::run_chart::{RunChart, run_charts};
use self::value_bars::{ValueBars, latencies, value_bars};
use self::verdict::{Tone, verdict};
use super::text::SummaryNotes;
use crate::domain::problem_groups::ProblemGroup;
use crate::domain::summary::{InputDigest, Summary};
use crate::domain::text::{counted, listed, on_one_line, thousands};
use crate::domain::timeline::RunHistory;

/// How many characters of a text of one line are shown.
const TEXT_SHOWN: usize = 2000;

/// How many inputs, problems and facts are shown.
const ITEMS_SHOWN: usize = 200;

/// How many inputs are named in one line.
const NAMES_SHOWN: usize = 20;

/// How many currencies and countries are shown.
const VALUES_SHOWN: usize = 20;

/// What stands in a page beside the figures of the summary.
#[derive(Debug, Clone, Default)]
pub struct PageNotes {
    /// The title, why the run ended early, and what to do next.
    pub words: SummaryNotes,
    /// The command as it was typed.
    pub command_line: String,
    /// The version of this program.
    pub version: &'static str,
    /// When the page was written.
    pub written: String,
    /// The settings that matter for the rows, one per line.
    pub settings: Vec<String>,
    /// The options of the file and of the environment, each with where it is written.
    pub stored: Vec<String>,
    /// What identifies the inputs.
    pub digests: Vec<InputDigest>,
    /// The runs that it is about, the latest last.
    pub runs: Vec<RunHistory>,
    /// The latest run, of a page that is written again; `None` of a run's own page.
    pub again: Option<LastRun>,
}

/// A kind of problem, in words.
struct ProblemLine {
    kind: String,
    field: &'static str,
    severity: &'static str,
    count: String,
    lines: String,
    message: String,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'p> {
    css: &'static str,
    js: &'static str,
    command: &'p str,
    tone: Tone,
    verdict: String,
    subtitle: Vec<String>,
    halt: Option<String>,
    segments: Vec<OutcomeSegment>,
    bar_label: String,
    rows_read: u64,
    rows_read_text: String,
    rows_read_label: &'static str,
    /// How the page came about, if not by the run.
    again: Option<String>,
    /// What is counted beside the rows.
    beside: Vec<String>,
    next: Vec<(String, String)>,
    problems: Vec<ProblemLine>,
    rows: &'p [ShownRow],
    /// The kinds of rows, and how many rows have each.
    kinds: Vec<(&'p str, String)>,
    /// Says that not all rows are listed.
    rows_left: Option<String>,
    several: bool,
    charts: Vec<RunChart>,
    bars: Vec<ValueBars>,
    facts: Vec<(String, String)>,
}

/// Renders the page.
pub(super) fn page(
    summary: &Summary,
    rows: &PageRows,
    notes: &PageNotes,
) -> Result<String, askama::Error> {
    let again = notes.again.as_ref();
    let (tone, verdict) = verdict(summary, again);
    let one_line = |text: &str| on_one_line(text, TEXT_SHOWN);
    let segments = segments(summary);
    let steps = notes.words.next.iter().take(ITEMS_SHOWN);
    Page {
        css: include_str!("page.css"),
        js: include_str!("page.js"),
        command: &summary.command,
        tone,
        verdict,
        subtitle: notes.words.title.lines().map(one_line).collect(),
        halt: notes.words.halt.as_deref().map(one_line),
        bar_label: bar_label(&segments),
        segments,
        rows_read: summary.rows.read,
        rows_read_text: thousands(summary.rows.read),
        rows_read_label: if again.is_some_and(|again| again.alone.is_some()) {
            "Rows that the checkpoint knows"
        } else {
            "Rows read"
        },
        again: again.map(|again| one_line(&again.sentence())),
        beside: beside(summary, notes),
        next: steps
            .map(|(what, command)| (one_line(what), on_one_line(command, 4 * TEXT_SHOWN)))
            .collect(),
        problems: summary
            .problems
            .iter()
            .take(ITEMS_SHOWN)
            .map(problem_line)
            .collect(),
        rows: rows.shown(),
        kinds: rows
            .kinds()
            .map(|(kind, count)| (kind, thousands(count)))
            .collect(),
        rows_left: rows.left().map(|left| {
            let rows = counted(left, "more is", "more are");
            format!("{rows} in problems.csv, differences.csv and results.jsonl, not on this page.")
        }),
        several: summary.inputs.len() > 1,
        charts: run_charts(
            &notes.runs,
            again.is_some_and(|again| again.end == RunEnd::Running),
        ),
        bars: bars(summary),
        facts: facts(summary, notes),
    }
    .render()
}

fn problem_line(group: &ProblemGroup) -> ProblemLine {
    let lines: Vec<String> = group.lines.iter().map(ToString::to_string).collect();
    ProblemLine {
        kind: group.code.replace('_', " "),
        field: group.field,
        severity: group.severity,
        count: thousands(group.count),
        lines: lines.join(", "),
        message: on_one_line(&group.message, page_rows::MESSAGE_SHOWN),
    }
}

/// What is counted beside the rows.
fn beside(summary: &Summary, notes: &PageNotes) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(notes.words.plan.clone());
    let again = notes.again.iter().flat_map(|again| &again.notes);
    lines.extend(again.cloned());
    if let Some(surplus) = summary.surplus {
        let customers = counted(surplus, "customer", "customers");
        lines.push(format!(
            "{customers} at Kable that no row of the input has."
        ));
    }
    for rows in summary.skipped_rows.iter().take(ITEMS_SHOWN) {
        let count = counted(rows.count, "row", "rows");
        let reason = on_one_line(&rows.reason, page_rows::MESSAGE_SHOWN);
        lines.push(format!("Skipped: {count} ({reason})."));
    }
    for rows in &summary.defaults {
        let sentence = on_one_line(&rows.sentence(), page_rows::MESSAGE_SHOWN);
        lines.push(format!("{sentence}."));
    }
    let left = summary.left_the_file.sum();
    if left > 0 {
        let rows = counted(left, "row", "rows");
        lines.push(format!(
            "{rows} of earlier runs that were in doubt and are no longer in the input."
        ));
    }
    lines
}

fn bars(summary: &Summary) -> Vec<ValueBars> {
    let detail = &summary.detail;
    let of = |counts, title, what| value_bars(title, what, counts, VALUES_SHOWN);
    let fields: Vec<(&str, u64)> = summary
        .differences
        .iter()
        .map(|field| (field.field, field.rows))
        .collect();
    let lists = [
        (!fields.is_empty())
            .then(|| value_bars("Fields that differ", "Field", (fields, 0), VALUES_SHOWN)),
        of(
            detail.currencies.largest(VALUES_SHOWN),
            "Currencies",
            "Currency",
        )
        .into(),
        of(
            detail.countries.largest(VALUES_SHOWN),
            "Countries",
            "Country",
        )
        .into(),
        latencies(&detail.percentiles).into(),
    ];
    let lists = lists.into_iter().flatten();
    lists
        .filter(|list: &ValueBars| !list.bars.is_empty())
        .collect()
}

/// How long the run took, and all runs of its checkpoint if there were others.
fn took(summary: &Summary) -> String {
    let all = summary.elapsed_seconds;
    match summary.this_run {
        Some(run) if all - run.elapsed_seconds >= 0.1 => {
            format!("{:.1} s; all runs {all:.1} s", run.elapsed_seconds)
        }
        Some(_) | None => format!("{all:.1} s"),
    }
}

fn facts(summary: &Summary, notes: &PageNotes) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            facts.push((name.to_owned(), on_one_line(value, TEXT_SHOWN)));
        }
    };
    add("Account", &summary.target.kable_client_id);
    add("Kable", &summary.target.base_url);
    add("Input", &listed(&summary.inputs, NAMES_SHOWN));
    for digest in notes.digests.iter().take(ITEMS_SHOWN) {
        let (name, sha256) = (&digest.name, &digest.sha256);
        let bytes = counted(digest.bytes, "byte", "bytes");
        add("SHA-256", &format!("{sha256} {name} ({bytes})"));
    }
    add("Checkpoint", &summary.checkpoint);
    if let Some(span) = &summary.span {
        add("Began", &span.started);
        add("Ended", &span.finished);
    }
    add("Took", &took(summary));
    if summary.requests.sent > 0 {
        let requests = &summary.requests;
        let all = counted(requests.sent, "request", "requests");
        let (retried, throttled) = (thousands(requests.retried), thousands(requests.throttled));
        let lookups = counted(requests.lookups, "look-up", "look-ups");
        add(
            "Requests",
            &format!("{all}: {retried} sent again, {throttled} throttled, {lookups}"),
        );
    }
    let ours = summary.created_by_this_checkpoint;
    if ours > 0 {
        let of_all = share(ours, summary.rows.read);
        add(
            "Created by this checkpoint",
            &format!("{} ({of_all})", thousands(ours)),
        );
    }
    add("Command", &notes.command_line);
    for option in notes.stored.iter().take(ITEMS_SHOWN) {
        add("Option", option);
    }
    for setting in notes.settings.iter().take(ITEMS_SHOWN) {
        add("Mapping", setting.trim());
    }
    match &notes.again {
        None => add("Exit code", &summary.exit_code.to_string()),
        Some(again) => add("Latest run", again.end.text()),
    }
    add("Version", notes.version);
    add("Page written", &notes.written);
    facts
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
