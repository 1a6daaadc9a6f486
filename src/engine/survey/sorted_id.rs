//! The ids that `id_join.rs` sorts: what an item holds, packed and unpacked.

use std::io;

use twox_hash::XxHash3_128;

use super::codec::{
    PLACE, damaged, outcome_code, outcome_of, packed, place, six, take, take_place, take_six,
};
use super::finding_store::SurveyedRow;
use super::listed_places::ListedPlace;
use crate::domain::customer::Fingerprint;
use crate::domain::decision::KnownClaim;
use crate::domain::meant_id::{MOST_ZEROS, zeros_lost};
use crate::domain::text::{fold_into, is_folded};

/// Bytes of an id: its folded hash, kind and zeros, number, its exact hash, place (or progress and
/// time of a claim), digest.
pub(super) const SIZE: usize = 12 + 1 + 6 + 8 + PLACE + 16;

/// The bits of the kind's byte that count the leading zeros which the folded hash leaves out.
const ZEROS: u8 = 0b1_1111;
const _: () = assert!(MOST_ZEROS <= ZEROS as usize);

/// A claim whose time on the server's clock is not known.
const CLAIM: u8 = 0;
/// A claim whose time on the server's clock is known.
const CLAIM_TIMED: u8 = 1 << 5;
/// A customer that Kable holds.
const LISTED: u8 = 2 << 5;
/// A fit row that is kept of several with one id, as the mapping says. It sorts after the
/// claim and the customer of its id.
const KEPT: u8 = 3 << 5;
/// An unfit row that is kept.
const KEPT_UNFIT: u8 = 4 << 5;
/// Another fit row.
const FIT: u8 = 5 << 5;
/// Another unfit row. It sorts after the fit ones: of several rows with one id the first
/// fit one is sent.
const UNFIT: u8 = 6 << 5;

// The flags of a claim.
const IN_DOUBT: u8 = 1;
const SENT: u8 = 1 << 1;
const THERE: u8 = 1 << 2;
const OURS: u8 = 1 << 3;
const ORPHAN: u8 = 1 << 4;

/// The item of a claim.
pub(super) fn pack_claim(client_id: &str, known: &KnownClaim) -> [u8; SIZE] {
    let IdHashes { fold, own, zeros } = hashes(client_id);
    let (kind, time) = match known.claimed_by {
        Some(time) => (CLAIM_TIMED, time),
        None => (CLAIM, 0),
    };
    let flag = |is: bool, bit: u8| if is { bit } else { 0 };
    let flags = flag(known.in_doubt, IN_DOUBT)
        | flag(known.sent, SENT)
        | flag(known.there, THERE)
        | flag(known.ours, OURS)
        | flag(known.orphan, ORPHAN);
    packed([
        &fold,
        &[kind | zeros],
        &six(known.id),
        &own,
        &[outcome_code(known.last), flags],
        &time.to_be_bytes(),
        &[0; 4],
        &known.digest,
    ])
}

/// Whether `claim` is the claim of `row`'s exact id, and the row is fit.
pub(super) fn is_claim_of(claim: &[u8; SIZE], row: &[u8; SIZE]) -> bool {
    let (mut claim, mut row) = (claim.as_slice(), row.as_slice());
    let folds: [[u8; 12]; 2] = [take(&mut claim), take(&mut row)];
    let [_, [kind]]: [[u8; 1]; 2] = [take(&mut claim), take(&mut row)];
    let _: [u64; 2] = [take_six(&mut claim), take_six(&mut row)];
    let owns: [[u8; 8]; 2] = [take(&mut claim), take(&mut row)];
    let are_same = folds.first() == folds.last() && owns.first() == owns.last();
    are_same && matches!(kind & !ZEROS, KEPT | FIT)
}

/// The item of a customer that Kable holds.
pub(super) fn pack_listed(client_id: &str, listed: ListedPlace) -> [u8; SIZE] {
    let IdHashes { fold, own, zeros } = hashes(client_id);
    packed([
        &fold,
        &[LISTED | zeros],
        &six(listed.place),
        &own,
        &[u8::from(listed.is_inactive)],
        &[0; 29],
    ])
}

