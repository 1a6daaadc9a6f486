//! A mapping, resolved for the columns of one input.
//!
//! The header of a table is matched loosely, the members of a JSON body exactly: a
//! stray top-level `email` must not get into an invoice's address.

use std::borrow::Cow;
use std::collections::HashSet;

use super::column_names::{folded, numbered, place_of, told_by_others};
use super::column_target::{ADDED, BoundColumns, ColumnTarget};
use super::derive::{derive, derived_field};
use super::error::MappingError;
use super::header_targets::{HeaderTargets, header_targets, missing_hint};
use super::plan::{FieldRule, Mapping, NameMatching, RepeatRule, ValueSource, ValueTake};
use crate::domain::candidate::Candidate;
use crate::domain::field::{Field, FieldSet};
use crate::domain::problem::Code;
use crate::domain::row::{CellKind, Columns, Matching, ReadState, Row};

/// A mapping, resolved for the columns of one input.
#[derive(Debug, Clone, Default)]
pub struct Binding {
    pub(super) bound: BoundColumns,
    /// The input's name.
    input: String,
    matching: Matching,
    /// The columns that they name.
    wanted: HashSet<String>,
    /// Whether some value is not simply that of a column.
    derives: bool,
    /// Whether any column is one of [`ADDED`].
    has_added: bool,
}

impl Binding {
    /// Resolves what the columns of `input` are mapped to.
    pub fn new(mapping: &Mapping, columns: &Columns, input: &str) -> Result<Self, MappingError> {
        let mut binding = Self {
            bound: BoundColumns {
                mapping: mapping.clone(),
                ..BoundColumns::default()
            },
            input: input.to_owned(),
            matching: columns.matching,
            wanted: mapping.rule_columns().map(str::to_owned).collect(),
            ..Self::default()
        };
        match columns.matching {
            Matching::Exact => binding.extend(columns)?,
            Matching::Header => binding.bind_table(columns)?,
        }
        binding.derives = binding.is_derived();
        Ok(binding)
    }

    /// Resolves the columns of a table.
    fn bind_table(&mut self, columns: &Columns) -> Result<(), MappingError> {
        let names = &columns.names;
        names.iter().try_for_each(|name| self.allow(name))?;
        let found = header_targets(&self.bound.mapping, columns, &self.input)?;
        let HeaderTargets { targets, shared } = found;
        self.bound.targets = targets;
        self.has_added = self.bound.targets.contains(&ColumnTarget::Added);
        let shared_columns = shared.iter().flat_map(FieldRule::source_columns);
        self.wanted.extend(shared_columns.map(str::to_owned));
        self.bound.mapping.rules.extend(shared);
        for name in &self.wanted {
            if let Some(place) = place_of(name, names) {
                self.bound.places.insert(name.clone(), place);
            }
        }
        self.demand_columns(columns)?;
        self.require_fields(columns)
    }

    /// Whether rows need more than the values of their columns.
    fn is_derived(&self) -> bool {
        let Mapping {
            columns: _,
            constants: _,
            computed,
            rules,
            input,
            filters,
            warnings,
        } = &self.bound.mapping;
        let has_markers = input.empty.as_ref().is_some_and(|empty| !empty.is_empty());
        let keeps = matches!(input.repeated_ids, Some(RepeatRule::Keep(_)));
        has_markers
            || keeps
            || !computed.is_empty()
            || !rules.is_empty()
            || !filters.is_empty()
            || !warnings.is_empty()
    }

    /// Refuses a column that the mapping forbids.
    fn allow(&self, name: &str) -> Result<(), MappingError> {
        let forbidden = &self.bound.mapping.input.forbidden;
        if forbidden.is_empty() || !forbidden.iter().any(|no| folded(no) == folded(name)) {
            return Ok(());
        }
        Err(MappingError::Forbidden {
            input: self.input.clone(),
            column: name.to_owned(),
        })
    }

    /// Resolves the columns that were found since.
    pub fn extend(&mut self, columns: &Columns) -> Result<(), MappingError> {
        if self.matching == Matching::Header {
            return Ok(());
        }
        for name in columns.names.iter().skip(self.bound.targets.len()) {
            self.allow(name)?;
            let target = self.member_target(name);
            if self.wanted.contains(name) {
                self.bound
                    .places
                    .insert(name.clone(), self.bound.targets.len());
            }
            self.has_added |= target == ColumnTarget::Added;
            self.bound.targets.push(target);
        }
        Ok(())
    }

