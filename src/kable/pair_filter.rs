//! A quick test for text that certainly holds no part of a secret.
//!
//! Nearly all values are such text, and a list of customers has millions of them.

/// The bytes that begin an escape (`decoding.rs`): text with one is searched in full.
const ESCAPES: [u8; 4] = *b"\\%=&";

/// The pairs of neighbouring bytes that parts of secrets consist of.
#[derive(Debug, Default)]
pub(super) struct PairFilter {
    /// A bit for each of the 65,536 pairs; empty if the filter can't tell anything.
    pairs: Vec<u64>,
    /// The length of the shortest part.
    shortest: usize,
}

impl PairFilter {
    /// A filter for text with any of `parts`, which are in lower case.
    pub(super) fn of<'p>(parts: impl Iterator<Item = &'p [u8]>) -> Self {
        let mut filter = Self {
            pairs: vec![0; (1 << 16) / 64],
            shortest: usize::MAX,
        };
        for part in parts {
            // Blanks and invisible characters are left out of the text.
            if part.len() < 2 || !part.iter().all(u8::is_ascii_graphic) {
                return Self::default();
            }
            filter.shortest = filter.shortest.min(part.len());
            for (first, second) in part.iter().zip(part.iter().skip(1)) {
                let (word, bit) = place(*first, *second);
                if let Some(word) = filter.pairs.get_mut(word) {
                    *word |= 1 << bit;
                }
            }
        }
        filter
    }

    /// Whether `text` may hold a part, in any encoding.
    pub(super) fn may_match(&self, text: &str) -> bool {
        if self.pairs.is_empty() {
            return true;
        }
        // An encoded part is longer than the part.
        if text.len() < self.shortest {
            return false;
        }
        let (mut previous, mut run) = (0, 0);
        for byte in text.bytes() {
            if ESCAPES.contains(&byte) {
                return true;
            }
            if !byte.is_ascii_graphic() {
                continue;
            }
            let byte = byte.to_ascii_lowercase();
            let (word, bit) = place(previous, byte);
            let is_known = self
                .pairs
                .get(word)
                .is_some_and(|word| word >> bit & 1 == 1);
            run = if is_known { run + 1 } else { 1 };
            if run >= self.shortest {
                return true;
            }
            previous = byte;
        }
        false
    }
}

/// The word and the bit of a pair.
fn place(first: u8, second: u8) -> (usize, u32) {
    let pair = usize::from(first) << 8 | usize::from(second);
    (pair / 64, u32::from(second) % 64)
}

#[cfg(test)]
mod tests {
    use super::PairFilter;

    #[test]
    fn ordinary_values_hold_no_part() {
        let filter = PairFilter::of([&b"qm7f-9zx2lr0kd8w"[..], b"m7f-9zx2lr0kd8wb"].into_iter());
        for text in [
            "",
            "EUR",
            "cus_0123456789abcdef0123456789abcdef",
            "Company 1234567 GmbH & Co KG".trim_end_matches("& Co KG"),
            "Qm7f-9Zx2Lr0",
        ] {
            assert!(!filter.may_match(text), "{text}");
        }
        for text in [
            "xx Qm7f-9Zx2Lr0Kd8W",
            "Q m7f\u{200b}-9Zx2Lr0 Kd8W",
            "Ada & Sons",
            "100 %",
        ] {
            let long = format!("{text}                ");
            assert!(filter.may_match(&long), "{text}");
        }
        // It tells nothing of secrets with blanks.
        assert!(PairFilter::of([&b"a b"[..]].into_iter()).may_match("x"));
    }
}
