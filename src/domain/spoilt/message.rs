//! What is said of a spoilt value: what it has become, and what is wanted.

use super::lost_form::LostForm;
use super::{SpoiltBy, is_id};
use crate::domain::field::Field;
use crate::domain::invisible;
use crate::domain::text::quoted;

impl SpoiltBy {
    /// The message about `value` of `field`; `expected` is what the field should hold.
    pub(in crate::domain) fn message(&self, field: Field, value: &str, expected: &str) -> String {
        let shown = quoted(value);
        match self {
            Self::Decoding(mark) => format!(
                "{field} {shown} holds {mark}, which stands for characters that could not be \
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
            Self::LostLetter => format!(
                "{field} {shown} has a question mark within a word, which a program writes for a \
                 letter that it cannot encode, wanted the letter (export again as UTF-8)"
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
