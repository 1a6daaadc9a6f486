//! ISO 4217, what Kable takes of it, and what they probably meant.
//!
//! The ISO table is `iso_currency`'s. Kable's list is apart from it, because it
//! is the vendor's and has grown before (API reference, "Create customer").

use iso_currency::Currency;

use super::withdrawn::{WithdrawnCurrency, withdrawn};

/// The currencies that Kable takes (API reference, enum of `currency`).
pub const KABLE: [&str; 11] = [
    "USD", "CAD", "MXN", "EUR", "GBP", "JPY", "INR", "CNY", "AUD", "NZD", "AED",
];

/// Whether `code` is one that Kable takes.
pub(super) fn is_kables(code: &str) -> bool {
    // Three bytes at once are compared without a call.
    let bytes: Option<&[u8; 3]> = code.as_bytes().as_array();
    bytes.is_some()
        && KABLE
            .iter()
            .any(|known| known.as_bytes().as_array() == bytes)
}

/// What people write instead of a code, lower case, and the code they mean.
///
/// Only names that mean one of Kable's currencies and no other: a bare
/// `dollar` may be American, Canadian, Australian or New Zealand's, but is
/// offered as a guess only, never taken.
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

/// Why Kable does not take a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurrencyError {
    /// It is in ISO 4217, but not on Kable's list; the currency's name.
    Unsupported(String),
    /// It is in ISO 4217 no more, and Kable takes what came in its place.
    Replaced {
        /// The year of it.
        year: &'static str,
        /// The code that came.
        by: &'static str,
    },
    /// It is in ISO 4217 no more, and Kable takes nothing that came after it.
    WithdrawnCurrency(WithdrawnCurrency),
    /// It never was in ISO 4217; the code of Kable's that is nearest, if one is.
    Unknown(Option<&'static str>),
}

/// Whether Kable takes `code`, which is trimmed and in upper case.
///
/// `allowed` are codes that the user knows Kable to take by now.
pub fn taken(code: &str, allowed: &[String]) -> Result<(), CurrencyError> {
    let is_taken = |code: &str| KABLE.contains(&code) || allowed.iter().any(|more| more == code);
    if is_taken(code) {
        return Ok(());
    }
    if let Some(withdrawn) = withdrawn(code) {
        return Err(match withdrawn.successor.filter(|came| is_taken(came)) {
            Some(by) => CurrencyError::Replaced {
                year: withdrawn.year,
                by,
            },
            None => CurrencyError::WithdrawnCurrency(withdrawn),
        });
    }
    Err(match Currency::from_code(code) {
        Some(currency) => CurrencyError::Unsupported(currency.name().to_owned()),
        None => CurrencyError::Unknown(meant(code)),
    })
}

/// The code of Kable's that `text` probably means.
pub fn meant(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    if let Some((_, code)) = NAMES.iter().find(|(name, _)| *name == lower) {
        return Some(code);
    }
    let named = |code: &&str| {
        Currency::from_code(code).is_some_and(|currency| currency.name().to_lowercase() == lower)
    };
    if let Some(code) = KABLE.into_iter().find(|code| named(code)) {
        return Some(code);
    }
    // One slip of the finger: a letter too many, too few, wrong or swapped.
    let upper = text.to_uppercase();
    let mut near = KABLE
        .into_iter()
        .filter(|code| strsim::damerau_levenshtein(code, &upper) == 1);
    match (near.next(), near.next()) {
        (Some(only), None) => Some(only),
        (None | Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{CurrencyError, KABLE, NAMES, WithdrawnCurrency, meant, taken, withdrawn};

    #[test]
    fn kables_own_are_taken_and_are_iso() {
        for code in KABLE {
            assert_eq!(taken(code, &[]), Ok(()));
            assert!(iso_currency::Currency::from_code(code).is_some(), "{code}");
        }
    }

    #[test]
    fn iso_but_not_kables_is_unsupported_until_allowed() {
        assert_eq!(
            taken("CHF", &[]),
            Err(CurrencyError::Unsupported("Swiss franc".to_owned()))
        );
        assert_eq!(taken("CHF", &["CHF".to_owned()]), Ok(()));
    }

    #[test]
    fn what_was_a_code_once_is_replaced_where_kable_takes_what_came() {
        let replaced = |year, by| Err(CurrencyError::Replaced { year, by });
        assert_eq!(taken("DEM", &[]), replaced("2002", "EUR"));
        assert_eq!(taken("HRK", &[]), replaced("2023", "EUR"));
        assert_eq!(taken("MXP", &[]), replaced("1993", "MXN"));
        let (year, successor) = ("2005", Some("TRY"));
        let withdrawn = CurrencyError::WithdrawnCurrency(WithdrawnCurrency { year, successor });
        assert_eq!(taken("TRL", &[]), Err(withdrawn));
        assert_eq!(taken("TRL", &["TRY".to_owned()]), replaced("2005", "TRY"));
        assert_eq!(taken("TRL", &["TRL".to_owned()]), Ok(()));
    }

    #[test]
    fn what_is_no_code_is_unknown_and_a_guess_is_offered() {
        assert_eq!(taken("EURO", &[]), Err(CurrencyError::Unknown(Some("EUR"))));
        assert_eq!(taken("XQX", &[]), Err(CurrencyError::Unknown(None)));
        for (text, code) in [
            ("US$", "USD"),
            ("£", "GBP"),
            ("Pound Sterling", "GBP"),
            ("UDS", "USD"),
            ("Euros", "EUR"),
            ("ukp", "GBP"),
        ] {
            assert_eq!(meant(text), Some(code), "{text}");
        }
    }

    #[test]
    fn a_guess_is_always_one_that_kable_takes_and_never_a_tie() {
        assert!(NAMES.iter().all(|(_, code)| KABLE.contains(code)));
        let is_free = |name: &str| withdrawn(&name.to_uppercase()).is_none();
        assert!(NAMES.iter().all(|(name, _)| is_free(name)));
        // One slip from both USD and AUD.
        assert_eq!(meant("UUD"), None);
    }
}
