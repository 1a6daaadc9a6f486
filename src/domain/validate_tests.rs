use proptest::prelude::*;

use super::validate;
use crate::domain::candidate::Candidate;
use crate::domain::catalog::{Catalog, CatalogEntry};
use crate::domain::field::Field;
use crate::domain::problem::{Code, Fix, messages};
use crate::domain::row::Origin;
use crate::domain::rules::Rules;

/// A valid candidate; each test changes the one thing that it is about.
fn candidate() -> Candidate<'static> {
    let mut candidate = Candidate::new(Origin::default());
    candidate.set(Field::ClientId, "c-1");
    candidate.set(Field::CompanyName, "Aster");
    candidate.set(Field::Currency, "USD");
    candidate
}

fn with(field: Field, value: &str) -> Result<Vec<Code>, String> {
    let mut changed = candidate();
    changed.set(field, value);
    validate(&changed, &Rules::default())
        .map(|fit| fit.notes.iter().map(|note| note.code).collect())
        .map_err(|rejection| rejection.to_string())
}

#[test]
fn all_problems_of_a_row_are_reported_at_once() {
    let mut broken = Candidate::new(Origin::default());
    broken.set(Field::ClientId, "c-1");
    broken.set(Field::Currency, "EURO");
    assert_eq!(
        validate(&broken, &Rules::default())
            .unwrap_err()
            .to_string(),
        "companyName is missing (wanted the customer's name); currency \"EURO\" is not an ISO 4217 code \
         (wanted three letters, perhaps EUR)",
    );
}

#[test]
fn a_blank_value_is_a_missing_one() {
    for (field, start) in [
        (Field::ClientId, "clientId is missing (wanted the id that"),
        (
            Field::CompanyName,
            "companyName is missing (wanted the customer's name)",
        ),
        (
            Field::Currency,
            "currency is missing (wanted one of USD CAD MXN",
        ),
    ] {
        let error = with(field, " \u{a0}\t").unwrap_err();
        assert!(error.starts_with(start), "{error}");
    }
    assert_eq!(with(Field::Email, "  "), Ok(vec![]));
}

#[test]
fn a_wrong_currency_is_reported_with_what_is_expected_and_its_fix() {
    let one_of = "wanted one of USD CAD MXN EUR GBP JPY INR CNY AUD NZD AED";
    let write = |code| Some(Fix::Write(code));
    for (value, explanation, fix) in [
        ("DEM", "was withdrawn in 2002 (wanted EUR)", write("EUR")),
        ("dem", "was withdrawn in 2002 (wanted EUR)", write("EUR")),
        (
            "RUR",
            &format!(
                "was withdrawn in 2004, and Kable does not take RUB, which came in its place ({one_of})"
            ),
            None,
        ),
        ("CSK", &format!("was withdrawn in 1993 ({one_of})"), None),
        (
            "UKP",
            "is not an ISO 4217 code (wanted three letters, perhaps GBP)",
            write("GBP"),
        ),
        ("XQX", &format!("is not an ISO 4217 code ({one_of})"), None),
        (
            "chf",
            &format!("is the Swiss franc, which Kable does not take ({one_of})"),
            Some(Fix::Allow("CHF".to_owned())),
        ),
    ] {
        let mut changed = candidate();
        changed.set(Field::Currency, value);
        let found = validate(&changed, &Rules::default()).unwrap_err().problems;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            found[0].message,
            format!("currency {value:?} {explanation}")
        );
        assert_eq!((found[0].value.as_str(), &found[0].fix), (value, &fix));
    }
}

#[test]
fn corrections_are_made_and_reported() {
    assert_eq!(with(Field::Currency, "usd"), Ok(vec![Code::Corrected]));
    assert_eq!(
        with(Field::CompanyName, " Aster "),
        Ok(vec![Code::Corrected])
    );
    assert_eq!(
        with(Field::Phone, "'+15035550142"),
        Ok(vec![Code::Corrected])
    );
    assert_eq!(with(Field::ClientId, "'0042"), Ok(vec![Code::Corrected]));
    assert_eq!(with(Field::ClientId, "'acct_1"), Ok(vec![Code::Corrected]));
    assert_eq!(
        with(Field::PlanIds, "p; p").unwrap().last(),
        Some(&Code::Corrected)
    );
}

#[test]
fn an_apostrophe_that_belongs_to_a_name_stays() {
    let mut dutch = candidate();
    dutch.set(Field::CompanyName, "'t Hooft BV");
    let fit = validate(&dutch, &Rules::default()).unwrap();
    assert_eq!(fit.values.to_customer().company_name(), "'t Hooft BV");
    assert_eq!(fit.notes, []);
}

#[test]
fn an_id_is_not_corrected_by_trimming() {
    assert_eq!(
        with(Field::ClientId, " c-1"),
        Err("clientId \" c-1\" has blanks around it, wanted the bare id".to_owned())
    );
}

