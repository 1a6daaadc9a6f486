//! Compares the messages of `docs/troubleshooting.md` with those of the source.

use std::path::Path;

const PAGE: &str = include_str!("../../docs/troubleshooting.md");

/// Where messages are: the errors' own, and those with a hint.
const MARKS: [&str; 2] = ["#[error(", "hinted("];

/// Files whose errors are parts of other messages, or of the sandbox's faults.
const PARTS: [&str; 6] = [
    "src/commands/shell_command.rs",
    "src/kable/array_stream.rs",
    "src/report/",
    "src/sandbox/faults/",
    "src/sandbox/throttle/",
    "src/source/bytes/",
];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pattern = root.join("src/**/*.rs");
    let files = glob::glob(pattern.to_str().unwrap()).unwrap();
    files
        .map(|file| {
            let file = file.unwrap();
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap();
            let lines = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let name = file.strip_prefix(root).unwrap().to_string_lossy();
            (name.into_owned(), lines.collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

/// The text literals of some code with their places. A placeholder becomes `…`.
fn literals(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut letters = code.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            // A character or a lifetime.
            '\'' => {
                let quote = ["\"'", "\\\"'"].into_iter().find(|quote| {
                    code.get(at + 1..)
                        .is_some_and(|rest| rest.starts_with(quote))
                });
                for _ in 0..quote.map_or(0, str::len) {
                    letters.next();
                }
            }
            '"' => {
                let (mut text, mut depth) = (String::new(), 0);
                while let Some((_, letter)) = letters.next() {
                    match letter {
                        '"' if depth == 0 => break,
                        '\\' => match letters.next() {
                            Some((_, '\n')) => {
                                while letters.next_if(|(_, next)| next.is_whitespace()).is_some() {}
                            }
                            Some((_, escaped)) => text.push(escaped),
                            None => {}
                        },
                        '{' => depth += 1,
                        '}' => {
                            depth -= 1;
                            if !text.ends_with('…') {
                                text.push('…');
                            }
                        }
                        _ if depth > 0 => {}
                        _ => text.push(letter),
                    }
                }
                found.push((at, text));
            }
            _ => {}
        }
    }
    found
}

/// The messages of the page: the first cells of its tables that are quoted whole.
fn messages() -> Vec<&'static str> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap()).collect()
}

#[test]
fn every_message_of_the_page_is_in_the_source() {
    let all: Vec<String> = sources()
        .iter()
        .flat_map(|(_, code)| literals(code))
        .map(|(_, text)| text)
        .collect();
    let messages = messages();
    assert!(messages.len() > 90, "{}", messages.len());
    let is_there = |message: &str| {
        // Some of the code writes what it is about before it by itself.
        let alone = message.trim_start_matches("warning: ");
        all.iter()
            .any(|text| text.contains(message) || text.contains(alone))
    };
    let gone: Vec<_> = messages
        .iter()
        .filter(|message| !is_there(message))
        .collect();
    assert!(gone.is_empty(), "no such message: {gone:#?}");
}

/// Errors have a place on the page, unless they are parts of others or only placeholders.
#[test]
fn every_error_of_the_source_is_on_the_page() {
    let messages = messages();
    let mut missing = Vec::new();
    for (name, code) in sources() {
        if PARTS.iter().any(|part| name.starts_with(part)) {
            continue;
        }
        let literals = literals(&code);
        for mark in MARKS {
            for (at, _) in code.match_indices(mark) {
                let from = at + mark.len();
                let Some((place, text)) = literals.iter().find(|(place, _)| *place >= from) else {
                    continue;
                };
                let between = code.get(from..*place).unwrap().trim();
                let is_message = between.is_empty() || between == "format!(";
                let words = text.chars().filter(|letter| letter.is_alphabetic()).count();
                let is_known = messages.iter().any(|message| text.contains(message));
                if is_message && words > 3 && !is_known {
                    missing.push(format!("{name}: {text}"));
                }
            }
        }
    }
    assert!(
        missing.is_empty(),
        "not on the page:\n{}",
        missing.join("\n")
    );
}

#[test]
fn literals_are_found() {
    let code = "let a = '\"'; f(\"one {} \\\n    two {b:?}\"); 'x: loop {} g(\"{a}{b}\\n\", \"\")";
    let texts: Vec<String> = literals(code).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["one … two …", "…n", ""]);
}
