//! Fills rows with their cells: decides which rows are no customers, and what becomes
//! of rows with more or fewer cells than the header.
//!
//! A row is judged by itself, because rows are read in parallel and by position.

use std::sync::Arc;

use super::dialect::TableLayout;
use super::footer::{is_blank, is_note, is_rule, is_total, may_start_note};
use super::span::Span;
use super::total_row::CustomerColumns;
use crate::domain::mapping::ADDED;
use crate::domain::row::{CellKind, Columns, ReadState, Row};
use crate::domain::skip::SkipReason;
use crate::source::ShortRows;

/// The columns of a table, and how its rows are read.
#[derive(Debug)]
pub(in crate::source) struct TableShape {
    pub(super) columns: Arc<Columns>,
    short_rows: ShortRows,
    /// The number of cells up to the last column with a name.
    least: usize,
    /// How many columns at the start were added by an earlier rejects file.
    added: usize,
    /// Of these, the columns with the line and the codes.
    added_line: Option<(usize, usize)>,
    /// The columns that a customer fills, and a total doesn't.
    customer: CustomerColumns,
}

impl TableShape {
    pub(super) fn new(columns: Columns, layout: &TableLayout) -> Self {
        let names = &columns.names;
        let is_added = |name: &&String| ADDED.contains(&name.as_str());
        let place = |wanted: &str| names.iter().position(|name| name == wanted);
        Self {
            short_rows: layout.short_rows,
            least: names
                .iter()
                .rposition(|name| !name.is_empty())
                .map_or(0, |last| last + 1),
            added: names.iter().take_while(is_added).count(),
            added_line: place("_line").zip(place("_code")),
            customer: CustomerColumns::new(names, &layout.named),
            columns: Arc::new(columns),
        }
    }

    /// How many columns at the start were added by an earlier rejects file.
    pub(super) fn added(&self) -> usize {
        self.added
    }

    /// Fills `row` with the cells at `spans`.
    pub(super) fn fill(&self, row: &mut Row, spans: &[Span]) {
        let wanted = self.columns.names.len();
        let first = spans.iter().position(|span| !is_blank(text_of(row, *span)));
        let skip = match first {
            None => Some(SkipReason::Blank),
            Some(first) if self.is_footer(row, spans, first) => Some(SkipReason::Footer),
            Some(_) if self.is_header(row, spans) => Some(SkipReason::Footer),
            Some(_) => None,
        };
        if let Some(reason) = skip {
            row.state = ReadState::Skipped(reason);
        } else if self.added > 0 || spans.len() != wanted {
            self.fill_uneven(row, spans);
            return;
        }
        push_cells(row, spans, 0);
    }

    /// How many cells at the start of a row an earlier rejects file has added: all, or
    /// none if the row is a line that an unclosed quote had taken along.
    pub(super) fn added_to(&self, raw: &[u8], spans: &[Span]) -> usize {
        let Some((line, code)) = self.added_line.filter(|_| self.added > 0) else {
            return self.added;
        };
        let cell = |place: usize| {
            let span = spans.get(place)?;
            std::str::from_utf8(raw.get(span.start..span.end)?).ok()
        };
        let (line, code) = (cell(line).unwrap_or_default(), cell(code));
        let is_whole = spans.len() == self.columns.names.len();
        let is_line = line.trim().parse::<u64>().is_ok() || is_whole && is_blank(line);
        if is_line && (is_whole || code.is_some_and(is_codes)) {
            self.added
        } else {
            0
        }
    }

