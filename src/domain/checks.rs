//! The checks of one row, field by field; `validate.rs` runs them all.

use std::borrow::Cow;

use super::candidate::{Candidate, FieldValue};
use super::card_number::{self, masked};
use super::currency::{self, CurrencyError, SUPPORTED};
use super::field::Field;
use super::heuristics;
use super::invisible::is_nothing;
use super::printable::is_printable;
use super::problem::{Code, Fix, Problem};
use super::rules::Rules;
use super::spoilt::{gate, is_uncalculated, spoilt};
use super::text::{self, quoted, trimmed};
use super::withdrawn::WithdrawnCurrency;

/// The longest `clientId`, in characters. It is part of a URL's path, where a
/// character may take nine bytes, and servers commonly refuse request lines beyond
/// 8 KiB.
pub(super) const LONGEST_CLIENT_ID: usize = 512;

/// The longest other value, in characters: longer than any name or address, so that
/// only cells with a missing quote exceed it.
pub(super) const LONGEST_VALUE: usize = 4096;

/// What the checks of any value make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Soundness {
    /// Nothing is wrong with it.
    Sound,
    /// It has a warning, and needs no other.
    Doubtful,
    /// It has an error.
    Unfit,
}

/// The checks of one row, and the problems that they have found.
pub(super) struct RowChecks<'c, 'r> {
    pub(super) candidate: &'c Candidate<'r>,
    pub(super) rules: &'c Rules,
    pub(super) problems: Vec<Problem>,
}

