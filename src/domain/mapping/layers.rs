//! A mapping on top of another one: a preset, a file, and options.

use super::plan::{ComputedDefault, FieldRule, Mapping, ValueSource};
use crate::domain::field::Field;

impl Mapping {
    /// Adds `over`, which beats this mapping field by field.
    pub fn add(&mut self, over: Self) {
        for rule in over.rules {
            self.add_rule(rule);
        }
        for (field, column) in over.columns {
            self.set_column(field, &column);
        }
        for (field, value) in over.constants {
            self.set_constant(field, &value);
        }
        for (field, value) in over.computed {
            self.set_computed(field, value);
        }
        for filter in over.filters {
            self.filters.retain(|known| known.name != filter.name);
            self.filters.push(filter);
        }
        self.warnings.extend(over.warnings);
        let input = over.input;
        self.input.forbidden.extend(input.forbidden);
        self.input.empty = input.empty.or(self.input.empty.take());
        self.input.accept_short_rows = input.accept_short_rows.or(self.input.accept_short_rows);
        self.input.repeated_ids = input.repeated_ids.or(self.input.repeated_ids.take());
        self.input.matching = input.matching.or(self.input.matching);
    }

    /// Adds a rule. One that does not say where the value comes from changes only what
    /// it names.
    fn add_rule(&mut self, rule: FieldRule) {
        let field = rule.field;
        let known = self.rules.iter_mut().find(|known| known.field == field);
        match known {
            None => self.rules.push(rule),
            Some(known) if rule.from.is_some() => *known = rule,
            Some(known) => known.change(rule),
        }
        if let Some(place) = self.columns.iter().position(|(of, _)| *of == field) {
            let (_, column) = self.columns.remove(place);
            self.set_column(field, &column);
        }
    }

    /// `--map FIELD=COLUMN`: replaces where the field's value comes from.
    pub fn set_column(&mut self, field: Field, column: &str) {
        match self.rules.iter_mut().find(|rule| rule.field == field) {
            Some(rule) => {
                rule.from = Some(vec![ValueSource::column(column)]);
                rule.optional = false;
            }
            None => self.columns.push((field, column.to_owned())),
        }
    }

    /// `--set FIELD=VALUE`: replaces the field's default.
    pub fn set_constant(&mut self, field: Field, value: &str) {
        self.drop_default(field);
        self.constants.push((field, value.to_owned()));
    }

    /// `--set FIELD=@…`: replaces the field's default.
    pub fn set_computed(&mut self, field: Field, value: ComputedDefault) {
        self.drop_default(field);
        self.computed.push((field, value));
    }

    /// Switches the row filter `name` on or off; false if there is none.
    pub fn switch_filter(&mut self, name: &str, on: bool) -> bool {
        let filter = self.filters.iter_mut().find(|known| &*known.name == name);
        filter.map(|filter| filter.on = on).is_some()
    }

    fn drop_default(&mut self, field: Field) {
        self.constants.retain(|(of, _)| *of != field);
        self.computed.retain(|(of, _)| *of != field);
    }

    /// Makes a rule of `--map FIELD=COLUMN`, if the field has none, so that more can be
    /// said about it.
    pub fn rule_mut(&mut self, field: Field) -> &mut FieldRule {
        let place = if let Some(place) = self.rules.iter().position(|rule| rule.field == field) {
            place
        } else {
            self.add_rule(FieldRule::of(field));
            self.rules.len() - 1
        };
        #[expect(clippy::indexing_slicing, reason = "it was found or added there")]
        &mut self.rules[place]
    }
}

impl FieldRule {
    /// Takes over what `over` says, except where the value comes from.
    fn change(&mut self, over: Self) {
        self.trim = over.trim.or(self.trim);
        self.unwrap = over.unwrap.or(self.unwrap);
        self.apostrophe = over.apostrophe.or(self.apostrophe);
        self.pattern = over.pattern.or(self.pattern.take());
        if !over.replace.is_empty() {
            self.replace = over.replace;
        }
        self.values = over.values.or(self.values.take());
        self.unmapped = over.unmapped.or(self.unmapped);
        self.case = over.case.or(self.case);
        self.slug = over.slug.or(self.slug);
    }
}
