//! Which column is mapped to which field: a [`Row`](super::row::Row) becomes a
//! [`Candidate`](super::candidate::Candidate).
//!
//! A [`Mapping`] is what the user said: in a mapping file, by a preset, with `--map`
//! and `--set`. A [`Binding`] is its result for the columns of one input. Most fields
//! take a column as it is; a field that needs more is derived before a row is checked.
//!
//! - `plan.rs`: what a mapping says
//! - `layers.rs`: a mapping on top of another one
//! - `condition.rs`: conditions on a row's values
//! - `pattern.rs`: regular expressions
//! - `value_map.rs`: values → other values
//! - `text_rules.rs`: how a text is changed: blanks, apostrophes, case, slugs
//! - `column_names.rs`: finds a column by the name that a mapping has for it
//! - `binding.rs`: a mapping, resolved for the columns of one input
//! - `header_targets.rs`: which column of a table feeds which field
//! - `column_target.rs`: what each column of an input is for
//! - `derive.rs`: computes the derived values of a row
//! - `rule_values.rs`: the value of a field by its rule
//! - `row_cells.rs`: the values of a row's cells, as rules and conditions read them
//! - `explain.rs`: where the values of a row came from
//! - `recognition.rs`: whether a header is that of a known export
//! - `description.rs`: what feeds each field, in words
//! - `used_columns.rs`: columns that only conditions read, or that are named in vain
//! - `error.rs`: why a mapping does not fit an input

mod binding;
mod column_names;
mod column_target;
mod condition;
mod derive;
mod description;
mod error;
mod explain;
mod header_targets;
mod layers;
mod pattern;
mod plan;
mod recognition;
mod row_cells;
mod rule_values;
mod text_rules;
mod used_columns;
mod value_map;

pub use self::binding::Binding;
pub use self::column_target::ADDED;
pub use self::condition::{Condition, TestedValue, ValueTest};
pub use self::description::FieldFeed;
pub use self::error::MappingError;
pub use self::explain::FieldOrigin;
pub use self::pattern::Pattern;
pub use self::plan::{
    Apostrophes, ColumnRules, ComputedDefault, FieldRule, LetterCase, Mapping, NameMatching,
    RepeatRule, RowFilter, RowWarning, Unmapped, ValueSource, ValueTake,
};
pub use self::recognition::Recognition;
pub use self::used_columns::MissingColumn;
pub use self::value_map::ValueMap;
