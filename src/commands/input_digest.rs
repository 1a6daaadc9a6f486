//! What identifies an input: its size and SHA-256, as `sha256sum` prints it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};

use ring::digest::{Context, SHA256};

use crate::domain::hex::hex;
use crate::domain::summary::InputDigest;

/// How much is read at once.
const BLOCK: usize = 1 << 18;

/// The digest of the file `name`; `None` if it is no file, such as standard input.
pub(super) fn input_digest(name: &OsStr) -> io::Result<Option<InputDigest>> {
    if !std::fs::metadata(name).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let mut file = File::open(name)?;
    let (mut context, mut bytes) = (Context::new(&SHA256), 0);
    let mut block = vec![0; BLOCK];
    loop {
        let read = file.read(&mut block)?;
        let Some(part) = block.get(..read).filter(|part| !part.is_empty()) else {
            break;
        };
        context.update(part);
        bytes += part.len() as u64;
    }
    Ok(Some(InputDigest {
        name: name.to_string_lossy().into_owned(),
        bytes,
        sha256: hex(context.finish().as_ref()),
    }))
}

#[cfg(test)]
mod tests {
    use super::input_digest;

    #[test]
    fn a_file_has_the_digest_that_other_programs_print() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("in.csv");
        std::fs::write(&place, "abc").unwrap();
        let digest = input_digest(place.as_os_str()).unwrap().unwrap();
        assert_eq!(digest.bytes, 3);
        // FIPS 180-4, the example of one block.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.sha256, expected);
        assert_eq!(input_digest(folder.path().as_os_str()).unwrap(), None);
    }
}