    /// What the member `name` of JSON feeds.
    fn member_target(&mut self, name: &str) -> ColumnTarget {
        let by_name = self.bound.mapping.input.matching != Some(NameMatching::Off);
        let own = Field::of_name(name).filter(|field| {
            let rule = self.bound.mapping.rule(*field);
            by_name && !self.is_named(*field) && rule.is_none_or(|rule| rule.from.is_none())
        });
        let named = self.bound.mapping.columns.iter();
        let mut named = named.filter(|(_, column)| column == name);
        let Some((field, _)) = named.next() else {
            return match own {
                _ if ADDED.contains(&name) => ColumnTarget::Added,
                _ if name == "billingContact" => ColumnTarget::BillingContact,
                Some(field) => ColumnTarget::Field(field),
                None => ColumnTarget::Unused,
            };
        };
        let shared = named.map(|(field, _)| *field).chain(own);
        let shared: Vec<FieldRule> = shared.map(|of| FieldRule::plain(of, name)).collect();
        let target = ColumnTarget::Named(*field);
        if !shared.is_empty() {
            self.bound.mapping.rules.extend(shared);
            self.wanted.insert(name.to_owned());
            self.derives = true;
        }
        target
    }

    /// Computes the values of `row` that are not simply those of a column, and adds them
    /// to it. Whether the row is a customer is known afterwards.
    pub fn derive(&self, row: &mut Row) {
        if self.derives && row.state == ReadState::Good && !row.findings.is_derived {
            derive(&self.bound, row);
        }
    }

    /// Whether further columns may be found as rows are read.
    pub fn is_open(&self) -> bool {
        self.matching == Matching::Exact
    }

