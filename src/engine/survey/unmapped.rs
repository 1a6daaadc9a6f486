//! Columns that feed no field, each listed once.

use std::collections::HashSet;

use crate::engine::checker::CheckSettings;

/// How many unmapped members of JSON rows are listed: each of ten million rows may have
/// another one.
pub const MOST_NAMED: usize = 300;

/// Columns that feed no field, per input, in the order in which they are found.
#[derive(Default)]
pub(super) struct UnmappedColumns {
    inputs: Vec<(u16, Vec<String>)>,
    /// The columns of the last input.
    known: HashSet<String>,
}

impl UnmappedColumns {
    /// Adds columns of an input; inputs come one after the other. A table has only the
    /// columns of its header, so all of them are listed.
    pub(super) fn add(&mut self, input: u16, names: Vec<String>, is_table: bool) {
        if self.inputs.last().is_none_or(|(of, _)| *of != input) {
            self.inputs.push((input, Vec::new()));
            self.known.clear();
        }
        if let Some((_, named)) = self.inputs.last_mut() {
            // One above the limit shows that there are more.
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

    /// The columns with the name of their input.
    pub(super) fn named(self, check: &CheckSettings) -> Vec<(String, Vec<String>)> {
        let inputs = self.inputs.into_iter();
        let some = inputs.filter(|(_, names)| !names.is_empty());
        some.map(|(input, names)| {
            let input = check.input_name(input).to_owned();
            (input, names)
        })
        .collect()
    }
}
