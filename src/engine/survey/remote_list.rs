//! The listed customers that Kable holds, on disk.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use twox_hash::XxHash3_128;

use super::listed_places::ListedPlaces;
use crate::domain::remote::{MissingContact, RemoteCustomer};
use crate::kable::customer_reader::{CustomerReader, ListedIds};
use crate::spill::Sorter;

/// How much is read at once. More would be read in vain where rows are in another order
/// than the list.
const READ_BACK: usize = 8 << 10;

/// Writes customers to disk as they are listed.
#[derive(Debug)]
pub struct RemoteListWriter {
    writer: BufWriter<File>,
    len: u64,
}

impl RemoteListWriter {
    /// A list in an unnamed file in `folder`.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            writer: BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(folder)?),
            len: 0,
        })
    }

    /// Writes one customer, in the API's JSON.
    pub fn push(&mut self, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        self.len += 1;
        self.writer.write_all(&length.to_le_bytes())?;
        self.writer.write_all(body)
    }

    /// The complete list, to be read by `reader`.
    pub fn finish(self, reader: CustomerReader) -> io::Result<RemoteList> {
        let mut file = self
            .writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(RemoteList {
            file: BufReader::with_capacity(READ_BACK, file),
            position: 0,
            body: Vec::new(),
            len: self.len,
            reader,
            inactive: 0,
            unreadable: 0,
            fills_contacts: false,
            shows_contacts: false,
        })
    }
}

/// The customers that Kable holds.
#[derive(Debug)]
pub struct RemoteList {
    file: BufReader<File>,
    /// Where the next byte of `file` is read.
    position: u64,
    /// The last customer read.
    body: Vec<u8>,
    len: u64,
    reader: CustomerReader,
    inactive: u64,
    unreadable: u64,
    fills_contacts: bool,
    shows_contacts: bool,
}

impl RemoteList {
    /// How many customers are listed.
    pub fn customer_count(&self) -> u64 {
        self.len
    }

    /// How many of them are not active; known once the list was read.
    pub fn inactive_count(&self) -> u64 {
        self.inactive
    }

    /// How many of them are active, so that they may be cancelled; likewise.
    pub fn active_count(&self) -> u64 {
        self.len - self.inactive - self.unreadable
    }

    /// How many of them can't be read: any row may be theirs.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Takes a customer without a `billingContact` for one whose contact is empty, if
    /// any customer is shown with one.
    pub fn fill_contacts(&mut self) {
        self.fills_contacts = true;
    }

