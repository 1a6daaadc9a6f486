//! Shows values from outside: quoted, cut, escaped; lists and numbers in words.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use super::invisible::{is_invisible, is_trimmed};

/// The most characters of a value that a message shows.
pub const SHOWN: usize = 80;

/// `value` in quotes, escaped, and cut after [`SHOWN`] characters.
///
/// Escaping protects a terminal: control characters are written as `\u{7}`. A
/// quoted value can't begin a command of GitHub's runner either ([`defused`]).
pub fn quoted(value: &str) -> String {
    defused(&match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", value.split_at(end).0),
        None => format!("{value:?}"),
    })
}

/// `text` without the three characters that begin a command of GitHub's runner
/// anywhere in a line, also on standard error (actions/runner,
/// `ActionCommand.TryParse`).
pub fn defused(text: &str) -> String {
    text.replace("##[", "##\\u{5b}")
}

/// `value` unchanged, cut after [`SHOWN`] characters.
pub fn shown(value: &str) -> String {
    value.chars().take(SHOWN).collect()
}

/// `text` on one line: each run of blanks and of characters that could harm a
/// terminal becomes one blank. Cut after `most` characters.
pub fn on_one_line(text: &str, most: usize) -> String {
    let is_separator = |letter: char| letter.is_whitespace() || is_hostile(letter);
    let mut words = text.split(is_separator).filter(|word| !word.is_empty());
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

/// `text` for one line of a terminal or a log: characters that could harm it
/// ([`is_hostile`]) are written as `\u{1b}`. All output of a text from a file or a
/// server goes through this.
pub fn escaped(text: &str) -> Cow<'_, str> {
    escaped_except(text, |_| false, as_code_point)
}

/// The same for a text of several lines.
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    escaped_except(text, |letter| letter == '\n', as_code_point)
}

fn as_code_point(letter: char, out: &mut String) {
    out.extend(letter.escape_unicode());
}

