//! Columns that feed no field, each named once.

use super::Reading;

/// Columns that feed no field, of each input, in the order they are met.
#[derive(Default)]
pub(super) struct Unused(Vec<(u16, Vec<String>)>);

impl Unused {
    /// Adds columns of an input, which come input by input.
    pub(super) fn add(&mut self, input: u16, names: Vec<String>) {
        if self.0.last().is_none_or(|(of, _)| *of != input) {
            self.0.push((input, Vec::new()));
        }
        if let Some((_, known)) = self.0.last_mut() {
            for name in names {
                if !known.contains(&name) {
                    known.push(name);
                }
            }
        }
    }

    /// The columns of each input that has some, with its name.
    pub(super) fn named(self, reading: &Reading) -> Vec<(String, Vec<String>)> {
        let some = self.0.into_iter().filter(|(_, names)| !names.is_empty());
        some.map(|(input, names)| {
            let input = reading.names.get(usize::from(input));
            (input.cloned().unwrap_or_default(), names)
        })
        .collect()
    }
}
