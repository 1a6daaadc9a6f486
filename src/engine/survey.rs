//! The first pass: reads everything, and finds out what is to be done.
//!
//! Duplicates within the input and what the ledger knows of it are found by one
//! sort: fingerprints of the input's ids and of the ledger's, spilled to disk
//! where they don't fit. Nothing is sent before this has ended, so that a file
//! that is wrong is known to be wrong.

use std::io;
use std::path::Path;

use anyhow::Context;

use super::stop::Stop;
use super::verdicts::{Verdict, VerdictSorter, Verdicts};
use super::{Checker, Reading};
use crate::domain::customer::{Fingerprint, fingerprint};
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::plan::{Decision, Known, Policy, Progress, decide};
use crate::domain::row::{Origin, Row, Rows};
use crate::domain::summary::RowCounts;
use crate::domain::validate::Checked;
use crate::ledger::Ledger;
use crate::report::{Event, Observer};
use crate::spill::Sorter;

/// How many rows are read between two looks at the stop signal.
pub(super) const LOOK_UP_EVERY: u64 = 1 << 14;

/// What is to be done with an input.
#[derive(Debug)]
pub struct Survey {
    /// Rows read, skipped and rejected; duplicates are among the rejected.
    pub rows: RowCounts,
    /// Rows that will be sent.
    pub to_create: u64,
    /// Rows that will be asked for first.
    pub to_look_up: u64,
    /// Rows that nothing is to be done with, by their outcome.
    pub done: Tally,
    /// For each input that has some: its name, and columns that feed no field.
    pub unused: Vec<(String, Vec<String>)>,
    /// What is known of rows that are not simply new.
    pub verdicts: Verdicts,
    /// The number that the first new row's claim gets.
    pub first_new_id: u64,
    /// Whether the ledger may not know of rows that were sent.
    pub gaps: bool,
    /// Whether it was stopped before the end.
    pub interrupted: bool,
}

impl Survey {
    /// Rows that are fit to send, whether or not they have been.
    pub fn fit(&self) -> u64 {
        self.rows.read - self.rows.skipped - self.rows.rejected
    }

    /// Rows that this run has to deal with.
    pub fn to_do(&self) -> u64 {
        self.to_create + self.to_look_up
    }
}

/// What a survey needs beside the rows.
#[derive(Debug)]
pub struct Surveying<'s> {
    /// What rows are held against.
    pub reading: &'s Reading,
    /// What is wanted for rows that are not new.
    pub policy: Policy,
    /// Where temporary files go.
    pub folder: &'s Path,
    /// Ends the reading.
    pub stop: &'s Stop,
}

/// Reads `rows` through.
pub fn survey<R>(
    rows: &mut R,
    surveying: &Surveying<'_>,
    mut ledger: Option<&mut dyn Ledger>,
    observer: &impl Observer,
) -> anyhow::Result<Survey>
where
    R: Rows<Error: std::error::Error + Send + Sync + 'static>,
{
    let mut ids = Ids::new(surveying.folder);
    let read = read_all(rows, surveying, &mut ids, observer)?;
    let (mut first_new_id, mut gaps) = (1, false);
    if let Some(ledger) = &mut ledger {
        gaps = ledger.has_gaps()?;
        first_new_id = ledger.next_id()?;
        ledger.scan(&mut |client_id, known| ids.push_known(client_id, &known))?;
    }
    let joined = ids
        .join(surveying)
        .with_context(|| format!("cannot sort in {}", surveying.folder.display()))?;
    let mut counts = read.rows;
    counts.rejected += joined.duplicates;
    let fit = counts.read - counts.skipped - counts.rejected;
    let to_do = fit - joined.done.sum();
    // A ledger with gaps has nothing sent that was not asked for.
    let to_look_up = if gaps { to_do } else { joined.to_look_up };
    Ok(Survey {
        rows: counts,
        to_create: to_do - to_look_up,
        to_look_up,
        done: joined.done,
        unused: read.unused,
        verdicts: joined.verdicts,
        first_new_id,
        gaps,
        interrupted: read.interrupted,
    })
}

