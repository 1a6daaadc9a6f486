//! Compares sixty-four bytes at a time.

use wide::u8x16;

/// How many bytes are compared at once.
pub(in crate::source) const WIDTH: usize = 64;

/// Sixty-four bytes.
#[derive(Clone, Copy)]
pub(in crate::source) struct Block([u8x16; 4]);

impl Block {
    /// The first bytes of `data`, padded with zeros.
    pub(in crate::source) fn of(data: &[u8]) -> Self {
        if let Some(bytes) = data.first_chunk() {
            return Self::whole(bytes);
        }
        let mut bytes = [0; WIDTH];
        for (slot, byte) in bytes.iter_mut().zip(data) {
            *slot = *byte;
        }
        Self::whole(&bytes)
    }

    fn whole(bytes: &[u8; WIDTH]) -> Self {
        let mut lanes = [u8x16::ZERO; 4];
        for (lane, part) in lanes.iter_mut().zip(bytes.as_chunks().0) {
            *lane = u8x16::new(*part);
        }
        Self(lanes)
    }

    /// A bit for each byte that equals `wanted`, the lowest for the first byte.
    pub(in crate::source) fn equal(self, wanted: u8) -> u64 {
        self.bits(|lane| lane.simd_eq(u8x16::splat(wanted)))
    }

    /// A bit for each byte below `bound`, which must not be 0.
    pub(in crate::source) fn below(self, bound: u8) -> u64 {
        self.bits(|lane| lane.min(u8x16::splat(bound - 1)).simd_eq(lane))
    }

    fn bits(self, test: impl Fn(u8x16) -> u8x16) -> u64 {
        let [a, b, c, d] = self.0.map(|lane| u64::from(test(lane).to_bitmask()));
        a | b << 16 | c << 32 | d << 48
    }
}

/// A mask of the lowest `many` bits.
pub(in crate::source) const fn lowest(many: usize) -> u64 {
    if many >= WIDTH {
        u64::MAX
    } else {
        (1 << many) - 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Block, lowest};

    proptest! {
        #[test]
        fn each_byte_has_its_bit(bytes in prop::collection::vec(any::<u8>(), 0..80), wanted in any::<u8>()) {
            let bits = |test: &dyn Fn(u8) -> bool| {
                let bit = |(place, byte): (usize, &u8)| u64::from(test(*byte)) << place;
                bytes.iter().take(64).enumerate().map(bit).sum::<u64>()
            };
            let (block, there) = (Block::of(&bytes), lowest(bytes.len()));
            prop_assert_eq!(block.equal(wanted) & there, bits(&|byte| byte == wanted));
            prop_assert_eq!(block.below(wanted.max(1)) & there, bits(&|byte| byte < wanted.max(1)));
        }
    }
}
