//! Tells a total from a customer who is called so, by the columns that a customer fills.

use std::cell::LazyCell;
use std::collections::HashSet;

use super::footer::{is_amount, is_blank, is_summed};
use crate::domain::field::Field;
use crate::domain::header::{normalised, required_field};

/// The columns that a customer fills, and a total doesn't, by their places.
#[derive(Debug, Default)]
pub(super) struct CustomerColumns {
    /// All of them.
    required: Vec<usize>,
    /// Those of ids, or of what the user named.
    ids: Vec<usize>,
    /// Those of companies' names.
    companies: Vec<usize>,
    /// Those of currencies.
    currencies: Vec<usize>,
}

impl CustomerColumns {
    /// Of a table with these columns, some of which the user `named`.
    pub(super) fn new(columns: &[String], named: &[String]) -> Self {
        // The presets name hundreds; most tables need none of them.
        let named: LazyCell<HashSet<String>, _> =
            LazyCell::new(|| named.iter().map(|name| normalised(name)).collect());
        let mut found = Self::default();
        for (place, name) in columns.iter().enumerate() {
            let list = match required_field(name) {
                Some(Field::CompanyName) => &mut found.companies,
                Some(Field::Currency) => &mut found.currencies,
                Some(_) => &mut found.ids,
                None if named.contains(&normalised(name)) && !is_summed(name) => &mut found.ids,
                None => continue,
            };
            list.push(place);
            found.required.push(place);
        }
        found
    }

    /// Whether a row whose `first` filled cell is the label of a total is one: its other
    /// cells are sums, and it could be no customer. A report puts its sums below any
    /// column, also that of currencies.
    pub(super) fn are_summed(&self, cells: &[&str], first: usize) -> bool {
        let at = |column: &usize| cells.get(*column).copied().unwrap_or_default();
        let is_empty = |column: &usize| *column == first || is_blank(at(column));
        let is_sum = |column: &usize| is_blank(at(column)) || is_amount(at(column));
        let is_code = |column: &usize| self.currencies.contains(column) && is_code(at(column));
        let others = first + 1..cells.len();
        if !others
            .clone()
            .all(|column| is_sum(&column) || is_code(&column))
        {
            return false;
        }
        if self.required.iter().all(is_empty) {
            return true;
        }
        let is_none = |columns: &[usize], lacks: &dyn Fn(&usize) -> bool| {
            !columns.is_empty() && !columns.contains(&first) && columns.iter().all(lacks)
        };
        let has_amount = others.clone().any(|column| is_amount(at(&column)));
        self.ids.iter().all(is_empty)
            && (is_none(&self.currencies, &is_sum)
                || is_none(&self.companies, &is_empty) && has_amount)
    }
}

/// Whether `text` is the code of a currency.
fn is_code(text: &str) -> bool {
    let text = text.trim();
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::CustomerColumns;

    #[test]
    fn a_row_that_could_be_no_customer_is_a_total() {
        let own = "clientId,companyName,currency,email,planIds";
        for (header, row, wanted) in [
            (own, "Summe,,,,3", true),
            (own, "Total,,1.50,,", true),
            (own, "Total,3,,,", true),
            (own, "Total,3,4,,", true),
            (own, "Total,,USD,,3", true),
            (own, ",Total,3,,", true),
            (own, ",Total,,,3", true),
            // Customers, or rows that lack something.
            (own, "Total,3,USD,,", false),
            (own, "Total,,USD,,", false),
            (own, ",Total,USD,,", false),
            (own, "Total,A,,,", false),
            (own, "Total,,,a@b.example,3", false),
            ("companyName,clientId,currency", "Total,3,", false),
            ("companyName,clientId,currency", "Total,3,4", false),
            ("companyName,clientId,currency", "Total,,4", true),
            // Without a column of currencies, a default makes a customer of it.
            ("clientId,companyName", "Total,3", false),
            ("clientId,companyName,n", "Total,,3", true),
            // The user named the column of ids.
            ("companyName,Nr,currency", "Total,3,", false),
            ("companyName,Saldo,currency", "Total,3,", true),
        ] {
            let columns: Vec<String> = header.split(',').map(str::to_owned).collect();
            let named = ["Nr".to_owned(), "Saldo".to_owned()];
            let customer = CustomerColumns::new(&columns, &named);
            let cells: Vec<&str> = row.split(',').collect();
            let first = cells.iter().position(|cell| !cell.is_empty()).unwrap();
            assert_eq!(customer.are_summed(&cells, first), wanted, "{header} {row}");
        }
    }
}
