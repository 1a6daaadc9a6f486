//! Problems by kind, in words: in as many lines as there is room for.

use crate::domain::problem_groups::ProblemGroup;
use crate::domain::text::{counted, quoted, thousands};

/// How many line numbers are shown for a problem.
const LINES_SHOWN: usize = 5;

/// How many kinds of problems are shown; all are in `problems.csv`.
const KINDS_SHOWN: usize = 12;

/// How many values are shown for a kind.
const VALUES_SHOWN: usize = 4;

/// The columns of a line that says all of a kind.
const WIDTH: usize = 79;

/// How much is said of single problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SummaryDetailLevel {
    /// Every kind with its first message, every file with what it holds.
    Full,
    /// Every kind with its first message, and the names of the files.
    Messages,
    /// Errors with the start of their first messages, a line for each kind of warnings.
    Errors,
    /// A line a kind of errors.
    Kinds,
    /// A line each for at most so many kinds.
    Some(usize),
}

impl SummaryDetailLevel {
    /// Whether errors are shown with their first messages.
    pub(super) fn has_messages(self) -> bool {
        matches!(self, Self::Full | Self::Messages | Self::Errors)
    }

    /// The level for what is no error.
    fn of_warnings(self) -> Self {
        if self == Self::Errors {
            Self::Kinds
        } else {
            self
        }
    }
}

/// The titles of the severities.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProblemTitles {
    errors: &'static str,
    warnings: &'static str,
    corrections: &'static str,
    /// Whether corrections are shown by kind.
    has_all_kinds: bool,
}

impl ProblemTitles {
    /// Those for `command`; `strict` rejects rows for warnings too.
    pub(super) fn of(command: &str, strict: bool) -> Self {
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
        Self {
            errors: match command {
                "verify" => "Errors (these rows are not compared):",
                _ => "Errors (these rows are not sent):",
            },
            warnings,
            corrections,
            has_all_kinds: command == "validate" || strict,
        }
    }
}

/// Says what is wrong.
pub(super) fn problem_lines(
    groups: &[ProblemGroup],
    titles: ProblemTitles,
    level: SummaryDetailLevel,
    line: &mut impl FnMut(&str),
) {
    let of = |severity: &str| {
        let of = groups.iter().filter(|group| group.severity == severity);
        of.collect::<Vec<_>>()
    };
    let (errors, warnings, corrections) = (of("error"), of("warning"), of("correction"));
    by_kind(titles.errors, &errors, level, line);
    let (mut untold_warnings, mut untold_corrections) = (&warnings[..], &corrections[..]);
    if level.has_messages() {
        by_kind(titles.warnings, &warnings, level.of_warnings(), line);
        untold_warnings = &[];
    }
    if level == SummaryDetailLevel::Full && titles.has_all_kinds {
        by_kind(titles.corrections, &corrections, level, line);
        untold_corrections = &[];
    }
    let sum = |of: &[&ProblemGroup]| of.iter().map(|group| group.count).sum::<u64>();
    let counts = [
        (sum(untold_warnings), "warning", "warnings"),
        (sum(untold_corrections), "correction", "corrections"),
    ];
    let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, one, several)| counted(count, one, several))
        .collect();
    if !counts.is_empty() {
        line("");
        line(&format!("{} in problems.csv", counts.join(" and ")));
    }
}

fn by_kind(
    title: &str,
    groups: &[&ProblemGroup],
    level: SummaryDetailLevel,
    line: &mut impl FnMut(&str),
) {
    if groups.is_empty() {
        return;
    }
    line("");
    line(title);
    let most = match level {
        SummaryDetailLevel::Full | SummaryDetailLevel::Messages | SummaryDetailLevel::Errors => {
            KINDS_SHOWN
        }
        SummaryDetailLevel::Kinds => groups.len(),
        SummaryDetailLevel::Some(kinds) => kinds,
    };
    for kind in groups.iter().take(most) {
        let text = format!("  {:>8}  {}", thousands(kind.count), described(kind));
        line(&console::truncate_str(&text, WIDTH, "…"));
        let message = format!("            {}", kind.message);
        if level == SummaryDetailLevel::Errors {
            line(&console::truncate_str(&message, WIDTH, "…"));
        } else if level.has_messages() {
            line(&message);
        }
    }
    if groups.len() > most {
        let more = (groups.len() - most) as u64;
        line(&format!(
            "            and {} of problems in problems.csv",
            counted(more, "more kind", "more kinds")
        ));
    }
}

/// The code and field, and the values or the lines.
fn described(kind: &ProblemGroup) -> String {
    let name = if kind.field.is_empty() {
        kind.code.to_owned()
    } else {
        format!("{} in {}", kind.code, kind.field)
    };
    let values = kind.values.iter().take(VALUES_SHOWN);
    let of_values: u64 = values.clone().map(|known| known.count).sum();
    // Values that hardly occur twice say less than where they are.
    if kind.count > 1 && of_values * 2 > kind.count {
        let shown =
            values.map(|known| format!("{} {}", plain(&known.value), thousands(known.count)));
        let shown: Vec<String> = shown.collect();
        let more = if of_values < kind.count { ", …" } else { "" };
        return format!("{name}: {}{more}, {}", shown.join(", "), on_lines(kind, 2));
    }
    format!("{name}, {}", on_lines(kind, LINES_SHOWN))
}

/// A value as it is if it is a plain word, else in quotes.
fn plain(value: &str) -> String {
    let is_plain = value
        .chars()
        .all(|letter| letter.is_alphanumeric() || "_.-".contains(letter));
    if is_plain {
        value.to_owned()
    } else {
        quoted(value)
    }
}

fn on_lines(kind: &ProblemGroup, most: usize) -> String {
    let shown = kind.lines.iter().take(most).map(ToString::to_string);
    let shown: Vec<String> = shown.collect();
    let word = if kind.count == 1 { "line" } else { "lines" };
    let more = if kind.count > shown.len() as u64 {
        ", …"
    } else {
        ""
    };
    format!("{word} {}{more}", shown.join(", "))
}
