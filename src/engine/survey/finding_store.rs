//! What the survey found out about rows, in the order of the input.
//!
//! Only rows of which there is something to be said have a verdict. Verdicts
//! are sorted on disk, so that they take no memory however many there are.

use std::io;
use std::path::Path;

use super::codec::{
    PLACE, outcome_code, outcome_of, packed, place, six, take, take_place, take_six,
};
use crate::domain::decision::Decision;
use crate::domain::outcome::Outcome;
use crate::domain::row::Origin;
use crate::spill::{Sorted, Sorter};

/// Bytes of a finding: ordinal, kind, the row's place, two numbers, a small one.
const SIZE: usize = 6 + 1 + PLACE + 8 + 8 + 2;

/// All that is known of a row, beside what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Where the row stands.
    pub place: Origin,
    /// Whether the row by itself may be sent.
    pub fit: bool,
    /// Another row has its `clientId`, and goes before it.
    pub duplicate: Option<Other>,
    /// Another row has its `clientId` but for case or blanks.
    pub similar: Option<Other>,
    /// Another row has its e-mail and company under another `clientId`.
    pub same_customer: Option<Other>,
    /// Another row stands for it, into which it was mended.
    pub replaced: bool,
    /// Kable holds a customer of its `clientId`: where it is kept in the list.
    pub listed: Option<u64>,
    /// The ledger knows its `clientId`.
    pub remembered: Option<Remembered>,
}

/// Another row, which this one repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Other {
    /// Which of the inputs it is in.
    pub input: u16,
    /// Its line there.
    pub line: u64,
    /// The offset of its first byte there.
    pub byte: u64,
}

impl Other {
    /// The row at `place`.
    pub(super) fn at(place: Origin) -> Self {
        Self {
            input: place.input,
            line: place.line,
            byte: place.byte,
        }
    }
}

/// What the ledger knows of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is known by itself, and they come in many combinations"
)]
pub struct Remembered {
    /// The claim's number.
    pub id: u64,
    /// What is to be done.
    pub decision: Decision,
    /// Whether the claim is in doubt.
    pub in_doubt: bool,
    /// Whether the row is another one than was last settled, or claimed.
    pub changed: bool,
    /// What it was last settled as, also while it is in doubt.
    pub last: Option<Outcome>,
    /// Whether the customer was ever seen at Kable.
    pub there: bool,
    /// Whether this checkpoint created the customer.
    pub ours: bool,
    /// A moment on the server's clock not before the claim.
    pub claimed_by: Option<i64>,
}

impl Verdict {
    /// Whether the row repeats another in any way.
    pub(in crate::engine) fn repeats(&self) -> bool {
        self.duplicate.is_some() || self.similar.is_some() || self.same_customer.is_some()
    }

    /// Whether a row that is fit by itself is not sent, for others are there.
    pub fn rejects(&self, strict: bool) -> bool {
        self.duplicate.is_some()
            || strict && (self.similar.is_some() || self.same_customer.is_some())
    }
}

/// One thing that was found out about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// There is something to be said of it by itself.
    Noted,
    Duplicate(Other),
    Similar(Other),
    SameCustomer(Other),
    Listed(u64),
    Remembered(Remembered),
    /// Another row stands for it.
    Replaced,
    /// It stands for another row, which it was.
    StandsFor(Other),
}

/// The row that something was found out about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct About {
    /// Its number among all rows, counted from 0.
    pub(in crate::engine) ordinal: u64,
    /// Where it stands; the record is worked out from the ordinal.
    pub(super) place: Origin,
    /// Whether the row by itself may be sent.
    pub(super) fit: bool,
}

const NOTED: u8 = 0;
const DUPLICATE: u8 = 1;
const SIMILAR: u8 = 2;
const SAME_CUSTOMER: u8 = 3;
const LISTED: u8 = 4;
const REMEMBERED: u8 = 5;
const REPLACED: u8 = 6;
const STANDS_FOR: u8 = 7;
const KIND: u8 = 7;
const UNFIT: u8 = 1 << 3;
const OURS: u8 = 1 << 4;
const IN_DOUBT: u8 = 1 << 5;
const TIMED: u8 = 1 << 6;
const CHANGED: u8 = 1 << 7;

/// Takes findings in any order.
#[derive(Debug)]
pub(super) struct VerdictSorter(Sorter<SIZE>);

impl VerdictSorter {
    pub(super) fn new(folder: &Path, among: usize) -> Self {
        Self(Sorter::new(folder, among))
    }

