use std::io::Read;

use proptest::prelude::*;

use super::super::span::Span;
use super::Splitter;
use crate::source::bytes::line_ends::line_ends;

/// Yields its bytes in small pieces, so that every position is a read boundary.
pub(crate) struct Pieces<'b>(pub(crate) &'b [u8], pub(crate) usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.1.min(buffer.len()).min(self.0.len());
        let (now, later) = self.0.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.0 = later;
        Ok(size)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The cells of a well-formed row are those of the `csv` crate.
    #[test]
    fn cells_are_those_of_the_csv_crate(text in "[a-c,\"\n\r é]{0,40}", piece in 1usize..9) {
        let whole = format!("h\n{text}");
        let mut reader = ::csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(whole.as_bytes());
        let theirs: Vec<Vec<String>> = reader
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        let mut splitter = Splitter::new(Pieces(whole.as_bytes(), piece), b',');
        let mut ours: Vec<Vec<String>> = Vec::new();
        let mut sound = true;
        while splitter.advance().unwrap() {
            sound = sound && splitter.flaw.is_none();
            // The crate skips empty lines, and keeps spaces after a closing quote
            // as part of the value.
            if splitter.raw().is_empty() {
                continue;
            }
            let value = |span: &Span| {
                let text = &splitter.raw()[span.start..span.end];
                let text = std::str::from_utf8(text).unwrap();
                if span.escapes { text.replace("\"\"", "\"") } else { text.to_owned() }
            };
            ours.push(splitter.spans.iter().map(value).collect());
        }
        // Malformed rows are rejected, so they need not agree; nor do blanks around quotes.
        if sound && !text.contains("\" ") && !text.contains(" \"") {
            prop_assert_eq!(ours, theirs);
        }
    }

    /// The rows don't depend on how the input is split into reads, and together
    /// they are the input.
    #[test]
    fn nothing_is_lost_between_rows(bytes in prop::collection::vec(prop::sample::select(b"ab,\"\n\r\xff".to_vec()), 0..60), piece in 1usize..9) {
        let mut text = b"h\n".to_vec();
        text.extend(&bytes);
        let mut splitter = Splitter::new(Pieces(&text, piece), b',');
        let mut seen = 0_usize;
        let mut line = 1;
        while splitter.advance().unwrap() {
            prop_assert_eq!(splitter.offset(), seen as u64);
            prop_assert_eq!(splitter.line, line);
            prop_assert_eq!(splitter.raw(), &text[seen..][..splitter.length]);
            seen += splitter.taken;
            line = 1 + line_ends(&text[..seen], false);
        }
        prop_assert_eq!(seen, text.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A row that is whole in the buffer takes the fast path; one that arrives byte
    /// by byte never does.
    #[test]
    fn the_fast_path_and_the_splitter_agree(
        text in prop::collection::vec(prop::sample::select(b"aaaaaaaabbbbbb,,,;;   \"\"\"\"\n\r\xff".to_vec()), 0..300),
        delimiter in prop::sample::select(b",; ".to_vec()),
    ) {
        let mut whole = Splitter::new(text.as_slice(), delimiter);
        let mut pieces = Splitter::new(Pieces(&text, 1), delimiter);
        loop {
            let more = whole.advance().unwrap();
            prop_assert_eq!(pieces.advance().unwrap(), more);
            if !more {
                break;
            }
            prop_assert_eq!(pieces.raw(), whole.raw());
            prop_assert_eq!((pieces.offset(), pieces.line, pieces.breaks, pieces.flaw), (whole.offset(), whole.line, whole.breaks, whole.flaw));
            let spans = |spans: &[Span]| -> Vec<_> { spans.iter().map(|span| (span.start, span.end, span.escapes)).collect() };
            prop_assert_eq!(spans(&pieces.spans), spans(&whole.spans));
        }
    }
}
