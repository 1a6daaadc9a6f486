//! ZIP archives of which the fuzzer changes the files and not their frame.
//!
//! A changed byte in an archive is a wrong checksum, and nothing behind that would
//! ever be read.

/// Ends each file in the text that an archive is made of.
const END: u8 = 0;

/// The archive of the files in `parts`: each is its name on a line, and its content up
/// to [`END`].
pub fn archive_of(parts: &[u8]) -> Vec<u8> {
    let (mut archive, mut directory, mut many) = (Vec::new(), Vec::new(), 0_u16);
    for part in parts
        .split(|byte| *byte == END)
        .filter(|part| !part.is_empty())
    {
        let end = part.iter().position(|byte| *byte == b'\n');
        let (name, content) = part.split_at(end.unwrap_or(part.len()));
        let content = content.get(1..).unwrap_or_default();
        let place = archive.len() as u32;
        let sizes = [
            checksum(content),
            content.len() as u32,
            content.len() as u32,
        ];
        let mut shared = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        shared.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        shared.extend((name.len() as u16).to_le_bytes());
        shared.extend([0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&shared);
        archive.extend(name);
        archive.extend(content);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&shared);
        directory.extend([0; 10]);
        directory.extend(place.to_le_bytes());
        directory.extend(name);
        many += 1;
    }
    let (length, place) = (directory.len() as u32, archive.len() as u32);
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([many, many].iter().flat_map(|many| many.to_le_bytes()));
    archive.extend([length, place].iter().flat_map(|size| size.to_le_bytes()));
    archive.extend([0, 0]);
    archive
}

/// CRC-32, as ZIP has it.
fn checksum(content: &[u8]) -> u32 {
    !content.iter().fold(!0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}
