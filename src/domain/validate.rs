//! Turns a [`Candidate`] into [`CustomerValues`] to be sent, or rejects it.
//!
//! All problems of a row are collected before it is rejected, so that a user can fix
//! each bad row at once.

use super::candidate::Candidate;
use super::card_number::masked;
use super::checks::{RowChecks, in_brackets};
use super::customer::CustomerValues;
use super::field::{Field, FieldSet};
use super::id_list::ids;
use super::mapping::Binding;
use super::problem::{Code, Problem, Severity, messages};
use super::row::{ReadState, Row};
use super::rules::Rules;
use super::skip::SkipReason;
use super::text::shown;

/// A row that may be sent.
#[derive(Debug, Clone)]
pub struct Fit<'r> {
    /// What is sent.
    pub values: CustomerValues<'r>,
    /// Warnings and corrections; no errors.
    pub notes: Vec<Problem>,
    /// Fields that took a default.
    pub defaulted: FieldSet,
}

/// A row that may not be sent, and all its problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Never empty.
    pub problems: Vec<Problem>,
    /// Whether its `clientId` is valid.
    pub has_id: bool,
}

impl Rejection {
    /// A rejection because of one problem.
    pub fn of(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
            has_id: false,
        }
    }

    /// Whether one of its errors is about `field`.
    pub fn is_about(&self, field: Field) -> bool {
        self.problems.iter().any(|problem| {
            problem.field == field.name() && problem.code.severity() == Severity::Error
        })
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&messages(&self.problems))
    }
}

/// The result of checking a row.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every row is fit, and a box for each would cost more than the room"
)]
pub enum CheckedRow<'r> {
    /// It is no customer.
    Skipped(SkipReason),
    /// It may be sent.
    Fit(Fit<'r>),
    /// It may not be sent.
    Unfit(Rejection),
}

/// Checks `row`, whatever its state. Every pass over the input calls this one
/// function, so that no two of them can disagree.
pub fn check<'r>(row: &'r Row, binding: &'r Binding, rules: &Rules) -> CheckedRow<'r> {
    match &row.state {
        ReadState::Skipped(reason) => CheckedRow::Skipped(reason.clone()),
        ReadState::Broken(why) => CheckedRow::Unfit(Rejection::of(Problem::of_row(
            Code::MalformedRow,
            why.clone(),
        ))),
        ReadState::Good => {
            let checked = validate(&binding.candidate(row), rules);
            let checked = match &row.swallowed {
                None => checked,
                Some(swallowed) => {
                    let columns = swallowed.columns.iter();
                    let fields: Vec<_> = columns
                        .flat_map(|(place, _)| binding.fields_of(*place))
                        .collect();
                    with_rows_in_cells(checked, swallowed.problem(&fields), &fields, rules)
                }
            };
            match checked {
                Ok(fit) => CheckedRow::Fit(fit),
                Err(rejection) => CheckedRow::Unfit(rejection),
            }
        }
    }
}

/// The result for a row with a `problem` of the cells that feed `fields`. If it rejects the
/// row, what else is wrong with these values has the same cause.
fn with_rows_in_cells<'r>(
    checked: Result<Fit<'r>, Rejection>,
    problem: Problem,
    fields: &[Field],
    rules: &Rules,
) -> Result<Fit<'r>, Rejection> {
    let is_error = problem.code.severity() == Severity::Error;
    let (mut problems, has_id) = match checked {
        Ok(mut fit) if !is_error && !rules.strict => {
            fit.notes.push(problem);
            return Ok(fit);
        }
        Ok(fit) => (fit.notes, true),
        Err(rejection) => (rejection.problems, rejection.has_id),
    };
    if is_error {
        problems.retain(|other| fields.iter().all(|field| field.name() != other.field));
    }
    problems.push(problem);
    Err(Rejection { problems, has_id })
}

/// Checks `candidate` against the API's rules and `rules`.
pub fn validate<'r>(candidate: &Candidate<'r>, rules: &Rules) -> Result<Fit<'r>, Rejection> {
    let mut checks = RowChecks {
        candidate,
        rules,
        problems: candidate.findings.to_vec(),
    };
    let client_id = checks.client_id();
    let company_name = checks.company_name();
    let currency = checks.currency();
    let stripe_customer_id = checks.optional(Field::StripeCustomerId);
    let plan_ids = ids(&mut checks, Field::PlanIds);
    let bundle_ids = ids(&mut checks, Field::BundleIds);
    if let Some((kind, text)) = candidate.wrong_contact {
        let text = masked(text);
        let message = format!(
            "billingContact is {}{}, wanted an object",
            kind.name(),
            in_brackets(&text)
        );
        checks.problems.push(Problem {
            field: "billingContact",
            value: shown(&text),
            ..Problem::of_row(Code::WrongType, message)
        });
    }
    let contact = Field::CONTACT.map(|field| checks.optional(field));
    let problems = checks.problems;
    let rejected = problems
        .iter()
        .any(|problem| rules.strict || problem.code.severity() == Severity::Error);
    match (client_id, company_name, currency) {
        (Some(client_id), Some(company_name), Some(currency)) if !rejected => {
            let mut values = CustomerValues {
                client_id,
                company_name,
                currency,
                stripe_customer_id,
                plan_ids,
                bundle_ids,
                contact,
                cleared: FieldSet::default(),
            };
            if !rules.cleared.is_empty() {
                values.clear_missing(candidate.present, rules.cleared);
            }
            Ok(Fit {
                values,
                notes: problems,
                defaulted: candidate.defaulted,
            })
        }
        (client_id, ..) => Err(Rejection {
            problems,
            has_id: client_id.is_some(),
        }),
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
