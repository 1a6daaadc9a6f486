//! The rows' verdicts, counted.

use super::finding_store::Verdicts;
use crate::domain::decision::Decision;
use crate::domain::outcome::{Outcome, OutcomeCounts};
use crate::domain::row_tally::RowTally;
use crate::domain::summary::RowCounts;

/// The rows' verdicts, counted.
#[derive(Default)]
pub(super) struct VerdictCounts {
    /// Fit rows that are rejected because of other rows.
    rejected: u64,
    /// Rows that others stand for.
    skipped: u64,
    /// Those of them that are rejected for themselves, or because of other rows.
    skipped_rejects: u64,
    /// The skipped rows by reason.
    pub(super) tally: RowTally,
    pub(super) to_look_up: u64,
    pub(super) done: OutcomeCounts,
    pub(super) there: u64,
}

impl VerdictCounts {
    /// Corrects the counts of rows that were checked one by one.
    pub(super) fn applied_to(&self, mut rows: RowCounts) -> RowCounts {
        rows.rejected += self.rejected;
        rows.rejected -= self.skipped_rejects;
        rows.skipped += self.skipped;
        rows
    }
}

/// Counts `verdicts`.
pub(super) fn count(verdicts: &mut Verdicts, strict: bool) -> std::io::Result<VerdictCounts> {
    let mut counts = VerdictCounts::default();
    while let Some(verdict) = verdicts.read_next()? {
        let rejects = verdict.rejects(strict);
        counts.rejected += u64::from(verdict.fit && rejects);
        let is_repeat = verdict.duplicate.is_some() || verdict.passed_over;
        counts.tally.repeated += u64::from(is_repeat);
        if let Some(reason) = verdict.skipped() {
            counts.skipped += 1;
            counts.skipped_rejects += u64::from(!verdict.fit || rejects);
            counts.tally.add_skipped(&reason, verdict.place.line);
            continue;
        }
        // A repeated id is noted as listed at its first row alone.
        let is_unknown = verdict.listed.is_none() && verdict.duplicate.is_none();
        counts.tally.doubted += u64::from(verdict.doubted && verdict.fit && is_unknown);
        counts.tally.unidentified += u64::from(verdict.doubted && !verdict.fit);
        if !verdict.fit || rejects {
            continue;
        }
        let is_renamed = verdict
            .prior_claim
            .is_some_and(|claim| claim.last == Some(Outcome::Failed) && claim.there && !claim.ours);
        counts.tally.renamed += u64::from(is_renamed && is_unknown);
        let decision = verdict.prior_claim.map(|claim| claim.decision);
        let is_done = matches!(decision, Some(Decision::Skip(_)));
        counts.there += u64::from(verdict.listed.is_some() && !is_done);
        match decision {
            Some(Decision::LookUp) => counts.to_look_up += 1,
            Some(Decision::Skip(outcome)) => counts.done.add(outcome),
            Some(Decision::Create) | None => {}
        }
    }
    verdicts.rewind()?;
    Ok(counts)
}
