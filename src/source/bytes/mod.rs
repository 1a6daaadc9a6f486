//! The bytes of an input, whatever its format.
//!
//! - `held_file.rs`: the file behind an input, held open for all passes
//! - `positioned.rs`: reads at a position of its own, and checks every block
//! - `block_hashes.rs`: hashes of the input's blocks, from the first pass
//! - `sniff.rs`: byte-order marks, and files that are no text
//! - `buffer.rs`: the part of an input that is in memory
//! - `chunk.rs`: whole rows, cut off to be parsed by other threads
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
