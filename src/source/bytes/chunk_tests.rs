use proptest::prelude::*;

use super::{WholeRows, lines, table_rows};
use crate::source::csv::splitter::Splitter;

/// The splitter's result for the first rows of `text`, for each number of rows: the
/// count, the end of the last, and the line ends in them.
fn split(text: &[u8], delimiter: u8) -> Vec<WholeRows> {
    let mut splitter = Splitter::new(text, delimiter);
    let mut rows = vec![WholeRows::default()];
    while splitter.advance().unwrap() {
        if let Some(last) = rows.last_mut().filter(|last| last.many > 0) {
            last.end = usize::try_from(splitter.offset()).unwrap();
            last.breaks = splitter.line - 1;
        }
        rows.push(WholeRows {
            many: rows.len() as u64,
            end: text.len(),
            breaks: splitter.line - 1 + splitter.breaks,
        });
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Wherever an input is cut, the rows found are the splitter's first rows.
    #[test]
    fn a_table_is_cut_where_its_rows_end(
        text in prop::collection::vec(prop::sample::select(b"ab,, \"\"\"\n\r\xff".to_vec()), 0..60),
        delimiter in prop::sample::select(b", ".to_vec()),
        most in 0u64..9,
    ) {
        let rows = split(&text, delimiter);
        prop_assert_eq!(Some(&table_rows(&text, delimiter, true, u64::MAX)), rows.last());
        let some = table_rows(&text, delimiter, true, most);
        prop_assert_eq!(some.many, most.min(rows.len() as u64 - 1));
        let mut before = 0;
        for cut in 0..=text.len() {
            let found = table_rows(&text[..cut], delimiter, false, u64::MAX);
            prop_assert_eq!(Some(&found), rows.get(usize::try_from(found.many).unwrap()));
            // All rows are found but the one at the cut, or one whose line end may
            // continue there.
            prop_assert!(found.many >= before);
            let whole = rows.iter().filter(|row| row.end + 2 <= cut).count() as u64;
            prop_assert!(found.many + 1 >= whole, "{found:?} of {whole} before {cut}");
            before = found.many;
        }
    }

    #[test]
    fn lines_are_cut_where_they_end(text in "[a\r\n]{0,20}", most in 1u64..9) {
        let ended = lines(text.as_bytes(), true, u64::MAX);
        prop_assert_eq!((ended.many, ended.end), (text.lines().count() as u64, text.len()));
        let open = lines(text.as_bytes(), false, u64::MAX);
        prop_assert_eq!(open.many, text.matches('\n').count() as u64);
        prop_assert!(!text.as_bytes()[open.end..].contains(&b'\n'));
        let some = lines(text.as_bytes(), true, most);
        prop_assert_eq!(some.many, most.min(ended.many));
        prop_assert_eq!(text.get(..some.end).unwrap().lines().count() as u64, some.many);
    }
}
