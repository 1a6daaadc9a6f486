//! `kable-bulk plans`: lists the account's plans and bundles, with the ids that the
//! columns `planIds` and `bundleIds` hold, and a file of values needs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::connect::{ConnectSettings, Connected, connect};
use super::exit::Exit;
use super::hint::hinted;
use super::listing::{ListedRow, Listing, cell_of, types_listing, unless_closed};
use super::preflight::Calls;
use super::progress_view::plain_view;
use super::system::runtime;
use crate::cli::defaults::TIMEOUT;
use crate::cli::{CatalogKind, ListingFormat, PlansOptions};
use crate::config::display::{ListingSettings, listing};
use crate::config::target::{Destination, destination, unnamed_target};
use crate::config::values::duration;
use crate::config::{ConfigError, Environment, FileOptions};
use crate::domain::catalog::{Catalog, CatalogEntry};
use crate::domain::rules::Rules;
use crate::domain::text::{escaped, quoted};

/// Lists plans and bundles.
pub fn run(typed: &PlansOptions, environment: &Environment) -> anyhow::Result<Exit> {
    let file = FileOptions::read(&typed.file, environment)?;
    let is_typed = |long: &str| types(typed, long);
    let notes = file.notes("plans", is_typed);
    let target_note = unnamed_target(file.unnamed_target.as_ref(), &typed.target);
    let assignments = file.assignments.clone();
    let PlansDecisions {
        destination,
        timeout,
        listing,
    } = PlansDecisions::of(typed.clone(), file, environment)
        .map_err(|error| error.located(&assignments, is_typed))?;
    let notes = notes.into_iter().filter(|_| !listing.quiet);
    // Where the plans come from is said in any case.
    for note in notes.chain(target_note) {
        say(&note);
    }
    let rules = runtime()?.block_on(look_up(destination, timeout, listing.quiet))?;
    let is_for_values = listing.format == ListingFormat::Values;
    // A file of values is for one column.
    let kind = typed.kind.or(is_for_values.then_some(CatalogKind::Plans));
    let rows = rows(&rules, kind);
    for warning in ambiguous(&rows).iter().filter(|_| is_for_values) {
        say(&format!("warning: {warning}"));
    }
    unless_closed(write(&rows, listing.format))?;
    if rows.is_empty() && !listing.quiet {
        say(match kind {
            Some(CatalogKind::Plans) => "the account has no plans",
            Some(CatalogKind::Bundles) => "the account has no bundles",
            None => "the account has no plans and no bundles",
        });
    }
    Ok(Exit::Done)
}

/// The plans, then the bundles, or those of one kind.
fn rows(rules: &Rules, kind: Option<CatalogKind>) -> Vec<PlanRow<'_>> {
    let plans = rules.plans.as_ref();
    let plans = plans.filter(|_| kind != Some(CatalogKind::Bundles));
    let bundles = rules.bundles.as_ref();
    let bundles = bundles.filter(|_| kind != Some(CatalogKind::Plans));
    let mut rows = Vec::new();
    for (kind, catalog) in [("plan", plans), ("bundle", bundles)] {
        let entries = catalog.map(Catalog::entries).unwrap_or_default();
        rows.extend(entries.iter().map(|entry| PlanRow::of(kind, entry)));
    }
    rows
}

/// What was typed, or stands in a file or in the environment, decided.
struct PlansDecisions {
    destination: Destination,
    timeout: Duration,
    listing: ListingSettings,
}

impl PlansDecisions {
    fn of(
        typed: PlansOptions,
        file: FileOptions,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let timeout = typed.timeout.or(file.requests.timeout);
        let timeout = timeout.map(|text| duration("timeout", &text));
        let stored = (file.listing, file.display);
        Ok(Self {
            timeout: timeout.transpose()?.unwrap_or(TIMEOUT),
            destination: destination(typed.target, file.target, environment)?,
            listing: listing(
                (typed.listing, typed.switches),
                stored,
                ListingFormat::Table,
            ),
        })
    }
}

/// Whether the option `long` was typed.
fn types(typed: &PlansOptions, long: &str) -> bool {
    match long {
        "env" => typed.target.env.is_some(),
        "base-url" => typed.target.base_url.is_some(),
        "sandbox" => typed.target.sandbox.is_some(),
        "client-secret-file" => typed.target.client_secret_file.is_some(),
        "timeout" => typed.timeout.is_some(),
        other => types_listing(typed.listing, typed.switches, other),
    }
}

/// Prints a line beside the list.
fn say(line: &str) {
    // Standard error may be closed; then the line is dropped.
    writeln!(std::io::stderr(), "{}", escaped(line)).ok();
}

