//! TODO map of source::bytes.

pub mod block_hashes;
pub(super) mod buffer;
pub(super) mod chunk;
pub mod held_file;
pub(super) mod line_ends;
pub(super) mod positioned;
pub(super) mod simd;
pub mod sniff;