#[test]
fn a_value_that_no_api_could_accept_is_rejected() {
    let long = "x".repeat(5000);
    for (field, value) in [
        (Field::ClientId, "1.23E+15"),
        (Field::ClientId, "c\n1"),
        (Field::ClientId, ".."),
        (Field::ClientId, long.as_str()),
        (Field::CompanyName, "As\u{7}ter"),
        (Field::CompanyName, "As\0ter"),
        (Field::CompanyName, "#N/A"),
        (Field::CompanyName, "NULL"),
        (Field::ClientId, "NULL"),
        (Field::PlanIds, "#NV"),
        (Field::StripeCustomerId, "cus_Nffr\u{200b}FeUfNV2Hib"),
        (Field::AddressLine2, "4242 4242 4242 4242"),
        (Field::City, long.as_str()),
    ] {
        assert!(with(field, value).is_err(), "{field} {value:?}");
    }
}

#[test]
fn an_address_may_have_two_lines() {
    assert_eq!(
        with(Field::AddressLine1, "Level 2\r\n12 Example St"),
        Ok(vec![])
    );
}

#[test]
fn a_suspect_value_is_a_warning() {
    for (field, value) in [
        (Field::Email, "not an address"),
        (Field::Country, "Atlantis"),
        (Field::StripeCustomerId, "sub_1"),
        (Field::PlanIds, "gold"),
        (Field::CompanyName, "None"),
        (Field::CompanyName, "--"),
        (Field::CompanyName, "tbd"),
        (Field::Email, "mailto:ap@aster.example"),
        (Field::CompanyName, "Aster\nGmbH"),
        (Field::CompanyName, "Total"),
        (Field::Phone, "8,9E+11"),
        (Field::PostalCode, "2134.0"),
        (Field::City, "#N/A"),
        (Field::Email, "NULL"),
        (Field::Country, "n/a"),
        (Field::StripeCustomerId, "NULL"),
        (Field::PlanIds, "NULL"),
        (Field::ClientId, "tbd"),
    ] {
        assert_eq!(with(field, value), Ok(vec![Code::SuspectValue]), "{field}");
    }
}

#[test]
fn invisible_characters_are_trimmed_or_missing() {
    for name in [
        "\u{200b}Aster\u{feff}",
        "\u{202a}Aster\u{202c}",
        "\u{ad}Aster",
    ] {
        assert_eq!(with(Field::CompanyName, name), Ok(vec![Code::Corrected]));
    }
    for nothing in ["\u{200b}", "\u{fe0f}\u{200d}", "\u{3164}"] {
        let error = with(Field::CompanyName, nothing).unwrap_err();
        assert!(error.starts_with("companyName is missing"), "{error}");
        let error = with(Field::ClientId, nothing).unwrap_err();
        assert!(error.starts_with("clientId is missing"), "{error}");
        assert_eq!(with(Field::City, nothing), Ok(vec![]));
    }
    assert_eq!(with(Field::CompanyName, "I ❤\u{fe0f}"), Ok(vec![]));
}

#[test]
fn a_card_number_is_in_no_message() {
    for (field, value) in [
        (Field::CompanyName, "Aster 4242424242424242"),
        (Field::AddressLine2, "Visa 4242-4242-4242-4242 12/29"),
        (Field::ClientId, " 4242 4242 4242 4242"),
        (Field::Currency, "4242424242424242"),
        (Field::PlanIds, "p;4242424242424242"),
        (Field::Email, " 4242424242424242@x.example"),
    ] {
        let mut changed = candidate();
        changed.set(field, value);
        let problems = validate(&changed, &Rules::default()).unwrap_err().problems;
        assert!(
            problems
                .iter()
                .any(|problem| problem.code == Code::InvalidValue)
        );
        for problem in problems {
            let shown = format!("{} {}", problem.value, problem.message).replace(['-', ' '], "");
            assert!(!shown.contains("42424242"), "{problem:?}");
            assert!(problem.message.contains("ending in 4242") || field == Field::PlanIds);
        }
    }
}

#[test]
fn strict_rejects_a_row_with_a_correction() {
    let mut lower = candidate();
    lower.set(Field::Currency, "usd");
    let strict = Rules {
        strict: true,
        ..Rules::default()
    };
    assert!(validate(&lower, &strict).is_err());
    assert!(validate(&candidate(), &strict).is_ok());
}

#[test]
fn plans_are_checked_against_the_list_if_it_was_looked_up() {
    let mut plans = Catalog::default();
    plans.add(CatalogEntry {
        id: "gold".to_owned(),
        ..CatalogEntry::default()
    });
    let rules = Rules {
        plans: Some(plans),
        ..Rules::default()
    };
    let mut known = candidate();
    known.set(Field::PlanIds, "gold");
    assert_eq!(validate(&known, &rules).unwrap().notes, []);
    known.set(Field::PlanIds, "gold|silver");
    assert_eq!(
        validate(&known, &rules).unwrap_err().problems[0].code,
        Code::UnknownPlan
    );
}

