//! Writes a file of customers and the truth about it.

use std::collections::HashSet;
use std::io::Write;

use super::book::{Book, Made};
use super::broken;
use super::cases::{self, Case};
use super::chance::Chance;
use super::encode::Format;
use super::repeats::{Bad, Repeats};
use super::source::{Kind, Order};

/// From this many rows on, a file has one that exceeds the limit.
const MANY_ROWS: u64 = 100_000;

/// Writes the file and its truth.
pub(crate) fn generate(order: &Order, out: impl Write, truth: impl Write) -> anyhow::Result<Made> {
    let mut book = Book::new(order.format, out, truth)?;
    let mut mischief = Mischief::new(order);
    for number in 0..order.rows {
        match order.kind(number) {
            Kind::Good | Kind::Odd => book.customer(&order.customer(number).1, &[])?,
            Kind::Blank => book.blank(blank(order, number))?,
            Kind::Bad => mischief.one(number, &mut book)?,
        }
    }
    if order.bad > 0 {
        // These are at the end: one is large, and one swallows all that follows.
        let (_, row) = order.customer(order.rows);
        if order.rows >= MANY_ROWS {
            book.broken(&broken::endless(&row, order.format))?;
        }
        if order.format == Format::Csv {
            book.broken(&broken::left_open(&row))?;
        }
    }
    let mut made = book.close()?;
    made.rounds = mischief.rounds();
    Ok(made)
}

/// A blank row.
fn blank(order: &Order, number: u64) -> &'static str {
    let blanks: &[&'static str] = match order.format {
        Format::Csv => &["", "   ", ",,,,,,,,,,,,,,,", " ,\"\",\t,,,,,,,,,,,,,"],
        Format::Jsonl => &["", "  ", "\t"],
    };
    let blank: &&str = order.mischance(number).pick(blanks);
    blank
}

/// Generates bad rows, all kinds in turn.
struct Mischief<'o> {
    order: &'o Order,
    deck: Vec<Case>,
    repeats: Repeats<'o>,
    /// Cases of the deck that can be planted only once, and were.
    spent: HashSet<usize>,
    /// How many bad rows there were, how many of them couldn't be read, and how many cases
    /// were drawn.
    rows: u64,
    broken: usize,
    drawn: usize,
}

impl<'o> Mischief<'o> {
    fn new(order: &'o Order) -> Self {
        Self {
            order,
            deck: cases::all(order.format),
            repeats: Repeats::new(order),
            spent: HashSet::new(),
            rows: 0,
            broken: 0,
            drawn: 0,
        }
    }

    /// How often all of the deck and all broken forms were planted.
    fn rounds(&self) -> usize {
        let ways = broken::ways(self.order.format).len();
        (self.drawn / self.deck.len()).min(self.broken / ways)
    }

    /// Writes a bad row.
    fn one<O: Write, T: Write>(
        &mut self,
        number: u64,
        book: &mut Book<O, T>,
    ) -> anyhow::Result<()> {
        let turn = self.rows;
        self.rows += 1;
        let bad = match turn % 20 {
            1 | 11 => {
                let ways = broken::ways(self.order.format);
                let way = ways[self.broken % ways.len()];
                self.broken += 1;
                let (_, row) = self.order.customer(number);
                return book.broken(&way(&row, &mut self.order.mischance(number)));
            }
            0 | 10 => self.repeats.repeat(number, &self.deck),
            4 => self.repeats.near(number),
            5 => self.repeats.twofold(number),
            2 | 12 => Some(self.planted(number, 2)),
            3 => Some(self.planted(number, 3)),
            _ => None,
        };
        let (row, planted) = bad.unwrap_or_else(|| self.planted(number, 1));
        book.customer(&row, &planted)
    }

    /// A row with this many mistakes, each in a field of its own.
    fn planted(&mut self, number: u64, many: usize) -> Bad {
        let (full, mut row) = self.order.customer(number);
        let mut chance = self.order.mischance(number);
        let mut chosen = vec![self.next_case()];
        while chosen.len() < many {
            let other = self.any_case(&mut chance);
            if chosen.iter().all(|case| case.agrees_with(&other)) {
                chosen.push(other);
            }
        }
        let planted = chosen
            .iter()
            .flat_map(|case| case.plant(&mut row, &full, &mut chance));
        let planted = planted.collect();
        (row, planted)
    }

    /// The next case of the deck.
    fn next_case(&mut self) -> Case {
        loop {
            let place = self.drawn % self.deck.len();
            self.drawn += 1;
            let case = &self.deck[place];
            if !case.is_once() || self.spent.insert(place) {
                return case.clone();
            }
        }
    }

    fn any_case(&self, chance: &mut Chance) -> Case {
        loop {
            let case = chance.pick(&self.deck);
            if !case.is_once() {
                return case.clone();
            }
        }
    }
}