impl<'r> RowChecks<'_, 'r> {
    pub(super) fn note(
        &mut self,
        code: Code,
        field: Field,
        value: &str,
        message: impl Into<String>,
    ) {
        self.problems.push(Problem::of(code, field, value, message));
    }

    /// The text of `field`, if it is text; notes a wrong type and a card's number.
    fn text_of(&mut self, field: Field) -> Option<&'r str> {
        match self.candidate.get(field) {
            FieldValue::Text(text) => (!self.holds_card_number(field, text)).then_some(*text),
            FieldValue::Wrong(kind, text) => {
                let text = masked(text);
                let message = format!(
                    "{field} is {}{}, wanted a string",
                    kind.name(),
                    in_brackets(&text)
                );
                self.note(Code::WrongType, field, &text, message);
                None
            }
            FieldValue::Absent | FieldValue::List(_) => None,
        }
    }

    /// Whether `value` holds a card's full number, which no message then shows.
    fn holds_card_number(&mut self, field: Field, value: &str) -> bool {
        if gate::is_ordinary(value.as_bytes()) || !card_number::holds_card_number(field, value) {
            return false;
        }
        let message = format!(
            "{field} holds the full number of a payment card, ending in {}, wanted none (PCI DSS \
             forbids to send or store it: export without card numbers)",
            card_number::last_digits(value)
        );
        self.note(Code::InvalidValue, field, &masked(value), message);
        true
    }

    /// Whether no problem of `field` was noted.
    fn has_no_problem(&self, field: Field) -> bool {
        self.problems
            .iter()
            .all(|problem| problem.field != field.name())
    }

    fn missing(&mut self, field: Field) {
        // A wrong type was noted already; each cause is reported once.
        if self.has_no_problem(field) {
            let message = format!("{field} is missing ({})", expectation(field));
            self.note(Code::MissingField, field, "", message);
        }
    }

    pub(super) fn client_id(&mut self) -> Option<&'r str> {
        let field = Field::ClientId;
        // A fast path: no check would object to it.
        if let FieldValue::Text(text) = self.candidate.get(field)
            && self.is_plain(field, text)
        {
            return Some(text);
        }
        let Some(given) = self.text_of(field).filter(|text| !is_nothing(text)) else {
            self.missing(field);
            return None;
        };
        let value = self.without_apostrophe(field, given);
        // An id is not corrected silently: two systems that trim differently would
        // attribute usage to two different customers.
        if trimmed(value) != value {
            let message = format!(
                "{field} {} has blanks around it, wanted the bare id",
                quoted(value)
            );
            self.note(Code::InvalidValue, field, value, message);
            return None;
        }
        // In a URL's path these two mean a folder (RFC 3986 §5.2.4), encoded or not:
        // the customer could never be looked up.
        if value == "." || value == ".." {
            let message = format!(
                "{field} {} cannot be addressed in a URL, wanted an id",
                quoted(value)
            );
            self.note(Code::InvalidValue, field, value, message);
            return None;
        }
        (self.soundness(field, value, LONGEST_CLIENT_ID) != Soundness::Unfit).then_some(value)
    }

    pub(super) fn company_name(&mut self) -> Option<&'r str> {
        let field = Field::CompanyName;
        let value = self.optional(field);
        if value.is_none() {
            self.missing(field);
        }
        value
    }

    pub(super) fn currency(&mut self) -> Option<Cow<'r, str>> {
        let field = Field::Currency;
        if let FieldValue::Text(text) = self.candidate.get(field)
            && currency::is_supported(text)
        {
            return Some(Cow::Borrowed(text));
        }
        let Some(value) = self.trimmed(field) else {
            self.missing(field);
            return None;
        };
        if currency::is_supported(value) {
            return Some(Cow::Borrowed(value));
        }
        if is_uncalculated(value) {
            self.soundness(field, value, LONGEST_VALUE);
            return None;
        }
        let code = value.to_uppercase();
        if let Err(why) = currency::check(&code, &self.rules.allowed_currencies) {
            self.problems.push(currency_problem(value, code, why));
            return None;
        }
        if code != value {
            let message = format!("{field} {} was written as {code:?}", quoted(value));
            self.note(Code::Corrected, field, value, message);
        }
        Some(Cow::Owned(code))
    }

    /// The text of a field that may be missing, trimmed and checked.
    #[inline]
    pub(super) fn optional(&mut self, field: Field) -> Option<&'r str> {
        let value = match self.candidate.get(field) {
            FieldValue::Absent | FieldValue::Text("") => return None,
            FieldValue::Text(text) if self.is_plain(field, text) => *text,
            FieldValue::Text(_) | FieldValue::List(_) | FieldValue::Wrong(..) => {
                let value = self.trimmed(field)?;
                match self.soundness(field, value, LONGEST_VALUE) {
                    Soundness::Sound => value,
                    Soundness::Doubtful => return Some(value),
                    Soundness::Unfit => return None,
                }
            }
        };
        if let Some(expected) = heuristics::expectation(field, value) {
            self.suspect(field, value, expected);
        }
        Some(value)
    }

    pub(super) fn suspect(&mut self, field: Field, value: &str, expected: &str) {
        let message = format!(
            "{field} {} does not look right (wanted {expected})",
            quoted(value)
        );
        self.note(Code::SuspectValue, field, value, message);
    }

    /// The value without blanks around it; `None` if nothing is left.
    fn trimmed(&mut self, field: Field) -> Option<&'r str> {
        let given = self.text_of(field)?;
        let bare = trimmed(given);
        if is_nothing(bare) {
            return None;
        }
        if bare != given {
            let message = format!("blanks around {field} {} were dropped", quoted(given));
            self.note(Code::Corrected, field, given, message);
        }
        Some(self.without_apostrophe(field, bare))
    }

    /// Drops the apostrophe by which a spreadsheet keeps a cell from being a number
    /// or a formula. Before a letter of a name it is part of the name: `'t Hooft BV`.
    fn without_apostrophe<'v>(&mut self, field: Field, value: &'v str) -> &'v str {
        let mark = |c: char| c.is_ascii_digit() || "+-=@".contains(c);
        match self.candidate.after_apostrophe(field, value) {
            Some(rest) if !is_prose(field) || rest.starts_with(mark) => {
                let message = format!("the apostrophe before {field} {} was dropped", quoted(rest));
                self.note(Code::Corrected, field, value, message);
                rest
            }
            _ => value,
        }
    }

    /// A fast path for most values, whose form no check would object to: not long,
    /// without blanks at the ends, without characters that are looked at one by one
    /// ([`is_printable`]), and of no suspicious shape ([`gate`]).
    #[inline]
    fn is_plain(&self, field: Field, value: &str) -> bool {
        let bytes = value.as_bytes();
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
            return false;
        };
        let blank_at = |letter: Option<char>| letter.is_none_or(text::is_blank);
        (first.is_ascii_graphic() || !first.is_ascii() && !blank_at(value.chars().next()))
            && (last.is_ascii_graphic() || !last.is_ascii() && !blank_at(value.chars().next_back()))
            && bytes.len() <= LONGEST_CLIENT_ID
            && gate::is_ordinary(bytes)
            && (self.candidate.printable.has(field) || is_printable(bytes))
    }

    /// What is wrong with `value`, whatever is expected in `field`; it is noted.
    pub(super) fn soundness(&mut self, field: Field, value: &str, longest: usize) -> Soundness {
        if self.is_plain(field, value) {
            return Soundness::Sound;
        }
        if self.holds_card_number(field, value) {
            return Soundness::Unfit;
        }
        // Addresses and names have several lines in real exports; ids don't.
        let several_lines = field.in_contact() || field == Field::CompanyName;
        let control =
            |c: &char| c.is_control() && !(several_lines && matches!(c, '\n' | '\r' | '\t'));
        let mut soundness = Soundness::Sound;
        let is_printable = self.candidate.printable.has(field) || is_printable(value.as_bytes());
        if !is_printable && let Some(found) = value.chars().find(control) {
            let message = format!(
                "{field} {} holds the control character U+{:04X}, wanted text",
                quoted(value),
                u32::from(found)
            );
            self.note(Code::InvalidValue, field, value, message);
            soundness = Soundness::Unfit;
        }
        // There are at least as many bytes as characters: few values need counting.
        if value.len() > longest && value.chars().count() > longest {
            let message = format!(
                "{field} {} is {} characters long, wanted at most {longest}",
                quoted(value),
                value.chars().count()
            );
            self.note(Code::InvalidValue, field, value, message);
            soundness = Soundness::Unfit;
        }
        if soundness == Soundness::Sound
            && let Some(by) = spoilt(field, value)
        {
            let (code, worse) = if by.rejects(field) {
                (Code::InvalidValue, Soundness::Unfit)
            } else {
                (Code::SuspectValue, Soundness::Doubtful)
            };
            let message = by.message(field, value, &expectation(field));
            self.note(code, field, value, message);
            soundness = worse;
        }
        soundness
    }
}

