//! The listed customers that a sync cancels, on disk.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::RemovalTarget;
use super::removal_subject::RemovalSubject;
use crate::domain::customer::fingerprint;
use crate::domain::remote::RemoteCustomer;
use crate::engine::survey::codec::{packed, six, take_six};
use crate::engine::survey::remote_list::RemoteList;
use crate::engine::survey::surplus::Surplus;
use crate::spill::Sorter;

/// Bytes of the fingerprint of a `clientId`.
const KEY: usize = 16;

/// The customers to be cancelled, in an order that does not depend on the list's.
#[derive(Debug)]
pub struct ListedTargets {
    file: BufReader<File>,
    many: u64,
}

/// A customer to be cancelled, as a line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct ListedTarget {
    client_id: String,
    customer_id: String,
    modified: Option<i64>,
}

/// Writes them.
struct TargetWriter {
    file: BufWriter<File>,
    many: u64,
}

impl TargetWriter {
    fn begin(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(tempfile::tempfile_in(folder)?),
            many: 0,
        })
    }

    fn add(&mut self, remote: RemoteCustomer) -> io::Result<()> {
        let target = ListedTarget {
            client_id: remote.client_id,
            customer_id: remote.customer_id,
            modified: remote.modified,
        };
        serde_json::to_writer(&mut self.file, &target)?;
        self.many += 1;
        self.file.write_all(b"\n")
    }

    fn finish(self) -> io::Result<ListedTargets> {
        let mut file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(ListedTargets {
            file: BufReader::new(file),
            many: self.many,
        })
    }
}

impl ListedTargets {
    /// Those customers of `surplus` that are still active; stored in `folder`. Each is
    /// passed to `on_customer` as well.
    pub fn of(
        surplus: &mut Surplus,
        list: &mut RemoteList,
        folder: &Path,
        on_customer: &mut dyn FnMut(&RemoteCustomer) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let spooled = || format!("cannot use a temporary file in {}", folder.display());
        let mut places = Sorter::<{ KEY + 6 }>::new(folder, 1);
        let sorted = surplus.each(list, &mut |remote, place| {
            if remote.is_inactive() {
                return Ok(());
            }
            let key = fingerprint(&remote.client_id);
            places.push(packed([key.as_slice(), &six(place)]))
        });
        sorted.with_context(spooled)?;
        let mut places = places.finish().with_context(spooled)?;
        let mut lines = TargetWriter::begin(folder).with_context(spooled)?;
        while let Some(item) = places.read_next().with_context(spooled)? {
            let (_, mut place) = item.split_at(KEY);
            let listed = list.at(take_six(&mut place)).with_context(spooled)?;
            if let Some(remote) = listed {
                on_customer(&remote)?;
                lines.add(remote).with_context(spooled)?;
            }
        }
        lines.finish().with_context(spooled)
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.many
    }
}

impl Iterator for ListedTargets {
    type Item = io::Result<RemovalTarget>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = String::new();
        let target = match self.file.read_line(&mut line) {
            Ok(0) => return None,
            Ok(_) => serde_json::from_str::<ListedTarget>(&line).map_err(io::Error::from),
            Err(error) => Err(error),
        };
        Some(target.map(|target| {
            RemovalTarget::Listed(Box::new(RemovalSubject {
                client_id: target.client_id,
                customer_id: Some(target.customer_id),
                modified: target.modified,
                is_ours: true,
                claimed_by: None,
                in_doubt: false,
                may_be_uncreated: false,
            }))
        }))
    }
}
