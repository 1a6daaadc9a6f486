//! What is shown of a canary, and the question whether to go on.

use crate::domain::text::{counted, listed, quoted};
use crate::engine::send::canary::{Seen, Sighting};

/// How many rows that agree are shown.
const AGREEING_SHOWN: usize = 5;

/// How many rows that don't are shown.
const OTHERS_SHOWN: usize = 20;

/// The result of a canary as lines of text; `names` are the inputs'.
pub(super) fn lines(sightings: &[Sighting], names: &[String]) -> Vec<String> {
    let agreeing = sightings.iter().filter(|sighting| sighting.agrees());
    let others = sightings.iter().filter(|sighting| !sighting.agrees());
    let (agree, wrong) = (agreeing.clone().count(), others.clone().count());
    let mut lines = vec![format!(
        "Canary: {} sent ahead and read back; {agree} as in the file, {wrong} not",
        counted(sightings.len() as u64, "row was", "rows were")
    )];
    let shown = others
        .take(OTHERS_SHOWN)
        .chain(agreeing.take(AGREEING_SHOWN));
    lines.extend(shown.map(|sighting| line(sighting, names)));
    let left = agree.saturating_sub(AGREEING_SHOWN) + wrong.saturating_sub(OTHERS_SHOWN);
    if left > 0 {
        lines.push(format!("  and {left} more"));
    }
    lines
}

fn line(sighting: &Sighting, names: &[String]) -> String {
    let file = names
        .get(usize::from(sighting.origin.input))
        .filter(|_| names.len() > 1)
        .map(|name| format!("{name}, "))
        .unwrap_or_default();
    format!(
        "  {file}line {}, {}: {}",
        sighting.origin.line,
        quoted(&sighting.client_id),
        said(&sighting.seen)
    )
}

fn said(seen: &Seen) -> String {
    match seen {
        Seen::Agrees {
            outcome,
            compared,
            unseen,
        } => {
            let came = outcome.name().replace('_', " ");
            let fields = counted(compared.len() as u64, "field agrees", "fields agree");
            let names: Vec<&str> = unseen.iter().map(|field| field.name()).collect();
            if names.is_empty() {
                format!("{came}, {fields}")
            } else {
                format!(
                    "{came}, {fields}, {} can't be read back",
                    listed(&names, 20)
                )
            }
        }
        Seen::Differs(differing) => {
            let told: Vec<String> = differing.iter().map(ToString::to_string).collect();
            told.join("; ")
        }
        Seen::Absent => "created, and not there when it was read back".to_owned(),
        Seen::NotCreated(outcome, message) if message.is_empty() => outcome.name().to_owned(),
        Seen::NotCreated(outcome, message) => format!("{}: {message}", outcome.name()),
        Seen::Unasked(message) => format!("could not be read back: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Seen, Sighting, lines};
    use crate::domain::field::Field;
    use crate::domain::outcome::Outcome;
    use crate::domain::remote::Difference;
    use crate::domain::row::Origin;

    #[test]
    fn it_shows_what_agrees_and_what_does_not() {
        let seen = [
            Seen::Agrees {
                outcome: Outcome::Created,
                compared: vec![Field::ClientId, Field::CompanyName, Field::Currency],
                unseen: Vec::new(),
            },
            Seen::Agrees {
                outcome: Outcome::AlreadyExisted,
                compared: vec![Field::ClientId, Field::Email],
                unseen: vec![Field::StripeCustomerId],
            },
            Seen::Differs(vec![Difference {
                field: Some(Field::CompanyName),
                ours: "Aster".to_owned(),
                theirs: "ASTER".to_owned(),
            }]),
            Seen::Absent,
            Seen::NotCreated(Outcome::Failed, "no such plan".to_owned()),
            Seen::NotCreated(Outcome::Pending, String::new()),
            Seen::Unasked("no answer within 30s".to_owned()),
        ];
        let sightings: Vec<Sighting> = (2..)
            .zip(seen)
            .map(|(line, seen)| Sighting {
                origin: Origin {
                    line,
                    ..Origin::default()
                },
                client_id: format!("c-{line}"),
                seen,
            })
            .collect();
        insta::assert_snapshot!(lines(&sightings, &["in.csv".to_owned()]).join("\n"));
    }
}
