//! Conditions on a row's values.

use std::borrow::Cow;

use super::pattern::Pattern;
use crate::domain::field::Field;

/// A condition on a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// One value passes a test.
    Test {
        /// The value.
        of: TestedValue,
        /// The test.
        test: ValueTest,
    },
    /// Every one of these holds.
    All(Vec<Condition>),
    /// At least one of these holds.
    Any(Vec<Condition>),
}

/// The value that a condition is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestedValue {
    /// That of a column.
    Column(String),
    /// That of a field, after mapping.
    Field(Field),
}

/// A test of one value, without blanks around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueTest {
    /// It is one of these texts; the case of ASCII letters is ignored.
    Is(Vec<String>),
    /// It is none of these texts.
    IsNot(Vec<String>),
    /// The expression is found in it.
    Matches(Pattern),
    /// It is empty, or it is not.
    Empty(bool),
}

impl ValueTest {
    fn passes(&self, value: &str) -> bool {
        let is_one = |texts: &[String]| texts.iter().any(|text| text.eq_ignore_ascii_case(value));
        match self {
            Self::Is(texts) => is_one(texts),
            Self::IsNot(texts) => !is_one(texts),
            Self::Matches(pattern) => pattern.is_in(value),
            Self::Empty(empty) => value.is_empty() == *empty,
        }
    }
}

impl Condition {
    /// Whether it holds, where `value` gives the values.
    pub(super) fn holds<'v>(&self, value: &impl Fn(&TestedValue) -> Cow<'v, str>) -> bool {
        match self {
            Self::Test { of, test } => test.passes(&value(of)),
            Self::All(all) => all.iter().all(|one| one.holds(value)),
            Self::Any(any) => any.iter().any(|one| one.holds(value)),
        }
    }

    /// What its tests are of.
    pub fn tested(&self) -> Vec<&TestedValue> {
        match self {
            Self::Test { of, .. } => vec![of],
            Self::All(all) | Self::Any(all) => all.iter().flat_map(Self::tested).collect(),
        }
    }

    /// The columns that it names.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.tested().into_iter().filter_map(|tested| match tested {
            TestedValue::Column(name) => Some(name.as_str()),
            TestedValue::Field(_) => None,
        })
    }
}
