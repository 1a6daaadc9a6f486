//! Row + columns + rules → a checked row.

use crate::domain::mapping::{Binding, Mapping, MappingError};
use crate::domain::row::{Columns, Row};
use crate::domain::rules::Rules;
use crate::domain::validate::{CheckedRow, check};

/// What a pass over the input holds each row against.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Which column feeds which field.
    pub mapping: Mapping,
    /// What values are checked against.
    pub rules: Rules,
    /// The inputs' names.
    pub names: Vec<String>,
}

/// Checks rows of several inputs, each by its own columns.
#[derive(Debug)]
pub(crate) struct Checker<'r> {
    pub(super) reading: &'r Reading,
    /// The input that the binding is worked out for.
    bound_to: Option<u16>,
    binding: Binding,
}

impl<'r> Checker<'r> {
    pub(crate) fn new(reading: &'r Reading) -> Self {
        Self {
            reading,
            bound_to: None,
            binding: Binding::default(),
        }
    }

    /// Checks `row`, which came from an input with `columns`.
    pub(crate) fn check<'c>(
        &'c mut self,
        row: &'c Row,
        columns: &Columns,
    ) -> Result<CheckedRow<'c>, MappingError> {
        let reading = self.reading;
        Ok(check(
            row,
            self.bind(row.origin.input, columns)?,
            &reading.rules,
        ))
    }

    /// Begins with rows whose columns are their own, if they are met one by one.
    pub(crate) fn begin_part(&mut self) {
        if self.binding.is_open() {
            self.bound_to = None;
        }
    }

    /// What the user calls an input.
    pub(crate) fn input_name(&self, input: u16) -> &'r str {
        let name = self.reading.names.get(usize::from(input));
        name.map_or("the input", String::as_str)
    }

    /// What the columns of an input feed.
    pub(crate) fn bind(&mut self, input: u16, columns: &Columns) -> Result<&Binding, MappingError> {
        if self.bound_to == Some(input) {
            self.binding.extend(columns);
        } else {
            self.binding = Binding::new(&self.reading.mapping, columns, self.input_name(input))?;
            self.bound_to = Some(input);
        }
        Ok(&self.binding)
    }
}
