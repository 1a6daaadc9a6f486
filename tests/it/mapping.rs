//! Mapping files and presets: what they say is what becomes of each row.

use std::fmt::Write;

use crate::common::{Run, sample, until};

/// An export with a column for several fields, defaults and rows that are no customers.
const EXPORT: &str = "\
id,Name,First,Last,Currency,Plan,Deleted
cus_1,Aster GmbH,Ada,Byron,usd,Pro,false
cus_2,,Grace,Hopper,,Basic,false
cus_3,Cedar Inc,,,EUR,,TRUE
cus_4,Dahlia,,,eur,Gold,false
";

const MAPPING: &str = r#"
format = 1

[fields.clientId]
from = "id"

[fields.stripeCustomerId]
from = { column = "id", pattern = "^cus_.*" }

[fields.companyName]
from = "name"
default = "@person"

[fields.firstName]
from = "First"

[fields.lastName]
from = "Last"

[fields.currency]
from = "Currency"
case = "upper"
default = "USD"

[fields.planIds]
from = "Plan"
values-file = "plans.csv"

[[skip]]
name = "deleted"
when = { column = "Deleted", is = "true" }
"#;

const PLANS: &str = "from,to\nPro,pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1\nBasic,pln_6b4c1d8e0f2a53749506b7c8d9e0f1a2\n";

fn run() -> Run {
    Run::new()
        .input("in.csv", EXPORT)
        .input("map.toml", MAPPING)
        .input("plans.csv", PLANS)
}

#[test]
fn a_mapping_file_says_what_becomes_of_each_row() {
    let run = run();
    run.go("validate in.csv --mapping map.toml").code(3);
    let checked = run.summary("in.csv");
    run.import("in.csv --mapping map.toml").code(3);
    let summary = run.summary("in.csv");
    for (name, rows) in [("read", 4), ("skipped", 1), ("rejected", 1)] {
        assert_eq!(summary.rows(name), rows, "{name}");
        assert_eq!(checked.rows(name), rows, "{name}");
    }
    assert_eq!(summary.lines_of("invalid_value"), [5]);
    let held = run.held();
    assert_eq!(held.len(), 2);
    assert_eq!(held["cus_1"]["companyName"], "Aster GmbH");
    assert_eq!(held["cus_1"]["currency"], "USD");
    assert_eq!(held["cus_2"]["companyName"], "Grace Hopper");
    assert_eq!(held["cus_2"]["currency"], "USD");
    // Nothing is left to do for the rows that were sent.
    run.import("in.csv --mapping map.toml").code(3);
    run.summary("in.csv").outcomes(&[("created", 2)]);
}

#[test]
fn options_beat_the_mapping_file() {
    let run = run().input("other.csv", "Gold,pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1\nPro,pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1\nBasic,pln_6b4c1d8e0f2a53749506b7c8d9e0f1a2\n");
    run.import(
        "in.csv --mapping map.toml --values planIds=other.csv --no-skip deleted --set companyName=@clientId --map firstName=Last",
    )
    .code(0);
    let held = run.held();
    assert_eq!(held.len(), 4);
    assert_eq!(held["cus_2"]["companyName"], "cus_2");
    assert_eq!(held["cus_2"]["billingContact"]["firstName"], "Hopper");
}

#[test]
fn one_column_feeds_several_fields() {
    let run = Run::new().input("in.csv", EXPORT);
    run.import("in.csv --map clientId=id --map stripeCustomerId=id --map companyName=id --set currency=USD --limit 1")
        .code(0);
    assert_eq!(run.held()["cus_1"]["companyName"], "cus_1");
}

#[test]
fn a_wrong_mapping_file_is_refused_with_its_line() {
    let run = run().input(
        "wrong.toml",
        "format = 1\n\n[fields.clientId]\nform = 'id'\n",
    );
    run.go("validate in.csv --mapping wrong.toml")
        .refuses(1, &["wrong.toml: line 4", "perhaps from"]);
    run.go("validate in.csv --mapping nowhere.toml")
        .refuses(1, &["cannot read nowhere.toml"]);
    run.go("validate in.csv --preset strip")
        .refuses(2, &["there is no preset \"strip\", perhaps stripe"]);
    run.go("validate in.csv --mapping map.toml --skip closed")
        .refuses(
            2,
            &["there is no row filter \"closed\", wanted one of deleted"],
        );
}

