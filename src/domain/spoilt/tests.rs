use proptest::prelude::*;

use super::{SpoiltBy, code_pages, garbled, lost_characters, markup_in, spoilt};
use crate::domain::field::Field;
use crate::domain::printable::is_printable;

/// How `value` was spoilt in `field`, and whether the row is rejected.
fn found(field: Field, value: &str) -> Option<(&'static str, bool)> {
    let by = spoilt(field, value)?;
    let name = match &by {
        SpoiltBy::Decoding(_) => "decoding",
        SpoiltBy::Invisible(..) => "invisible",
        SpoiltBy::LineBreak => "lines",
        SpoiltBy::ErrorValue => "error",
        SpoiltBy::NarrowColumn => "narrow",
        SpoiltBy::Placeholder(_) => "placeholder",
        SpoiltBy::Questions => "questions",
        SpoiltBy::LostLetter => "letter",
        SpoiltBy::Formula => "formula",
        SpoiltBy::Uncalculated => "uncalculated",
        SpoiltBy::LostForm(_) => "form",
        SpoiltBy::Quotes(_) => "quotes",
        SpoiltBy::Encoding(_) => "encoding",
        SpoiltBy::Entities(_) => "entities",
        SpoiltBy::Tags => "tags",
        SpoiltBy::Percents(_) => "percents",
        SpoiltBy::Backslashes(_) => "backslashes",
        SpoiltBy::Total => "total",
    };
    Some((name, by.rejects(field)))
}

/// Whatever a mapping has made of it.
#[test]
fn a_formula_without_a_value_is_an_error_in_every_field() {
    use super::UNCALCULATED;
    let joined = format!("Aster {UNCALCULATED} Ltd");
    for value in [UNCALCULATED, &UNCALCULATED.to_lowercase(), &joined] {
        assert!(!is_printable(value.as_bytes()));
        for field in Field::ALL {
            assert_eq!(found(field, value), Some(("uncalculated", true)), "{field}");
        }
    }
    assert_eq!(found(Field::CompanyName, "Caution \u{26a0} Ltd"), None);
}

#[test]
fn errors_are_in_ids_and_the_company_and_warnings_elsewhere() {
    let (id, plan, stripe) = (Field::ClientId, Field::PlanIds, Field::StripeCustomerId);
    let (company, phone) = (Field::CompanyName, Field::Phone);
    for (value, name, rejecting) in [
        ("#WERT!", "error", &[id, plan, stripe, company][..]),
        ("########", "narrow", &[id, plan, stripe, company]),
        ("8,9E+11", "form", &[id, plan, stripe, company]),
        ("A\u{fffd}ster", "decoding", &[id, plan, stripe, company]),
        ("Aster 锟斤拷", "decoding", &[id, plan, stripe, company]),
        ("01-Mar", "form", &[id, plan, stripe]),
        ("M?ller", "letter", &[]),
        ("M├╝ller", "encoding", &[id, plan, stripe]),
        ("РњРѕСЃРєРІР°", "encoding", &[id, plan, stripe]),
        ("TRUE", "form", &[id, plan, stripe]),
        ("MÃ¼ller", "encoding", &[id, plan, stripe]),
        ("\"Acme\"", "quotes", &[id, plan, stripe]),
        ("'Acme'", "quotes", &[id, plan, stripe]),
        ("A &amp; B", "entities", &[id, plan, stripe]),
        ("A \\\"B\\\"", "backslashes", &[id, plan, stripe]),
        ("<b>A</b>", "tags", &[id, plan, stripe]),
        ("A\u{200b}ster", "invisible", &[id, plan, stripe]),
        ("A\u{202e}ster", "invisible", &[id, plan, stripe]),
        ("NULL", "placeholder", &[id, company]),
        ("\\N", "placeholder", &[id, company]),
        ("--", "placeholder", &[id]),
        ("None", "placeholder", &[id]),
        ("????? ???", "questions", &[id, plan, stripe, company]),
        ("=T(\"00123\")", "formula", &[id, plan, stripe, company]),
        ("=ВПР(A2;B:C;2)", "formula", &[id, plan, stripe, company]),
        ("=A2&\" GmbH\"", "formula", &[id, plan, stripe, company]),
        ("=\"00123\"", "quotes", &[id, plan, stripe]),
        ("ï»¿Acme", "encoding", &[id, plan, stripe]),
        ("tbd", "placeholder", &[]),
    ] {
        for field in [id, plan, stripe, company, phone, Field::City] {
            if (field, value) == (Field::City, "None") {
                continue;
            }
            let wanted = Some((name, rejecting.contains(&field)));
            assert_eq!(found(field, value), wanted, "{field} {value:?}");
        }
    }
}

