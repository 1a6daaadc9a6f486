//! Mistakes in one field: every code, in every form, in each field it occurs in.

use super::chance::Chance;
use super::encode::Format;
use super::people::many_ids;
use super::row::{CONTACT, Field, Row, Value};
use super::truth::{Code, Planted};
use super::words;

/// A mistake in one field, and the problem that should be reported.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) field: Field,
    change: Change,
    told: &'static [Code],
}

/// How a field is changed.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// Its value becomes this.
    Become(&'static str),
    /// These are put before and after it.
    Wrap(&'static str, &'static str),
    /// This is put into the middle of it.
    Break(char),
    /// It is this many characters long.
    Grow(usize, char),
    /// It is in lower case, with these before and after it.
    Lower(&'static str, &'static str),
    /// It is JSON of another type.
    Json(&'static str),
    /// The whole contact is JSON of another type.
    Contact(&'static str),
    /// The list has these too, before its own items.
    Items(&'static [&'static str]),
    /// The list repeats its first item this many times.
    Again(usize),
    /// This is put into the middle of the list's last item.
    BreakItem(char),
    /// The list's last item is this many characters long.
    GrowItem(usize),
    /// The list has this many items.
    Many(u64),
}

use Code::{Corrected, Invalid, Missing, Suspect, UnknownCurrency, UnsupportedCurrency, WrongType};

/// All of them that a format can hold.
pub(super) fn all(format: Format) -> Vec<Case> {
    let mut cases = Vec::new();
    missing(&mut cases);
    currencies(&mut cases);
    invalid(&mut cases);
    spoilt(&mut cases);
    long(&mut cases);
    suspect(&mut cases);
    lists(&mut cases);
    corrected(&mut cases);
    match format {
        Format::Csv => apostrophes(&mut cases),
        Format::Jsonl => wrong_types(&mut cases),
    }
    cases
}

fn add(cases: &mut Vec<Case>, field: Field, change: Change, told: &'static [Code]) {
    cases.push(Case {
        field,
        change,
        told,
    });
}

/// The fields that hold one text, except the currency, which has other rules.
fn texts() -> impl Iterator<Item = Field> {
    let is_text = |field: &Field| !field.is_list() && *field != Field::Currency;
    Field::ALL.into_iter().filter(is_text)
}

fn missing(cases: &mut Vec<Case>) {
    for field in Field::REQUIRED {
        for blank in words::BLANKS {
            add(cases, field, Change::Become(blank), &[Missing]);
        }
    }
}

fn currencies(cases: &mut Vec<Case>) {
    let field = Field::Currency;
    for word in words::NO_CURRENCIES {
        add(cases, field, Change::Become(word), &[UnknownCurrency]);
    }
    for code in words::OTHER_CURRENCIES {
        add(cases, field, Change::Become(code), &[UnsupportedCurrency]);
    }
    add(
        cases,
        field,
        Change::Become(" Euro"),
        &[Corrected, UnknownCurrency],
    );
    add(
        cases,
        field,
        Change::Become("CHF "),
        &[Corrected, UnsupportedCurrency],
    );
}

fn invalid(cases: &mut Vec<Case>) {
    for field in texts() {
        for control in words::CONTROLS {
            add(cases, field, Change::Break(control), &[Invalid]);
        }
    }
    // An address may run over several lines; an id doesn't.
    for field in [Field::ClientId, Field::StripeCustomerId] {
        for control in ['\n', '\t'] {
            add(cases, field, Change::Break(control), &[Invalid]);
        }
    }
    for (before, behind) in words::AROUND {
        add(
            cases,
            Field::ClientId,
            Change::Wrap(before, behind),
            &[Invalid],
        );
    }
    for id in words::LOST_DIGITS.iter().chain(&words::NOTHINGS) {
        add(cases, Field::ClientId, Change::Become(id), &[Invalid]);
    }
    for name in words::NOTHINGS.iter().filter(|name| **name != "None") {
        add(cases, Field::CompanyName, Change::Become(name), &[Invalid]);
    }
    // In a URL's path they are folders.
    for id in [".", ".."] {
        add(cases, Field::ClientId, Change::Become(id), &[Invalid]);
    }
}

/// What a spreadsheet, a database or a wrong encoding spoilt: an error in ids, and in the
/// company's name if nothing of it is left; a warning elsewhere.
fn spoilt(cases: &mut Vec<Case>) {
    for field in [Field::CompanyName, Field::FirstName, Field::LastName] {
        add(cases, field, Change::Break('\n'), &[Suspect]);
        add(cases, field, Change::Break('\u{2028}'), &[Suspect]);
    }
    for field in texts() {
        let is_id = matches!(field, Field::ClientId | Field::StripeCustomerId);
        let told = |rejects: bool| if rejects { &[Invalid] } else { &[Suspect] };
        let lost = words::SPREADSHEET_ERRORS.iter().chain(&words::LOST);
        for value in lost {
            let rejects = is_id || field == Field::CompanyName;
            add(cases, field, Change::Become(value), told(rejects));
        }
        for value in words::SPOILT {
            add(cases, field, Change::Become(value), told(is_id));
        }
        if field != Field::ClientId && field != Field::CompanyName {
            for value in ["NULL", "n/a", "\\N", "--", "(blank)", "tbd"] {
                add(cases, field, Change::Become(value), &[Suspect]);
            }
        }
    }
}

fn long(cases: &mut Vec<Case>) {
    add(cases, Field::ClientId, Change::Grow(513, 'x'), &[Invalid]);
    add(cases, Field::ClientId, Change::Grow(513, 'ü'), &[Invalid]);
    for field in texts().filter(|field| *field != Field::ClientId) {
        add(cases, field, Change::Grow(4097, 'x'), &[Invalid]);
        add(cases, field, Change::Grow(4500, '名'), &[Invalid]);
    }
}

fn suspect(cases: &mut Vec<Case>) {
    let mut each = |field: Field, values: &[&'static str]| {
        for value in values {
            add(cases, field, Change::Become(value), &[Suspect]);
        }
    };
    each(Field::CompanyName, &["None", "tbd"]);
    each(Field::Email, &words::NO_EMAILS);
    each(Field::Country, &words::NO_COUNTRIES);
    each(Field::StripeCustomerId, &words::NO_STRIPE_IDS);
}

fn lists(cases: &mut Vec<Case>) {
    for (field, others) in [
        (Field::PlanIds, &words::NO_PLANS),
        (Field::BundleIds, &words::NO_BUNDLES),
    ] {
        for other in others.chunks(1) {
            add(cases, field, Change::Items(other), &[Suspect]);
        }
        add(
            cases,
            field,
            Change::Items(&["gold", "silver"]),
            &[Suspect, Suspect],
        );
        add(
            cases,
            field,
            Change::Items(&["gold", "gold"]),
            &[Suspect, Corrected],
        );
        add(cases, field, Change::Again(1), &[Corrected]);
        add(cases, field, Change::Again(2), &[Corrected, Corrected]);
        for error in words::SPREADSHEET_ERRORS.chunks(1) {
            add(cases, field, Change::Items(error), &[Invalid]);
        }
        for control in words::CONTROLS.into_iter().chain(['\n', '\t']) {
            add(cases, field, Change::BreakItem(control), &[Invalid]);
        }
        add(cases, field, Change::GrowItem(4097), &[Invalid]);
        add(cases, field, Change::Many(1001), &[Invalid]);
    }
}

fn corrected(cases: &mut Vec<Case>) {
    for field in texts().filter(|field| *field != Field::ClientId) {
        for (before, behind) in words::AROUND {
            add(cases, field, Change::Wrap(before, behind), &[Corrected]);
        }
    }
    for (before, behind) in words::AROUND {
        add(
            cases,
            Field::Currency,
            Change::Wrap(before, behind),
            &[Corrected],
        );
        add(
            cases,
            Field::Currency,
            Change::Lower(before, behind),
            &[Corrected, Corrected],
        );
    }
    add(cases, Field::Currency, Change::Lower("", ""), &[Corrected]);
}

/// Only a spreadsheet writes an apostrophe that is not part of the value.
fn apostrophes(cases: &mut Vec<Case>) {
    for field in [
        Field::ClientId,
        Field::Currency,
        Field::StripeCustomerId,
        Field::Email,
        Field::Phone,
        Field::PostalCode,
        Field::Country,
    ] {
        add(cases, field, Change::Wrap("'", ""), &[Corrected]);
    }
    add(cases, Field::ClientId, Change::Wrap("'-", ""), &[Corrected]);
    add(
        cases,
        Field::Phone,
        Change::Wrap(" '", ""),
        &[Corrected, Corrected],
    );
    // Before a letter the apostrophe may be part of the name; before what a spreadsheet
    // would compute it is not.
    for field in [
        Field::CompanyName,
        Field::FirstName,
        Field::LastName,
        Field::AddressLine1,
        Field::AddressLine2,
        Field::City,
        Field::State,
    ] {
        for before in ["'1 ", "'+", "'-", "'=", "'@"] {
            add(cases, field, Change::Wrap(before, ""), &[Corrected]);
        }
    }
}

fn wrong_types(cases: &mut Vec<Case>) {
    for field in Field::REQUIRED {
        add(cases, field, Change::Json("null"), &[Missing]);
    }
    for field in Field::ALL {
        let others = if field.is_list() {
            &words::NO_LISTS[..]
        } else {
            &words::NO_STRINGS
        };
        for json in others {
            add(cases, field, Change::Json(json), &[WrongType]);
        }
    }
    for json in words::NO_OBJECTS {
        add(cases, Field::Email, Change::Contact(json), &[WrongType]);
    }
}

impl Case {
    /// Whether it can occur only once in a file: a second row with the id `NULL` would be a
    /// duplicate.
    pub(super) fn is_once(&self) -> bool {
        self.field == Field::ClientId && self.told == [Suspect]
    }

    /// Whether a row with it can still be sent, and still has its own id.
    pub(super) fn is_harmless(&self) -> bool {
        self.field != Field::ClientId && !self.told.iter().any(|code| code.severity() == "error")
    }

    /// Whether both can be in one row and are still reported separately.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let replaces = |case: &Self| matches!(case.change, Change::Contact(_));
        let in_contact = |case: &Self| case.field.in_contact().is_some();
        self.field != other.field
            && !(replaces(self) && in_contact(other))
            && !(replaces(other) && in_contact(self))
    }

    /// Plants it in `row`; `full` has a value where the row has none.
    pub(super) fn plant(&self, row: &mut Row, full: &Row, chance: &mut Chance) -> Vec<Planted> {
        let field = self.field;
        if row.get(field) == &Value::Absent {
            row.set(field, full.get(field).clone());
        }
        let text = row.text(field).to_owned();
        let mut items = row.items(field).to_vec();
        let value = match self.change {
            Change::Become(text) => Value::Text(text.replace('*', &chance.hex(12))),
            Change::Wrap(before, behind) => Value::Text(format!("{before}{text}{behind}")),
            Change::Break(c) => Value::Text(broken(&text, c)),
            Change::Grow(length, c) => Value::Text(c.to_string().repeat(length)),
            Change::Lower(before, behind) => {
                Value::Text(format!("{before}{}{behind}", text.to_lowercase()))
            }
            Change::Json(json) => Value::Json(json),
            Change::Contact(json) => {
                row.contact = Some(json);
                Value::Absent
            }
            Change::Items(more) => {
                items.splice(0..0, more.iter().map(|item| (*item).to_owned()));
                Value::List(items)
            }
            Change::Again(times) => {
                items = vec![items[0].clone(); times + 1];
                Value::List(items)
            }
            Change::BreakItem(c) => {
                let last = items.len() - 1;
                items[last] = broken(&items[last], c);
                Value::List(items)
            }
            Change::GrowItem(length) => {
                let last = items.len() - 1;
                items[last] = "x".repeat(length);
                Value::List(items)
            }
            Change::Many(many) => Value::List(many_ids(field, many, chance)),
        };
        row.set(field, value);
        let field = if matches!(self.change, Change::Contact(_)) {
            CONTACT
        } else {
            field.path()
        };
        let planted = |code: &Code| Planted { code: *code, field };
        self.told.iter().map(planted).collect()
    }
}

/// `text` with `c` after its first character, never at its end.
fn broken(text: &str, c: char) -> String {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or('x');
    let rest = match chars.as_str() {
        "" => "x",
        rest => rest,
    };
    format!("{first}{c}{rest}")
}
