//! Joins the ids of the input and of the ledger by one sort.
//!
//! What is sorted are hashes, spilled to disk where they don't fit, so that a
//! hundred million ids take no more memory than a thousand. They are XXH3 of
//! 96 bits and more: among ten billion different texts the chance that any two
//! share one is below 10⁻⁸. Two rows are brought together by their ids without
//! case and blanks, and told apart within that by the ids as they stand.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use twox_hash::XxHash3_128;

use super::codec::{
    PLACE, outcome_code, outcome_of, packed, place, six, take, take_place, take_six,
};
use super::finding_store::{About, Finding, Other, Remembered, VerdictSorter};
use super::same_customer::{PERSON, Refused, join_people};
use super::settings::Surveying;
use super::unfit::Unfit;
use crate::domain::customer::{CustomerValues, Fingerprint};
use crate::domain::decision::{KnownClaim, RowPolicy, decide};
use crate::domain::text::{fold_into, is_folded};
use crate::engine::send::orphaned_claims::{OrphanSorter, Orphans};
use crate::spill::Sorted;
use crate::spill::repeats::{RepeatFilter, RepeatSorter};

/// Bytes of an id: its hash without case, kind, number, its own hash, place or
/// progress and time, digest.
const SIZE: usize = 12 + 1 + 6 + 8 + PLACE + 16;

/// A claim whose time on the server's clock is not known.
const KNOWN: u8 = 0;
/// A claim whose time on the server's clock is known.
const KNOWN_TIMED: u8 = 1;
/// A customer that Kable holds.
const LISTED: u8 = 2;
/// A row that may be sent. It sorts behind what is known of its id.
const FIT: u8 = 3;
/// A row that may not. It sorts behind those that may: of several rows with one
/// id the first that is fit is the one that is sent.
const UNFIT: u8 = 4;

/// What is known of a claim beside its outcome, a bit each.
const IN_DOUBT: u8 = 1;
const SENT: u8 = 1 << 1;
const THERE: u8 = 1 << 2;
const OURS: u8 = 1 << 3;
const ORPHAN: u8 = 1 << 4;

/// Takes the ids of rows and claims in any order. Each worker has its own.
#[derive(Debug)]
pub(super) struct Ids {
    rows: RepeatSorter<SIZE>,
    people: RepeatSorter<PERSON>,
    /// Whether rows are held against what the ledger knows was sent.
    digests: bool,
    room: Vec<u8>,
}

impl Ids {
    /// Ids of one of the threads of a survey; `digests` says whether the ledger
    /// knows any.
    pub(super) fn new(surveying: &Surveying<'_>, met: &Arc<RepeatFilter>, digests: bool) -> Self {
        Self {
            rows: RepeatSorter::new(surveying.folder, met),
            people: RepeatSorter::new(surveying.folder, met),
            digests,
            room: Vec::new(),
        }
    }

    /// A claim of the ledger's.
    pub(super) fn push_known(&mut self, client_id: &str, known: &KnownClaim) -> io::Result<()> {
        let (fold, own) = hashes(client_id);
        let (kind, time) = match known.claimed_by {
            Some(time) => (KNOWN_TIMED, time),
            None => (KNOWN, 0),
        };
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        let flags = flag(known.in_doubt, IN_DOUBT)
            | flag(known.sent, SENT)
            | flag(known.there, THERE)
            | flag(known.ours, OURS)
            | flag(known.orphan, ORPHAN);
        let item = packed([
            &fold,
            &[kind],
            &six(known.id),
            &own,
            &[outcome_code(known.last), flags],
            &time.to_be_bytes(),
            &[0; 4],
            &known.digest,
        ]);
        if OrphanSorter::takes(known) {
            return self.rows.push_kept(item);
        }
        self.rows.push(item)
    }

    /// A customer that Kable holds, and where it is kept in the list of them.
    pub(super) fn push_listed(&mut self, client_id: &str, kept_at: u64) -> io::Result<()> {
        let (fold, own) = hashes(client_id);
        self.rows
            .push(packed([&fold, &[LISTED], &six(kept_at), &own, &[0; 30]]))
    }

    /// A row that may be sent.
    pub(super) fn push_fit(&mut self, about: About, values: &CustomerValues<'_>) -> io::Result<()> {
        let digest = if self.digests {
            values.digest(&mut self.room)
        } else {
            Fingerprint::default()
        };
        let own = self.push_row(about, values.client_id(), &digest)?;
        self.push_person(about, own, values.email(), values.company_name())
    }

