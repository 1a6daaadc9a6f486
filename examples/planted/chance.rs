//! Random numbers that are the same for the same seed, on every machine and in every order.
//!
//! A row's numbers come from the seed and the row's number alone, so that any row can be
//! generated again without being stored: a duplicate of a row ten million rows earlier
//! costs no memory.

/// A stream of numbers (`SplitMix64`: Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    /// The stream of one `row` for one `purpose`.
    pub(super) fn of(seed: u64, row: u64, purpose: u64) -> Self {
        let mut chance = Self(seed);
        for part in [row, purpose] {
            chance.0 = chance.next() ^ part;
        }
        chance
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Whether an event happens that has this many chances in a million.
    pub(super) fn millionths(&mut self, share: u64) -> bool {
        self.below(1_000_000) < share
    }

    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    pub(super) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        let place = self.below(from.len() as u64);
        &from[usize::try_from(place).unwrap_or_default()]
    }

    /// `pattern` with a digit for each `#`, a letter for each `@`, and a letter
    /// or digit for each `?`.
    pub(super) fn spelled(&mut self, pattern: &str) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ";
        const BOTH: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        pattern
            .chars()
            .map(|c| match c {
                '#' => char::from(*self.pick(b"0123456789")),
                '@' => char::from(*self.pick(LETTERS)),
                '?' => char::from(*self.pick(BOTH)),
                _ => c,
            })
            .collect()
    }

    /// This many hexadecimal digits.
    pub(super) fn hex(&mut self, digits: usize) -> String {
        (0..digits)
            .map(|_| char::from(*self.pick(b"0123456789abcdef")))
            .collect()
    }
}
