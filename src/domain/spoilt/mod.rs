//! Values that a spreadsheet, a database or a wrong encoding spoilt before they reached
//! us, in every field.
//!
//! - `gate.rs`: a cheap test that most values pass
//! - `gate_tables.rs`: the words and lengths that it looks for
//! - `error_value.rs`: `#REF!`, `#NV`, `########`, formulas without a value
//! - `placeholder.rs`: `NULL`, `n/a`, `--`
//! - `lost_form.rs`: `8,9E+11`, `7,210,448`, `TRUE`
//! - `month_date.rs`: `01-Mar`, `3月1日`
//! - `whole_date.rs`: `2024-01-05`, `1/5/24`
//! - `value_use.rs`: ids, numbers or words
//! - `garbled.rs`: `MÃ¼ller`
//! - `markup.rs`: `Smith &amp; Sons`, `Acme%20Ltd`, `O\'Brien`
//!
//! `../invisible.rs` has the invisible characters.

mod error_value;
mod garbled;
pub(super) mod gate;
mod gate_tables;
mod lost_form;
mod markup;
mod month_date;
mod placeholder;
mod value_use;
mod whole_date;

pub(crate) use error_value::UNCALCULATED;
pub(super) use error_value::is_uncalculated;

use super::field::Field;
use super::invisible;
use super::printable::is_printable;
use super::text::quoted;
use lost_form::LostForm;
use placeholder::PlaceholderKind;
use value_use::ValueUse;

const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// The names of a total's row, in lower case.
pub(super) const TOTALS: [&str; 18] = [
    "total",
    "totals",
    "subtotal",
    "sub-total",
    "sub total",
    "grand total",
    "grand totals",
    "summe",
    "gesamt",
    "gesamtsumme",
    "zwischensumme",
    "total général",
    "total general",
    "totale",
    "totaal",
    "eindtotaal",
    "итого",
    "合計",
];

/// How a value was spoilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SpoiltBy {
    /// U+FFFD stands for characters that could not be decoded.
    Decoding,
    /// An invisible character, and what stands before it.
    Invisible(char, String),
    /// A line break in an id, a name or a number.
    LineBreak,
    /// A formula that failed.
    ErrorValue,
    /// A number in a column that was too narrow.
    NarrowColumn,
    /// A word for no value.
    Placeholder(PlaceholderKind),
    /// Every letter became a question mark.
    Questions,
    /// A formula stands there instead of its value.
    Formula,
    /// A formula that no program has calculated.
    Uncalculated,
    /// Something became a number, a date or a truth value.
    LostForm(LostForm),
    /// The quotes of a CSV or JSON file became part of the value, which is this.
    Quotes(String),
    /// UTF-8 was read as another encoding; the value was this.
    Encoding(String),
    /// Characters stand there by their HTML names; the value was this.
    Entities(String),
    /// It holds HTML tags.
    Tags,
    /// It was encoded for a web address; the value was this.
    Percents(String),
    /// A program's backslashes are still in it; the value was this.
    Backslashes(String),
    /// It is the name of a total's row.
    Total,
}

/// How `value` of `field` was spoilt, if it was.
pub(super) fn spoilt(field: Field, value: &str) -> Option<SpoiltBy> {
    // Most values that are looked at closely are numbers, and words such as `Total`.
    let is_printable = is_printable(value.as_bytes());
    if !is_printable && let Some(by) = lost_characters(field, value) {
        return Some(by);
    }
    if let Some(by) = lost_value(field, value) {
        return Some(by);
    }
    if !is_printable && let Some(by) = markup_in(field, value) {
        return Some(by);
    }
    if field == Field::CompanyName
        && gate::may_be_word_or_dash(value.as_bytes())
        && TOTALS.contains(&value.to_lowercase().as_str())
    {
        return Some(SpoiltBy::Total);
    }
    if is_printable || value.is_ascii() {
        return None;
    }
    garbled::decoded_again(value).map(SpoiltBy::Encoding)
}

/// The characters of `value` that stand for none of its own.
fn lost_characters(field: Field, value: &str) -> Option<SpoiltBy> {
    if !value.is_ascii() {
        if value.contains('\u{fffd}') {
            return Some(SpoiltBy::Decoding);
        }
        if is_uncalculated(value) {
            return Some(SpoiltBy::Uncalculated);
        }
        // In names of some scripts it has a use; two ids must not differ by it.
        let in_id = value.split_once(ZERO_WIDTH_SPACE).filter(|_| is_id(field));
        let in_id = in_id.map(|(before, _)| (ZERO_WIDTH_SPACE, before));
        if let Some((found, before)) = invisible::first_invisible(value).or(in_id) {
            return Some(SpoiltBy::Invisible(found, before.to_owned()));
        }
    }
    has_line_break(field, value).then_some(SpoiltBy::LineBreak)
}

