//! Rows that were given back, and come again beside the input that they were
//! given back from: each stands for the row that it was, which is then neither
//! rejected once more nor repeated by it.
//!
//! That row is known again by its place and by what it was given back with: its
//! codes and messages, and every value that nothing was said about. A row that
//! came to stand in its place since is another one, and is rejected for itself;
//! so that no customer is left out for what an old file says.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::codec::{PLACE, packed, place, six, take, take_place, take_six};
use super::features::{Features, Remarks};
use super::finding_store::{About, Finding, Other, VerdictSorter, Verdicts};
use crate::domain::mapping::Binding;
use crate::domain::problem::{Problem, messages};
use crate::domain::row::{Columns, Row};
use crate::spill::{Sorted, Sorter};

/// Bytes of an item: the place that it is about, with the kind in it, how it is
/// known again, and the row itself: ordinal, fit, place.
const SIZE: usize = 6 + 1 + 2 + 8 + 8 + 8 + 1 + 6 + 1 + PLACE;

/// The input of a row that comes back and does not say from which: then there
/// was only one.
const UNSAID: u16 = u16::MAX;

/// A row that stands for the one at its place. It sorts before that.
const RETURNED: u8 = 0;
/// A row that is rejected for what it is.
const REJECTED: u8 = 1;
/// A row that may be rejected for others.
const FIT: u8 = 2;
/// A row that is rejected for others. It sorts behind what is known of it.
const REPEATING: u8 = 3;

/// How many rows may stand for one: more come of copies only.
const MOST_CLAIMS: usize = 16;

/// What a row that comes back says of the one that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Original {
    input: u16,
    line: u64,
    features: Features,
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
        let remarks = Remarks {
            codes: said("_code").unwrap_or_default().split(';').collect(),
            fields: said("_field").unwrap_or_default().split(';').collect(),
            messages: said("_message").unwrap_or_default(),
        };
        Some(Self {
            input,
            line,
            features: Features::of(row, binding, columns, &remarks),
        })
    }
}

/// Takes rows that come back, and rows that are rejected, in any order.
#[derive(Debug)]
pub(super) struct Resubmitted {
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
    features: Features,
    about: About,
}

impl Resubmitted {
    /// One of so many that are filled side by side.
    pub(super) fn new(folder: &Path, among: usize) -> Self {
        Self {
            places: Sorter::new(folder, among),
            come_back: BTreeSet::new(),
        }
    }

    /// A row that comes back.
    pub(super) fn push_returned(&mut self, about: About, original: Original) -> io::Result<()> {
        self.come_back.insert(about.place.input);
        self.push(Item {
            input: original.input,
            line: original.line,
            kind: RETURNED,
            features: original.features,
            about,
        })
    }

    /// A row that is rejected for what it is, or may be for others, and what is
    /// to be said of it by itself.
    pub(super) fn push_original(
        &mut self,
        about: About,
        row: &Row,
        (binding, columns): (&Binding, &Columns),
        problems: &[Problem],
    ) -> io::Result<()> {
        let remarks = Remarks {
            codes: problems.iter().map(|problem| problem.code.name()).collect(),
            fields: problems.iter().map(|problem| problem.field).collect(),
            messages: &messages(problems),
        };
        self.push(Item {
            features: Features::of(row, binding, columns, &remarks),
            ..original(about, if about.fit { FIT } else { REJECTED })
        })
    }

