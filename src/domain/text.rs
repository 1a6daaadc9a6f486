//! How values from outside are shown to people: quoted, cut, harmless.

use std::borrow::Cow;
use std::fmt::Write;

/// The most characters of a value that a message shows.
pub const SHOWN: usize = 80;

/// `value` in quotes, escaped, and cut after [`SHOWN`] characters.
///
/// Escaping keeps a terminal safe from what a file holds: control characters
/// come out as `\u{7}`, never raw. Nor can what is quoted begin a command of
/// GitHub's runner ([`defused`]).
pub fn quoted(value: &str) -> String {
    defused(&match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", value.get(..end).unwrap_or_default()),
        None => format!("{value:?}"),
    })
}

/// `text` without the three characters that begin a command of GitHub's runner
/// wherever they stand in a line, on standard error as well (actions/runner,
/// `ActionCommand.TryParse`).
pub fn defused(text: &str) -> String {
    text.replace("##[", "##\\u{5b}")
}

/// `value` as it is, cut after [`SHOWN`] characters.
pub fn shown(value: &str) -> String {
    value.chars().take(SHOWN).collect()
}

/// `text` on one line and without characters that could harm a terminal, each
/// run of those and of blanks as one blank; cut after `most` characters.
pub fn on_one_line(text: &str, most: usize) -> String {
    let apart = |letter: char| letter.is_whitespace() || is_hostile(letter);
    let mut words = text.split(apart).filter(|word| !word.is_empty());
    let mut line = String::new();
    let mut left = most;
    while let Some(word) = words.next().filter(|_| left > 0) {
        if !line.is_empty() {
            line.push(' ');
            left -= 1;
        }
        line.extend(word.chars().take(left));
        left -= word.chars().count().min(left);
    }
    line.truncate(line.trim_end().len());
    line
}

/// `text` as it can be shown on one line of a terminal or a log: what could harm
/// it ([`is_hostile`]) stands there as `\u{1b}`. Whatever came from a file or a
/// server passes this where it is written out.
pub fn escaped(text: &str) -> Cow<'_, str> {
    escaped_but(text, |_| false, by_number)
}

/// The same for a text of several lines.
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    escaped_but(text, |letter| letter == '\n', by_number)
}

fn by_number(letter: char, out: &mut String) {
    out.extend(letter.escape_unicode());
}

/// The same for JSON, whose strings hold the same values afterwards.
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    escaped_but(
        json,
        |letter| letter == '\n',
        |letter, out| {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                // Writing to a string can't fail.
                write!(out, "\\u{unit:04x}").ok();
            }
        },
    )
}

fn escaped_but(
    text: &str,
    keep: impl Fn(char) -> bool,
    escape: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    let harms = |letter: char| is_hostile(letter) && !keep(letter);
    if !text.contains(harms) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if harms(letter) {
            escape(letter, &mut out);
        } else {
            out.push(letter);
        }
    }
    Cow::Owned(out)
}

/// Whether a terminal could obey `letter`, or show what stands around it in
/// another order, on another line or not at all: control characters (C0, DEL,
/// C1), marks of direction, line separators, characters without a width.
pub fn is_hostile(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Adds `value` to `room` without what makes no difference to a person: case,
/// and blanks around it.
pub fn fold_into(value: &str, room: &mut Vec<u8>) {
    let bare = trimmed(value);
    if bare.is_ascii() {
        fold_ascii_into(bare, room);
        return;
    }
    let mut bytes = [0; 4];
    let mut rest = bare;
    while !rest.is_empty() {
        // Most of it is ASCII even so, and is taken a run at a time.
        let run = rest.bytes().take_while(u8::is_ascii).count();
        let (plain, others) = rest.split_at(run);
        fold_ascii_into(plain, room);
        let caseless = others
            .find(|letter| !is_caseless(letter))
            .unwrap_or(others.len());
        let (caseless, others) = others.split_at(caseless);
        room.extend_from_slice(caseless.as_bytes());
        let mut others = others.chars();
        for letter in others.by_ref().take(1).flat_map(char::to_lowercase) {
            room.extend_from_slice(letter.encode_utf8(&mut bytes).as_bytes());
        }
        rest = others.as_str();
    }
}

/// Whether `letter` is of a script that knows no case, from Hebrew to Burmese
/// or East Asian: nothing needs to be looked up for it.
fn is_caseless(letter: char) -> bool {
    matches!(letter, '\u{590}'..='\u{109f}' | '\u{2e80}'..='\u{a63f}' | '\u{ac00}'..='\u{d7ff}')
}

fn fold_ascii_into(text: &str, room: &mut Vec<u8>) {
    let start = room.len();
    room.extend_from_slice(text.as_bytes());
    room.get_mut(start..)
        .unwrap_or_default()
        .make_ascii_lowercase();
}

/// Whether [`fold_into`] would add `value` as it is.
pub fn is_folded(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    // All bytes are looked at, which is faster than to stop at one.
    value.bytes().fold(true, |all, byte| all & plain(byte)) && trimmed(value).len() == value.len()
}

/// `text` without the blanks around it, among them the no-break spaces and
/// byte-order marks that spreadsheets and web pages leave behind.
pub fn trimmed(text: &str) -> &str {
    // Most values begin and end with a letter or a digit.
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim_matches(is_blank),
    }
}

