//! UTF-8 that was read as an encoding other than those of the West: Windows-1250,
//! Windows-1251, and the code pages 437 and 850 of DOS.
//!
//! The letters of one encoding are names in another, so that a run of letters beyond ASCII
//! must be UTF-8 as a whole, and look like nothing that people write.

use encoding_rs::{Encoding, WINDOWS_1250, WINDOWS_1251};

use super::garbled::is_written;

/// The characters of code page 437 from 0x80 on.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤\
    ╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Those of code page 850.
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐ\
    ÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// An encoding that UTF-8 was read as.
struct CodePage {
    /// The byte that a letter beyond ASCII is.
    byte_of: fn(char) -> Option<u8>,
    /// Whether a letter of those that are looked for becomes several that begin with this.
    begins: fn(char) -> bool,
    is_certain: fn(&ByteRun<'_>) -> bool,
}

const PAGES: [CodePage; 4] = [
    CodePage {
        byte_of: |letter| byte_in(CP437, letter),
        begins: is_box,
        is_certain: |_run| true,
    },
    CodePage {
        byte_of: |letter| byte_in(CP850, letter),
        begins: is_box,
        is_certain: |_run| true,
    },
    CodePage {
        byte_of: |letter| encoded(WINDOWS_1250, letter),
        begins: |letter| matches!(letter, 'Ă' | 'Ĺ'),
        is_certain: is_certain_in_1250,
    },
    CodePage {
        byte_of: |letter| encoded(WINDOWS_1251, letter),
        begins: |letter| matches!(letter, 'Г' | 'Д' | 'Е' | 'Р' | 'С' | 'в'),
        is_certain: is_certain_in_1251,
    },
];

/// Letters of an encoding that are UTF-8 if they are taken as bytes.
struct ByteRun<'v> {
    before: &'v str,
    text: &'v str,
    after: &'v str,
    decoded: String,
}

/// What `value` was before UTF-8 was read as one of these encodings; `None` if that is
/// not certain.
pub(super) fn decoded_again(value: &str) -> Option<String> {
    let pages = PAGES.iter().filter(|page| value.contains(page.begins));
    // The shortest has the most letters decoded.
    pages
        .filter_map(|page| page.decoded(value))
        .min_by_key(|text| text.chars().count())
}

impl CodePage {
    fn decoded(&self, value: &str) -> Option<String> {
        let is_of = |letter: char| !letter.is_ascii() && (self.byte_of)(letter).is_some();
        let (mut mended, mut changed, mut rest) = (String::new(), false, value);
        while let Some(start) = rest.find(is_of) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|letter| !is_of(letter));
            let (text, after) = from.split_at(end.unwrap_or(from.len()));
            mended.push_str(before);
            let bytes = text.chars().filter_map(self.byte_of).collect();
            let run = String::from_utf8(bytes).ok().map(|decoded| ByteRun {
                before,
                text,
                after,
                decoded,
            });
            let is_certain =
                |run: &ByteRun<'_>| text.contains(self.begins) && (self.is_certain)(run);
            match run.filter(|run| run.is_text() && is_certain(run)) {
                Some(run) => {
                    changed = true;
                    mended.push_str(&run.decoded);
                }
                None => mended.push_str(text),
            }
            rest = after;
        }
        mended.push_str(rest);
        changed.then_some(mended)
    }
}

impl ByteRun<'_> {
    fn is_text(&self) -> bool {
        is_written(&self.decoded) && !self.decoded.contains(char::is_control)
    }

    fn is_all_in(&self, letters: std::ops::RangeInclusive<char>) -> bool {
        self.decoded.chars().all(|letter| letters.contains(&letter))
    }
}

fn byte_in(page: &str, letter: char) -> Option<u8> {
    let place = page.chars().position(|known| known == letter)?;
    u8::try_from(0x80 + place).ok()
}

fn encoded(encoding: &'static Encoding, letter: char) -> Option<u8> {
    let text = letter.encode_utf8(&mut [0; 4]).to_owned();
    match encoding.encode(&text).0.as_ref() {
        [byte] => Some(*byte),
        _none => None,
    }
}

