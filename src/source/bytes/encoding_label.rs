//! The names of encodings: the labels of the WHATWG Encoding Standard.

use encoding_rs::Encoding;

use crate::domain::nearest::nearest;

/// Names that are proposed where another one is not known. The standard has some
/// two hundred more.
const PROPOSED: [&str; 43] = [
    "utf-8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-9",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "latin1",
    "latin2",
    "cp1252",
    "macintosh",
    "ibm866",
    "koi8-r",
    "koi8-u",
    "shift_jis",
    "euc-jp",
    "iso-2022-jp",
    "euc-kr",
    "gbk",
    "gb18030",
    "big5",
    "us-ascii",
];

/// Names that people know and the standard doesn't.
const ALSO: [(&str, &str); 7] = [
    ("ansi", "windows-1252"),
    ("mac-roman", "macintosh"),
    ("macroman", "macintosh"),
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp949", "euc-kr"),
    ("cp950", "big5"),
];

/// Encodings of DOS that are not in the standard, by their numbers.
const DOS: [&str; 16] = [
    "437", "737", "775", "850", "852", "855", "857", "858", "860", "861", "862", "863", "864",
    "865", "869", "1125",
];

/// The number of the encoding of DOS that is called `name`: `cp850`, `IBM-850`, `dos850`.
fn dos_number(name: &str) -> Option<&'static str> {
    let number = ["cp", "ibm", "dos", "oem", "pc"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
        .trim_start_matches(['-', '_', ' ']);
    DOS.into_iter().find(|known| *known == number)
}

/// The encoding called `label`; otherwise what is wrong with the name.
pub fn encoding_of(label: &str) -> Result<&'static Encoding, String> {
    let name = label.trim().to_ascii_lowercase();
    let also = ALSO.iter().find(|(also, _)| *also == name);
    let name = also.map_or(name.as_str(), |(_, standard)| *standard);
    // People write UTF8, Windows1252 and latin-1 as well.
    let plain = |name: &str| name.replace(['-', '_', ' '], "");
    let alike = PROPOSED.iter().find(|known| plain(known) == plain(name));
    let name = alike.map_or(name, |known| *known);
    if let Some(encoding) = Encoding::for_label_no_replacement(name.as_bytes()) {
        return Ok(encoding);
    }
    if let Some(number) = dos_number(name) {
        return Err(format!(
            "{label:?} is an encoding of DOS, which is not read: convert the file with \
             iconv -f CP{number} -t UTF-8 FILE > NEW, and name NEW"
        ));
    }
    Err(match nearest(name, PROPOSED) {
        Some(near) => format!("{label:?} is no encoding, perhaps {near}"),
        None => format!(
            "{label:?} is no encoding, wanted a name such as windows-1252, utf-16, iso-8859-2 or shift_jis"
        ),
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::Encoding;

    use super::{ALSO, PROPOSED, encoding_of};

    #[test]
    fn names_are_found_however_they_are_written() {
        for (label, name) in [
            ("UTF8", "UTF-8"),
            (" Windows-1252", "windows-1252"),
            ("windows1250", "windows-1250"),
            ("latin-1", "windows-1252"),
            ("ANSI", "windows-1252"),
            ("cp932", "Shift_JIS"),
            ("sjis", "Shift_JIS"),
            ("utf-16", "UTF-16LE"),
            ("unicodefffe", "UTF-16BE"),
        ] {
            assert_eq!(encoding_of(label).map(Encoding::name), Ok(name));
        }
    }

    #[test]
    fn what_is_proposed_is_known() {
        let also = ALSO.iter().map(|(_, standard)| standard);
        for label in PROPOSED.iter().chain(also) {
            assert!(
                Encoding::for_label_no_replacement(label.as_bytes()).is_some(),
                "{label}"
            );
        }
    }

    #[test]
    fn how_to_convert_text_of_dos_is_said() {
        for (label, number) in [
            ("cp850", "850"),
            ("CP437", "437"),
            ("IBM-852", "852"),
            ("850", "850"),
        ] {
            let wanted = format!(
                "{label:?} is an encoding of DOS, which is not read: convert the file with \
                 iconv -f CP{number} -t UTF-8 FILE > NEW, and name NEW"
            );
            assert_eq!(encoding_of(label), Err(wanted));
        }
        assert_eq!(encoding_of("cp866").map(Encoding::name), Ok("IBM866"));
        assert!(encoding_of("cp1250").is_ok());
    }

    #[test]
    fn an_unknown_name_is_an_error_with_the_nearest() {
        for (label, wanted) in [
            ("windows-1259", "perhaps windows-125"),
            ("utf-32", "perhaps utf-"),
            ("shiftjs", "perhaps shift_jis"),
            ("klingon", "wanted a name such as"),
        ] {
            let error = encoding_of(label).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
