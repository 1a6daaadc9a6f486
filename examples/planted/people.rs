//! Customers without a mistake: plausible, varied, and all different.

use super::chance::Chance;
use super::encode::Format;
use super::places::{PLACES, Place};
use super::row::{Field, Row, Value};

/// The separators of a list's items, as users of spreadsheets write them.
const SEPARATORS: [&str; 6] = [";", ";", "; ", "|", ",", "["];

/// The plans and bundles of the vendor's customers: few, and each many times.
const PLANS: [&str; 3] = [
    "pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1",
    "pln_6b4c1d8e0f2a53749506b7c8d9e0f1a2",
    "pln_7c5d2e9f1a3b64850617c8d9e0f1a2b3",
];
const BUNDLES: [&str; 2] = [
    "bun_8d6e3f0a2b4c75961728d9e0f1a2b3c4",
    "bun_9e7f4a1b3c5d86072839e0f1a2b3c4d5",
];

/// How many of a hundred rows have a field that is optional.
const fn how_often(field: Field) -> u64 {
    match field {
        Field::ClientId | Field::CompanyName | Field::Currency => 100,
        Field::PlanIds => 80,
        Field::BundleIds => 22,
        Field::FirstName | Field::LastName | Field::City => 90,
        Field::Email | Field::Country => 95,
        Field::Phone | Field::PostalCode => 75,
        Field::AddressLine1 => 85,
        Field::StripeCustomerId | Field::AddressLine2 => 30,
        Field::State => 60,
    }
}

/// The customer of a number, with every field filled.
pub(super) fn full(number: u64, chance: &mut Chance) -> Row {
    let place = chance.pick(&PLACES);
    let mut row = Row::default();
    row.separator = *chance.pick(&SEPARATORS);
    row.escaped = chance.percent(5);
    let mut set = |field: Field, text: String| row.set(field, Value::Text(text));
    let (first, last) = (
        *chance.pick(place.first_names),
        *chance.pick(place.last_names),
    );
    let (word, domain) = *chance.pick(place.words);
    let (town, state, postal_code) = *chance.pick(place.towns);
    set(Field::ClientId, client_id(number, chance));
    set(Field::CompanyName, company(word, place, chance));
    set(Field::Currency, place.currency.to_owned());
    set(
        Field::StripeCustomerId,
        chance.spelled("cus_??????????????"),
    );
    set(Field::FirstName, first.to_owned());
    set(Field::LastName, last.to_owned());
    set(Field::Email, email(number, (first, last), domain, chance));
    set(Field::Phone, spelled_one_of(place.phones, chance));
    set(Field::AddressLine1, spelled_one_of(place.streets, chance));
    set(Field::AddressLine2, second_line(place, chance));
    set(Field::City, town.to_owned());
    set(
        Field::State,
        if state.is_empty() { town } else { state }.to_owned(),
    );
    set(Field::PostalCode, chance.spelled(postal_code));
    set(Field::Country, (*chance.pick(place.country)).to_owned());
    row.set(Field::PlanIds, some_of(&PLANS, chance));
    row.set(Field::BundleIds, some_of(&BUNDLES, chance));
    row
}

/// Leaves out the fields that customers leave out.
pub(super) fn thinned(mut row: Row, chance: &mut Chance) -> Row {
    for field in Field::ALL {
        if !chance.percent(how_often(field)) {
            row.set(field, Value::Absent);
        }
    }
    row
}

/// A unique id in one of the spellings that companies use, unique also regardless of case.
fn client_id(number: u64, chance: &mut Chance) -> String {
    match chance.below(20) {
        0..=9 => format!("acct_{:07}", 1000 + number),
        10..=13 => format!("CUST-{:08}", 20_000 + number),
        14..=16 => (100_000_000 + number).to_string(),
        17 => format!(
            "{}-{}-4{}-{number:012x}",
            chance.hex(8),
            chance.hex(4),
            chance.hex(3)
        ),
        18 => format!("Kd-Nr {:07}/a", 300 + number),
        _ => format!("eu.org{number}.müller"),
    }
}

fn company(word: &str, place: &Place, chance: &mut Chance) -> String {
    let (trade, suffix) = (chance.pick(place.trades), chance.pick(place.suffixes));
    let joint = if word.is_ascii() == trade.is_ascii() || trade.is_ascii() {
        " "
    } else {
        ""
    };
    format!("{word}{joint}{trade}{suffix}")
}