    /// The columns that are mapped to no field, without objects whose members are
    /// columns.
    pub fn unused<'c>(&self, columns: &'c Columns) -> Vec<Cow<'c, str>> {
        let used: HashSet<usize> = self.bound.places.values().copied().collect();
        let is_used = |place: usize| {
            let target = self.bound.targets.get(place);
            used.contains(&place) || target != Some(&ColumnTarget::Unused)
        };
        let objects: HashSet<&str> = match columns.matching {
            Matching::Header => HashSet::new(),
            Matching::Exact => told_by_others(&columns.names, is_used),
        };
        let names = (0..).zip(numbered(&columns.names)).zip(&self.bound.targets);
        names
            .filter(|((place, name), target)| {
                **target == ColumnTarget::Unused
                    && !used.contains(place)
                    && !objects.contains(name.as_ref())
            })
            .map(|((_, name), _)| name)
            .collect()
    }

    /// How many columns at the start of a table are of [`ADDED`].
    pub fn leading_added(&self) -> usize {
        let is_added = |target: &&ColumnTarget| **target == ColumnTarget::Added;
        self.bound.targets.iter().take_while(is_added).count()
    }

    /// The value of `row` in the column `name` of [`ADDED`].
    pub fn added<'r>(&self, row: &'r Row, columns: &Columns, name: &str) -> Option<&'r str> {
        // Few inputs have added columns; the rows of others are not searched.
        let mut cells = self.has_added.then(|| row.cells())?;
        let is_it = |column| {
            self.bound.targets.get(column) == Some(&ColumnTarget::Added)
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
        candidate.findings = &row.findings.problems;
        candidate.defaulted = row.findings.defaulted;
        for cell in row.cells() {
            match self.bound.targets.get(cell.column) {
                Some(ColumnTarget::Field(field)) if cell.kind == CellKind::Text => {
                    candidate.set_cell(*field, &cell);
                }
                Some(ColumnTarget::Named(field))
                    if matches!(cell.kind, CellKind::Number | CellKind::Bool) =>
                {
                    candidate.set_cell(*field, &cell);
                }
                Some(ColumnTarget::Field(field) | ColumnTarget::Named(field)) => {
                    candidate.add(*field, &cell);
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
            // Only a spreadsheet writes one that is not part of the value.
            candidate.keeps_apostrophe = FieldSet::ALL;
            for field in [Field::PlanIds, Field::BundleIds] {
                // The API's own body has an array there. A column of `--map` may be a
                // list in one string, as in a table.
                if !self.is_named(field) && self.bound.mapping.rule(field).is_none() {
                    candidate.refuse_text(field);
                }
            }
        }
        if row.findings.is_derived {
            self.add_derived(row, &mut candidate);
        }
        for (field, value) in &self.bound.mapping.constants {
            candidate.fill(*field, value);
        }
        candidate
    }

    /// Replaces values of columns by derived ones.
    fn add_derived<'r>(&'r self, row: &'r Row, candidate: &mut Candidate<'r>) {
        let mut replaced = FieldSet::default();
        // A rule also has a value, an empty one, for a row without its cells.
        let present = candidate.present;
        for cell in row.cells() {
            let Some(field) = derived_field(cell.column) else {
                continue;
            };
            if !replaced.has(field) {
                replaced.insert(field);
                candidate.clear(field);
            }
            candidate.add(field, &cell);
        }
        candidate.present = present;
        for rule in &self.bound.mapping.rules {
            if self.bound.has_source_cell(rule, row) {
                candidate.present.insert(rule.field);
            }
            if rule.apostrophe.is_some() {
                candidate.keeps_apostrophe.insert(rule.field);
            }
        }
    }

    /// Whether `--map` names a column for `field`.
    pub(super) fn is_named(&self, field: Field) -> bool {
        self.bound
            .mapping
            .columns
            .iter()
            .any(|(of, _)| *of == field)
    }

    /// Refuses a table that lacks columns which the mapping says it has.
    fn demand_columns(&self, columns: &Columns) -> Result<(), MappingError> {
        let lacks = |name: &&str| !self.bound.places.contains_key(*name);
        for rule in self
            .bound
            .mapping
            .rules
            .iter()
            .filter(|rule| !rule.optional)
        {
            let mut sources = rule.source_columns();
            let Some(first) = sources.next() else {
                continue;
            };
            if lacks(&first) && sources.all(|name| lacks(&name)) && rule.text().is_none() {
                return Err(MappingError::NoSuchColumn {
                    input: self.input.clone(),
                    field: rule.field,
                    column: first.to_owned(),
                    found: columns.names.clone(),
                });
            }
        }
        match self.bound.mapping.demanded_columns().find(lacks) {
            None => Ok(()),
            Some(column) => Err(MappingError::NoTestedColumn {
                input: self.input.clone(),
                column: column.to_owned(),
                found: columns.names.clone(),
            }),
        }
    }

    /// What the user said.
    pub(super) fn mapping(&self) -> &Mapping {
        &self.bound.mapping
    }

    /// The name of the column that feeds `field` as it is.
    pub(super) fn column_of<'c>(&self, field: Field, columns: &'c Columns) -> Option<Cow<'c, str>> {
        let mut targets = self.bound.targets.iter();
        let place = targets.position(|target| target.feeds(field))?;
        numbered(&columns.names).nth(place)
    }

    /// Whether the columns that `source` takes exist, or it needs none.
    pub(super) fn has_source(&self, source: &ValueSource) -> bool {
        let is_found = |name: &String| self.bound.places.contains_key(name);
        match &source.take {
            ValueTake::Column(name) => is_found(name),
            ValueTake::Join { columns, .. } => columns.iter().any(is_found),
            ValueTake::Text(_) => true,
        }
    }

    /// Whether any column or default feeds `field`.
    fn is_fed(&self, field: Field) -> bool {
        let has_default = self
            .bound
            .mapping
            .constants
            .iter()
            .any(|(of, _)| *of == field)
            || self
                .bound
                .mapping
                .computed
                .iter()
                .any(|(of, _)| *of == field);
        let feeds = |target: &ColumnTarget| target.feeds(field);
        let rule = self.bound.mapping.rule(field);
        let sources = rule.and_then(|rule| rule.from.as_ref());
        has_default
            || self.bound.targets.iter().any(feeds)
            || sources.is_some_and(|from| from.iter().any(|source| self.has_source(source)))
    }

    /// Refuses an input in which nothing feeds a required field. Of JSON, `columns` are
    /// only the members found so far: a field with a rule may be fed by further ones.
    pub fn require_fields(&self, columns: &Columns) -> Result<(), MappingError> {
        let may_be_fed = |field: &Field| {
            self.is_open() && self.bound.mapping.rule(*field).is_some() || self.is_fed(*field)
        };
        let missing: Vec<Field> = Field::REQUIRED
            .into_iter()
            .filter(|field| !may_be_fed(field))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (mapping, targets) = (&self.bound.mapping, self.bound.targets.as_slice());
        Err(MappingError::MissingColumns {
            input: self.input.clone(),
            missing: missing.iter().map(|field| field.name()).collect(),
            found: columns.names.clone(),
            hint: missing_hint(&missing, mapping, targets, &columns.names),
        })
    }
}
