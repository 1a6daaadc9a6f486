//! Rows that were given back, and come again beside the input that they were
//! given back from: each stands for the row that it was, which is then neither
//! rejected once more nor repeated by it.
//!
//! That row is known again by its place, and by its id; or where the id was what
//! had to be mended, by what was wrong with it. Only a row that would be rejected
//! is passed over, so that no customer is left out for what an old file says.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use twox_hash::XxHash3_128;

use super::codec::{PLACE, packed, place, six, take, take_place, take_six};
use super::verdicts::{About, Finding, Other, VerdictSorter, Verdicts};
use crate::domain::field::Field;
use crate::domain::mapping::Binding;
use crate::domain::problem::{Code, Problem};
use crate::domain::row::{Columns, Row};
use crate::spill::{Sorted, Sorter};

/// Bytes of an item: the place that it is about, with the kind in it, id, flaw,
/// whether its id is another row's, and the row itself: ordinal, fit, place.
const SIZE: usize = 6 + 1 + 2 + 8 + 1 + 1 + 6 + 1 + PLACE;

/// The input of a row that comes back and does not say from which: then there
/// was only one.
const UNSAID: u16 = u16::MAX;

/// A row that stands for the one at its place. It sorts before that.
const RETURNED: u8 = 0;
/// A row that is rejected.
const REJECTED: u8 = 1;

/// How many rows may stand for one: more come of copies only.
const MOST_CLAIMS: usize = 16;

/// What can be wrong with a row so that it has no id.
const FLAWS: [Code; 4] = [
    Code::MissingField,
    Code::WrongType,
    Code::InvalidValue,
    Code::MalformedRow,
];

/// The number of the first flaw among codes and fields; 0 where there is none.
fn flaw<'p>(told: impl IntoIterator<Item = (&'p str, &'p str)>) -> u8 {
    let about_id = |field: &str| field.is_empty() || field == Field::ClientId.name();
    let number = |(code, field): (&str, &str)| {
        let mut flaws = (1..).zip(FLAWS);
        let (number, _) = flaws.find(|(_, flaw)| flaw.name() == code && about_id(field))?;
        Some(number)
    };
    told.into_iter().find_map(number).unwrap_or_default()
}

/// What a row that comes back says of the one that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Original {
    input: u16,
    line: u64,
    flaw: u8,
    repeats: bool,
}

impl Original {
    /// What `row` says of itself, if it comes back and its original is among
    /// the inputs, which are called `names`.
    pub(super) fn of(
        row: &Row,
        binding: &Binding,
        columns: &Columns,
        names: &[String],
    ) -> Option<Self> {
        let said = |name| binding.added(row, columns, name);
        let own = row.origin.input;
        let input = match said("_file") {
            Some(file) => {
                let bare = |name: &str| name.trim_start_matches("./").to_owned();
                let is_it = |name: &String| bare(name) == bare(file);
                u16::try_from(names.iter().position(is_it)?).ok()?
            }
            None => UNSAID,
        };
        let line = said("_line")?.parse().ok().filter(|_| input != own)?;
        let codes = said("_code").unwrap_or_default().split(';');
        let fields = said("_field").unwrap_or_default().split(';');
        Some(Self {
            input,
            line,
            flaw: flaw(codes.clone().zip(fields)),
            repeats: { codes }.any(|code| code == Code::DuplicateClientId.name()),
        })
    }
}

/// Takes rows that come back, and rows that are rejected, in any order.
#[derive(Debug)]
pub(super) struct Mended {
    places: Sorter<SIZE>,
    /// The inputs of which rows come back.
    come_back: BTreeSet<u16>,
}

/// An item: what it is about, and of which row it is.
#[derive(Debug, Clone, Copy)]
struct Item {
    input: u16,
    line: u64,
    kind: u8,
    id: [u8; 8],
    flaw: u8,
    repeats: bool,
    about: About,
}

