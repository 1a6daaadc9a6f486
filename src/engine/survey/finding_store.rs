//! The survey's findings about rows, in input order.
//!
//! Findings about a row together are its verdict; most rows have none. They are sorted on
//! disk, so that memory stays flat however many there are.

use std::io;
use std::path::Path;

use super::codec::{
    PLACE, damaged, decision_code, decision_of, outcome_code, outcome_of, packed, place, six, take,
    take_place, take_six,
};
use super::listed_places::ListedPlaces;
use crate::domain::decision::Decision;
use crate::domain::outcome::Outcome;
use crate::domain::row::Origin;
use crate::domain::skip::SkipReason;
use crate::spill::{Sorted, Sorter};

/// Bytes of a finding: ordinal, kind, the row's place, two large numbers, a small one.
const SIZE: usize = 6 + 1 + PLACE + 8 + 8 + 2;

/// All that the survey found about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
pub struct RowVerdict {
    /// Where the row stands.
    pub place: Origin,
    /// Whether the row itself has no error.
    pub fit: bool,
    /// Another row with its `clientId` is sent instead.
    pub duplicate: Option<OtherRow>,
    /// Another row's `clientId` differs only in case, blanks, or invisible characters.
    pub similar: Option<OtherRow>,
    /// Another row has its e-mail and company, but another `clientId`.
    pub same_customer: Option<OtherRow>,
    /// A mended row replaces it.
    pub replaced: bool,
    /// Another row with its `clientId` is taken instead, as the mapping says.
    pub passed_over: bool,
    /// Where the list of customers has its `clientId`, if it does.
    pub listed: Option<ListedPlaces>,
    /// The ledger has a claim of its `clientId`.
    pub prior_claim: Option<PriorClaim>,
    /// It has no `clientId`, or one that may have been another before a program changed it.
    pub doubted: bool,
}

/// The place of another row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherRow {
    /// Which of the inputs it is in.
    pub input: u16,
    /// Its line.
    pub line: u64,
    /// The offset of its first byte.
    pub byte: u64,
}

impl OtherRow {
    /// The row at `place`.
    pub(super) fn at(place: Origin) -> Self {
        Self {
            input: place.input,
            line: place.line,
            byte: place.byte,
        }
    }
}

/// The ledger's claim of a row's `clientId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
pub struct PriorClaim {
    /// The claim's number.
    pub id: u64,
    /// What to do with the row.
    pub decision: Decision,
    /// Whether the claim is in doubt.
    pub in_doubt: bool,
    /// Whether the row differs from what was last settled, or may have been sent.
    pub changed: bool,
    /// The last outcome, also while the claim is in doubt.
    pub last: Option<Outcome>,
    /// Whether the customer was ever seen at Kable.
    pub there: bool,
    /// Whether this checkpoint created the customer.
    pub ours: bool,
    /// A moment on the server's clock not before the claim.
    pub claimed_by: Option<i64>,
}

impl RowVerdict {
    /// Whether the row repeats another one.
    pub(in crate::engine) fn repeats(&self) -> bool {
        self.duplicate.is_some() || self.similar.is_some() || self.same_customer.is_some()
    }

    /// Why another row stands for it, if one does.
    pub fn skipped(&self) -> Option<SkipReason> {
        if self.replaced {
            return Some(SkipReason::Mended);
        }
        self.passed_over.then_some(SkipReason::Repeated)
    }

    /// Whether a fit row is not sent because of other rows.
    pub fn rejects(&self, strict: bool) -> bool {
        self.duplicate.is_some()
            || strict && (self.similar.is_some() || self.same_customer.is_some())
    }
}

/// One finding about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowFinding {
    /// The row itself has problems.
    HasProblems,
    /// It has no certain `clientId`.
    DoubtedId,
    Duplicate(OtherRow),
    Similar(OtherRow),
    SameCustomer(OtherRow),
    /// Kable holds customers of the row's id.
    Listed(ListedPlaces),
    PriorClaim(PriorClaim),
    /// A mended row replaces it.
    Replaced,
    /// Another row with its `clientId` is taken instead.
    PassedOver,
    /// It is the mended form of another row, and replaces it.
    Replaces(OtherRow),
}

/// The row that a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct SurveyedRow {
    /// Its number among all rows, counted from 0.
    pub(in crate::engine) ordinal: u64,
    /// Its place; the record number follows from the ordinal.
    pub(super) place: Origin,
    /// Whether the row itself has no error.
    pub(super) fit: bool,
}

