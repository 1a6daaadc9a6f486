//! The summary at the end of a run, for a terminal of 24 lines and 80 columns: counts first,
//! then what is wrong, then what to type next.
//!
//! Where all of it is too long, it says less of single problems: the files have them.

use super::atomic_file::WrittenFile;
use super::failure_kinds::FailureKind;
use super::files_text::{all_files, file_names};
use super::forecast_text::forecast_sentences;
use super::outcome_text::outcome_text;
use super::palette::Palette;
use super::problem_text::{ProblemTitles, SummaryDetailLevel, problem_lines};
use crate::domain::compared_fields::FieldCount;
use crate::domain::outcome::Outcome;
use crate::domain::pruned::PrunedCounts;
use crate::domain::summary::{RequestCounts, Summary};
use crate::domain::text::{counted, escaped, thousands};

/// The lines of a terminal, and its columns.
const TERMINAL: (usize, usize) = (24, 80);

/// How many fields are shown that differ.
const FIELDS_SHOWN: usize = 6;

/// The parts of the summary that are not figures.
#[derive(Debug, Clone, Default)]
pub struct SummaryNotes {
    /// The title: what was done to what.
    pub title: String,
    /// Why the run ended early, if it did.
    pub halt: Option<String>,
    /// What is still to be sent, and how long it takes.
    pub plan: Option<String>,
    /// Whether warnings and corrections reject rows too.
    pub strict: bool,
    /// What failed, differs or is in doubt, by kind.
    pub failures: Vec<FailureKind>,
    /// Notes on files that were kept from being replaced.
    pub kept: Vec<String>,
    /// What to do next, with the command for it; empty if there is none.
    pub next: Vec<(String, String)>,
}

/// Formats the whole summary.
pub fn summary(
    summary: &Summary,
    words: &SummaryNotes,
    files: &[WrittenFile],
    palette: Palette,
) -> String {
    let levels = [
        SummaryDetailLevel::Full,
        SummaryDetailLevel::Messages,
        SummaryDetailLevel::Errors,
        SummaryDetailLevel::Kinds,
    ];
    let fewer = (1..=6).rev().map(SummaryDetailLevel::Some);
    let mut lines = Vec::new();
    for level in levels.into_iter().chain(fewer) {
        lines = summary_lines(summary, words, files, level);
        if matches!(level, SummaryDetailLevel::Some(_)) && height(&lines) > TERMINAL.0 {
            // Better than to say still less.
            lines.retain(|line| !line.is_empty());
        }
        if height(&lines) <= TERMINAL.0 {
            break;
        }
    }
    let is_bad = |line: &str| words.halt.as_deref() == Some(line);
    let painted = lines.into_iter().map(|line| {
        let text = escaped(&line);
        let text = match line.as_str() {
            line if is_bad(line) => palette.warning(text),
            line if line.contains("failed: refused by Kable") => palette.error(text),
            line if line.contains("rejected: not fit to send") => palette.error(text),
            _ => text.into_owned(),
        };
        text + "\n"
    });
    painted.collect()
}

/// How many rows of a terminal the lines take. Where a command's program has its folder
/// before it, that is not counted: what is said must not depend on where it is installed.
fn height(lines: &[String]) -> usize {
    let width = |line: &String| {
        let word = line.split_whitespace().next().unwrap_or_default();
        let folder = word.strip_suffix("kable-bulk").unwrap_or_default();
        line.chars().count() - folder.chars().count()
    };
    let rows = |line: &String| width(line).div_ceil(TERMINAL.1).max(1);
    lines.iter().map(rows).sum()
}

fn summary_lines(
    summary: &Summary,
    words: &SummaryNotes,
    files: &[WrittenFile],
    level: SummaryDetailLevel,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = |part: &str| lines.push(part.to_owned());
    if let Some(halt) = &words.halt {
        line(halt);
    }
    words.title.lines().for_each(&mut line);
    line("");
    rows(summary, level, &mut line);
    if let Some(would) = &summary.would {
        if words.halt.is_some() && would.to_send() > 0 {
            line("But for that:");
        }
        forecast_sentences(would, &mut line);
    }
    if let Some(plan) = &words.plan {
        line("");
        line(plan);
    }
    wrong(summary, words, level, &mut line);
    if summary.requests.sent > 0 {
        line("");
        for text in requests(summary, level) {
            line(&text);
        }
    }
    if !files.is_empty() {
        line("");
        match level {
            SummaryDetailLevel::Full => all_files(files, &mut line),
            SummaryDetailLevel::Messages
            | SummaryDetailLevel::Errors
            | SummaryDetailLevel::Kinds
            | SummaryDetailLevel::Some(_) => file_names(files, TERMINAL.1, &mut line),
        }
    }
    for kept in &words.kept {
        line(kept);
    }
    // The commands below name it where it has to be typed.
    let is_short = matches!(level, SummaryDetailLevel::Some(_));
    if !summary.checkpoint.is_empty() && !is_short {
        line(&format!("Checkpoint: {}", summary.checkpoint));
    }
    next(&words.next, &mut line);
    lines
}