    /// A row that may not be sent, as far as it can be read.
    pub(super) fn push_unfit(&mut self, about: About, row: Unfit<'_>) -> io::Result<()> {
        if row.client_id.is_empty() {
            return Ok(());
        }
        let own = self.push_row(about, row.client_id, &Fingerprint::default())?;
        self.push_person(about, own, Some(row.email), row.company_name)
    }

    fn push_row(
        &mut self,
        about: About,
        client_id: &str,
        digest: &Fingerprint,
    ) -> io::Result<[u8; 8]> {
        let (fold, own) = hashes(client_id);
        self.rows.push(packed([
            &fold,
            &[kind(about)],
            &six(about.ordinal),
            &own,
            &place(about.place),
            digest,
        ]))?;
        Ok(own)
    }

    fn push_person(
        &mut self,
        about: About,
        own: [u8; 8],
        email: Option<&str>,
        company: &str,
    ) -> io::Result<()> {
        // What has no `@` is a placeholder (`none`, `-`) more often than a person.
        let email = email.filter(|email| email.contains('@'));
        let (Some(email), false) = (email, company.is_empty()) else {
            return Ok(());
        };
        self.room.clear();
        fold_into(email, &mut self.room);
        self.room.push(0);
        fold_into(company, &mut self.room);
        let [hash @ .., _, _, _, _] = XxHash3_128::oneshot(&self.room).to_be_bytes();
        self.people.push(packed([
            &hash,
            &six(about.ordinal),
            &own,
            &[u8::from(about.fit)],
            &place(about.place),
        ]))
    }

    /// Brings together what several workers have taken, on two threads where the
    /// one need not wait for the other.
    pub(super) fn join(
        all: Vec<Self>,
        surveying: &Surveying<'_>,
    ) -> io::Result<(Vec<VerdictSorter>, Orphans)> {
        let (rows, people): (Vec<_>, Vec<_>) =
            all.into_iter().map(|ids| (ids.rows, ids.people)).unzip();
        let folder = surveying.folder;
        let mut verdicts = VerdictSorter::new(folder, 2);
        let mut others = VerdictSorter::new(folder, 2);
        let mut refused = Refused::default();
        let mut orphans = OrphanSorter::new(folder);
        if surveying.reading.rules.strict {
            // Under `--strict`, find `same_customer` rows first: they must not win an id
            // from a row that will be sent.
            let people = RepeatSorter::sorted(people)?;
            join_people(people, &mut others, Some(&mut refused))?;
            join_ids(
                RepeatSorter::sorted(rows)?,
                surveying.policy,
                &refused,
                (&mut verdicts, &mut orphans),
            )?;
            return Ok((vec![verdicts, others], orphans.finish()?));
        }
        std::thread::scope(|scope| {
            let people =
                scope.spawn(|| join_people(RepeatSorter::sorted(people)?, &mut others, None));
            let rows = join_ids(
                RepeatSorter::sorted(rows)?,
                surveying.policy,
                &refused,
                (&mut verdicts, &mut orphans),
            );
            let people = people.join();
            rows.and(people.unwrap_or_else(|_panic| Err(io::Error::other("a thread failed"))))
        })?;
        Ok((vec![verdicts, others], orphans.finish()?))
    }
}

fn kind(about: About) -> u8 {
    if about.fit { FIT } else { UNFIT }
}

/// The hash of an id without case and blanks, and as it stands.
fn hashes(client_id: &str) -> ([u8; 12], [u8; 8]) {
    let own = XxHash3_128::oneshot(client_id.as_bytes());
    let fold = if is_folded(client_id) {
        own
    } else {
        let mut folded = Vec::with_capacity(client_id.len() + 8);
        fold_into(client_id, &mut folded);
        XxHash3_128::oneshot(&folded)
    };
    let [fold @ .., _, _, _, _] = fold.to_be_bytes();
    // The lower half, so that the two say more together than each by itself.
    let [_, _, _, _, _, _, _, _, own @ ..] = own.to_be_bytes();
    (fold, own)
}

/// An id of the ledger's or of a row.
#[derive(Clone, Copy)]
struct Id {
    fold: [u8; 12],
    own: [u8; 8],
    what: What,
    digest: Fingerprint,
}

#[derive(Clone, Copy)]
enum What {
    Known(KnownClaim),
    Listed(u64),
    Row(About),
}

