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
        let ended = run.go_words(&self.words(&["validate"], &["--json"]));
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
            assert!(
                customer.is_some(),
                "{client_id} is not in {:?}",
                held.keys()
            );
            for (field, value) in wanted {
                let found = member(customer.unwrap(), field);
                assert_eq!(
                    found.as_deref().unwrap_or_default(),
                    value,
                    "{client_id}: {field}"
                );
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

/// The sample, without the words `--preset NAME`.
fn unnamed(verdicts: &Verdicts) -> (String, Verdicts) {
    let mut options = verdicts.options.clone();
    let place = options.iter().position(|word| word == "--preset").unwrap();
    let name = options.remove(place + 1);
    options.remove(place);
    let file = verdicts.file.clone();
    let unnamed = Verdicts {
        options,
        rows: Vec::new(),
        customers: Vec::new(),
        file,
        ..*verdicts
    };
    (name, unnamed)
}

fn counts(json: &str) -> (u64, [u64; 2]) {
    let summary = Summary::of(json);
    let counts = ["rejected", "skipped"].map(|what| summary.rows(what));
    (summary.outcome("pending"), counts)
}

/// Each sample is that of one preset only: `auto` refuses a file of several.
#[test]
fn each_preset_is_recognised_by_its_samples_and_proposed() {
    for name in READ {
        let verdicts = Verdicts::of(name);
        let (preset, unnamed) = unnamed(&verdicts);
        let run = verdicts.run();
        let after = ["--preset", "auto", "--json"];
        let ended = run.go_words(&unnamed.words(&["validate"], &after));
        let expected = (verdicts.accepted, [verdicts.rejected, verdicts.skipped]);
        assert_eq!(
            counts(&ended.code(verdicts.code()).stdout),
            expected,
            "{name}"
        );
        let ended = run.go_words(&["validate", &verdicts.file]);
        ended.says(&format!("--preset {preset}"));
    }
}

/// Some columns may fit by accident. The preset that the header is for is named before
/// anything is sent, by the error or by a warning.
#[test]
fn a_wrong_preset_is_corrected() {
    for (name, wrong) in [
        ("stripe_dashboard", "paddle"),
        ("stripe_sigma", "stripe"),
        ("stripe_list", "zuora"),
        ("paddle", "lago"),
        ("lago", "stripe-api"),
    ] {
        let verdicts = Verdicts::of(name);
        let (preset, _) = unnamed(&verdicts);
        let run = verdicts.run();
        run.go_words(&["validate", &verdicts.file, "--preset", wrong])
            .code(3)
            .says(&format!("{} does not look like", verdicts.file))
            .says(&format!("it should perhaps be --preset {preset}"));
    }
    for (name, wrong) in [("zuora", "salesforce"), ("chargebee", "stripe")] {
        let verdicts = Verdicts::of(name);
        let run = verdicts.run();
        run.go_words(&["validate", &verdicts.file, "--preset", wrong])
            .code(1)
            .hints(&format!("--preset {name}"));
    }
    let verdicts = Verdicts::of("stripe_dashboard");
    let run = verdicts.run();
    run.go_words(&verdicts.words(&["validate"], &[]))
        .keeps_to_itself("does not look like");
}

/// What `init` writes for a known export is its preset, which reads it the same.
#[test]
fn the_mapping_file_of_each_sample_reads_it_like_its_preset() {
    for name in READ {
        let verdicts = Verdicts::of(name);
        let (preset, unnamed) = unnamed(&verdicts);
        let run = verdicts.run();
        let file = format!("{}.mapping.toml", verdicts.file);
        let ended = run.go_words(&["init", &verdicts.file]).code(0);
        let ended = ended.says(&format!("preset {preset}"));
        ended.says(&format!("validate {} --mapping {file}", verdicts.file));
        let after = ["--mapping", &file, "--json"];
        let ended = run.go_words(&unnamed.words(&["validate"], &after));
        let expected = (verdicts.accepted, [verdicts.rejected, verdicts.skipped]);
        assert_eq!(
            counts(&ended.code(verdicts.code()).stdout),
            expected,
            "{name}"
        );
    }
}

#[test]
fn exports_of_cards_and_payments_are_refused() {
    for (file, words) in REFUSED.into_iter().zip(["card", "payments"]) {
        let run = Run::new().input(file, bytes(file));
        let ended = run.go(&format!(
            "validate {file} --preset stripe --set currency=USD"
        ));
        ended
            .refuses(1, &[words])
            .keeps_to_itself("4242424242424242");
    }
}

#[test]
fn a_preset_is_listed_printed_and_used_as_a_mapping_file() {
    let run = Verdicts::of("recurly").run();
    let listed = run.go("presets").code(0);
    for preset in kable_bulk::config::presets::PRESETS {
        assert!(listed.stdout.contains(preset.name), "{}", preset.name);
    }
    let printed = run.go("presets recurly").code(0);
    run.write("own.toml", &printed.stdout);
    run.go("validate recurly.csv --mapping own.toml --map currency=custom_field_currency")
        .code(3)
        .says("8  fit to send");
    run.go("presets recurlyy")
        .refuses(2, &["recurlyy", "perhaps recurly"]);
}

#[test]
fn a_mapping_file_is_never_overwritten() {
    let run = Verdicts::of("recurly").run();
    run.go("init recurly.csv").code(0);
    let before = run.text("recurly.csv.mapping.toml");
    run.go("init recurly.csv")
        .refuses(1, &["recurly.csv.mapping.toml exists already"])
        .hints("--output");
    assert_eq!(run.text("recurly.csv.mapping.toml"), before);
    let printed = run.go("init recurly.csv -o -").code(0);
    assert!(printed.stdout.contains("[fields.clientId]"));
    run.go("init recurly.csv --output other.toml").code(0);
    assert!(run.exists("other.toml"));
    assert!(
        run.text("other.toml")
            .contains("# perhaps: from = \"custom_field_currency\"")
    );
}

/// The columns of an unknown file are guessed, and what it cannot know is marked.
#[test]
fn the_mapping_file_of_an_unknown_export_can_be_used_at_once() {
    let run = Run::new().input(
        "in.csv",
        "Kunden-Nr;Firma;Währung;Mail;Notiz\n1;Aster;EUR;ap@aster.example;x\n2;Beryl;USD;;\n",
    );
    let ended = run.go("init in.csv").code(0);
    ended.says("4 decisions are left to you");
    let text = run.text("in.csv.mapping.toml");
    assert!(
        text.contains("# DECIDE: is \"Firma\" the companyName?"),
        "{text}"
    );
    assert!(text.contains("# - \"Notiz\""), "{text}");
    run.go("validate in.csv --mapping in.csv.mapping.toml")
        .code(0)
        .says("2  fit to send");
}

#[test]
fn the_first_rows_are_explained_field_by_field() {
    let run = Verdicts::of("shopify").run();
    let line = "shopify.csv --preset shopify --set currency=USD --explain 2";
    let ended = run.go(&format!("validate {line}")).code(3);
    for words in [
        "shopify.csv, line 2:",
        "\"7210448301001\" from \"Customer ID\" = \"'7210448301001\" (apostrophe dropped",
        "\"USD\" from the default",
        "shopify.csv, line 3:",
        "missing_field: companyName is missing",
    ] {
        assert!(ended.stderr.contains(words), "{words}\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("shopify.csv, line 4:"));
    let dry = run.go(&format!(
        "import {line} --sandbox --dry-run --max-errors 100%"
    ));
    assert!(
        dry.stderr.contains("\"USD\" from the default"),
        "{}",
        dry.stderr
    );
    let skipped = Verdicts::of("stripe_sigma").run();
    skipped
        .go("validate stripe_sigma.csv --preset stripe-sigma --explain 3")
        .code(3)
        .says("skipped: deleted");
}

/// A preset that is recognised has the same say in how rows are read as one that is named.
#[test]
fn a_recognised_preset_accepts_short_rows() {
    let text = "Customer,Email,Phone Numbers,Open Balance\nAster,ap@aster.example\nBeryl\n";
    let run = Run::new().input("in.csv", text);
    for (options, code) in [
        ("--preset quickbooks", 0),
        ("--preset auto", 0),
        ("--preset auto --short-rows reject", 3),
        ("--preset quickbooks --short-rows reject", 3),
    ] {
        run.go(&format!("validate in.csv --set currency=USD {options}"))
            .code(code);
    }
}

#[test]
fn a_preset_that_fits_is_the_next_step() {
    let verdicts = Verdicts::of("stripe_api");
    let run = verdicts.run();
    let file = &verdicts.file;
    run.go(&format!("validate {file}"))
        .code(3)
        .says(&format!("kable-bulk validate {file} --preset stripe-api\n"));
    run.go(&format!("validate {file} --preset stripe-api"))
        .keeps_to_itself("Read it with the preset");
}

/// Many systems have a name and a billing city.
#[test]
fn a_list_of_another_system_is_not_taken_for_salesforce() {
    let text = "\"Internal ID\",ID,Name,Email,Currency,\"Billing City\",\"Billing State/Province\"\n\
                1021,C-1,Aster,a@b.example,USD,Portland,OR\n";
    let run = Run::new().input("in.csv", text);
    run.go("validate in.csv")
        .refuses(1, &["clientId and companyName"])
        .keeps_to_itself("salesforce");
    run.go("validate in.csv --preset auto")
        .refuses(1, &["known export"]);
}