/// What the reading itself found out.
struct Read {
    rows: RowCounts,
    unused: Vec<(String, Vec<String>)>,
    interrupted: bool,
}

fn read_all<R>(
    rows: &mut R,
    surveying: &Surveying<'_>,
    ids: &mut Ids,
    observer: &impl Observer,
) -> anyhow::Result<Read>
where
    R: Rows<Error: std::error::Error + Send + Sync + 'static>,
{
    let mut checker = Checker::new(surveying.reading);
    let mut row = Row::default();
    let mut room = Vec::new();
    let mut read = Read {
        rows: RowCounts::default(),
        unused: Vec::new(),
        interrupted: false,
    };
    while rows.next(&mut row)? {
        match checker.check(&row, rows.columns())? {
            Checked::Skipped => read.rows.skipped += 1,
            Checked::Unfit(_) => read.rows.rejected += 1,
            Checked::Fit(fit) => {
                ids.push_row(
                    read.rows.read,
                    row.origin,
                    fit.values.client_id(),
                    &fit.values.digest(&mut room),
                )
                .with_context(|| format!("cannot write to {}", surveying.folder.display()))?;
            }
        }
        note_unused(
            &mut read.unused,
            &mut checker,
            &row,
            rows,
            surveying.reading,
        )?;
        read.rows.read += 1;
        if read.rows.read.is_multiple_of(LOOK_UP_EVERY) {
            observer.hear(&Event::Checking {
                rows: read.rows.read,
            });
            if surveying.stop.is_halted() {
                read.interrupted = true;
                break;
            }
        }
    }
    read.interrupted |= surveying.stop.is_halted();
    Ok(read)
}

/// Keeps the columns without a field of each input, once, and again where a
/// JSONL input has met new ones.
fn note_unused<R: Rows>(
    unused: &mut Vec<(String, Vec<String>)>,
    checker: &mut Checker<'_>,
    row: &Row,
    rows: &R,
    reading: &Reading,
) -> anyhow::Result<()> {
    let columns = rows.columns();
    let seen = Some((row.origin.input, columns.names.len()));
    if std::mem::replace(&mut checker.seen, seen) == seen {
        return Ok(());
    }
    let names: Vec<String> = checker
        .bind(row.origin.input, columns)?
        .unused(columns)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let number = usize::from(row.origin.input);
    let input = reading.names.get(number).cloned().unwrap_or_default();
    unused.pop_if(|(of, _)| *of == input);
    if !names.is_empty() {
        unused.push((input, names));
    }
    Ok(())
}

/// Bytes of an id: fingerprint, kind, two numbers, a small number, digest.
const SIZE: usize = 16 + 1 + 8 + 8 + 2 + 16;

/// A claim whose time on the server's clock is not known.
const KNOWN: u8 = 0;
/// A claim whose time on the server's clock is known.
const KNOWN_TIMED: u8 = 1;
/// A row of the input. It sorts behind the claims of its id.
const ROW: u8 = 2;

/// The progress of a claim in doubt; settled ones have their outcome's place.
const IN_DOUBT: u16 = u16::MAX;

/// Ids of the input and of the ledger, to be sorted together.
struct Ids {
    sorter: Sorter<SIZE>,
}

/// What the join of input and ledger came to.
struct Joined {
    duplicates: u64,
    to_look_up: u64,
    done: Tally,
    verdicts: Verdicts,
}

impl Ids {
    fn new(folder: &Path) -> Self {
        Self {
            sorter: Sorter::new(folder),
        }
    }

    fn push_row(
        &mut self,
        ordinal: u64,
        origin: Origin,
        client_id: &str,
        digest: &Fingerprint,
    ) -> io::Result<()> {
        self.sorter.push(packed(&Id {
            fingerprint: fingerprint(client_id),
            kind: ROW,
            number: ordinal,
            second: origin.line,
            small: origin.input,
            digest: *digest,
        }))
    }