fn unpacked(item: &[u8; SIZE]) -> Id {
    let mut rest = item.as_slice();
    let fold = take(&mut rest);
    let [kind] = take(&mut rest);
    let number = take_six(&mut rest);
    let own = take(&mut rest);
    // Of a row its place, of a claim how far it came and when it was made.
    let mut where_and_when = rest;
    let _: [u8; PLACE] = take(&mut rest);
    let digest = take(&mut rest);
    let what = match kind {
        LISTED => What::Listed(number),
        FIT | UNFIT => What::Row(About {
            ordinal: number,
            place: take_place(&mut where_and_when),
            fit: kind == FIT,
        }),
        _claim => {
            let [last, flags] = take(&mut where_and_when);
            let time = i64::from_be_bytes(take(&mut where_and_when));
            What::Known(KnownClaim {
                id: number,
                digest,
                last: outcome_of(last),
                in_doubt: flags & IN_DOUBT != 0,
                sent: flags & SENT != 0,
                there: flags & THERE != 0,
                ours: flags & OURS != 0,
                orphan: flags & ORPHAN != 0,
                claimed_by: (kind == KNOWN_TIMED).then_some(time),
            })
        }
    };
    Id {
        fold,
        own,
        what,
        digest,
    }
}

/// What has been met of one id, as it stands.
#[derive(Default)]
struct Met {
    known: Option<KnownClaim>,
    listed: Option<u64>,
    first: Option<Other>,
    /// Whether a row has it that the claim is for.
    has_row: bool,
}

fn join_ids(
    mut sorted: Sorted<SIZE>,
    policy: RowPolicy,
    refused: &Refused,
    (verdicts, orphans): (&mut VerdictSorter, &mut OrphanSorter),
) -> io::Result<()> {
    // Nearly every id stands alone: only of others is anything remembered.
    let mut group = Group::default();
    let mut before = sorted.read_next()?.map(|item| unpacked(&item));
    let mut joined = false;
    while let Some(id) = before {
        let next = sorted.read_next()?.map(|item| unpacked(&item));
        let joins = next.is_some_and(|next| next.fold == id.fold);
        if joined || joins {
            match id.what {
                What::Row(about) if about.fit && refused.has(about.ordinal) => group.late.push(id),
                What::Known(_) | What::Listed(_) | What::Row(_) => {
                    group.add(&id, policy, verdicts)?;
                }
            }
        }
        if let (What::Known(known), false) = (id.what, joined || joins) {
            orphans.push(&known)?;
        }
        if !joins && joined {
            for id in std::mem::take(&mut group.late) {
                group.add(&id, policy, verdicts)?;
            }
            for known in group.met.values().filter(|met| !met.has_row) {
                known.known.map_or(Ok(()), |known| orphans.push(&known))?;
            }
            group.met.clear();
            group.lead = None;
        }
        (before, joined) = (next, joins);
    }
    Ok(())
}

/// Ids that are the same but for case and blanks.
#[derive(Default)]
struct Group {
    met: HashMap<[u8; 8], Met>,
    lead: Option<Other>,
    /// Rows that are refused, and stand back behind all others.
    late: Vec<Id>,
}

impl Group {
    fn add(&mut self, id: &Id, policy: RowPolicy, verdicts: &mut VerdictSorter) -> io::Result<()> {
        let met = self.met.entry(id.own).or_default();
        let about = match id.what {
            What::Known(known) => {
                met.known = Some(known);
                return Ok(());
            }
            What::Listed(kept_at) => {
                met.listed = Some(kept_at);
                return Ok(());
            }
            What::Row(about) => about,
        };
        if let Some(first) = met.first {
            return verdicts.push(about, Finding::Duplicate(first));
        }
        let this = Other::at(about.place);
        met.first = Some(this);
        match self.lead {
            None => self.lead = Some(this),
            Some(lead) => verdicts.push(about, Finding::Similar(lead))?,
        }
        if let Some(kept_at) = met.listed.filter(|_| about.fit) {
            verdicts.push(about, Finding::Listed(kept_at))?;
        }
        match met.known.filter(|_| about.fit) {
            None => Ok(()),
            Some(known) => {
                met.has_row = true;
                let found = remembered(&known, &id.digest, policy);
                verdicts.push(about, Finding::Remembered(found))
            }
        }
    }
}

fn remembered(known: &KnownClaim, digest: &Fingerprint, policy: RowPolicy) -> Remembered {
    Remembered {
        id: known.id,
        decision: decide(Some(known), digest, policy),
        in_doubt: known.in_doubt,
        changed: !known.is_same(digest),
        last: known.last,
        there: known.there,
        ours: known.ours,
        claimed_by: known.claimed_by,
    }
}
