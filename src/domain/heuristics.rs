//! Rules of thumb for values that the API would accept but that look wrong.
//!
//! None of them is a rule of Kable's: they lead to warnings. `spoilt/` has the values
//! that were something else once.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::LazyLock;

use iso_currency::Country;

use super::field::Field;

/// What is expected in `field`, if `value` does not look like it.
#[inline]
pub(super) fn expectation(field: Field, value: &str) -> Option<&'static str> {
    let shape = shape(field)?;
    (!(shape.is_right)(value)).then_some(shape.expected)
}

/// What a field's values look like.
struct Shape {
    is_right: fn(&str) -> bool,
    expected: &'static str,
}

#[inline]
fn shape(field: Field) -> Option<&'static Shape> {
    Some(match field {
        Field::Email => &Shape {
            is_right: is_email,
            expected: "one address, such as name@company.example",
        },
        Field::Country => &Shape {
            is_right: is_country,
            expected: "a country's ISO 3166 code, such as DE, or its name",
        },
        Field::StripeCustomerId => &Shape {
            is_right: is_stripe_id,
            expected: "cus_ and letters and digits",
        },
        Field::PlanIds => &Shape {
            is_right: |value| is_kable_id(value, "pln_"),
            expected: "pln_ and 32 hexadecimal digits",
        },
        Field::BundleIds => &Shape {
            is_right: |value| is_kable_id(value, "bun_"),
            expected: "bun_ and 32 hexadecimal digits",
        },
        Field::ClientId
        | Field::CompanyName
        | Field::Currency
        | Field::FirstName
        | Field::LastName
        | Field::Phone
        | Field::AddressLine1
        | Field::AddressLine2
        | Field::City
        | Field::State
        | Field::PostalCode => return None,
    })
}

/// A separator or a blank between two addresses, or a sign that is none of an address.
const SEPARATOR: u8 = 1;
/// What separates the local part from the domain.
const AT: u8 = 1 << 1;
const HYPHEN: u8 = 1 << 2;
const DOT: u8 = 1 << 3;

/// By byte: what it is in an address.
static SIGNS: [u8; 256] = signs();

#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn signs() -> [u8; 256] {
    let mut signs = [0; 256];
    // RFC 5322 §3.2.3 lets the last ones stand in quotes only: `mailto:ap@company.example`.
    let bytes = b",;<> \t\n\x0b\x0c\r:()\\";
    let mut at = 0;
    while at < bytes.len() {
        signs[bytes[at] as usize] = SEPARATOR;
        at += 1;
    }
    signs[b'@' as usize] = AT;
    signs[b'-' as usize] = HYPHEN;
    signs[b'.' as usize] = DOT;
    signs
}

fn sign(byte: u8) -> u8 {
    SIGNS.get(usize::from(byte)).copied().unwrap_or(SEPARATOR)
}

fn is_email(value: &str) -> bool {
    let bytes = value.as_bytes();
    let Some((local, [_at, domain @ ..])) =
        memchr::memchr(b'@', bytes).and_then(|at| bytes.split_at_checked(at))
    else {
        return false;
    };
    // All bytes are looked at, which is faster than stopping at the first.
    let signs = local.iter().fold(0, |all, byte| all | sign(*byte));
    !local.is_empty()
        && signs & SEPARATOR == 0
        && is_domain(domain)
        && (value.is_ascii() || !value.contains(char::is_whitespace))
}

/// Whether `bytes` are at least two labels with dots between them, none of which
/// begins or ends with a hyphen (RFC 1123 §2.1), and without separators.
fn is_domain(bytes: &[u8]) -> bool {
    // Without branches, which is faster than stopping at the first wrong byte.
    let (mut all, mut wrong, mut before) = (0, 0, DOT);
    for byte in bytes {
        let sign = sign(*byte);
        all |= sign;
        // The bit of a dot: after a dot, a hyphen or a dot; after a hyphen, a dot.
        wrong |= (sign & before) | (sign << 1 & before) | (before << 1 & sign);
        before = sign & (HYPHEN | DOT);
    }
    wrong & DOT == 0 && all & (SEPARATOR | AT) == 0 && all & DOT != 0 && before == 0
}

