//! The checks of lists of ids: plans and bundles.

use std::borrow::Cow;
use std::collections::HashSet;

use super::candidate::FieldValue;
use super::checks::{LONGEST_VALUE, RowChecks, in_brackets};
use super::field::Field;
use super::heuristics;
use super::problem::{Code, Fix, Problem};
use super::text::{listed, quoted, trimmed};

/// The most plans or bundles of one customer: far beyond any price list, so that
/// only a cell that swallowed its neighbours is caught by it.
const MOST_IDS: usize = 1000;

/// The most that is said of a row before repeated ids are passed over in
/// silence: a row may name one of them a million times.
const MOST_NOTES: usize = 100;

/// How many ids are gone through one by one to see whether another is among
/// them.
const MOST_IN_TURN: usize = 16;

/// The ids of a list so far, each once.
#[derive(Default)]
struct Ids<'r> {
    kept: Vec<Cow<'r, str>>,
    /// The same, where they are many: a row of a thousand would be compared half
    /// a million times.
    set: HashSet<Cow<'r, str>>,
}

impl<'r> Ids<'r> {
    fn has(&self, id: &str) -> bool {
        if self.set.is_empty() {
            self.kept.iter().any(|kept| kept == id)
        } else {
            self.set.contains(id)
        }
    }

    fn keep(&mut self, id: Cow<'r, str>) {
        if self.kept.len() == MOST_IN_TURN {
            self.set.extend(self.kept.iter().cloned());
        }
        if self.kept.len() >= MOST_IN_TURN {
            self.set.insert(id.clone());
        }
        self.kept.push(id);
    }
}

impl<'r> RowChecks<'_, 'r> {
    /// The ids of a list, each once.
    pub(super) fn ids(&mut self, field: Field) -> Vec<Cow<'r, str>> {
        let mut ids = Ids::default();
        match self.candidate.get(field) {
            FieldValue::List(items) => {
                for item in items {
                    if trimmed(item) != *item && self.problems.len() < MOST_NOTES {
                        let message =
                            format!("blanks around {} in {field} were dropped", quoted(item));
                        self.note(Code::Corrected, field, item, message);
                    }
                    self.keep_id(field, Cow::Borrowed(item), &mut ids);
                }
            }
            FieldValue::Wrong(kind, text) => {
                let message = format!(
                    "{field} is {}{}, wanted an array of strings",
                    kind.name(),
                    in_brackets(text)
                );
                self.note(Code::WrongType, field, text, message);
            }
            FieldValue::Text(text) => {
                let text: &'r str = text;
                match json_list(text) {
                    Some(items) => {
                        for item in items {
                            self.keep_id(field, Cow::Owned(item), &mut ids);
                        }
                    }
                    // Most lists are of one.
                    None if !is_listed(text) => self.keep_id(field, Cow::Borrowed(text), &mut ids),
                    None => {
                        for item in text.split([';', '|', ',']) {
                            self.keep_id(field, Cow::Borrowed(item), &mut ids);
                        }
                    }
                }
            }
            FieldValue::Absent => {}
        }
        if ids.kept.len() > MOST_IDS {
            let message = format!("{field} names too many ids, wanted at most {MOST_IDS}");
            self.note(Code::InvalidValue, field, "", message);
            ids.kept.clear();
        }
        ids.kept
    }

    /// Adds one id of a list, unless it is there; looks no further at those
    /// beyond the most.
    fn keep_id(&mut self, field: Field, item: Cow<'r, str>, ids: &mut Ids<'r>) {
        let id = match item {
            Cow::Borrowed(item) => Cow::Borrowed(trimmed(item)),
            Cow::Owned(item) => Cow::Owned(trimmed(&item).to_owned()),
        };
        if id.is_empty() || ids.kept.len() > MOST_IDS {
            return;
        }
        if ids.has(&id) {
            if self.problems.len() >= MOST_NOTES {
                return;
            }
            self.repeated(field, &id);
        } else if self.sound(field, &id, LONGEST_VALUE) {
            let id = self.known_id(field, id);
            if !ids.has(&id) {
                ids.keep(id);
            } else if self.problems.len() < MOST_NOTES {
                self.repeated(field, &id);
            }
        }
    }

    fn repeated(&mut self, field: Field, id: &str) {
        let message = format!("{field} names {} twice, sent once", quoted(id));
        self.note(Code::Corrected, field, id, message);
    }

    /// Holds one id against Kable's own list, or where that is not known,
    /// against the shape such ids have. Returns the id that is sent.
    fn known_id(&mut self, field: Field, id: Cow<'r, str>) -> Cow<'r, str> {
        let (known, code) = if field == Field::PlanIds {
            (self.rules.plans.as_ref(), Code::UnknownPlan)
        } else {
            (self.rules.bundles.as_ref(), Code::UnknownBundle)
        };
        match known {
            Some(catalog) if catalog.has(&id) => {}
            Some(catalog) => {
                let meant = catalog.with_external_id(&id);
                if let ([meant], true) = (meant.as_slice(), self.rules.external_ids) {
                    return Cow::Owned((*meant).to_owned());
                }
                let (told, mend) = unknown(&meant);
                let message = format!("{field} names {}, which {told}", quoted(&id));
                let problem = Problem::of(code, field, &id, message);
                self.problems.push(problem.mended_by(mend));
            }
            // What an external id looks like is the account's own matter.
            None if self.rules.external_ids => {}
            None => {
                if let Some(wanted) = heuristics::wanted(field, &id) {
                    self.suspect(field, &id, wanted);
                }
            }
        }
        id
    }
}

/// What is said of an id that Kable does not have, and what would put it right;
/// `meant` are the ids of which it is the external id.
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
            let told = format!(
                "is the externalId of {} (wanted one of these ids)",
                listed(&several, 3)
            );
            (told, None)
        }
    }
}

/// Whether `text` holds one of the signs at which a list is split.
fn is_listed(text: &str) -> bool {
    let sign = |byte| matches!(byte, b';' | b'|' | b',');
    text.bytes().fold(false, |any, byte| any | sign(byte))
}

/// The items of a list that stands in one cell as a JSON array.
fn json_list(text: &str) -> Option<Vec<String>> {
    let bare = text.trim();
    bare.starts_with('[')
        .then(|| serde_json::from_str(bare).ok())
        .flatten()
}
