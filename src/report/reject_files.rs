//! Writes rejected and failed rows back to be mended, byte for byte, in a file that is
//! written as the input is: its byte-order mark, delimiter, line ends and header.
//!
//! Added cells precede a row's own, so that a row with too few cells doesn't shift
//! them; they are ignored when the file is read as input.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use super::RowAccount;
use super::atomic_file::{MARK, PendingFile};
use super::manifest::{Manifest, PlaceState};
use crate::domain::mapping::ADDED;
use crate::domain::row::{Columns, Matching, ReadState, after_cells};

/// Files of one kind: one for each header of the inputs, and one for JSONL.
#[derive(Debug)]
pub(super) struct RejectFiles {
    /// `rejects` or `failures`.
    kind: &'static str,
    parts: Vec<PendingFile>,
    /// The index in `parts` for each header, or for JSONL.
    forms: HashMap<Option<(u8, String)>, usize>,
    /// The number of the last file with each extension.
    last: HashMap<&'static str, u64>,
    /// Whether rows are added to what files of the same header hold already.
    continues: bool,
}

impl RejectFiles {
    /// No files yet.
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            parts: Vec::new(),
            forms: HashMap::new(),
            last: HashMap::new(),
            continues: false,
        }
    }

    /// Likewise; rows are added to those that files in the folder hold already.
    pub(super) fn continuing(kind: &'static str) -> Self {
        Self {
            continues: true,
            ..Self::new(kind)
        }
    }

    /// The final paths of the files.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        self.parts.iter().map(|part| part.place.clone()).collect()
    }

    /// The files, to be moved to their places.
    pub(super) fn parts(self) -> Vec<PendingFile> {
        self.parts
    }

    /// Adds a row, preceded by the cells in `said`.
    pub(super) fn add(
        &mut self,
        manifest: &Manifest,
        several: bool,
        account: &RowAccount<'_>,
        said: &[(&'static str, String)],
    ) -> io::Result<()> {
        let mut added = Vec::with_capacity(said.len() + 2);
        if several {
            added.push(("_file", account.input.to_owned()));
        }
        added.push(("_line", account.row.origin.line.to_string()));
        added.extend_from_slice(said);
        let part = self.part(manifest, account, &added)?;
        part.rows += 1;
        match account.columns.matching {
            Matching::Exact => write_json(part, account, &added),
            Matching::Header => {
                if write_table_row(part, account, &added)? {
                    // An unclosed quote would swallow the next row, which gets a file
                    // of its own: nothing is written that is wrong once it is mended.
                    self.forms.remove(&form_of(account.columns));
                }
                Ok(())
            }
        }
    }

    fn part(
        &mut self,
        manifest: &Manifest,
        account: &RowAccount<'_>,
        added: &[(&str, String)],
    ) -> io::Result<&mut PendingFile> {
        let columns = account.columns;
        let form = form_of(columns);
        let place = if let Some(place) = self.forms.get(&form) {
            *place
        } else {
            let ending = if form.is_none() { "jsonl" } else { "csv" };
            let mut start = Vec::new();
            if form.is_some() {
                let names: Vec<String> = added.iter().map(|(name, _)| (*name).to_owned()).collect();
                let header = after_cells(
                    columns.header.as_bytes(),
                    columns.delimiter,
                    account.leading_own,
                );
                if columns.is_marked {
                    start.extend_from_slice(MARK);
                }
                write_cells(&mut start, columns, &names, header)?;
            }
            let part = self.begin(manifest, ending, &start)?;
            self.parts.push(part);
            self.forms.insert(form, self.parts.len() - 1);
            self.parts.len() - 1
        };
        self.parts
            .get_mut(place)
            .ok_or_else(|| io::Error::other("a result file went missing"))
    }
}

impl RejectFiles {
    /// Starts a file with this extension and this header, under the next free name.
    fn begin(
        &mut self,
        manifest: &Manifest,
        ending: &'static str,
        header: &[u8],
    ) -> io::Result<PendingFile> {
        // Each name is tried only once: there may be as many files as inputs.
        let last = self.last.entry(ending).or_default();
        loop {
            *last += 1;
            let number = match *last {
                1 => String::new(),
                number => format!("-{number}"),
            };
            let name = format!("{}{number}.{ending}", self.kind);
            let state = manifest.state_of(&name)?;
            if state == PlaceState::Foreign {
                continue;
            }
            let mut part = PendingFile::begin(manifest.folder(), &name)?;
            if !(self.continues && state == PlaceState::Replaceable) {
                part.write_all(header)?;
                return Ok(part);
            }
            if copied(&part.place.clone(), header, &mut part)? {
                return Ok(part);
            }
        }
    }
}

/// Copies the file at `place` to `out` if it starts with this `header`; returns whether it
/// does.
fn copied(place: &Path, header: &[u8], out: &mut PendingFile) -> io::Result<bool> {
    let mut file = File::open(place)?;
    let mut start = Vec::new();
    (&mut file)
        .take(header.len() as u64)
        .read_to_end(&mut start)?;
    if start != header {
        return Ok(false);
    }
    out.write_all(&start)?;
    io::copy(&mut file, out)?;
    Ok(true)
}

/// The file that rows of these columns belong to: by delimiter and header, or `None`
/// for JSONL.
fn form_of(columns: &Columns) -> Option<(u8, String)> {
    match columns.matching {
        Matching::Exact => None,
        Matching::Header => Some((columns.delimiter, columns.header.clone())),
    }
}

/// Writes a row; returns whether it ends in an unclosed quote.
fn write_table_row(
    part: &mut PendingFile,
    account: &RowAccount<'_>,
    added: &[(&str, String)],
) -> io::Result<bool> {
    let columns = account.columns;
    let values: Vec<String> = added.iter().map(|(_, value)| value.clone()).collect();
    let row = account.row;
    let own = after_cells(row.raw(), columns.delimiter, row.added_cells);
    write_cells(part, columns, &values, own)?;
    let is_broken = matches!(row.state, ReadState::Broken(_));
    Ok(is_broken && ends_open(own, columns.delimiter))
}

/// Whether `row` ends in an unclosed quoted cell. A quote opens one only at the start
/// of a cell, or after spaces there.
fn ends_open(row: &[u8], delimiter: u8) -> bool {
    let (mut quoted, mut at_start) = (false, true);
    let mut bytes = row.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'"' {
            let is_blank = byte == b' ' && delimiter != b' ';
            at_start = (byte == delimiter || at_start && is_blank) && !quoted;
        } else if !quoted {
            (quoted, at_start) = (at_start, false);
        } else if bytes.next_if_eq(&b'"').is_none() {
            quoted = false;
        }
    }
    quoted
}

