//! What a number format makes of a whole number (ECMA-376 part 1, 18.8.31).
//!
//! Formats of ids, postal codes and phone numbers are applied: zeros, and text around
//! and between the digits. Those of amounts are not: the number itself is wanted.

/// The signs of currencies.
const CURRENCIES: [char; 4] = ['$', '€', '£', '¥'];

/// What a format makes of a number.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Formatted {
    /// The number, or an amount with separators, decimals or a currency.
    AsIs,
    /// Another text.
    Text(String),
    /// Another text, which is not known.
    Unknown,
}

/// A part of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// A place for a digit; whether a zero stands there if there is none.
    Digit(bool),
    /// A character that is shown, and whether it is marked as text.
    Literal(char, bool),
    /// `General`: all digits.
    All,
    /// A sign that makes the number an amount: a separator, a decimal point, a currency.
    Amount,
    /// What is not known here.
    Other,
}

/// What `format` makes of `number`, if that is a whole one.
pub(super) fn with_format(number: &str, format: &str) -> Formatted {
    let is_whole = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole && format != "General" {
        formatted(format, number)
    } else {
        Formatted::AsIs
    }
}

/// What `format` makes of the number with these `digits`.
pub(super) fn formatted(format: &str, digits: &str) -> Formatted {
    let Some(section) = section_for(format, digits) else {
        return Formatted::Unknown;
    };
    let tokens = tokens(section);
    let is_text = |token: &Token| matches!(token, Token::Literal(c, true) if c.is_alphanumeric());
    let is_simple = !tokens.contains(&Token::Amount) && !tokens.contains(&Token::Other);
    let has_digits = tokens
        .iter()
        .any(|token| matches!(token, Token::Digit(_) | Token::All));
    if is_simple && has_digits {
        return shown(&tokens, digits);
    }
    let is_amount = has_digits && !tokens.contains(&Token::Other) && !tokens.iter().any(is_text);
    if is_amount || section.is_empty() || section == "@" {
        Formatted::AsIs
    } else {
        Formatted::Unknown
    }
}

/// The digits, distributed from the right to the places for them.
fn shown(tokens: &[Token], digits: &str) -> Formatted {
    let places = tokens
        .iter()
        .filter(|token| matches!(token, Token::Digit(_)));
    let mut place = places.count();
    let surplus = digits.len().saturating_sub(place);
    let mut rest = digits.chars();
    let mut text = String::new();
    for token in tokens {
        match token {
            Token::Digit(is_zero) => {
                if rest.as_str().len() == digits.len() {
                    // More digits than places stand at the first.
                    text.extend(rest.by_ref().take(surplus));
                }
                if place <= rest.as_str().len() {
                    text.extend(rest.next());
                } else if *is_zero {
                    text.push('0');
                }
                place -= 1;
            }
            Token::All => text.push_str(digits),
            Token::Literal(letter, _) => text.push(*letter),
            Token::Amount | Token::Other => {}
        }
    }
    if text.trim() == digits {
        Formatted::AsIs
    } else {
        Formatted::Text(text.trim().to_owned())
    }
}

/// The part of `format` that is meant for the number with these `digits`, which is not
/// negative; `None` if that is not known.
fn section_for<'f>(format: &'f str, digits: &str) -> Option<&'f str> {
    let sections = sections(format);
    let is_zero = digits.bytes().all(|digit| digit == b'0');
    if is_zero && sections.len() > 2 {
        return sections.get(2).copied();
    }
    sections.into_iter().find_map(|section| {
        let Some((condition, rest)) = condition(section) else {
            return Some(section);
        };
        fulfils(digits, condition).then_some(rest)
    })
}

/// Splits a format at its semicolons.
fn sections(format: &str) -> Vec<&str> {
    let (mut in_quotes, mut is_escaped) = (false, false);
    let ends = |letter: char| {
        let escaped = std::mem::take(&mut is_escaped);
        match letter {
            _ if escaped => {}
            '"' => in_quotes = !in_quotes,
            '\\' if !in_quotes => is_escaped = true,
            _ => {}
        }
        letter == ';' && !in_quotes && !escaped
    };
    format.split(ends).collect()
}

/// The condition at the start of `section`, `<=9999999`, and what follows it.
fn condition(section: &str) -> Option<(&str, &str)> {
    let (condition, rest) = section.strip_prefix('[')?.split_once(']')?;
    condition
        .starts_with(['<', '>', '='])
        .then_some((condition, rest))
}

fn fulfils(digits: &str, condition: &str) -> bool {
    let number = condition.trim_start_matches(['<', '>', '=']);
    let sign = condition.strip_suffix(number);
    let (Some(sign), Ok(limit), Ok(value)) = (sign, number.parse::<f64>(), digits.parse::<f64>())
    else {
        return false;
    };
    let order = value.total_cmp(&limit);
    match sign {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "=" => order.is_eq(),
        _another => order.is_ne(),
    }
}