#[test]
fn a_preset_is_proposed_and_applied_when_named() {
    let input = "stripe_dashboard.csv";
    let content = std::fs::read(sample("exports/stripe_dashboard.csv")).unwrap();
    let run = Run::new().input(input, content);
    run.go(&format!("validate {input}"))
        .refuses(1, &["has no column for clientId"])
        .hints("--preset stripe maps it");
    run.go(&format!("validate {input} --preset auto")).code(3);
    let found = run.summary(input);
    run.go(&format!("validate {input} --preset stripe")).code(3);
    let named = run.summary(input);
    assert_eq!(found.rows("rejected"), named.rows("rejected"));
    Run::new()
        .input("in.csv", EXPORT)
        .go("validate in.csv --preset auto")
        .refuses(1, &["are those of no known export"]);
}

#[test]
fn a_killed_import_with_derived_values_goes_on_where_it_stopped() {
    let mut export = String::from("id,Name,First,Last,Currency,Plan,Deleted\n");
    for number in 0..400 {
        let deleted = number % 10 == 0;
        let name = if number % 3 == 0 { "" } else { "Elm" };
        writeln!(
            export,
            "cus_{number},{name},Ada,Byron {number},,Pro,{deleted}"
        )
        .unwrap();
    }
    let run = Run::new()
        .input("in.csv", export)
        .input("map.toml", MAPPING)
        .input("plans.csv", PLANS)
        .server(&[]);
    let running = run.start_import("in.csv --mapping map.toml --rate 400/s");
    until("some customers are there", || run.held().len() > 50);
    running.kill();
    run.import("in.csv --mapping map.toml").code(0);
    let summary = run.summary("in.csv");
    assert_eq!((summary.rows("read"), summary.rows("skipped")), (400, 40));
    // Those of the last moment can't be distinguished from others' by the server's clock.
    let well = summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!(well, 360);
    assert_eq!(run.held().len(), 360);
}

/// Rows of accounts that repeat.
const REPEATED: &str = "\
code,name,currency,primary
a-1,Aster,USD,TRUE
a-1,Aster,USD,FALSE
b-1,Birch,USD,FALSE
b-1,Birch,USD,FALSE
c-1,Cedar,USD,FALSE
c-1,Cedar Ltd,USD,TRUE
d-1,Dahlia,USD,TRUE
d-1,Dahlia Ltd,USD,TRUE
e-1,Elm,USD,TRUE
e-1,Elm,XXX,FALSE
";

#[test]
fn repeated_ids_are_dealt_with_as_the_mapping_says() {
    let base = "[fields.clientId]\nfrom = 'code'\n[fields.companyName]\nfrom = 'name'\n";
    let keep = "{ keep = { column = 'primary', is = 'true' } }";
    for (rule, skipped, rejected, cedar) in [
        ("'reject'", 0, 5, "Cedar"),
        ("'first'", 5, 0, "Cedar"),
        ("'merge'", 2, 3, "Cedar"),
        (keep, 3, 2, "Cedar Ltd"),
    ] {
        let mapping = format!("format = 1\n[input]\nrepeated-ids = {rule}\n{base}");
        let run = Run::new()
            .input("in.csv", REPEATED)
            .input("map.toml", mapping);
        let code = if rejected == 0 { 0 } else { 3 };
        run.go("validate in.csv --mapping map.toml").code(code);
        let checked = run.summary("in.csv");
        // Twice: the second run finds claims of its own.
        for _ in 0..2 {
            run.import("in.csv --mapping map.toml").code(code);
            let summary = run.summary("in.csv");
            for (name, count) in [("read", 10), ("skipped", skipped), ("rejected", rejected)] {
                assert_eq!(summary.rows(name), count, "{rule} {name}");
                assert_eq!(checked.rows(name), count, "{rule} {name}");
            }
            summary.outcomes(&[("created", 5)]);
            if skipped > 0 {
                let reasons = &summary.0["skipped_rows"];
                assert_eq!(reasons[0]["reason"], "repeated ids", "{reasons}");
                assert_eq!(reasons[0]["count"], skipped);
            }
        }
        let held = run.held();
        assert_eq!(held.len(), 5);
        assert_eq!(held["c-1"]["companyName"], cedar, "{rule}");
    }
}