#[test]
fn forms_depend_on_the_field() {
    for (field, value, wanted) in [
        (Field::PostalCode, "2134.0", Some(("form", false))),
        (Field::AddressLine1, "2134.0", None),
        (Field::AddressLine1, "12 Example St\nLevel 2", None),
        (Field::AddressLine1, "#42", None),
        (Field::AddressLine2, "# 12", None),
        (Field::AddressLine1, "«Villa»", None),
        (Field::CompanyName, "#1 Pizza", None),
        (Field::CompanyName, "Total", Some(("total", false))),
        (Field::CompanyName, "GRAND TOTAL", Some(("total", false))),
        (Field::CompanyName, "Total Energy", None),
        (Field::City, "Total", None),
        (Field::City, "None", None),
        (Field::State, "NA", None),
        (Field::ClientId, "\"c-1", Some(("quotes", true))),
        (Field::ClientId, "c \u{e9}/1", None),
        (Field::ClientId, "175928847299117000", Some(("form", false))),
        (Field::ClientId, "175928847299117063", None),
        (Field::ClientId, "1234567890123450", None),
        (Field::ClientId, "100000000000000000", None),
        (Field::ClientId, "=c-1", None),
        (Field::CompanyName, "=mc2 (Physics)", None),
        (Field::CompanyName, "Who? What? Where?", None),
        (Field::CompanyName, "??", Some(("placeholder", false))),
        (Field::ClientId, "می\u{200c}خ", None),
        (Field::CompanyName, "ភ្នំ\u{200b}ពេញ", None),
        (Field::ClientId, "ភ្នំ\u{200b}ពេញ", Some(("invisible", true))),
        (Field::ClientId, "As\nter", Some(("lines", true))),
        (Field::CompanyName, "As\nter", Some(("lines", false))),
        (Field::LastName, "As\u{2028}ter", Some(("lines", false))),
        (Field::City, "As\nter", None),
        (Field::Phone, "030 1\n030 2", Some(("lines", false))),
        (Field::Phone, "Loading...", Some(("error", false))),
        (Field::CompanyName, "Cargando…", Some(("error", true))),
        (Field::ClientId, "#LOADING!", Some(("error", true))),
        (Field::CompanyName, "Loading... Ltd", None),
        (Field::CompanyName, "می\u{200c}خ", None),
        (Field::CompanyName, "'t Hooft BV", None),
        (Field::CompanyName, "Rock 'n' Roll", None),
        (Field::CompanyName, "Acme%20Ltd", Some(("percents", false))),
        (
            Field::CompanyName,
            "O\\'Brien",
            Some(("backslashes", false)),
        ),
        (Field::ClientId, "m\\u00fcller", Some(("backslashes", true))),
        (Field::ClientId, "CORP\\nina", None),
        (
            Field::AddressLine1,
            "12 Elm St\\nRear",
            Some(("backslashes", false)),
        ),
        (Field::ClientId, "acme%20ltd", None),
        (Field::Email, "a%20b@c.example", None),
        (Field::Email, "Ada <ada@c.example>", None),
    ] {
        assert_eq!(found(field, value), wanted, "{field} {value:?}");
    }
}

#[test]
fn an_id_may_be_a_date_and_has_no_thousands() {
    for (field, value, wanted) in [
        (Field::ClientId, "2024-01-05", Some(("form", false))),
        (Field::ClientId, "1/5/24", Some(("form", false))),
        (Field::ClientId, "1 234 567", Some(("form", false))),
        (
            Field::ClientId,
            "1\u{2009}234\u{2009}567",
            Some(("form", true)),
        ),
        (Field::Phone, "1 234 567", None),
        (Field::AddressLine1, "2024-01-05", None),
    ] {
        assert_eq!(found(field, value), wanted, "{field} {value:?}");
    }
}

#[test]
fn a_message_says_what_was_found_and_what_is_wanted() {
    for (field, value, message) in [
        (
            Field::ClientId,
            "c\u{200b}1",
            "clientId \"c\\u{200b}1\" holds the invisible character U+200B (zero width space) after \
             \"c\", wanted the text without it",
        ),
        (
            Field::CompanyName,
            "MÃ¼ller",
            "companyName \"MÃ¼ller\" was decoded with the wrong encoding, wanted what was \
             probably \"Müller\" (export again as UTF-8)",
        ),
        (
            Field::Phone,
            "n/a",
            "billingContact.phone is \"n/a\", which reads like no value at all (wanted a number)",
        ),
    ] {
        let by = spoilt(field, value).unwrap();
        assert_eq!(by.message(field, value, "wanted a number"), message);
    }
}