    pub(super) fn push(&mut self, about: About, finding: Finding) -> io::Result<()> {
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        let (kind, one, two, small) = match finding {
            Finding::Noted => (NOTED, 0, 0, 0),
            Finding::Duplicate(other) => (DUPLICATE, other.line, other.byte, other.input),
            Finding::Similar(other) => (SIMILAR, other.line, other.byte, other.input),
            Finding::SameCustomer(other) => (SAME_CUSTOMER, other.line, other.byte, other.input),
            Finding::Listed(kept_at) => (LISTED, kept_at, 0, 0),
            Finding::Replaced => (REPLACED, 0, 0, 0),
            Finding::StandsFor(other) => (STANDS_FOR, other.line, other.byte, other.input),
            Finding::Remembered(known) => (
                REMEMBERED
                    | flag(known.in_doubt, IN_DOUBT)
                    | flag(known.claimed_by.is_some(), TIMED)
                    | flag(known.changed, CHANGED)
                    | flag(known.ours, OURS),
                known.id,
                known.claimed_by.unwrap_or_default().cast_unsigned(),
                u16::from_be_bytes([
                    outcome_code(known.last) << 1 | flag(known.there, 1),
                    decision_code(known.decision),
                ]),
            ),
        };
        self.0.push(packed([
            &six(about.ordinal),
            &[kind | flag(!about.fit, UNFIT)],
            &place(about.place),
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
    next: Option<Found>,
}

type Found = (About, Finding);

impl Verdicts {
    /// All findings of `sorters`, on rows of inputs whose first rows are the
    /// `starts`-th of all.
    pub(super) fn of(sorters: Vec<VerdictSorter>, starts: Vec<u64>) -> io::Result<Self> {
        let mut verdicts = Self {
            sorted: Sorted::of(sorters.into_iter().map(|sorter| sorter.0).collect())?,
            starts,
            next: None,
        };
        verdicts.advance()?;
        Ok(verdicts)
    }

    /// The verdict on the row that is the `ordinal`-th of all, asked for in
    /// ascending order.
    pub fn on(&mut self, ordinal: u64) -> io::Result<Option<Verdict>> {
        match self.next {
            Some((about, _)) if about.ordinal == ordinal => self.read_next(),
            Some(_) | None => Ok(None),
        }
    }

    /// The next verdict, or `None` after the last.
    pub fn read_next(&mut self) -> io::Result<Option<Verdict>> {
        let Some((about, _)) = self.next else {
            return Ok(None);
        };
        let mut verdict = Verdict {
            place: about.place,
            fit: about.fit,
            duplicate: None,
            similar: None,
            same_customer: None,
            replaced: false,
            listed: None,
            remembered: None,
        };
        let mut was = None;
        while let Some((of, finding)) = self.next
            && of.ordinal == about.ordinal
        {
            match finding {
                Finding::Noted => {}
                Finding::Duplicate(other) => verdict.duplicate = Some(other),
                Finding::Similar(other) => verdict.similar = Some(other),
                Finding::SameCustomer(other) => verdict.same_customer = Some(other),
                Finding::Listed(kept_at) => verdict.listed = Some(kept_at),
                Finding::Remembered(known) => verdict.remembered = Some(known),
                Finding::Replaced => verdict.replaced = true,
                Finding::StandsFor(other) => was = Some(other),
            }
            self.advance()?;
        }
        if was.is_some() {
            // It does not repeat what it was.
            for repeated in [
                &mut verdict.duplicate,
                &mut verdict.similar,
                &mut verdict.same_customer,
            ] {
                repeated.take_if(|repeated| was == Some(*repeated));
            }
        }
        Ok(Some(verdict))
    }

    /// The row that `verdict` is on.
    pub(in crate::engine) fn about(&self, verdict: &Verdict) -> About {
        let start = self.starts.get(usize::from(verdict.place.input));
        About {
            ordinal: start.copied().unwrap_or_default() + verdict.place.record - 1,
            place: verdict.place,
            fit: verdict.fit,
        }
    }

    /// Adds more findings, and begins again with the first.
    pub(super) fn add(&mut self, sorter: VerdictSorter) -> io::Result<()> {
        self.sorted.add(sorter.0)?;
        self.advance()
    }

    /// Begins again with the first.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.sorted.rewind()?;
        self.advance()
    }

    fn advance(&mut self) -> io::Result<()> {
        self.next = match self.sorted.read_next()? {
            Some(item) => {
                let (mut about, finding) = unpacked(&item);
                let start = self.starts.get(usize::from(about.place.input));
                about.place.record = 1 + about.ordinal - start.copied().unwrap_or_default();
                Some((about, finding))
            }
            None => None,
        };
        Ok(())
    }
}

fn unpacked(item: &[u8; SIZE]) -> Found {
    let mut rest = item.as_slice();
    let ordinal = take_six(&mut rest);
    let [kind] = take(&mut rest);
    let about = About {
        ordinal,
        place: take_place(&mut rest),
        fit: kind & UNFIT == 0,
    };
    let one = u64::from_be_bytes(take(&mut rest));
    let two = u64::from_be_bytes(take(&mut rest));
    let small = u16::from_be_bytes(take(&mut rest));
    let [last, decided] = small.to_be_bytes();
    let other = Other {
        input: small,
        line: one,
        byte: two,
    };
    let finding = match kind & KIND {
        DUPLICATE => Finding::Duplicate(other),
        SIMILAR => Finding::Similar(other),
        SAME_CUSTOMER => Finding::SameCustomer(other),
        LISTED => Finding::Listed(one),
        REPLACED => Finding::Replaced,
        STANDS_FOR => Finding::StandsFor(other),
        REMEMBERED => Finding::Remembered(Remembered {
            id: one,
            decision: decision_of(decided),
            last: outcome_of(last >> 1),
            there: last & 1 != 0,
            ours: kind & OURS != 0,
            in_doubt: kind & IN_DOUBT != 0,
            changed: kind & CHANGED != 0,
            claimed_by: (kind & TIMED != 0).then_some(two.cast_signed()),
        }),
        _noted => Finding::Noted,
    };
    (about, finding)
}

const CREATE: u8 = 0;
const LOOK_UP: u8 = 1;
const SKIP: u8 = 2;

fn decision_code(decision: Decision) -> u8 {
    match decision {
        Decision::Create => CREATE,
        Decision::LookUp => LOOK_UP,
        Decision::Skip(outcome) => SKIP + outcome as u8,
    }
}

fn decision_of(code: u8) -> Decision {
    match code {
        CREATE => Decision::Create,
        LOOK_UP => Decision::LookUp,
        // Codes are our own, of this very process; one beyond the list would
        // be asked about, which does no harm.
        _ => Outcome::ALL
            .get(usize::from(code - SKIP))
            .map_or(Decision::LookUp, |outcome| Decision::Skip(*outcome)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{About, Finding, Other, Remembered, Verdict, VerdictSorter, Verdicts};
    use crate::domain::decision::Decision;
    use crate::domain::outcome::Outcome;
    use crate::domain::row::Origin;

    fn finding() -> impl Strategy<Value = Finding> {
        let any_place = (any::<u16>(), any::<u64>(), any::<u64>());
        // Few enough that two findings are about the same.
        let few = (0u16..1, 0u64..2, 0u64..1);
        let other =
            prop_oneof![any_place, few].prop_map(|(input, line, byte)| Other { input, line, byte });
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
            Remembered {
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
            Just(Finding::Noted),
            other.clone().prop_map(Finding::Duplicate),
            other.clone().prop_map(Finding::Similar),
            other.clone().prop_map(Finding::SameCustomer),
            other.prop_map(Finding::StandsFor),
            Just(Finding::Replaced),
            any::<u64>().prop_map(Finding::Listed),
            known.prop_map(Finding::Remembered),
        ]
    }

    /// The verdict that is made of `found`, of which there is at most one of a
    /// kind.
    fn verdict(about: About, found: &[Finding]) -> Verdict {
        let of = |kind: fn(&Finding) -> Option<Other>| found.iter().find_map(kind);
        let was = of(|found| {
            if let Finding::StandsFor(other) = found {
                Some(*other)
            } else {
                None
            }
        });
        let repeated = |kind| of(kind).filter(|other| was != Some(*other));
        Verdict {
            place: about.place,
            fit: about.fit,
            replaced: found.contains(&Finding::Replaced),
            duplicate: repeated(|found| {
                if let Finding::Duplicate(other) = found {
                    Some(*other)
                } else {
                    None
                }
            }),
            similar: repeated(|found| {
                if let Finding::Similar(other) = found {
                    Some(*other)
                } else {
                    None
                }
            }),
            same_customer: repeated(|found| {
                if let Finding::SameCustomer(other) = found {
                    Some(*other)
                } else {
                    None
                }
            }),
            listed: found.iter().find_map(|found| {
                if let Finding::Listed(kept_at) = found {
                    Some(*kept_at)
                } else {
                    None
                }
            }),
            remembered: found.iter().find_map(|found| {
                if let Finding::Remembered(known) = found {
                    Some(*known)
                } else {
                    None
                }
            }),
        }
    }

    proptest! {
        #[test]
        fn verdicts_come_back_in_order_as_they_were_and_can_be_read_again(
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
                let about = About { ordinal, place, fit };
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
                prop_assert_eq!(verdicts.about(&verdict), about);
            }
            prop_assert_eq!(verdicts.read_next().unwrap(), None);
        }
    }
}