    fn push(&mut self, item: Item) -> io::Result<()> {
        let (about, features) = (item.about, item.features);
        let flags = u8::from(features.id_open)
            | u8::from(features.of_others) << 1
            | u8::from(features.malformed) << 2;
        self.places.push(packed([
            &six(item.line),
            &[item.kind],
            &item.input.to_be_bytes(),
            &features.values,
            &features.messages,
            &features.id,
            &[flags],
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
                last.push(original(verdicts.about(&verdict), REPEATING))?;
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
        let mut fit: Vec<Item> = Vec::new();
        while let Some(mut item) = sorted.read_next()?.map(|item| unpacked(&item)) {
            claims.retain(|claim| claim.line == item.line);
            let rejected = match item.kind {
                RETURNED => {
                    if item.input == UNSAID {
                        item.input = only.unwrap_or(UNSAID);
                    }
                    let of_it = claims.iter().filter(|claim| claim.input == item.input);
                    if of_it.count() < MOST_CLAIMS {
                        claims.push(item);
                    }
                    fit.clear();
                    continue;
                }
                FIT => {
                    if !claims.is_empty() {
                        fit.push(item);
                    }
                    continue;
                }
                REPEATING => fit
                    .iter()
                    .find(|fit| fit.about.ordinal == item.about.ordinal),
                _rejected => Some(&item),
            };
            let Some(rejected) = rejected else { continue };
            if let Some(claim) = claims.iter().find(|claim| claim.is_of(rejected)) {
                found.push(rejected.about, Finding::Replaced)?;
                let place = Other::at(rejected.about.place);
                found.push(claim.about, Finding::StandsFor(place))?;
            }
        }
        verdicts.add(found)
    }
}

impl Item {
    /// Whether this one, which comes back, was the `rejected` one.
    fn is_of(&self, rejected: &Self) -> bool {
        let claims = &self.features;
        // What is fit is rejected only for others.
        self.input == rejected.input
            && (rejected.kind != FIT || claims.of_others)
            && claims.are_of(&rejected.features)
    }
}

fn original(about: About, kind: u8) -> Item {
    Item {
        input: about.place.input,
        line: about.place.line,
        kind,
        features: Features::default(),
        about,
    }
}

fn unpacked(item: &[u8; SIZE]) -> Item {
    let mut rest = item.as_slice();
    let line = take_six(&mut rest);
    let [kind] = take(&mut rest);
    let input = u16::from_be_bytes(take(&mut rest));
    let (values, messages, id) = (take(&mut rest), take(&mut rest), take(&mut rest));
    let [flags] = take(&mut rest);
    let ordinal = take_six(&mut rest);
    let [fit] = take(&mut rest);
    let place = take_place(&mut rest);
    Item {
        input,
        line,
        kind,
        features: Features {
            values,
            messages,
            id,
            id_open: flags & 1 > 0,
            of_others: flags & 2 > 0,
            malformed: flags & 4 > 0,
        },
        about: About {
            ordinal,
            place,
            fit: fit > 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Original, UNSAID};
    use crate::domain::mapping::{Binding, Mapping};
    use crate::domain::row::{CellKind, Columns, Origin, Row};

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
            row.push_unescaped(3 + place, CellKind::Text, cell);
        }
        let binding = Binding::new(&Mapping::default(), &columns, "in.csv").unwrap();
        let inputs = ["a.csv", "b.csv", "./c.csv"].map(str::to_owned);
        Original::of(&row, &binding, &columns, &inputs)
    }

    #[test]
    fn a_row_that_comes_back_says_what_it_was() {
        let header = ["_file", "_line", "_code", "_field"];
        let of = |file, codes, fields| {
            let original = said(&header, &[file, "7", codes, fields])?;
            let features = original.features;
            assert_eq!(original.line, 7);
            Some((original.input, features.id_open, features.of_others))
        };
        assert_eq!(
            of("a.csv", "suspect_value", "planIds"),
            Some((0, false, false))
        );
        assert_eq!(
            of(
                "c.csv",
                "missing_field;duplicate_client_id",
                "currency;clientId"
            ),
            Some((2, false, true))
        );
        assert_eq!(
            of("a.csv", "missing_field", "clientId"),
            Some((0, true, false))
        );
        assert_eq!(of("a.csv", "malformed_row", ""), Some((0, true, false)));
        let unsaid = said(&header[1..], &["7", "malformed_row", ""]).unwrap();
        assert_eq!(unsaid.input, UNSAID);
        // Of itself, of an unknown file, of no line, and of nothing.
        for file in ["b.csv", "d.csv", ""] {
            assert_eq!(of(file, "malformed_row", ""), None, "{file}");
        }
        assert_eq!(said(&header, &["a.csv", "seven"]), None);
        assert_eq!(said(&["note"], &["7"]), None);
    }

    #[test]
    fn a_row_is_known_again_by_what_nothing_was_said_about() {
        let header = ["_line", "_code", "_field", "_message"];
        let row = |id: &str, company: &str, code: &str, field: &str, message: &str| {
            let names = ["clientId", "companyName", "currency"]
                .iter()
                .chain(&header);
            let names: Vec<String> = names.map(|name| (*name).to_owned()).collect();
            let columns = Columns::table(names, "", b',');
            let mut row = Row::default();
            row.refill(Origin::default(), b"x");
            let cells = [id, company, "USD", "7", code, field, message];
            for (place, cell) in cells.iter().enumerate() {
                row.push_unescaped(place, CellKind::Text, cell);
            }
            let binding = Binding::new(&Mapping::default(), &columns, "in.csv").unwrap();
            let names = ["a.csv".to_owned(), "b.csv".to_owned()];
            Original::of(&row, &binding, &columns, &names)
                .unwrap()
                .features
        };
        let was = row(
            "",
            "Gum",
            "missing_field",
            "clientId",
            "clientId is missing",
        );
        let of = |id, company, message| {
            row(id, company, "missing_field", "clientId", message).are_of(&was)
        };
        assert!(of("c-1", "Gum", "clientId is missing"));
        assert!(!of("c-1", "Fir", "clientId is missing"));
        assert!(!of("c-1", "Gum", "clientId is blank"));
        let was = row("c-1", "", "missing_field", "companyName", "m");
        let of = |id, company| row(id, company, "missing_field", "companyName", "m").are_of(&was);
        assert!(of("c-1", "Elm"));
        assert!(!of("c-2", "Elm"));
        assert!(!row("c-1", "Elm", "invalid_value", "companyName", "m").are_of(&was));
    }
}
