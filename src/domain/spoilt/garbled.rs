//! Text that was decoded with the wrong encoding before it reached us: `MÃ¼ller`.

/// The characters of Windows-1252 at 0x80 to 0x9F; those without one stand for themselves.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// What UTF-8 looks like when it is read as Mac Roman, and what it was.
const MAC: [(&str, &str); 14] = [
    ("√§", "ä"),
    ("√∂", "ö"),
    ("√º", "ü"),
    ("√ü", "ß"),
    ("√ñ", "Ö"),
    ("√ú", "Ü"),
    ("√©", "é"),
    ("√®", "è"),
    ("√°", "á"),
    ("√±", "ñ"),
    ("√≥", "ó"),
    ("√≠", "í"),
    ("√ß", "ç"),
    ("‚Äô", "’"),
];

/// The most times that a text is decoded again.
const MOST_ROUNDS: usize = 3;

/// What `value` was before UTF-8 was read as Windows-1252 or Mac Roman; `None` if that
/// is not certain. It may have happened several times.
pub(super) fn decoded_again(value: &str) -> Option<String> {
    let mut text = once_more(value)?;
    for _ in 1..MOST_ROUNDS {
        match once_more(&text) {
            Some(better) => text = better,
            None => break,
        }
    }
    Some(text)
}

fn once_more(value: &str) -> Option<String> {
    let mended = decoded_runs(value, false)?;
    // What is doubtful by itself is not beside what is certain.
    Some(decoded_runs(value, true).unwrap_or(mended))
}

/// `value` with its runs of letters beyond ASCII decoded again, also `doubtful` ones;
/// `None` if there are none.
fn decoded_runs(value: &str, doubtful: bool) -> Option<String> {
    if value.contains('√') || value.contains("‚Äô") {
        let mended = MAC.iter().fold(value.to_owned(), |text, (wrong, right)| {
            text.replace(wrong, right)
        });
        return (mended != value).then_some(mended);
    }
    let mut mended = String::with_capacity(value.len());
    let mut changed = false;
    let mut rest = value;
    while let Some(start) = rest.find(|letter: char| byte_of(letter).is_some()) {
        let (plain, from_run) = rest.split_at(start);
        let end = from_run.find(|letter| byte_of(letter).is_none());
        let (run, after) = from_run.split_at(end.unwrap_or(from_run.len()));
        let place = RunPlace {
            is_inside: doubtful || plain.ends_with(char::is_lowercase),
            at_word_end: !after.starts_with(char::is_alphanumeric),
        };
        mended.push_str(plain);
        match decoded_run(run, place).or_else(|| lone(run, plain, after)) {
            Some(decoded) => {
                changed = true;
                mended.push_str(&decoded);
            }
            None => mended.push_str(run),
        }
        rest = after;
    }
    mended.push_str(rest);
    changed.then_some(mended)
}

/// The byte that `letter` is in Windows-1252, if it is beyond ASCII.
fn byte_of(letter: char) -> Option<u8> {
    if let '\u{a0}'..='\u{ff}' = letter {
        return u8::try_from(u32::from(letter)).ok();
    }
    let place = WINDOWS.iter().position(|windows| *windows == letter)?;
    u8::try_from(0x80 + place).ok()
}

/// What is beside a run of letters beyond ASCII.
#[derive(Clone, Copy)]
struct RunPlace {
    /// Whether a capital there is no beginning of a word.
    is_inside: bool,
    at_word_end: bool,
}

/// The text that the letters of `run` are as bytes, if it is one that people write.
fn decoded_run(run: &str, place: RunPlace) -> Option<String> {
    let bytes: Vec<u8> = run.chars().filter_map(byte_of).collect();
    let decoded = String::from_utf8(bytes).ok()?;
    let mut letters = decoded.chars();
    let (first, more) = (letters.next()?, letters.next().is_some());
    let is_likely = match first {
        // `Ä…` may be the end of a sentence and `Äž` of a word; `nÄ…` and `nÄž` are not.
        '\u{100}'..='\u{17f}' => {
            let is_letter = run.ends_with(['š', 'Š', 'ž', 'Ž', 'œ', 'Œ', 'ƒ']);
            let is_mark = run.ends_with(['…', '”', '“', '’', '–', '—', '»']);
            more || place.is_inside || !(is_letter || is_mark && place.at_word_end)
        }
        // The last is the byte-order mark.
        '\u{a0}'..='\u{ff}' | '\u{2010}'..='\u{2044}' | '\u{20ac}' | '\u{2122}' | '\u{feff}' => {
            true
        }
        // `está»…` may be the end of a quotation; `Nguyá»…n` is none.
        '\u{1e00}'..='\u{1eff}' => more || !place.at_word_end,
        // One letter of another script may be a chance, two are none.
        _other => more && decoded.chars().all(|letter| letter >= '\u{80}'),
    };
    let is_text = is_written(&decoded) && !decoded.chars().any(char::is_control);
    (is_likely && is_text).then_some(decoded)
}

