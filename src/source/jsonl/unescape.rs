//! The text that a JSON string with escapes stands for.

/// The text of `inside`, which is a string's text by the grammar; with false if half
/// of a surrogate pair had to be replaced by U+FFFD.
pub(super) fn unescaped(inside: &str) -> (String, bool) {
    let mut text = String::with_capacity(inside.len());
    let mut is_whole = true;
    let mut rest = inside;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let mut letters = escape.chars();
        let letter = letters.next();
        rest = letters.as_str();
        text.push(match letter {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (found, after) = code_point(rest);
                rest = after;
                is_whole &= found.is_some();
                found.unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(other) => other,
            None => break,
        });
    }
    text.push_str(rest);
    (text, is_whole)
}

/// The character whose UTF-16 units begin `rest`, and what follows them; no character
/// for half of a pair.
fn code_point(rest: &str) -> (Option<char>, &str) {
    let Some((high, after)) = unit(rest) else {
        return (None, rest);
    };
    if let Some(letter) = char::from_u32(u32::from(high)) {
        return (Some(letter), after);
    }
    if let Some((low, behind)) = after.strip_prefix("\\u").and_then(unit)
        && let Some(Ok(letter)) = char::decode_utf16([high, low]).next()
    {
        return (Some(letter), behind);
    }
    (None, after)
}

fn unit(rest: &str) -> Option<(u16, &str)> {
    let (digits, after) = rest.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn escapes_and_pairs_are_read() {
        for (inside, text) in [
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"Caf\u00e9", "Café"),
            (r"\ud83d\ude80!", "🚀!"),
            (r"\uD83D\uDE80", "🚀"),
            (r"\\ud83d", "\\ud83d"),
            ("名\\u0000", "名\0"),
        ] {
            assert_eq!(unescaped(inside), (text.to_owned(), true), "{inside}");
        }
    }

    #[test]
    fn half_a_pair_is_replaced() {
        for (inside, text) in [
            (r"a\ud83d", "a\u{fffd}"),
            (r"\ude80b", "\u{fffd}b"),
            (r"\ud83d\ud83d\ude80", "\u{fffd}🚀"),
            (r"\ud83d\n", "\u{fffd}\n"),
        ] {
            assert_eq!(unescaped(inside), (text.to_owned(), false), "{inside}");
        }
    }
}
