//! Values → fixed numbers of bytes and back, for what is sorted on disk.

use std::io;

use crate::domain::decision::Decision;
use crate::domain::outcome::Outcome;
use crate::domain::row::Origin;

/// Concatenates `parts`, whose lengths must add up to `N`.
pub(in crate::engine) fn packed<const N: usize, const P: usize>(parts: [&[u8]; P]) -> [u8; N] {
    let mut item = [0; N];
    let mut rest = item.as_mut_slice();
    for part in parts {
        let (slot, behind) = rest.split_at_mut(part.len());
        slot.copy_from_slice(part);
        rest = behind;
    }
    assert!(
        rest.is_empty(),
        "{} bytes of an item are not set",
        rest.len()
    );
    item
}

/// The lower six bytes of `number`: 2⁴⁸ rows or bytes are 256 TiB of input.
pub(in crate::engine) fn six(number: u64) -> [u8; 6] {
    let [_, _, rest @ ..] = number.to_be_bytes();
    rest
}

/// Takes six bytes off `rest`.
pub(in crate::engine) fn take_six(rest: &mut &[u8]) -> u64 {
    let six: [u8; 6] = take(rest);
    six.iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Bytes of a row's place: input, line, offset. Its record number follows from its
/// ordinal.
pub(super) const PLACE: usize = 2 + 6 + 6;

pub(super) fn place(origin: Origin) -> [u8; PLACE] {
    packed([
        &origin.input.to_be_bytes(),
        &six(origin.line),
        &six(origin.byte),
    ])
}

pub(super) fn take_place(rest: &mut &[u8]) -> Origin {
    Origin {
        input: u16::from_be_bytes(take(rest)),
        line: take_six(rest),
        record: 0,
        byte: take_six(rest),
    }
}

/// Takes `N` bytes off `rest`, which must have as many.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let mut part = [0; N];
    let (taken, behind) = rest.split_at(N);
    part.copy_from_slice(taken);
    *rest = behind;
    part
}

/// An optional outcome in seven bits.
pub(super) fn outcome_code(outcome: Option<Outcome>) -> u8 {
    outcome.map_or(0, |outcome| outcome as u8 + 1)
}

/// The outcome of a code that [`outcome_code`] made.
pub(super) fn outcome_of(code: u8) -> io::Result<Option<Outcome>> {
    let Some(place) = usize::from(code).checked_sub(1) else {
        return Ok(None);
    };
    let outcome = Outcome::ALL.get(place).ok_or_else(damaged)?;
    Ok(Some(*outcome))
}

/// What is read from a temporary file is not what was written to it.
pub(super) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a temporary file is damaged")
}

const CREATE: u8 = 0;
const LOOK_UP: u8 = 1;
const SKIP: u8 = 2;

pub(super) fn decision_code(decision: Decision) -> u8 {
    match decision {
        Decision::Create => CREATE,
        Decision::LookUp => LOOK_UP,
        Decision::Skip(outcome) => SKIP + outcome as u8,
    }
}

pub(super) fn decision_of(code: u8) -> io::Result<Decision> {
    match code {
        CREATE => Ok(Decision::Create),
        LOOK_UP => Ok(Decision::LookUp),
        _ => {
            let outcome = Outcome::ALL.get(usize::from(code - SKIP));
            Ok(Decision::Skip(*outcome.ok_or_else(damaged)?))
        }
    }
}
