//! Which column is mapped to which field: a [`Row`] becomes a [`Candidate`].
//!
//! The [`Mapping`] is what the user typed; the [`Binding`] is its result for the
//! columns of one input. The header of a table is matched loosely, the members of a
//! JSON body exactly: a stray top-level `email` must not get into an invoice's
//! address.

use std::collections::HashSet;

use super::candidate::Candidate;
use super::field::Field;
use super::header::{guess, normalised};
use super::problem::Code;
use super::row::{CellKind, Columns, Matching, Row};
use super::text::{listed, quoted};

/// The user's options for columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// `--map FIELD=COLUMN`.
    pub columns: Vec<(Field, String)>,
    /// `--set FIELD=VALUE`: for rows without a value.
    pub constants: Vec<(Field, String)>,
}

/// The columns that are added to the files of rejected and failed rows, and not
/// mapped when such a file is read again.
pub const ADDED: [&str; 8] = [
    "_file",
    "_line",
    "_code",
    "_field",
    "_message",
    "_status",
    "_request_id",
    "_raw",
];

/// Why a mapping does not fit an input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// No column is mapped to a required field.
    #[error(
        "{input} has no column for {} (its first line names {})",
        listed(missing, 3),
        column_names(found)
    )]
    MissingColumns {
        /// The input's name.
        input: String,
        /// The fields without a column.
        missing: Vec<&'static str>,
        /// The columns of the input.
        found: Vec<String>,
        /// What the user can do.
        hint: String,
    },
    /// Two columns are mapped to one field.
    #[error(
        "{input}: columns {} and {} both feed {field}",
        quoted(one),
        quoted(other)
    )]
    Ambiguous {
        /// The input's name.
        input: String,
        /// The field.
        field: Field,
        /// The first column's name.
        one: String,
        /// The second column's name.
        other: String,
    },
    /// `--map` names a column that the input does not have.
    #[error(
        "{input} has no column {} for {field} (its first line names {})",
        quoted(column),
        column_names(found)
    )]
    NoSuchColumn {
        /// The input's name.
        input: String,
        /// The field.
        field: Field,
        /// The column that `--map` names.
        column: String,
        /// The columns of the input.
        found: Vec<String>,
    },
}

impl MappingError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::MissingColumns { hint, .. } => hint.clone(),
            Self::Ambiguous { field, one, .. } => {
                format!("say which one with --map {field}={}", shell_word(one))
            }
            Self::NoSuchColumn { field, .. } => {
                format!("name one of the file's columns: --map {field}=COLUMN")
            }
        }
    }
}

fn column_names(found: &[String]) -> String {
    let shown: Vec<String> = found.iter().map(|name| quoted(name)).collect();
    listed(&shown, 12)
}