#[test]
fn defaults_and_filters_are_counted_and_named() {
    let run = run();
    run.import("in.csv --mapping map.toml")
        .code(3)
        .says("1 row took the default \"USD\" for currency")
        .says("1 row took the default @person for companyName")
        .says("skipped: no customers (deleted)");
    let summary = run.summary("in.csv");
    assert_eq!(
        summary.0["skipped_rows"],
        serde_json::json!([{"reason": "deleted", "count": 1, "lines": [4]}])
    );
    assert_eq!(summary.0["defaults"][0]["field"], "companyName");
    // A filter that is off warns of the rows that it is for.
    run.go("validate in.csv --mapping map.toml --no-skip deleted")
        .code(3);
    assert!(
        run.text("in.csv.results/problems.csv")
            .contains("--skip deleted leaves such rows out")
    );
}

#[test]
fn a_file_with_a_forbidden_column_is_refused() {
    let run = run().input("no.toml", "format = 1\n[input]\nforbidden = ['first']\n");
    let line = "in.csv --mapping no.toml --map clientId=id --map companyName=Name";
    run.import(line).refuses(
        1,
        &["in.csv has the column \"First\", which its mapping forbids"],
    );
    let json = run.input(
        "in.jsonl",
        "{\"id\":\"1\"}\n{\"card\":{\"number\":\"4242\"}}\n",
    );
    json.write("no.toml", "format = 1\n[input]\nforbidden = ['card']\n");
    json.import("in.jsonl --mapping no.toml").refuses(
        1,
        &["in.jsonl has the column \"card\", which its mapping forbids"],
    );
    assert!(
        !json.exists("in.jsonl.checkpoint.db"),
        "a checkpoint was begun"
    );
}

#[test]
fn what_feeds_what_is_shown_before_a_run() {
    let run = run();
    run.go("validate in.csv --mapping map.toml")
        .says("clientId is taken from \"id\", such as \"cus_1\"")
        .says(
            "companyName is taken from \"name\", else first and last name, such as \"Aster GmbH\"",
        )
        .says("planIds is taken from \"Plan\" (by a value map of 2), such as \"pln_");
    run.go("validate in.csv --mapping map.toml -q")
        .keeps_to_itself("is taken from");
}

/// Columns that feed the field of their name, and those that only conditions read.
#[test]
fn every_column_that_is_used_is_shown_once_a_mapping_names_one() {
    let run = Run::new()
        .input(
            "in.csv",
            "Nr,Name,Name,Currency,State,pay,gateway,Deleted,Fax\n\
             c-1,Aster,Asters,USD,lead,cus_NffrFeUfNV2Hib,stripe,no,5\n",
        )
        .input(
            "m.toml",
            "format = 1\n[fields.clientId]\nfrom = 'Nr'\n[fields.companyName]\nfrom = 'Name#2'\n\
             [fields.stripeCustomerId]\n\
             from = { column = 'pay', when = { column = 'gateway', is = 'stripe' } }\n\
             [[skip]]\nname = 'gone'\nwhen = { column = 'Deleted', is = 'yes' }\n",
        );
    run.go("validate in.csv --mapping m.toml")
        .code(0)
        .says("companyName is taken from \"Name#2\", such as \"Asters\"\n")
        .says("billingContact.state is taken from \"State\", such as \"lead\"\n")
        .says("stripeCustomerId is taken from \"pay\" on a condition of \"gateway\", such as")
        .says("\"gateway\" decides on stripeCustomerId\n")
        .says("\"Deleted\" decides on the row filter gone\n")
        .says("2 columns that feed no field: \"Name\" and \"Fax\"\n");
    run.go("validate in.csv --map clientId=Nr --map companyName=Name")
        .code(0)
        .says("companyName is taken from \"Name\", such as \"Aster\"\n")
        .says("billingContact.state is taken from \"State\", such as \"lead\"\n")
        .says("\"Name#2\"");
    run.go("validate in.csv --map clientId=Nr --map companyName=Name#2 --explain 1")
        .code(0)
        .says("companyName is taken from \"Name#2\"")
        .says("from \"Name#2\"");
}

/// Of no row would the condition hold, and all but the first row of an id were rejected.
#[test]
fn a_misspelt_column_of_the_condition_for_repeated_ids_is_named() {
    let mapping = |column: &str| {
        format!(
            "format = 1\n[input]\nrepeated-ids = {{ keep = {{ column = '{column}', is = 'true' }} }}\n\
             [fields.clientId]\nfrom = 'code'\n[fields.companyName]\nfrom = 'name'\n"
        )
    };
    let run = Run::new()
        .input("in.csv", REPEATED)
        .input("wrong.toml", mapping("primry"))
        .input("right.toml", mapping("primary"));
    for command in ["validate", "import --sandbox"] {
        run.go(&format!("{command} in.csv --mapping wrong.toml"))
            .refuses(1, &["in.csv has no column \"primry\"", "\"primary\""]);
    }
    assert!(!run.exists("in.csv.results"));
    run.go("validate in.csv --mapping right.toml").code(3);
}

