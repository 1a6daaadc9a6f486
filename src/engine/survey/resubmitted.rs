//! Mended rejects read together with their original input: each replaces its original
//! row, which is then neither rejected again nor counted as a duplicate.
//!
//! The original is identified by its place and by its problems (codes, messages), and by
//! every value without a problem. If another row now stands at that place, it is not
//! replaced: an old file of rejects must not suppress a customer.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::codec::{PLACE, packed, place, six, take, take_place, take_six};
use super::features::{Features, Remarks};
use super::finding_store::{OtherRow, RowFinding, SurveyedRow, VerdictSorter, Verdicts};
use crate::domain::mapping::Binding;
use crate::domain::problem::{Problem, messages};
use crate::domain::row::{Columns, Row};
use crate::spill::{Sorted, Sorter};

/// Bytes of an item: the original's place and the kind, the features, and the row itself:
/// ordinal, fit, place.
const SIZE: usize = 6 + 1 + 2 + 8 + 8 + 8 + 1 + 6 + 1 + PLACE;

/// The input of a mended row that has no `_file`: then there was only one input.
const UNNAMED: u16 = u16::MAX;

/// A mended row. It sorts before the original at the same place.
const MENDED: u8 = 0;
/// A row that is rejected for its own errors.
const REJECTED: u8 = 1;
/// A fit row, which may be rejected because of other rows.
const FIT: u8 = 2;
/// A row that is rejected because of other rows. It sorts after its `FIT` item.
const REPEATING: u8 = 3;

/// How many mended rows may name one original; only copies are more.
const MOST_MENDED: usize = 16;

/// What a mended row says about its original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OriginalRow {
    input: u16,
    line: u64,
    features: Features,
}

impl OriginalRow {
    /// The original of `row`, if that is a mended reject of another input; `names` are the
    /// inputs' names.
    pub(super) fn of(
        row: &Row,
        binding: &Binding,
        columns: &Columns,
        names: &[String],
    ) -> Option<Self> {
        let added = |name| binding.added(row, columns, name);
        let own = row.origin.input;
        let input = match added("_file") {
            Some(file) => {
                let bare = |name: &str| name.trim_start_matches("./").to_owned();
                let is_it = |name: &String| bare(name) == bare(file);
                u16::try_from(names.iter().position(is_it)?).ok()?
            }
            None => UNNAMED,
        };
        let line = added("_line")?.parse().ok().filter(|_| input != own)?;
        let remarks = Remarks {
            codes: added("_code").unwrap_or_default().split(';').collect(),
            fields: added("_field").unwrap_or_default().split(';').collect(),
            messages: added("_message").unwrap_or_default(),
            is_mended: true,
        };
        Some(Self {
            input,
            line,
            features: Features::of(row, binding, columns, &remarks),
        })
    }
}

/// Sorts mended rows and rejected rows, which come in any order, by the original's place.
#[derive(Debug)]
pub(super) struct Resubmitted {
    places: Sorter<SIZE>,
    /// The inputs that have mended rows.
    mended_inputs: BTreeSet<u16>,
}

/// An item: the original's place, and the row.
#[derive(Debug, Clone, Copy)]
struct SortedPlace {
    input: u16,
    line: u64,
    kind: u8,
    features: Features,
    row: SurveyedRow,
}

impl Resubmitted {
    /// A sorter in `folder`, one of `among` that share the memory.
    pub(super) fn new(folder: &Path, among: usize) -> Self {
        Self {
            places: Sorter::new(folder, among),
            mended_inputs: BTreeSet::new(),
        }
    }

    /// Adds a mended row.
    pub(super) fn push_mended(
        &mut self,
        row: SurveyedRow,
        original: OriginalRow,
    ) -> io::Result<()> {
        self.mended_inputs.insert(row.place.input);
        self.push(SortedPlace {
            input: original.input,
            line: original.line,
            kind: MENDED,
            features: original.features,
            row,
        })
    }

    /// Adds a row that is rejected for its own `problems`, or may be rejected because of
    /// other rows.
    pub(super) fn push_original(
        &mut self,
        surveyed: SurveyedRow,
        row: &Row,
        (binding, columns): (&Binding, &Columns),
        problems: &[Problem],
    ) -> io::Result<()> {
        let remarks = Remarks {
            codes: problems.iter().map(|problem| problem.code.name()).collect(),
            fields: problems.iter().map(|problem| problem.field).collect(),
            messages: &messages(problems),
            is_mended: false,
        };
        self.push(SortedPlace {
            features: Features::of(row, binding, columns, &remarks),
            ..original(surveyed, if surveyed.fit { FIT } else { REJECTED })
        })
    }

