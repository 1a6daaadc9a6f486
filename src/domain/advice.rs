//! The next steps after a check: three at most, the one that helps most rows first.
//!
//! A step says what to do, and which options it takes; the front turns those into
//! a command line.

use std::cmp::Reverse;

use super::field::Field;
use super::header::guess;
use super::mapping::Mapping;
use super::outcome::Outcome;
use super::problem::{Code, Fix, Severity};
use super::problem_groups::{FixGroup, ProblemGroup};
use super::summary::Summary;
use super::text::{counted, listed, quoted};
use super::wrong_constant::{is_about_constant, wrong_constants};

/// The most steps, the final one included.
const MOST_STEPS: usize = 3;

/// The most values or codes that a step names.
const MOST_NAMED: usize = 3;

/// A next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    /// What to do, in words; the command follows where there is one.
    pub what: String,
    /// The command.
    pub how: StepCommand,
}

/// The command of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepCommand {
    /// None: the step is done in the file, or elsewhere.
    ByHand,
    /// The same command.
    Again,
    /// The same command with these options.
    With(Vec<String>),
    /// The command that imports the same inputs.
    Import,
}

/// What a check found, and how it was run.
#[derive(Debug, Clone, Copy)]
pub struct CheckReport<'c> {
    /// The figures.
    pub summary: &'c Summary,
    /// Columns that are mapped to no field.
    pub unused: &'c [String],
    /// Whether plans and bundles were looked up at Kable.
    pub online: bool,
    /// Which column feeds which field, and the values of `--set`.
    pub mapping: &'c Mapping,
    /// A preset that the columns are recognised as, and that is not used.
    pub preset: Option<&'c str>,
}

/// The next steps after the check that `report` is of.
pub fn advice(report: CheckReport<'_>) -> Vec<NextStep> {
    if let Some(name) = report.preset {
        // What else is wrong may be right with the preset.
        let step = NextStep {
            what: format!(
                "Read it with the preset {name}: its columns are those of another system's export"
            ),
            how: StepCommand::With(vec!["--preset".to_owned(), name.to_owned()]),
        };
        return vec![step, report.final_step()];
    }
    let mut steps: Vec<(u64, NextStep)> = report
        .fill_in_all()
        .into_iter()
        .chain(
            [
                report.replace_values(),
                report.allow_currencies(),
                report.leave_out_repeats(),
                report.resolve_external_ids(),
                report.look_up_ids(),
                report.create_missing_ids(),
            ]
            .into_iter()
            .flatten(),
        )
        .collect();
    let wrong = wrong_constants(&report.summary.problems, &report.mapping.constants);
    steps.extend(wrong.iter().map(|wrong| {
        let how = wrong.better.as_ref().map_or(StepCommand::ByHand, |better| {
            StepCommand::With(vec![
                "--set".to_owned(),
                format!("{}={better}", wrong.field),
            ])
        });
        let what = wrong.advice();
        (wrong.rows, NextStep { what, how })
    }));
    steps.sort_by_key(|(rows, _)| Reverse(*rows));
    steps.truncate(MOST_STEPS - 1);
    let mut steps: Vec<NextStep> = steps.into_iter().map(|(_, step)| step).collect();
    let rows_of_constants: u64 = wrong.iter().map(|wrong| wrong.rows).sum();
    if wrong.is_empty() || report.summary.rows.rejected > rows_of_constants {
        steps.push(report.final_step());
    }
    steps
}

