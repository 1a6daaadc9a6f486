//! The names of result files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

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
        "differences.csv",
        "cancelled.jsonl",
        "summary.json",
        "validate-summary.json",
        "verified.jsonl",
        "verify-summary.json",
        "rolled-back.jsonl",
        "rollback-summary.json",
        "keys.csv",
        "report.html",
        "validate-report.html",
        "verify-report.html",
    ];
    fixed.contains(&name.as_ref()) || KINDS.iter().any(|kind| is_numbered(&name, kind))
}

/// Whether this program wrote results to `folder`.
pub fn holds_results(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// The kinds of files of rows that are written back.
pub const KINDS: [&str; 2] = ["rejects", FAILURES];

/// Rows that the API refused.
pub(super) const FAILURES: &str = "failures";

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

/// Whether `path` is a file of rows to be mended in a folder of results.
pub fn is_written_back(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(Path::new(""));
    let is_ours = || {
        folder.extension().is_some_and(|ending| ending == "results")
            || folder.join(MANIFEST).exists()
    };
    stem_of_kind(path).is_some() && is_ours()
}

/// What stands beside the results folder of the file of rows `path`, and is named
/// after both: `in.csv.rejects` for `in.csv.results/rejects.csv`. Results of such a file
/// do not nest in its folder.
pub fn beside_results(path: &Path) -> PathBuf {
    let stem = stem_of_kind(path);
    let folder = path.parent().filter(|folder| folder.file_name().is_some());
    let (Some(stem), Some(folder)) = (stem, folder) else {
        return path.to_owned();
    };
    let folder = match folder.extension() {
        Some(ending) if ending == "results" => folder.with_extension(""),
        Some(_) | None => folder.to_owned(),
    };
    let mut name = OsString::from(folder);
    name.push(".");
    name.push(stem);
    PathBuf::from(name)
}

/// The name of a file of rows without its ending: `rejects`, `failures-2`.
fn stem_of_kind(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let stem = name
        .strip_suffix(".csv")
        .or_else(|| name.strip_suffix(".jsonl"))?;
    let is_kind = KINDS.iter().any(|kind| {
        let rest = stem.strip_prefix(kind);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    });
    is_kind.then_some(stem)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::beside_results;

    #[test]
    fn results_of_rejects_do_not_nest() {
        for (path, base) in [
            ("in.csv.results/rejects.csv", "in.csv.rejects"),
            ("a/b.results/failures-2.jsonl", "a/b.failures-2"),
            (
                "in.csv.rejects.results/rejects.csv",
                "in.csv.rejects.rejects",
            ),
            ("out/rejects.kept-1.csv", "out.rejects.kept-1"),
            ("rejects.csv", "rejects.csv"),
            ("out/rejected.csv", "out/rejected.csv"),
            ("out/other.csv", "out/other.csv"),
        ] {
            assert_eq!(beside_results(Path::new(path)), Path::new(base), "{path}");
        }
    }
}
