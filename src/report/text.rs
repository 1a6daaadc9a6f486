//! The summary at the end of a run: what was done, what was not and why, where the
//! files are, and what to type next.

use std::fmt::Write;

use super::atomic_file::WrittenFile;
use super::forecast_text::forecast_sentences;
use super::outcome_text::outcome_text;
use crate::domain::compared_fields::FieldCount;
use crate::domain::outcome::Outcome;
use crate::domain::pruned::PrunedCounts;
use crate::domain::summary::{ProblemGroup, Summary};
use crate::domain::text::{counted, escaped, thousands};

/// How many line numbers are shown for a problem.
const LINES_SHOWN: usize = 5;

/// How many fields are shown that differ.
const FIELDS_SHOWN: usize = 6;

/// How many kinds of problems are shown; all are in `problems.csv`.
const KINDS_SHOWN: usize = 12;

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
    /// The first failures and differences: line and message.
    pub first_failures: Vec<(u64, String)>,
    /// Notes on files that were kept from being replaced.
    pub kept: Vec<String>,
    /// What to do next, with the command for it; empty if there is none.
    pub next: Vec<(String, String)>,
}

/// Formats the whole summary.
pub fn summary(summary: &Summary, words: &SummaryNotes, files: &[WrittenFile]) -> String {
    let mut text = String::new();
    let mut line = |part: &str| {
        // Writing to a string can't fail.
        writeln!(text, "{}", escaped(part)).ok();
    };
    words.title.lines().for_each(&mut line);
    if let Some(halt) = &words.halt {
        line(halt);
    }
    line("");
    rows(summary, &mut line);
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
    problems(summary, words.strict, &mut line);
    if summary.inputs.len() > 1 && !summary.problems.is_empty() {
        line("");
        line("Lines are counted in each file; problems.csv says which file.");
    }
    if !words.first_failures.is_empty() {
        line("");
        line(match (summary.command.as_str(), &summary.would) {
            ("validate" | "verify", _) => "The first rows that Kable holds otherwise:",
            (_, Some(_)) => "The first rows that differ, failed or are in doubt:",
            _ => "The first rows that did not come to a good end:",
        });
        for (at, said) in &words.first_failures {
            line(&format!("  line {at}: {said}"));
        }
    }
    if summary.requests.sent > 0 {
        line("");
        requests(summary).lines().for_each(&mut line);
    }
    if !files.is_empty() {
        line("");
        where_the_files_are(files, &mut line);
    }
    for kept in &words.kept {
        line(kept);
    }
    if !summary.checkpoint.is_empty() {
        line(&format!("Checkpoint: {}", summary.checkpoint));
    }
    next(&words.next, &mut line);
    text
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

fn rows(summary: &Summary, line: &mut impl FnMut(&str)) {
    let mut row = |number: u64, what: &str| {
        if number > 0 {
            line(&format!("  {:>12}  {what}", thousands(number)));
        }
    };
    row(summary.rows.read, "rows read");
    if summary.would.is_none() {
        for outcome in Outcome::ALL {
            row(
                summary.outcomes.of(outcome),
                outcome_text(outcome, &summary.command),
            );
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
    for rows in &summary.defaults {
        line(&rows.sentence());
    }
    fields("Differ in", &summary.differences, line);
    fields(
        "Not shown by Kable, so not compared:",
        &summary.not_compared,
        line,
    );
}

/// What became of customers that the file no longer has.
const fn pruned(counts: PrunedCounts) -> [(u64, &'static str); 6] {
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

fn problems(summary: &Summary, strict: bool, line: &mut impl FnMut(&str)) {
    let errors = match summary.command.as_str() {
        "verify" => "Errors (these rows are not compared):",
        _ => "Errors (these rows are not sent):",
    };
    let (warnings, corrections) = if strict {
        (
            "Warnings (with --strict a reason to reject a row):",
            "To be put right (with --strict a reason to reject a row):",
        )
    } else {
        (
            "Warnings (no reason to reject a row; have a look):",
            "Put right on the way:",
        )
    };
    for (severity, title) in [
        ("error", errors),
        ("warning", warnings),
        ("correction", corrections),
    ] {
        let of: Vec<&ProblemGroup> = summary
            .problems
            .iter()
            .filter(|kind| kind.severity == severity)
            .collect();
        if of.is_empty() {
            continue;
        }
        line("");
        line(title);
        for kind in of.iter().take(KINDS_SHOWN) {
            let name = if kind.field.is_empty() {
                kind.code.to_owned()
            } else {
                format!("{} in {}", kind.code, kind.field)
            };
            line(&format!(
                "  {:>8}  {name}, {}",
                thousands(kind.count),
                on_lines(kind)
            ));
            line(&format!("            {}", kind.message));
        }
        if of.len() > KINDS_SHOWN {
            line(&format!(
                "            and {} of problems in problems.csv",
                counted((of.len() - KINDS_SHOWN) as u64, "more kind", "more kinds")
            ));
        }
    }
}

fn on_lines(kind: &ProblemGroup) -> String {
    let shown: Vec<String> = kind
        .lines
        .iter()
        .take(LINES_SHOWN)
        .map(ToString::to_string)
        .collect();
    let word = if kind.count == 1 { "line" } else { "lines" };
    let more = if kind.count > shown.len() as u64 {
        ", …"
    } else {
        ""
    };
    format!("{word} {}{more}", shown.join(", "))
}

fn requests(summary: &Summary) -> String {
    let requests = summary.requests;
    // A sync begins anew each night.
    let of = if summary.command == "sync" {
        "This run"
    } else {
        "All runs on this checkpoint"
    };
    let latency = summary.latency_ms;
    let answers = if latency.max > 0.0 {
        let (p50, p99) = (latency.p50, latency.p99);
        format!(";\nanswers took {p50} ms (median), {p99} ms (99 %)")
    } else {
        String::new()
    };
    format!(
        "{}: {} in {:.1} s, {} sent again, {} throttled, {} look-ups{answers}",
        of,
        counted(requests.sent, "request", "requests"),
        summary.elapsed_seconds,
        thousands(requests.retried),
        thousands(requests.throttled),
        thousands(requests.lookups),
    )
}

fn where_the_files_are(files: &[WrittenFile], line: &mut impl FnMut(&str)) {
    let folder = files.first().and_then(|file| file.place.parent());
    if let Some(folder) = folder {
        line(&format!(
            "Results are in {}{}",
            folder.display(),
            std::path::MAIN_SEPARATOR
        ));
    }
    // An empty problems file exists for scripts, and is not listed.
    for file in files
        .iter()
        .filter(|file| file.rows > 0 || !file.place.ends_with("problems.csv"))
    {
        let name = file.place.file_name().unwrap_or_default().to_string_lossy();
        let kind = name.split(['.', '-']).next().unwrap_or_default();
        let many = |one, several| counted(file.rows, one, several);
        let lines = || many("line", "lines");
        let holds = match kind {
            "rejects" => format!("{} to mend and feed back", many("row", "rows")),
            "failures" => format!("{} that Kable refused", many("row", "rows")),
            "problems" => format!(
                "{}, a line each, for a spreadsheet",
                many("problem", "problems")
            ),
            "results" => format!("the outcome of every row: {}", lines()),
            "online" => format!("what Kable holds of every row: {}", lines()),
            "differences" => format!("what differs at Kable, a line each: {}", lines()),
            "cancelled" => format!("what became of those to be cancelled: {}", lines()),
            "verified" => format!("how every row compares: {}", lines()),
            "keys" => "the API keys that Kable made: keep them safe".to_owned(),
            _ if name.ends_with(".html") => "this run to look at, in a browser".to_owned(),
            _ => "these figures, for scripts".to_owned(),
        };
        line(&format!("  {name:<16} {holds}"));
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{SummaryNotes, summary};
    use crate::domain::field::Field;
    use crate::domain::outcome::Outcome;
    use crate::domain::problem::{Code, Problem};
    use crate::domain::row_tally::{DefaultedRows, SkippedRows};
    use crate::domain::summary::{Latency, ProblemCounts, RequestCounts, RowCounts, Summary};
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
            first_failures: vec![(77, "status 422: no such tax id".to_owned())],
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
        insta::assert_snapshot!(summary(&figures(), &words, &files));
    }

    #[test]
    fn strict_titles_say_that_warnings_reject_rows() {
        let strict = SummaryNotes {
            strict: true,
            ..SummaryNotes::default()
        };
        let text = summary(&figures(), &strict, &[]);
        assert!(text.contains("To be put right (with --strict a reason to reject a row):"));
        assert!(!text.contains("Put right on the way"));
    }
}