fn write_cells(
    part: &mut impl Write,
    columns: &Columns,
    cells: &[String],
    rest: &[u8],
) -> io::Result<()> {
    let mut line = csv::WriterBuilder::new()
        .delimiter(columns.delimiter)
        .from_writer(Vec::new());
    line.write_record(cells)?;
    let mut line = line.into_inner().map_err(csv::IntoInnerError::into_error)?;
    line.pop();
    line.push(columns.delimiter);
    line.extend_from_slice(rest);
    line.extend_from_slice(columns.line_end.as_bytes());
    part.write_all(&line)
}

/// The members of an object, in order, as raw text.
struct RawMembers<'r>(Vec<(String, &'r RawValue)>);

impl<'de> serde::Deserialize<'de> for RawMembers<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawMembersVisitor;
        impl<'de> serde::de::Visitor<'de> for RawMembersVisitor {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<RawMembers<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(RawMembersVisitor)
    }
}

fn write_json(
    part: &mut PendingFile,
    account: &RowAccount<'_>,
    added: &[(&str, String)],
) -> io::Result<()> {
    let mut line = Vec::with_capacity(account.row.raw().len() + 200);
    for (name, value) in added {
        line.push(if line.is_empty() { b'{' } else { b',' });
        serde_json::to_writer(&mut line, name)?;
        line.push(b':');
        match value.parse::<u64>() {
            Ok(number) if matches!(*name, "_line" | "_status") => {
                serde_json::to_writer(&mut line, &number)?;
            }
            Ok(_) | Err(_) => serde_json::to_writer(&mut line, value)?,
        }
    }
    let text = account.row.text().trim();
    let inside = text.strip_prefix('{').map(str::trim_start);
    match (&account.row.state, inside) {
        // Members that an earlier run added are removed.
        (ReadState::Good, Some(inside))
            if ADDED
                .iter()
                .any(|name| inside.get(1..).is_some_and(|rest| rest.starts_with(name))) =>
        {
            let members: RawMembers<'_> = serde_json::from_str(text)?;
            for (name, value) in members
                .0
                .iter()
                .filter(|(name, _)| !ADDED.contains(&name.as_str()))
            {
                line.push(b',');
                serde_json::to_writer(&mut line, name)?;
                line.push(b':');
                line.extend_from_slice(value.get().as_bytes());
            }
            line.push(b'}');
        }
        (ReadState::Good, Some("}")) => line.push(b'}'),
        (ReadState::Good, Some(inside)) => {
            line.push(b',');
            line.extend_from_slice(inside.as_bytes());
        }
        // What is not an object is written as a string, to be mended there.
        (ReadState::Good | ReadState::Skipped(_) | ReadState::Broken(_), _) => {
            line.extend_from_slice(b",\"_raw\":");
            serde_json::to_writer(&mut line, &String::from_utf8_lossy(account.row.raw()))?;
            line.push(b'}');
        }
    }
    line.push(b'\n');
    part.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::ends_open;

    #[test]
    fn only_a_quote_at_the_start_of_a_cell_opens_it() {
        for row in [
            r#"a,"b"#,
            r#"""#,
            r#"a,"b""c"#,
            "a,\"b\nc,\"\"d",
            "a,  \"b",
            " \"b,c",
            r#"a,"b"",c"#,
        ] {
            assert!(ends_open(row.as_bytes(), b','), "{row}");
        }
        for row in [
            "",
            r#"a,b"c"#,
            r#"a,b "c"#,
            r#"a, "b""#,
            r#"a,"b""#,
            r#"a,"b"c,d"#,
            r#"a,"b" "c,"#,
            // The quote before Far closes; the one after Pike is text.
            "a1,\"Les,USD,\na2,\"Far, Pike\",USD,",
        ] {
            assert!(!ends_open(row.as_bytes(), b','), "{row}");
        }
    }
}