/// Words of several scripts and the marks that names have.
const NAME: &str = "(\\p{Lu}\\p{Ll}{2,8}|[ÄÖÜÉÅØŁŚŽ][a-zäöüßéèçñåøæœšžł]{2,8}|[Α-Ω][α-ω]{2,7}\
    |[А-Я][а-я]{2,8}|[א-ת]{3,8}|[ا-ي]{3,8}|[अ-ह]{2,6}|[ก-ฮ]{3,8}|[ぁ-ん]{2,6}|[一-鿋]{2,6}|[가-힣]{2,6})";

proptest! {
    #[test]
    fn an_ordinary_name_or_address_gets_no_note(
        words in proptest::collection::vec(NAME, 2..4),
        end in "( GmbH| & Co\\. KG| Ltd\\.| S\\.A\\.|®|’s| 株式会社|, Inc\\.| \\(UK\\)|)",
        number in "[1-9][0-9]{0,3}[a-c]?",
    ) {
        let name = format!("{}{end}", words.join(" "));
        for field in [Field::CompanyName, Field::FirstName, Field::LastName, Field::City] {
            prop_assert_eq!(spoilt(field, &name), None, "{}", name);
        }
        for address in [format!("{number} {name}"), format!("{name} {number}")] {
            prop_assert_eq!(spoilt(Field::AddressLine1, &address), None, "{}", address);
        }
    }

    #[test]
    fn an_ordinary_number_gets_no_note(
        phone in "(\\+[1-9][0-9]{0,2} )?(\\([0-9]{2,4}\\) ?)?[0-9]{2,4}([-. /][0-9]{2,4}){1,3}( ?x[0-9]{2,4})?",
        postal in "([0-9]{4,6}|[A-Z]{1,2}[0-9]{1,2} [0-9][A-Z]{2}|[0-9]{5}-[0-9]{3,4}|[0-9]{4} [A-Z]{2})",
        id in "([a-z]{1,5}[-_])?[0-9]{1,8}|[A-Za-z]{3}_[A-Za-z0-9]{8,14}|[0-9a-f]{8}-[0-9a-f]{4}",
    ) {
        // `5551234.00` may be a phone number and is more likely what a program made of one.
        let has_decimals = phone.strip_suffix(".00").is_some_and(|whole| !whole.contains(|letter: char| !letter.is_ascii_digit()));
        if !has_decimals {
            prop_assert_eq!(spoilt(Field::Phone, &phone), None, "{}", phone);
        }
        prop_assert_eq!(spoilt(Field::PostalCode, &postal), None, "{}", postal);
        let is_month = super::month_date::MONTHS.iter().any(|month| id.starts_with(month));
        if !is_month {
            prop_assert_eq!(spoilt(Field::ClientId, &id), None, "{}", id);
        }
    }
}

/// Whether `text` may be passed over without a look at its characters.
fn is_spoilt_by_characters(text: &str) -> bool {
    let fields = [Field::ClientId, Field::CompanyName];
    let mut by_characters = fields.into_iter().filter(|field| {
        lost_characters(*field, text).is_some() || markup_in(*field, text).is_some()
    });
    by_characters.next().is_some()
        || text.contains(char::is_control)
        || garbled::decoded_again(text).is_some()
        || code_pages::decoded_again(text).is_some()
}

#[test]
fn no_printable_letter_is_looked_at() {
    for letter in '\0'..=char::MAX {
        let text = format!("a{letter}b");
        if is_printable(text.as_bytes()) {
            assert!(!is_spoilt_by_characters(&text), "{letter:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn nothing_printable_is_spoilt_by_its_characters(
        text in "([a-c &<%;#?]|[ĂĹĽłżńАВГРСЁІЃЌЎЏђіѓјќўџ锟斤拷]|[\\\\\"'nru]|[\u{a0}-\u{17f}]|[ŠšŸŽžŒœƒˆ˜€‚„…†‡‰‹‘’“”•–—›™√]|[\u{600}-\u{61f}]|[\u{1e00}-\u{1eff}]|[\u{3000}-\u{3170}]|[\u{ff00}-\u{ffa1}]|amp;|\\PC){0,6}",
    ) {
        prop_assert!(!is_printable(text.as_bytes()) || !is_spoilt_by_characters(&text), "{text:?}");
    }
}
