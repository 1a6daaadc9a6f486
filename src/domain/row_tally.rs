//! Rows that are no customers, by the reason; rows that took a default, by field; and the
//! currencies and countries of customers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::customer::CustomerValues;
use super::field::{Field, FieldSet};
use super::mapping::{ComputedDefault, Mapping};
use super::skip::SkipReason;
use super::text::{counted, quoted};
use super::value_counts::ValueCounts;

/// How many lines of each reason are kept.
const LINES_KEPT: usize = 10;

/// Rows that are no customers, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SkippedRows {
    /// The reason: the name of a row filter, or one of the program's own.
    pub reason: String,
    /// How many there are.
    pub count: u64,
    /// The first of their lines.
    pub lines: Vec<u64>,
}

/// Rows that took a default of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DefaultedRows {
    /// The field.
    pub field: &'static str,
    /// The default, as it was given.
    pub value: String,
    /// How many rows took it.
    pub count: u64,
}

impl DefaultedRows {
    /// The same in a sentence.
    pub fn sentence(&self) -> String {
        let rows = counted(self.count, "row", "rows");
        let value = if self.value.starts_with('@') {
            self.value.clone()
        } else {
            quoted(&self.value)
        };
        format!("{rows} took the default {value} for {}", self.field)
    }
}

/// Counts rows as they are read.
#[derive(Debug, Clone, Default)]
pub struct RowTally {
    skipped: BTreeMap<SkipReason, SkippedRows>,
    defaulted: [u64; Field::COUNT],
    /// The currencies of rows that pass the checks of a single row.
    pub currencies: ValueCounts,
    /// The countries of their billing contacts.
    pub countries: ValueCounts,
    /// The plans that they name.
    pub plans: ValueCounts,
    /// Rejected rows without a certain `clientId`: whose they are is not known.
    pub unidentified: u64,
    /// Rows whose `clientId` an earlier row has.
    pub repeated: u64,
    /// Rows of the table that stand in cells of other rows, by a stray quote.
    pub swallowed: u64,
    /// Rows whose `clientId` is doubted, and not that of a customer that Kable holds.
    pub doubted: u64,
    /// Rows that failed, of whose customer Kable's id is on record, and whose `clientId` Kable
    /// does not have.
    pub renamed: u64,
}

impl RowTally {
    /// Rows that are of no customer: blank ones, totals and footers.
    pub fn around_the_table(&self) -> u64 {
        let reasons = [SkipReason::Blank, SkipReason::Footer];
        let skipped = reasons.iter().filter_map(|reason| self.skipped.get(reason));
        skipped.map(|rows| rows.count).sum()
    }

    /// Counts a row that is no customer.
    pub fn add_skipped(&mut self, reason: &SkipReason, line: u64) {
        let rows = self.skipped.entry(reason.clone()).or_default();
        rows.count += 1;
        if rows.lines.len() < LINES_KEPT {
            rows.lines.push(line);
        }
    }

    /// Counts a row that took the defaults of these fields.
    pub fn add_defaulted(&mut self, fields: FieldSet) {
        if fields.is_empty() {
            return;
        }
        for (field, count) in Field::ALL.into_iter().zip(&mut self.defaulted) {
            *count += u64::from(fields.has(field));
        }
    }

    /// Counts the currency and the country of a row.
    pub fn add_values(&mut self, values: &CustomerValues<'_>) {
        self.currencies.add(values.currency());
        for plan in values.plan_ids() {
            self.plans.add(plan);
        }
        if let Some(country) = values.country() {
            self.countries.add(country);
        }
    }

    /// The sum of both; `later` is of later rows.
    #[must_use]
    pub fn plus(mut self, later: Self) -> Self {
        self.add(later);
        self
    }

    /// Adds the counts of later rows.
    pub fn add(&mut self, later: Self) {
        for (reason, rows) in later.skipped {
            let known = self.skipped.entry(reason).or_default();
            known.count += rows.count;
            let room = LINES_KEPT.saturating_sub(known.lines.len());
            known.lines.extend(rows.lines.into_iter().take(room));
        }
        self.currencies.add_all(&later.currencies);
        self.countries.add_all(&later.countries);
        self.plans.add_all(&later.plans);
        self.unidentified += later.unidentified;
        self.repeated += later.repeated;
        self.swallowed += later.swallowed;
        self.doubted += later.doubted;
        self.renamed += later.renamed;
        for (count, more) in self.defaulted.iter_mut().zip(later.defaulted) {
            *count += more;
        }
    }

