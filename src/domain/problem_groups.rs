//! Problems by kind: what `summary.json` says of them.

use std::collections::HashMap;

use serde::Serialize;

use super::problem::{Code, Fix, Problem, cause_of};
use super::value_counts::ValueCounts;

/// How many causes of problems are told apart in each field.
const MOST_CAUSES: usize = 8;

/// How many lines of each group of problems are kept.
const LINES_KEPT: usize = 10;

/// How many values of each group of problems are told.
const VALUES_KEPT_OF_GROUP: usize = 10;

/// The longest value that is told.
const LONGEST_VALUE: usize = 40;

/// How many values of each fix are kept.
const VALUES_KEPT: usize = 3;

/// All problems of one code, field and cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemGroup {
    /// The stable code.
    pub code: &'static str,
    /// The field, or empty.
    pub field: &'static str,
    /// How many there are.
    pub count: u64,
    /// Their severity.
    pub severity: &'static str,
    /// The first lines that have it.
    pub lines: Vec<u64>,
    /// The message of the first one.
    pub message: String,
    /// The values that occur most often.
    pub values: Vec<ValueCount>,
    /// How often each value occurs.
    #[serde(skip)]
    counts: ValueCounts,
    /// The known fixes, the one for most problems first. There are at most as many
    /// as codes of currencies.
    #[serde(skip)]
    pub fixes: Vec<FixGroup>,
}

/// How often a value occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueCount {
    /// The value, shortened if it is long.
    pub value: String,
    /// How often it occurs.
    pub count: u64,
}

/// The problems of a group that have the same fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixGroup {
    /// The fix.
    pub fix: Fix,
    /// How many problems have it.
    pub count: u64,
    /// The first of their values, each once.
    pub found: Vec<String>,
}

impl ProblemGroup {
    fn add_fix(&mut self, fix: &Fix, value: &str) {
        let known = self.fixes.iter_mut().find(|known| known.fix == *fix);
        let Some(known) = known else {
            self.fixes.push(FixGroup {
                fix: fix.clone(),
                count: 1,
                found: vec![value.to_owned()],
            });
            return;
        };
        known.count += 1;
        if known.found.len() < VALUES_KEPT && !known.found.iter().any(|found| found == value) {
            known.found.push(value.to_owned());
        }
    }
}

/// Problems, counted by code and field, and those that have several causes also by cause.
#[derive(Debug, Clone, Default)]
pub struct ProblemCounts {
    groups: HashMap<(Code, &'static str, String), ProblemGroup>,
}

/// The start of a value: values that agree in it are counted as one.
fn shortened(value: &str) -> String {
    let mut letters = value.chars();
    let start: String = letters.by_ref().take(LONGEST_VALUE).collect();
    if letters.next().is_some() {
        start + "…"
    } else {
        start
    }
}

/// What problems have in common that come from one cause: the message without numbers
/// and quoted text. Other codes have one cause each, or fixes that tell them apart.
fn cause(problem: &Problem) -> String {
    match problem.code {
        Code::MalformedRow
        | Code::WrongType
        | Code::InvalidValue
        | Code::SuspectValue
        | Code::Corrected => {}
        Code::MissingField
        | Code::UnknownCurrency
        | Code::UnsupportedCurrency
        | Code::DuplicateClientId
        | Code::UnknownPlan
        | Code::UnknownBundle
        | Code::KeysLost
        | Code::SimilarClientId
        | Code::SameCustomer => return String::new(),
    }
    cause_of(&problem.message)
}

impl ProblemCounts {
    /// Counts a problem on `line`.
    pub fn add(&mut self, line: u64, problem: &Problem) {
        let mut key = (problem.code, problem.field, cause(problem));
        if !key.2.is_empty() && !self.groups.contains_key(&key) {
            let place = (problem.code, problem.field);
            let causes = self.groups.keys();
            let causes = causes.filter(|known| (known.0, known.1) == place);
            if causes.count() >= MOST_CAUSES {
                key.2.clear();
            }
        }
        let group = self.groups.entry(key).or_insert_with(|| ProblemGroup {
            code: problem.code.name(),
            field: problem.field,
            count: 0,
            severity: problem.code.severity().name(),
            lines: Vec::new(),
            message: problem.message.clone(),
            values: Vec::new(),
            counts: ValueCounts::default(),
            fixes: Vec::new(),
        });
        if !problem.value.is_empty() {
            group.counts.add(&shortened(&problem.value));
        }
        if let Some(fix) = &problem.fix {
            group.add_fix(fix, &problem.value);
        }
        group.count += 1;
        if group.lines.len() < LINES_KEPT && group.lines.last() != Some(&line) {
            group.lines.push(line);
        }
    }

