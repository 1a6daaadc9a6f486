//! Text that was escaped for a web page, a web address or a program and never turned back:
//! `Smith &amp; Sons`, `Acme%20Ltd`, `12 Elm St<br>`, `O\'Brien`.

use html_escape::decode_html_entities;

/// The most times that a text is decoded again: `&amp;amp;`.
const MOST_ROUNDS: usize = 3;

/// The longest name of a character (`CounterClockwiseContourIntegral`).
const LONGEST_NAME: usize = 31;

/// Tags that get into a name or an address.
const TAGS: [&str; 22] = [
    "a", "b", "br", "body", "div", "em", "font", "h1", "h2", "h3", "hr", "html", "i", "img", "li",
    "p", "script", "span", "strong", "sup", "td", "u",
];

/// `value` with the characters whose HTML names stand in it; `None` if there are none.
pub(super) fn without_entities(value: &str) -> Option<String> {
    let mut text = decoded_entities(value)?;
    for _ in 1..MOST_ROUNDS {
        match decoded_entities(&text) {
            Some(better) => text = better,
            None => break,
        }
    }
    Some(text)
}

fn decoded_entities(value: &str) -> Option<String> {
    let (mut text, mut rest, mut changed) = (String::new(), value, false);
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        rest = if let Some((letters, behind)) = entity(from) {
            changed = true;
            text.push_str(&letters);
            behind
        } else {
            text.push('&');
            from.split_at(1).1
        };
    }
    text.push_str(rest);
    changed.then_some(text)
}

/// The characters that `from` begins with the name or number of, and what stands behind.
fn entity(from: &str) -> Option<(String, &str)> {
    let end = from
        .bytes()
        .take(LONGEST_NAME + 2)
        .position(|byte| byte == b';')?;
    let (name, behind) = from.split_at_checked(end + 1)?;
    let letters = decode_html_entities(name);
    let is_text =
        letters != name && !letters.contains(|letter: char| letter.is_control() && letter != '\n');
    // A space that does not break is no part of a name.
    is_text.then(|| (letters.replace(is_space, " "), behind))
}

fn is_space(letter: char) -> bool {
    letter.is_whitespace() && letter != '\n'
}

/// Whether `value` holds an HTML tag. `<ap@b.example>` is an address.
pub(super) fn has_tag(value: &str) -> bool {
    value.match_indices('<').any(|(at, _)| {
        let (_, from) = value.split_at(at + 1);
        let name = from.strip_prefix('/').unwrap_or(from);
        let end = name.find(|letter: char| !letter.is_ascii_alphanumeric());
        let (tag, after) = name.split_at(end.unwrap_or(name.len()));
        let is_closed = after.starts_with('>')
            || after.starts_with("/>")
            || after.starts_with(' ') && after.contains('>');
        is_closed && TAGS.contains(&tag.to_ascii_lowercase().as_str())
    })
}

/// `value` as it was before it was encoded for a web address (RFC 3986 §2.1); `None` if
/// that is not certain.
pub(super) fn without_percents(value: &str) -> Option<String> {
    if !value.contains('%') || value.contains(char::is_whitespace) {
        return None;
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'%' {
            bytes.push(*byte);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        // A sign before the digits is none of an encoded byte.
        let digits = str::from_utf8(digits).ok()?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let code = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
        // Letters and digits are never encoded.
        if code.is_ascii_alphanumeric() || code.is_ascii_control() {
            return None;
        }
        bytes.push(code);
        rest = after;
    }
    let decoded = String::from_utf8(bytes).ok()?;
    let is_text = decoded.contains(char::is_alphabetic) && !decoded.contains(char::is_control);
    is_text.then_some(decoded)
}

/// `value` without the backslashes by which programs escape characters: `O\'Brien`,
/// `M\u00fcller`, `12 Elm St\nRear`; `None` if there are none.
///
/// A value that `has_own` backslashes has `\n` and its like of its own, and one letter's
/// number, unless that is of a Latin letter: `CORP\nina`, `CORP\u12345`.
pub(super) fn without_backslashes(value: &str, has_own: bool) -> Option<String> {
    let (mut text, mut rest, mut changed) = (String::new(), value, false);
    let is_one_number = value.matches("\\u").count() < 2;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let found = escape(from, !has_own).filter(|(letter, _)| {
            let is_latin = matches!(letter, '"' | '\'' | '\u{a0}'..='\u{24f}');
            !has_own || !is_one_number || is_latin
        });
        let (letter, length) = match found {
            Some(found) => {
                changed = true;
                found
            }
            None => ('\\', 1),
        };
        text.push(letter);
        rest = from.split_at(length).1;
    }
    text.push_str(rest);
    changed.then_some(text)
}

