//! Finds columns of full card numbers, in the names of the columns and the first rows.
//!
//! A file with such a column is refused as a whole, before anything of it is sent, shown
//! or written: PCI DSS applies to stored card numbers, and rejected rows are written to
//! a file unchanged.

use super::card_number::{is_card_number, is_long_number, masked};
use super::header::normalised;
use super::row::Row;

/// How many rows of an input are looked at.
pub const MOST_SAMPLED: u64 = 1000;

/// From this many values on, one in ten may be no card's number.
const FEW: u32 = 5;

/// The columns of full card numbers in the migration exports of Stripe, Braintree and
/// Chargebee, in lower case.
const MIGRATED: [&str; 5] = [
    "card.number",
    "credit_card.number",
    "card[number]",
    "credit_card[number]",
    "payment_method.card.number",
];

/// Other names of such columns, normalised; longer names may end in them.
const NAMES: [&str; 24] = [
    "cardnumber",
    "cardnum",
    "cardno",
    "card#",
    "ccnumber",
    "ccnum",
    "ccno",
    "pan",
    "cardpan",
    "primaryaccountnumber",
    "card[number]",
    "kartennummer",
    "kartennr",
    "kreditkartennummer",
    "numérodecarte",
    "numerodecarte",
    "numérodelacarte",
    "númerodetarjeta",
    "numerodetarjeta",
    "numerodicarta",
    "númerodocartão",
    "kaartnummer",
    "kortnummer",
    "カード番号",
];

/// Cards that are not used for payment, or not by their number.
const OTHER_CARDS: [&str; 10] = [
    "gift",
    "loyalty",
    "member",
    "sim",
    "id",
    "library",
    "health",
    "insurance",
    "bonus",
    "access",
];

/// What a column holds in the rows that were looked at.
#[derive(Debug, Clone, Copy, Default)]
struct ColumnCount {
    /// Values that are not blank.
    values: u32,
    /// Of these, numbers as long as a card's.
    long: u32,
    /// Of these, numbers that a card may have.
    cards: u32,
    /// Of these, such numbers in groups.
    grouped: u32,
}

/// Counts what the columns of one input hold.
#[derive(Debug, Clone, Default)]
pub struct CardColumns {
    counts: Vec<ColumnCount>,
}

impl CardColumns {
    /// Counts the values of `row`.
    pub fn add(&mut self, row: &Row) {
        for cell in row.cells() {
            let value = cell.value.trim();
            if value.is_empty() {
                continue;
            }
            if self.counts.len() <= cell.column {
                self.counts.resize(cell.column + 1, ColumnCount::default());
            }
            let Some(count) = self.counts.get_mut(cell.column) else {
                continue;
            };
            let is_card = is_card_number(value);
            let is_grouped = is_card && value.contains([' ', '-']);
            count.values += 1;
            count.long += u32::from(is_long_number(value));
            count.cards += u32::from(is_card);
            count.grouped += u32::from(is_grouped);
        }
    }

    /// The first column of full card numbers, as it may be shown: the names of columns
    /// are values if the header is missing.
    pub fn found(&self, names: &[String]) -> Option<String> {
        names.iter().enumerate().find_map(|(column, name)| {
            let count = self.counts.get(column).copied().unwrap_or_default();
            let shown = masked(name);
            let is_value = shown != *name;
            (is_value || count.is_of_cards(name)).then(|| shown.into_owned())
        })
    }
}

impl ColumnCount {
    /// Whether a column with this `name` and these values has full card numbers.
    fn is_of_cards(self, name: &str) -> bool {
        let lower = name.trim().to_lowercase();
        if MIGRATED.contains(&lower.as_str()) && (self.values == 0 || self.long > 0) {
            return true;
        }
        if is_card_name(name) && self.long > 0 {
            return true;
        }
        // One number in ten that begins like a card's is one by chance; a column is not.
        let nearly_all = self.values >= FEW && self.cards * 10 >= self.values * 9;
        let all = self.values >= 2 && self.cards == self.values;
        nearly_all || all || self.values > 0 && self.grouped == self.values
    }
}

/// Whether a column with this name should hold numbers of payment cards.
fn is_card_name(name: &str) -> bool {
    let name = normalised(name);
    let is_other = OTHER_CARDS.iter().any(|other| {
        let rest = name.strip_prefix(other);
        rest.is_some_and(|rest| rest.starts_with("card") || rest.starts_with("ship"))
    });
    let is_it = |known: &&str| name == *known || known.len() > 5 && name.ends_with(known);
    !is_other && NAMES.iter().any(is_it)
}

#[cfg(test)]
mod tests {
    use super::CardColumns;
    use crate::domain::row::{CellKind, Origin, Row};

    /// The column of card numbers that is found in a table.
    fn found(names: &[&str], rows: &[&[&str]]) -> Option<String> {
        let mut columns = CardColumns::default();
        for cells in rows {
            let mut row = Row::default();
            row.refill(Origin::default(), b"");
            for (column, value) in cells.iter().enumerate() {
                row.push_unescaped(column, CellKind::Text, value);
            }
            columns.add(&row);
        }
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        columns.found(&names)
    }

    #[test]
    fn a_column_that_is_named_after_card_numbers_and_has_one_is_found() {
        for name in [
            "card.number",
            "CARD.NUMBER",
            "credit_card.number",
            "card[number]",
            "Card Number",
            "cc_number",
            "PAN",
            "Kreditkartennummer",
            "Kartennummer",
            "customer.card_number",
        ] {
            let rows: [&[&str]; 2] = [&["c-1", ""], &["c-2", "4242424242424242"]];
            assert_eq!(found(&["id", name], &rows).as_deref(), Some(name));
        }
        // The number need not have the right check digit.
        assert!(found(&["Card Number"], &[&["4111111111111112"]]).is_some());
        assert!(found(&["card.number"], &[&[""]]).is_some());
    }

    #[test]
    fn masked_numbers_and_other_numbers_are_left_alone() {
        for (name, value) in [
            ("card.number", "************4242"),
            ("Card Number", "4242"),
            ("Card Number", "xxxx-xxxx-xxxx-4242"),
            ("Card Last4", "4242"),
            ("PAN", "ABCDE1234F"),
            ("Gift Card Number", "6012345678901235"),
            ("Membership No", "6012345678901235"),
            ("Phone", "4915123456789"),
            ("span", "6012345678901235"),
        ] {
            assert_eq!(found(&[name], &[&[value], &[value]]), None, "{name}");
        }
    }

    #[test]
    fn a_column_of_card_numbers_is_found_whatever_its_name() {
        let cards: [&[&str]; 5] = [
            &["4242424242424242"],
            &["5555555555554444"],
            &["3782 822463 10005"],
            &["6011-1111-1111-1117"],
            &["30569309025904"],
        ];
        assert!(found(&["notes"], &cards).is_some());
        assert!(found(&["clientId"], cards.get(..2).unwrap()).is_some());
        assert!(found(&["notes"], &[&["4242 4242 4242 4242"]]).is_some());
        // One of many ids may have the right check digit by chance.
        let mut ids = vec![cards[0]];
        ids.extend([&["4242424242424241"][..], &["4242424242424243"]]);
        assert_eq!(found(&["clientId"], &ids), None);
        assert_eq!(found(&["clientId"], cards.get(..1).unwrap()), None);
    }

    #[test]
    fn a_number_in_place_of_a_name_is_found_and_not_shown() {
        let shown = found(&["c-1", "4242424242424242"], &[]).unwrap();
        assert_eq!(shown, "************4242");
    }
}
