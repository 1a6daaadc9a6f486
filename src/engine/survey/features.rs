//! Identifies the original row of a mended reject, whatever was mended in it.

use twox_hash::XxHash3_128;

use crate::domain::candidate::FieldValue;
use crate::domain::field::Field;
use crate::domain::mapping::{ADDED, Binding};
use crate::domain::problem::Code;
use crate::domain::row::{Columns, Matching, Row, after_cells};

/// Codes of problems that result from other rows: unknown until all rows are read.
const OF_OTHERS: [Code; 3] = [
    Code::DuplicateClientId,
    Code::SimilarClientId,
    Code::SameCustomer,
];

/// Hashes by which a row is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Features {
    /// Of codes and fields of problems, and of values without problems, except the id.
    pub(super) values: [u8; 8],
    /// Of the problems' messages.
    pub(super) messages: [u8; 8],
    /// Of the id.
    pub(super) id: [u8; 8],
    /// Whether the row could not be read: then `values` and `id` are Bloom filters of its
    /// words.
    pub(super) malformed: bool,
    /// Whether the id has a problem, so that it may have been mended.
    pub(super) id_open: bool,
    /// Whether a problem results from other rows, so that the messages may change.
    pub(super) of_others: bool,
}

/// A row's problems: codes, fields, and messages.
pub(super) struct Remarks<'r> {
    pub(super) codes: Vec<&'r str>,
    pub(super) fields: Vec<&'r str>,
    pub(super) messages: &'r str,
    /// Whether the row was read from a rejects file that may have been mended.
    pub(super) is_mended: bool,
}

impl Features {
    /// The features of `row` with these problems.
    pub(super) fn of(
        row: &Row,
        binding: &Binding,
        columns: &Columns,
        remarks: &Remarks<'_>,
    ) -> Self {
        let is_of_others = |code: &str| OF_OTHERS.iter().any(|other| other.name() == code);
        let mut bytes = Vec::with_capacity(256);
        let mut with_problem = Vec::new();
        let mut is_malformed = false;
        let mut of_others = false;
        for (code, field) in remarks.codes.iter().zip(&remarks.fields) {
            if is_of_others(code) {
                of_others = true;
                continue;
            }
            add(&mut bytes, 0, code);
            add(&mut bytes, 1, field);
            is_malformed |= *code == Code::MalformedRow.name();
            with_problem.extend(Field::ALL.into_iter().find(|known| known.name() == *field));
        }
        if is_malformed {
            let text = own_text(row, columns);
            // What an unclosed quote took along stands in rows of its own once it is
            // mended: only the first line is certain to stay in this one.
            let first_line = text.split(['\n', '\r']).next().unwrap_or_default();
            let [values, id] = filter(if remarks.is_mended { &text } else { first_line });
            return Self {
                values,
                id,
                messages: hash(remarks.messages.as_bytes()),
                malformed: true,
                id_open: true,
                of_others,
            };
        }
        let candidate = binding.candidate(row);
        for field in Field::ALL {
            if field != Field::ClientId && !with_problem.contains(&field) {
                add_given(&mut bytes, field, candidate.get(field));
            }
        }
        let id = match candidate.get(Field::ClientId) {
            FieldValue::Text(text) => text,
            FieldValue::Absent | FieldValue::List(_) | FieldValue::Wrong(..) => "",
        };
        Self {
            values: hash(&bytes),
            messages: hash(remarks.messages.as_bytes()),
            id: hash(id.as_bytes()),
            malformed: false,
            id_open: with_problem.contains(&Field::ClientId),
            of_others,
        }
    }

    /// Whether these features, of a mended row, are those of the `rejected` row.
    pub(super) fn are_of(&self, rejected: &Self) -> bool {
        if rejected.malformed {
            return self.malformed
                && rejected.values != [0; 8]
                && holds(self.values, rejected.values)
                && holds(self.id, rejected.id)
                && (self.of_others || self.messages == rejected.messages);
        }
        !self.malformed
            && self.values == rejected.values
            && (self.of_others || self.messages == rejected.messages)
            && (self.of_others || rejected.id_open || self.id == rejected.id)
    }
}

fn add(bytes: &mut Vec<u8>, kind: u8, text: &str) {
    bytes.push(kind);
    bytes.extend_from_slice(&text.len().to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn add_given(bytes: &mut Vec<u8>, field: Field, given: &FieldValue<'_>) {
    match given {
        FieldValue::Absent => {}
        FieldValue::Text(text) => add(bytes, 3, text),
        FieldValue::List(items) => items.iter().for_each(|item| add(bytes, 4, item)),
        FieldValue::Wrong(_, text) => add(bytes, 5, text),
    }
    add(bytes, 6, field.name());
}

/// Whether `filter` has every bit of `other`.
fn holds(filter: [u8; 8], other: [u8; 8]) -> bool {
    u64::from_be_bytes(other) & !u64::from_be_bytes(filter) == 0
}

/// Two Bloom filters of the words and numbers in a row that could not be read. Mending
/// splits it into other cells and adds to it, but its words remain.
fn filter(text: &str) -> [[u8; 8]; 2] {
    let mut filters = [0_u64; 2];
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        let [.., one, two] = hash(word.as_bytes());
        for (filter, bit) in filters.iter_mut().zip([one, two]) {
            *filter |= 1 << (bit & 63);
        }
    }
    filters.map(u64::to_be_bytes)
}

/// The text of a row without the columns that reject files add.
fn own_text(row: &Row, columns: &Columns) -> String {
    match columns.matching {
        Matching::Header => {
            let own = after_cells(row.raw(), columns.delimiter, row.added_cells);
            String::from_utf8_lossy(own).into_owned()
        }
        Matching::Exact => own_json(row),
    }
}

/// A line of JSON without the members that reject files add.
fn own_json(row: &Row) -> String {
    let text = String::from_utf8_lossy(row.raw());
    let Ok(serde_json::Value::Object(mut members)) = serde_json::from_str(&text) else {
        return text.into_owned();
    };
    if let Some(serde_json::Value::String(raw)) = members.get("_raw") {
        return raw.clone();
    }
    members.retain(|name, _| !ADDED.contains(&name.as_str()));
    serde_json::Value::Object(members).to_string()
}

fn hash(bytes: &[u8]) -> [u8; 8] {
    let hash = XxHash3_128::oneshot(bytes);
    let [_, _, _, _, _, _, _, _, half @ ..] = hash.to_be_bytes();
    half
}
