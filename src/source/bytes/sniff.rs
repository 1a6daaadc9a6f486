//! Recognises byte-order marks, and files that are not text.
//!
//! Only UTF-8 is read. Other kinds of files are recognised and named, so that the
//! error says what to do instead of rejecting thousands of rows.

/// The UTF-8 byte-order mark (RFC 3629 §6).
pub(in crate::source) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// An unsupported kind of file: what it is, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) struct UnsupportedKind {
    pub(in crate::source) kind: &'static str,
    pub(in crate::source) hint: &'static str,
}

const SPREADSHEET: &str = "open it in the spreadsheet program and save it as \"CSV UTF-8\"";
const COMPRESSED: &str = "unpack it first, or pipe it in: gzip -dc FILE | kable-bulk import - …";
const ENCODING: &str = "save it as UTF-8, or convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW";
const JSON: &str = "write one object a line: jq -c '.[]' FILE > NEW.jsonl, or jq -c . for objects";
const NOT_TEXT: &str = "export the customers as CSV or JSONL and name that file";

/// The signatures of common files that are neither CSV nor JSONL.
const SIGNATURES: [(&[u8], UnsupportedKind); 9] = [
    (
        b"PK\x03\x04",
        UnsupportedKind {
            kind: "a spreadsheet or a ZIP archive",
            hint: SPREADSHEET,
        },
    ),
    (
        b"\xd0\xcf\x11\xe0",
        UnsupportedKind {
            kind: "an old spreadsheet",
            hint: SPREADSHEET,
        },
    ),
    (
        b"\x1f\x8b",
        UnsupportedKind {
            kind: "compressed with gzip",
            hint: COMPRESSED,
        },
    ),
    (
        b"\x28\xb5\x2f\xfd",
        UnsupportedKind {
            kind: "compressed with zstd",
            hint: COMPRESSED,
        },
    ),
    (
        b"BZh",
        UnsupportedKind {
            kind: "compressed with bzip2",
            hint: COMPRESSED,
        },
    ),
    (
        b"\xff\xfe",
        UnsupportedKind {
            kind: "UTF-16 text",
            hint: ENCODING,
        },
    ),
    (
        b"\xfe\xff",
        UnsupportedKind {
            kind: "UTF-16 text",
            hint: ENCODING,
        },
    ),
    (
        b"SQLite format 3\0",
        UnsupportedKind {
            kind: "an SQLite database",
            hint: NOT_TEXT,
        },
    ),
    (
        b"%PDF",
        UnsupportedKind {
            kind: "a PDF",
            hint: NOT_TEXT,
        },
    ),
];

/// The kind of a file whose first few KiB are `start`; `None` if it is text.
pub(in crate::source) fn other_kind(start: &[u8]) -> Option<UnsupportedKind> {
    if let Some((_, kind)) = SIGNATURES
        .iter()
        .find(|(signature, _)| start.starts_with(signature))
    {
        return Some(*kind);
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
            (&b"PK\x03\x04..."[..], "a spreadsheet or a ZIP archive"),
            (b"\x1f\x8b\x08", "compressed with gzip"),
            (b"\xff\xfec\0l\0", "UTF-16 text"),
            (b"c\0l\0i\0e\0n\0t\0I\0d\0", "a binary file"),
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