/// The account's plans and bundles.
async fn look_up(
    destination: Destination,
    timeout: Duration,
    quiet: bool,
) -> anyhow::Result<Rules> {
    let settings = ConnectSettings {
        timeout,
        connections: 1,
        stripe: false,
        keys: false,
    };
    let watcher = plain_view(quiet);
    let mut rules = Rules::default();
    // Three calls need no token bucket.
    let calls = Calls::new(None, &watcher);
    let Connected {
        warning, sandbox, ..
    } = connect(destination, settings, &mut rules, calls).await?;
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    match warning {
        Some(warning) => Err(hinted(
            warning,
            "run the same command again later, or check what the account may do",
        )),
        None => Ok(rules),
    }
}

/// A plan or a bundle. As JSON, what is not known is `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanRow<'a> {
    kind: &'static str,
    id: &'a str,
    name: Option<&'a str>,
    external_id: Option<&'a str>,
    currency: Option<&'a str>,
    price: Option<&'a serde_json::Value>,
    interval: Option<&'a str>,
    plan_ids: Option<&'a [String]>,
}

impl<'a> PlanRow<'a> {
    fn of(kind: &'static str, entry: &'a CatalogEntry) -> Self {
        fn given(text: Option<&str>) -> Option<&str> {
            text.filter(|text| !text.trim().is_empty())
        }
        Self {
            kind,
            id: &entry.id,
            name: given(entry.name.as_deref()),
            external_id: given(entry.external_id.as_deref()),
            currency: given(entry.currency.as_deref()),
            price: entry.price.as_ref(),
            interval: given(entry.interval.as_deref()),
            plan_ids: entry.plan_ids.as_deref(),
        }
    }

    /// What other systems probably call it.
    fn called(&self) -> &'a str {
        self.external_id.or(self.name).unwrap_or(self.id)
    }
}

impl ListedRow for PlanRow<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "kind",
        "id",
        "name",
        "externalId",
        "currency",
        "price",
        "interval",
        "planIds",
    ];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        let price = self.price.map(|price| match price.as_str() {
            Some(text) => text.to_owned(),
            None => price.to_string(),
        });
        // As a cell of an input has it.
        let plan_ids = self.plan_ids.map(|ids| ids.join(";"));
        vec![
            self.kind.into(),
            self.id.into(),
            cell_of(self.name),
            cell_of(self.external_id),
            cell_of(self.currency),
            price.unwrap_or_default().into(),
            cell_of(self.interval),
            plan_ids.unwrap_or_default().into(),
        ]
    }

    fn value(&self) -> Option<(&str, &str)> {
        Some((self.called(), self.id))
    }
}

fn write(rows: &[PlanRow<'_>], format: ListingFormat) -> std::io::Result<u64> {
    let mut listing = Listing::on_stdout(format);
    listing.begin::<PlanRow<'_>>()?;
    for row in rows {
        listing.add(row)?;
    }
    listing.finish()
}

/// The names that stand for several of `rows`: a file of values must not have them.
fn ambiguous(rows: &[PlanRow<'_>]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.called()).or_default() += 1;
    }
    let several = counts.into_iter().filter(|(_, count)| *count > 1);
    several
        .map(|(name, count)| {
            let name = quoted(name);
            format!("{name} stands for {count} of them: keep one of these lines for --values")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{CatalogEntry, ListedRow, PlanRow, ambiguous};

    fn entry(id: &str, name: &str, external_id: &str) -> CatalogEntry {
        CatalogEntry {
            id: id.to_owned(),
            name: Some(name.to_owned()),
            external_id: Some(external_id.to_owned()),
            ..CatalogEntry::default()
        }
    }

    #[test]
    fn a_file_of_values_has_external_ids_or_else_names_or_else_ids() {
        let entries = [
            entry("p1", "Pro", "pro"),
            entry("p2", "Pro", " "),
            entry("p3", "", ""),
            entry("p4", "Plus", "pro"),
        ];
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| PlanRow::of("plan", entry))
            .collect();
        let values: Vec<_> = rows.iter().filter_map(PlanRow::value).collect();
        assert_eq!(
            values,
            [("pro", "p1"), ("Pro", "p2"), ("p3", "p3"), ("pro", "p4")]
        );
        let warnings = ambiguous(&rows);
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("\"pro\" stands for 2"));
    }

    #[test]
    fn prices_and_plans_are_written_as_they_are_read() {
        let entry = CatalogEntry {
            id: "b1".to_owned(),
            price: Some(10.5.into()),
            plan_ids: Some(vec!["p1".to_owned(), "p2".to_owned()]),
            ..CatalogEntry::default()
        };
        let row = PlanRow::of("bundle", &entry);
        assert_eq!(
            row.cells(),
            ["bundle", "b1", "", "", "", "10.5", "", "p1;p2"]
        );
        let json = serde_json::to_value(&row).unwrap();
        assert_eq!(json["price"], 10.5);
        assert_eq!(json["planIds"][1], "p2");
        assert!(json["name"].is_null());
        let members: Vec<&String> = json.as_object().unwrap().keys().collect();
        let mut columns = PlanRow::COLUMNS.to_vec();
        columns.sort_unstable();
        assert_eq!(members, columns);
    }
}
