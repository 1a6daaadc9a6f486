//! What to do next about what a check found: three things at most, and what
//! helps most rows first.
//!
//! It says what to do; how that is typed is the front's.

use std::cmp::Reverse;

use super::field::Field;
use super::header::guess;
use super::outcome::Outcome;
use super::problem::{Code, Fix, Severity};
use super::summary::{FixGroup, ProblemGroup, Summary};
use super::text::{counted, listed, quoted};

/// How many things are said, the last of them included.
const MOST: usize = 3;

/// How many values or codes of a kind are named.
const NAMED: usize = 3;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    /// What to do, in words; reads on with a command where there is one.
    pub what: String,
    /// What to type.
    pub how: StepCommand,
}

/// What to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepCommand {
    /// Nothing: it is done in the file, or elsewhere.
    ByHand,
    /// The same command.
    Again,
    /// The same command with these options.
    With(Vec<String>),
    /// The command that imports what was checked.
    Import,
}

/// What a check found.
#[derive(Debug, Clone, Copy)]
pub struct CheckReport<'c> {
    /// The figures.
    pub summary: &'c Summary,
    /// Columns that feed no field.
    pub unused: &'c [String],
    /// Whether it was looked up what Kable has.
    pub online: bool,
    /// Values that options give to rows that have none.
    pub constants: &'c [(Field, String)],
}

/// A value that an option gives, and that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongConstant {
    /// The field.
    pub field: Field,
    /// The value.
    pub value: String,
    /// In how many rows.
    pub rows: u64,
    /// What it should be, where that is known.
    pub better: Option<String>,
}

impl WrongConstant {
    /// What to do about it.
    pub fn said(&self) -> String {
        format!(
            "Give --set {} another value: {} is wrong in {}, and stands in none of them",
            self.field,
            quoted(&self.value),
            counted(self.rows, "row", "rows")
        )
    }
}