    /// The groups: by severity, then by count, then by name.
    pub fn into_groups(self) -> Vec<ProblemGroup> {
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_by(|(key, one), (other_key, other)| {
            let severity = |key: &(Code, &str, String)| key.0.severity();
            (severity(key), std::cmp::Reverse(one.count), key).cmp(&(
                severity(other_key),
                std::cmp::Reverse(other.count),
                other_key,
            ))
        });
        let mut groups: Vec<_> = groups.into_iter().map(|(_, group)| group).collect();
        for group in &mut groups {
            let (values, _) = group.counts.largest(VALUES_KEPT_OF_GROUP);
            let counted = values.into_iter().map(|(value, count)| ValueCount {
                value: value.to_owned(),
                count,
            });
            group.values = counted.collect();
            group
                .fixes
                .sort_by(|one, other| (other.count, &one.fix).cmp(&(one.count, &other.fix)));
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::ProblemCounts;
    use crate::domain::field::Field;
    use crate::domain::problem::{Code, Fix, Problem};

    #[test]
    fn malformed_rows_are_counted_by_cause() {
        let mut counts = ProblemCounts::default();
        let causes = [
            "the row has 2 cells, wanted 3",
            "text follows",
            "the row has 4 cells, wanted 3",
        ];
        for (line, message) in (1..).zip(causes) {
            counts.add(line, &Problem::of_row(Code::MalformedRow, message));
        }
        for line in 0..100_u8 {
            let letter = char::from(b'a' + line % 26);
            let message = format!("cause {}", String::from(letter).repeat(9));
            counts.add(
                u64::from(line),
                &Problem::of_row(Code::MalformedRow, message),
            );
        }
        let groups = counts.into_groups();
        assert_eq!(groups.len(), super::MOST_CAUSES + 1);
        let first = groups.iter().find(|group| group.lines == [1, 3]).unwrap();
        assert_eq!((first.count, first.message.as_str()), (2, causes[0]));
        assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), 103);
    }

    #[test]
    fn values_are_counted_by_cause_in_each_field() {
        let mut counts = ProblemCounts::default();
        let messages = [
            (Field::Phone, "phone \"n/a\" reads like no value at all"),
            (
                Field::Phone,
                "phone \"8,9E+11\" is a number that was shortened",
            ),
            (
                Field::Phone,
                "phone \"\\\"- or not\" reads like no value at all",
            ),
            (Field::City, "city \"--\" reads like no value at all"),
        ];
        for (line, (field, message)) in (1..).zip(messages) {
            counts.add(line, &Problem::of(Code::SuspectValue, field, "", message));
        }
        for line in 0..100_u8 {
            let letter = String::from(char::from(b'a' + line % 26));
            let problem = Problem::of(Code::SuspectValue, Field::Phone, "", letter);
            counts.add(u64::from(line), &problem);
        }
        let groups = counts.into_groups();
        let of_phone = groups
            .iter()
            .filter(|group| group.field == Field::Phone.name());
        assert_eq!(of_phone.count(), super::MOST_CAUSES + 1);
        for (lines, count) in [(&[1, 3][..], 2), (&[2], 1), (&[4], 1)] {
            let found = groups.iter().find(|group| group.lines == lines);
            assert_eq!(found.map(|group| group.count), Some(count), "{lines:?}");
        }
        assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), 104);
    }

    #[test]
    fn errors_come_first_and_then_the_most_frequent() {
        let mut counts = ProblemCounts::default();
        let of = |code| Problem::of_row(code, "");
        counts.add(2, &of(Code::Corrected));
        counts.add(3, &of(Code::MissingField));
        counts.add(4, &of(Code::MalformedRow));
        counts.add(5, &of(Code::MalformedRow));
        let groups = counts.into_groups();
        let codes: Vec<_> = groups.iter().map(|group| group.code).collect();
        assert_eq!(codes, ["malformed_row", "missing_field", "corrected"]);
        assert_eq!(groups[0].lines, [4, 5]);
    }

    #[test]
    fn the_fix_of_most_problems_comes_first() {
        let mut counts = ProblemCounts::default();
        let write = |value, code| {
            Problem::of(Code::UnknownCurrency, Field::Currency, value, "")
                .fixed_by(Fix::Write(code))
        };
        counts.add(1, &write("UKP", "GBP"));
        for (line, value) in (2..).zip(["Euro", "€", "Euro", "DEM", "euros"]) {
            counts.add(line, &write(value, "EUR"));
        }
        let groups = counts.into_groups();
        let fixes = groups[0].fixes.iter();
        let listed: Vec<_> = fixes
            .map(|known| (&known.fix, known.count, known.found.join(" ")))
            .collect();
        assert_eq!(
            listed,
            [
                (&Fix::Write("EUR"), 5, "Euro € DEM".to_owned()),
                (&Fix::Write("GBP"), 1, "UKP".to_owned())
            ]
        );
    }
}
