//! Rows that the feed passes over, which are not read.
//!
//! Of a run that is continued these may be nearly all rows. Those with a verdict have a
//! known place, where reading goes on.

use crate::domain::decision::Decision;
use crate::domain::row::{Origin, Row, Rows};
use crate::engine::survey::finding_store::{PriorClaim, RowVerdict};

/// The rows since the last one that was read.
#[derive(Debug, Default)]
pub(super) struct PassedRows {
    /// Where the last of them stands, and how many there are.
    last: Option<(Origin, u64)>,
}

impl PassedRows {
    /// Passes over the next of `rows`, which is not read if its `place` is known; false at
    /// the end.
    pub(super) fn pass_over<R: Rows>(
        &mut self,
        place: Option<Origin>,
        (rows, row): (&mut R, &mut Row),
    ) -> Result<bool, R::Error> {
        let Some(place) = place else {
            return Ok(self.catch_up(rows, row)? && rows.skip(row)?);
        };
        let before = self.last.map_or(0, |(_, before)| before);
        self.last = Some((place, before + 1));
        Ok(true)
    }

    /// Skips those of `rows` that were passed over; false if the input ends before.
    pub(super) fn catch_up<R: Rows>(
        &mut self,
        rows: &mut R,
        row: &mut Row,
    ) -> Result<bool, R::Error> {
        match self.last.take() {
            Some((place, many)) => rows.skip_to(place, many, row),
            None => Ok(true),
        }
    }
}

/// Whether the row may be sent, as far as the input decides.
fn is_sendable(verdict: &RowVerdict, strict: bool) -> bool {
    verdict.fit && !verdict.passed_over && !verdict.rejects(strict)
}

/// Whether a row needs no request, so that it need not be checked again.
pub(super) fn is_done(verdict: &RowVerdict, strict: bool) -> bool {
    !is_sendable(verdict, strict) || is_skipped(verdict)
}

/// Whether an earlier run settled the row, and it is not sent again.
pub(super) fn is_settled(verdict: &RowVerdict, strict: bool) -> bool {
    is_sendable(verdict, strict) && is_skipped(verdict)
}

/// Whether the row may be sent, and no run has claimed it.
pub(super) fn is_unsent(verdict: Option<&RowVerdict>, strict: bool) -> bool {
    verdict.is_none_or(|verdict| is_sendable(verdict, strict) && verdict.prior_claim.is_none())
}

fn is_skipped(verdict: &RowVerdict) -> bool {
    matches!(decision(verdict), Some(Decision::Skip(_)))
}

/// Whether a canary skips a row, because it must be looked up before it is sent.
pub(super) fn is_looked_up(known: PriorClaim) -> bool {
    known.decision == Decision::LookUp
}

fn decision(verdict: &RowVerdict) -> Option<Decision> {
    verdict.prior_claim.map(|known| known.decision)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::{PassedRows, is_done, is_settled, is_unsent};
    use crate::domain::row::{Columns, Origin, Row, Rows};
    use crate::engine::survey::finding_store::{OtherRow, RowVerdict};

    /// Ten rows; notes what is done with them.
    struct Noted {
        at: u64,
        skipped: Vec<u64>,
        columns: Columns,
    }

    impl Rows for Noted {
        type Error = Infallible;

        fn next(&mut self, _row: &mut Row) -> Result<bool, Infallible> {
            self.at += 1;
            Ok(self.at <= 10)
        }

        fn skip_to(&mut self, _: Origin, many: u64, _: &mut Row) -> Result<bool, Infallible> {
            self.at += many;
            self.skipped.push(many);
            Ok(self.at <= 10)
        }

        fn columns(&self) -> &Columns {
            &self.columns
        }
    }

    #[test]
    fn rows_of_known_places_are_skipped_together() {
        let mut rows = Noted {
            at: 0,
            skipped: Vec::new(),
            columns: Columns::open(),
        };
        let (mut row, mut passed) = (Row::default(), PassedRows::default());
        let place = Some(Origin::default());
        for _ in 0..4 {
            assert!(passed.pass_over(place, (&mut rows, &mut row)).unwrap());
        }
        assert_eq!(rows.at, 0);
        assert!(passed.pass_over(None, (&mut rows, &mut row)).unwrap());
        assert_eq!((rows.at, rows.skipped.as_slice()), (5, [4].as_slice()));
        for _ in 0..2 {
            assert!(passed.pass_over(place, (&mut rows, &mut row)).unwrap());
        }
        assert!(passed.catch_up(&mut rows, &mut row).unwrap());
        assert!(passed.catch_up(&mut rows, &mut row).unwrap());
        assert_eq!((rows.at, rows.skipped.as_slice()), (7, [4, 2].as_slice()));
    }

    /// Else a canary would not compare the rows after it with what was sent.
    #[test]
    fn a_row_that_repeats_another_is_not_one_that_was_not_sent_yet() {
        let fit = RowVerdict {
            place: Origin::default(),
            fit: true,
            duplicate: None,
            similar: None,
            same_customer: None,
            replaced: false,
            passed_over: false,
            listed: None,
            prior_claim: None,
            doubted: false,
        };
        let other = OtherRow {
            input: 0,
            line: 2,
            byte: 40,
        };
        let repeating = RowVerdict {
            duplicate: Some(other),
            ..fit
        };
        let similar = RowVerdict {
            similar: Some(other),
            ..fit
        };
        assert!(is_unsent(None, true) && is_unsent(Some(&fit), true));
        assert!(!is_unsent(Some(&repeating), false) && is_done(&repeating, false));
        assert!(is_unsent(Some(&similar), false) && !is_unsent(Some(&similar), true));
        assert!(!is_settled(&fit, false) && !is_settled(&repeating, false));
    }
}
