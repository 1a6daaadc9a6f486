//! Bytes of an input, below every format.
//!
//! - `held_file.rs`: the file behind an input, held open for all passes
//! - `positioned.rs`: read at a position of one's own, and held against what it was
//! - `block_hashes.rs`: what an input held when it was first read
//! - `sniff.rs`: byte-order marks, and files that are no text
//! - `buffer.rs`: the part of an input that is in memory
//! - `chunk.rs`: whole rows, cut off to be read elsewhere
//! - `line_ends.rs`: where lines end
//! - `simd.rs`: sixty-four bytes at a time

pub mod block_hashes;
pub(super) mod buffer;
pub(super) mod chunk;
pub mod held_file;
pub(super) mod line_ends;
pub(super) mod positioned;
pub(super) mod simd;
pub mod sniff;
