//! Puts a row on one line, and says where it is not JSON.

use super::position::LineColumn;
use crate::source::bytes::line_ends::line_ends;
use crate::source::jsonl::syntax::{Lexer, is_blank};

/// Why `text` is not JSON, with the place in the input; `None` if it is, or if it is
/// not UTF-8, which is said where rows are read. `is_cut_off` says whether the input
/// ends within it.
pub(super) fn fault_in(text: &[u8], start: LineColumn, is_cut_off: bool) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let mut lexer = Lexer::new(text, 0);
    let fault = lexer.skip_value().and_then(|()| lexer.end()).err()?;
    let before = text.get(..fault.at).unwrap_or(text);
    let breaks = line_ends(before.as_bytes(), false);
    let (line, column) = match before.rsplit_once(['\n', '\r']) {
        Some((_, tail)) => (start.line + breaks, tail.chars().count() + 1),
        None => (start.line, start.column + before.chars().count()),
    };
    let end = if is_cut_off && fault.at == text.len() {
        ", where the file ends"
    } else {
        ""
    };
    Some(format!(
        "not JSON at line {line}, column {column}: {}{end} (wanted a JSON object)",
        fault.what
    ))
}

/// Appends `text` to `line`, with a blank for each line break between tokens.
pub(super) fn put_on_one_line(text: &[u8], line: &mut Vec<u8>) {
    if memchr::memchr2(b'\n', b'\r', text).is_none() {
        line.extend_from_slice(text);
        return;
    }
    let (mut in_string, mut escaped) = (false, false);
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        if !in_string && is_blank(*byte) {
            let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
            let (run, behind) = rest.split_at(blanks);
            rest = behind;
            if run.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
                line.push(b' ');
            } else {
                line.extend_from_slice(run);
            }
            continue;
        }
        rest = after;
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ => {}
        }
        // No string may have a line break: the row stays broken.
        line.push(if *byte == b'\n' { b'\r' } else { *byte });
    }
}