    fn push(&mut self, item: SortedPlace) -> io::Result<()> {
        let (row, features) = (item.row, item.features);
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
            &six(row.ordinal),
            &[u8::from(row.fit)],
            &place(row.place),
        ]))
    }

    /// Finds the mended row of each rejected row, and adds both to `verdicts`.
    pub(super) fn join(
        mut all: Vec<Self>,
        inputs: usize,
        verdicts: &mut Verdicts,
        folder: &Path,
    ) -> io::Result<()> {
        let mended_inputs: BTreeSet<u16> = all
            .iter()
            .flat_map(|one| &one.mended_inputs)
            .copied()
            .collect();
        let (Some(last), false) = (all.last_mut(), mended_inputs.is_empty()) else {
            return Ok(());
        };
        while let Some(verdict) = verdicts.read_next()? {
            if verdict.fit && verdict.duplicate.is_some() {
                last.push(original(verdicts.row_of(&verdict)?, REPEATING))?;
            }
        }
        // An input without mended rows is an original. If there is only one, it is that of
        // all mended rows without `_file`.
        let mut originals = (0..UNNAMED)
            .take(inputs)
            .filter(|input| !mended_inputs.contains(input));
        let only = originals.next().filter(|_| originals.next().is_none());
        let mut sorted = Sorted::of(all.into_iter().map(|mended| mended.places).collect())?;
        let mut found = VerdictSorter::new(folder, 1);
        let mut mended: Vec<SortedPlace> = Vec::new();
        let mut fit: Vec<SortedPlace> = Vec::new();
        while let Some(mut item) = sorted.read_next()?.map(|item| unpacked(&item)) {
            mended.retain(|one| one.line == item.line);
            let rejected = match item.kind {
                MENDED => {
                    if item.input == UNNAMED {
                        item.input = only.unwrap_or(UNNAMED);
                    }
                    let same = mended.iter().filter(|one| one.input == item.input);
                    if same.count() < MOST_MENDED {
                        mended.push(item);
                    }
                    fit.clear();
                    continue;
                }
                FIT => {
                    if !mended.is_empty() {
                        fit.push(item);
                    }
                    continue;
                }
                REPEATING => fit.iter().find(|fit| fit.row.ordinal == item.row.ordinal),
                _rejected => Some(&item),
            };
            let Some(rejected) = rejected else { continue };
            if let Some(mended) = mended.iter().find(|one| one.is_of(rejected)) {
                found.push(rejected.row, RowFinding::Replaced)?;
                let place = OtherRow::at(rejected.row.place);
                found.push(mended.row, RowFinding::Replaces(place))?;
            }
        }
        verdicts.add(found)
    }
}

impl SortedPlace {
    /// Whether `rejected` is the original of this mended row.
    fn is_of(&self, rejected: &Self) -> bool {
        let features = &self.features;
        // A fit row is only rejected because of other rows.
        self.input == rejected.input
            && (rejected.kind != FIT || features.of_others)
            && features.are_of(&rejected.features)
    }
}

fn original(row: SurveyedRow, kind: u8) -> SortedPlace {
    SortedPlace {
        input: row.place.input,
        line: row.place.line,
        kind,
        features: Features::default(),
        row,
    }
}

fn unpacked(item: &[u8; SIZE]) -> SortedPlace {
    let mut rest = item.as_slice();
    let line = take_six(&mut rest);
    let [kind] = take(&mut rest);
    let input = u16::from_be_bytes(take(&mut rest));
    let (values, messages, id) = (take(&mut rest), take(&mut rest), take(&mut rest));
    let [flags] = take(&mut rest);
    let ordinal = take_six(&mut rest);
    let [fit] = take(&mut rest);
    let place = take_place(&mut rest);
    SortedPlace {
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
        row: SurveyedRow {
            ordinal,
            place,
            fit: fit > 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{OriginalRow, UNNAMED};
    use crate::domain::mapping::{Binding, Mapping};
    use crate::domain::row::{CellKind, Columns, Origin, Row};

    /// What a row with these `cells` says about its original; it is in `b.csv`, the second
    /// of `a.csv`, `b.csv` and `./c.csv`.
    fn original_of(header: &[&str], cells: &[&str]) -> Option<OriginalRow> {
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
        OriginalRow::of(&row, &binding, &columns, &inputs)
    }

    #[test]
    fn a_mended_row_names_its_original() {
        let header = ["_file", "_line", "_code", "_field"];
        let of = |file, codes, fields| {
            let original = original_of(&header, &[file, "7", codes, fields])?;
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
        let unnamed = original_of(&header[1..], &["7", "malformed_row", ""]).unwrap();
        assert_eq!(unnamed.input, UNNAMED);
        // Its own input, an unknown file, no file.
        for file in ["b.csv", "d.csv", ""] {
            assert_eq!(of(file, "malformed_row", ""), None, "{file}");
        }
        assert_eq!(original_of(&header, &["a.csv", "seven"]), None);
        assert_eq!(original_of(&["note"], &["7"]), None);
    }

    #[test]
    fn an_original_is_recognised_by_its_values_without_problems() {
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
            OriginalRow::of(&row, &binding, &columns, &names)
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
