//! The bytes of an input, whatever its format.
//!
//! - `held_file.rs`: the file behind an input, held open for all passes
//! - `positioned.rs`: reads at its own position, and checks every block
//! - `block_hashes.rs`: hashes of the input's blocks, from the first pass
//! - `sniff.rs`: recognises files that are not text
//! - `drawn_table.rs`: recognises tables that are drawn with lines
//! - `misread_mark.rs`: byte-order marks that became letters
//! - `compression.rs`: unpacks gzip and zstd
//! - `text_encoding.rs`: detects the encoding of a text
//! - `word_sense.rs`: letters that make no sense where they stand
//! - `encoding_label.rs`: the names of encodings
//! - `decoding.rs`: converts text to UTF-8
//! - `whole_text.rs`: reads a small file whole, in whatever encoding
//! - `buffer.rs`: the part of an input that is in memory
//! - `chunk.rs`: whole rows, cut off for other threads to parse
//! - `line_ends.rs`: counts line ends
//! - `simd.rs`: compares sixty-four bytes at a time

pub mod block_hashes;
pub(super) mod buffer;
pub(super) mod chunk;
pub mod compression;
pub(super) mod decoding;
pub(super) mod drawn_table;
pub mod encoding_label;
pub mod held_file;
pub(super) mod line_ends;
pub(super) mod misread_mark;
pub(super) mod positioned;
pub(super) mod simd;
pub mod sniff;
pub(super) mod text_encoding;
pub mod whole_text;
mod word_sense;
