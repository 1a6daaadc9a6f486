//! Counts lines as an editor does.

/// How many line ends `bytes` have: LF, CR LF, or CR alone. If `bytes` were `cut`,
/// a CR at their end is not counted: an LF may follow.
pub(in crate::source) fn line_ends(bytes: &[u8], cut: bool) -> u64 {
    let mut found = memchr::memchr_iter(b'\n', bytes).count() as u64;
    for place in memchr::memchr_iter(b'\r', bytes) {
        let alone = match bytes.get(place + 1) {
            Some(b'\n') => false,
            Some(_) => true,
            None => !cut,
        };
        found += u64::from(alone);
    }
    found
}
