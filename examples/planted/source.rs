//! Decides what each row is, from the seed and the row's number alone.
//!
//! Nothing needs to be stored: a duplicate of a row ten million rows earlier generates that
//! row again.

use std::collections::HashSet;

use super::chance::Chance;
use super::encode::Format;
use super::people;
use super::row::Row;

/// What to plant.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) format: Format,
    pub(crate) rows: u64,
    /// How many of a million rows are bad.
    pub(crate) bad: u64,
    pub(crate) seed: u64,
}

/// The kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Good,
    /// It looks odd, and is good.
    Odd,
    Blank,
    Bad,
}

/// How many of a million rows are blank, and how many are odd.
const BLANK: u64 = 400;
const ODD: u64 = 2000;

/// How far back an earlier row is searched.
const TRIES: u64 = 50;

/// The purposes of a row's random numbers.
const KIND: u64 = 1;
const CUSTOMER: u64 = 2;
const MISTAKE: u64 = 3;

impl Order {
    pub(super) fn kind(&self, number: u64) -> Kind {
        let mut chance = Chance::of(self.seed, number, KIND);
        // The format is detected from the first row.
        if number == 0 {
            Kind::Good
        } else if chance.millionths(self.bad) {
            Kind::Bad
        } else if chance.millionths(BLANK) {
            Kind::Blank
        } else if chance.millionths(ODD) {
            Kind::Odd
        } else {
            Kind::Good
        }
    }

    /// The random numbers that decide whether a row is bad.
    pub(super) fn mischance(&self, number: u64) -> Chance {
        Chance::of(self.seed, number, MISTAKE)
    }

    /// The customer of `number`, complete, and with the fields that the row has.
    pub(super) fn customer(&self, number: u64) -> (Row, Row) {
        let mut chance = Chance::of(self.seed, number, CUSTOMER);
        let full = people::full(number, &mut chance);
        let mut row = people::thinned(full.clone(), &mut chance);
        if self.kind(number) == Kind::Odd {
            people::odd_but_good(&mut row, self.format, &mut chance);
        }
        (full, row)
    }

    /// A good row before `number` that `fits` and is not `taken`: just before it, anywhere,
    /// or at the very start.
    pub(super) fn earlier(
        &self,
        number: u64,
        how: usize,
        taken: &HashSet<u64>,
        fits: impl Fn(&Row) -> bool,
    ) -> Option<(u64, Row)> {
        let mut chance = self.mischance(number);
        let start = match how % 3 {
            0 => number.checked_sub(1 + chance.below(3))?,
            1 => chance.below(number),
            _ => chance.below(number.min(100)),
        };
        let from = start.saturating_sub(TRIES);
        (from..=start).rev().find_map(|other| {
            let good = matches!(self.kind(other), Kind::Good | Kind::Odd);
            let row = (good && !taken.contains(&other)).then(|| self.customer(other).1)?;
            fits(&row).then_some((other, row))
        })
    }
}