/// What `value` is instead of the value that it was, by its form.
fn lost_value(field: Field, value: &str) -> Option<SpoiltBy> {
    if error_value::is_error_value(value) {
        return Some(SpoiltBy::ErrorValue);
    }
    if error_value::is_narrow_column(value) {
        return Some(SpoiltBy::NarrowColumn);
    }
    if error_value::is_questions(value) {
        return Some(SpoiltBy::Questions);
    }
    if error_value::is_formula(value) {
        return Some(SpoiltBy::Formula);
    }
    if gate::may_be_word_or_dash(value.as_bytes())
        && let Some(kind) = placeholder::placeholder(field, value)
    {
        return Some(SpoiltBy::Placeholder(kind));
    }
    if let Some(form) = lost_form::lost_form(value, use_of(field)) {
        return Some(SpoiltBy::LostForm(form));
    }
    let inner = within_quotes(field, value)?;
    Some(SpoiltBy::Quotes(inner.to_owned()))
}

/// The markup or encoding of the web that `value` still has. An id and an address may
/// hold percent signs and backslashes of their own.
fn markup_in(field: Field, value: &str) -> Option<SpoiltBy> {
    if !value.contains(['&', '<', '%', '\\']) {
        return None;
    }
    if let Some(text) = markup::without_entities(value) {
        return Some(SpoiltBy::Entities(text));
    }
    if markup::has_tag(value) {
        return Some(SpoiltBy::Tags);
    }
    let has_own_signs = is_id(field) || field == Field::Email;
    if let Some(text) = markup::without_backslashes(value, has_own_signs) {
        return Some(SpoiltBy::Backslashes(text));
    }
    if has_own_signs {
        return None;
    }
    markup::without_percents(value).map(SpoiltBy::Percents)
}

/// Whether `field` holds ids.
const fn is_id(field: Field) -> bool {
    match use_of(field) {
        ValueUse::Id => true,
        ValueUse::Number | ValueUse::Words => false,
    }
}

const fn use_of(field: Field) -> ValueUse {
    match field {
        Field::ClientId | Field::StripeCustomerId | Field::PlanIds | Field::BundleIds => {
            ValueUse::Id
        }
        Field::Phone | Field::PostalCode => ValueUse::Number,
        Field::CompanyName
        | Field::Currency
        | Field::FirstName
        | Field::LastName
        | Field::Email
        | Field::AddressLine1
        | Field::AddressLine2
        | Field::City
        | Field::State
        | Field::Country => ValueUse::Words,
    }
}

/// Whether `value` has several lines, which ids, names and numbers don't have.
fn has_line_break(field: Field, value: &str) -> bool {
    let has_one_line = matches!(
        field,
        Field::CompanyName | Field::FirstName | Field::LastName | Field::Phone | Field::PostalCode
    );
    (has_one_line || is_id(field)) && value.contains(['\n', '\r', '\u{2028}', '\u{2029}'])
}

/// What is left of `value` without the quotes around it. Guillemets and typographic
/// quotes are not looked at: people write them.
fn within_quotes(field: Field, value: &str) -> Option<&str> {
    // `="00123"` keeps a spreadsheet from reading a number.
    let formula = value.strip_prefix('=').filter(|text| text.starts_with('"'));
    let value = formula.unwrap_or(value);
    ['"', '\''].into_iter().find_map(|mark| {
        let inner = value.trim_matches(mark);
        let starts = value.starts_with(mark);
        let is_wrapped = starts && value.ends_with(mark) && !inner.contains(mark);
        let opens = mark == '"' && starts && is_id(field);
        (!inner.is_empty() && (is_wrapped || opens)).then_some(inner)
    })
}

impl SpoiltBy {
    /// Whether a row is rejected for it: in ids for most, in the company's name if the
    /// name is certainly lost. Elsewhere it is a warning.
    pub(super) const fn rejects(&self, field: Field) -> bool {
        match self {
            // The field has a value, and it is not known.
            Self::Uncalculated => true,
            Self::Decoding
            | Self::ErrorValue
            | Self::NarrowColumn
            | Self::Questions
            | Self::Formula
            | Self::LostForm(LostForm::Exponent) => {
                is_id(field) || matches!(field, Field::CompanyName)
            }
            Self::Invisible(..)
            | Self::LineBreak
            | Self::LostForm(
                LostForm::Decimals | LostForm::Thousands | LostForm::Date | LostForm::Truth,
            )
            | Self::Quotes(_)
            | Self::Encoding(_)
            | Self::Entities(_)
            | Self::Backslashes(_)
            | Self::Tags => is_id(field),
            Self::Placeholder(PlaceholderKind::Certain) => {
                matches!(field, Field::ClientId | Field::CompanyName)
            }
            Self::Placeholder(PlaceholderKind::Probable)
            | Self::LostForm(LostForm::Rounded | LostForm::PossibleDate | LostForm::Grouped)
            | Self::Percents(_)
            | Self::Total => false,
        }
    }

