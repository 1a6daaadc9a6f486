//! The checks of lists of ids: plans and bundles.

use std::borrow::Cow;
use std::collections::HashSet;

use super::candidate::FieldValue;
use super::card_number::masked;
use super::checks::{LONGEST_VALUE, RowChecks, Soundness, in_brackets};
use super::field::Field;
use super::heuristics;
use super::problem::{Code, Fix, Problem};
use super::text::{listed, quoted, trimmed};

/// The most plans or bundles of one customer: more than any price list has, so that
/// only cells with a missing quote exceed it.
const MOST_IDS: usize = 1000;

/// The most problems of a row before repeated ids are no longer noted: a row may
/// repeat one a million times.
const MOST_NOTES: usize = 100;

/// Up to this many ids are searched one by one; more are in a set.
const MOST_SEARCHED: usize = 16;

/// The ids of a list so far, each once.
#[derive(Default)]
struct UniqueIds<'r> {
    kept: Vec<Cow<'r, str>>,
    /// The same if there are many: a thousand would take half a million comparisons.
    set: HashSet<Cow<'r, str>>,
}

impl<'r> UniqueIds<'r> {
    fn has(&self, id: &str) -> bool {
        if self.set.is_empty() {
            self.kept.iter().any(|kept| kept == id)
        } else {
            self.set.contains(id)
        }
    }

    fn keep(&mut self, id: Cow<'r, str>) {
        if self.kept.len() == MOST_SEARCHED {
            self.set.extend(self.kept.iter().cloned());
        }
        if self.kept.len() >= MOST_SEARCHED {
            self.set.insert(id.clone());
        }
        self.kept.push(id);
    }
}

/// The ids of a list, each once.
pub(super) fn ids<'r>(checks: &mut RowChecks<'_, 'r>, field: Field) -> Vec<Cow<'r, str>> {
    let mut ids = UniqueIds::default();
    match checks.candidate.get(field) {
        FieldValue::List(items) => {
            for item in items {
                if trimmed(item) != *item && checks.problems.len() < MOST_NOTES {
                    let message = format!("blanks around {} in {field} were dropped", quoted(item));
                    checks.note(Code::Corrected, field, item, message);
                }
                keep_id(checks, field, Cow::Borrowed(item), &mut ids);
            }
        }
        FieldValue::Wrong(kind, text) => {
            let text = masked(text);
            let message = format!(
                "{field} is {}{}, wanted an array of strings",
                kind.name(),
                in_brackets(&text)
            );
            checks.note(Code::WrongType, field, &text, message);
        }
        FieldValue::Text("") | FieldValue::Absent => return Vec::new(),
        // A fast path for one id of the right form, to which no check of its form objects.
        FieldValue::Text(text) if heuristics::expectation(field, text).is_none() => {
            return vec![known_id(checks, field, Cow::Borrowed(text), None)];
        }
        FieldValue::Text(text) => {
            let text: &'r str = text;
            match json_list(text) {
                Some(items) => {
                    for item in items {
                        keep_id(checks, field, Cow::Owned(item), &mut ids);
                    }
                }
                // Most lists have one id.
                None if !has_separator(text) => {
                    keep_id(checks, field, Cow::Borrowed(text), &mut ids);
                }
                None => {
                    for item in text.split([';', '|', ',']) {
                        keep_id(checks, field, Cow::Borrowed(item), &mut ids);
                    }
                }
            }
        }
    }
    if ids.kept.len() > MOST_IDS {
        let message = format!("{field} names too many ids, wanted at most {MOST_IDS}");
        checks.note(Code::InvalidValue, field, "", message);
        ids.kept.clear();
    }
    ids.kept
}

/// The items of a list that is written in one text.
pub(super) fn items_of(text: &str) -> Vec<String> {
    json_list(text).unwrap_or_else(|| {
        let items = text.split([';', '|', ',']).map(trimmed);
        let items = items.filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    })
}