/// What a field should hold.
fn expectation(field: Field) -> String {
    match field {
        Field::ClientId => "wanted the id that your own system has for the customer".to_owned(),
        Field::CompanyName => "wanted the customer's name".to_owned(),
        Field::Currency => format!("wanted one of {}", SUPPORTED.join(" ")),
        Field::StripeCustomerId
        | Field::PlanIds
        | Field::BundleIds
        | Field::FirstName
        | Field::LastName
        | Field::Email
        | Field::Phone
        | Field::AddressLine1
        | Field::AddressLine2
        | Field::City
        | Field::State
        | Field::PostalCode
        | Field::Country => "wanted a value, or an empty cell".to_owned(),
    }
}

/// The problem of a currency `value`, which is `code` in upper case.
fn currency_problem(value: &str, code: String, why: CurrencyError) -> Problem {
    let field = Field::Currency;
    let one_of = expectation(field);
    let (kind, explanation, fix) = match why {
        CurrencyError::Unsupported(name) => (
            Code::UnsupportedCurrency,
            format!("is the {name}, which Kable does not take ({one_of})"),
            Some(Fix::Allow(code)),
        ),
        CurrencyError::Replaced { year, by } => (
            Code::UnknownCurrency,
            format!("was withdrawn in {year} (wanted {by})"),
            Some(Fix::Write(by)),
        ),
        CurrencyError::WithdrawnCurrency(WithdrawnCurrency { year, successor }) => {
            let came = successor.map_or_else(String::new, |came| {
                format!(", and Kable does not take {came}, which came in its place")
            });
            let explanation = format!("was withdrawn in {year}{came} ({one_of})");
            (Code::UnknownCurrency, explanation, None)
        }
        CurrencyError::Unknown(meant) => {
            let wanted = meant.map_or(one_of, |code| {
                format!("wanted three letters, perhaps {code}")
            });
            let explanation = format!("is not an ISO 4217 code ({wanted})");
            (Code::UnknownCurrency, explanation, meant.map(Fix::Write))
        }
    };
    let message = format!("{field} {} {explanation}", quoted(value));
    Problem::of(kind, field, value, message).fixed_by(fix)
}

/// Whether `field` holds words, which may begin with an apostrophe.
const fn is_prose(field: Field) -> bool {
    match field {
        Field::CompanyName
        | Field::FirstName
        | Field::LastName
        | Field::AddressLine1
        | Field::AddressLine2
        | Field::City
        | Field::State => true,
        Field::ClientId
        | Field::Currency
        | Field::StripeCustomerId
        | Field::PlanIds
        | Field::BundleIds
        | Field::Email
        | Field::Phone
        | Field::PostalCode
        | Field::Country => false,
    }
}

/// ` ("…")`, or nothing without a text to show.
pub(super) fn in_brackets(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" ({})", quoted(text))
    }
}
