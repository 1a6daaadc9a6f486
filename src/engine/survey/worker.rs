//! Reads and checks the rows of a part of the input, on a thread of its own.

use std::borrow::Cow;

use anyhow::{Context, bail};

use super::finding_store::{RowFinding, SurveyedRow, VerdictSorter};
use super::id_join::{IdSorter, IdUse};
use super::resubmitted::{OriginalRow, Resubmitted};
use super::settings::SurveySettings;
use super::sorted_id::SIZE;
use super::unfit::UnfitRow;
use crate::domain::meant_id::is_id_doubted;
use crate::domain::row::{Columns, InputPart, Row, Rows};
use crate::domain::row_tally::RowTally;
use crate::domain::summary::RowCounts;
use crate::domain::validate::{CheckedRow, check};
use crate::engine::checker::Checker;

/// The totals of one part.
pub(super) struct PartCounts {
    pub(super) input: u16,
    pub(super) rows: RowCounts,
    pub(super) tally: RowTally,
    pub(super) unused: Vec<String>,
    pub(super) is_table: bool,
    /// The ids of its rows, if they are to be merged with claims.
    pub(super) ids: Vec<[u8; SIZE]>,
}

/// The state of one thread that reads and checks rows.
pub(super) struct Worker<'s> {
    settings: &'s SurveySettings<'s>,
    checker: Checker<'s>,
    pub(super) ids: IdSorter,
    pub(super) verdicts: VerdictSorter,
    pub(super) resubmitted: Resubmitted,
    row: Row,
}

impl<'s> Worker<'s> {
    pub(super) fn new(settings: &'s SurveySettings<'s>, use_of_ids: IdUse) -> Self {
        Self {
            settings,
            checker: Checker::new(settings.check),
            ids: IdSorter::new(settings, use_of_ids),
            verdicts: VerdictSorter::new(settings.folder, settings.threads),
            resubmitted: Resubmitted::new(settings.folder, settings.threads),
            row: Row::default(),
        }
    }

    /// Reads a part whose first row is number `first`, counted from 0.
    pub(super) fn read<R>(
        &mut self,
        first: u64,
        mut part: InputPart<R>,
    ) -> anyhow::Result<PartCounts>
    where
        R: Rows<Error: std::error::Error + Send + Sync + 'static>,
    {
        let mut counts = (RowCounts::default(), RowTally::default());
        self.checker.begin_part();
        while part.rows.next(&mut self.row)? {
            let ordinal = first + counts.0.read;
            counts.0.read += 1;
            self.check_row(ordinal, part.rows.columns(), &mut counts)?;
        }
        let (rows, tally) = counts;
        if rows.read != part.count {
            bail!(
                "a part of {} rows was read as {}; this is a bug in kable-bulk",
                part.count,
                rows.read
            );
        }
        let columns = part.rows.columns();
        let binding = self.checker.bind(part.input, columns)?;
        let unused = binding.unused(columns);
        Ok(PartCounts {
            input: part.input,
            rows,
            tally,
            unused: unused.into_iter().map(Cow::into_owned).collect(),
            is_table: !binding.is_open(),
            ids: self.ids.take_part(),
        })
    }

    /// Checks the current row, counts it, and passes on what later steps need.
    fn check_row(
        &mut self,
        ordinal: u64,
        columns: &Columns,
        (rows, tally): &mut (RowCounts, RowTally),
    ) -> anyhow::Result<()> {
        let settings = self.settings;
        let binding = self.checker.derive(&mut self.row, columns)?;
        let row = &self.row;
        let surveyed = |fit| SurveyedRow {
            ordinal,
            place: row.origin,
            fit,
        };
        let writing = || format!("cannot write to {}", settings.folder.display());
        tally.swallowed += row.swallowed.as_ref().map_or(0, |rows| rows.count);
        // Mended rejects are an input of their own.
        let several = settings.check.names.len() > 1;
        let (surveyed, problems, has_id) = match check(row, binding, &settings.check.rules) {
            CheckedRow::Skipped(reason) => {
                rows.skipped += 1;
                tally.add_skipped(&reason, row.origin.line);
                return Ok(());
            }
            CheckedRow::Unfit(rejection) => {
                rows.rejected += 1;
                let surveyed = surveyed(false);
                let identity = UnfitRow::of(row, binding, &rejection, &settings.check.rules);
                let has_id = !identity.client_id.is_empty();
                self.ids
                    .push_unfit(surveyed, identity, row.findings.is_kept)
                    .with_context(writing)?;
                (surveyed, rejection.problems, has_id)
            }
            CheckedRow::Fit(fit) => {
                let surveyed = surveyed(true);
                tally.add_defaulted(fit.defaulted);
                tally.add_values(&fit.values);
                self.ids
                    .push_fit(surveyed, &fit.values, row.findings.is_kept)
                    .with_context(writing)?;
                (surveyed, fit.notes, true)
            }
        };
        if several {
            self.resubmitted
                .push_original(surveyed, row, (binding, columns), &problems)
                .with_context(writing)?;
            if let Some(original) = OriginalRow::of(row, binding, columns, &settings.check.names) {
                self.resubmitted
                    .push_mended(surveyed, original)
                    .with_context(writing)?;
            }
        }
        let is_doubted = !has_id || is_id_doubted(&problems);
        let is_noted = !surveyed.fit || !problems.is_empty() && settings.note_rows;
        for (applies, finding) in [
            (is_doubted, RowFinding::DoubtedId),
            (is_noted, RowFinding::HasProblems),
        ] {
            if applies {
                let pushed = self.verdicts.push(surveyed, finding);
                pushed.with_context(writing)?;
            }
        }
        Ok(())
    }
}
