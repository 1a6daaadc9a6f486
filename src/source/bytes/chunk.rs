//! Cuts whole rows off an input, so that other threads can parse them.
//!
//! One thread finds where rows end, which is a fraction of the work of parsing
//! them; others parse the cuts in parallel. The rule for where a row ends repeats
//! the splitter's, for speed; a property test checks that both agree.

use memchr::{memchr, memchr_iter, memchr3, memrchr};

use super::buffer::ReadBuffer;
use super::line_ends::line_ends;

/// Consecutive rows.
#[derive(Debug)]
pub(in crate::source) struct Cut {
    /// The rows, with their line ends.
    pub(in crate::source) bytes: Vec<u8>,
    /// The offset of the first byte in the input.
    pub(in crate::source) offset: u64,
    /// The first row's line.
    pub(in crate::source) line: u64,
    /// How many rows there are.
    pub(in crate::source) rows: u64,
}

impl Cut {
    /// Cuts `rows` off the buffer; the first is on `line`.
    pub(in crate::source) fn off<R>(
        window: &mut ReadBuffer<R>,
        rows: WholeRows,
        line: u64,
    ) -> Self {
        let cut = Self {
            bytes: window.data().split_at(rows.end).0.to_vec(),
            offset: window.offset,
            line,
            rows: rows.many,
        };
        window.pass(rows.end);
        cut
    }
}

/// What comes next in an input.
#[derive(Debug)]
pub(in crate::source) enum NextCut {
    /// Whole rows.
    Rows(Cut),
    /// A row above the length limit, which is read alone.
    Overlong,
    /// The end of the input.
    End,
}

/// The whole rows at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::source) struct WholeRows {
    /// How many there are.
    pub(in crate::source) many: u64,
    /// The end of the last one, with its line end.
    pub(super) end: usize,
    /// How many line ends they contain.
    pub(in crate::source) breaks: u64,
}

/// The whole rows of a table at the start of `data`, at most `most` of them;
/// `ended` says whether the input ends where `data` does.
pub(in crate::source) fn table_rows(
    data: &[u8],
    delimiter: u8,
    ended: bool,
    most: u64,
) -> WholeRows {
    let mut whole = WholeRows::default();
    while whole.many < most {
        let Some(row) = table_row(data, whole.end, delimiter, ended) else {
            break;
        };
        whole.many += 1;
        whole.end = row.end;
        whole.breaks += row.breaks;
    }
    whole
}

/// The row that starts at `start`; `None` if it may be incomplete.
fn table_row(data: &[u8], start: usize, delimiter: u8, ended: bool) -> Option<WholeRows> {
    let one = |end, breaks| {
        Some(WholeRows {
            many: 1,
            end,
            breaks,
        })
    };
    let (mut at, mut breaks) = (start, 0);
    loop {
        let Some(found) = memchr3(b'"', b'\n', b'\r', data.get(at..)?) else {
            return if ended && start < data.len() {
                one(data.len(), breaks)
            } else {
                None
            };
        };
        let place = at + found;
        match data.get(place)? {
            b'\n' => return one(place + 1, breaks + 1),
            b'\r' => match data.get(place + 1) {
                Some(b'\n') => return one(place + 2, breaks + 1),
                Some(_) => return one(place + 1, breaks + 1),
                None if ended => return one(place + 1, breaks + 1),
                None => return None,
            },
            _quote => {
                at = place + 1;
                if opens(data.get(start..place)?, delimiter) {
                    let Some(after) = closed(data, at, delimiter, ended) else {
                        return if ended {
                            one(data.len(), breaks + line_ends(data.get(at..)?, false))
                        } else {
                            None
                        };
                    };
                    breaks += line_ends(data.get(at..after)?, false);
                    at = after;
                }
            }
        }
    }
}

/// Whether a quote after `before`, the start of a row, opens a cell: it is the first
/// of its cell, but for spaces. Within an unquoted cell, a quote is an ordinary
/// character.
fn opens(before: &[u8], delimiter: u8) -> bool {
    let blanks = before.iter().rev().take_while(|byte| **byte == b' ');
    let blanks = if delimiter == b' ' { 0 } else { blanks.count() };
    let last = before.len().checked_sub(blanks + 1);
    last.is_none_or(|last| before.get(last) == Some(&delimiter))
}

/// Where the scan continues after a quoted cell whose opening quote precedes
/// `start`: after its closing quote and spaces. `None` if that is not in `data`.
fn closed(data: &[u8], start: usize, delimiter: u8, ended: bool) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr(b'"', data.get(at..)?)? + 1;
        match data.get(at) {
            Some(b'"') => at += 1,
            Some(b' ') if delimiter != b' ' => {
                let blanks = data.get(at..)?.iter().take_while(|byte| **byte == b' ');
                at += blanks.count();
                // A quote after spaces opens nothing.
                return match data.get(at) {
                    Some(b'"') => Some(at + 1),
                    Some(_) => Some(at),
                    None => ended.then_some(at),
                };
            }
            Some(_) => return Some(at),
            None => return ended.then_some(at),
        }
    }
}

/// The whole lines at the start of `data`, at most `most` of them; `ended` says
/// whether the input ends where `data` does.
pub(in crate::source) fn lines(data: &[u8], ended: bool, most: u64) -> WholeRows {
    let last = memrchr(b'\n', data).map_or(0, |last| last + 1);
    let many = memchr_iter(b'\n', data).count() as u64;
    let open = u64::from(ended && last < data.len());
    let (many, end) = if many + open <= most {
        (many + open, if open > 0 { data.len() } else { last })
    } else {
        let nth = usize::try_from(most).ok().and_then(|most| {
            let before = most.checked_sub(1)?;
            memchr_iter(b'\n', data).nth(before)
        });
        nth.map_or((0, 0), |last| (most, last + 1))
    };
    WholeRows {
        many,
        end,
        breaks: many,
    }
}

#[cfg(test)]
#[path = "chunk_tests.rs"]
mod tests;
