//! Values of `--set` that are wrong, whatever the files hold.

use super::field::Field;
use super::problem::{Code, Fix, Severity};
use super::problem_groups::ProblemGroup;
use super::text::{counted, quoted};

/// A value of `--set` that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongConstant {
    /// The field.
    pub field: Field,
    /// The value.
    pub value: String,
    /// How many rows have it.
    pub rows: u64,
    /// The value that it should be, if known.
    pub better: Option<String>,
}

impl WrongConstant {
    /// What to do about it.
    pub fn advice(&self) -> String {
        format!(
            "Give --set {} another value: {} is wrong, and is set in {}",
            self.field,
            quoted(&self.value),
            counted(self.rows, "row", "rows")
        )
    }
}

/// Those of `constants` that `problems` are about: they can't be fixed in any
/// file.
pub fn wrong_constants(
    problems: &[ProblemGroup],
    constants: &[(Field, String)],
) -> Vec<WrongConstant> {
    let wrong = constants.iter().filter_map(|(field, value)| {
        let kind = problems
            .iter()
            .find(|kind| is_about_constant(kind, *field, value))?;
        let better = kind.fixes.iter().find_map(|group| match group.fix {
            Fix::Write(code) if group.found.contains(value) => Some(code.to_owned()),
            Fix::Write(_) | Fix::Allow(_) | Fix::ExternalIds | Fix::LeaveOut => None,
        });
        Some(WrongConstant {
            field: *field,
            value: value.clone(),
            rows: kind.count,
            better,
        })
    });
    wrong.collect()
}

/// Whether the problems `kind` are about the default `value` of `field`.
pub(super) fn is_about_constant(kind: &ProblemGroup, field: Field, value: &str) -> bool {
    kind.severity == Severity::Error.name()
        && kind.code != Code::MissingField.name()
        && kind.code != Code::DuplicateClientId.name()
        && kind.field == field.name()
        && kind.message.contains(&quoted(value))
}
