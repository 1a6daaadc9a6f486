//! Recognises files that are not text.
//!
//! They are named, so that the error says what to do instead of rejecting thousands
//! of rows. Compressed files that are unpacked are not among them.

/// The UTF-8 byte-order mark (RFC 3629 §6).
pub(in crate::source) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// An unsupported kind of file: what it is, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) struct UnsupportedKind {
    pub(in crate::source) kind: &'static str,
    pub(in crate::source) hint: &'static str,
}

const COMPRESSED: &str = "unpack it first, or pipe it in: xz -dc FILE | kable-bulk import - …";
const ARCHIVE: &str = "unpack it first, and name the files in it that hold customers";
const ENCODING: &str = "save it as UTF-8, or convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW";
const JSON: &str = "write one object a line: jq -c '.[]' FILE > NEW.jsonl, or jq -c . for objects";
const NOT_TEXT: &str = "export the customers as CSV or JSONL and name that file";

/// The signatures of common files that are not read.
const SIGNATURES: [(&[u8], &str, &str); 8] = [
    (b"PK\x03\x04", "a ZIP archive, but no workbook", ARCHIVE),
    (b"BZh", "compressed with bzip2", COMPRESSED),
    (b"\xfd7zXZ\0", "compressed with xz", COMPRESSED),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", ARCHIVE),
    (b"\xff\xfe\0\0", "UTF-32 text", ENCODING),
    (b"\0\0\xfe\xff", "UTF-32 text", ENCODING),
    (b"SQLite format 3\0", "an SQLite database", NOT_TEXT),
    (b"%PDF", "a PDF", NOT_TEXT),
];

/// Where a tar archive names itself.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// The kind of a file whose first few KiB are `start`; `None` if it is text.
pub(in crate::source) fn other_kind(start: &[u8]) -> Option<UnsupportedKind> {
    let mut signatures = SIGNATURES.iter();
    if let Some((_, kind, hint)) = signatures.find(|(begin, ..)| start.starts_with(begin)) {
        return Some(UnsupportedKind { kind, hint });
    }
    if start.get(TAR.0..).is_some_and(|at| at.starts_with(TAR.1)) {
        return Some(UnsupportedKind {
            kind: "a tar archive",
            hint: ARCHIVE,
        });
    }
    // A stray control character is a problem of its row; a file in which one byte
    // in ten is one is not text.
    let control =
        |byte: &&u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c');
    let controls = start.iter().filter(control).count();
    (controls > 4 && controls * 10 > start.len()).then_some(UnsupportedKind {
        kind: "a binary file",
        hint: NOT_TEXT,
    })
}

/// The kind of a file whose first few KiB are `start` and that should be JSONL;
/// `None` if it may be.
pub(in crate::source) fn other_json(start: &[u8]) -> Option<UnsupportedKind> {
    let first_line = start
        .trim_ascii_start()
        .split(|byte| *byte == b'\n')
        .next()?;
    let kind = match first_line.trim_ascii_end() {
        [b'[', ..] => "a JSON array",
        b"{" => "JSON that is spread over several lines",
        _ => return None,
    };
    Some(UnsupportedKind { kind, hint: JSON })
}

#[cfg(test)]
mod tests {
    use super::{other_json, other_kind};

    #[test]
    fn other_kinds_are_named() {
        for (start, kind) in [
            (&b"PK\x03\x04..."[..], "a ZIP archive, but no workbook"),
            (b"BZh9", "compressed with bzip2"),
            (b"\xfd7zXZ\0\0", "compressed with xz"),
            (b"\xff\xfe\0\0c\0\0\0", "UTF-32 text"),
            (b"%PDF-1.7", "a PDF"),
            (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0", "a binary file"),
        ] {
            assert_eq!(other_kind(start).map(|other| other.kind), Some(kind));
        }
    }

    #[test]
    fn text_with_a_stray_control_character_is_text() {
        for start in [
            &b"clientId,companyName\r\nc-1,As\0ter\r\n"[..],
            b"",
            b"a\tb\n",
            "名前\n".as_bytes(),
        ] {
            assert_eq!(other_kind(start), None);
        }
    }

    #[test]
    fn json_that_is_not_jsonl_is_named() {
        let kind = |start: &[u8]| other_json(start).map(|other| other.kind);
        assert_eq!(kind(b"\n[{\"a\":1}]"), Some("a JSON array"));
        assert_eq!(
            kind(b"{\r\n  \"a\": 1\n}"),
            Some("JSON that is spread over several lines")
        );
        assert_eq!(kind(b"{\"a\":1}\n"), None);
        assert_eq!(kind(b"broken\n"), None);
    }
}