fn shell_word(text: &str) -> String {
    if text
        .chars()
        .all(|c| c.is_alphanumeric() || "._-".contains(c))
    {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// What a column is mapped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnTarget {
    Field(Field),
    /// The object `billingContact` itself.
    BillingContact,
    /// Nothing: it is one of [`ADDED`].
    Added,
    Unused,
}

/// A mapping, resolved for the columns of one input.
#[derive(Debug, Clone, Default)]
pub struct Binding {
    mapping: Mapping,
    matching: Matching,
    targets: Vec<ColumnTarget>,
    /// Whether any column is one of [`ADDED`].
    has_added: bool,
}

impl Binding {
    /// Resolves what the columns of `input` are mapped to.
    pub fn new(mapping: &Mapping, columns: &Columns, input: &str) -> Result<Self, MappingError> {
        let mut binding = Self {
            mapping: mapping.clone(),
            matching: columns.matching,
            targets: Vec::new(),
            has_added: false,
        };
        match columns.matching {
            Matching::Exact => binding.extend(columns),
            Matching::Header => {
                binding.targets = header_targets(mapping, columns, input)?;
                binding.require_fields(columns, input)?;
                binding.has_added = binding.targets.contains(&ColumnTarget::Added);
            }
        }
        Ok(binding)
    }

    /// Resolves the columns that were found since.
    pub fn extend(&mut self, columns: &Columns) {
        if self.matching == Matching::Header {
            return;
        }
        for name in columns.names.iter().skip(self.targets.len()) {
            let mapped = self
                .mapping
                .columns
                .iter()
                .find(|(_, column)| column == name);
            let target = if let Some((field, _)) = mapped {
                ColumnTarget::Field(*field)
            } else if ADDED.contains(&name.as_str()) {
                ColumnTarget::Added
            } else if name == "billingContact" {
                ColumnTarget::BillingContact
            } else {
                Field::of_name(name)
                    .filter(|field| !is_mapped(&self.mapping, *field))
                    .map_or(ColumnTarget::Unused, ColumnTarget::Field)
            };
            self.has_added |= target == ColumnTarget::Added;
            self.targets.push(target);
        }
    }

    /// Whether further columns may be found as rows are read.
    pub fn is_open(&self) -> bool {
        self.matching == Matching::Exact
    }

    /// The columns that are mapped to no field, without objects whose members are
    /// columns.
    pub fn unused<'c>(&self, columns: &'c Columns) -> Vec<&'c str> {
        let objects: HashSet<&str> = match columns.matching {
            Matching::Header => HashSet::new(),
            Matching::Exact => columns
                .names
                .iter()
                .flat_map(|name| parents(name))
                .collect(),
        };
        let names = columns.names.iter().zip(&self.targets);
        names
            .filter(|(name, target)| {
                **target == ColumnTarget::Unused && !objects.contains(name.as_str())
            })
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// How many columns at the start of a table are of [`ADDED`].
    pub fn leading_added(&self) -> usize {
        let is_added = |target: &&ColumnTarget| **target == ColumnTarget::Added;
        self.targets.iter().take_while(is_added).count()
    }

    /// The value of `row` in the column `name` of [`ADDED`].
    pub fn added<'r>(&self, row: &'r Row, columns: &Columns, name: &str) -> Option<&'r str> {
        // Few inputs have added columns; the rows of others are not searched.
        let mut cells = self.has_added.then(|| row.cells())?;
        let is_it = |column| {
            self.targets.get(column) == Some(&ColumnTarget::Added)
                && columns.names.get(column).is_some_and(|found| found == name)
        };
        let cell = cells.find(|cell| is_it(cell.column))?;
        Some(cell.value)
    }

    /// Whether `row` was rejected earlier because another row has its `clientId`.
    pub fn was_duplicate(&self, row: &Row, columns: &Columns) -> bool {
        let codes = self.added(row, columns, "_code");
        codes.is_some_and(|codes| {
            let mut codes = codes.split(';');
            codes.any(|code| code == Code::DuplicateClientId.name())
        })
    }

    /// The values of `row` by field.
    pub fn candidate<'r>(&'r self, row: &'r Row) -> Candidate<'r> {
        let mut candidate = Candidate::new(row.origin);
        candidate.printable = row.is_printable() && self.mapping.constants.is_empty();
        for cell in row.cells() {
            match self.targets.get(cell.column) {
                Some(ColumnTarget::Field(field)) if cell.kind == CellKind::Text => {
                    candidate.set(*field, cell.value);
                }
                Some(ColumnTarget::Field(field)) => {
                    candidate.add(*field, cell.kind, cell.value);
                }
                Some(ColumnTarget::BillingContact)
                    if !matches!(cell.kind, CellKind::Object | CellKind::Null) =>
                {
                    candidate.wrong_contact = Some((cell.kind, cell.value));
                }
                Some(ColumnTarget::BillingContact | ColumnTarget::Added | ColumnTarget::Unused)
                | None => {}
            }
        }
        if self.matching == Matching::Exact {
            for field in [Field::PlanIds, Field::BundleIds] {
                // The API's own body has an array there. A column of `--map` may be a
                // list in one string, as in a table.
                if !is_mapped(&self.mapping, field) {
                    candidate.refuse_text(field);
                }
            }
        }
        for (field, value) in &self.mapping.constants {
            candidate.fill(*field, value);
        }
        candidate
    }

    fn require_fields(&self, columns: &Columns, input: &str) -> Result<(), MappingError> {
        let is_mapped = |field: Field| {
            self.targets.contains(&ColumnTarget::Field(field))
                || self.mapping.constants.iter().any(|(of, _)| *of == field)
        };
        let missing: Vec<Field> = Field::REQUIRED
            .into_iter()
            .filter(|field| !is_mapped(*field))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(MappingError::MissingColumns {
            input: input.to_owned(),
            missing: missing.iter().map(|field| field.name()).collect(),
            found: columns.names.clone(),
            hint: missing_hint(&missing, self.targets.as_slice(), &columns.names),
        })
    }
}