/// The same for JSON; the values of its strings do not change.
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    escaped_except(
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

fn escaped_except(
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

/// Whether a terminal could interpret `letter`, or show the text around it in
/// another order, on another line or not at all: control characters (C0, DEL, C1),
/// direction marks, line separators, characters without a width.
pub fn is_hostile(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Appends `value` to `buffer` in lower case, without blanks around it and with one of
/// several beside each other, without invisible characters, and in Unicode's form NFKC: what
/// two people take for the same text is the same then.
pub fn fold_into(value: &str, buffer: &mut Vec<u8>) {
    let start = buffer.len();
    fold_letters_into(trimmed(value), buffer);
    let folded = buffer.get(start..).unwrap_or_default();
    if has_several_blanks(folded) {
        let mut folded = buffer.split_off(start);
        folded.dedup_by(|next, last| (*last, *next) == (b' ', b' '));
        buffer.append(&mut folded);
    }
}

/// Whether two blanks stand beside each other, of which [`fold_into`] leaves one.
fn has_several_blanks(text: &[u8]) -> bool {
    let nexts = text.split_first().map_or(text, |(_, nexts)| nexts);
    let are_blanks = |(byte, next): (&u8, &u8)| (*byte ^ b' ') | (*next ^ b' ') == 0;
    // All pairs are looked at, which is faster than stopping at the first.
    text.iter()
        .zip(nexts)
        .fold(false, |any, pair| any | are_blanks(pair))
}

fn fold_letters_into(bare: &str, buffer: &mut Vec<u8>) {
    let start = buffer.len();
    if bare.is_ascii() {
        fold_ascii_into(bare, buffer);
        return;
    }
    if fold_normal_into(bare, buffer) {
        return;
    }
    buffer.truncate(start);
    if is_nfkc_quick(bare.chars()) == IsNormalized::Yes && !bare.contains(is_invisible) {
        let mut bytes = [0; 4];
        for lower in bare.chars().flat_map(char::to_lowercase) {
            buffer.extend_from_slice(lower.encode_utf8(&mut bytes).as_bytes());
        }
        return;
    }
    let visible = bare.chars().filter(|letter| !is_invisible(*letter));
    let normal: String = visible.nfkc().collect();
    // A lower-case letter may have another form than its capital.
    let lower: String = normal.chars().flat_map(char::to_lowercase).nfkc().collect();
    buffer.extend_from_slice(trimmed(&lower).as_bytes());
}

/// Appends `text` in lower case if all of its letters are of ranges that have no other
/// form, as in most texts of most files; otherwise returns false.
fn fold_normal_into(text: &str, buffer: &mut Vec<u8>) -> bool {
    let start = buffer.len();
    fold_ascii_into(text, buffer);
    let (_, folded) = buffer.split_at_mut(start);
    let mut bytes = [0; 4];
    for (at, letter) in text.char_indices() {
        if letter.is_ascii() || is_folded_letter(letter) {
            continue;
        }
        if !is_normal_capital(letter) {
            return false;
        }
        for lower in letter.to_lowercase() {
            let lower = lower.encode_utf8(&mut bytes).as_bytes();
            if let Some(place) = folded.get_mut(at..at + lower.len()) {
                place.copy_from_slice(lower);
            }
        }
    }
    true
}

/// Whether `letter` is of a range whose letters have no other form, and in lower case one
/// letter of as many bytes.
const fn is_normal_capital(letter: char) -> bool {
    matches!(letter, '\u{c0}'..='\u{12f}' | '\u{134}'..='\u{13e}' | '\u{141}'..='\u{148}'
        | '\u{14a}'..='\u{17e}' | '\u{391}'..='\u{3ce}' | '\u{400}'..='\u{45f}')
}

/// Whether `letter` has neither another form nor a small one: Chinese characters,
/// Hiragana, Katakana, Hangul, Hebrew, Arabic, and most small letters of Latin, Greek and
/// Cyrillic.
const fn is_folded_letter(letter: char) -> bool {
    matches!(letter, '\u{4e00}'..='\u{9fff}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{5d0}'..='\u{5ea}' | '\u{621}'..='\u{64a}'
        | '\u{df}'..='\u{ff}' | '\u{3ac}'..='\u{3ce}' | '\u{430}'..='\u{45f}')
}

fn fold_ascii_into(text: &str, buffer: &mut Vec<u8>) {
    let start = buffer.len();
    buffer.extend_from_slice(text.as_bytes());
    buffer.split_at_mut(start).1.make_ascii_lowercase();
}

/// Whether [`fold_into`] would append `value` unchanged.
pub fn is_folded(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    // All bytes are looked at, which is faster than stopping at the first.
    value.bytes().fold(true, |all, byte| all & plain(byte))
        && trimmed(value).len() == value.len()
        && !has_several_blanks(value.as_bytes())
}

/// `text` without the blanks around it, including no-break spaces, byte-order marks and
/// other invisible characters, which spreadsheets and web pages insert.
pub fn trimmed(text: &str) -> &str {
    // A fast path for most values.
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim_matches(is_blank),
    }
}

/// Whether `letter` is one of the blanks that [`trimmed`] drops.
pub fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || is_trimmed(letter)
}

/// `items` in words: `a, b and c`, or `a, b and 7 more` beyond `most` of them.
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

/// The number and `one` or `many`: `1,234 rows`.
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
    use super::{IsNormalized, is_folded_letter, is_invisible, is_nfkc_quick, is_normal_capital};
    use super::{counted, fold_into, listed, on_one_line, quoted, thousands};
    use super::{escaped, escaped_json, escaped_lines, is_hostile};

    #[test]
    fn only_characters_that_could_harm_a_terminal_are_escaped() {
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
    fn a_text_of_several_lines_is_put_on_one() {
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
    fn folded_text_is_in_lower_case_without_blanks_around_it() {
        for (value, folded) in [
            (" Aster GmbH ", "aster gmbh"),
            ("ÄRZTE & Söhne", "ärzte & söhne"),
            ("株式会社青葉 Trading", "株式会社青葉 trading"),
            ("שלום ÉTÉ \u{130}", "שלום été i\u{307}"),
            // The same letters composed and decomposed, of full width, with what is invisible.
            ("Mu\u{308}ller", "müller"),
            ("Ｍüller", "müller"),
            ("Mü\u{200b}ller\u{feff}", "müller"),
            ("M\u{ad}ü\u{fe0f}ller", "müller"),
            ("ﬁrma\u{a0}x", "firma x"),
            ("ACCT   3  b", "acct 3 b"),
            ("株式\u{3000} 会社", "株式 会社"),
            ("ガ", "ガ"),
            ("か\u{3099}", "が"),
            ("ᄒ\u{1161}\u{11ab}", "한"),
        ] {
            let mut buffer = Vec::new();
            fold_into(value, &mut buffer);
            assert_eq!(String::from_utf8(buffer).unwrap(), folded);
        }
    }

    #[test]
    fn letters_that_are_folded_in_place_have_no_other_form() {
        let letters = || char::MIN..=char::MAX;
        for letter in letters().filter(|letter| is_folded_letter(*letter)) {
            assert!(letter.to_lowercase().eq([letter]), "{letter:?}");
        }
        for letter in letters().filter(|letter| is_normal_capital(*letter)) {
            let lower = letter.to_lowercase();
            assert!(
                lower.map(char::len_utf8).eq([letter.len_utf8()]),
                "{letter:?}"
            );
        }
        for letter in letters() {
            if letter.is_ascii() || is_folded_letter(letter) || is_normal_capital(letter) {
                let form = is_nfkc_quick(std::iter::once(letter));
                assert_eq!(form, IsNormalized::Yes, "{letter:?}");
                assert!(!is_invisible(letter), "{letter:?}");
            }
        }
    }

    #[test]
    fn a_long_value_is_cut_at_a_character() {
        assert_eq!(quoted("é\u{7}"), "\"é\\u{7}\"");
        assert_eq!(quoted(&"é".repeat(90)), format!("\"{}\"…", "é".repeat(80)));
    }

    #[test]
    fn a_quoted_value_begins_no_command_in_a_build_log() {
        assert_eq!(quoted("a##[add-mask]b"), "\"a##\\u{5b}add-mask]b\"");
        assert_eq!(quoted("###[x"), "\"###\\u{5b}x\"");
        assert_eq!(quoted("#[x] # ##"), "\"#[x] # ##\"");
    }

    #[test]
    fn a_list_is_written_in_words() {
        assert_eq!(listed(&["a"], 3), "a");
        assert_eq!(listed(&["a", "b", "c"], 3), "a, b and c");
        assert_eq!(listed(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(listed::<&str>(&[], 2), "");
    }

    #[test]
    fn thousands_are_separated_by_commas() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(counted(1, "row", "rows"), "1 row");
    }
}