/// What is wrong, by kind.
fn wrong(
    summary: &Summary,
    words: &SummaryNotes,
    level: SummaryDetailLevel,
    line: &mut impl FnMut(&str),
) {
    let titles = ProblemTitles::of(&summary.command, words.strict);
    problem_lines(&summary.problems, titles, level, line);
    if level.has_messages() && summary.inputs.len() > 1 && !summary.problems.is_empty() {
        line("");
        line("Lines are counted in each file; problems.csv says which file.");
    }
    if words.failures.is_empty() {
        return;
    }
    line("");
    line(match (summary.command.as_str(), &summary.would) {
        ("validate" | "verify", _) => "Rows that differ from Kable:",
        (_, Some(_)) => "Rows that differ, failed or are in doubt:",
        _ => "Rows that failed, differ or are in doubt:",
    });
    let most = match level {
        SummaryDetailLevel::Some(kinds) => kinds,
        SummaryDetailLevel::Full
        | SummaryDetailLevel::Messages
        | SummaryDetailLevel::Errors
        | SummaryDetailLevel::Kinds => words.failures.len(),
    };
    for kind in words.failures.iter().take(most) {
        line(&kind.line());
    }
    if words.failures.len() > most {
        let more = (words.failures.len() - most) as u64;
        let more = counted(more, "more kind", "more kinds");
        line(&format!("            and {more} in the files below"));
    }
}

fn next(things: &[(String, String)], line: &mut impl FnMut(&str)) {
    let several = things.len() > 1;
    if !things.is_empty() {
        line("");
    }
    if several {
        line("What to do next:");
    }
    for (number, (what, command)) in (1..).zip(things) {
        let number = if several {
            format!("  {number}. ")
        } else {
            String::new()
        };
        let colon = if command.is_empty() { "" } else { ":" };
        line(&format!("{number}{what}{colon}"));
        if !command.is_empty() {
            line(&format!("{:1$}{command}", "", number.len().max(2)));
        }
    }
}

fn rows(summary: &Summary, level: SummaryDetailLevel, line: &mut impl FnMut(&str)) {
    let is_short = matches!(level, SummaryDetailLevel::Some(_));
    let mut row = |number: u64, what: &str| {
        if number > 0 {
            line(&format!("  {:>12}  {what}", thousands(number)));
        }
    };
    row(summary.rows.read, "rows read");
    if summary.would.is_none() {
        for outcome in Outcome::ALL {
            let (of_all, what) = (
                summary.outcomes.of(outcome),
                outcome_text(outcome, &summary.command),
            );
            row(of_all, &format!("{what}{}", of_this_run(summary, outcome)));
        }
    }
    row(summary.rows.rejected, "rejected: not fit to send");
    row(
        summary.surplus.unwrap_or_default(),
        "more customers at Kable that no row of the file has",
    );
    for (many, what) in pruned(summary.pruned.unwrap_or_default()) {
        row(many, what);
    }
    row(summary.rows.skipped, &skipped(summary));
    let left = summary.left_the_file;
    row(
        left.created,
        "no longer in the file: created by an earlier run",
    );
    row(left.already_existed, "no longer in the file: already there");
    row(
        left.absent,
        "no longer in the file: in doubt before, and not there",
    );
    row(
        left.unresolved,
        "no longer in the file: in doubt, the next run asks for them",
    );
    if summary.rows.read == 0 {
        line("  no rows read");
    }
    for rows in summary.defaults.iter().filter(|_| !is_short) {
        line(&rows.sentence());
    }
    fields("Differ in", &summary.differences, line);
    fields(
        "Not shown by Kable, so not compared:",
        &summary.not_compared,
        line,
    );
}