/// Common names that are not in the table of ISO 3166, in lower case: those of everyday
/// English, of the country's own and its neighbours' languages, and codes that the EU uses.
/// Any name with letters beyond ASCII is accepted.
const COUNTRIES: [&str; 162] = [
    "aland islands",
    "alemania",
    "algerie",
    "allemagne",
    "antigua",
    "antigua & barbuda",
    "argentine",
    "belgien",
    "belgique",
    "bharat",
    "bolivia",
    "bosnia",
    "bosnia & herzegovina",
    "bosnia-herzegovina",
    "brasil",
    "british virgin islands",
    "brunei",
    "bundesrepublik deutschland",
    "burma",
    "cabo verde",
    "canary islands",
    "cape verde",
    "ceska republika",
    "cesko",
    "congo",
    "congo-brazzaville",
    "congo-kinshasa",
    "cote d'ivoire",
    "curacao",
    "cymru",
    "czech republic",
    "czechia",
    "danmark",
    "democratic republic of the congo",
    "deutschland",
    "dr congo",
    "east timor",
    "eesti",
    "eire",
    "el",
    "england",
    "espagne",
    "espana",
    "eswatini",
    "falkland islands",
    "francia",
    "frankreich",
    "great britain",
    "holland",
    "hong kong",
    "hong kong sar",
    "hong kong sar china",
    "hrvatska",
    "iran",
    "islamic republic of iran",
    "italia",
    "italie",
    "italien",
    "ivory coast",
    "korea",
    "kosovo",
    "lao pdr",
    "laos",
    "latvija",
    "lietuva",
    "luxemburg",
    "macao",
    "macau",
    "macau sar",
    "macedonia",
    "magyarorszag",
    "maroc",
    "micronesia",
    "moldova",
    "myanmar (burma)",
    "nederland",
    "niederlande",
    "norge",
    "north korea",
    "north macedonia",
    "northern ireland",
    "oesterreich",
    "osterreich",
    "p.r. china",
    "palestine",
    "palestinian territories",
    "pays-bas",
    "people's republic of china",
    "polska",
    "portogallo",
    "pr china",
    "republic of china",
    "republic of ireland",
    "republic of korea",
    "republic of moldova",
    "republic of the congo",
    "republika hrvatska",
    "republika slovenija",
    "reunion",
    "russia",
    "russian federation",
    "saint barthelemy",
    "saint helena",
    "saint martin",
    "sao tome & principe",
    "sao tome and principe",
    "schweiz",
    "scotland",
    "shqiperia",
    "sint maarten",
    "slovenija",
    "slovenska republika",
    "slovensko",
    "south korea",
    "spanien",
    "st. barthelemy",
    "st. helena",
    "st. kitts & nevis",
    "st. kitts and nevis",
    "st. lucia",
    "st. martin",
    "st. vincent and the grenadines",
    "suisse",
    "suomi",
    "sverige",
    "svizzera",
    "swaziland",
    "syria",
    "taiwan",
    "taiwan, r.o.c.",
    "tanzania",
    "the bahamas",
    "the gambia",
    "the netherlands",
    "trinidad",
    "trinidad & tobago",
    "tunisie",
    "turkey",
    "turkiye",
    "turks & caicos islands",
    "türkiye",
    "u.a.e.",
    "u.k.",
    "u.s.",
    "u.s. virgin islands",
    "u.s.a.",
    "uae",
    "uk",
    "ukraina",
    "united kingdom",
    "united states",
    "united states of america",
    "us",
    "us virgin islands",
    "usa",
    "vatican",
    "vatican city",
    "venezuela",
    "viet nam",
    "vietnam",
    "wales",
    "xk",
];