const HAS_PROBLEMS: u8 = 0;
const DUPLICATE: u8 = 1;
const SIMILAR: u8 = 2;
const SAME_CUSTOMER: u8 = 3;
const LISTED: u8 = 4;
const REMEMBERED: u8 = 5;
const SKIPPED: u8 = 6;
const REPLACES: u8 = 7;
const KIND: u8 = 7;
const DOUBTED: u64 = 1;
// Why a row is skipped.
const MENDED: u64 = 0;
const PASSED_OVER: u64 = 1;
const UNFIT: u8 = 1 << 3;
const OURS: u8 = 1 << 4;
const IN_DOUBT: u8 = 1 << 5;
const TIMED: u8 = 1 << 6;
const CHANGED: u8 = 1 << 7;

/// Sorts findings, which come in any order.
#[derive(Debug)]
pub(super) struct VerdictSorter(Sorter<SIZE>);

impl VerdictSorter {
    pub(super) fn new(folder: &Path, among: usize) -> Self {
        Self(Sorter::new(folder, among))
    }

    pub(super) fn push(&mut self, row: SurveyedRow, finding: RowFinding) -> io::Result<()> {
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        let (kind, one, two, small) = match finding {
            RowFinding::HasProblems => (HAS_PROBLEMS, 0, 0, 0),
            RowFinding::DoubtedId => (HAS_PROBLEMS, DOUBTED, 0, 0),
            RowFinding::Duplicate(other) => (DUPLICATE, other.line, other.byte, other.input),
            RowFinding::Similar(other) => (SIMILAR, other.line, other.byte, other.input),
            RowFinding::SameCustomer(other) => (SAME_CUSTOMER, other.line, other.byte, other.input),
            RowFinding::Listed(places) => (LISTED, places.compared, places.other_number(), 0),
            RowFinding::Replaced => (SKIPPED, MENDED, 0, 0),
            RowFinding::PassedOver => (SKIPPED, PASSED_OVER, 0, 0),
            RowFinding::Replaces(other) => (REPLACES, other.line, other.byte, other.input),
            RowFinding::PriorClaim(claim) => (
                REMEMBERED
                    | flag(claim.in_doubt, IN_DOUBT)
                    | flag(claim.claimed_by.is_some(), TIMED)
                    | flag(claim.changed, CHANGED)
                    | flag(claim.ours, OURS),
                claim.id,
                claim.claimed_by.unwrap_or_default().cast_unsigned(),
                u16::from_be_bytes([
                    outcome_code(claim.last) << 1 | flag(claim.there, 1),
                    decision_code(claim.decision),
                ]),
            ),
        };
        self.0.push(packed([
            &six(row.ordinal),
            &[kind | flag(!row.fit, UNFIT)],
            &place(row.place),
            &one.to_be_bytes(),
            &two.to_be_bytes(),
            &small.to_be_bytes(),
        ]))
    }
}

/// Verdicts in the order of the input; by default none.
#[derive(Debug, Default)]
pub struct Verdicts {
    sorted: Sorted<SIZE>,
    /// The ordinal of each input's first row.
    starts: Vec<u64>,
    next: Option<(SurveyedRow, RowFinding)>,
}

impl Verdicts {
    /// The findings of all `sorters`; `starts` has the ordinal of each input's first row.
    pub(super) fn of(sorters: Vec<VerdictSorter>, starts: Vec<u64>) -> io::Result<Self> {
        let mut verdicts = Self {
            sorted: Sorted::of(sorters.into_iter().map(|sorter| sorter.0).collect())?,
            starts,
            next: None,
        };
        verdicts.advance()?;
        Ok(verdicts)
    }

    /// The verdict on row number `ordinal`, counted from 0. Calls must be in ascending
    /// order.
    pub fn on(&mut self, ordinal: u64) -> io::Result<Option<RowVerdict>> {
        match self.next {
            Some((row, _)) if row.ordinal == ordinal => self.read_next(),
            Some(_) | None => Ok(None),
        }
    }

    /// The next verdict, or `None` after the last.
    pub fn read_next(&mut self) -> io::Result<Option<RowVerdict>> {
        let Some((row, _)) = self.next else {
            return Ok(None);
        };
        let mut verdict = RowVerdict {
            place: row.place,
            fit: row.fit,
            duplicate: None,
            similar: None,
            same_customer: None,
            replaced: false,
            passed_over: false,
            listed: None,
            prior_claim: None,
            doubted: false,
        };
        let mut replaces = None;
        while let Some((of, finding)) = self.next
            && of.ordinal == row.ordinal
        {
            match finding {
                RowFinding::HasProblems => {}
                RowFinding::DoubtedId => verdict.doubted = true,
                RowFinding::Duplicate(other) => verdict.duplicate = Some(other),
                RowFinding::Similar(other) => verdict.similar = Some(other),
                RowFinding::SameCustomer(other) => verdict.same_customer = Some(other),
                RowFinding::Listed(places) => verdict.listed = Some(places),
                RowFinding::PriorClaim(claim) => verdict.prior_claim = Some(claim),
                RowFinding::Replaced => verdict.replaced = true,
                RowFinding::PassedOver => verdict.passed_over = true,
                RowFinding::Replaces(other) => replaces = Some(other),
            }
            self.advance()?;
        }
        if replaces.is_some() {
            // A mended row does not repeat its original.
            for repeated in [
                &mut verdict.duplicate,
                &mut verdict.similar,
                &mut verdict.same_customer,
            ] {
                repeated.take_if(|repeated| replaces == Some(*repeated));
            }
        }
        Ok(Some(verdict))
    }

