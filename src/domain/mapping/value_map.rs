//! Values → other values, such as plan names → plan ids.

use std::collections::HashMap;

use crate::domain::text::quoted;

/// How many keys are compared with a value that is none of them.
const MOST_COMPARED: usize = 1000;

/// Values → other values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValueMap {
    values: HashMap<String, String>,
    /// The keys in their order.
    keys: Vec<String>,
}

impl ValueMap {
    /// Adds a value and what it becomes. The same value with another result is refused:
    /// that result is returned.
    pub fn add(&mut self, from: &str, to: &str) -> Result<(), String> {
        match self.values.get(from) {
            Some(known) if known == to => Ok(()),
            Some(known) => Err(known.clone()),
            None => {
                self.values.insert(from.to_owned(), to.to_owned());
                self.keys.push(from.to_owned());
                Ok(())
            }
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What `value` becomes.
    pub(super) fn get(&self, value: &str) -> Option<&str> {
        self.values.get(value).map(String::as_str)
    }

    /// What is said of a `value` that is not in the map.
    pub(super) fn lacks(&self, value: &str) -> String {
        let near = self
            .keys
            .iter()
            .take(MOST_COMPARED)
            .map(|key| (likeness(key, value), key))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|one, other| one.0.total_cmp(&other.0));
        let perhaps =
            near.map_or_else(String::new, |(_, key)| format!(", perhaps {}", quoted(key)));
        format!("wanted one of its {} values{perhaps}", self.keys.len())
    }
}

fn likeness(one: &str, other: &str) -> f64 {
    // A cell with a missing quote may be of any length.
    if other.len() > 200 {
        return 0.0;
    }
    strsim::jaro_winkler(&one.to_lowercase(), &other.to_lowercase())
}