/// Whether `letter` is one of the blanks that [`trimmed`] drops.
pub fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{feff}' | '\u{200b}')
}

/// `items` as a person would list them: `a, b and c`, at most `most` of them.
pub fn listed<S: AsRef<str>>(items: &[S], most: usize) -> String {
    let shown: Vec<&str> = items.iter().take(most).map(AsRef::as_ref).collect();
    let left = items.len().saturating_sub(shown.len());
    match (shown.split_last(), left) {
        (None, _) => String::new(),
        (Some(_), 1..) => format!("{} and {left} more", shown.join(", ")),
        (Some((last, [])), 0) => (*last).to_owned(),
        (Some((last, rest)), 0) => format!("{} and {last}", rest.join(", ")),
    }
}

/// `one` or `many`, with the number before it and its thousands apart.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        thousands(number),
        if number == 1 { one } else { many }
    )
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{counted, fold_into, is_caseless, listed, on_one_line, quoted, thousands};
    use super::{escaped, escaped_json, escaped_lines, is_hostile};

    #[test]
    fn what_could_harm_a_terminal_is_escaped_and_nothing_else() {
        let text = "é 名 👩\u{200d}\u{1b}[2J\u{9b}\u{202e}\n\u{e0041}";
        assert_eq!(
            escaped(text),
            "é 名 👩\\u{200d}\\u{1b}[2J\\u{9b}\\u{202e}\\u{a}\\u{e0041}"
        );
        assert_eq!(escaped_lines("a\nb\r"), "a\nb\\u{d}");
        let json = serde_json::json!({ "name": text }).to_string();
        let shown = escaped_json(&json);
        assert!(shown.chars().all(|letter| !is_hostile(letter)), "{shown}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["name"], text);
    }

    #[test]
    fn a_message_is_one_harmless_line() {
        assert_eq!(on_one_line("no\n way\u{202e}!", 300), "no way !");
        assert_eq!(
            on_one_line("<html>\u{1b}[31m Bad   Gateway", 300),
            "<html> [31m Bad Gateway"
        );
        assert_eq!(on_one_line("abc def", 5), "abc d");
        assert_eq!(on_one_line("abc def", 4), "abc");
        assert_eq!(on_one_line("\u{9b}\u{2028}", 9), "");
    }

    #[test]
    fn scripts_without_case_have_none() {
        let caseless = (char::MIN..=char::MAX).filter(|letter| is_caseless(*letter));
        for letter in caseless {
            let lower = letter.to_lowercase();
            assert!(lower.eq([letter]), "{letter:?}");
        }
    }

    #[test]
    fn what_is_folded_is_in_small_letters_without_blanks_around_it() {
        for (value, folded) in [
            (" Aster GmbH ", "aster gmbh"),
            ("ÄRZTE & Söhne", "ärzte & söhne"),
            ("株式会社青葉 Trading", "株式会社青葉 trading"),
            ("שלום ÉTÉ \u{130}", "שלום été i\u{307}"),
        ] {
            let mut room = Vec::new();
            fold_into(value, &mut room);
            assert_eq!(String::from_utf8(room).unwrap(), folded);
        }
    }

    #[test]
    fn a_long_value_is_cut_at_a_character() {
        assert_eq!(quoted("é\u{7}"), "\"é\\u{7}\"");
        assert_eq!(quoted(&"é".repeat(90)), format!("\"{}\"…", "é".repeat(80)));
    }

    #[test]
    fn what_is_quoted_begins_no_command_in_a_build_log() {
        assert_eq!(quoted("a##[add-mask]b"), "\"a##\\u{5b}add-mask]b\"");
        assert_eq!(quoted("###[x"), "\"###\\u{5b}x\"");
        assert_eq!(quoted("#[x] # ##"), "\"#[x] # ##\"");
    }

    #[test]
    fn lists_read_like_prose() {
        assert_eq!(listed(&["a"], 3), "a");
        assert_eq!(listed(&["a", "b", "c"], 3), "a, b and c");
        assert_eq!(listed(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(listed::<&str>(&[], 2), "");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(counted(1, "row", "rows"), "1 row");
    }
}