    /// The rows that are no customers, by reason.
    pub fn skipped(&self) -> Vec<SkippedRows> {
        let named = self.skipped.iter().map(|(reason, rows)| SkippedRows {
            reason: reason.to_string(),
            ..rows.clone()
        });
        named.collect()
    }

    /// The rows that took a default of `mapping`, by field.
    pub fn defaults(&self, mapping: &Mapping) -> Vec<DefaultedRows> {
        let counts = Field::ALL.into_iter().zip(self.defaulted);
        let taken = counts.filter(|(_, count)| *count > 0);
        let rows = taken.map(|(field, count)| DefaultedRows {
            field: field.name(),
            value: default_text(mapping, field),
            count,
        });
        rows.collect()
    }
}

/// The default of `field`, as it was given.
fn default_text(mapping: &Mapping, field: Field) -> String {
    let constant = mapping.constants.iter().find(|(of, _)| *of == field);
    let computed = mapping.computed.iter().find(|(of, _)| *of == field);
    match (constant, computed) {
        (Some((_, text)), _) => text.clone(),
        (None, Some((_, ComputedDefault::Person))) => "@person".to_owned(),
        (None, Some((_, ComputedDefault::Slug))) => "@slug".to_owned(),
        (None, Some((_, ComputedDefault::Copy(of)))) => format!("@{of}"),
        (None, None) => mapping
            .rule(field)
            .and_then(|rule| rule.text())
            .unwrap_or_default()
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{DefaultedRows, LINES_KEPT, RowTally};
    use crate::domain::field::{Field, FieldSet};
    use crate::domain::mapping::{ComputedDefault, Mapping};
    use crate::domain::skip::SkipReason;

    fn fields(fields: &[Field]) -> FieldSet {
        let mut set = FieldSet::default();
        for field in fields {
            set.insert(*field);
        }
        set
    }

    #[test]
    fn skipped_rows_are_counted_by_reason_with_their_first_lines() {
        let deleted = SkipReason::Filter("deleted".into());
        let mut first = RowTally::default();
        for line in 1..=8 {
            first.add_skipped(&SkipReason::Blank, line);
        }
        first.add_skipped(&deleted, 9);
        let mut later = RowTally::default();
        for line in 20..=29 {
            later.add_skipped(&SkipReason::Blank, line);
        }
        later.add_skipped(&SkipReason::Footer, 30);
        let all = first.plus(later).skipped();
        let counts: Vec<(&str, u64, usize)> = all
            .iter()
            .map(|rows| (rows.reason.as_str(), rows.count, rows.lines.len()))
            .collect();
        assert_eq!(
            counts,
            [
                ("blank rows", 18, LINES_KEPT),
                ("totals and footers", 1, 1),
                ("deleted", 1, 1),
            ]
        );
        assert_eq!(all[0].lines, [1, 2, 3, 4, 5, 6, 7, 8, 20, 21]);
        assert!(RowTally::default().skipped().is_empty());
    }

    #[test]
    fn defaults_are_counted_by_field_and_named_as_they_were_given() {
        let mut mapping = Mapping::default();
        mapping.set_constant(Field::Currency, "USD");
        mapping
            .computed
            .push((Field::CompanyName, ComputedDefault::Person));
        mapping
            .computed
            .push((Field::Email, ComputedDefault::Copy(Field::ClientId)));
        let mut tally = RowTally::default();
        tally.add_defaulted(FieldSet::default());
        tally.add_defaulted(fields(&[Field::Currency, Field::CompanyName]));
        let mut later = RowTally::default();
        later.add_defaulted(fields(&[Field::Currency, Field::Email]));
        tally.add(later);
        let defaults = tally.defaults(&mapping);
        let sentences: Vec<String> = defaults.iter().map(DefaultedRows::sentence).collect();
        assert_eq!(
            sentences,
            [
                "1 row took the default @person for companyName",
                "2 rows took the default \"USD\" for currency",
                "1 row took the default @clientId for billingContact.email",
            ]
        );
    }
}
