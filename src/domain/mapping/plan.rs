//! What a mapping says.

use std::sync::Arc;

use super::condition::Condition;
use super::pattern::Pattern;
use super::value_map::ValueMap;
use crate::domain::field::Field;

/// What the user said about columns and rows: in a mapping file, by a preset, and with
/// options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// `--map FIELD=COLUMN`, for fields without a rule.
    pub columns: Vec<(Field, String)>,
    /// `--set FIELD=VALUE`, and defaults of a file: for rows without a value.
    pub constants: Vec<(Field, String)>,
    /// Likewise, computed from other values of the row.
    pub computed: Vec<(Field, ComputedDefault)>,
    /// Fields that need more than a column.
    pub rules: Vec<FieldRule>,
    /// What holds for all columns.
    pub input: ColumnRules,
    /// Rows that are no customers.
    pub filters: Vec<RowFilter>,
    /// Rows that a person should look at.
    pub warnings: Vec<RowWarning>,
}

/// A default that is computed from other values of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComputedDefault {
    /// The billing contact's first and last name.
    Person,
    /// The slug of the company's name.
    Slug,
    /// The value of another field.
    Copy(Field),
}

/// What a file says about its columns as a whole. `None` is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnRules {
    /// Texts that count as empty, in every column.
    pub empty: Option<Vec<String>>,
    /// Whether rows may lack cells at their end.
    pub accept_short_rows: Option<bool>,
    /// What is done with rows whose `clientId` is that of another row.
    pub repeated_ids: Option<RepeatRule>,
    /// A file with one of these columns is refused.
    pub forbidden: Vec<String>,
    /// Which columns feed the field whose name they have.
    pub matching: Option<NameMatching>,
}

/// What is done with rows whose `clientId` is that of another row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RepeatRule {
    /// All but the first are rejected.
    #[default]
    Reject,
    /// All but the first are skipped.
    First,
    /// Those that are equal to the first in all fields are skipped, others rejected.
    Merge,
    /// If a row meets the condition, those that don't are skipped.
    Keep(Condition),
}

/// Which columns feed the field whose name they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NameMatching {
    /// Those named like its whole path, or like its name in the billing contact.
    #[default]
    All,
    /// Those named like its whole path: in another system's export a plain `city` may
    /// be a shipping address.
    Whole,
    /// None.
    Off,
}

/// How the value of a field is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRule {
    /// The field.
    pub field: Field,
    /// Where the value comes from: the first that is not empty. `None`: the column that
    /// has the field's name.
    pub from: Option<Vec<ValueSource>>,
    /// Whether none of its columns need exist.
    pub optional: bool,
    /// Whether blanks around the value are dropped (the default).
    pub trim: Option<bool>,
    /// Whether `="00123"` becomes `00123` (the default).
    pub unwrap: Option<bool>,
    /// When an apostrophe at the start is dropped; `None`: by the program's own rule.
    pub apostrophe: Option<Apostrophes>,
    /// What is taken out of the value.
    pub pattern: Option<Pattern>,
    /// Texts that are replaced in the value.
    pub replace: Vec<(String, String)>,
    /// Values that become others.
    pub values: Option<Arc<ValueMap>>,
    /// What becomes of a value that is not among `values`.
    pub unmapped: Option<Unmapped>,
    /// The case of its letters.
    pub case: Option<LetterCase>,
    /// Whether it becomes a derived id.
    pub slug: Option<bool>,
}

impl FieldRule {
    /// A rule that says nothing but the field.
    pub fn of(field: Field) -> Self {
        Self {
            field,
            from: None,
            optional: false,
            trim: None,
            unwrap: None,
            apostrophe: None,
            pattern: None,
            replace: Vec::new(),
            values: None,
            unmapped: None,
            case: None,
            slug: None,
        }
    }

    /// A rule that takes `column` as it is.
    pub(super) fn plain(field: Field, column: &str) -> Self {
        Self {
            from: Some(vec![ValueSource::column(column)]),
            trim: Some(false),
            unwrap: Some(false),
            ..Self::of(field)
        }
    }

    /// The columns that it takes a value from.
    pub fn source_columns(&self) -> impl Iterator<Item = &str> {
        let sources = self.from.iter().flatten();
        sources.flat_map(|source| source.take.columns())
    }

    /// The columns that it names, in conditions too.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        let sources = self.from.iter().flatten();
        let conditions = sources.filter_map(|source| source.when.as_ref());
        self.source_columns()
            .chain(conditions.flat_map(Condition::columns))
    }

    /// The text of its own that stands for rows without a value.
    pub fn text(&self) -> Option<&str> {
        let mut sources = self.from.iter().flatten();
        sources.find_map(|source| match &source.take {
            ValueTake::Text(text) => Some(text.as_str()),
            ValueTake::Column(_) | ValueTake::Join { .. } => None,
        })
    }
}

