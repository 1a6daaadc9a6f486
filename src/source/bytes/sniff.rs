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
const NOT_TEXT: &str = "export the customers as CSV or JSONL and name that file";

const RESAVE: &str = "open it in a spreadsheet program and save it as XLSX or CSV; systems that call \
    a web page a workbook often export CSV as well";
const PICTURE: &str =
    "export the customers themselves as CSV or JSONL: text in a picture can't be read";

const AGAIN: &str =
    "open it in a browser to see what it says, and export the customers again as CSV or JSONL";

/// The signatures of common files that are not read.
const SIGNATURES: [(&[u8], &str, &str); 16] = [
    (b"PK\x03\x04", "a ZIP archive, but no workbook", ARCHIVE),
    (b"BZh", "compressed with bzip2", COMPRESSED),
    (b"\xfd7zXZ\0", "compressed with xz", COMPRESSED),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", ARCHIVE),
    (b"\xff\xfe\0\0", "UTF-32 text", ENCODING),
    (b"\0\0\xfe\xff", "UTF-32 text", ENCODING),
    (b"SQLite format 3\0", "an SQLite database", NOT_TEXT),
    (b"%PDF", "a PDF", NOT_TEXT),
    (b"PK\x05\x06", "an empty ZIP archive", ARCHIVE),
    (b"{\\rtf", "an RTF document", NOT_TEXT),
    (b"\x89PNG", "a picture (PNG)", PICTURE),
    (b"\xff\xd8\xff", "a picture (JPEG)", PICTURE),
    (b"GIF8", "a picture (GIF)", PICTURE),
    (b"II*\0", "a picture (TIFF)", PICTURE),
    (b"PAR1", "a Parquet file", NOT_TEXT),
    (b"Obj\x01", "an Avro file", NOT_TEXT),
];

/// How many bytes of a page in markup are searched for what it is.
const MARKUP_LOOKED_AT: usize = 4 << 10;

/// How web pages, and tables that are saved as one, begin, in lower case.
const WEB_PAGES: [&[u8]; 9] = [
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<meta",
    b"<body",
    b"<style",
    b"<table",
    b"<div",
    b"<tr",
];

const DUMP: &str = "export the table as CSV with a header, for example with psql's \\copy … csv header, \
    or mysql --batch";
const CONTACTS: &str = "export the contacts as CSV";
const YAML: &str = "convert it, for example: yq -o=json FILE > NEW.json";

/// How dumps of a database begin, in lower case.
const DUMPS: [&[u8]; 10] = [
    b"--",
    b"/*",
    b"set ",
    b"insert into ",
    b"create table ",
    b"drop table ",
    b"copy ",
    b"begin",
    b"pragma ",
    b"use ",
];

/// What such dumps have near their start.
const STATEMENTS: [&[u8]; 6] = [
    b"insert into ",
    b"create table ",
    b" from stdin",
    b"postgresql database dump",
    b"mysql dump",
    b"mariadb dump",
];

/// The kind of a file with statements or records of another language.
fn script_kind(start: &[u8]) -> Option<UnsupportedKind> {
    let start = start.strip_prefix(UTF8_MARK).unwrap_or(start);
    let start = start.trim_ascii_start();
    let near = start.get(..MARKUP_LOOKED_AT).unwrap_or(start);
    let near = near.to_ascii_lowercase();
    let begins = |starts: &[&[u8]]| starts.iter().any(|begin| near.starts_with(begin));
    let holds = |word: &&[u8]| memchr::memmem::find(&near, word).is_some();
    let (kind, hint) = if begins(&DUMPS) && STATEMENTS.iter().any(holds) {
        ("an SQL dump", DUMP)
    } else if begins(&[b"begin:vcard", b"begin:vcalendar"]) {
        ("a file of contacts (vCard)", CONTACTS)
    } else if begins(&[b"---\n", b"---\r\n", b"%yaml"]) || is_yaml_list(&near) {
        ("YAML", YAML)
    } else {
        return None;
    };
    Some(UnsupportedKind { kind, hint })
}

/// Whether the first line is the first member of an object in a list: `- name: value`.
fn is_yaml_list(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(member) = line.strip_prefix(b"- ") else {
        return false;
    };
    let name_end = member
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let after = name_end
        .and_then(|end| member.get(end..))
        .unwrap_or_default();
    name_end != Some(0) && after.starts_with(b": ") && !line.contains(&b',')
}

