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
//! - `code_pages.rs`: `M├╝ller`, `MĂĽller`, `РњРѕСЃРєРІР°`
//! - `message.rs`: what is said of such a value
//! - `markup.rs`: `Smith &amp; Sons`, `Acme%20Ltd`, `O\'Brien`
//!
//! `../invisible.rs` has the invisible characters.

mod code_pages;
mod error_value;
mod garbled;
pub(super) mod gate;
mod gate_tables;
mod lost_form;
mod markup;
mod message;
mod month_date;
mod placeholder;
mod value_use;
mod whole_date;

pub(crate) use error_value::UNCALCULATED;
pub(super) use error_value::is_uncalculated;

use super::field::Field;
use super::invisible;
use super::printable::is_printable;
use lost_form::LostForm;
use placeholder::PlaceholderKind;
use value_use::ValueUse;

/// Two of U+FFFD in UTF-8, read as GBK.
const MISREAD_REPLACEMENTS: &str = "锟斤拷";

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
    /// This stands for characters that could not be decoded.
    Decoding(&'static str),
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
    /// A letter within a word did.
    LostLetter,
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
    let texts = [
        garbled::decoded_again(value),
        code_pages::decoded_again(value),
    ];
    let text = texts
        .into_iter()
        .flatten()
        .min_by_key(|text| text.chars().count());
    text.map(SpoiltBy::Encoding)
}

/// The characters of `value` that stand for none of its own.
fn lost_characters(field: Field, value: &str) -> Option<SpoiltBy> {
    if !value.is_ascii() {
        if value.contains('\u{fffd}') {
            return Some(SpoiltBy::Decoding("U+FFFD"));
        }
        if value.contains(MISREAD_REPLACEMENTS) {
            return Some(SpoiltBy::Decoding(MISREAD_REPLACEMENTS));
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
    if has_line_break(field, value) {
        return Some(SpoiltBy::LineBreak);
    }
    let lost_letter = field != Field::Email && error_value::has_lost_letter(value);
    lost_letter.then_some(SpoiltBy::LostLetter)
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
            Self::Decoding(_)
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
            // An id may have a question mark.
            Self::LostLetter
            | Self::Placeholder(PlaceholderKind::Probable)
            | Self::LostForm(LostForm::Rounded | LostForm::PossibleDate | LostForm::Grouped)
            | Self::Percents(_)
            | Self::Total => false,
        }
    }
}

#[cfg(test)]
mod tests;