/// Whether people write the letters of `decoded` beside each other: what letters of a
/// name give by chance (`Éžßš` gives U+025E and U+07DA) is of alphabets that no name mixes.
pub(super) fn is_written(decoded: &str) -> bool {
    let (mut is_latin, mut has_near, mut has_far) = (false, false, false);
    for letter in decoded.chars() {
        match letter {
            '\u{c0}'..='\u{17f}' | '\u{1e00}'..='\u{1eff}' => is_latin = true,
            // Punctuation stands beside everything.
            '\u{80}'..='\u{bf}' | '\u{2000}'..='\u{20ff}' | '\u{2122}' => {}
            // Latin of more languages, Greek to Arabic: two bytes each.
            '\u{180}'..='\u{24f}' | '\u{300}'..='\u{6ff}' => has_near = true,
            '\u{900}'..='\u{10ffff}' => has_far = true,
            _other => return false,
        }
    }
    !(has_far && (has_near || is_latin))
}

/// A no-break space whose second byte became an ordinary blank: `12Â km`, `Ã la carte`.
fn lone(run: &str, before: &str, after: &str) -> Option<String> {
    let alone = !before.ends_with(char::is_alphabetic) || before.ends_with(char::is_lowercase);
    let ends = after.is_empty() || after.starts_with(' ');
    match run {
        "Â" if alone && ends && !before.is_empty() => Some(String::new()),
        "Ã" if ends && after.len() > 1 && !before.ends_with(char::is_alphabetic) => {
            Some("à".to_owned())
        }
        _another => None,
    }
}

#[cfg(test)]
mod tests {
    use super::decoded_again;

    #[test]
    fn utf_8_that_was_read_as_another_encoding_is_decoded_again() {
        for (wrong, right) in [
            ("MÃ¼ller", "Müller"),
            ("CafÃ©", "Café"),
            ("SociÃ©tÃ© GÃ©nÃ©rale", "Société Générale"),
            ("BjÃ¶rn & SÃ¸n", "Björn & Søn"),
            ("StraÃŸe", "Straße"),
            ("Ãœber", "Über"),
            ("L\u{e2}€™Atelier", "L’Atelier"),
            ("A â€“ B", "A – B"),
            ("5 â‚¬", "5 €"),
            ("Â©2024", "©2024"),
            ("12Â\u{a0}km", "12\u{a0}km"),
            ("12Â km", "12 km"),
            ("Ã la carte", "à la carte"),
            ("PoznaÅ„", "Poznań"),
            ("MuÄžla", "MuĞla"),
            ("BeÅŸiktaÅŸ", "Beşiktaş"),
            ("sÄ… ", "są "),
            ("KrakÃ³w Å‚", "Kraków ł"),
            ("ÄŒeskÃ½", "Český"),
            ("Ð˜Ð²Ð°Ð½", "Иван"),
            ("æ—¥æœ¬", "日本"),
            ("Ð˜Ð²Ð°Ð½â€™Ñ\u{81}", "Иван’с"),
            ("Nguyá»…n", "Nguyễn"),
            ("áº¡Ä‘", "ạđ"),
            ("MÃƒÂ¼ller", "Müller"),
            ("M√ºller", "Müller"),
            ("Caf√©", "Café"),
        ] {
            assert_eq!(decoded_again(wrong).as_deref(), Some(right), "{wrong}");
        }
    }

    #[test]
    fn ordinary_text_beyond_ascii_is_left_alone() {
        for text in [
            "Müller",
            "Société Générale",
            "CAFÉ»",
            "„MENÜ“",
            "„Fuß“",
            "ÜBÄ…",
            "Ângela",
            "São Paulo",
            "SÃO JOÃO",
            "GONÇALVES",
            "MAÎTRE",
            "Côte d’Azur",
            "IRMÃOS ÂNGELO",
            "naïve – né",
            "½ Ø",
            "株式会社青葉",
            "Łódź",
            "ÅÄÖ",
            "ÁÉÍÓÚ",
            "Москва",
            "Ελλάδα",
            "√2 Ltd",
            "№ 5",
            "10 €",
            "Â",
            "Ã",
            "ÉCOLE «É»",
            "Äža",
            "Éžßša",
            "Äžäšš",
            "Äžßša",
            "Öœéšža",
            "está»…",
            "ÄŽIAK",
            "ŠÄŠ",
            "Æther®",
            "GÖTEBORG—ÅÄÖ",
            "Ñandú",
            "İstanbul",
            "PÂ",
            "à la carte",
            "Ça va",
        ] {
            assert_eq!(decoded_again(text), None, "{text}");
        }
    }
}