/// The paths of the objects around a member: `a` and `a.b` of `a.b.c`.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.').map(|(dot, _)| path.split_at(dot).0)
}

fn is_mapped(mapping: &Mapping, field: Field) -> bool {
    mapping.columns.iter().any(|(of, _)| *of == field)
}

fn missing_hint(missing: &[Field], targets: &[ColumnTarget], found: &[String]) -> String {
    if targets.iter().all(|target| *target == ColumnTarget::Unused) && !found.is_empty() {
        let guessed = missing.iter().any(|field| guess(*field, found).is_some());
        if !guessed {
            return "the first line of the file must name the columns: \
                    add clientId,companyName,currency there, in the order of the cells"
                .to_owned();
        }
    }
    let flags: Vec<String> = missing
        .iter()
        .map(|field| match guess(*field, found) {
            Some(column) => format!("--map {field}={}", shell_word(column)),
            None if *field == Field::Currency => "--set currency=USD".to_owned(),
            None => format!("--map {field}=COLUMN"),
        })
        .collect();
    format!(
        "rename the column, or say which one it is: {}",
        flags.join(" ")
    )
}

fn header_targets(
    mapping: &Mapping,
    columns: &Columns,
    input: &str,
) -> Result<Vec<ColumnTarget>, MappingError> {
    let names = &columns.names;
    let mut targets = vec![ColumnTarget::Unused; names.len()];
    for (field, column) in &mapping.columns {
        let exact = names.iter().position(|name| name == column);
        let loose = || {
            names
                .iter()
                .position(|name| normalised(name) == normalised(column))
        };
        let target = exact
            .or_else(loose)
            .and_then(|place| targets.get_mut(place));
        *target.ok_or_else(|| MappingError::NoSuchColumn {
            input: input.to_owned(),
            field: *field,
            column: column.clone(),
            found: names.clone(),
        })? = ColumnTarget::Field(*field);
    }
    // Whole paths first: a plain `email` is mapped to the contact's only if no other
    // column is.
    for spelling in [Field::name, Field::member] {
        for field in Field::ALL {
            if targets.contains(&ColumnTarget::Field(field)) {
                continue;
            }
            let name_of_field = normalised(spelling(field));
            let mut matching = targets.iter_mut().zip(names).filter(|(target, name)| {
                **target == ColumnTarget::Unused && normalised(name) == name_of_field
            });
            let Some((target, name)) = matching.next() else {
                continue;
            };
            if let Some((_, other)) = matching.next() {
                return Err(MappingError::Ambiguous {
                    input: input.to_owned(),
                    field,
                    one: name.clone(),
                    other: other.clone(),
                });
            }
            *target = ColumnTarget::Field(field);
        }
    }
    for (target, name) in targets.iter_mut().zip(names) {
        if *target == ColumnTarget::Unused && ADDED.contains(&name.as_str()) {
            *target = ColumnTarget::Added;
        }
    }
    Ok(targets)
}
