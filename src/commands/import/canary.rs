//! The output for a canary, and the question whether to continue.

use crate::domain::text::{counted, listed, quoted};
use crate::engine::send::canary::{CanaryResult, ReadBack};

/// How many rows that agree are shown.
const AGREEING_SHOWN: usize = 5;

/// How many other rows are shown.
const OTHERS_SHOWN: usize = 20;

/// Formats the result of a canary; `names` are the inputs'.
pub(super) fn lines(results: &[CanaryResult], names: &[String]) -> Vec<String> {
    let agreeing = results.iter().filter(|result| result.agrees());
    let others = results.iter().filter(|result| !result.agrees());
    let (agree, wrong) = (agreeing.clone().count(), others.clone().count());
    let mut lines = vec![format!(
        "Canary: {} sent ahead and read back; {agree} as in the file, {wrong} not",
        counted(results.len() as u64, "row was", "rows were")
    )];
    let shown = others
        .take(OTHERS_SHOWN)
        .chain(agreeing.take(AGREEING_SHOWN));
    lines.extend(shown.map(|result| line(result, names)));
    let left = agree.saturating_sub(AGREEING_SHOWN) + wrong.saturating_sub(OTHERS_SHOWN);
    if left > 0 {
        lines.push(format!("  and {left} more"));
    }
    lines
}

fn line(result: &CanaryResult, names: &[String]) -> String {
    let file = names
        .get(usize::from(result.origin.input))
        .filter(|_| names.len() > 1)
        .map(|name| format!("{name}, "))
        .unwrap_or_default();
    format!(
        "  {file}line {}, {}: {}",
        result.origin.line,
        quoted(&result.client_id),
        comparison(&result.seen)
    )
}

fn comparison(seen: &ReadBack) -> String {
    match seen {
        ReadBack::Agrees {
            outcome,
            compared,
            not_compared,
        } => {
            let outcome = outcome.name().replace('_', " ");
            let fields = counted(compared.len() as u64, "field agrees", "fields agree");
            let names: Vec<&str> = not_compared.iter().map(|field| field.name()).collect();
            if names.is_empty() {
                format!("{outcome}, {fields}")
            } else {
                format!(
                    "{outcome}, {fields}, {} can't be read back",
                    listed(&names, 20)
                )
            }
        }
        ReadBack::Differs(differing) => {
            let differences: Vec<String> = differing.iter().map(ToString::to_string).collect();
            differences.join("; ")
        }
        ReadBack::Absent => "created, and not there when it was read back".to_owned(),
        ReadBack::NotCreated(outcome, message) if message.is_empty() => outcome.name().to_owned(),
        ReadBack::NotCreated(outcome, message) => format!("{}: {message}", outcome.name()),
        ReadBack::Unasked(message) => format!("could not be read back: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{CanaryResult, ReadBack, lines};
    use crate::domain::field::Field;
    use crate::domain::outcome::Outcome;
    use crate::domain::remote::{Difference, DifferingField};
    use crate::domain::row::Origin;

    #[test]
    fn it_shows_what_agrees_and_what_does_not() {
        let seen = [
            ReadBack::Agrees {
                outcome: Outcome::Created,
                compared: vec![Field::ClientId, Field::CompanyName, Field::Currency],
                not_compared: Vec::new(),
            },
            ReadBack::Agrees {
                outcome: Outcome::AlreadyExisted,
                compared: vec![Field::ClientId, Field::Email],
                not_compared: vec![Field::StripeCustomerId],
            },
            ReadBack::Differs(vec![Difference {
                field: DifferingField::OfRow(Field::CompanyName),
                ours: "Aster".to_owned(),
                theirs: "ASTER".to_owned(),
            }]),
            ReadBack::Absent,
            ReadBack::NotCreated(Outcome::Failed, "no such plan".to_owned()),
            ReadBack::NotCreated(Outcome::Pending, String::new()),
            ReadBack::Unasked("no answer within 30s".to_owned()),
        ];
        let results: Vec<CanaryResult> = (2..)
            .zip(seen)
            .map(|(line, seen)| CanaryResult {
                origin: Origin {
                    line,
                    ..Origin::default()
                },
                client_id: format!("c-{line}"),
                seen,
            })
            .collect();
        insta::assert_snapshot!(lines(&results, &["in.csv".to_owned()]).join("\n"));
    }
}
