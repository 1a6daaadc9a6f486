//! How many strings an XLSX says that its cells share.
//!
//! The library makes room for as many before it reads the first. No string takes less
//! than a byte of the file, so that a number above the file's size is wrong.

use memchr::memmem;

/// The attribute with the number of different strings.
const ATTRIBUTE: &[u8] = b"uniqueCount";

/// How many bytes after the attribute's name are looked at.
const LOOKED_AT: usize = 64;

/// The number of strings in a file's attributes.
#[derive(Debug, Default)]
pub(super) struct StringCount {
    /// The highest number.
    pub(super) most: u64,
    /// The end of what was read, where an attribute may begin.
    tail: Vec<u8>,
}

impl StringCount {
    /// The count of the archive's file `name`, if it is the one with the strings.
    pub(super) fn of_file(name: &str) -> Option<Self> {
        let is_it = name.to_ascii_lowercase().ends_with("sharedstrings.xml");
        is_it.then(Self::default)
    }

    /// Reads more of the file.
    pub(super) fn read(&mut self, piece: &[u8]) {
        let overlap = ATTRIBUTE.len() + LOOKED_AT;
        let (head, _) = piece.split_at(piece.len().min(overlap));
        self.tail.extend_from_slice(head);
        self.most = self.most.max(highest(&self.tail)).max(highest(piece));
        if piece.len() >= overlap {
            self.tail.clear();
            self.tail
                .extend_from_slice(piece.split_at(piece.len() - overlap).1);
        } else {
            let surplus = self.tail.len().saturating_sub(overlap);
            self.tail.drain(..surplus);
        }
    }
}

/// The highest number of an attribute in `text`.
fn highest(text: &[u8]) -> u64 {
    let numbers = memmem::find_iter(text, ATTRIBUTE).filter_map(|place| {
        let rest = text.get(place + ATTRIBUTE.len()..)?.trim_ascii_start();
        let rest = rest.strip_prefix(b"=")?.trim_ascii_start();
        let (_quote, rest) = rest.split_first()?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        Some(digits.fold(0_u64, |number, digit| {
            number
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'))
        }))
    });
    numbers.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::StringCount;

    #[test]
    fn the_highest_number_is_found_in_pieces_of_any_size() {
        let text = format!(
            "<sst count=\"9999999\" uniqueCount=\"12\">{}<sst uniqueCount = '00123' x=\"\"/>{}",
            "<si/>".repeat(40),
            "<si/>".repeat(40),
        );
        for piece in [1, 2, 7, 75, 76, text.len()] {
            let mut count = StringCount::of_file("xl/SharedStrings.xml").unwrap();
            text.as_bytes()
                .chunks(piece)
                .for_each(|piece| count.read(piece));
            assert_eq!(count.most, 123, "{piece}");
        }
        assert!(StringCount::of_file("xl/styles.xml").is_none());
    }
}
