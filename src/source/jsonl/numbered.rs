//! The lines of the file to which nested JSON is written: a row each, with its line in
//! the input.
//!
//! `LINE⇥TEXT`, or `LINE!WHY⇥TEXT` for a row that is known to be broken.

use std::io::{self, Write};

/// The most bytes that stand before a row's text.
pub(in crate::source) const LONGEST_PREFIX: usize = 1 << 10;

/// A row and where it came from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Numbered<'l> {
    /// The line on which it began.
    pub(super) line: u64,
    /// Why it is broken, if that is known.
    pub(super) why: Option<&'l str>,
    /// Its text.
    pub(super) text: &'l [u8],
}

/// Writes one row; `text` is on one line.
pub(in crate::source) fn write(
    to: &mut impl Write,
    line: u64,
    why: Option<&str>,
    text: &[u8],
) -> io::Result<()> {
    write!(to, "{line}")?;
    if let Some(why) = why {
        write!(to, "!{why}")?;
    }
    to.write_all(b"\t")?;
    to.write_all(text)?;
    to.write_all(b"\n")
}

/// The parts of one line, without its end.
pub(super) fn split(line: &[u8]) -> Numbered<'_> {
    let tab = memchr::memchr(b'\t', line).unwrap_or(line.len());
    let (prefix, text) = line.split_at(tab);
    let prefix = std::str::from_utf8(prefix).unwrap_or_default();
    let (number, why) = match prefix.split_once('!') {
        Some((number, why)) => (number, Some(why)),
        None => (prefix, None),
    };
    Numbered {
        line: number.parse().unwrap_or_default(),
        why,
        text: text.get(1..).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Numbered, split, write};

    #[test]
    fn what_is_written_is_split_again() {
        for (line, why, text) in [
            (7, None, &b"{\"a\":\"\t!\"}"[..]),
            (1 << 40, Some("cut off! here"), b""),
            (1, Some("x"), b"\xff\t"),
        ] {
            let mut out = Vec::new();
            write(&mut out, line, why, text).unwrap();
            assert_eq!(out.pop(), Some(b'\n'));
            assert_eq!(split(&out), Numbered { line, why, text });
        }
    }
}
