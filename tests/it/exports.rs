//! Exports of other billing systems: each of `samples/exports` gives exactly the verdicts
//! that stand beside it, and each preset fits its own samples and no other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::common::{Run, Summary, json_lines};

/// What becomes of the rows of a sample (`samples/exports/verdicts`).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdicts {
    file: String,
    options: Vec<String>,
    accepted: u64,
    rejected: u64,
    skipped: u64,
    rows: Vec<RowVerdict>,
    #[serde(default)]
    customers: Vec<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowVerdict {
    line: u64,
    verdict: String,
    code: Option<String>,
    field: Option<String>,
    /// For people.
    #[serde(rename = "why")]
    _why: String,
}

/// The line of a row, and the code and the field of one of its errors.
type LineAndError = (u64, String, String);

fn exports() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/exports")
}

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(exports().join(file)).unwrap()
}

impl Verdicts {
    fn of(name: &str) -> Self {
        let path = exports().join(format!("verdicts/{name}.toml"));
        let verdicts: Self = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for (verdict, count) in [
            ("accepted", verdicts.accepted),
            ("rejected", verdicts.rejected),
            ("skipped", verdicts.skipped),
        ] {
            assert_eq!(verdicts.lines_of(verdict).len() as u64, count, "{name}");
        }
        verdicts
    }

    fn lines_of(&self, verdict: &str) -> Vec<u64> {
        let of_it = self.rows.iter().filter(|row| row.verdict == verdict);
        of_it.map(|row| row.line).collect()
    }

    fn errors(&self) -> Vec<LineAndError> {
        let rejected = self.rows.iter().filter(|row| row.verdict == "rejected");
        rejected
            .map(|row| {
                let field = row.field.clone().unwrap_or_default();
                (row.line, row.code.clone().unwrap(), field)
            })
            .collect()
    }

    fn run(&self) -> Run {
        Run::new().input(&self.file, bytes(&self.file))
    }

    fn words<'w>(&'w self, before: &[&'w str], after: &[&'w str]) -> Vec<&'w str> {
        let options = self.options.iter().map(String::as_str);
        let (before, after) = (before.iter().copied(), after.iter().copied());
        before
            .chain([self.file.as_str()])
            .chain(options)
            .chain(after)
            .collect()
    }

    fn code(&self) -> i32 {
        if self.rejected == 0 { 0 } else { 3 }
    }

    /// `validate` rejects these rows, with these codes, and counts the others right.
    fn hold_in_validate(&self) {
        let run = self.run();
        let ended = run.go_words(&self.words(&["validate"], &["--json", "--max-errors", "100%"]));
        let ended = ended.code(self.code());
        let summary = Summary::of(&ended.stdout);
        let counts = ["rejected", "skipped"].map(|what| summary.rows(what));
        let problems = run.bytes(&format!("{}.results/problems.csv", self.file));
        let errors = errors_of(&problems);
        assert_eq!(
            (summary.outcome("pending"), counts),
            (self.accepted, [self.rejected, self.skipped]),
            "accepted, rejected and skipped: {errors:?}\n{}",
            ended.stderr
        );
        for error in self.errors() {
            assert!(errors.contains(&error), "{error:?} is not in {errors:?}");
        }
        let lines = |errors: &[LineAndError]| {
            let mut lines: Vec<u64> = errors.iter().map(|(line, _, _)| *line).collect();
            lines.dedup();
            lines
        };
        assert_eq!(lines(&errors), lines(&self.errors()));
    }

    /// `import` creates the accepted rows and no others: what is in neither list was
    /// skipped.
    fn hold_in_import(&self) {
        let run = self.run();
        let after = ["--sandbox", "--rate", "unlimited", "--max-errors", "100%"];
        let ended = run.go_words(&self.words(&["import"], &after));
        ended.code(self.code());
        let results = run.text(&format!("{}.results/results.jsonl", self.file));
        let results = json_lines(&results);
        let lines_of = |outcome: &str| {
            let of_it = results.iter().filter(|line| line["outcome"] == outcome);
            let mut lines: Vec<u64> = of_it.map(|line| line["line"].as_u64().unwrap()).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(lines_of("created"), self.lines_of("accepted"));
        assert_eq!(lines_of("rejected"), self.lines_of("rejected"));
        let held = run.held();
        for wanted in &self.customers {
            let client_id = wanted.get("clientId").unwrap();
            let customer = held.get(client_id);
            assert!(customer.is_some(), "{client_id} is not in {:?}", held.keys());
            for (field, value) in wanted {
                let found = member(customer.unwrap(), field);
                assert_eq!(found.as_deref().unwrap_or_default(), value, "{client_id}: {field}");
            }
        }
    }
}

/// The value of a field in a customer's body.
fn member(body: &Value, path: &str) -> Option<String> {
    let mut value = body;
    for name in path.split('.') {
        value = value.get(name)?;
    }
    value.as_str().map(str::to_owned)
}

/// The errors of a `problems.csv`, in its order.
fn errors_of(problems: &[u8]) -> Vec<LineAndError> {
    let mut reader = csv::Reader::from_reader(problems);
    let head = reader.headers().unwrap().clone();
    let place = |name: &str| head.iter().position(|found| found == name).unwrap();
    let [line, severity, code, field] = ["line", "severity", "code", "field"].map(place);
    reader
        .records()
        .map(Result::unwrap)
        .filter(|record| &record[severity] == "error")
        .map(|record| {
            let line = record[line].parse().unwrap();
            (line, record[code].to_owned(), record[field].to_owned())
        })
        .collect()
}

macro_rules! verdicts {
    ($($name:ident)*) => {
        /// The samples that are read; a test for each.
        const READ: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                let verdicts = Verdicts::of(stringify!($name));
                verdicts.hold_in_validate();
                verdicts.hold_in_import();
            }
        )*
    };
}

verdicts! {
    braintree
    chargebee
    excel_eu_resave
    hubspot
    hubspot_utf16
    lago
    maxio
    metronome
    orb
    paddle
    quickbooks
    recurly
    salesforce_dataloader
    salesforce_report
    shopify
    square
    stripe_api
    stripe_dashboard
    stripe_default_columns
    stripe_list
    stripe_sigma
    xero
    zuora
}

/// The samples that are refused as a whole.
const REFUSED: [&str; 2] = ["stripe_cards.csv", "stripe_payments.csv"];

#[test]
fn every_sample_is_tested() {
    let names = |folder: PathBuf, ending: &str| -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.contains(ending)).collect();
        names.sort();
        names
    };
    let verdicts = names(exports().join("verdicts"), ".toml");
    let tested: Vec<String> = READ.iter().map(|name| format!("{name}.toml")).collect();
    assert_eq!(verdicts, tested);
    let mut files: Vec<String> = READ.iter().map(|name| Verdicts::of(name).file).collect();
    files.extend(REFUSED.map(str::to_owned));
    files.push("README.md".to_owned());
    files.sort();
    assert_eq!(names(exports(), "."), files);
}