    /// Whether a customer is listed twice. The comparison is on disk, in `folder`.
    pub fn has_repeats(&mut self, folder: &Path) -> io::Result<bool> {
        let mut hashes: Sorter<16> = Sorter::new(folder, 1);
        self.scan(&mut |ids, _| {
            let hash = XxHash3_128::oneshot(ids.customer_id.as_bytes());
            hashes.push(hash.to_be_bytes())
        })?;
        let (mut sorted, mut before) = (hashes.finish()?, None);
        while let Some(hash) = sorted.read_next()? {
            if before.replace(hash) == Some(hash) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What it means that a customer has none, in a list that was scanned.
    pub(in crate::engine) fn missing_contact(&self) -> MissingContact {
        if self.fills_contacts && self.shows_contacts {
            MissingContact::Empty
        } else {
            MissingContact::Unknown
        }
    }

    /// Passes the `clientId` and the place of each customer to `on_customer`. Those that
    /// can't be read are only counted, as are those that are not active.
    pub(in crate::engine) fn scan(
        &mut self,
        on_customer: &mut dyn FnMut(&ListedIds, u64) -> io::Result<()>,
    ) -> io::Result<()> {
        (self.inactive, self.unreadable) = (0, 0);
        let mut place = 0;
        for _ in 0..self.len {
            match self.ids_at(place)? {
                Some(ids) => {
                    self.inactive += u64::from(ids.is_inactive());
                    self.shows_contacts |= ids.has_contact;
                    on_customer(&ids, place)?;
                }
                None => self.unreadable += 1,
            }
            place = self.position;
        }
        Ok(())
    }

    /// The customer at `place`.
    pub(in crate::engine) fn at(&mut self, place: u64) -> io::Result<Option<RemoteCustomer>> {
        self.read_at(place)?;
        let mut remote = self.reader.read(&self.body);
        if self.missing_contact() == MissingContact::Empty {
            let contact = remote.as_mut().map(|remote| &mut remote.contact);
            contact.map(Option::get_or_insert_default);
        }
        Ok(remote)
    }

    /// The customer that a row with these places is compared with.
    pub(in crate::engine) fn held(
        &mut self,
        places: ListedPlaces,
    ) -> io::Result<Option<RemoteCustomer>> {
        let mut remote = self.at(places.compared)?;
        if let (Some(remote), Some(other)) = (&mut remote, places.other) {
            // The list may have one customer twice.
            let other = self.ids_at(other)?.map(|ids| ids.customer_id);
            remote.namesake = other.filter(|other| *other != remote.customer_id);
        }
        Ok(remote)
    }

    /// The ids of the customer at `place`.
    pub(in crate::engine) fn ids_at(&mut self, place: u64) -> io::Result<Option<ListedIds>> {
        self.read_at(place)?;
        Ok(self.reader.ids(&self.body))
    }

    fn read_at(&mut self, place: u64) -> io::Result<()> {
        // Rows often are in the order of the list: then this stays within the buffer.
        let ahead = place.wrapping_sub(self.position).cast_signed();
        self.file.seek_relative(ahead)?;
        read_one(&mut self.file, &mut self.body)?;
        self.position = place + 4 + self.body.len() as u64;
        Ok(())
    }
}

fn read_one(from: &mut impl Read, body: &mut Vec<u8>) -> io::Result<()> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    body.clear();
    from.take(u64::from(u32::from_le_bytes(length)))
        .read_to_end(body)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{CustomerReader, RemoteListWriter};
    use crate::domain::customer::BillingContact;

    #[test]
    fn each_customer_is_read_back_from_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut listing = RemoteListWriter::new(folder.path()).unwrap();
        for number in 0..100 {
            let statuses = ["CANCELLED", "deleted", "Active", "ACTIVE"];
            let status = statuses[number % 4];
            let body = format!(
                "{{\"customerId\":\"cus_{number}\",\"clientId\":\"c-{number}\",\"status\":\"{status}\"}}"
            );
            listing.push(body.as_bytes()).unwrap();
        }
        listing.push(b"{\"clientId\":7}").unwrap();
        let mut listed = listing.finish(CustomerReader::default()).unwrap();
        assert_eq!(listed.customer_count(), 101);
        let mut places = Vec::new();
        listed
            .scan(&mut |ids, place| {
                places.push((ids.client_id.clone(), place));
                Ok(())
            })
            .unwrap();
        assert_eq!((places.len(), listed.unreadable()), (100, 1));
        assert_eq!((listed.inactive_count(), listed.active_count()), (50, 50));
        for (client_id, place) in places.iter().rev() {
            assert_eq!(listed.at(*place).unwrap().unwrap().client_id, *client_id);
        }
    }

    /// The contact of the first of these customers.
    fn first_contact(bodies: &[&str], fills: bool) -> Option<BillingContact> {
        let folder = tempfile::tempdir().unwrap();
        let mut listing = RemoteListWriter::new(folder.path()).unwrap();
        for body in bodies {
            listing.push(body.as_bytes()).unwrap();
        }
        let mut listed = listing.finish(CustomerReader::default()).unwrap();
        if fills {
            listed.fill_contacts();
        }
        listed.scan(&mut |_, _| Ok(())).unwrap();
        listed.at(0).unwrap().unwrap().contact
    }

    #[test]
    fn a_contact_that_is_missing_is_an_empty_one_where_others_are_shown() {
        let bare = r#"{"customerId":"cus_1","clientId":"c-1"}"#;
        let other =
            r#"{"customerId":"cus_2","clientId":"c-2","billingContact":{"email":"a@b.example"}}"#;
        let empty = Some(BillingContact::default());
        assert_eq!(first_contact(&[bare, other], true), empty);
        assert_eq!(first_contact(&[bare, other], false), None);
        assert_eq!(first_contact(&[bare], true), None);
    }
}