#[test]
fn lists_are_split_or_read_as_json() {
    for text in ["a;b", "a|b", "a, b", "[\"a\",\"b\"]", " a ;; b "] {
        let mut listed = candidate();
        listed.set(Field::PlanIds, text);
        let values = validate(&listed, &Rules::default()).unwrap().values;
        let customer = values.to_customer();
        assert!(customer.plan_ids().eq(["a", "b"]), "{text}: {customer:?}");
    }
}

#[test]
fn an_id_that_is_repeated_is_kept_once_however_long_the_list_is() {
    for others in [0, 14, 15, 16, 17, 200] {
        let ids = || (0..=others).map(|number| format!("pln_{number:032x}"));
        let repeated: Vec<String> = ids().chain(ids().take(1)).chain(ids()).collect();
        let text = repeated.join(";");
        let mut listed = candidate();
        listed.set(Field::PlanIds, &text);
        let fit = validate(&listed, &Rules::default()).unwrap();
        let twice = fit
            .notes
            .iter()
            .filter(|note| note.message.ends_with("twice, sent once"));
        assert_eq!(twice.count(), (others + 2).min(100), "{others}");
        let customer = fit.values.to_customer();
        assert!(customer.plan_ids().eq(ids()), "{others}");
    }
}

proptest! {
    #[test]
    fn what_is_accepted_is_never_blank(
        client_id in ".{0,8}",
        company_name in ".{0,8}",
        currency in "[A-Za-z $€]{0,4}",
        email in ".{0,8}",
        plans in ".{0,12}",
    ) {
        let mut drawn = Candidate::new(Origin::default());
        drawn.set(Field::ClientId, &client_id);
        drawn.set(Field::CompanyName, &company_name);
        drawn.set(Field::Currency, &currency);
        drawn.set(Field::Email, &email);
        drawn.set(Field::PlanIds, &plans);
        match validate(&drawn, &Rules::default()) {
            Ok(fit) => {
                let customer = fit.values.to_customer();
                prop_assert!(!customer.client_id().trim().is_empty());
                prop_assert_eq!(customer.client_id().trim(), customer.client_id());
                prop_assert!(!customer.company_name().trim().is_empty());
                prop_assert!(crate::domain::currency::SUPPORTED.contains(&customer.currency()));
                prop_assert!(customer.plan_ids().all(|id| !id.trim().is_empty()));
                prop_assert!(customer.contact().all(|(_, value)| !value.trim().is_empty()));
            }
            Err(rejection) => prop_assert!(!rejection.problems.is_empty()),
        }
    }
}

/// Plans with external ids, of which two have the same.
fn with_external_ids() -> Rules {
    let mut plans = Catalog::default();
    for (id, external_id) in [("pln_1", "gold"), ("pln_2", "twin"), ("pln_3", "twin")] {
        plans.add(CatalogEntry {
            id: id.to_owned(),
            external_id: Some(external_id.to_owned()),
            ..CatalogEntry::default()
        });
    }
    Rules {
        plans: Some(plans),
        ..Rules::default()
    }
}

#[test]
fn an_external_id_is_rejected_with_the_id_that_is_meant() {
    let mut named = candidate();
    for (ids, message, fix) in [
        (
            "gold",
            "planIds names \"gold\", which is the externalId of \"pln_1\" (wanted that id, or --plan-ids external)",
            Some(Fix::ExternalIds),
        ),
        (
            "twin",
            "planIds names \"twin\", which is the externalId of \"pln_2\" and \"pln_3\" (wanted one of these ids)",
            None,
        ),
    ] {
        named.set(Field::PlanIds, ids);
        let problems = validate(&named, &with_external_ids()).unwrap_err().problems;
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].code, Code::UnknownPlan);
        assert_eq!(problems[0].message, message);
        assert_eq!(problems[0].fix, fix);
    }
}

#[test]
fn with_external_ids_the_id_of_the_plan_is_sent() {
    let rules = Rules {
        external_ids: true,
        ..with_external_ids()
    };
    let mut named = candidate();
    named.set(Field::PlanIds, "gold|pln_2|pln_1");
    let fit = validate(&named, &rules).unwrap();
    let ids: Vec<&str> = fit.values.plan_ids.iter().map(AsRef::as_ref).collect();
    assert_eq!(ids, ["pln_1", "pln_2"]);
    assert_eq!(
        messages(&fit.notes),
        "planIds names \"pln_1\" twice, sent once"
    );
    named.set(Field::PlanIds, "twin");
    assert!(validate(&named, &rules).is_err());
    // The format of Kable's own ids is not checked then.
    let rules = Rules {
        external_ids: true,
        ..Rules::default()
    };
    named.set(Field::PlanIds, "gold");
    assert_eq!(validate(&named, &rules).unwrap().notes, []);
}
