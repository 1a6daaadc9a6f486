//! What the survey found out about rows, in the order of the input.
//!
//! Only rows that are not simply new have a verdict. Verdicts are sorted on
//! disk, so that they take no memory however many there are.

use std::io;
use std::path::Path;

use crate::domain::outcome::Outcome;
use crate::domain::plan::Decision;
use crate::spill::{Sorted, Sorter};

/// Bytes of a verdict: ordinal, kind, two numbers, a small number.
const SIZE: usize = 8 + 1 + 8 + 8 + 2;

/// What is known of a row that is not simply new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// An earlier row has its `clientId`.
    Duplicate {
        /// The earlier row's input.
        input: u16,
        /// The earlier row's line.
        line: u64,
    },
    /// The ledger knows its `clientId`.
    Known {
        /// The claim's number.
        id: u64,
        /// What is to be done.
        decision: Decision,
        /// Whether the claim is in doubt.
        in_doubt: bool,
        /// Whether the row is another one than was claimed.
        changed: bool,
        /// A moment on the server's clock not before the claim.
        claimed_by: Option<i64>,
    },
}

/// Takes verdicts in any order.
#[derive(Debug)]
pub(super) struct VerdictSorter(Sorter<SIZE>);

impl VerdictSorter {
    pub(super) fn new(folder: &Path) -> Self {
        Self(Sorter::new(folder))
    }

    /// Notes the verdict on the row that is the `ordinal`-th of all.
    pub(super) fn push(&mut self, ordinal: u64, verdict: Verdict) -> io::Result<()> {
        let (kind, one, two, small) = match verdict {
            Verdict::Duplicate { input, line } => (0, line, 0, input),
            Verdict::Known {
                id,
                decision,
                in_doubt,
                changed,
                claimed_by,
            } => {
                let kind = 1
                    | u8::from(in_doubt) << 1
                    | u8::from(claimed_by.is_some()) << 2
                    | u8::from(changed) << 3;
                (
                    kind,
                    id,
                    claimed_by.unwrap_or_default().cast_unsigned(),
                    decision_code(decision),
                )
            }
        };
        let mut item = [0; SIZE];
        let mut rest = item.as_mut_slice();
        for part in [
            &ordinal.to_be_bytes()[..],
            &[kind],
            &one.to_be_bytes(),
            &two.to_be_bytes(),
            &small.to_be_bytes(),
        ] {
            let (here, there) = rest.split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = there;
        }
        self.0.push(item)
    }

    pub(super) fn finish(self) -> io::Result<Verdicts> {
        let mut sorted = self.0.finish()?;
        let next = read(&mut sorted)?;
        Ok(Verdicts { sorted, next })
    }
}

/// Verdicts in the order of the input; by default none.
#[derive(Debug, Default)]
pub struct Verdicts {
    sorted: Sorted<SIZE>,
    next: Option<(u64, Verdict)>,
}

impl Verdicts {
    /// The verdict on the row that is the `ordinal`-th of all, asked for in
    /// ascending order.
    pub fn on(&mut self, ordinal: u64) -> io::Result<Option<Verdict>> {
        match self.next {
            Some((of, verdict)) if of == ordinal => {
                self.next = read(&mut self.sorted)?;
                Ok(Some(verdict))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Begins again with the first.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.sorted.rewind()?;
        self.next = read(&mut self.sorted)?;
        Ok(())
    }
}

fn read(sorted: &mut Sorted<SIZE>) -> io::Result<Option<(u64, Verdict)>> {
    let Some(item) = sorted.read_next()? else {
        return Ok(None);
    };
    let mut rest = item.as_slice();
    let ordinal = u64::from_be_bytes(take(&mut rest));
    let [kind] = take(&mut rest);
    let one = u64::from_be_bytes(take(&mut rest));
    let two = u64::from_be_bytes(take(&mut rest));
    let small = u16::from_be_bytes(take(&mut rest));
    let verdict = if kind & 1 == 0 {
        Verdict::Duplicate {
            input: small,
            line: one,
        }
    } else {
        Verdict::Known {
            id: one,
            decision: decision_of(small),
            in_doubt: kind & 2 != 0,
            changed: kind & 8 != 0,
            claimed_by: (kind & 4 != 0).then_some(two.cast_signed()),
        }
    };
    Ok(Some((ordinal, verdict)))
}

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let mut part = [0; N];
    if let Some((here, there)) = rest.split_at_checked(N) {
        part.copy_from_slice(here);
        *rest = there;
    }
    part
}

const CREATE: u16 = 0;
const LOOK_UP: u16 = 1;
const SKIP: u16 = 2;

fn decision_code(decision: Decision) -> u16 {
    match decision {
        Decision::Create => CREATE,
        Decision::LookUp => LOOK_UP,
        Decision::Skip(outcome) => SKIP + outcome as u16,
    }
}

fn decision_of(code: u16) -> Decision {
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
    use super::{Decision, Outcome, Verdict, VerdictSorter};

    #[test]
    fn verdicts_come_back_in_order_as_they_were_and_can_be_read_again() {
        let known = |id, decision, in_doubt, claimed_by| Verdict::Known {
            id,
            decision,
            in_doubt,
            changed: id == 3,
            claimed_by,
        };
        let given = [
            (7, known(3, Decision::Skip(Outcome::Pending), false, None)),
            (2, Verdict::Duplicate { input: 1, line: 9 }),
            (9, known(u64::MAX, Decision::LookUp, true, Some(-5))),
            (4, known(1, Decision::Create, true, Some(5))),
        ];
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = VerdictSorter::new(folder.path());
        for (ordinal, verdict) in given {
            sorter.push(ordinal, verdict).unwrap();
        }
        let mut verdicts = sorter.finish().unwrap();
        for _ in 0..2 {
            for ordinal in 0..12 {
                let wanted = given
                    .iter()
                    .find(|(of, _)| *of == ordinal)
                    .map(|(_, verdict)| *verdict);
                assert_eq!(verdicts.on(ordinal).unwrap(), wanted);
            }
            verdicts.rewind().unwrap();
        }
    }
}