fn tokens(section: &str) -> Vec<Token> {
    let mut rest = section;
    let mut tokens = Vec::new();
    while let Some(letter) = rest.chars().next() {
        let after = rest.split_at(letter.len_utf8()).1;
        if let Some(after) = rest.strip_prefix("General") {
            tokens.push(Token::All);
            rest = after;
            continue;
        }
        rest = match letter {
            '"' => {
                let (text, after) = after.split_once('"').unwrap_or((after, ""));
                tokens.extend(text.chars().map(literal));
                after
            }
            '[' => {
                let (text, after) = after.split_once(']').unwrap_or((after, ""));
                // `[$€-407]` is a currency, `[$-409]` a language, `[Red]` a colour.
                if text.starts_with('$') && !text.starts_with("$-") {
                    tokens.push(Token::Amount);
                } else if text.starts_with(['<', '>', '=']) {
                    tokens.push(Token::Other);
                }
                after
            }
            '\\' | '_' | '*' => {
                let mut letters = after.chars();
                let marked = letters.next();
                // The room that a character takes, and one that fills the cell.
                let marked = marked.filter(|_| letter == '\\');
                tokens.extend(marked.map(literal));
                letters.as_str()
            }
            _ => {
                tokens.push(token(letter));
                after
            }
        };
    }
    tokens
}

/// The meaning of a character without a mark.
fn token(letter: char) -> Token {
    match letter {
        '0' => Token::Digit(true),
        '#' | '?' => Token::Digit(false),
        ',' | '.' | '%' | '/' | 'E' | 'e' => Token::Amount,
        _ if CURRENCIES.contains(&letter) => Token::Amount,
        _ if letter.is_alphabetic() || letter == '@' => Token::Other,
        _ => Token::Literal(letter, false),
    }
}

/// The meaning of a character that is marked as text.
fn literal(letter: char) -> Token {
    if CURRENCIES.contains(&letter) {
        Token::Amount
    } else {
        Token::Literal(letter, true)
    }
}

#[cfg(test)]
mod tests {
    use super::{Formatted, formatted};

    #[test]
    fn formats_of_ids_are_applied() {
        for (format, digits, wanted) in [
            ("00000", "123", "00123"),
            ("00000;-00000", "123", "00123"),
            ("\"CUST-\"0000", "42", "CUST-0042"),
            ("\"CUST-\"0000", "123456", "CUST-123456"),
            ("\"K;\"0;-0", "7", "K;7"),
            ("\\K\\-000", "7", "K-007"),
            ("\"K-\"#", "7", "K-7"),
            ("\"K-\"General", "7", "K-7"),
            ("0\" users\"", "7", "7 users"),
            ("000\\-00\\-0000", "12345678", "012-34-5678"),
            ("00000-0000", "21340001", "02134-0001"),
            (
                "[<=9999999]###\\-####;\\(###\\)\\ ###\\-####",
                "5551234",
                "555-1234",
            ),
            (
                "[<=9999999]###\\-####;\\(###\\)\\ ###\\-####",
                "2125551234",
                "(212) 555-1234",
            ),
            ("[Red]000;[Blue]-000", "7", "007"),
            ("[$-409]000", "7", "007"),
            ("_(000_)", "7", "007"),
            ("+49 0", "305551234", "+49 305551234"),
            ("0;-0;\"none\"", "0", "none"),
        ] {
            let wanted = match wanted {
                "none" => Formatted::Unknown,
                text => Formatted::Text(text.to_owned()),
            };
            assert_eq!(formatted(format, digits), wanted, "{format}");
        }
    }

    #[test]
    fn numbers_and_amounts_are_left_as_they_are() {
        for format in [
            "",
            "General",
            "@",
            "0",
            "#",
            "##0",
            "#,##0",
            "0.00",
            "#,##0.00",
            "0%",
            "0.00E+00",
            "# ?/?",
            "#,##0 ;[Red](#,##0)",
            "#,##0.00\\ \"€\"",
            "[$€-407]#,##0.00",
            "_($* #,##0.00_);_($* (#,##0.00);_($* \"-\"??_);_(@_)",
            "0;-0;;@",
            "$0",
            "0 \"€\"",
        ] {
            assert_eq!(formatted(format, "1234"), Formatted::AsIs, "{format}");
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        for format in [
            "#,##0.00 \"USD\"",
            "\"K-\"0,000",
            "\"none\"",
            "[>9999]0",
            "0 b",
        ] {
            assert_eq!(formatted(format, "1234"), Formatted::Unknown, "{format}");
        }
    }
}