impl Mended {
    /// One of so many that are filled side by side.
    pub(super) fn new(folder: &Path, among: usize) -> Self {
        Self {
            places: Sorter::new(folder, among),
            come_back: BTreeSet::new(),
        }
    }

    /// A row that comes back, with the id that it has by now.
    pub(super) fn push_returned(
        &mut self,
        about: About,
        original: Original,
        client_id: Option<&str>,
    ) -> io::Result<()> {
        self.come_back.insert(about.place.input);
        self.push(Item {
            input: original.input,
            line: original.line,
            kind: RETURNED,
            id: hash(client_id.unwrap_or_default()),
            flaw: original.flaw,
            repeats: original.repeats,
            about,
        })
    }

    /// A row that is rejected for what it is; `client_id` is its id, if it has
    /// one.
    pub(super) fn push_rejected(
        &mut self,
        about: About,
        client_id: Option<&str>,
        problems: &[Problem],
    ) -> io::Result<()> {
        let told = problems
            .iter()
            .map(|problem| (problem.code.name(), problem.field));
        self.push(Item {
            id: hash(client_id.unwrap_or_default()),
            flaw: if client_id.is_none() { flaw(told) } else { 0 },
            ..rejected(about)
        })
    }

    /// A row that is rejected because another one has its id.
    pub(super) fn push_repeating(&mut self, about: About) -> io::Result<()> {
        self.push(Item {
            repeats: true,
            ..rejected(about)
        })
    }

    fn push(&mut self, item: Item) -> io::Result<()> {
        let about = item.about;
        self.places.push(packed([
            &six(item.line),
            &[item.kind],
            &item.input.to_be_bytes(),
            &item.id,
            &[item.flaw, u8::from(item.repeats)],
            &six(about.ordinal),
            &[u8::from(about.fit)],
            &place(about.place),
        ]))
    }

    /// Says of each rejected row that another one stands for it, and of that
    /// one for which it does. There are so many `inputs`.
    pub(super) fn join(
        mut all: Vec<Self>,
        inputs: usize,
        verdicts: &mut Verdicts,
        folder: &Path,
    ) -> io::Result<()> {
        let come_back: BTreeSet<u16> = all.iter().flat_map(|one| &one.come_back).copied().collect();
        let (Some(last), false) = (all.last_mut(), come_back.is_empty()) else {
            return Ok(());
        };
        while let Some(verdict) = verdicts.read_next()? {
            if verdict.fit && verdict.duplicate.is_some() {
                last.push_repeating(verdicts.about(&verdict))?;
            }
        }
        // What does not come back is an original; of one all others may be.
        let mut originals = (0..UNSAID)
            .take(inputs)
            .filter(|input| !come_back.contains(input));
        let only = originals.next().filter(|_| originals.next().is_none());
        let mut sorted = Sorted::of(all.into_iter().map(|mended| mended.places).collect())?;
        let mut found = VerdictSorter::new(folder, 1);
        let mut claims: Vec<Item> = Vec::new();
        while let Some(mut item) = sorted.read_next()?.map(|item| unpacked(&item)) {
            claims.retain(|claim| claim.line == item.line);
            if item.kind == REJECTED {
                if let Some(claim) = claims.iter().find(|claim| claim.is_of(&item)) {
                    found.push(item.about, Finding::Replaced)?;
                    let place = Other::at(item.about.place);
                    found.push(claim.about, Finding::StandsFor(place))?;
                }
                continue;
            }
            if item.input == UNSAID {
                item.input = only.unwrap_or(UNSAID);
            }
            let of_it = claims.iter().filter(|claim| claim.input == item.input);
            if of_it.count() < MOST_CLAIMS {
                claims.push(item);
            }
        }
        verdicts.add(found)
    }
}

impl Item {
    /// Whether this one, which comes back, was the `rejected` one.
    fn is_of(&self, rejected: &Self) -> bool {
        if self.input != rejected.input {
            false
        } else if rejected.flaw > 0 {
            self.flaw == rejected.flaw
        } else {
            self.repeats || !rejected.repeats && self.id == rejected.id
        }
    }
}

