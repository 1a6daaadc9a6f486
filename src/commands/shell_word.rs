//! Words and paths as they are typed into a shell, or shown.

use std::ffi::OsStr;
use std::fmt::Write;

use crate::domain::text::is_hostile;

/// Quotes `word` for a shell: unchanged, in quotes, or, if it can't be displayed,
/// as `$'…'`.
pub(super) fn shell_word(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref();
    let is_plain = |c: char| c.is_alphanumeric() || "-_=./:,@%+".contains(c);
    match word.to_str() {
        // zsh expands a word that begins with an equals sign.
        Some(text) if !text.is_empty() && !text.starts_with('=') && text.chars().all(is_plain) => {
            text.to_owned()
        }
        Some(text) if !text.chars().any(is_hostile) => match shlex::try_quote(text) {
            Ok(quoted) => quoted.into_owned(),
            Err(_) => escaped(word.as_encoded_bytes()),
        },
        Some(_) | None => escaped(word.as_encoded_bytes()),
    }
}

/// Whether a line of quoted words has one that stands as `$'…'`: a dollar sign outside of
/// other quotes.
pub(super) fn has_escaped_word(line: &str) -> bool {
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '$') => return true,
            (None | Some('"'), '\\') => {
                letters.next();
            }
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (Some(_) | None, _) => {}
        }
    }
    false
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\'' | '\\' => text.extend(['\\', letter]),
                letter if is_hostile(letter) => {
                    let mut buffer = [0; 4];
                    push_bytes(&mut text, letter.encode_utf8(&mut buffer).as_bytes());
                }
                letter => text.push(letter),
            }
        }
        push_bytes(&mut text, chunk.invalid());
    }
    text.push('\'');
    text
}

fn push_bytes(text: &mut String, bytes: &[u8]) {
    // Octal with three digits, so that a following digit is not taken for part of
    // it.
    for byte in bytes {
        // Writing to a string can't fail.
        write!(text, "\\{byte:03o}").ok();
    }
}

/// A path as it is displayed: unchanged, or, if it can't be displayed, quoted for a
/// shell, so that no two paths look alike.
pub(super) fn shown(path: &std::path::Path) -> String {
    match path.to_str() {
        Some(text) if !text.chars().any(is_hostile) => text.to_owned(),
        Some(_) | None => escaped(path.as_os_str().as_encoded_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::{OsStr, has_escaped_word, shell_word};

    #[test]
    fn only_a_word_that_cannot_be_displayed_is_escaped() {
        for word in [
            "a", "it's $5", "a$'b", "'$'", "\"$\\$", "x=$", "$", " $'", "\\",
        ] {
            let line = format!("{} --out={}", shell_word(word), shell_word(word));
            assert!(!has_escaped_word(&line), "{line}");
        }
        for word in ["a\nb", "it's\u{202e}"] {
            let line = format!("kable-bulk 'a b' --out={}", shell_word(word));
            assert!(has_escaped_word(&line), "{line}");
        }
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_split_or_expand_them() {
        assert_eq!(shell_word("a.csv"), "a.csv");
        assert_eq!(shell_word("currency=USD"), "currency=USD");
        assert_eq!(shell_word("it's here"), "\"it's here\"");
        assert_eq!(shell_word("*.csv"), "'*.csv'");
        assert_eq!(shell_word("a\nb'"), "$'a\\012b\\''");
        assert_eq!(shell_word(""), "''");
    }

    #[cfg(unix)]
    #[test]
    fn a_word_that_is_not_text_is_rendered_as_its_bytes() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(
            shell_word(OsStr::from_bytes(b"erg\xe4nzt")),
            "$'erg\\344nzt'"
        );
    }
}
