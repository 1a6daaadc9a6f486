//! `kable-bulk list`: what the checkpoint knows of its customers, with Kable's ids, even
//! while another process runs it.
//!
//! Claims are written as they are read, in the order in which they were made, so that
//! memory does not grow with their number.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;

use super::checkpoint_choice::chosen_checkpoint;
use super::exit::Exit;
use super::listing::{ListedRow, Listing, cell_of, types_listing, unless_closed};
use crate::cli::{ListOptions, ListingFormat};
use crate::commands::checkpoint;
use crate::config::display::listing;
use crate::config::values::default_checkpoint;
use crate::config::{ConfigError, Environment, FileOptions};
use crate::domain::nearest::nearest;
use crate::domain::outcome::Outcome;
use crate::domain::text::escaped;
use crate::ledger::{ClaimRecord, Ledger, LedgerError};

/// Lists the customers of a checkpoint.
pub fn run(typed: &ListOptions, environment: &Environment) -> anyhow::Result<Exit> {
    let file = FileOptions::read(&typed.file, environment)?;
    let names_checkpoint = typed.checkpoint.is_some() || file.sending.checkpoint.is_some();
    let wanted = WantedClaims::of(typed, names_checkpoint, is_known)?;
    let (path, choice) = chosen_checkpoint(typed.checkpoint.as_deref(), &wanted.inputs, &file)?;
    let is_typed = |long: &str| match long {
        "checkpoint" => typed.checkpoint.is_some(),
        other => types_listing(typed.listing, typed.switches, other),
    };
    let notes = file.notes("list", is_typed);
    let stored = (file.listing, file.display);
    let settings = listing((typed.listing, typed.switches), stored, ListingFormat::Csv);
    for note in notes.iter().chain(&choice).filter(|_| !settings.quiet) {
        say(note);
    }
    let mut ledger = checkpoint::open_to_read(&path)?;
    if ledger.has_gaps()? {
        say(
            "warning: this checkpoint was saved from a damaged one: customers may be missing from \
             the list",
        );
    }
    let (written, read) = write(&mut ledger, &wanted.outcomes, settings.format);
    let rows = unless_closed(written)?;
    read?;
    if rows == Some(0) && !settings.quiet {
        say("the checkpoint has no such customer");
    }
    Ok(Exit::Done)
}

/// Prints a line beside the list.
fn say(line: &str) {
    // Standard error may be closed; then the line is dropped.
    writeln!(io::stderr(), "{}", escaped(line)).ok();
}

/// Whether there is a file of this name, or a checkpoint of its import.
fn is_known(name: &OsStr) -> bool {
    let checkpoint = |is_sandbox| default_checkpoint(&[name.to_owned()], is_sandbox);
    let has_checkpoint = |is_sandbox| checkpoint(is_sandbox).is_ok_and(|path| path.exists());
    Path::new(name).exists() || has_checkpoint(false) || has_checkpoint(true)
}

/// Which customers are listed, of which inputs.
#[derive(Debug, PartialEq, Eq)]
struct WantedClaims {
    /// All, if it is empty.
    outcomes: Vec<Outcome>,
    inputs: Vec<OsString>,
}

impl WantedClaims {
    /// Tells whether the first word is an outcome: the names of outcomes always are.
    /// Another word is a misspelt outcome if it can't be an input: it `is_known` neither as
    /// a file nor by its checkpoint, looks like an outcome, and either is like one of them
    /// or stands before the inputs.
    fn of(
        typed: &ListOptions,
        names_checkpoint: bool,
        is_known: impl Fn(&OsStr) -> bool,
    ) -> Result<Self, ConfigError> {
        let Some(first) = &typed.first else {
            return Ok(Self {
                outcomes: Vec::new(),
                inputs: Vec::new(),
            });
        };
        let wrong = match outcomes(first) {
            Ok(outcomes) => {
                let inputs = typed.inputs.clone();
                return Ok(Self { outcomes, inputs });
            }
            Err(wrong) => wrong,
        };
        let has_inputs = names_checkpoint || !typed.inputs.is_empty();
        if let Some((typed, nearest)) = wrong
            && (nearest.is_some() || has_inputs)
            && !is_known(first)
        {
            return Err(ConfigError::NoOutcome { typed, nearest });
        }
        let inputs = std::iter::once(first).chain(&typed.inputs);
        Ok(Self {
            outcomes: Vec::new(),
            inputs: inputs.cloned().collect(),
        })
    }
}

