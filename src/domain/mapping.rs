//! Which column feeds which field: a [`Row`] becomes a [`Candidate`].
//!
//! The mapping is what the user said; the [`Binding`] is what it comes to for
//! the columns of one input. A table's header is matched loosely, the API's own
//! body exactly: a stray top-level `email` in a JSON body must not become part
//! of an invoice's address.

use std::collections::HashSet;

use super::candidate::Candidate;
use super::field::Field;
use super::header::{guess, normalised};
use super::problem::Code;
use super::row::{CellKind, Columns, Matching, Row};
use super::text::{listed, quoted};

/// What the user said about columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// `--map FIELD=COLUMN`.
    pub columns: Vec<(Field, String)>,
    /// `--set FIELD=VALUE`: for rows that have none.
    pub constants: Vec<(Field, String)>,
}

/// Columns that we add to rejects and failures, and ignore when they come back.
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
    /// No column feeds a required field.
    #[error(
        "{input} has no column for {} (its first line names {})",
        listed(missing, 3),
        found_names(found)
    )]
    MissingColumns {
        /// The input's name.
        input: String,
        /// The fields without a column.
        missing: Vec<&'static str>,
        /// The columns there are.
        found: Vec<String>,
        /// What the user can do.
        hint: String,
    },
    /// Two columns feed one field.
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
    /// `--map` names a column that is not there.
    #[error(
        "{input} has no column {} for {field} (its first line names {})",
        quoted(column),
        found_names(found)
    )]
    NoSuchColumn {
        /// The input's name.
        input: String,
        /// The field.
        field: Field,
        /// The column that was asked for.
        column: String,
        /// The columns there are.
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

fn found_names(found: &[String]) -> String {
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

/// What one column feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnTarget {
    Field(Field),
    /// The object `billingContact` itself.
    BillingContact,
    /// One of [`ADDED`].
    Ours,
    Unused,
}

/// A mapping, worked out for the columns of one input.
#[derive(Debug, Clone, Default)]
pub struct Binding {
    mapping: Mapping,
    matching: Matching,
    targets: Vec<ColumnTarget>,
    /// Whether any column is ours.
    comes_back: bool,
}

impl Binding {
    /// Works out what the columns of `input` feed.
    pub fn new(mapping: &Mapping, columns: &Columns, input: &str) -> Result<Self, MappingError> {
        let mut binding = Self {
            mapping: mapping.clone(),
            matching: columns.matching,
            targets: Vec::new(),
            comes_back: false,
        };
        match columns.matching {
            Matching::Exact => binding.extend(columns),
            Matching::Header => {
                binding.targets = header_targets(mapping, columns, input)?;
                binding.demand_required(columns, input)?;
                binding.comes_back = binding.targets.contains(&ColumnTarget::Ours);
            }
        }
        Ok(binding)
    }

    /// Takes in columns that have been met since.
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
                ColumnTarget::Ours
            } else if name == "billingContact" {
                ColumnTarget::BillingContact
            } else {
                Field::of_name(name)
                    .filter(|field| !is_mapped(&self.mapping, *field))
                    .map_or(ColumnTarget::Unused, ColumnTarget::Field)
            };
            self.comes_back |= target == ColumnTarget::Ours;
            self.targets.push(target);
        }
    }

    /// Whether columns are met as rows are read.
    pub fn is_open(&self) -> bool {
        self.matching == Matching::Exact
    }

    /// The columns that feed no field. An object is not named beside its own
    /// members.
    pub fn unused<'c>(&self, columns: &'c Columns) -> Vec<&'c str> {
        let objects: HashSet<&str> = match columns.matching {
            Matching::Header => HashSet::new(),
            Matching::Exact => columns.names.iter().flat_map(|name| above(name)).collect(),
        };
        let names = columns.names.iter().zip(&self.targets);
        names
            .filter(|(name, target)| {
                **target == ColumnTarget::Unused && !objects.contains(name.as_str())
            })
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// How many columns at the start of a table are ours, added to a rejects
    /// file that now comes back.
    pub fn leading_own(&self) -> usize {
        let ours = |target: &&ColumnTarget| **target == ColumnTarget::Ours;
        self.targets.iter().take_while(ours).count()
    }

    /// What `row` has in the column `name` that we added to it when it was given
    /// back.
    pub fn added<'r>(&self, row: &'r Row, columns: &Columns, name: &str) -> Option<&'r str> {
        // Nearly no input comes back, and then no row is looked through.
        let mut cells = self.comes_back.then(|| row.cells().iter())?;
        let is_it = |column| {
            self.targets.get(column) == Some(&ColumnTarget::Ours)
                && columns.names.get(column).is_some_and(|found| found == name)
        };
        let cell = cells.find(|cell| is_it(cell.column))?;
        Some(row.value(cell))
    }

    /// Whether `row` was given back for repeating the `clientId` of another one.
    pub fn was_repeat(&self, row: &Row, columns: &Columns) -> bool {
        let codes = self.added(row, columns, "_code");
        codes.is_some_and(|codes| {
            let mut codes = codes.split(';');
            codes.any(|code| code == Code::DuplicateClientId.name())
        })
    }

    /// The fields of `row` as they are given.
    pub fn candidate<'r>(&'r self, row: &'r Row) -> Candidate<'r> {
        let mut candidate = Candidate::new(row.origin);
        candidate.printable = row.is_printable() && self.mapping.constants.is_empty();
        for cell in row.cells() {
            match self.targets.get(cell.column) {
                Some(ColumnTarget::Field(field)) if cell.kind == CellKind::Text => {
                    candidate.set(*field, row.value(cell));
                }
                Some(ColumnTarget::Field(field)) => {
                    candidate.add(*field, cell.kind, row.value(cell));
                }
                Some(ColumnTarget::BillingContact)
                    if !matches!(cell.kind, CellKind::Object | CellKind::Null) =>
                {
                    candidate.wrong_contact = Some((cell.kind, row.value(cell)));
                }
                Some(ColumnTarget::BillingContact | ColumnTarget::Ours | ColumnTarget::Unused)
                | None => {}
            }
        }
        if self.matching == Matching::Exact {
            for field in [Field::PlanIds, Field::BundleIds] {
                // The API's own body has an array there. A column that the user
                // named may be a list in one string, as in a table.
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

    fn demand_required(&self, columns: &Columns, input: &str) -> Result<(), MappingError> {
        let fed = |field: Field| {
            self.targets.contains(&ColumnTarget::Field(field))
                || self.mapping.constants.iter().any(|(of, _)| *of == field)
        };
        let missing: Vec<Field> = Field::REQUIRED
            .into_iter()
            .filter(|field| !fed(*field))
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

/// The paths of the objects that a member stands in: `a` and `a.b` of `a.b.c`.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.')
        .map(|(dot, _)| path.get(..dot).unwrap_or_default())
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
    // Whole paths first: a plain `email` feeds the contact's only where nothing
    // else does.
    for spelling in [Field::name, Field::member] {
        for field in Field::ALL {
            if targets.contains(&ColumnTarget::Field(field)) {
                continue;
            }
            let wanted = normalised(spelling(field));
            let mut fitting = (0..names.len()).filter(|place| {
                targets.get(*place) == Some(&ColumnTarget::Unused)
                    && names
                        .get(*place)
                        .is_some_and(|name| normalised(name) == wanted)
            });
            let (first, second) = (fitting.next(), fitting.next());
            if let (Some(first), Some(second)) = (first, second) {
                let name = |place: usize| names.get(place).cloned().unwrap_or_default();
                return Err(MappingError::Ambiguous {
                    input: input.to_owned(),
                    field,
                    one: name(first),
                    other: name(second),
                });
            }
            if let Some(slot) = first.and_then(|place| targets.get_mut(place)) {
                *slot = ColumnTarget::Field(field);
            }
        }
    }
    for (target, name) in targets.iter_mut().zip(names) {
        if *target == ColumnTarget::Unused && ADDED.contains(&name.as_str()) {
            *target = ColumnTarget::Ours;
        }
    }
    Ok(targets)
}
