//! What a row that is not fit to be sent gives of itself.

use crate::domain::candidate::FieldValue;
use crate::domain::field::Field;
use crate::domain::mapping::Binding;
use crate::domain::row::{ReadState, Row};
use crate::domain::text::trimmed;
use crate::domain::validate::Rejection;

/// What a row that is not fit gives of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unfit<'r> {
    pub(super) client_id: &'r str,
    pub(super) company_name: &'r str,
    pub(super) email: &'r str,
}

/// What a row that is not fit gives of itself: nothing where it can't be read,
/// no id where what stands there is none, unless all that is wrong with it are
/// the blanks around it, and of the rest nothing that is an error, since a
/// hundred cells `#N/A` are not one person.
pub(super) fn unfit<'r>(row: &'r Row, binding: &'r Binding, rejection: &Rejection) -> Unfit<'r> {
    let mut unfit = Unfit {
        client_id: "",
        company_name: "",
        email: "",
    };
    if row.state == ReadState::Good {
        let candidate = binding.candidate(row);
        let text = |field| match candidate.get(field) {
            FieldValue::Text(text) => *text,
            FieldValue::Absent | FieldValue::List(_) | FieldValue::Wrong(..) => "",
        };
        let given = text(Field::ClientId);
        let bare = trimmed(given);
        if rejection.has_id || bare.len() < given.len() && bare.starts_with(char::is_alphanumeric) {
            unfit.client_id = given;
        }
        let sound = |field| {
            if rejection.is_about(field) {
                return "";
            }
            text(field)
        };
        unfit.company_name = sound(Field::CompanyName);
        unfit.email = sound(Field::Email);
    }
    unfit
}