impl CheckReport<'_> {
    /// Fill in what most rows lack: by one command, as far as options do it.
    fn fill_in_all(&self) -> Vec<(u64, NextStep)> {
        let mut steps: Vec<(u64, NextStep)> = Vec::new();
        for (rows, step) in Field::REQUIRED
            .into_iter()
            .filter_map(|field| self.fill_in(field))
        {
            let StepCommand::With(more) = &step.how else {
                steps.push((rows, step));
                continue;
            };
            let mut before = steps
                .iter_mut()
                .filter_map(|(of, step)| match &mut step.how {
                    StepCommand::With(options) => Some((of, &mut step.what, options)),
                    StepCommand::ByHand | StepCommand::Again | StepCommand::Import => None,
                });
            if let Some((of, what, options)) = before.next() {
                *of = rows.max(*of);
                what.push_str("; ");
                what.extend(step.what.chars().take(1).flat_map(char::to_lowercase));
                what.extend(step.what.chars().skip(1));
                options.extend_from_slice(more);
            } else {
                steps.push((rows, step));
            }
        }
        steps
    }

    /// Fill `field` in, if most rows lack it.
    fn fill_in(&self, field: Field) -> Option<(u64, NextStep)> {
        let rows = self.summary.rows;
        let lacking = self.count(Code::MissingField, field);
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

    /// Write currency codes for values that stand for them.
    fn replace_values(&self) -> Option<(u64, NextStep)> {
        let codes = self.fixes(|fix| match fix {
            Fix::Write(code) => Some((*code).to_owned()),
            Fix::Allow(_) | Fix::ExternalIds | Fix::LeaveOut => None,
        });
        let replacements = codes.iter().map(|(code, group)| {
            let found: Vec<String> = group.found.iter().map(|value| quoted(value)).collect();
            let rows = counted(group.count, "row", "rows");
            format!("{code} for {} ({rows})", listed(&found, found.len()))
        });
        let replacements: Vec<String> = replacements.collect();
        by_hand(
            &codes,
            format!("Write {}", listed(&replacements, MOST_NAMED)),
        )
    }

    /// Allow currencies that Kable may accept by now.
    fn allow_currencies(&self) -> Option<(u64, NextStep)> {
        let codes = self.fixes(|fix| match fix {
            Fix::Allow(code) => Some(code.clone()),
            Fix::Write(_) | Fix::ExternalIds | Fix::LeaveOut => None,
        });
        let names: Vec<&str> = codes.iter().map(|(code, _)| code.as_str()).collect();
        let rows = sum(&codes);
        let options = names.iter().take(MOST_NAMED);
        let options = options.flat_map(|code| ["--allow-currency".to_owned(), (*code).to_owned()]);
        let step = NextStep {
            what: format!(
                "Ask Kable whether it accepts {} by now ({}), and allow what it accepts; or \
                 translate with --values currency=FILE",
                listed(&names, MOST_NAMED),
                counted(rows, "row", "rows")
            ),
            how: StepCommand::With(options.collect()),
        };
        (rows > 0).then_some((rows, step))
    }

    /// Leave out rows that are equal to others.
    fn leave_out_repeats(&self) -> Option<(u64, NextStep)> {
        let repeats = self.fixes(|fix| match fix {
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

    /// Send the plans and bundles that external ids stand for.
    fn resolve_external_ids(&self) -> Option<(u64, NextStep)> {
        let rows = self.external_ids();
        let ids = counted(rows, "external id", "external ids");
        let step = NextStep {
            what: format!("Send the plan or bundle that is meant by {ids}"),
            how: StepCommand::With(vec!["--plan-ids".to_owned(), "external".to_owned()]),
        };
        (rows > 0).then_some((rows, step))
    }

    fn external_ids(&self) -> u64 {
        sum(&self.fixes(|fix| match fix {
            Fix::ExternalIds => Some(String::new()),
            Fix::Write(_) | Fix::Allow(_) | Fix::LeaveOut => None,
        }))
    }

    /// Look up ids at Kable that look wrong.
    fn look_up_ids(&self) -> Option<(u64, NextStep)> {
        let rows = self.count(Code::SuspectValue, Field::PlanIds)
            + self.count(Code::SuspectValue, Field::BundleIds);
        let ids = counted(
            rows,
            "plan or bundle id that looks odd",
            "plan and bundle ids that look odd",
        );
        let names = self.count(Code::SuspectValue, Field::PlanIds);
        let translated = if names > 0 && !self.is_translated(Field::PlanIds) {
            "; --values planIds=FILE translates names of plans"
        } else {
            ""
        };
        let step = NextStep {
            what: format!("Ask Kable about {ids}{translated}"),
            how: StepCommand::With(vec!["--online".to_owned()]),
        };
        (rows > 0 && !self.online).then_some((rows, step))
    }

    /// Fix, create or translate plans and bundles that Kable does not have.
    fn create_missing_ids(&self) -> Option<(u64, NextStep)> {
        let plans = self.count(Code::UnknownPlan, Field::PlanIds);
        let bundles = self.count(Code::UnknownBundle, Field::BundleIds);
        let rows = (plans + bundles).saturating_sub(self.external_ids());
        let ids = counted(rows, "plan or bundle id", "plan and bundle ids");
        let fix = format!("Fix {ids} that Kable does not have, or create them there");
        let lists = [
            (Field::PlanIds, plans, "plans.csv", "Pro,pln_…"),
            (Field::BundleIds, bundles, "bundles.csv", "Basic,bun_…"),
        ];
        let untranslated = lists.into_iter();
        let untranslated =
            untranslated.filter(|(field, rows, ..)| *rows > 0 && !self.is_translated(*field));
        let (mut files, mut options) = (Vec::new(), Vec::new());
        for (field, _, file, example) in untranslated {
            files.push(format!("{file} with lines such as {example}"));
            options.extend(["--values".to_owned(), format!("{field}={file}")]);
        }
        let step = if files.is_empty() {
            NextStep {
                what: fix,
                how: StepCommand::ByHand,
            }
        } else {
            NextStep {
                what: format!("{fix}; or translate them: write {}", files.join(" and ")),
                how: StepCommand::With(options),
            }
        };
        (rows > 0).then_some((rows, step))
    }

    /// Whether values of `field` are translated already.
    fn is_translated(&self, field: Field) -> bool {
        let rule = self.mapping.rule(field);
        rule.is_some_and(|rule| rule.values.is_some())
    }

    /// The step after all others.
    fn final_step(&self) -> NextStep {
        if self.summary.rows.rejected > 0 {
            return NextStep {
                what: "Fix the rejected rows in the input, and check again".to_owned(),
                how: StepCommand::Again,
            };
        }
        if self.summary.rows.read == self.summary.rows.skipped {
            return NextStep {
                what: "There is nothing to import: the input has no row of a customer".to_owned(),
                how: StepCommand::ByHand,
            };
        }
        let differ = self.summary.outcomes.of(Outcome::Differs);
        let has = |severity: Severity| {
            let mut kinds = self.summary.problems.iter();
            kinds.any(|kind| kind.severity == severity.name())
        };
        let what = if differ > 0 {
            format!(
                "Import it: {}; --existing update changes what the API can change",
                counted(
                    differ,
                    "customer that differs at Kable stays as it is",
                    "customers that differ at Kable stay as they are"
                )
            )
        } else if has(Severity::Warning) {
            "Look at the warnings, and import it".to_owned()
        } else if has(Severity::Correction) {
            "Import it: corrected values are sent as corrected, and there is nothing to fix"
                .to_owned()
        } else {
            "Import it".to_owned()
        };
        NextStep {
            what,
            how: StepCommand::Import,
        }
    }

    fn count(&self, code: Code, field: Field) -> u64 {
        let is_it = |kind: &&ProblemGroup| kind.code == code.name() && kind.field == field.name();
        let kinds = self.summary.problems.iter().filter(is_it);
        kinds.map(|kind| kind.count).sum()
    }

    /// The fixes that `select` returns a text for, with that text. Problems of
    /// constants are left out.
    fn fixes(&self, select: impl Fn(&Fix) -> Option<String>) -> Vec<(String, &FixGroup)> {
        let is_in_file = |kind: &&ProblemGroup| {
            let mut constants = self.mapping.constants.iter();
            !constants.any(|(field, value)| is_about_constant(kind, *field, value))
        };
        let problems = self.summary.problems.iter().filter(is_in_file);
        let all = problems.flat_map(|kind| &kind.fixes);
        all.filter_map(|group| Some((select(&group.fix)?, group)))
            .collect()
    }
}

fn sum(fixes: &[(String, &FixGroup)]) -> u64 {
    fixes.iter().map(|(_, group)| group.count).sum()
}

fn by_hand(fixes: &[(String, &FixGroup)], what: String) -> Option<(u64, NextStep)> {
    let how = StepCommand::ByHand;
    let rows = sum(fixes);
    (rows > 0).then_some((rows, NextStep { what, how }))
}

#[cfg(test)]
mod tests {
    use super::{CheckReport, StepCommand, advice};
    use crate::domain::field::Field;
    use crate::domain::mapping::{Mapping, ValueMap};
    use crate::domain::outcome::Outcome;
    use crate::domain::problem::{Code, Fix, Problem};
    use crate::domain::problem_groups::ProblemCounts;
    use crate::domain::summary::Summary;

    /// A check of a thousand rows with these problems, so many of each.
    fn summary(problems: &[(u64, Problem)]) -> Summary {
        let mut counts = ProblemCounts::default();
        let mut summary = Summary::default();
        for (count, problem) in problems {
            (0..*count).for_each(|line| counts.add(line, problem));
            if problem.code.severity() == super::Severity::Error {
                summary.rows.rejected += count;
            }
        }
        summary.rows.read = 1000;
        summary.problems = counts.into_groups();
        summary
    }

    fn missing(field: Field) -> Problem {
        Problem::of(Code::MissingField, field, "", "")
    }

    fn currency(value: &str, code: Code, fix: Fix) -> Problem {
        Problem::of(code, Field::Currency, value, "").fixed_by(fix)
    }

    /// The steps as lines: what to do, and the options or the command.
    fn lines(problems: &[(u64, Problem)], unused: &[&str]) -> Vec<String> {
        let summary = summary(problems);
        let unused: Vec<String> = unused.iter().map(|name| (*name).to_owned()).collect();
        let steps = advice(CheckReport {
            summary: &summary,
            unused: &unused,
            online: false,
            mapping: &Mapping::default(),
            preset: None,
        });
        let steps = steps.into_iter().map(|step| match step.how {
            StepCommand::ByHand => step.what,
            StepCommand::Again => format!("{}: again", step.what),
            StepCommand::Import => format!("{}: import", step.what),
            StepCommand::With(options) => format!("{}: {}", step.what, options.join(" ")),
        });
        steps.collect()
    }

    #[test]
    fn the_steps_that_help_most_rows_come_first() {
        let euro = Fix::Write("EUR");
        let lines = lines(
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
                        .fixed_by(Fix::LeaveOut),
                ),
                (
                    40,
                    Problem::of(Code::SuspectValue, Field::PlanIds, "gold", ""),
                ),
            ],
            &[],
        );
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn each_kind_of_problem_has_its_step() {
        let first = |count, problem| lines(&[(count, problem)], &[]).swap_remove(0);
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
            first(1, repeat.clone().fixed_by(Fix::LeaveOut)),
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
    fn an_unmapped_column_may_be_the_missing_one() {
        let lacking = |field| [(900, missing(field))];
        let steps = [
            lines(&lacking(Field::Currency), &["Region", "Currency Code"]),
            lines(&lacking(Field::Currency), &["Region"]),
            lines(&lacking(Field::CompanyName), &["Firma"]),
        ];
        let first: Vec<&str> = steps.iter().map(|lines| lines[0].as_str()).collect();
        insta::assert_snapshot!(first.join("\n"));
    }

    #[test]
    fn an_input_without_errors_is_imported() {
        let mut steps = vec![
            lines(&[], &[]),
            lines(
                &[(5, Problem::of(Code::Corrected, Field::Currency, "usd", ""))],
                &[],
            ),
            lines(
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
            mapping: &Mapping::default(),
            preset: None,
        });
        steps.push(step.into_iter().map(|step| step.what).collect());
        assert!(steps.iter().all(|lines| lines.len() == 1));
        insta::assert_snapshot!(steps.concat().join("\n"));
    }

    #[test]
    fn after_an_online_check_no_look_up_is_suggested() {
        let summary = summary(&[(
            40,
            Problem::of(Code::SuspectValue, Field::PlanIds, "gold", ""),
        )]);
        let steps = advice(CheckReport {
            summary: &summary,
            unused: &[],
            online: true,
            mapping: &Mapping::default(),
            preset: None,
        });
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].how, StepCommand::Import);
    }

    /// The first step for rows with plans that Kable does not have.
    fn for_unknown_plans(mapping: &Mapping, preset: Option<&str>) -> Vec<(String, StepCommand)> {
        let summary = summary(&[
            (4, Problem::of(Code::UnknownPlan, Field::PlanIds, "Pro", "")),
            (
                2,
                Problem::of(Code::UnknownBundle, Field::BundleIds, "B", ""),
            ),
        ]);
        let steps = advice(CheckReport {
            summary: &summary,
            unused: &[],
            online: true,
            mapping,
            preset,
        });
        steps
            .into_iter()
            .map(|step| (step.what, step.how))
            .collect()
    }

    fn options(options: &[&str]) -> StepCommand {
        StepCommand::With(options.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn names_of_plans_are_to_be_translated_unless_they_are_already() {
        let [(what, how), (_, StepCommand::Again)] =
            &for_unknown_plans(&Mapping::default(), None)[..]
        else {
            panic!("two steps");
        };
        assert!(
            what.ends_with("write plans.csv with lines such as Pro,pln_… and bundles.csv with lines such as Basic,bun_…"),
            "{what}"
        );
        let both = ["planIds=plans.csv", "bundleIds=bundles.csv"];
        assert_eq!(*how, options(&["--values", both[0], "--values", both[1]]));
        let mut translated = Mapping::default();
        for field in [Field::PlanIds, Field::BundleIds] {
            translated.rule_mut(field).values = Some(ValueMap::default().into());
        }
        let steps = for_unknown_plans(&translated, None);
        assert_eq!(steps[0].1, StepCommand::ByHand);
        assert!(!steps[0].0.contains("translate"), "{}", steps[0].0);
    }

    #[test]
    fn a_preset_that_fits_comes_before_all_that_is_wrong_without_it() {
        let steps = for_unknown_plans(&Mapping::default(), Some("stripe"));
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[0].1, options(&["--preset", "stripe"]));
    }

    #[test]
    fn columns_for_several_fields_are_named_in_one_command() {
        let lines = lines(
            &[
                (900, missing(Field::ClientId)),
                (800, missing(Field::Currency)),
            ],
            &["client_id"],
        );
        let wanted = "Take clientId, which 900 rows lack, from the column \"client_id\"; set currency, \
             which 800 rows lack, if it is the same for all of them, or name its column with \
             --map currency=COLUMN: --map clientId=client_id --set currency=USD";
        assert_eq!(lines[0], wanted);
        assert_eq!(lines.len(), 2);
    }
}
