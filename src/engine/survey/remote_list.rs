//! The customers that Kable holds, kept on disk as they were listed.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::domain::remote::RemoteCustomer;
use crate::kable::customer_reader::CustomerReader;

/// Customers as they come, one after the other.
#[derive(Debug)]
pub struct Listing {
    writer: BufWriter<File>,
    many: u64,
}

impl Listing {
    /// A listing that is kept in an unnamed file in `folder`.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            writer: BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(folder)?),
            many: 0,
        })
    }

    /// Keeps one customer, as the API gave it.
    pub fn push(&mut self, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        self.many += 1;
        self.writer.write_all(&length.to_le_bytes())?;
        self.writer.write_all(body)
    }

    /// All of them, to be read by `reader`.
    pub fn finish(self, reader: CustomerReader) -> io::Result<Listed> {
        let file = self
            .writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        Ok(Listed {
            file,
            many: self.many,
            reader,
            unread: 0,
        })
    }
}

/// The customers that Kable holds.
#[derive(Debug)]
pub struct Listed {
    file: File,
    many: u64,
    reader: CustomerReader,
    unread: u64,
}

impl Listed {
    /// How many there are.
    pub fn many(&self) -> u64 {
        self.many
    }

    /// How many of them can't be read: rows of theirs count as new.
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// Gives `hear` the `clientId` of each, and where it is kept. Those that
    /// can't be read are no customer's.
    pub(super) fn scan(
        &mut self,
        hear: &mut dyn FnMut(&str, u64) -> io::Result<()>,
    ) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = io::BufReader::with_capacity(1 << 18, &self.file);
        let (mut place, mut body) = (0, Vec::new());
        self.unread = 0;
        for _ in 0..self.many {
            read_one(&mut reader, &mut body)?;
            match self.reader.read(&body) {
                Some(remote) => hear(&remote.client_id, place)?,
                None => self.unread += 1,
            }
            place += 4 + body.len() as u64;
        }
        Ok(())
    }

    /// The customer that is kept at `place`.
    pub(in crate::engine) fn at(&mut self, place: u64) -> io::Result<Option<RemoteCustomer>> {
        self.file.seek(SeekFrom::Start(place))?;
        let mut body = Vec::new();
        read_one(&mut &self.file, &mut body)?;
        Ok(self.reader.read(&body))
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
    use super::{CustomerReader, Listing};

    #[test]
    fn each_is_found_again_where_it_was_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let mut listing = Listing::new(folder.path()).unwrap();
        for number in 0..100 {
            let body = format!("{{\"customerId\":\"cus_{number}\",\"clientId\":\"c-{number}\"}}");
            listing.push(body.as_bytes()).unwrap();
        }
        listing.push(b"{\"clientId\":7}").unwrap();
        let mut listed = listing.finish(CustomerReader::default()).unwrap();
        assert_eq!(listed.many(), 101);
        let mut places = Vec::new();
        listed
            .scan(&mut |client_id, place| {
                places.push((client_id.to_owned(), place));
                Ok(())
            })
            .unwrap();
        assert_eq!((places.len(), listed.unread()), (100, 1));
        for (client_id, place) in places.iter().rev() {
            assert_eq!(listed.at(*place).unwrap().unwrap().client_id, *client_id);
        }
    }
}
