//! Whole rows of a table in one cell: a stray quote opened it, and another one closed it.
//!
//! By the grammar such a row is well formed (RFC 4180), and the rows in it are lost
//! without a sign of it. `source/csv/stray_quote.rs` finds them.

use super::field::Field;
use super::problem::{Code, Problem};
use super::text::{counted, quoted};

/// Rows of a table that stand in cells of another row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwallowedRows {
    /// The columns of the cells, and their names.
    pub columns: Vec<(usize, String)>,
    /// How many rows there are, besides the one that has them.
    pub count: u64,
    /// The lines from the first to the last of them; `None` in a sheet.
    pub lines: Option<(u64, u64)>,
}

impl SwallowedRows {
    /// The problem of the row that has them, whose `fields` the cells feed. It is an error
    /// if one of them tells customers apart: the text of several rows is no id or name.
    pub(super) fn problem(&self, fields: &[Field]) -> Problem {
        let rejects = fields.iter().copied().any(tells_customers_apart);
        let code = if rejects {
            Code::MalformedRow
        } else {
            Code::SuspectValue
        };
        let names: Vec<String> = self.columns.iter().map(|(_, name)| quoted(name)).collect();
        let rows = counted(self.count, "other row", "other rows");
        let lines = match self.lines {
            None => String::new(),
            Some((first, last)) if first == last => format!(" (line {first})"),
            Some((first, last)) => format!(" (lines {first} to {last})"),
        };
        Problem::of_row(
            code,
            format!(
                "the cell of {} holds {rows} of the table{lines}, which a stray quote took along, \
                 wanted one row (remove the quote that opens the cell and the one that closes it)",
                names.join(" and ")
            ),
        )
    }
}

const fn tells_customers_apart(field: Field) -> bool {
    match field {
        Field::ClientId
        | Field::CompanyName
        | Field::Currency
        | Field::StripeCustomerId
        | Field::PlanIds
        | Field::BundleIds
        | Field::FirstName
        | Field::LastName
        | Field::Email => true,
        Field::Phone
        | Field::AddressLine1
        | Field::AddressLine2
        | Field::City
        | Field::State
        | Field::PostalCode
        | Field::Country => false,
    }
}

#[cfg(test)]
mod tests {
    use super::SwallowedRows;
    use crate::domain::field::Field;
    use crate::domain::problem::Code;

    #[test]
    fn it_is_an_error_in_names_and_ids_and_a_warning_elsewhere() {
        let mut swallowed = SwallowedRows {
            columns: vec![(1, "Firma".to_owned())],
            count: 2,
            lines: Some((4, 5)),
        };
        let fed = |swallowed: &SwallowedRows, fields: &[Field]| swallowed.problem(fields).code;
        assert_eq!(
            fed(&swallowed, &[Field::City, Field::CompanyName]),
            Code::MalformedRow
        );
        assert_eq!(fed(&swallowed, &[Field::City]), Code::SuspectValue);
        assert_eq!(fed(&swallowed, &[]), Code::SuspectValue);
        let message = swallowed.problem(&[]).message;
        assert!(
            message.contains("\"Firma\" holds 2 other rows of the table (lines 4 to 5)"),
            "{message}"
        );
        swallowed.lines = Some((4, 4));
        assert!(swallowed.problem(&[]).message.contains("(line 4)"));
    }
}