/// How many of the rows with an outcome this run dealt with, if earlier ones had a part.
fn of_this_run(summary: &Summary, outcome: Outcome) -> String {
    let Some(this_run) = &summary.this_run else {
        return String::new();
    };
    let (all, now) = (summary.outcomes.of(outcome), this_run.outcomes.of(outcome));
    let is_apart = match outcome {
        Outcome::Pending | Outcome::Unresolved => false,
        Outcome::Created
        | Outcome::AlreadyExisted
        | Outcome::Updated
        | Outcome::Unchanged
        | Outcome::Deleted
        | Outcome::Differs
        | Outcome::Missing
        | Outcome::Failed => now < all,
    };
    if is_apart {
        format!(", {} by this run", thousands(now))
    } else {
        String::new()
    }
}

/// What became of customers that the file no longer has.
const fn pruned(counts: PrunedCounts) -> [(u64, &'static str); 7] {
    [
        (counts.cancelled, "of them cancelled"),
        (
            counts.already_gone,
            "of them cancelled or deleted meanwhile",
        ),
        (counts.changed, "of them left: changed while the sync ran"),
        (counts.failed, "of them left: Kable refused to cancel them"),
        (
            counts.unresolved,
            "of them in doubt: the next sync looks again",
        ),
        (counts.pending, "of them not cancelled yet"),
        (
            counts.withheld,
            "of them left: rows of the file may be missing, or may be theirs",
        ),
    ]
}

/// Lists fields and in how many rows each was found.
fn fields(what: &str, counts: &[FieldCount], line: &mut impl FnMut(&str)) {
    if counts.is_empty() {
        return;
    }
    let named: Vec<String> = counts
        .iter()
        .take(FIELDS_SHOWN)
        .map(|count| format!("{} {}", count.field, thousands(count.rows)))
        .collect();
    let more = if counts.len() > FIELDS_SHOWN {
        ", …"
    } else {
        ""
    };
    line(&format!("{what} {}{more}", named.join(", ")));
}

/// Why rows are skipped: each reason, with its count if there are several.
fn skipped(summary: &Summary) -> String {
    let reasons = match summary.skipped_rows.as_slice() {
        [] => return "skipped: no customers".to_owned(),
        [only] => only.reason.clone(),
        several => {
            let named = several
                .iter()
                .map(|rows| format!("{} {}", thousands(rows.count), rows.reason));
            named.collect::<Vec<_>>().join(", ")
        }
    };
    format!("skipped: no customers ({reasons})")
}

/// The requests of this run, and of all runs if there were others.
fn requests(summary: &Summary, level: SummaryDetailLevel) -> Vec<String> {
    let (all, seconds) = (summary.requests, summary.elapsed_seconds);
    let mut lines = match &summary.this_run {
        Some(this_run) if this_run.requests != all => vec![
            requests_of("This run", this_run.requests, this_run.elapsed_seconds),
            requests_of("All runs", all, seconds),
        ],
        Some(_) | None => vec![requests_of("This run", all, seconds)],
    };
    let latency = summary.latency_ms;
    if latency.max > 0.0 && level == SummaryDetailLevel::Full {
        let (p50, p99) = (latency.p50, latency.p99);
        lines.push(format!("Answers took {p50} ms (median), {p99} ms (99 %)"));
    }
    lines
}

fn requests_of(runs: &str, requests: RequestCounts, seconds: f64) -> String {
    format!(
        "{runs}: {} in {seconds:.1} s: {} sent again, {} throttled, {} look-ups",
        counted(requests.sent, "request", "requests"),
        thousands(requests.retried),
        thousands(requests.throttled),
        thousands(requests.lookups),
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{FailureKind, Palette, SummaryNotes, TERMINAL, height, summary};
    use crate::domain::field::Field;
    use crate::domain::outcome::Outcome;
    use crate::domain::problem::{Code, Problem};
    use crate::domain::problem_groups::ProblemCounts;
    use crate::domain::row_tally::{DefaultedRows, SkippedRows};
    use crate::domain::summary::{Latency, RequestCounts, RowCounts, Summary};
    use crate::report::atomic_file::WrittenFile;

    fn figures() -> Summary {
        let mut problems = ProblemCounts::default();
        for line in [17, 204, 300, 301, 302, 303] {
            let message =
                "currency \"Euro\" is not an ISO 4217 code (wanted three letters, perhaps EUR)";
            problems.add(
                line,
                &Problem::of(Code::UnknownCurrency, Field::Currency, "Euro", message),
            );
        }
        problems.add(
            9,
            &Problem::of(
                Code::Corrected,
                Field::Currency,
                "usd",
                "currency \"usd\" was written as \"USD\"",
            ),
        );
        let mut figures = Summary {
            command: "import".to_owned(),
            checkpoint: "in.csv.checkpoint.db".to_owned(),
            elapsed_seconds: 24.86,
            rows: RowCounts {
                read: 1241,
                skipped: 1,
                rejected: 6,
            },
            requests: RequestCounts {
                sent: 1240,
                retried: 4,
                throttled: 2,
                lookups: 3,
            },
            latency_ms: Latency {
                p50: 40.1,
                p95: 71.0,
                p99: 90.2,
                max: 130.5,
            },
            problems: problems.into_groups(),
            skipped_rows: vec![SkippedRows {
                reason: "blank rows".to_owned(),
                count: 1,
                lines: vec![8],
            }],
            defaults: vec![DefaultedRows {
                field: "currency",
                value: "USD".to_owned(),
                count: 1204,
            }],
            ..Summary::default()
        };
        figures.outcomes.add_many(Outcome::Created, 1233);
        figures.outcomes.add(Outcome::Failed);
        figures
    }

    #[test]
    fn a_tired_person_can_read_it() {
        let words = SummaryNotes {
            title: "Imported in.csv into https://test.kable.io (account kci_1)".to_owned(),
            halt: None,
            plan: None,
            strict: false,
            failures: vec![FailureKind {
                what: "failed: status 422: no such tax id".to_owned(),
                count: 1,
                lines: vec![77],
                client_id: "c-77".to_owned(),
            }],
            kept: Vec::new(),
            next: vec![
                ("Write EUR for \"Euro\" (6 rows)".to_owned(), String::new()),
                (
                    "Mend the rejected rows and feed them back".to_owned(),
                    "kable-bulk import …".to_owned(),
                ),
            ],
        };
        let files = [
            WrittenFile {
                place: PathBuf::from("in.csv.results/rejects.csv"),
                rows: 6,
            },
            WrittenFile {
                place: PathBuf::from("in.csv.results/summary.json"),
                rows: 0,
            },
        ];
        insta::assert_snapshot!(summary(&figures(), &words, &files, Palette::PLAIN));
    }

    #[test]
    fn strict_titles_say_that_warnings_reject_rows() {
        let strict = SummaryNotes {
            strict: true,
            ..SummaryNotes::default()
        };
        let text = summary(&figures(), &strict, &[], Palette::PLAIN);
        assert!(text.contains("To be put right (with --strict a reason to reject a row):"));
        assert!(!text.contains("Put right on the way"));
    }

    #[test]
    fn a_run_with_much_to_say_fits_a_terminal() {
        let mut problems = ProblemCounts::default();
        let codes = [
            Code::UnknownCurrency,
            Code::MissingField,
            Code::InvalidValue,
        ];
        for code in codes {
            for (line, field) in (1..).zip(Field::ALL) {
                for times in 0..=line % 5 {
                    let value = ["SEK", "CHF", "SEK"][usize::try_from(times).unwrap() % 3];
                    problems.add(line, &Problem::of(code, field, value, "wrong"));
                }
            }
        }
        let mut figures = figures();
        figures.problems = problems.into_groups();
        let failures = (1..9).map(|number| FailureKind {
            what: format!("failed: status 42{number}: no"),
            count: 100 * number,
            lines: vec![5, 9, 12, 1000, 100_000],
            client_id: "c-1".to_owned(),
        });
        let next = |command: &str| (format!("Do {command}"), format!("kable-bulk {command}"));
        let words = SummaryNotes {
            title: "Import of in.csv into https://test.kable.io\n(account kci_1)".to_owned(),
            halt: Some("Interrupted. What was done is kept.".to_owned()),
            failures: failures.collect(),
            next: vec![next("import in.csv"), next("import rejects.csv")],
            ..SummaryNotes::default()
        };
        let name = |name: &str| WrittenFile {
            place: PathBuf::from(format!("in.csv.results/{name}")),
            rows: 12_345,
        };
        let files = [
            "rejects.csv",
            "failures.csv",
            "problems.csv",
            "results.jsonl",
            "summary.json",
            "report.html",
        ];
        let files = files.map(name);
        let text = summary(&figures, &words, &files, Palette::PLAIN);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert!(height(&lines) <= TERMINAL.0, "{text}");
        insta::assert_snapshot!(text);
    }
}