fn rejected(about: About) -> Item {
    Item {
        input: about.place.input,
        line: about.place.line,
        kind: REJECTED,
        id: [0; 8],
        flaw: 0,
        repeats: false,
        about,
    }
}

fn hash(client_id: &str) -> [u8; 8] {
    let hash = XxHash3_128::oneshot(client_id.as_bytes());
    let [_, _, _, _, _, _, _, _, half @ ..] = hash.to_be_bytes();
    half
}

fn unpacked(item: &[u8; SIZE]) -> Item {
    let mut rest = item.as_slice();
    let line = take_six(&mut rest);
    let [kind] = take(&mut rest);
    let input = u16::from_be_bytes(take(&mut rest));
    let id = take(&mut rest);
    let [flaw, repeats] = take(&mut rest);
    let ordinal = take_six(&mut rest);
    let [fit] = take(&mut rest);
    let place = take_place(&mut rest);
    Item {
        input,
        line,
        kind,
        id,
        flaw,
        repeats: repeats > 0,
        about: About {
            ordinal,
            place,
            fit: fit > 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Original, UNSAID, flaw};
    use crate::domain::mapping::{Binding, Mapping};
    use crate::domain::row::{Columns, Kind, Origin, Row};

    /// What the row `cells` of a table says of itself; it is the second of
    /// `a.csv`, `b.csv` and `./c.csv`.
    fn said(header: &[&str], cells: &[&str]) -> Option<Original> {
        let names = ["clientId", "companyName", "currency"].iter().chain(header);
        let names: Vec<String> = names.map(|name| (*name).to_owned()).collect();
        let columns = Columns::table(names, "", b',');
        let mut row = Row::default();
        let origin = Origin {
            input: 1,
            ..Origin::default()
        };
        row.refill(origin, b"x");
        for (place, cell) in cells.iter().enumerate() {
            row.push_unescaped(3 + place, Kind::Text, cell);
        }
        let binding = Binding::new(&Mapping::default(), &columns, "in.csv").unwrap();
        let inputs = ["a.csv", "b.csv", "./c.csv"].map(str::to_owned);
        Original::of(&row, &binding, &columns, &inputs)
    }

    #[test]
    fn a_row_that_comes_back_says_what_it_was() {
        let header = ["_file", "_line", "_code", "_field"];
        let original = |input, flaw, repeats| {
            Some(Original {
                input,
                line: 7,
                flaw,
                repeats,
            })
        };
        let of = |file, codes, fields| said(&header, &[file, "7", codes, fields]);
        assert_eq!(
            of("a.csv", "suspect_value", "planIds"),
            original(0, 0, false)
        );
        assert_eq!(
            of(
                "c.csv",
                "missing_field;duplicate_client_id",
                "currency;clientId"
            ),
            original(2, 0, true)
        );
        assert_eq!(
            of("a.csv", "missing_field", "clientId"),
            original(0, 1, false)
        );
        assert_eq!(of("a.csv", "malformed_row", ""), original(0, 4, false));
        assert_eq!(
            said(&header[1..], &["7", "malformed_row", ""]),
            original(UNSAID, 4, false)
        );
        // Of itself, of an unknown file, of no line, and of nothing.
        for file in ["b.csv", "d.csv", ""] {
            assert_eq!(of(file, "malformed_row", ""), None, "{file}");
        }
        assert_eq!(said(&header, &["a.csv", "seven"]), None);
        assert_eq!(said(&["note"], &["7"]), None);
    }

    #[test]
    fn a_flaw_is_one_of_the_row_or_its_id() {
        assert_eq!(
            flaw([("corrected", "clientId"), ("missing_field", "currency")]),
            0
        );
        assert_eq!(
            flaw([("missing_field", "currency"), ("invalid_value", "clientId")]),
            3
        );
    }
}
