//! Rows that have something in common with an earlier one.

use std::collections::HashSet;

use super::cases::Case;
use super::encode::Format;
use super::row::{Field, Row, Value};
use super::source::Order;
use super::truth::{Code, Planted};

/// A row, and the problems that should be reported for it.
pub(super) type Bad = (Row, Vec<Planted>);

/// Generates them, with the state that this needs.
pub(super) struct Repeats<'o> {
    order: &'o Order,
    /// Rows that another one resembles. No other is generated from them, or it would
    /// resemble both.
    neighbours: HashSet<u64>,
    repeated: usize,
    neared: usize,
    missed: usize,
}

fn of(code: Code, field: Field) -> Planted {
    let field = field.path();
    Planted { code, field }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

impl<'o> Repeats<'o> {
    pub(super) fn new(order: &'o Order) -> Self {
        Self {
            order,
            neighbours: HashSet::new(),
            repeated: 0,
            neared: 0,
            missed: 0,
        }
    }

    /// A row with the id of an earlier one: the same row again, another customer, and rows
    /// with a second problem.
    pub(super) fn repeat(&mut self, number: u64, deck: &[Case]) -> Option<Bad> {
        let how = self.repeated;
        self.repeated += 1;
        let (_, other) = self
            .order
            .earlier(number, how, &self.neighbours, |_| true)?;
        let id = other.text(Field::ClientId).to_owned();
        let (full, mut row) = self.order.customer(number);
        row.set(Field::ClientId, text(&id));
        let mut planted = vec![of(Code::Duplicate, Field::ClientId)];
        match how / 3 % 4 {
            0 => row = other,
            1 => {}
            // In JSON the apostrophe is part of the id.
            2 if self.order.format == Format::Csv => {
                row.set(Field::ClientId, text(&format!("'{id}")));
                planted.push(of(Code::Corrected, Field::ClientId));
            }
            _ => {
                let mut chance = self.order.mischance(number);
                let harmless: Vec<&Case> = deck.iter().filter(|case| case.is_harmless()).collect();
                let case = *chance.pick(&harmless);
                planted.extend(case.plant(&mut row, &full, &mut chance));
            }
        }
        Some((row, planted))
    }

    /// A row that is probably an earlier customer again, under another id.
    pub(super) fn near(&mut self, number: u64) -> Option<Bad> {
        let how = self.neared;
        self.neared += 1;
        let (place, other) = self.order.earlier(number, how, &self.neighbours, |row| {
            let id = row.text(Field::ClientId);
            id.contains(|c: char| c.is_ascii_lowercase()) && !row.text(Field::Email).is_empty()
        })?;
        self.neighbours.insert(place);
        let (_, mut row) = self.order.customer(number);
        let id = other.text(Field::ClientId);
        let (email, company) = (other.text(Field::Email), other.text(Field::CompanyName));
        let mut planted = vec![of(Code::SameCustomer, Field::Email)];
        let (email, company) = match how / 3 % 4 {
            0 => {
                row.set(Field::ClientId, text(&id.to_ascii_uppercase()));
                return Some((row, vec![of(Code::SimilarId, Field::ClientId)]));
            }
            1 => (email.to_owned(), company.to_owned()),
            2 => (email.to_uppercase(), company.to_lowercase()),
            _ => {
                planted.push(of(Code::Corrected, Field::Email));
                (format!("{email} "), company.to_owned())
            }
        };
        row.set(Field::Email, text(&email));
        row.set(Field::CompanyName, text(&company));
        Some((row, planted))
    }

    /// A row that repeats another and has a problem of its own, or that is easily
    /// misjudged.
    pub(super) fn twofold(&mut self, number: u64) -> Option<Bad> {
        const COUNTRIES: [&str; 5] = ["United Kingdom", "Bolivia", "Moldova", "GERMANY", "japan"];
        let how = self.missed;
        self.missed += 1;
        let (full, mut row) = self.order.customer(number);
        let planted = match how % 3 {
            // Both should be reported: a person corrects a row once.
            0 => {
                let (_, other) = self
                    .order
                    .earlier(number, how / 3, &self.neighbours, |_| true)?;
                row.set(Field::ClientId, other.get(Field::ClientId).clone());
                row.set(Field::Currency, text("Euro"));
                vec![
                    of(Code::Duplicate, Field::ClientId),
                    of(Code::UnknownCurrency, Field::Currency),
                ]
            }
            // These are the countries' names.
            1 => {
                let name = COUNTRIES[how / 3 % COUNTRIES.len()];
                row.set(Field::Country, text(name));
                Vec::new()
            }
            // In JSON, blanks do not separate a list's items.
            _ if self.order.format == Format::Jsonl => {
                let item = format!(" {}", full.items(Field::PlanIds)[0]);
                row.set(Field::PlanIds, Value::List(vec![item]));
                vec![of(Code::Corrected, Field::PlanIds)]
            }
            _ => return None,
        };
        Some((row, planted))
    }
}
