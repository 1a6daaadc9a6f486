//! Id, company and e-mail of a row that is not fit to be sent.

use crate::domain::candidate::FieldValue;
use crate::domain::field::Field;
use crate::domain::mapping::Binding;
use crate::domain::meant_id::meant_id;
use crate::domain::row::{ReadState, Row};
use crate::domain::rules::Rules;
use crate::domain::validate::Rejection;

/// Id, company and e-mail of a row that is not fit; each is empty if it isn't usable.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnfitRow<'r> {
    pub(super) client_id: &'r str,
    pub(super) company_name: &'r str,
    pub(super) email: &'r str,
}

impl<'r> UnfitRow<'r> {
    /// Those of `row`: all empty if the row can't be read. The id is empty if it is not
    /// certain which is meant. Company and e-mail are empty if they have an error: a hundred
    /// cells `#N/A` are not one customer.
    pub(super) fn of(
        row: &'r Row,
        binding: &'r Binding,
        rejection: &Rejection,
        rules: &Rules,
    ) -> Self {
        let mut unfit = Self {
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
            unfit.client_id = meant_id(&candidate, rejection, rules).unwrap_or_default();
            let without_error = |field| {
                if rejection.is_about(field) {
                    return "";
                }
                text(field)
            };
            unfit.company_name = without_error(Field::CompanyName);
            unfit.email = without_error(Field::Email);
        }
        unfit
    }
}