/// The kind of a file in HTML or XML; a table's first column may be called `<name>`.
fn markup_kind(start: &[u8]) -> Option<UnsupportedKind> {
    let start = start.strip_prefix(UTF8_MARK).unwrap_or(start);
    let start = start.trim_ascii_start();
    let near = start.get(..MARKUP_LOOKED_AT).unwrap_or(start);
    if near.first() != Some(&b'<') {
        return None;
    }
    let near = near.to_ascii_lowercase();
    let holds = |word: &[u8]| memchr::memmem::find(&near, word).is_some();
    let is_page = WEB_PAGES.iter().any(|begin| near.starts_with(begin));
    let is_xml = near.starts_with(b"<?xml");
    if is_page || is_xml && holds(b"<html") {
        let (kind, hint) = if holds(b"<table") || holds(b"office:excel") {
            (
                "a web page (HTML) with a table, whatever its name says",
                RESAVE,
            )
        } else {
            ("a web page (HTML), perhaps of a log-in or an error", AGAIN)
        };
        return Some(UnsupportedKind { kind, hint });
    }
    if is_xml || near.starts_with(b"<workbook") {
        let is_workbook = holds(b"office:spreadsheet") || holds(b"<workbook");
        let (kind, hint) = if is_workbook {
            ("a workbook in XML (Excel 2003)", RESAVE)
        } else {
            ("an XML document", NOT_TEXT)
        };
        return Some(UnsupportedKind { kind, hint });
    }
    None
}

/// Where a tar archive names itself.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// The kind of a file whose first few KiB are `start`; `None` if it is text.
pub(in crate::source) fn other_kind(start: &[u8]) -> Option<UnsupportedKind> {
    let mut signatures = SIGNATURES.iter();
    if let Some((_, kind, hint)) = signatures.find(|(begin, ..)| start.starts_with(begin)) {
        return Some(UnsupportedKind { kind, hint });
    }
    if let Some(other) = markup_kind(start).or_else(|| script_kind(start)) {
        return Some(other);
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

#[cfg(test)]
mod tests {
    use super::other_kind;

    #[test]
    fn other_kinds_are_named() {
        for (start, kind) in [
            (&b"PK\x03\x04..."[..], "a ZIP archive, but no workbook"),
            (b"BZh9", "compressed with bzip2"),
            (b"\xfd7zXZ\0\0", "compressed with xz"),
            (b"\xff\xfe\0\0c\0\0\0", "UTF-32 text"),
            (b"%PDF-1.7", "a PDF"),
            (b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
            (
                b"\xef\xbb\xbf\r\n<HTML xmlns:x=\"urn:schemas-microsoft-com:office:excel\"><body>",
                "a web page (HTML) with a table, whatever its name says",
            ),
            (
                b"<table border=1><tr><th>clientId",
                "a web page (HTML) with a table, whatever its name says",
            ),
            (
                b"<!DOCTYPE html><html><title>Log in</title>",
                "a web page (HTML), perhaps of a log-in or an error",
            ),
            (
                b"<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>\n<Workbook",
                "a workbook in XML (Excel 2003)",
            ),
            (b"<?xml version=\"1.0\"?><customers>", "an XML document"),
            (b"--\n-- PostgreSQL database dump\n--\n", "an SQL dump"),
            (b"INSERT INTO `customers` VALUES ('c-1');", "an SQL dump"),
            (
                b"COPY public.customers (id) FROM stdin;\nc-1\n",
                "an SQL dump",
            ),
            (
                b"BEGIN:VCARD\r\nVERSION:3.0\r\n",
                "a file of contacts (vCard)",
            ),
            (b"- clientId: c-1\n  companyName: A\n", "YAML"),
            (b"---\n- a: 1\n", "YAML"),
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
            b"-- Customers of May --\nid,name\n",
            b"Use of funds,id\n",
            b"- id,name: x\n",
            b"---,---\n",
            b"Begin,clientId\n",
            b"<name>,<id>\n",
            b"<b>,c\n",
        ] {
            assert_eq!(other_kind(start), None);
        }
    }
}