    /// The message about `value` of `field`; `expected` is what the field should hold.
    pub(super) fn message(&self, field: Field, value: &str, expected: &str) -> String {
        let shown = quoted(value);
        match self {
            Self::Decoding => format!(
                "{field} {shown} holds U+FFFD, which stands for characters that could not be \
                 decoded, wanted the text (export again as UTF-8)"
            ),
            Self::Invisible(letter, before) => invisible_message(field, &shown, *letter, before),
            Self::LineBreak => {
                format!("{field} {shown} has several lines, wanted one")
            }
            Self::ErrorValue => format!("{field} is the spreadsheet error {shown}, wanted a value"),
            Self::NarrowColumn => format!(
                "{field} is {shown}, which a spreadsheet shows if a column is too narrow, wanted \
                 the value (widen the column and export again)"
            ),
            Self::Questions => format!(
                "{field} {shown} has question marks for letters, which a program writes if it \
                 cannot encode them, wanted the text (export again as UTF-8)"
            ),
            Self::Formula => format!(
                "{field} {shown} is a formula of a spreadsheet, wanted its value (export values \
                 instead of formulas)"
            ),
            Self::Uncalculated => format!(
                "{field} is a formula that was saved without its value, wanted the value (open the \
                 workbook in a spreadsheet program, which calculates it, and save it)"
            ),
            Self::Placeholder(_) => {
                format!("{field} is {shown}, which reads like no value at all ({expected})")
            }
            Self::LostForm(form) => form.message(field, &shown),
            Self::Quotes(inner) => format!(
                "{field} {shown} still has quotes around it, wanted {}",
                quoted(inner)
            ),
            Self::Encoding(was) => format!(
                "{field} {shown} was decoded with the wrong encoding, wanted what was probably {} \
                 (export again as UTF-8)",
                quoted(was)
            ),
            Self::Entities(was) => format!(
                "{field} {shown} is written as for a web page, wanted what was probably {} (export \
                 without HTML)",
                quoted(was)
            ),
            Self::Backslashes(was) => format!(
                "{field} {shown} has the backslashes of a program in it, wanted what was probably {}",
                quoted(was)
            ),
            Self::Tags => format!("{field} {shown} holds HTML tags, wanted plain text"),
            Self::Percents(was) => format!(
                "{field} {shown} is encoded as for a web address, wanted what was probably {}",
                quoted(was)
            ),
            Self::Total => format!("{field} {shown} reads like a total of other rows ({expected})"),
        }
    }
}

fn invisible_message(field: Field, shown: &str, letter: char, before: &str) -> String {
    let place = if before.is_empty() {
        "at its start".to_owned()
    } else {
        format!("after {}", quoted(before))
    };
    let (code, name) = (u32::from(letter), invisible::name_of(letter));
    format!(
        "{field} {shown} holds the invisible character U+{code:04X} ({name}) {place}, wanted the \
         text without it"
    )
}

impl LostForm {
    fn message(self, field: Field, shown: &str) -> String {
        let its_own = if is_id(field) {
            "the id's own"
        } else {
            "its own"
        };
        let again = "format the column as text and export again";
        match self {
            Self::Exponent => format!(
                "{field} {shown} is a number that a spreadsheet shortened, wanted {its_own} digits \
                 ({again})"
            ),
            Self::Rounded => format!(
                "{field} {shown} has zeros after its fifteenth digit, which a spreadsheet writes for \
                 digits that it lost, wanted {its_own} digits ({again})"
            ),
            Self::Decimals => format!(
                "{field} {shown} is a number with decimals that a program added, wanted {its_own} \
                 digits ({again})"
            ),
            Self::Thousands => format!(
                "{field} {shown} has separators of thousands, wanted {its_own} digits ({again})"
            ),
            Self::Date => format!(
                "{field} {shown} is a date or a time that a spreadsheet made of another text, wanted \
                 {its_own} text ({again})"
            ),
            Self::Grouped => format!(
                "{field} {shown} is a number in groups, which a program may have made of \
                 another, wanted {its_own} digits (if it is written so, leave it)"
            ),
            Self::PossibleDate => format!(
                "{field} {shown} is a date, which a spreadsheet may have made of another text, \
                 wanted {its_own} text (if that was no date, {again})"
            ),
            Self::Truth => format!("{field} is the truth value {shown}, wanted text"),
        }
    }
}

#[cfg(test)]
mod tests;
