//! Values → fixed numbers of bytes and back, for what is sorted on disk.

use crate::domain::outcome::Outcome;
use crate::domain::row::Origin;

/// `parts`, one behind the other, which come to `N` bytes.
pub(super) fn packed<const N: usize, const P: usize>(parts: [&[u8]; P]) -> [u8; N] {
    let mut item = [0; N];
    let mut at = 0;
    for part in parts {
        if let Some(slot) = item.get_mut(at..at + part.len()) {
            slot.copy_from_slice(part);
        }
        at += part.len();
    }
    item
}

/// The lower six bytes of `number`: 2⁴⁸ rows or bytes are 256 TiB of input.
pub(in crate::engine) fn six(number: u64) -> [u8; 6] {
    let [_, _, rest @ ..] = number.to_be_bytes();
    rest
}

pub(in crate::engine) fn take_six(rest: &mut &[u8]) -> u64 {
    let six: [u8; 6] = take(rest);
    six.iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Where a row stands: input, line, offset. Its record is worked out from its
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

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let mut part = [0; N];
    if let Some((here, there)) = rest.split_at_checked(N) {
        part.copy_from_slice(here);
        *rest = there;
    }
    part
}

/// An outcome, or none, in seven bits.
pub(super) fn outcome_code(outcome: Option<Outcome>) -> u8 {
    outcome.map_or(0, |outcome| outcome as u8 + 1)
}

pub(super) fn outcome_of(code: u8) -> Option<Outcome> {
    Outcome::ALL.get(usize::from(code).checked_sub(1)?).copied()
}
