//! `--explain N`: where each value of the first rows came from.

use std::fmt::Write;
use std::sync::Arc;

use crate::domain::card_number::masked;
use crate::domain::mapping::FieldOrigin;
use crate::domain::problem::{Code, Problem};
use crate::domain::row::{Row, Rows};
use crate::domain::text::{listed, quoted};
use crate::domain::validate::CheckedRow;
use crate::engine::checker::{CheckSettings, Checker};
use crate::report::progress::ProgressDisplay;
use crate::source::input::Input;
use crate::source::reader::InputReader;

/// The width of a field's name.
const NAME_WIDTH: usize = "billingContact.addressLine1".len();

/// Shows where the values of the first `many` rows came from.
pub(super) fn explain(
    inputs: &Arc<[Input]>,
    reading: &CheckSettings,
    watcher: &ProgressDisplay,
    many: u64,
) -> anyhow::Result<()> {
    let mut rows = InputReader::new(Arc::clone(inputs), Some(many));
    let mut checker = Checker::new(reading);
    let mut row = Row::default();
    while rows.next(&mut row)? {
        let columns = rows.columns();
        let name = checker.input_name(row.origin.input);
        let mut text = format!("{name}, line {}:\n", row.origin.line);
        let verdict = match checker.check(&mut row, columns)? {
            CheckedRow::Skipped(reason) => Err(format!("  skipped: {reason}\n")),
            CheckedRow::Fit(fit) => Ok((fit.notes, "")),
            CheckedRow::Unfit(rejection) => Ok((rejection.problems, "  rejected\n")),
        };
        match verdict {
            Err(skipped) => text.push_str(&skipped),
            Ok((problems, rejected)) => {
                let binding = checker.bind(row.origin.input, columns)?;
                for origin in binding.origins(&row, columns) {
                    text.push_str(&line(&origin, &problems));
                }
                text.push_str(&said(&problems));
                text.push_str(rejected);
            }
        }
        watcher.say_lines(masked(text.trim_end()).as_ref());
    }
    Ok(())
}

/// The line of one field: its value, and what it came from.
fn line(origin: &FieldOrigin, problems: &[Problem]) -> String {
    let FieldOrigin {
        field,
        value,
        columns,
        changes,
    } = origin;
    let is_corrected =
        |problem: &&Problem| problem.code == Code::Corrected && problem.field == field.name();
    let mut changes: Vec<&str> = changes.clone();
    if problems.iter().any(|problem| is_corrected(&problem)) {
        changes.push("corrected, see below");
    }
    let sources: Vec<String> = columns
        .iter()
        .map(|(name, given)| {
            if given == value {
                quoted(name)
            } else {
                format!("{} = {}", quoted(name), quoted(given))
            }
        })
        .collect();
    let from = if sources.is_empty() {
        "the default".to_owned()
    } else {
        listed(&sources, 8)
    };
    let note = if changes.is_empty() {
        String::new()
    } else {
        format!(" ({})", changes.join(", "))
    };
    let name = field.name();
    format!(
        "  {name:NAME_WIDTH$}  {} from {from}{note}\n",
        quoted(value)
    )
}

/// What was found wrong with the row.
fn said(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        // Writing to a string can't fail.
        writeln!(text, "  {}: {}", problem.code.name(), problem.message).ok();
    }
    text
}
