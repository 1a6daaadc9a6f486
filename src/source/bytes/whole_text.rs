//! Reads a small file whole, in whatever encoding it was saved.

use std::io::{self, Seek, Write};
use std::path::Path;

use super::decoding::{DecodeError, decode};
use super::text_encoding::TextEncoding;

/// The text of the file at `path`. Its encoding is found as that of an input is.
pub fn read_whole_text(path: &Path) -> io::Result<String> {
    let mut bytes = std::fs::read(path)?;
    // A pipe can't be read again.
    let mut file = tempfile::tempfile()?;
    file.write_all(&bytes)?;
    if let Some(found) = TextEncoding::detect(&mut file, &bytes, None)? {
        file.rewind()?;
        bytes.clear();
        decode(found.encoding, file, &mut bytes).map_err(|error| match error {
            DecodeError::Read(error) | DecodeError::Write(error) => error,
        })?;
    }
    String::from_utf8(bytes).map_err(|_not_text| {
        let wrong = "its text has broken letters (save it as UTF-8)";
        io::Error::new(io::ErrorKind::InvalidData, wrong)
    })
}

#[cfg(test)]
mod tests {
    use super::read_whole_text;

    #[test]
    fn text_is_read_in_the_encoding_that_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("values.csv");
        let utf_16: Vec<u8> = "\u{feff}Größe\tp1\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for (bytes, text) in [
            (&b"Pro,p1\n"[..], "Pro,p1\n"),
            ("Größe,p1\n".as_bytes(), "Größe,p1\n"),
            (b"Gr\xf6\xdfe,p1\nM\xfcller,p2\n", "Größe,p1\nMüller,p2\n"),
            (&utf_16, "Größe\tp1\r\n"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read_whole_text(&path).unwrap(), text);
        }
        std::fs::write(&path, b"Gr\xc3\xb6\xc3\x9fe,p1\nM\xfcller,p2\n").unwrap();
        let error = read_whole_text(&path).unwrap_err().to_string();
        assert_eq!(error, "its text has broken letters (save it as UTF-8)");
    }
}
