//! The `clientId` that a row means, and whether an id is certain.

use super::candidate::{Candidate, FieldValue};
use super::checks::{LONGEST_CLIENT_ID, RowChecks, Soundness};
use super::field::Field;
use super::problem::{Code, Problem};
use super::rules::Rules;
use super::text::trimmed;
use super::validate::Rejection;

/// The `clientId` of a rejected row, in a form that folds to the one that it means; `None`
/// if that is not certain. With blanks around it, it is that within the blanks, unless
/// something else is wrong with it: ` 18.0` may mean `18`.
pub fn meant_id<'r>(
    candidate: &Candidate<'r>,
    rejection: &Rejection,
    rules: &Rules,
) -> Option<&'r str> {
    let field = Field::ClientId;
    let FieldValue::Text(given) = *candidate.get(field) else {
        return None;
    };
    if rejection.has_id {
        return Some(candidate.after_apostrophe(field, given).unwrap_or(given));
    }
    let bare = trimmed(given);
    if bare.len() == given.len() || !bare.starts_with(char::is_alphanumeric) {
        return None;
    }
    let mut checks = RowChecks {
        candidate,
        rules,
        problems: Vec::new(),
    };
    let soundness = checks.soundness(field, bare, LONGEST_CLIENT_ID);
    (soundness == Soundness::Sound).then_some(given)
}

/// The most leading zeros of an id that are looked at.
pub const MOST_ZEROS: usize = 31;

/// How many bytes at the start of the id `folded` a spreadsheet removes that takes it for a
/// number: its leading zeros.
pub fn zeros_lost(folded: &[u8]) -> usize {
    if folded.first() != Some(&b'0') || !folded.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let zeros = folded.iter().take_while(|digit| **digit == b'0').count();
    // Of a zero itself, the last one stays.
    let zeros = zeros.min(folded.len() - 1);
    if zeros > MOST_ZEROS { 0 } else { zeros }
}

/// Whether one of `problems` doubts the `clientId`, which may have been another one: a
/// spreadsheet loses the digits after the fifteenth.
pub fn is_id_doubted(problems: &[Problem]) -> bool {
    let doubts = |problem: &Problem| {
        problem.field == Field::ClientId.name() && problem.code == Code::SuspectValue
    };
    problems.iter().any(doubts)
}

#[cfg(test)]
mod tests {
    use super::{MOST_ZEROS, is_id_doubted, meant_id, zeros_lost};
    use crate::domain::candidate::Candidate;
    use crate::domain::field::Field;
    use crate::domain::row::Origin;
    use crate::domain::rules::Rules;
    use crate::domain::validate::validate;

    /// The id that is meant by a row with this `clientId` that is rejected for its currency.
    fn meant(client_id: &str) -> Option<String> {
        let mut candidate = Candidate::new(Origin::default());
        candidate.set(Field::ClientId, client_id);
        candidate.set(Field::CompanyName, "Aster");
        candidate.set(Field::Currency, "XXX");
        let rules = Rules::default();
        let rejection = validate(&candidate, &rules).unwrap_err();
        meant_id(&candidate, &rejection, &rules).map(str::to_owned)
    }

    #[test]
    fn blanks_and_an_apostrophe_leave_no_doubt_about_the_id() {
        for (given, id) in [
            ("p1", "p1"),
            (" p1", " p1"),
            ("\tp1", "\tp1"),
            ("\u{a0}p1 ", "\u{a0}p1 "),
            ("\u{feff}p1", "\u{feff}p1"),
            ("'p1", "p1"),
            ("'18", "18"),
        ] {
            assert_eq!(meant(given).as_deref(), Some(id), "{given:?}");
        }
    }

    #[test]
    fn what_else_is_wrong_with_an_id_leaves_it_unknown() {
        for given in [
            "",
            " ",
            "18.0",
            " 18.0",
            "\u{a0}1,234",
            "=\"p3\"",
            " =\"p3\"",
            "' p1",
            " 'p1",
            "'p1'",
            "p\u{200b}1",
            " p\u{200b}1",
            "#REF!",
            " #REF!",
            "1.2E+11",
            " TRUE",
            "..",
            " a\u{7}",
        ] {
            assert_eq!(meant(given), None, "{given:?}");
        }
    }

    #[test]
    fn a_spreadsheet_removes_the_leading_zeros_of_a_number() {
        for (id, zeros) in [
            ("", 0),
            ("370", 0),
            ("0370", 1),
            ("000370", 3),
            ("0", 0),
            ("000", 2),
            ("0c1", 0),
            ("00-1", 0),
            ("c-01", 0),
            ("01.5", 0),
        ] {
            assert_eq!(zeros_lost(id.as_bytes()), zeros, "{id:?}");
        }
        let zeros = |many| zeros_lost(format!("{}7", "0".repeat(many)).as_bytes());
        assert_eq!((zeros(MOST_ZEROS), zeros(MOST_ZEROS + 1)), (MOST_ZEROS, 0));
    }

    #[test]
    fn an_id_is_doubted_that_a_spreadsheet_may_have_changed() {
        let doubted = |client_id: &str| {
            let mut candidate = Candidate::new(Origin::default());
            candidate.set(Field::ClientId, client_id);
            candidate.set(Field::CompanyName, "Aster");
            candidate.set(Field::Currency, "usd");
            is_id_doubted(&validate(&candidate, &Rules::default()).unwrap().notes)
        };
        assert!(doubted("1234567890123450000"));
        assert!(!doubted("c-1") && !doubted("'c-1"));
    }
}
