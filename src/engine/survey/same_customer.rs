//! Rows with the same e-mail and company under different ids.

use std::io;

use super::codec::{PLACE, take, take_place, take_six};
use super::finding_store::{OtherRow, RowFinding, SurveyedRow, VerdictSorter};
use crate::spill::Sorted;

/// Bytes of an item: hash of e-mail and company, ordinal, the id's hash, fit, place.
pub(super) const SAME_CUSTOMER_SIZE: usize = 12 + 6 + 8 + 1 + PLACE;

/// The rows that `--strict` rejects for a `same_customer` warning: one bit per row up to
/// the last of them, 12 MiB for a hundred million rows.
#[derive(Debug, Default)]
pub(super) struct RefusedRows(Vec<u64>);

impl RefusedRows {
    fn add(&mut self, ordinal: u64) {
        let Ok(place) = usize::try_from(ordinal / 64) else {
            return;
        };
        if place >= self.0.len() {
            self.0.resize(place + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(place) {
            *bits |= 1 << (ordinal % 64);
        }
    }

    pub(super) fn has(&self, ordinal: u64) -> bool {
        let place = usize::try_from(ordinal / 64).ok();
        let bits = place.and_then(|place| self.0.get(place));
        bits.is_some_and(|bits| bits & 1 << (ordinal % 64) != 0)
    }
}

/// Finds rows with the e-mail and company of an earlier row under another id, and adds
/// them to `refused`.
pub(super) fn join_same_customers(
    mut sorted: Sorted<SAME_CUSTOMER_SIZE>,
    verdicts: &mut VerdictSorter,
    mut refused: Option<&mut RefusedRows>,
) -> io::Result<()> {
    let mut first: Option<([u8; 12], [u8; 8], OtherRow)> = None;
    while let Some(item) = sorted.read_next()? {
        let mut rest = item.as_slice();
        let hash: [u8; 12] = take(&mut rest);
        let ordinal = take_six(&mut rest);
        let own: [u8; 8] = take(&mut rest);
        let [fit] = take(&mut rest);
        let row = SurveyedRow {
            ordinal,
            place: take_place(&mut rest),
            fit: fit > 0,
        };
        match first {
            Some((of, id, place)) if of == hash => {
                if id != own {
                    verdicts.push(row, RowFinding::SameCustomer(place))?;
                    if let Some(refused) = &mut refused {
                        refused.add(ordinal);
                    }
                }
            }
            Some(_) | None => {
                first = Some((hash, own, OtherRow::at(row.place)));
            }
        }
    }
    Ok(())
}