/// Those of `constants` that `problems` are about: they are not to be mended in
/// any file.
pub fn wrong_constants(
    problems: &[ProblemGroup],
    constants: &[(Field, String)],
) -> Vec<WrongConstant> {
    let wrong = constants.iter().filter_map(|(field, value)| {
        let kind = problems
            .iter()
            .find(|kind| is_about_constant(kind, *field, value))?;
        let better = kind.mendings.iter().find_map(|mending| match mending.mend {
            Fix::Write(code) if mending.found.contains(value) => Some(code.to_owned()),
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

fn is_about_constant(kind: &ProblemGroup, field: Field, value: &str) -> bool {
    kind.severity == Severity::Error.name()
        && kind.code != Code::MissingField.name()
        && kind.code != Code::DuplicateClientId.name()
        && kind.field == field.name()
        && kind.message.contains(&quoted(value))
}

/// What to do next.
pub fn advice(checked: CheckReport<'_>) -> Vec<NextStep> {
    let mut steps: Vec<(u64, NextStep)> = Field::REQUIRED
        .into_iter()
        .filter_map(|field| checked.fill(field))
        .chain(
            [
                checked.write(),
                checked.allow(),
                checked.leave_out(),
                checked.take_external_ids(),
                checked.ask(),
                checked.make(),
            ]
            .into_iter()
            .flatten(),
        )
        .collect();
    let wrong = wrong_constants(&checked.summary.problems, checked.constants);
    steps.extend(wrong.iter().map(|wrong| {
        let how = wrong.better.as_ref().map_or(StepCommand::ByHand, |better| {
            StepCommand::With(vec![
                "--set".to_owned(),
                format!("{}={better}", wrong.field),
            ])
        });
        let what = wrong.said();
        (wrong.rows, NextStep { what, how })
    }));
    steps.sort_by_key(|(rows, _)| Reverse(*rows));
    steps.truncate(MOST - 1);
    let mut steps: Vec<NextStep> = steps.into_iter().map(|(_, step)| step).collect();
    let of_options: u64 = wrong.iter().map(|wrong| wrong.rows).sum();
    if wrong.is_empty() || checked.summary.rows.rejected > of_options {
        steps.push(checked.last());
    }
    steps
}

impl CheckReport<'_> {
    /// What gives `field` to the rows without it, if those are most.
    fn fill(&self, field: Field) -> Option<(u64, NextStep)> {
        let rows = self.summary.rows;
        let lacking = self.many(Code::MissingField, field);
        if lacking * 2 <= rows.read - rows.skipped {
            return None;
        }
        let lack = format!(
            "{field}, which {}",
            counted(lacking, "row lacks", "rows lack")
        );
        let option = |name: &str, value: &str| {
            StepCommand::With(vec![name.to_owned(), format!("{field}={value}")])
        };
        let (what, how) = if let Some(column) = guess(field, self.unused) {
            (
                format!("Take {lack}, from the column {}", quoted(column)),
                option("--map", column),
            )
        } else if field == Field::Currency {
            let other = if self.unused.is_empty() {
                ""
            } else {
                ", or name its column with --map currency=COLUMN"
            };
            (
                format!("Set {lack}, if it is the same for all of them{other}"),
                option("--set", "USD"),
            )
        } else if self.unused.is_empty() {
            return None;
        } else {
            (
                format!("Say which column holds {lack}, with --map {field}=COLUMN"),
                StepCommand::ByHand,
            )
        };
        Some((lacking, NextStep { what, how }))
    }

    /// Values that are no codes, and what they stand for.
    fn write(&self) -> Option<(u64, NextStep)> {
        let codes = self.mendings(|mend| match mend {
            Fix::Write(code) => Some((*code).to_owned()),
            Fix::Allow(_) | Fix::ExternalIds | Fix::LeaveOut => None,
        });
        let said = codes.iter().map(|(code, mending)| {
            let found: Vec<String> = mending.found.iter().map(|value| quoted(value)).collect();
            let rows = counted(mending.count, "row", "rows");
            format!("{code} for {} ({rows})", listed(&found, found.len()))
        });
        let said: Vec<String> = said.collect();
        by_hand(&codes, format!("Write {}", listed(&said, NAMED)))
    }

    /// Currencies that Kable may take by now.
    fn allow(&self) -> Option<(u64, NextStep)> {
        let codes = self.mendings(|mend| match mend {
            Fix::Allow(code) => Some(code.clone()),
            Fix::Write(_) | Fix::ExternalIds | Fix::LeaveOut => None,
        });
        let names: Vec<&str> = codes.iter().map(|(code, _)| code.as_str()).collect();
        let rows = sum(&codes);
        let options = names.iter().take(NAMED);
        let options = options.flat_map(|code| ["--allow-currency".to_owned(), (*code).to_owned()]);
        let step = NextStep {
            what: format!(
                "Ask Kable whether it takes {} by now ({}), and allow what it takes",
                listed(&names, NAMED),
                counted(rows, "row", "rows")
            ),
            how: StepCommand::With(options.collect()),
        };
        (rows > 0).then_some((rows, step))
    }

    /// Rows that say what others say.
    fn leave_out(&self) -> Option<(u64, NextStep)> {
        let repeats = self.mendings(|mend| match mend {
            Fix::LeaveOut => Some(String::new()),
            Fix::Write(_) | Fix::Allow(_) | Fix::ExternalIds => None,
        });
        let rows = counted(
            sum(&repeats),
            "row that repeats another in every field",
            "rows that repeat others in every field",
        );
        by_hand(&repeats, format!("Leave out {rows}: nothing is lost by it"))
    }

    /// External ids, which can be taken for the ids that they stand for.
    fn take_external_ids(&self) -> Option<(u64, NextStep)> {
        let rows = self.external_ids();
        let ids = counted(rows, "external id", "external ids");
        let step = NextStep {
            what: format!("Send the plan or bundle that is meant by {ids}"),
            how: StepCommand::With(vec!["--plan-ids".to_owned(), "external".to_owned()]),
        };
        (rows > 0).then_some((rows, step))
    }

    fn external_ids(&self) -> u64 {
        sum(&self.mendings(|mend| match mend {
            Fix::ExternalIds => Some(String::new()),
            Fix::Write(_) | Fix::Allow(_) | Fix::LeaveOut => None,
        }))
    }

    /// Ids that look wrong, and that Kable can be asked about.
    fn ask(&self) -> Option<(u64, NextStep)> {
        let rows = self.many(Code::SuspectValue, Field::PlanIds)
            + self.many(Code::SuspectValue, Field::BundleIds);
        let ids = counted(
            rows,
            "plan or bundle id that looks odd",
            "plan and bundle ids that look odd",
        );
        let step = NextStep {
            what: format!("Ask Kable about {ids}"),
            how: StepCommand::With(vec!["--online".to_owned()]),
        };
        (rows > 0 && !self.online).then_some((rows, step))
    }

    /// Plans and bundles that Kable does not have.
    fn make(&self) -> Option<(u64, NextStep)> {
        let rows = self.many(Code::UnknownPlan, Field::PlanIds)
            + self.many(Code::UnknownBundle, Field::BundleIds);
        let rows = rows.saturating_sub(self.external_ids());
        let ids = counted(rows, "plan or bundle id", "plan and bundle ids");
        let step = NextStep {
            what: format!("Mend {ids} that Kable does not have, or make them there"),
            how: StepCommand::ByHand,
        };
        (rows > 0).then_some((rows, step))
    }

    /// What comes after all else.
    fn last(&self) -> NextStep {
        if self.summary.rows.rejected > 0 {
            return NextStep {
                what: "Mend the rejected rows where they stand, and check again".to_owned(),
                how: StepCommand::Again,
            };
        }
        let differ = self.summary.outcomes.of(Outcome::Differs);
        let has = |severity: Severity| {
            let mut kinds = self.summary.problems.iter();
            kinds.any(|kind| kind.severity == severity.name())
        };
        let what = if differ > 0 {
            format!(
                "Import it: {} that Kable holds otherwise; --existing update changes what the API lets be changed",
                counted(
                    differ,
                    "customer stays as it is",
                    "customers stay as they are"
                )
            )
        } else if has(Severity::Warning) {
            "Have a look at the warnings, and import it".to_owned()
        } else if has(Severity::Correction) {
            "Import it: what was put right is sent like that, and nothing is to be mended"
                .to_owned()
        } else {
            "Import it".to_owned()
        };
        NextStep {
            what,
            how: StepCommand::Import,
        }
    }

    fn many(&self, code: Code, field: Field) -> u64 {
        let is_it = |kind: &&ProblemGroup| kind.code == code.name() && kind.field == field.name();
        self.summary
            .problems
            .iter()
            .find(is_it)
            .map_or(0, |kind| kind.count)
    }

    /// What would put problems right, of the kind that `wanted` names.
    fn mendings(&self, wanted: impl Fn(&Fix) -> Option<String>) -> Vec<(String, &FixGroup)> {
        let is_in_file = |kind: &&ProblemGroup| {
            let mut constants = self.constants.iter();
            !constants.any(|(field, value)| is_about_constant(kind, *field, value))
        };
        let problems = self.summary.problems.iter().filter(is_in_file);
        let all = problems.flat_map(|kind| &kind.mendings);
        all.filter_map(|mending| Some((wanted(&mending.mend)?, mending)))
            .collect()
    }
}

fn sum(mendings: &[(String, &FixGroup)]) -> u64 {
    mendings.iter().map(|(_, mending)| mending.count).sum()
}

fn by_hand(mendings: &[(String, &FixGroup)], what: String) -> Option<(u64, NextStep)> {
    let how = StepCommand::ByHand;
    let rows = sum(mendings);
    (rows > 0).then_some((rows, NextStep { what, how }))
}

#[cfg(test)]
mod tests {
    use super::{CheckReport, StepCommand, advice};
    use crate::domain::field::Field;
    use crate::domain::outcome::Outcome;
    use crate::domain::problem::{Code, Fix, Problem};
    use crate::domain::summary::{ProblemCounts, Summary};

    /// A check of a thousand rows with these problems, so many of each.
    fn summary(problems: &[(u64, Problem)]) -> Summary {
        let mut tally = ProblemCounts::default();
        let mut summary = Summary::default();
        for (count, problem) in problems {
            (0..*count).for_each(|line| tally.add(line, problem));
            if problem.code.severity() == super::Severity::Error {
                summary.rows.rejected += count;
            }
        }
        summary.rows.read = 1000;
        summary.problems = tally.kinds();
        summary
    }

    fn missing(field: Field) -> Problem {
        Problem::of(Code::MissingField, field, "", "")
    }

    fn currency(value: &str, code: Code, mend: Fix) -> Problem {
        Problem::of(code, Field::Currency, value, "").mended_by(mend)
    }

    /// The steps as lines: what to do, and what to add to the command.
    fn told(problems: &[(u64, Problem)], unused: &[&str]) -> Vec<String> {
        let summary = summary(problems);
        let unused: Vec<String> = unused.iter().map(|name| (*name).to_owned()).collect();
        let steps = advice(CheckReport {
            summary: &summary,
            unused: &unused,
            online: false,
            constants: &[],
        });
        let lines = steps.into_iter().map(|step| match step.how {
            StepCommand::ByHand => step.what,
            StepCommand::Again => format!("{}: again", step.what),
            StepCommand::Import => format!("{}: import", step.what),
            StepCommand::With(options) => format!("{}: {}", step.what, options.join(" ")),
        });
        lines.collect()
    }

    #[test]
    fn what_helps_most_comes_first_and_there_are_three_at_most() {
        let euro = Fix::Write("EUR");
        let told = told(
            &[
                (30, currency("Euro", Code::UnknownCurrency, euro.clone())),
                (12, currency("€", Code::UnknownCurrency, euro)),
                (3, currency("UKP", Code::UnknownCurrency, Fix::Write("GBP"))),
                (
                    7,
                    currency(
                        "CHF",
                        Code::UnsupportedCurrency,
                        Fix::Allow("CHF".to_owned()),
                    ),
                ),
                (600, missing(Field::Currency)),
                (
                    20,
                    Problem::of(Code::DuplicateClientId, Field::ClientId, "c-1", "")
                        .mended_by(Fix::LeaveOut),
                ),
                (
                    40,
                    Problem::of(Code::SuspectValue, Field::PlanIds, "gold", ""),
                ),
            ],
            &[],
        );
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn each_kind_of_problem_has_its_step() {
        let first = |count, problem| told(&[(count, problem)], &[]).swap_remove(0);
        let repeat = Problem::of(Code::DuplicateClientId, Field::ClientId, "c-1", "");
        let steps = [
            first(1, currency("DEM", Code::UnknownCurrency, Fix::Write("EUR"))),
            first(
                9,
                currency(
                    "chf",
                    Code::UnsupportedCurrency,
                    Fix::Allow("CHF".to_owned()),
                ),
            ),
            first(1, repeat.clone().mended_by(Fix::LeaveOut)),
            first(4, repeat),
            first(
                2,
                Problem::of(Code::SuspectValue, Field::BundleIds, "x", ""),
            ),
            first(2, Problem::of(Code::UnknownPlan, Field::PlanIds, "x", "")),
            first(501, missing(Field::Currency)),
            first(500, missing(Field::Currency)),
            first(900, missing(Field::CompanyName)),
        ];
        insta::assert_snapshot!(steps.join("\n"));
    }

    #[test]
    fn a_column_that_feeds_nothing_may_be_the_one_that_is_missing() {
        let lacking = |field| [(900, missing(field))];
        let steps = [
            told(&lacking(Field::Currency), &["Region", "Currency Code"]),
            told(&lacking(Field::Currency), &["Region"]),
            told(&lacking(Field::CompanyName), &["Firma"]),
        ];
        let first: Vec<&str> = steps.iter().map(|told| told[0].as_str()).collect();
        insta::assert_snapshot!(first.join("\n"));
    }

    #[test]
    fn what_is_fit_is_imported() {
        let mut steps = vec![
            told(&[], &[]),
            told(
                &[(5, Problem::of(Code::Corrected, Field::Currency, "usd", ""))],
                &[],
            ),
            told(
                &[(5, Problem::of(Code::SuspectValue, Field::Email, "x", ""))],
                &[],
            ),
        ];
        let mut differs = summary(&[]);
        differs.outcomes.add(Outcome::Differs);
        let step = advice(CheckReport {
            summary: &differs,
            unused: &[],
            online: true,
            constants: &[],
        });
        steps.push(step.into_iter().map(|step| step.what).collect());
        assert!(steps.iter().all(|told| told.len() == 1));
        insta::assert_snapshot!(steps.concat().join("\n"));
    }

    #[test]
    fn what_was_looked_up_is_not_looked_up_again() {
        let summary = summary(&[(
            40,
            Problem::of(Code::SuspectValue, Field::PlanIds, "gold", ""),
        )]);
        let steps = advice(CheckReport {
            summary: &summary,
            unused: &[],
            online: true,
            constants: &[],
        });
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].how, StepCommand::Import);
    }
}
