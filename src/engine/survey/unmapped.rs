//! Columns that feed no field, each named once.

use std::collections::HashSet;

use crate::engine::checker::Reading;

/// How many members of JSON rows are named that feed no field; of more it is said
/// that there are more. There may be another one in each of ten million rows.
pub const MOST_NAMED: usize = 300;

/// Columns that feed no field, of each input, in the order they are met.
#[derive(Default)]
pub(super) struct Unused {
    inputs: Vec<(u16, Vec<String>)>,
    /// The names of the last input.
    known: HashSet<String>,
}

impl Unused {
    /// Adds columns of an input, which come input by input; a table has no other
    /// ones than its header names.
    pub(super) fn add(&mut self, input: u16, names: Vec<String>, is_table: bool) {
        if self.inputs.last().is_none_or(|(of, _)| *of != input) {
            self.inputs.push((input, Vec::new()));
            self.known.clear();
        }
        if let Some((_, named)) = self.inputs.last_mut() {
            // One more than are named says that there are more.
            for name in names {
                if named.len() > MOST_NAMED && !is_table {
                    return;
                }
                if self.known.insert(name.clone()) {
                    named.push(name);
                }
            }
        }
    }

    /// The columns of each input that has some, with its name.
    pub(super) fn named(self, reading: &Reading) -> Vec<(String, Vec<String>)> {
        let inputs = self.inputs.into_iter();
        let some = inputs.filter(|(_, names)| !names.is_empty());
        some.map(|(input, names)| {
            let input = reading.names.get(usize::from(input));
            (input.cloned().unwrap_or_default(), names)
        })
        .collect()
    }
}