    fn push_known(&mut self, client_id: &str, known: &Known) -> io::Result<()> {
        self.sorter.push(packed(&Id {
            fingerprint: fingerprint(client_id),
            kind: if known.claimed_by.is_some() {
                KNOWN_TIMED
            } else {
                KNOWN
            },
            number: known.id,
            second: known.claimed_by.unwrap_or_default().cast_unsigned(),
            small: match known.progress {
                Progress::InDoubt => IN_DOUBT,
                Progress::Settled(outcome) => outcome as u16,
            },
            digest: known.digest,
        }))
    }

    fn join(self, surveying: &Surveying<'_>) -> io::Result<Joined> {
        let mut verdicts = VerdictSorter::new(surveying.folder);
        let (mut duplicates, mut to_look_up, mut done) = (0, 0, Tally::default());
        let mut sorted = self.sorter.finish()?;
        let mut id: Fingerprint = Fingerprint::default();
        let mut known: Option<Known> = None;
        let mut first: Option<Id> = None;
        while let Some(item) = sorted.read_next()? {
            let item = unpacked(&item);
            if item.fingerprint != id {
                (id, known, first) = (item.fingerprint, None, None);
            }
            if item.kind != ROW {
                known = Some(known_of(&item));
                continue;
            }
            if let Some(first) = &first {
                duplicates += 1;
                verdicts.push(
                    item.number,
                    Verdict::Duplicate {
                        input: first.small,
                        line: first.second,
                    },
                )?;
                continue;
            }
            if let Some(known) = &known {
                let decision = decide(Some(known), &item.digest, surveying.policy);
                match decision {
                    Decision::Create => {}
                    Decision::LookUp => to_look_up += 1,
                    Decision::Skip(outcome) => done.add(outcome),
                }
                verdicts.push(
                    item.number,
                    Verdict::Known {
                        id: known.id,
                        decision,
                        in_doubt: known.progress == Progress::InDoubt
                            || known.progress == Progress::Settled(Outcome::Unresolved),
                        changed: known.digest != item.digest,
                        claimed_by: known.claimed_by,
                    },
                )?;
            }
            first = Some(item);
        }
        Ok(Joined {
            duplicates,
            to_look_up,
            done,
            verdicts: verdicts.finish()?,
        })
    }
}

struct Id {
    fingerprint: Fingerprint,
    kind: u8,
    number: u64,
    second: u64,
    small: u16,
    digest: Fingerprint,
}

fn packed(id: &Id) -> [u8; SIZE] {
    let mut item = [0; SIZE];
    let mut rest = item.as_mut_slice();
    for part in [
        &id.fingerprint[..],
        &[id.kind],
        &id.number.to_be_bytes(),
        &id.second.to_be_bytes(),
        &id.small.to_be_bytes(),
        &id.digest,
    ] {
        let (here, there) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = there;
    }
    item
}

fn unpacked(item: &[u8; SIZE]) -> Id {
    let mut rest = item.as_slice();
    let fingerprint = super::verdicts::take(&mut rest);
    let [kind] = super::verdicts::take(&mut rest);
    Id {
        fingerprint,
        kind,
        number: u64::from_be_bytes(super::verdicts::take(&mut rest)),
        second: u64::from_be_bytes(super::verdicts::take(&mut rest)),
        small: u16::from_be_bytes(super::verdicts::take(&mut rest)),
        digest: super::verdicts::take(&mut rest),
    }
}

fn known_of(item: &Id) -> Known {
    Known {
        id: item.number,
        digest: item.digest,
        progress: Outcome::ALL
            .get(usize::from(item.small))
            .map_or(Progress::InDoubt, |outcome| Progress::Settled(*outcome)),
        claimed_by: (item.kind == KNOWN_TIMED).then_some(item.second.cast_signed()),
    }
}

#[cfg(test)]
#[path = "survey_tests.rs"]
mod tests;