/// The names of all countries in lower case, those of ISO 3166 and [`COUNTRIES`].
static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let letters = || (b'A'..=b'Z').map(char::from);
    let codes =
        letters().flat_map(|first| letters().map(move |second| String::from_iter([first, second])));
    codes
        .filter_map(|code| Country::from_str(&code).ok())
        .map(|country| country.name().to_lowercase())
        .chain(COUNTRIES.map(str::to_owned))
        .collect()
});

/// Which pairs of letters are a country's code, by [`pair_index`].
static CODES: LazyLock<[bool; 26 * 26]> = LazyLock::new(|| {
    let mut codes = [false; 26 * 26];
    for (first, row) in (b'A'..=b'Z').zip(codes.chunks_mut(26)) {
        for (second, slot) in (b'A'..=b'Z').zip(row) {
            let code = [first, second].map(char::from);
            *slot = Country::from_str(&String::from_iter(code)).is_ok();
        }
    }
    codes
});

/// The place of two letters among all pairs; `None` for any other text.
fn pair_index(value: &str) -> Option<usize> {
    let letter = |byte: u8| {
        let place = byte.to_ascii_uppercase().wrapping_sub(b'A');
        (place < 26).then_some(usize::from(place))
    };
    match value.as_bytes() {
        [first, second] => Some(letter(*first)? * 26 + letter(*second)?),
        _ => None,
    }
}

fn is_country(value: &str) -> bool {
    if let Some(place) = pair_index(value)
        && CODES.get(place) == Some(&true)
    {
        return true;
    }
    // The table has no three-letter codes: any are accepted.
    value.len() == 3 && value.bytes().all(|b| b.is_ascii_alphabetic())
        || NAMES.contains(&value.to_lowercase())
        || value.len() > 3 && !value.is_ascii()
}

fn is_stripe_id(value: &str) -> bool {
    value
        .strip_prefix("cus_")
        .is_some_and(|id| id.len() >= 8 && all(id, |b| b.is_ascii_alphanumeric()))
}

/// Whether `is_right` holds for every byte. It is called for all, which is faster
/// than stopping at the first that is wrong.
fn all(text: &str, is_right: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & is_right(byte))
}

fn is_kable_id(value: &str, prefix: &str) -> bool {
    value
        .strip_prefix(prefix)
        .is_some_and(|id| id.len() == 32 && all(id, |b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::{expectation, is_country, is_email};
    use crate::domain::field::Field;

    #[test]
    fn an_address_is_one_address() {
        for good in ["a@b.example", "ap+x@sub.b-c.example", "jörg@müller.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.example",
            "a@b",
            "a@b.example, c@d.example",
            "A <a@b.example>",
            "a@.example",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn countries_are_codes_or_names() {
        for good in [
            "DE",
            "de",
            "DEU",
            "Germany",
            "USA",
            "UK",
            "United States",
            "日本国",
            "Deutschland",
            "Suisse",
            "België",
            "Sverige",
            "British Virgin Islands",
            "Republic of Korea",
            "Vatican City",
            "Curacao",
            "St. Lucia",
            "Trinidad & Tobago",
            "Republic of Ireland",
            "XK",
            "EL",
        ] {
            assert!(is_country(good), "{good}");
        }
        for bad in ["Atlantis", "ZZ", "D", "12"] {
            assert!(!is_country(bad), "{bad}");
        }
    }

    #[test]
    fn ids_have_their_prefix() {
        assert_eq!(
            expectation(Field::StripeCustomerId, "cus_NffrFeUfNV2Hib"),
            None
        );
        assert!(expectation(Field::StripeCustomerId, "sub_NffrFeUfNV2Hib").is_some());
        assert_eq!(
            expectation(Field::PlanIds, &format!("pln_{}", "0a".repeat(16))),
            None
        );
        assert!(expectation(Field::BundleIds, &format!("pln_{}", "0a".repeat(16))).is_some());
    }
}