/// An address that is unique: it contains the number.
fn email(number: u64, name: (&str, &str), domain: &str, chance: &mut Chance) -> String {
    let tag = base_36(number);
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphabetic);
        letters.collect::<String>().to_lowercase()
    };
    match chance.below(4) {
        0 => format!("billing+{tag}@{domain}.example"),
        1 => format!("accounts@{domain}-{tag}.example"),
        2 => format!("ap.{tag}@mail.{domain}.example"),
        _ => format!("{}.{}{tag}@{domain}.example", plain(name.0), plain(name.1)),
    }
    .replace("..", ".")
    .trim_start_matches('.')
    .to_owned()
}

fn base_36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

fn second_line(place: &Place, chance: &mut Chance) -> String {
    let room = spelled_one_of(place.rooms, chance);
    // Addresses run over several lines in real exports, with either line end.
    match chance.below(20) {
        0 => format!("{room}\nc/o {}", chance.pick(place.last_names)),
        1 => format!("{room}\r\n{}", spelled_one_of(place.streets, chance)),
        2 => format!("{room}, gate \"{}\"", chance.spelled("@#")),
        _ => room,
    }
}

fn spelled_one_of(patterns: &[&str], chance: &mut Chance) -> String {
    let pattern = *chance.pick(patterns);
    chance.spelled(pattern)
}

/// One of `ids`, or the first few.
fn some_of(ids: &[&str], chance: &mut Chance) -> Value {
    let start = chance.below(ids.len() as u64);
    let many = 1 + chance.below(4) / 3;
    let chosen = ids
        .iter()
        .cycle()
        .skip(usize::try_from(start).unwrap_or_default());
    let chosen = chosen.take(usize::try_from(many).unwrap_or(1));
    Value::List(chosen.map(|id| (*id).to_owned()).collect())
}

/// Values that look like mistakes and are none.
pub(super) fn odd_but_good(row: &mut Row, format: Format, chance: &mut Chance) {
    let json = format == Format::Jsonl;
    let text = |text: &str| Value::Text(text.to_owned());
    let id = row.text(Field::ClientId).to_owned();
    match chance.below(20) {
        0 => row.set(Field::CompanyName, text("'t Hooft & Zonen BV")),
        1 => row.set(Field::CompanyName, text("Null & None Ltd")),
        2 => row.set(Field::CompanyName, text("#1 Plumbing (N/A)")),
        3 => row.set(Field::CompanyName, text("5\" Pipe \"Works\"")),
        4 => row.set(Field::CompanyName, text("'Quoted' at the start")),
        5 => row.set(Field::CompanyName, text("Tab\tin the Name")),
        6 => row.set(Field::CompanyName, text(&"é".repeat(4096))),
        7 => row.set(Field::ClientId, text(&format!("{id:ü<512}"))),
        8 => row.set(Field::ClientId, text(&format!("k{id}E+15"))),
        9 => row.set(Field::ClientId, text(&format!("...{id}"))),
        10 => row.set(Field::ClientId, text(&format!("{id}/ä?#%2F&👩‍🚀"))),
        11 => row.set(Field::FirstName, text("'s-Gravenzande")),
        12 => row.set(Field::AddressLine1, text("Level 2\r\nHarbour House\tEast")),
        13 => row.set(Field::LastName, text("e\u{301}abc")),
        14 => row.set(Field::Country, text("us")),
        15 => row.set(
            Field::PlanIds,
            Value::List(many_ids(Field::PlanIds, 1000, chance)),
        ),
        16 => row.set(
            Field::Email,
            text(&format!("jörg+{}@müller.example", chance.hex(16))),
        ),
        // JSON has more than one way to omit a value; a table has one.
        17 if json => row.set(Field::Phone, Value::Json("null")),
        18 if json => row.set(Field::BundleIds, Value::Json("[]")),
        19 if json => row.extra = r#","legacy":{"ids":[1,[2]],"rate":1.50e3},"note":null"#,
        _ => row.set(Field::City, Value::Absent),
    }
    if row.get(Field::BundleIds) == &Value::Json("[]") && chance.percent(50) {
        row.contact = Some("null");
    }
}

/// This many valid ids for a list, all different.
pub(super) fn many_ids(field: Field, many: u64, chance: &mut Chance) -> Vec<String> {
    let prefix = if field == Field::BundleIds {
        "bun_"
    } else {
        "pln_"
    };
    (0..many)
        .map(|number| format!("{prefix}{}{number:08x}", chance.hex(24)))
        .collect()
}