/// Whether `letter` is a line of a box: `├╝`, `╨╝`.
const fn is_box(letter: char) -> bool {
    matches!(letter, '┬' | '├' | '─' | '┼' | '╬' | '╧' | '╨' | '╤')
}

/// Whether it is `Ă` or `Ĺ` beside a letter of another language, or a capital where none
/// stands: `Ăł`, `MĂĽller`. Romanian has `ĂŞ`, and `Ă”` at the end of a quotation.
fn is_certain_in_1250(run: &ByteRun<'_>) -> bool {
    let is_foreign = run.text.starts_with('Ă')
        && run
            .text
            .ends_with(|letter: char| letter.is_lowercase() && letter != 'ş');
    let is_after_small = run.before.ends_with(char::is_lowercase);
    let is_before_small =
        !run.text.ends_with(char::is_lowercase) && run.after.starts_with(char::is_lowercase);
    run.is_all_in('\u{c0}'..='\u{17f}') && (is_foreign || is_after_small || is_before_small)
}

/// Whether it is two letters of Cyrillic, a Latin one in a Latin word, or an apostrophe or
/// dash: `РњР°`, `MГјller`, `вЂ™`. Of letters of Ukrainian alone a word may be made: `СІРІ`.
fn is_certain_in_1251(run: &ByteRun<'_>) -> bool {
    let is_rare = |letter: char| {
        !letter.is_alphabetic()
            || matches!(letter, 'Ђ' | 'Ѓ' | 'Ѕ' | 'Ј' | 'Љ'..='Џ' | 'ј' | 'љ'..='џ')
    };
    let is_latin = run
        .before
        .ends_with(|letter: char| letter.is_ascii_alphabetic())
        || run
            .after
            .starts_with(|letter: char| letter.is_ascii_alphabetic());
    let is_word = run.is_all_in('\u{400}'..='\u{52f}') && run.decoded.chars().count() > 1;
    run.text.contains(is_rare)
        && (is_word
            || is_latin && run.is_all_in('\u{c0}'..='\u{17f}')
            || run.is_all_in('\u{2010}'..='\u{2044}'))
}

#[cfg(test)]
mod tests {
    use super::decoded_again;

    #[test]
    fn utf_8_that_was_read_as_another_code_page_is_decoded_again() {
        for (wrong, right) in [
            ("M├╝ller", "Müller"),
            ("Stra├ƒe", "Straße"),
            ("S├©n", "Søn"),
            ("─îesk├® Bud─øjovice", "České Budějovice"),
            ("┼ü├│d┼║", "Łódź"),
            ("╨£╨╛╤ü╨║╨▓╨░", "Москва"),
            ("MĂĽller", "Müller"),
            ("KrakĂłw", "Kraków"),
            ("GĂłra", "Góra"),
            ("StraĂźe", "Straße"),
            ("PoznaĹ„", "Poznań"),
            ("РњРѕСЃРєРІР°", "Москва"),
            ("РћРћРћ Р\u{a0}РѕРјР°С€РєР°", "ООО Ромашка"),
            ("MГјller", "Müller"),
            ("LвЂ™Atelier", "L’Atelier"),
        ] {
            assert_eq!(decoded_again(wrong).as_deref(), Some(right), "{wrong}");
        }
    }

    #[test]
    fn ordinary_text_beyond_ascii_is_left_alone() {
        for text in [
            "Müller",
            "A ─ B",
            "├── Acme",
            "ORĂŞENESC",
            "Oraşul",
            "„CASĂ”",
            "PĂŞUNE",
            "VĹŽ",
            "Ľubica",
            "Łódź",
            "Nguyễn Ăn",
            "СІРІ",
            "ООО «Ромашка»",
            "СЁМГА",
            "Љубиша Ђорђевић",
            "Гёте",
            "ГЁТЕ",
            "«РС»",
            "В’ячеслав",
            "Ελλάδα",
            "№ 5",
        ] {
            assert_eq!(decoded_again(text), None, "{text}");
        }
    }
}
