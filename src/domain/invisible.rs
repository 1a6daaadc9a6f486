//! Invisible characters: those without a width, those that change the direction
//! of text, fillers that look like a blank.
//!
//! Some belong to ordinary text (the joiners of Persian and Hindi, the selectors of
//! emoji, the marks of Hebrew), which is why they are judged by what stands before them.

/// Whether `letter` shows nothing by itself, and is no blank of [`char::is_whitespace`].
pub(super) fn is_invisible(letter: char) -> bool {
    is_trimmed(letter)
        || matches!(
            letter,
            '\u{200c}' | '\u{200d}' | '\u{202d}' | '\u{202e}' | '\u{34f}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Whether `letter` is dropped at the ends of a value. Joiners, selectors and overrides
/// are not: they change how the text beside them looks.
pub(super) const fn is_trimmed(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202c}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
    )
}

/// Whether no character of `text` is visible.
pub(super) fn is_nothing(text: &str) -> bool {
    // A fast path for nearly all values.
    if text.as_bytes().first().is_some_and(u8::is_ascii_graphic) {
        return false;
    }
    let shows_nothing = |letter: char| letter.is_whitespace() || is_invisible(letter);
    text.chars().all(shows_nothing)
}

/// The first invisible character of `text` that has no use where it stands, and what
/// stands before it.
pub(super) fn first_invisible(text: &str) -> Option<(char, &str)> {
    let is_found =
        |(at, letter): &(usize, char)| is_invisible(*letter) && !belongs(*letter, text, *at);
    let (at, letter) = text.char_indices().find(is_found)?;
    Some((letter, text.split_at(at).0))
}

/// Whether `letter`, at byte `at` of `text`, has a use there.
fn belongs(letter: char, text: &str, at: usize) -> bool {
    let (before, rest) = text.split_at(at);
    let Some(base) = before.chars().rfind(|letter| !is_invisible(*letter)) else {
        return false;
    };
    match letter {
        // Scripts without blanks between words: it says where a line may be broken.
        '\u{200b}' => is_unspaced(base) && rest.chars().nth(1).is_some_and(is_unspaced),
        // Arabic and the scripts of India join or separate letters, emoji are composed.
        '\u{200c}' | '\u{200d}' | '\u{34f}' => is_joined(base) || is_symbol(base),
        '\u{200e}' | '\u{200f}' | '\u{61c}' => text.chars().any(is_right_to_left),
        '\u{115f}' | '\u{1160}' => matches!(base, '\u{1100}'..='\u{11ff}'),
        '\u{17b4}' | '\u{17b5}' => matches!(base, '\u{1780}'..='\u{17ff}'),
        '\u{180b}'..='\u{180f}' => matches!(base, '\u{1800}'..='\u{18af}'),
        '\u{fe00}'..='\u{fe0f}' => {
            let is_keycap = rest.chars().nth(1) == Some('\u{20e3}');
            is_symbol(base) || is_ideograph(base) || is_joined(base) || is_keycap
        }
        // Japanese names distinguish forms of one character by these.
        '\u{e0100}'..='\u{e01ef}' => is_ideograph(base),
        // The flags of England, Scotland and Wales.
        '\u{e0020}'..='\u{e007f}' => base == '\u{1f3f4}',
        _elsewhere => false,
    }
}

/// Whether `letter` is of Thai, Lao, Tibetan, Myanmar or Khmer.
const fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{19e0}'..='\u{19ff}'
        | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}')
}

/// Whether `letter` is of a script whose letters change with their neighbours.
const fn is_joined(letter: char) -> bool {
    matches!(letter, '\u{590}'..='\u{10ff}' | '\u{1700}'..='\u{1aff}' | '\u{a800}'..='\u{abff}'
        | '\u{10a00}'..='\u{11fff}' | '\u{1e900}'..='\u{1e95f}')
}

const fn is_symbol(letter: char) -> bool {
    matches!(letter, '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{2bff}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

const fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3005}'..='\u{3007}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

const fn is_right_to_left(letter: char) -> bool {
    matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// What Unicode calls `letter`, for a message.
pub(super) const fn name_of(letter: char) -> &'static str {
    match letter {
        '\u{ad}' => "soft hyphen",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{200e}' | '\u{200f}' | '\u{61c}' => "direction mark",
        '\u{202a}'..='\u{202c}' | '\u{2066}'..='\u{2069}' => "direction of embedded text",
        '\u{202d}' | '\u{202e}' => "override that shows text in another order",
        '\u{2060}' => "word joiner",
        '\u{2800}' => "Braille blank",
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => "Hangul filler",
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => "variation selector",
        '\u{feff}' => "byte-order mark",
        '\u{e0000}'..='\u{e007f}' => "tag",
        _another => "format character",
    }
}

#[cfg(test)]
mod tests {
    use super::{first_invisible, is_nothing};

    #[test]
    fn what_belongs_to_text_is_not_found() {
        for text in [
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "Team 👩\u{200d}🚒",
            "Love ❤\u{fe0f} Ltd",
            "1\u{fe0f}\u{20e3} First",
            "渡邉\u{e0100}商店",
            "ACME\u{200e} (עברית)",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} Pub",
            "Brand\u{ae}\u{fe0f}",
            "ភ្នំ\u{200b}ពេញ",
            "กรุงเทพ\u{200b}มหานคร",
            "ລາວ\u{200b}ລາວ",
        ] {
            assert_eq!(first_invisible(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_belongs_to_no_text_is_found_with_its_place() {
        for (text, found, before) in [
            ("As\u{200b}ter", '\u{200b}', "As"),
            ("As\u{200d}ter", '\u{200d}', "As"),
            ("Aster\u{fe0f}", '\u{fe0f}', "Aster"),
            ("Hof\u{ad}mann", '\u{ad}', "Hof"),
            ("\u{202e}moc", '\u{202e}', ""),
            ("a\u{2066}b", '\u{2066}', "a"),
            ("a\u{3164}b", '\u{3164}', "a"),
            ("a\u{e0041}", '\u{e0041}', "a"),
            ("ភ្នំ\u{200b} Ltd", '\u{200b}', "ភ្នំ"),
            ("ไทย\u{200b}Ltd", '\u{200b}', "ไทย"),
            ("Aster\u{200e} Ltd", '\u{200e}', "Aster"),
        ] {
            assert_eq!(first_invisible(text), Some((found, before)));
        }
    }

    #[test]
    fn a_text_of_invisible_characters_is_nothing() {
        for text in [
            "",
            " \u{a0}",
            "\u{200b}\u{feff}",
            "\u{3164}",
            "\u{fe0f}\u{200d}",
        ] {
            assert!(is_nothing(text), "{text:?}");
        }
        for text in ["a", "\u{200b}.", "\u{fffd}"] {
            assert!(!is_nothing(text), "{text:?}");
        }
    }
}
