//! Unpacks gzip (RFC 1952) and zstd (RFC 8878) as a stream, member by member.
//!
//! A file may hold several members: `cat a.gz b.gz` and parallel compressors write
//! them. Each one's checksum is compared.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// The size of reads and writes.
const PIECE: usize = 128 << 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// Why a compressed file was not unpacked.
#[derive(Debug)]
pub(in crate::source) enum UnpackError {
    /// The file cannot be read.
    Read(io::Error),
    /// What was unpacked cannot be written.
    Write(io::Error),
    /// The file is not what its first bytes say; the text says why.
    Damaged(String),
}

impl Compression {
    /// The compression of a file that begins with `start`.
    pub(in crate::source) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or a skippable frame.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The endings of names of files that are compressed.
    pub(in crate::source) fn is_ending(ending: &str) -> bool {
        ["gz", "gzip", "zst", "zstd"].contains(&ending)
    }

    /// Unpacks all of `from`.
    pub(in crate::source) fn unpack(
        self,
        from: impl Read,
        into: &mut impl Write,
    ) -> Result<(), UnpackError> {
        let mut from = BufReader::with_capacity(PIECE, from);
        match self {
            Self::Gzip => unpack_gzip(&mut from, into),
            Self::Zstd => unpack_zstd(&mut from, into),
        }
    }
}

fn unpack_gzip(from: &mut impl BufRead, into: &mut impl Write) -> Result<(), UnpackError> {
    loop {
        copy(&mut GzDecoder::new(&mut *from), into)?;
        let padded = skip_zeros(from).map_err(UnpackError::Read)?;
        match from.fill_buf().map_err(UnpackError::Read)? {
            [] => return Ok(()),
            [0x1f, ..] if !padded => {}
            _ => {
                let why = "bytes that are not gzip follow what is compressed";
                return Err(UnpackError::Damaged(why.to_owned()));
            }
        }
    }
}

/// Skips zeros, with which tapes and some programs fill up a file's last block;
/// says whether there were any.
fn skip_zeros(from: &mut impl BufRead) -> io::Result<bool> {
    let mut padded = false;
    loop {
        let data = from.fill_buf()?;
        let zeros = data.iter().take_while(|byte| **byte == 0).count();
        if zeros == 0 {
            return Ok(padded);
        }
        from.consume(zeros);
        padded = true;
    }
}

fn unpack_zstd(from: &mut impl BufRead, into: &mut impl Write) -> Result<(), UnpackError> {
    let mut decoder = FrameDecoder::new();
    loop {
        if from.fill_buf().map_err(UnpackError::Read)?.is_empty() {
            return Ok(());
        }
        match StreamingDecoder::new_with_decoder(&mut *from, &mut decoder) {
            Ok(mut frame) => copy(&mut frame, into)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                skip(from, u64::from(length))?;
                continue;
            }
            Err(FrameDecoderError::WindowSizeTooBig { requested, .. }) => {
                return Err(UnpackError::Damaged(format!(
                    "its window of {} MiB needs too much memory (it was made with --long)",
                    requested >> 20
                )));
            }
            Err(error) => return Err(failed(&error)),
        }
        let given = decoder.get_checksum_from_data();
        if given.is_some() && given != decoder.get_calculated_checksum() {
            return Err(UnpackError::Damaged("its checksum is wrong".to_owned()));
        }
    }
}

fn skip(from: &mut impl BufRead, many: u64) -> Result<(), UnpackError> {
    let skipped = io::copy(&mut from.take(many), &mut io::sink());
    if skipped.map_err(UnpackError::Read)? < many {
        return Err(failed(&io::Error::from(io::ErrorKind::UnexpectedEof)));
    }
    Ok(())
}

fn copy(from: &mut impl Read, into: &mut impl Write) -> Result<(), UnpackError> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                let (read, _) = piece.split_at(read);
                into.write_all(read).map_err(UnpackError::Write)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(&error)),
        }
    }
}

/// Why unpacking failed: the libraries wrap errors of the file in their own.
fn failed(error: &(dyn Error + 'static)) -> UnpackError {
    let mut place = Some(error);
    while let Some(cause) = place {
        let io = cause.downcast_ref::<io::Error>();
        if let Some(code) = io.and_then(io::Error::raw_os_error) {
            return UnpackError::Read(io::Error::from_raw_os_error(code));
        }
        if io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
            return UnpackError::Damaged("it is cut off: the end is missing".to_owned());
        }
        // An error that wraps another one of any type is not its source.
        let wrapped = io.and_then(io::Error::get_ref);
        place = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    UnpackError::Damaged(format!("it is damaged ({error})"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::{Compression, UnpackError};

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    /// What is unpacked, or why nothing is.
    fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut into = Vec::new();
        let compression = Compression::of(bytes).unwrap();
        match compression.unpack(bytes, &mut into) {
            Ok(()) => Ok(into),
            Err(UnpackError::Damaged(why)) => Err(why),
            Err(UnpackError::Read(error) | UnpackError::Write(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn members_are_unpacked_one_after_the_other() {
        let (one, two) = ("a,b\n1,2\n".repeat(9000), "3,4\n");
        let both = format!("{one}{two}").into_bytes();
        let skippable = b"\x53\x2a\x4d\x18\x03\0\0\0abc";
        for bytes in [
            [gzip(one.as_bytes()), gzip(two.as_bytes())].concat(),
            [
                gzip(one.as_bytes()),
                gzip(b""),
                gzip(two.as_bytes()),
                vec![0; 700],
            ]
            .concat(),
            [zstd(one.as_bytes()), zstd(two.as_bytes())].concat(),
            [
                &skippable[..],
                &zstd(one.as_bytes()),
                skippable,
                &zstd(two.as_bytes()),
            ]
            .concat(),
        ] {
            assert!(unpacked(&bytes).unwrap() == both);
        }
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_an_error() {
        for bytes in [gzip(&[b'x'; 999]), zstd(&[b'x'; 999])] {
            for end in 4..bytes.len() {
                let why = unpacked(&bytes[..end]).unwrap_err();
                assert!(why.contains("cut off"), "{end} of {}: {why}", bytes.len());
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_an_error() {
        let text: Vec<u8> = (0..4000_u32)
            .flat_map(|n| n.to_string().into_bytes())
            .collect();
        for bytes in [gzip(&text), zstd(&text)] {
            for at in (20..bytes.len()).step_by(97) {
                let mut spoilt = bytes.clone();
                spoilt[at] ^= 4;
                assert!(unpacked(&spoilt).is_err(), "{at}");
            }
        }
    }

    #[test]
    fn bytes_after_the_last_member_are_an_error() {
        let bytes = [gzip(b"a\n"), b"\0\0more".to_vec()].concat();
        assert!(unpacked(&bytes).unwrap_err().contains("follow"));
        assert!(unpacked(&[zstd(b"a\n"), b"more".to_vec()].concat()).is_err());
    }

    #[test]
    fn other_files_are_not_compressed() {
        for start in [&b""[..], b"\x1f", b"a,b\n", b"\x28\xb5\x2f", b"PK\x03\x04"] {
            assert_eq!(Compression::of(start), None);
        }
    }
}
