//! Reads rows on a thread of its own, ahead of what is done with them.
//!
//! An account reads each row, asks the ledger for its outcome and writes that down: one
//! thread parses the input while another does the rest.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use crate::domain::row::{Columns, Row, Rows};

/// How many rows are passed on at a time, unless they are long.
const BATCH: usize = 64;

/// How many bytes of rows are passed on at a time, once they exceed it.
const BATCH_BYTES: usize = 1 << 16;

/// How many batches wait to be received: few, since each may hold a row of megabytes.
const AHEAD: usize = 2;

/// A row longer than this is not kept for reuse, so that memory stays flat.
const LONG: usize = 1 << 12;

/// Rows of one input that have the same columns.
#[derive(Default)]
struct RowBatch {
    rows: Vec<Row>,
    /// How many of `rows` were read; the others are room for more.
    read: usize,
    /// Their columns, if those are not the previous batch's.
    columns: Option<Columns>,
}

/// Rows that are read ahead.
pub(super) struct RowsAhead<E> {
    batches: Receiver<Result<RowBatch, E>>,
    /// Returns batches, whose rows have room for others.
    used: Sender<RowBatch>,
    batch: RowBatch,
    /// The next row of `batch`.
    next: usize,
    columns: Columns,
}

/// Calls `then` with `rows`, which are read ahead meanwhile.
pub(super) fn read_ahead<R, T>(rows: &mut R, then: impl FnOnce(&mut RowsAhead<R::Error>) -> T) -> T
where
    R: Rows<Error: Send> + Send,
{
    let (filled, batches) = sync_channel(AHEAD);
    let (used, empty) = channel();
    thread::scope(|scope| {
        scope.spawn(move || fill(rows, &filled, &empty));
        // Dropped before the thread is waited for, which then ends.
        then(&mut RowsAhead {
            batches,
            used,
            batch: RowBatch::default(),
            next: 0,
            columns: Columns::open(),
        })
    })
}

/// Reads `rows` until they end, or the receiver is dropped.
fn fill<R: Rows>(
    rows: &mut R,
    filled: &SyncSender<Result<RowBatch, R::Error>>,
    empty: &Receiver<RowBatch>,
) {
    let (mut row, mut batch, mut bytes) = (Row::default(), RowBatch::default(), 0);
    let mut known = None;
    loop {
        let more = rows.next(&mut row);
        // The columns of an input change only by growing.
        let columns = (row.origin.input, rows.columns().names.len());
        let is_changed = matches!(more, Ok(true)) && known != Some(columns);
        let is_full = batch.read == BATCH || bytes > BATCH_BYTES;
        if (is_full || is_changed || !matches!(more, Ok(true))) && batch.read > 0 {
            let next = empty.try_recv().unwrap_or_default();
            if filled
                .send(Ok(std::mem::replace(&mut batch, next)))
                .is_err()
            {
                return;
            }
            bytes = 0;
        }
        match more {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                // Without a receiver the account has ended, with an error of its own.
                filled.send(Err(error)).ok();
                return;
            }
        }
        if is_changed {
            (known, batch.columns) = (Some(columns), Some(rows.columns().clone()));
        }
        bytes += row.raw().len();
        match batch.rows.get_mut(batch.read) {
            Some(room) => std::mem::swap(room, &mut row),
            None => batch.rows.push(std::mem::take(&mut row)),
        }
        batch.read += 1;
    }
}

impl<E> RowsAhead<E> {
    /// Receives the next batch; false after the last.
    fn receive(&mut self) -> Result<bool, E> {
        let Ok(batch) = self.batches.recv() else {
            return Ok(false);
        };
        let mut last = std::mem::replace(&mut self.batch, batch?);
        last.read = 0;
        // The reader may have ended, and needs no more batches then.
        self.used.send(last).ok();
        self.next = 0;
        if let Some(columns) = self.batch.columns.take() {
            self.columns = columns;
        }
        Ok(true)
    }
}

impl<E> Rows for RowsAhead<E> {
    type Error = E;

    fn next(&mut self, row: &mut Row) -> Result<bool, E> {
        if row.raw().len() > LONG {
            *row = Row::default();
        }
        if self.next == self.batch.read && !self.receive()? {
            return Ok(false);
        }
        if let Some(next) = self.batch.rows.get_mut(self.next) {
            std::mem::swap(next, row);
        }
        self.next += 1;
        Ok(true)
    }

    fn columns(&self) -> &Columns {
        &self.columns
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH, read_ahead};
    use crate::domain::row::{CellKind, Columns, Origin, Row, Rows};

    /// Rows whose numbers are their texts; each `grows` rows there is one more column.
    struct GrowingRows {
        read: usize,
        many: usize,
        grows: usize,
        columns: Columns,
        /// Whether an error follows the last row.
        fails: bool,
    }

    impl GrowingRows {
        fn of(many: usize, grows: usize) -> Self {
            Self {
                read: 0,
                many,
                grows,
                columns: Columns::open(),
                fails: false,
            }
        }
    }

    impl Rows for GrowingRows {
        type Error = &'static str;

        fn next(&mut self, row: &mut Row) -> Result<bool, &'static str> {
            if self.read == self.many {
                return if self.fails { Err("broken") } else { Ok(false) };
            }
            if self.read.is_multiple_of(self.grows) {
                self.columns.names.push(format!("column {}", self.read));
            }
            let text = self.read.to_string();
            let origin = Origin {
                record: self.read as u64 + 1,
                ..Origin::default()
            };
            row.refill(origin, text.as_bytes()).unwrap();
            row.push_span(0, CellKind::Text, 0, text.len());
            self.read += 1;
            Ok(true)
        }

        fn columns(&self) -> &Columns {
            &self.columns
        }
    }

    /// The rows' texts with the number of their columns, and how reading them ended.
    fn read(
        rows: &mut impl Rows<Error = &'static str>,
    ) -> (Vec<String>, Result<bool, &'static str>) {
        let (mut row, mut all) = (Row::default(), Vec::new());
        loop {
            match rows.next(&mut row) {
                Ok(true) => all.push(format!(
                    "{} {} {}",
                    row.origin.record,
                    row.text(),
                    rows.columns().names.len()
                )),
                ended => return (all, ended),
            }
        }
    }

    #[test]
    fn rows_and_their_columns_are_the_same_as_if_read_one_by_one() {
        for many in [0, 1, BATCH, BATCH + 1, 20 * BATCH + 7] {
            for grows in [1, 10, BATCH, 1000] {
                let direct = read(&mut GrowingRows::of(many, grows));
                let ahead = read_ahead(&mut GrowingRows::of(many, grows), read);
                assert_eq!(ahead, direct, "{many} rows, a column more every {grows}");
            }
        }
    }

    #[test]
    fn an_error_comes_after_the_rows_before_it() {
        let mut rows = GrowingRows {
            fails: true,
            ..GrowingRows::of(BATCH + 3, 1000)
        };
        let (all, ended) = read_ahead(&mut rows, read);
        assert_eq!((all.len(), ended), (BATCH + 3, Err("broken")));
    }

    #[test]
    fn reading_can_end_before_the_rows_do() {
        let mut rows = GrowingRows::of(1_000_000, 1000);
        let mut row = Row::default();
        assert_eq!(read_ahead(&mut rows, |rows| rows.next(&mut row)), Ok(true));
        assert!(rows.read < 1_000_000);
    }
}