/// The part of a word that is no outcome, and the outcome that is most like it.
type NoOutcome = (String, Option<&'static str>);

/// The outcomes that a word names, with commas between them. The error is `None` for a
/// word that no outcome could be written as, such as a path.
fn outcomes(word: &OsStr) -> Result<Vec<Outcome>, Option<NoOutcome>> {
    let is_wordlike = |letter: char| letter.is_ascii_alphabetic() || "_-, ".contains(letter);
    let word = word.to_str().filter(|word| word.chars().all(is_wordlike));
    let parts = word.ok_or(None)?.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    let outcomes = parts.map(|part| {
        let name = part.to_ascii_lowercase().replace(['-', ' '], "_");
        let known = Outcome::of_name(&name);
        known.ok_or_else(|| {
            let names = Outcome::ALL.into_iter().map(Outcome::name);
            Some((part.to_owned(), nearest(&name, names)))
        })
    });
    let outcomes: Vec<Outcome> = outcomes.collect::<Result<_, _>>()?;
    if outcomes.is_empty() {
        return Err(None);
    }
    Ok(outcomes)
}

/// Writes the claims with one of `outcomes`, or all: how many were written, and whether
/// all were read.
fn write(
    ledger: &mut impl Ledger,
    outcomes: &[Outcome],
    format: ListingFormat,
) -> (io::Result<u64>, Result<(), LedgerError>) {
    let mut listing = Listing::on_stdout(format);
    let mut written = listing.begin::<ClaimRow<'_>>();
    if written.is_err() {
        return (written.map(|()| 0), Ok(()));
    }
    let read = ledger.records(&mut |record| {
        if outcomes.is_empty() || outcomes.contains(&record.outcome) {
            written = listing.add(&ClaimRow::of(&record));
        }
        // The error itself is returned as one of writing.
        written
            .as_ref()
            .map_err(|error| error.kind().into())
            .copied()
    });
    match written {
        Ok(()) => (listing.finish(), read),
        Err(error) => (Err(error), Ok(())),
    }
}

/// What the checkpoint knows of a customer. As JSON, what is not known is `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimRow<'r> {
    client_id: &'r str,
    outcome: &'static str,
    customer_id: Option<&'r str>,
    request_id: Option<&'r str>,
    attempts: u32,
    status: Option<u16>,
    message: Option<&'r str>,
    created_by_this_checkpoint: bool,
    keys_lost: bool,
    /// Whether the customer was deleted, or was not there when it was looked up.
    #[serde(skip)]
    is_gone: bool,
}

impl<'r> ClaimRow<'r> {
    fn of(record: &'r ClaimRecord) -> Self {
        Self {
            client_id: &record.client_id,
            outcome: record.outcome.name(),
            customer_id: record.customer_id.as_deref(),
            request_id: record.request_id.as_deref(),
            attempts: record.attempts,
            status: record.status,
            message: record.message.as_deref(),
            created_by_this_checkpoint: record.ours,
            keys_lost: record.keys_lost,
            is_gone: matches!(record.outcome, Outcome::Deleted | Outcome::Missing),
        }
    }
}

impl ListedRow for ClaimRow<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "clientId",
        "outcome",
        "customerId",
        "requestId",
        "attempts",
        "status",
        "message",
        "createdByThisCheckpoint",
        "keysLost",
    ];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        let status = self.status.map(|status| status.to_string());
        let truth = |is: bool| if is { "true" } else { "false" };
        vec![
            self.client_id.into(),
            self.outcome.into(),
            cell_of(self.customer_id),
            cell_of(self.request_id),
            self.attempts.to_string().into(),
            status.unwrap_or_default().into(),
            cell_of(self.message),
            truth(self.created_by_this_checkpoint).into(),
            truth(self.keys_lost).into(),
        ]
    }

    /// The customer's old id and its new one.
    fn value(&self) -> Option<(&str, &str)> {
        let new = self.customer_id.filter(|_| !self.is_gone)?;
        Some((self.client_id, new))
    }
}