    /// The row that `verdict` is about.
    pub(in crate::engine) fn row_of(&self, verdict: &RowVerdict) -> io::Result<SurveyedRow> {
        Ok(SurveyedRow {
            ordinal: self.start(verdict.place.input)? + verdict.place.record - 1,
            place: verdict.place,
            fit: verdict.fit,
        })
    }

    /// The ordinal of the first row of `input`.
    fn start(&self, input: u16) -> io::Result<u64> {
        let start = self.starts.get(usize::from(input));
        start.copied().ok_or_else(damaged)
    }

    /// Adds findings, and starts again with the first.
    pub(super) fn add(&mut self, sorter: VerdictSorter) -> io::Result<()> {
        self.sorted.add(sorter.0)?;
        self.advance()
    }

    /// Starts again with the first.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.sorted.rewind()?;
        self.advance()
    }

    fn advance(&mut self) -> io::Result<()> {
        self.next = match self.sorted.read_next()? {
            Some(item) => {
                let (mut row, finding) = unpacked(&item)?;
                let start = self.start(row.place.input)?;
                let record = row.ordinal.checked_sub(start).ok_or_else(damaged)?;
                row.place.record = 1 + record;
                Some((row, finding))
            }
            None => None,
        };
        Ok(())
    }
}

fn unpacked(item: &[u8; SIZE]) -> io::Result<(SurveyedRow, RowFinding)> {
    let mut rest = item.as_slice();
    let ordinal = take_six(&mut rest);
    let [kind] = take(&mut rest);
    let row = SurveyedRow {
        ordinal,
        place: take_place(&mut rest),
        fit: kind & UNFIT == 0,
    };
    let one = u64::from_be_bytes(take(&mut rest));
    let two = u64::from_be_bytes(take(&mut rest));
    let small = u16::from_be_bytes(take(&mut rest));
    let [last, decided] = small.to_be_bytes();
    let other = OtherRow {
        input: small,
        line: one,
        byte: two,
    };
    let finding = match kind & KIND {
        DUPLICATE => RowFinding::Duplicate(other),
        SIMILAR => RowFinding::Similar(other),
        SAME_CUSTOMER => RowFinding::SameCustomer(other),
        LISTED => RowFinding::Listed(ListedPlaces::of_numbers(one, two)),
        SKIPPED if one == PASSED_OVER => RowFinding::PassedOver,
        SKIPPED => RowFinding::Replaced,
        REPLACES => RowFinding::Replaces(other),
        REMEMBERED => RowFinding::PriorClaim(PriorClaim {
            id: one,
            decision: decision_of(decided)?,
            last: outcome_of(last >> 1)?,
            there: last & 1 != 0,
            ours: kind & OURS != 0,
            in_doubt: kind & IN_DOUBT != 0,
            changed: kind & CHANGED != 0,
            claimed_by: (kind & TIMED != 0).then_some(two.cast_signed()),
        }),
        HAS_PROBLEMS if one == DOUBTED => RowFinding::DoubtedId,
        HAS_PROBLEMS => RowFinding::HasProblems,
        _unknown => return Err(damaged()),
    };
    Ok((row, finding))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        ListedPlaces, OtherRow, PriorClaim, RowFinding, RowVerdict, SurveyedRow, VerdictSorter,
        Verdicts,
    };
    use crate::domain::decision::Decision;
    use crate::domain::outcome::Outcome;
    use crate::domain::row::Origin;

    fn finding() -> impl Strategy<Value = RowFinding> {
        let any_place = (any::<u16>(), any::<u64>(), any::<u64>());
        // Few enough that two findings are about the same.
        let few = (0u16..1, 0u64..2, 0u64..1);
        let other = prop_oneof![any_place, few].prop_map(|(input, line, byte)| OtherRow {
            input,
            line,
            byte,
        });
        let decision = prop::sample::select(vec![
            Decision::Create,
            Decision::LookUp,
            Decision::Skip(Outcome::Created),
            Decision::Skip(Outcome::Pending),
        ]);
        let last = prop::option::of(prop::sample::select(Outcome::ALL.to_vec()));
        let known = (
            any::<u64>(),
            decision,
            last,
            any::<[bool; 4]>(),
            any::<Option<i64>>(),
        );
        let known = known.prop_map(|(id, decision, last, flags, claimed_by)| {
            let [in_doubt, changed, there, ours] = flags;
            PriorClaim {
                id,
                decision,
                in_doubt,
                changed,
                last,
                there,
                ours,
                claimed_by,
            }
        });
        prop_oneof![
            Just(RowFinding::HasProblems),
            Just(RowFinding::DoubtedId),
            other.clone().prop_map(RowFinding::Duplicate),
            other.clone().prop_map(RowFinding::Similar),
            other.clone().prop_map(RowFinding::SameCustomer),
            other.prop_map(RowFinding::Replaces),
            Just(RowFinding::Replaced),
            Just(RowFinding::PassedOver),
            any::<(u64, u64)>()
                .prop_map(|(one, two)| RowFinding::Listed(ListedPlaces::of_numbers(one, two))),
            known.prop_map(RowFinding::PriorClaim),
        ]
    }

    /// The verdict made of `found`, which has at most one finding of a kind.
    fn verdict(about: SurveyedRow, found: &[RowFinding]) -> RowVerdict {
        let of = |kind: fn(&RowFinding) -> Option<OtherRow>| found.iter().find_map(kind);
        let was = of(|found| {
            if let RowFinding::Replaces(other) = found {
                Some(*other)
            } else {
                None
            }
        });
        let repeated = |kind| of(kind).filter(|other| was != Some(*other));
        RowVerdict {
            place: about.place,
            fit: about.fit,
            replaced: found.contains(&RowFinding::Replaced),
            passed_over: found.contains(&RowFinding::PassedOver),
            duplicate: repeated(|found| {
                if let RowFinding::Duplicate(other) = found {
                    Some(*other)
                } else {
                    None
                }
            }),
            similar: repeated(|found| {
                if let RowFinding::Similar(other) = found {
                    Some(*other)
                } else {
                    None
                }
            }),
            same_customer: repeated(|found| {
                if let RowFinding::SameCustomer(other) = found {
                    Some(*other)
                } else {
                    None
                }
            }),
            listed: found.iter().find_map(|found| {
                if let RowFinding::Listed(places) = found {
                    Some(*places)
                } else {
                    None
                }
            }),
            prior_claim: found.iter().find_map(|found| {
                if let RowFinding::PriorClaim(known) = found {
                    Some(*known)
                } else {
                    None
                }
            }),
            doubted: found.contains(&RowFinding::DoubtedId),
        }
    }

    proptest! {
        #[test]
        fn verdicts_are_read_back_in_order_repeatedly(
            found in prop::collection::btree_map(0u64..20, (prop::collection::vec(finding(), 1..4), any::<bool>(), 0u64..1 << 48), 0..9),
            turn in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorters = [(); 3].map(|()| VerdictSorter::new(folder.path(), 1));
            let mut wanted = Vec::new();
            for (ordinal, (mut found, fit, byte)) in found {
                let mut kinds = std::collections::HashSet::new();
                found.retain(|found| kinds.insert(std::mem::discriminant(found)));
                let (input, record) = if ordinal < 7 { (0, ordinal + 1) } else { (1, ordinal - 6) };
                let place = Origin { input, line: byte / 2, record, byte };
                let about = SurveyedRow { ordinal, place, fit };
                for (place, finding) in found.iter().enumerate() {
                    sorters[place % 3].push(about, *finding).unwrap();
                }
                wanted.push((about, verdict(about, &found)));
            }
            if turn {
                sorters.reverse();
            }
            let [one, other, more] = sorters;
            let mut verdicts = Verdicts::of(vec![one, other], vec![0, 7]).unwrap();
            verdicts.read_next().unwrap();
            verdicts.add(more).unwrap();
            for ordinal in 0..20 {
                let wanted = wanted.iter().find(|(about, _)| about.ordinal == ordinal);
                prop_assert_eq!(verdicts.on(ordinal).unwrap(), wanted.map(|(_, verdict)| *verdict));
            }
            verdicts.rewind().unwrap();
            for (about, verdict) in wanted {
                prop_assert_eq!(verdicts.read_next().unwrap(), Some(verdict));
                prop_assert_eq!(verdicts.row_of(&verdict).unwrap(), about);
            }
            prop_assert_eq!(verdicts.read_next().unwrap(), None);
        }
    }
}
