//! The names of result files.

use std::path::Path;

/// The manifest: a hidden file that lists the result files.
pub(super) const MANIFEST: &str = ".kable-bulk";

/// Whether a run may write or remove a file of this name in its folder.
pub fn is_result_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fixed = [
        MANIFEST,
        "results.jsonl",
        "online.jsonl",
        "problems.csv",
        "summary.json",
        "validate-summary.json",
        "keys.csv",
        "report.html",
    ];
    fixed.contains(&name.as_ref()) || KINDS.iter().any(|kind| is_numbered(&name, kind))
}

/// The kinds of files of rows that are written back.
pub(super) const KINDS: [&str; 2] = ["rejects", "failures"];

/// Whether `name` is like `kind.csv` or `kind-2.jsonl`.
pub(super) fn is_numbered(name: &str, kind: &str) -> bool {
    let rest = name.strip_prefix(kind);
    let stem = rest.and_then(|rest| {
        rest.strip_suffix(".csv")
            .or_else(|| rest.strip_suffix(".jsonl"))
    });
    stem.is_some_and(|number| {
        let digits = number.strip_prefix('-').unwrap_or_default();
        number.is_empty() || !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
