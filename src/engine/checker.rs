//! Row + columns + rules → a checked row.

use crate::domain::mapping::{Binding, Mapping, MappingError};
use crate::domain::row::{Columns, Row};
use crate::domain::rules::Rules;
use crate::domain::validate::{CheckedRow, check};

/// What each row of the inputs is checked against.
#[derive(Debug, Clone, Default)]
pub struct CheckSettings {
    /// Which column feeds which field.
    pub mapping: Mapping,
    /// What values are checked against.
    pub rules: Rules,
    /// The inputs' names.
    pub names: Vec<String>,
}

impl CheckSettings {
    /// The name of an input.
    pub(crate) fn input_name(&self, input: u16) -> &str {
        let name = self.names.get(usize::from(input));
        name.map_or("the input", String::as_str)
    }
}

/// Checks rows of several inputs, each by its own columns.
#[derive(Debug)]
pub(crate) struct Checker<'r> {
    pub(super) settings: &'r CheckSettings,
    /// The input that `binding` is for.
    bound_to: Option<u16>,
    binding: Binding,
}

impl<'r> Checker<'r> {
    pub(crate) fn new(settings: &'r CheckSettings) -> Self {
        Self {
            settings,
            bound_to: None,
            binding: Binding::default(),
        }
    }

    /// Checks `row` of an input with these `columns`.
    pub(crate) fn check<'c>(
        &'c mut self,
        row: &'c mut Row,
        columns: &Columns,
    ) -> Result<CheckedRow<'c>, MappingError> {
        let settings = self.settings;
        let binding = self.derive(row, columns)?;
        Ok(check(row, binding, &settings.rules))
    }

    /// Adds the derived values of `row` to it. Every row is passed here before it is
    /// checked.
    pub(crate) fn derive(
        &mut self,
        row: &mut Row,
        columns: &Columns,
    ) -> Result<&Binding, MappingError> {
        let binding = self.bind(row.origin.input, columns)?;
        binding.derive(row);
        Ok(binding)
    }

    /// Begins a part of an input: members of JSON rows are numbered per part.
    pub(crate) fn begin_part(&mut self) {
        if self.binding.is_open() {
            self.bound_to = None;
        }
    }

    /// The name of an input.
    pub(crate) fn input_name(&self, input: u16) -> &'r str {
        self.settings.input_name(input)
    }

    /// Which columns of an input feed which fields.
    pub(crate) fn bind(&mut self, input: u16, columns: &Columns) -> Result<&Binding, MappingError> {
        if self.bound_to == Some(input) {
            self.binding.extend(columns)?;
        } else {
            self.binding = Binding::new(&self.settings.mapping, columns, self.input_name(input))?;
            self.bound_to = Some(input);
        }
        Ok(&self.binding)
    }
}
