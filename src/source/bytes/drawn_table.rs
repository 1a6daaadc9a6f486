//! Recognises tables that are drawn with lines, as clients of databases show them and
//! Markdown has them: their cells are padded, and lines stand among their rows.

use super::sniff::{UTF8_MARK, UnsupportedKind};

/// Among how many lines the one under the header is searched.
const LOOKED_AT: usize = 20;

/// How many dashes the line has under each column at least.
const FEWEST_DASHES: usize = 3;

const PSQL: UnsupportedKind = UnsupportedKind {
    kind: "a table as psql shows it",
    hint: "export it as CSV: psql --csv -c 'SELECT …' > NEW.csv",
};
const CLIENT: UnsupportedKind = UnsupportedKind {
    kind: "a table as a database's client draws it",
    hint: "export it: mysql --batch -e 'SELECT …' > NEW.tsv, sqlite3 -csv -header …, psql --csv …",
};
const MARKDOWN: UnsupportedKind = UnsupportedKind {
    kind: "a table in Markdown",
    hint: "write it as CSV or with tabs, for example: sed '/^[-|: ]*$/d; s/^ *| *//; s/ *|* *$//; \
           s/ *| */\\t/g' FILE > NEW.tsv",
};

/// The kind of a text that begins with `start`, if it is a drawn table.
pub(in crate::source) fn drawn_table_kind(start: &[u8]) -> Option<UnsupportedKind> {
    let start = start.strip_prefix(UTF8_MARK).unwrap_or(start);
    let text = String::from_utf8_lossy(start);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(LOOKED_AT)
        .collect();
    lines.windows(2).find_map(|pair| match pair {
        [one, other] => rule_beside(other, one).or_else(|| rule_beside(one, other)),
        _other => None,
    })
}

/// The kind of table in which `line` is drawn beside the row `beside`.
fn rule_beside(line: &str, beside: &str) -> Option<UnsupportedKind> {
    let is_box = |letter: char| ('\u{2500}'..='\u{257f}').contains(&letter);
    let is_bar = |letter: char| matches!(letter, '|' | '│' | '┃' | '║');
    let is_dash = |letter: char| matches!(letter, '-' | ':' | '─' | '━' | '═' | '=');
    let is_joint =
        |letter: char| letter == '+' || is_bar(letter) || is_box(letter) && !is_dash(letter);
    let is_of_rule = |letter: char| is_dash(letter) || is_joint(letter) || letter == ' ';
    if !line.chars().all(is_of_rule) {
        return None;
    }
    let columns = line.trim_matches(is_joint).split(is_joint);
    let columns: Vec<usize> = columns
        .map(|part| part.chars().filter(|l| is_dash(*l)).count())
        .collect();
    let cells = beside.trim_matches(is_bar).split(is_bar).count();
    if columns.len() < 2
        || cells != columns.len()
        || columns.iter().any(|many| *many < FEWEST_DASHES)
    {
        return None;
    }
    // A row of dashes is a line, and no row beside one.
    if beside.chars().all(is_of_rule) {
        return None;
    }
    if line.starts_with('+') || line.contains(is_box) {
        Some(CLIENT)
    } else if line.contains('+') {
        Some(PSQL)
    } else {
        Some(MARKDOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::drawn_table_kind;

    #[test]
    fn drawn_tables_are_named() {
        for (text, word) in [
            (" id  | name \n-----+------\n c-1 | A\n(1 row)\n", "psql"),
            ("| id | name |\n|---|:--:|\n| c-1 | A |\n", "Markdown"),
            ("id | name\n--- | ---\nc-1 | A\n", "Markdown"),
            (
                "# Customers\n\n| id | name |\n| ---- | ----: |\n",
                "Markdown",
            ),
            ("+-----+------+\n| id  | name |\n+-----+------+\n", "client"),
            ("┌─────┬──────┐\n│ id  │ name │\n├─────┼──────┤\n", "client"),
        ] {
            let kind = drawn_table_kind(text.as_bytes()).map(|other| other.kind);
            assert!(
                kind.is_some_and(|kind| kind.contains(word)),
                "{text} {kind:?}"
            );
        }
    }

    #[test]
    fn tables_with_bars_and_dashes_are_read() {
        for text in [
            "id|name\nc-1|A\n",
            "id|name\n-|-\n",
            "id|name\n---|---|---\n",
            "id,name\n---,---\n",
            "id;name\n---+---\nc-1;A\n",
            "----|----\n----|----\n",
            "-----\nid,name\n",
            "",
        ] {
            assert!(drawn_table_kind(text.as_bytes()).is_none(), "{text}");
        }
    }
}
