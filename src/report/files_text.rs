//! Where the result files are, in words.

use super::atomic_file::WrittenFile;
use crate::domain::text::{counted, thousands};

/// Every file, with what it holds.
pub(super) fn all_files(files: &[WrittenFile], line: &mut impl FnMut(&str)) {
    let folder = files.first().and_then(|file| file.place.parent());
    if let Some(folder) = folder {
        line(&format!(
            "Results are in {}{}",
            folder.display(),
            std::path::MAIN_SEPARATOR
        ));
    }
    // An empty problems file exists for scripts, and is not listed.
    for file in files
        .iter()
        .filter(|file| file.rows > 0 || !file.place.ends_with("problems.csv"))
    {
        let name = file.place.file_name().unwrap_or_default().to_string_lossy();
        let kind = name.split(['.', '-']).next().unwrap_or_default();
        let many = |one, several| counted(file.rows, one, several);
        let lines = || many("line", "lines");
        let holds = match kind {
            "rejects" => format!("{} to mend and feed back", many("row", "rows")),
            "failures" => format!("{} that Kable refused", many("row", "rows")),
            "problems" => format!(
                "{}, a line each, for a spreadsheet",
                many("problem", "problems")
            ),
            "results" => format!("the outcome of every row: {}", lines()),
            "online" => format!("what Kable holds of every row: {}", lines()),
            "differences" => format!("what differs at Kable, a line each: {}", lines()),
            "cancelled" => format!("what became of those to be cancelled: {}", lines()),
            "verified" => format!("how every row compares: {}", lines()),
            "keys" => "the API keys that Kable made: keep them safe".to_owned(),
            _ if name.ends_with(".html") => "this run to look at, in a browser".to_owned(),
            _ => "these figures, for scripts".to_owned(),
        };
        line(&format!("  {name:<16} {holds}"));
    }
}

/// The names of the files in as few lines of `width` columns as they take, with how many rows
/// they hold.
pub(super) fn file_names(files: &[WrittenFile], width: usize, line: &mut impl FnMut(&str)) {
    let folder = files.first().and_then(|file| file.place.parent());
    let folder = folder.map(|folder| folder.display().to_string());
    let mut text = format!(
        "Results in {}{}:",
        folder.unwrap_or_default(),
        std::path::MAIN_SEPARATOR
    );
    let is_shown = |file: &&WrittenFile| file.rows > 0 || !file.place.ends_with("problems.csv");
    for file in files.iter().filter(is_shown) {
        let name = file.place.file_name().unwrap_or_default().to_string_lossy();
        let part = match file.rows {
            0 => name.into_owned(),
            rows => format!("{name} ({})", thousands(rows)),
        };
        if text.chars().count() + part.chars().count() + 3 > width {
            line(&format!("{text},"));
            text = String::from(" ");
        }
        let comma = if text.ends_with([':', ' ']) { "" } else { "," };
        text = format!("{text}{comma} {part}");
    }
    line(&text);
}