/// Where a value may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueSource {
    /// What is taken.
    pub take: ValueTake,
    /// Only if this holds.
    pub when: Option<Condition>,
    /// Only this part of it.
    pub pattern: Option<Pattern>,
}

impl ValueSource {
    /// The columns that it takes.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.take.columns()
    }

    /// A column as it is.
    pub fn column(name: &str) -> Self {
        Self {
            take: ValueTake::Column(name.to_owned()),
            when: None,
            pattern: None,
        }
    }
}

/// What a source takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueTake {
    /// The value of a column.
    Column(String),
    /// The values of several columns, those that are not empty.
    Join {
        /// The columns.
        columns: Vec<String>,
        /// What stands between two values.
        with: String,
    },
    /// This text.
    Text(String),
}

impl ValueTake {
    fn columns(&self) -> impl Iterator<Item = &str> {
        let columns = match self {
            Self::Column(name) => std::slice::from_ref(name),
            Self::Join { columns, .. } => columns,
            Self::Text(_) => &[],
        };
        columns.iter().map(String::as_str)
    }
}

/// When an apostrophe at the start of a value is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apostrophes {
    /// Always.
    Always,
    /// Before `=`, `+`, `-` and `@`, where it keeps a cell from being a formula.
    Formula,
    /// Never.
    Keep,
}

/// What becomes of a value that is not in the value map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unmapped {
    /// It is an error.
    #[default]
    Reject,
    /// It stays as it is.
    Keep,
    /// It counts as empty.
    Empty,
}

/// The case that letters are changed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterCase {
    /// Upper case.
    Upper,
    /// Lower case.
    Lower,
}

/// Rows that are no customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFilter {
    /// The name in options and reports.
    pub name: Arc<str>,
    /// Which rows.
    pub when: Condition,
    /// Whether they are left out; if not, they get a warning.
    pub on: bool,
    /// Whether the columns of the condition need not exist.
    pub optional: bool,
}

/// Rows that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWarning {
    /// The field that the warning is about.
    pub field: Option<Field>,
    /// Which rows.
    pub when: Condition,
    /// What is said of them.
    pub message: String,
    /// Whether the columns of the condition need not exist.
    pub optional: bool,
}

impl Mapping {
    /// The rule of `field`.
    pub fn rule(&self, field: Field) -> Option<&FieldRule> {
        self.rules.iter().find(|rule| rule.field == field)
    }

    /// What is done with rows whose `clientId` is that of another row.
    pub fn repeated_ids(&self) -> &RepeatRule {
        const REJECT: &RepeatRule = &RepeatRule::Reject;
        self.input.repeated_ids.as_ref().unwrap_or(REJECT)
    }

    /// The conditions on rows, and whether their columns need not exist.
    fn conditions(&self) -> impl Iterator<Item = (&Condition, bool)> {
        let keep = match self.repeated_ids() {
            RepeatRule::Keep(condition) => Some((condition, false)),
            RepeatRule::Reject | RepeatRule::First | RepeatRule::Merge => None,
        };
        let filters = self.filters.iter();
        let filters = filters.map(|filter| (&filter.when, filter.optional));
        let warnings = self.warnings.iter();
        let warnings = warnings.map(|warning| (&warning.when, warning.optional));
        filters.chain(warnings).chain(keep)
    }

    /// The columns that conditions on rows name, and that must exist.
    pub(super) fn demanded_columns(&self) -> impl Iterator<Item = &str> {
        let demanding = self.conditions().filter(|(_, optional)| !optional);
        demanding.flat_map(|(condition, _)| condition.columns())
    }

    /// The columns that rules and conditions name.
    pub(super) fn rule_columns(&self) -> impl Iterator<Item = &str> {
        let rules = self.rules.iter().flat_map(FieldRule::columns);
        let conditions = self.conditions();
        rules.chain(conditions.flat_map(|(condition, _)| condition.columns()))
    }

    /// All columns that are named: a header is likely to have them.
    pub fn named_columns(&self) -> Vec<String> {
        let mapped = self.columns.iter().map(|(_, column)| column.as_str());
        let mut named: Vec<String> = Vec::new();
        for name in mapped.chain(self.rule_columns()) {
            if !named.iter().any(|known| known == name) {
                named.push(name.to_owned());
            }
        }
        named
    }
}
