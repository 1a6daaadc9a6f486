//! Currency codes: ISO 4217, Kable's list, and guesses at what was meant.
//!
//! The ISO table is `iso_currency`'s. Kable's list is shorter and has grown before
//! (`docs/api.md`, "Create customer: the body").

use iso_currency::Currency;

use super::text::quoted;
use super::withdrawn::{WithdrawnCurrency, withdrawn};

/// The currencies that Kable accepts (`docs/api.md`, "Create customer: the body").
pub const SUPPORTED: [&str; 11] = [
    "USD", "CAD", "MXN", "EUR", "GBP", "JPY", "INR", "CNY", "AUD", "NZD", "AED",
];

/// Whether `code` is one that Kable accepts.
pub(super) fn is_supported(code: &str) -> bool {
    // Arrays of three bytes are compared without a call.
    let bytes: Option<&[u8; 3]> = code.as_bytes().as_array();
    bytes.is_some()
        && SUPPORTED
            .iter()
            .any(|known| known.as_bytes().as_array() == bytes)
}

/// Names and signs that are written instead of a code, in lower case, and the code.
///
/// They are offered as a guess and never sent: a bare `dollar` may be American,
/// Canadian, Australian or New Zealand's.
const NAMES: [(&str, &str); 51] = [
    ("$", "USD"),
    ("us$", "USD"),
    ("$us", "USD"),
    ("usd$", "USD"),
    ("us dollar", "USD"),
    ("us dollars", "USD"),
    ("u.s. dollar", "USD"),
    ("dollar", "USD"),
    ("dollars", "USD"),
    ("american dollar", "USD"),
    ("c$", "CAD"),
    ("ca$", "CAD"),
    ("can$", "CAD"),
    ("cdn", "CAD"),
    ("mx$", "MXN"),
    ("mex$", "MXN"),
    ("peso", "MXN"),
    ("pesos", "MXN"),
    ("€", "EUR"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("eu", "EUR"),
    ("£", "GBP"),
    ("gb£", "GBP"),
    ("pound", "GBP"),
    ("pounds", "GBP"),
    ("sterling", "GBP"),
    ("british pound", "GBP"),
    ("ukp", "GBP"),
    ("stg", "GBP"),
    ("¥", "JPY"),
    ("円", "JPY"),
    ("yen", "JPY"),
    ("jp¥", "JPY"),
    ("₹", "INR"),
    ("rs", "INR"),
    ("rs.", "INR"),
    ("rupee", "INR"),
    ("rupees", "INR"),
    ("rmb", "CNY"),
    ("cnh", "CNY"),
    ("yuan", "CNY"),
    ("元", "CNY"),
    ("cn¥", "CNY"),
    ("a$", "AUD"),
    ("au$", "AUD"),
    ("nz$", "NZD"),
    ("dirham", "AED"),
    ("dirhams", "AED"),
    ("dhs", "AED"),
    ("د.إ", "AED"),
];

/// Why Kable does not accept a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurrencyError {
    /// It is in ISO 4217, but not on Kable's list; the currency's name.
    Unsupported(String),
    /// It was withdrawn from ISO 4217, and Kable accepts its successor.
    Replaced {
        /// The year of the withdrawal.
        year: &'static str,
        /// The successor.
        by: &'static str,
    },
    /// It was withdrawn from ISO 4217, and Kable accepts no successor.
    WithdrawnCurrency(WithdrawnCurrency),
    /// It never was in ISO 4217; the code of Kable's that was probably meant.
    Unknown(Option<&'static str>),
}

/// What is wrong with `value`, which a user set as the currency of all rows.
pub fn objection(value: &str, allowed: &[String]) -> Option<String> {
    let code = value.trim().to_uppercase();
    let list = SUPPORTED.join(" ");
    let why = match check(&code, allowed).err()? {
        CurrencyError::Unsupported(name) => format!(
            "is the {name}, which Kable does not take (wanted one of {list}; --allow-currency {code} \
             if it does by now)"
        ),
        CurrencyError::Replaced { year, by } => format!("was withdrawn in {year} (wanted {by})"),
        CurrencyError::WithdrawnCurrency(WithdrawnCurrency { year, .. }) => {
            format!("was withdrawn in {year} (wanted one of {list})")
        }
        CurrencyError::Unknown(Some(meant)) => {
            format!("is not an ISO 4217 code (wanted three letters, perhaps {meant})")
        }
        CurrencyError::Unknown(None) => format!("is not an ISO 4217 code (wanted one of {list})"),
    };
    Some(format!("currency {} {why}", quoted(value)))
}

/// Whether Kable accepts `code`, which is trimmed and in upper case.
///
/// `allowed` are codes that the user knows Kable to accept by now.
pub fn check(code: &str, allowed: &[String]) -> Result<(), CurrencyError> {
    let is_accepted =
        |code: &str| SUPPORTED.contains(&code) || allowed.iter().any(|more| more == code);
    if is_accepted(code) {
        return Ok(());
    }
    if let Some(withdrawn) = withdrawn(code) {
        return Err(
            match withdrawn
                .successor
                .filter(|successor| is_accepted(successor))
            {
                Some(by) => CurrencyError::Replaced {
                    year: withdrawn.year,
                    by,
                },
                None => CurrencyError::WithdrawnCurrency(withdrawn),
            },
        );
    }
    Err(match Currency::from_code(code) {
        Some(currency) => CurrencyError::Unsupported(currency.name().to_owned()),
        None => CurrencyError::Unknown(guess(code)),
    })
}

/// The code of Kable's that was probably meant by `text`.
pub fn guess(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    if let Some((_, code)) = NAMES.iter().find(|(name, _)| *name == lower) {
        return Some(code);
    }
    let named = |code: &&str| {
        Currency::from_code(code).is_some_and(|currency| currency.name().to_lowercase() == lower)
    };
    if let Some(code) = SUPPORTED.into_iter().find(|code| named(code)) {
        return Some(code);
    }
    // One typing error: a letter too many, missing, wrong or swapped.
    let upper = text.to_uppercase();
    let mut near = SUPPORTED
        .into_iter()
        .filter(|code| strsim::damerau_levenshtein(code, &upper) == 1);
    match (near.next(), near.next()) {
        (Some(only), None) => Some(only),
        (None | Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{CurrencyError, NAMES, SUPPORTED, WithdrawnCurrency, check, guess, withdrawn};

    #[test]
    fn supported_codes_are_accepted_and_in_iso_4217() {
        for code in SUPPORTED {
            assert_eq!(check(code, &[]), Ok(()));
            assert!(iso_currency::Currency::from_code(code).is_some(), "{code}");
        }
    }

    #[test]
    fn another_iso_code_is_unsupported_until_allowed() {
        assert_eq!(
            check("CHF", &[]),
            Err(CurrencyError::Unsupported("Swiss franc".to_owned()))
        );
        assert_eq!(check("CHF", &["CHF".to_owned()]), Ok(()));
    }

    #[test]
    fn a_withdrawn_code_is_replaced_if_kable_accepts_its_successor() {
        let replaced = |year, by| Err(CurrencyError::Replaced { year, by });
        assert_eq!(check("DEM", &[]), replaced("2002", "EUR"));
        assert_eq!(check("HRK", &[]), replaced("2023", "EUR"));
        assert_eq!(check("MXP", &[]), replaced("1993", "MXN"));
        let (year, successor) = ("2005", Some("TRY"));
        let withdrawn = CurrencyError::WithdrawnCurrency(WithdrawnCurrency { year, successor });
        assert_eq!(check("TRL", &[]), Err(withdrawn));
        assert_eq!(check("TRL", &["TRY".to_owned()]), replaced("2005", "TRY"));
        assert_eq!(check("TRL", &["TRL".to_owned()]), Ok(()));
    }

    #[test]
    fn any_other_text_is_unknown_and_a_guess_is_offered() {
        assert_eq!(check("EURO", &[]), Err(CurrencyError::Unknown(Some("EUR"))));
        assert_eq!(check("XQX", &[]), Err(CurrencyError::Unknown(None)));
        for (text, code) in [
            ("US$", "USD"),
            ("£", "GBP"),
            ("Pound Sterling", "GBP"),
            ("UDS", "USD"),
            ("Euros", "EUR"),
            ("ukp", "GBP"),
        ] {
            assert_eq!(guess(text), Some(code), "{text}");
        }
    }

    #[test]
    fn a_guess_is_always_supported_and_never_a_tie() {
        assert!(NAMES.iter().all(|(_, code)| SUPPORTED.contains(code)));
        let is_free = |name: &str| withdrawn(&name.to_uppercase()).is_none();
        assert!(NAMES.iter().all(|(name, _)| is_free(name)));
        // One slip from both USD and AUD.
        assert_eq!(guess("UUD"), None);
    }
}
