//! Letters that do not occur within words: evidence that a text was decoded wrongly.

/// How many letters of `text` beyond ASCII no word has where they stand: a sign between two
/// letters (`Grš§e`), and a capital after a letter and before a small one (`MŸller`).
pub(super) fn senseless_letters(text: &str) -> usize {
    let mut letters = text.chars();
    let (mut before, mut letter) = (' ', letters.next().unwrap_or(' '));
    let mut senseless = 0;
    for after in letters {
        let is_inside = before.is_alphabetic() && after.is_alphabetic();
        let is_sign = !letter.is_alphabetic() && !joins_letters(letter);
        let is_capital = letter.is_uppercase() && after.is_lowercase();
        senseless += usize::from(!letter.is_ascii() && is_inside && (is_sign || is_capital));
        (before, letter) = (letter, after);
    }
    senseless
}

/// Whether words have the sign between letters: apostrophes, hyphens and dashes, the middle
/// dot of Catalan, marks on letters, characters without a width.
fn joins_letters(sign: char) -> bool {
    matches!(sign, '’' | '‘' | '´' | '·' | '・' | '\u{a0}' | '\u{ad}' | '\u{2010}'..='\u{2015}'
        | '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fffd}')
        || sign.is_numeric()
}

#[cfg(test)]
mod tests {
    use super::senseless_letters;

    #[test]
    fn letters_of_a_wrong_encoding_make_no_sense() {
        for (text, senseless) in [
            ("", 0),
            ("Müller & Söhne, Zürich", 0),
            (
                "L’Oréal, Xarel·lo, ÉTÉ, Éric, McDonald, São Paulo – Brasil",
                0,
            ),
            ("Ивановъ и Ко, 株式会社日本・東京", 0),
            ("MŸller Grš§e", 2),
            ("Soci\u{8e}t\u{8e}", 1),
            ("a§b", 1),
        ] {
            assert_eq!(senseless_letters(text), senseless, "{text}");
        }
    }
}