/// The item of a row, and the hash of its exact id.
pub(super) fn pack_row(
    client_id: &str,
    (row, kept): (SurveyedRow, bool),
    digest: &Fingerprint,
) -> ([u8; SIZE], [u8; 8]) {
    let IdHashes { fold, own, zeros } = hashes(client_id);
    let kind = match (kept, row.fit) {
        (true, true) => KEPT,
        (true, false) => KEPT_UNFIT,
        (false, true) => FIT,
        (false, false) => UNFIT,
    };
    let item = packed([
        &fold,
        &[kind | zeros],
        &six(row.ordinal),
        &own,
        &place(row.place),
        digest,
    ]);
    (item, own)
}

/// The hashes of an id.
struct IdHashes {
    /// Folded: without case, blanks and leading zeros.
    fold: [u8; 12],
    /// Exact.
    own: [u8; 8],
    /// How many leading zeros were left out.
    zeros: u8,
}

fn hashes(client_id: &str) -> IdHashes {
    let own = XxHash3_128::oneshot(client_id.as_bytes());
    let mut folded = Vec::new();
    let text = if is_folded(client_id) {
        client_id.as_bytes()
    } else {
        folded.reserve(client_id.len() + 8);
        fold_into(client_id, &mut folded);
        &folded
    };
    let (zeros, bare) = text.split_at(zeros_lost(text));
    let fold = if bare == client_id.as_bytes() {
        own
    } else {
        XxHash3_128::oneshot(bare)
    };
    let [fold @ .., _, _, _, _] = fold.to_be_bytes();
    // The other half of the hash, so that the two hashes are independent.
    let [_, _, _, _, _, _, _, _, own @ ..] = own.to_be_bytes();
    let zeros = u8::try_from(zeros.len()).unwrap_or_default();
    IdHashes { fold, own, zeros }
}

/// An id, and where it comes from.
#[derive(Clone, Copy)]
pub(super) struct SortedId {
    /// Of the id without case, blanks and leading zeros.
    pub(super) fold: [u8; 12],
    /// How many zeros those are.
    pub(super) zeros: u8,
    /// Of the exact id.
    pub(super) own: [u8; 8],
    pub(super) source: IdSource,
    pub(super) digest: Fingerprint,
    /// Whether it is a row that is kept of several with one id.
    pub(super) kept: bool,
}

#[derive(Clone, Copy)]
pub(super) enum IdSource {
    Known(KnownClaim),
    Listed(ListedPlace),
    Row(SurveyedRow),
}

/// The id of an item.
pub(super) fn unpacked(item: &[u8; SIZE]) -> io::Result<SortedId> {
    let mut rest = item.as_slice();
    let fold = take(&mut rest);
    let [kind] = take(&mut rest);
    let (kind, zeros) = (kind & !ZEROS, kind & ZEROS);
    let number = take_six(&mut rest);
    let own = take(&mut rest);
    // The place of a row, the outcome, flags and time of a claim, or a customer's status.
    let mut details = rest;
    let _: [u8; PLACE] = take(&mut rest);
    let digest = take(&mut rest);
    let source = match kind {
        LISTED => {
            let [is_inactive] = take(&mut details);
            IdSource::Listed(ListedPlace {
                place: number,
                is_inactive: is_inactive != 0,
            })
        }
        KEPT | KEPT_UNFIT | FIT | UNFIT => IdSource::Row(SurveyedRow {
            ordinal: number,
            place: take_place(&mut details),
            fit: matches!(kind, KEPT | FIT),
        }),
        CLAIM | CLAIM_TIMED => {
            let [last, flags] = take(&mut details);
            let time = i64::from_be_bytes(take(&mut details));
            IdSource::Known(KnownClaim {
                id: number,
                digest,
                last: outcome_of(last)?,
                in_doubt: flags & IN_DOUBT != 0,
                sent: flags & SENT != 0,
                there: flags & THERE != 0,
                ours: flags & OURS != 0,
                orphan: flags & ORPHAN != 0,
                claimed_by: (kind == CLAIM_TIMED).then_some(time),
            })
        }
        _unknown => return Err(damaged()),
    };
    Ok(SortedId {
        fold,
        zeros,
        own,
        source,
        digest,
        kept: matches!(kind, KEPT | KEPT_UNFIT),
    })
}