    /// Fills a row that may have another number of cells than the header, or lack the
    /// cells that a rejects file adds.
    fn fill_uneven(&self, row: &mut Row, spans: &[Span]) {
        row.added_cells = self.added_to(row.raw(), spans);
        let lacking = self.added - row.added_cells;
        let wanted = self.columns.names.len() - lacking;
        let cells = spans.len();
        let filled = spans
            .iter()
            .rposition(|span| !is_blank(text_of(row, *span)))
            .map_or(0, |last| last + 1);
        let noun = if cells == 1 { "cell" } else { "cells" };
        let is_short = cells + lacking < self.least;
        if (filled > wanted || is_short) && is_escaped_end(row.text()) {
            row.break_off(format!(
                "the row has {cells} {noun}, wanted {wanted} as in the header; its line ends in \
                 a backslash, as where a line break within a value is escaped (export with \
                 --fields-enclosed-by='\"' or as JSON)"
            ));
        } else if filled > wanted {
            row.break_off(format!(
                "the row has {cells} {noun}, wanted {wanted} as in the header \
                 (a value that holds the delimiter must be in quotes)"
            ));
        } else if is_short && self.short_rows == ShortRows::Reject {
            row.break_off(format!(
                "the row has {cells} {noun}, wanted {wanted} as in the header \
                 (with --short-rows accept, missing cells at the end are empty)"
            ));
        } else {
            let (own, _surplus) = spans.split_at(cells.min(wanted));
            push_cells(row, own, lacking);
        }
    }

    /// Whether a row is the header again, as in a report of several pages and in files
    /// that were put behind each other.
    fn is_header(&self, row: &Row, spans: &[Span]) -> bool {
        let names = &self.columns.names;
        let is_name = |(span, name): (&Span, &String)| text_of(row, *span).trim() == name;
        names.len() > 1 && spans.len() == names.len() && spans.iter().zip(names).all(is_name)
    }

    /// Whether a row whose first cell with text is the `first` belongs to a report
    /// around the table.
    fn is_footer(&self, row: &Row, spans: &[Span], first: usize) -> bool {
        let text = |span: &Span| text_of(row, *span);
        let (_, rest) = spans.split_at(first);
        let Some((label, others)) = rest.split_first() else {
            return false;
        };
        let label = text(label);
        let is_uneven = spans.len() != self.columns.names.len();
        // Text follows in nearly every customer, and ends the search here.
        if !is_uneven && !may_start_note(label) {
            let next = others.first().map(text).unwrap_or_default();
            if next.starts_with(char::is_alphabetic) {
                return false;
            }
        }
        if others.iter().all(|other| is_blank(text(other))) {
            let is_label = self.columns.names.len() > 1 && is_total(label);
            return is_label || is_note(label) || is_rule(label);
        }
        if is_uneven || may_start_note(label) {
            let quotes = ['"', ' ', char::from(self.columns.delimiter)];
            if is_note(row.text().trim_matches(quotes)) {
                return true;
            }
        }
        if rest.iter().all(|cell| is_rule(text(cell))) {
            return first == 0;
        }
        let cells: Vec<&str> = spans.iter().map(text).collect();
        is_total(label) && self.customer.are_summed(&cells, first)
    }
}

/// Whether `text` is what a rejects file writes as `_code`.
fn is_codes(text: &str) -> bool {
    let is_code = |code: &str| {
        matches!(code, "refused" | "corrected")
            || code.contains('_')
                && code
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_lowercase())
    };
    text.split(';').all(is_code)
}

/// Whether the line end after `text` is escaped, as `mysqldump --tab` does it: a
/// backslash stands before it that no other backslash escapes.
fn is_escaped_end(text: &str) -> bool {
    let backslashes = text.bytes().rev().take_while(|byte| *byte == b'\\');
    backslashes.count() % 2 == 1
}

/// The raw text of a cell, with its quotes doubled.
fn text_of(row: &Row, span: Span) -> &str {
    row.text().split_at(span.end).0.split_at(span.start).1
}

/// Adds the cells at `spans` to `row`, from the column `first` on.
pub(super) fn push_cells(row: &mut Row, spans: &[Span], first: usize) {
    if !spans.iter().any(|span| span.escapes) {
        row.push_texts(first, spans.iter().map(|span| (span.start, span.end)));
        return;
    }
    for (column, span) in (first..).zip(spans) {
        if span.escapes {
            let text = text_of(row, *span);
            let value = text.replace("\"\"", "\"");
            row.push_unescaped(column, CellKind::Text, &value);
        } else {
            row.push_span(column, CellKind::Text, span.start, span.end);
        }
    }
}