/// The character that is escaped at the start of `from`, and how long that is.
fn escape(from: &str, breaks: bool) -> Option<(char, usize)> {
    match from.chars().nth(1)? {
        mark @ ('\'' | '"') => Some((mark, 2)),
        'n' if breaks => Some(('\n', 2)),
        'r' if breaks => Some(('\r', 2)),
        't' if breaks => Some(('\t', 2)),
        'u' => {
            let digits = from.get(2..6)?;
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
            Some((char::from_u32(code)?, 6))
        }
        _another => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{has_tag, without_backslashes, without_entities, without_percents};

    #[test]
    fn escapes_of_programs_are_decoded() {
        for (escaped, text) in [
            ("O\\'Brien", "O'Brien"),
            ("Beryl \\\"B\\\"", "Beryl \"B\""),
            ("M\\u00fcller", "Müller"),
            ("12 Elm St\\nRear", "12 Elm St\nRear"),
        ] {
            assert_eq!(
                without_backslashes(escaped, false).as_deref(),
                Some(text),
                "{escaped}"
            );
        }
        for text in [
            "A\\B",
            "A\\",
            "\\\\server",
            "a\\u00",
            "a\\uzzzz",
            "a\\ud83d",
        ] {
            assert_eq!(without_backslashes(text, false), None, "{text}");
        }
        for id in [
            "CORP\\nina",
            "CORP\\u12345",
            "DOM\\ubade01",
            "a\\u0041",
            "a\\u00",
        ] {
            assert_eq!(without_backslashes(id, true), None, "{id}");
        }
        for (id, text) in [
            ("m\\u00fcller", "müller"),
            ("\\u65e5\\u672c", "日本"),
            ("O\\'Brien", "O'Brien"),
        ] {
            assert_eq!(without_backslashes(id, true).as_deref(), Some(text), "{id}");
        }
    }

    #[test]
    fn names_of_characters_are_decoded() {
        for (escaped, text) in [
            ("Smith &amp; Sons", "Smith & Sons"),
            ("Smith &amp;amp; Sons", "Smith & Sons"),
            ("M&uuml;ller &amp; S&oslash;n", "Müller & Søn"),
            ("O&#39;Brien", "O'Brien"),
            ("O&#x27;Brien", "O'Brien"),
            ("O&amp;#39;Brien", "O'Brien"),
            ("&quot;Acme&quot;", "\"Acme\""),
            ("Stra&szlig;e&nbsp;5", "Straße 5"),
            ("Caf&Eacute; &ndash; A&ccedil;a&iacute;", "CafÉ – Açaí"),
            ("R&D; &amp; more", "R&D; & more"),
            (
                "&Scaron;koda &dollar;5&comma; K&abreve;m&zcaron;",
                "Škoda $5, Kămž",
            ),
            ("Acme&thinsp;Ltd &#8211; a&#10;b", "Acme Ltd – a\nb"),
        ] {
            assert_eq!(
                without_entities(escaped).as_deref(),
                Some(text),
                "{escaped}"
            );
        }
        for text in [
            "Smith & Sons",
            "AT&T",
            "R&D;",
            "A&B; C",
            "&amp",
            "&;",
            "&#;",
            "&#0;",
            "&#7;",
            "&#x80;",
            "&#+39;",
            "&#xd800;",
            "&qacute;",
            "Marks &Spencer; Co",
            "Tom&Jerry;",
            "a & b; c",
        ] {
            assert_eq!(without_entities(text), None, "{text}");
        }
    }

    #[test]
    fn tags_are_found_and_addresses_are_none() {
        for value in [
            "12 Elm St<br>Reno",
            "12 Elm St<BR/>Reno",
            "a<br />b",
            "<b>Acme</b>",
            "Acme</span>",
            "<a href=\"https://a.example\">Acme",
        ] {
            assert!(has_tag(value), "{value}");
        }
        for value in [
            "<ap@b.example>",
            "Ada <a@b.example>",
            "a < b > c",
            "I <3 Pizza",
            "<unknown>",
            "B<",
            "x <br",
        ] {
            assert!(!has_tag(value), "{value}");
        }
    }

    #[test]
    fn what_was_encoded_for_a_web_address_is_decoded() {
        for (encoded, text) in [
            ("Acme%20Ltd", "Acme Ltd"),
            ("M%C3%BCller%20%26%20Co", "Müller & Co"),
            ("Acme%2C%20Inc.", "Acme, Inc."),
        ] {
            assert_eq!(
                without_percents(encoded).as_deref(),
                Some(text),
                "{encoded}"
            );
        }
        for text in [
            "100%",
            "50%20",
            "100% Pure",
            "A%41",
            "%",
            "a%2",
            "a%zz",
            "a%+1b",
            "a%FFb",
            "a%00b",
            "a%0Ab",
            "Top 10%20 Ltd",
        ] {
            assert_eq!(without_percents(text), None, "{text}");
        }
    }
}