#[cfg(test)]
mod tests {
    use super::{ClaimRecord, ClaimRow, ListOptions, ListedRow, Outcome, WantedClaims};
    use crate::cli::{ConfigChoice, ListingOptions, ListingSwitches};
    use crate::config::ConfigError;

    fn typed(words: &str) -> ListOptions {
        let mut words = words.split_whitespace().map(Into::into);
        ListOptions {
            first: words.next(),
            inputs: words.collect(),
            file: ConfigChoice::default(),
            checkpoint: None,
            listing: ListingOptions::default(),
            switches: ListingSwitches::default(),
        }
    }

    #[test]
    fn the_first_word_is_an_outcome_or_an_input() {
        use Outcome::{AlreadyExisted, Created, Failed};
        for (words, outcomes, inputs) in [
            ("", vec![], ""),
            ("in.csv", vec![], "in.csv"),
            ("created in.csv", vec![Created], "in.csv"),
            ("created", vec![Created], ""),
            ("./created", vec![], "./created"),
            ("created created", vec![Created], "created"),
            (
                "Failed,already-existed a.csv b.csv",
                vec![Failed, AlreadyExisted],
                "a.csv b.csv",
            ),
            ("created, in.csv", vec![Created], "in.csv"),
            ("known in.csv", vec![], "known in.csv"),
            // It is like no outcome, and nothing else could be the input.
            ("customers", vec![], "customers"),
            ("-", vec![], "-"),
            ("exports/*.csv", vec![], "exports/*.csv"),
            ("*", vec![], "*"),
        ] {
            let wanted = WantedClaims::of(&typed(words), false, |name| name == "known").unwrap();
            assert_eq!(wanted.outcomes, outcomes, "{words}");
            let expected: Vec<&str> = inputs.split_whitespace().collect();
            assert_eq!(wanted.inputs, expected, "{words}");
        }
    }

    #[test]
    fn a_misspelt_outcome_is_no_input() {
        for (words, checkpoint, part, meant) in [
            ("craeted in.csv", false, "craeted", Some("created")),
            ("craeted", false, "craeted", Some("created")),
            ("created,fialed in.csv", false, "fialed", Some("failed")),
            ("xyz in.csv", false, "xyz", None),
            ("xyz", true, "xyz", None),
        ] {
            match WantedClaims::of(&typed(words), checkpoint, |_| false) {
                Err(ConfigError::NoOutcome { typed, nearest }) => {
                    assert_eq!((typed.as_str(), nearest), (part, meant), "{words}");
                }
                other => panic!("{words}: {other:?}"),
            }
        }
    }

    fn record(outcome: Outcome, customer_id: Option<&str>) -> ClaimRecord {
        ClaimRecord {
            client_id: "c-1".to_owned(),
            outcome,
            last: None,
            digest: [0; 16],
            ours: true,
            claimed_by: None,
            settled: None,
            keys_lost: false,
            customer_id: customer_id.map(str::to_owned),
            request_id: None,
            attempts: 2,
            status: Some(201),
            message: None,
            modified: None,
            differing: None,
        }
    }

    #[test]
    fn a_row_has_the_same_names_and_values_as_cells_and_as_json() {
        let record = record(Outcome::Created, Some("cus_1"));
        let row = ClaimRow::of(&record);
        assert_eq!(
            row.cells(),
            [
                "c-1", "created", "cus_1", "", "2", "201", "", "true", "false"
            ]
        );
        let json = serde_json::to_value(&row).unwrap();
        let members: Vec<&String> = json.as_object().unwrap().keys().collect();
        let mut columns = ClaimRow::COLUMNS.to_vec();
        columns.sort_unstable();
        assert_eq!(members, columns);
        assert_eq!(json["createdByThisCheckpoint"], true);
        assert!(json["requestId"].is_null());
    }

    #[test]
    fn a_file_of_values_has_the_customers_that_are_there() {
        let value = |outcome, customer_id| {
            let record = record(outcome, customer_id);
            let row = ClaimRow::of(&record);
            row.value()
                .map(|(old, new)| (old.to_owned(), new.to_owned()))
        };
        let there = Some(("c-1".to_owned(), "cus_1".to_owned()));
        assert_eq!(value(Outcome::Differs, Some("cus_1")), there);
        assert_eq!(value(Outcome::Deleted, Some("cus_1")), None);
        assert_eq!(value(Outcome::Failed, None), None);
    }
}