/// A list may name columns of several files; one that none has is perhaps misspelt.
#[test]
fn a_column_of_a_list_that_no_input_has_is_warned_about() {
    let run = Run::new()
        .input("a.csv", "clientId,Firm,currency,Company\na-1,,USD,Aster\n")
        .input("b.csv", "clientId,Frim,currency\nb-1,Beryl,USD\n")
        .input(
            "a.json",
            "[{\"clientId\":\"c-1\",\"Company\":\"Cobalt\",\"currency\":\"USD\"}]",
        )
        .input(
            "m.toml",
            "format = 1\n[fields.companyName]\nfrom = ['Frim', 'Company']\n",
        );
    let warning = "the mapping of companyName names \"Frim\", and no input has that column";
    run.go("validate a.csv --mapping m.toml")
        .code(0)
        .says(&format!("{warning}, perhaps \"Firm\" is meant"));
    run.go("validate a.json --mapping m.toml")
        .code(0)
        .says(warning);
    run.go("validate a.csv b.csv --mapping m.toml --out x")
        .code(0)
        .keeps_to_itself("no input has");
    let text = run.text("m.toml") + "optional = true\n";
    run.write("m.toml", text);
    run.go("validate a.csv --mapping m.toml")
        .code(0)
        .keeps_to_itself("no input has");
    // One column alone is demanded, and the nearest is named.
    run.go("validate a.csv --map companyName=Compny").refuses(
        1,
        &["has no column \"Compny\" for companyName, perhaps \"Company\""],
    );
}

/// Inputs with the same columns are shown together.
#[test]
fn what_feeds_each_field_is_shown_for_every_input() {
    let run = Run::new()
        .input("a.csv", "clientId,Firma,currency\na-1,Aster,USD\n")
        .input("b.csv", "clientId,Company,currency\nb-1,Beryl,USD\n")
        .input("c.csv", "clientId,Firma,currency\nc-1,Cobalt,USD\n")
        .input(
            "d.jsonl",
            "{\"clientId\":\"d-1\",\"Company\":\"Dune\",\"currency\":\"USD\"}\n",
        )
        .input(
            "m.toml",
            "format = 1\n[fields.companyName]\nfrom = ['Firma', 'Company']\n",
        );
    let ended = run.go("validate a.csv b.csv c.csv d.jsonl --mapping m.toml --out x");
    let ended = ended.code(0);
    let shown = "a.csv and c.csv:\n  clientId is taken from \"clientId\", such as \"a-1\"\n  \
                 companyName is taken from \"Firma\", such as \"Aster\"\n  \
                 currency is taken from \"currency\", such as \"USD\"\n\
                 b.csv and d.jsonl:\n  clientId is taken from \"clientId\", such as \"b-1\"\n  \
                 companyName is taken from \"Company\", such as \"Beryl\"\n";
    assert!(ended.stderr.contains(shown), "{}", ended.stderr);
    run.go("validate a.csv c.csv --mapping m.toml --out x")
        .code(0)
        .says("companyName is taken from \"Firma\", such as \"Aster\"\n")
        .keeps_to_itself("a.csv and c.csv:");
    let names: Vec<String> = (0..7).map(|number| format!("n{number}.csv")).collect();
    for name in &names {
        run.write(
            name,
            format!("clientId,Firma,currency,fax {name}\n{name},Aster,USD,\n"),
        );
    }
    run.go(&format!(
        "validate {} --mapping m.toml --out x",
        names.join(" ")
    ))
    .code(0)
    .says("companyName is taken from \"Firma\", such as \"Aster\"\n")
    .keeps_to_itself("other columns");
    for (name, city) in names.iter().zip('A'..) {
        run.write(
            name,
            format!("clientId,Firma,currency,Town {city}\n{name},Aster,USD,Reno\n"),
        );
    }
    let towns: Vec<String> = ('A'..='G').map(|city| format!("'Town {city}'")).collect();
    run.write(
        "m.toml",
        format!(
            "format = 1\n[fields.companyName]\nfrom = 'Firma'\n[fields.city]\nfrom = [{}]\n",
            towns.join(", ")
        ),
    );
    run.go(&format!(
        "validate {} --mapping m.toml --out x",
        names.join(" ")
    ))
    .code(0)
    .says("n4.csv:\n")
    .says("2 more inputs have other columns")
    .keeps_to_itself("n5.csv:\n");
}