/// Adds an id of a list unless it is there. Ids beyond the most are ignored.
fn keep_id<'r>(
    checks: &mut RowChecks<'_, 'r>,
    field: Field,
    item: Cow<'r, str>,
    ids: &mut UniqueIds<'r>,
) {
    let id = match item {
        Cow::Borrowed(item) => Cow::Borrowed(trimmed(item)),
        Cow::Owned(item) => Cow::Owned(trimmed(&item).to_owned()),
    };
    if id.is_empty() || ids.kept.len() > MOST_IDS {
        return;
    }
    if ids.has(&id) {
        if checks.problems.len() >= MOST_NOTES {
            return;
        }
        note_repeated(checks, field, &id);
        return;
    }
    // No check of its form objects to an id of the right one.
    let mut expected = heuristics::expectation(field, &id);
    if expected.is_some() {
        match checks.soundness(field, &id, LONGEST_VALUE) {
            Soundness::Sound => {}
            Soundness::Doubtful => expected = None,
            Soundness::Unfit => return,
        }
    }
    let id = known_id(checks, field, id, expected);
    if !ids.has(&id) {
        ids.keep(id);
    } else if checks.problems.len() < MOST_NOTES {
        note_repeated(checks, field, &id);
    }
}

fn note_repeated(checks: &mut RowChecks<'_, '_>, field: Field, id: &str) {
    let message = format!("{field} names {} twice, sent once", quoted(id));
    checks.note(Code::Corrected, field, id, message);
}

/// Checks an id against Kable's list, or if that is not known, notes that its form is not
/// the `expected` one. Returns the id that is sent.
fn known_id<'r>(
    checks: &mut RowChecks<'_, 'r>,
    field: Field,
    id: Cow<'r, str>,
    expected: Option<&str>,
) -> Cow<'r, str> {
    let (known, code) = if field == Field::PlanIds {
        (checks.rules.plans.as_ref(), Code::UnknownPlan)
    } else {
        (checks.rules.bundles.as_ref(), Code::UnknownBundle)
    };
    match known {
        Some(catalog) if catalog.has(&id) => {}
        Some(catalog) => {
            let meant = catalog.with_external_id(&id);
            if let ([meant], true) = (meant.as_slice(), checks.rules.external_ids) {
                return Cow::Owned((*meant).to_owned());
            }
            let (explanation, fix) = unknown(&meant);
            let message = format!("{field} names {}, which {explanation}", quoted(&id));
            let problem = Problem::of(code, field, &id, message);
            checks.problems.push(problem.fixed_by(fix));
        }
        None => {
            // External ids have no particular form.
            if let Some(expected) = expected.filter(|_| !checks.rules.external_ids) {
                checks.suspect(field, &id, expected);
            }
        }
    }
    id
}

/// The message about an id that Kable does not have, and the fix if one is known.
/// `meant` are the ids of the plans or bundles with this external id.
fn unknown(meant: &[&str]) -> (String, Option<Fix>) {
    match meant {
        [] => (
            "Kable does not have (wanted ids of this account)".to_owned(),
            None,
        ),
        [one] => (
            format!(
                "is the externalId of {} (wanted that id, or --plan-ids external)",
                quoted(one)
            ),
            Some(Fix::ExternalIds),
        ),
        several => {
            let several: Vec<String> = several.iter().map(|id| quoted(id)).collect();
            let explanation = format!(
                "is the externalId of {} (wanted one of these ids)",
                listed(&several, 3)
            );
            (explanation, None)
        }
    }
}

/// Whether `text` contains one of the separators of a list.
fn has_separator(text: &str) -> bool {
    memchr::memchr3(b';', b'|', b',', text.as_bytes()).is_some()
}

/// The items of a list that is written as a JSON array in one cell.
fn json_list(text: &str) -> Option<Vec<String>> {
    text.trim_start()
        .starts_with('[')
        .then(|| serde_json::from_str(text.trim()).ok())
        .flatten()
}
