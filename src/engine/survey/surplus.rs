//! Customers that Kable holds and that no row of the input has.

use std::io;
use std::path::Path;

use super::codec::{six, take_six};
use super::remote_list::RemoteList;
use crate::domain::remote::RemoteCustomer;
use crate::spill::{Sorted, Sorter};

/// Collects the places of those customers in the list.
#[derive(Debug)]
pub(super) struct SurplusSorter {
    places: Sorter<6>,
    many: u64,
}

impl SurplusSorter {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            places: Sorter::new(folder, 8),
            many: 0,
        }
    }

    pub(super) fn push(&mut self, place_in_list: u64) -> io::Result<()> {
        self.many += 1;
        self.places.push(six(place_in_list))
    }

    pub(super) fn finish(self) -> io::Result<Surplus> {
        Ok(Surplus {
            places: self.places.finish()?,
            many: self.many,
        })
    }
}

/// The customers without a row; by default none.
#[derive(Debug, Default)]
pub struct Surplus {
    places: Sorted<6>,
    many: u64,
}

impl Surplus {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.many
    }

    /// Passes each of them to `on_customer` with its place, in the order of `list`.
    pub fn each(
        &mut self,
        list: &mut RemoteList,
        on_customer: &mut dyn FnMut(&RemoteCustomer, u64) -> io::Result<()>,
    ) -> io::Result<()> {
        self.places.rewind()?;
        while let Some(place) = self.places.read_next()? {
            let place = take_six(&mut place.as_slice());
            if let Some(remote) = list.at(place)? {
                on_customer(&remote, place)?;
            }
        }
        Ok(())
    }
}
