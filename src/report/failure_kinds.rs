//! Rows that failed, differ or are in doubt, by kind, for the summary.

use crate::domain::problem::cause_of;
use crate::domain::text::{quoted, thousands};

/// How many kinds are told apart.
const MOST_KINDS: usize = 20;

/// How many lines of each kind are kept.
const LINES_KEPT: usize = 5;

/// Rows with the same outcome and the same cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureKind {
    /// The outcome, and the cause of the first of them: `failed: status 422: no such plan`.
    pub what: String,
    /// How many there are.
    pub count: u64,
    /// The first of their lines.
    pub lines: Vec<u64>,
    /// The `clientId` of the first.
    pub client_id: String,
}

impl FailureKind {
    /// It in a line.
    pub(super) fn line(&self) -> String {
        let (first, others) = match self.lines.as_slice() {
            [first, others @ ..] => (*first, others),
            [] => (0, &[][..]),
        };
        if others.is_empty() {
            let id = quoted(&self.client_id);
            return format!("  line {first}: {id} {}", self.what);
        }
        let lines: Vec<String> = self.lines.iter().map(ToString::to_string).collect();
        let more = if self.count > self.lines.len() as u64 {
            ", …"
        } else {
            ""
        };
        format!(
            "  {:>8}  {}, lines {}{more}",
            thousands(self.count),
            self.what,
            lines.join(", ")
        )
    }
}

/// Tells the kinds apart.
#[derive(Debug, Default)]
pub struct FailureKinds(Vec<(String, FailureKind)>);

impl FailureKinds {
    /// Counts a row; `what` is its outcome and cause.
    pub(super) fn add(&mut self, line: u64, client_id: &str, what: String) {
        let cause = cause_of(&what);
        if let Some((_, kind)) = self.0.iter_mut().find(|(known, _)| *known == cause) {
            kind.count += 1;
            if kind.lines.len() < LINES_KEPT {
                kind.lines.push(line);
            }
        } else if self.0.len() < MOST_KINDS {
            let kind = FailureKind {
                what,
                count: 1,
                lines: vec![line],
                client_id: client_id.to_owned(),
            };
            self.0.push((cause, kind));
        }
    }

    /// The kinds, the most frequent first.
    pub fn into_kinds(self) -> Vec<FailureKind> {
        let mut kinds: Vec<FailureKind> = self.0.into_iter().map(|(_, kind)| kind).collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::FailureKinds;

    #[test]
    fn rows_with_one_cause_are_one_kind_whatever_their_values() {
        let mut kinds = FailureKinds::default();
        kinds.add(
            6,
            "c-5",
            "failed: status 422: plan \"a\" is retired".to_owned(),
        );
        kinds.add(9, "c-8", "differs: companyName".to_owned());
        for line in 10..17 {
            kinds.add(
                line,
                "c",
                format!("failed: status 422: plan \"p{line}\" is retired"),
            );
        }
        let lines: Vec<String> = kinds
            .into_kinds()
            .iter()
            .map(super::FailureKind::line)
            .collect();
        assert_eq!(
            lines,
            [
                "         8  failed: status 422: plan \"a\" is retired, lines 6, 10, 11, 12, 13, …",
                "  line 9: \"c-8\" differs: companyName"
            ]
        );
    }
}
