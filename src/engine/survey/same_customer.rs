//! Rows of the same person: one e-mail and company under two ids.

use std::io;

use super::codec::{PLACE, take, take_place, take_six};
use super::finding_store::{About, Finding, Other, VerdictSorter};
use crate::spill::Sorted;

/// Bytes of a person: hash, ordinal, the id's hash, fit, place.
pub(super) const PERSON: usize = 12 + 6 + 8 + 1 + PLACE;

/// The rows that are refused for bearing a warning, a bit for each row up to the
/// last of them: a hundred million rows are 12 MiB.
#[derive(Debug, Default)]
pub(super) struct Refused(Vec<u64>);

impl Refused {
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

/// Says of every row but the first of a person that it is one with another id,
/// and keeps which those are in `refused`.
pub(super) fn join_people(
    mut sorted: Sorted<PERSON>,
    verdicts: &mut VerdictSorter,
    mut refused: Option<&mut Refused>,
) -> io::Result<()> {
    let mut lead: Option<([u8; 12], [u8; 8], Other)> = None;
    while let Some(item) = sorted.read_next()? {
        let mut rest = item.as_slice();
        let hash: [u8; 12] = take(&mut rest);
        let ordinal = take_six(&mut rest);
        let own: [u8; 8] = take(&mut rest);
        let [fit] = take(&mut rest);
        let about = About {
            ordinal,
            place: take_place(&mut rest),
            fit: fit > 0,
        };
        match lead {
            Some((of, first, place)) if of == hash => {
                if first != own {
                    verdicts.push(about, Finding::SameCustomer(place))?;
                    if let Some(refused) = &mut refused {
                        refused.add(ordinal);
                    }
                }
            }
            Some(_) | None => {
                lead = Some((hash, own, Other::at(about.place)));
            }
        }
    }
    Ok(())
}
