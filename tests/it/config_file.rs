//! `kable-bulk.toml` and variables of the environment: what stands there, what beats it,
//! and how it is spoken of.

use crate::common::{Run, Summary, customers_of_csv, rows};

#[test]
fn a_file_elsewhere_has_its_paths_beside_it() {
    let run = Run::new().input("in.csv", rows(3)).input(
        "conf/mine.toml",
        "sandbox = 'mine.db'\nout = 'results'\ncheckpoint = 'run.db'\nrate = 'unlimited'\n",
    );
    run.go("import in.csv --config conf/mine.toml")
        .code(0)
        .says("options from conf/mine.toml: checkpoint, out, rate, sandbox");
    for name in ["conf/mine.db", "conf/run.db", "conf/results/summary.json"] {
        assert!(run.exists(name), "{name}");
    }
    run.go("status --config conf/mine.toml")
        .code(0)
        .says("Checkpoint conf/run.db");
    let by_variable = Run::new()
        .input("in.csv", rows(3))
        .input("conf/mine.toml", "sandbox = true\nlimit = 2\n")
        .env("KABLE_BULK_CONFIG", "conf/mine.toml")
        .env("KABLE_BULK_OUT", "here");
    by_variable.go("import in.csv").code(0);
    assert!(by_variable.exists("kable-sandbox.db"));
    let summary = Summary::of(&by_variable.text("here/summary.json"));
    assert_eq!(summary.rows("read"), 2);
}

#[test]
fn it_is_said_what_comes_from_it() {
    let run = Run::new()
        .input("in.csv", rows(3))
        .input(
            "kable-bulk.toml",
            "limit = 2\nstrict = true\nexisting = 'skip'\n",
        )
        .env("KABLE_BULK_ALLOW_CURRENCY", "CHF");
    let file = "options from ./kable-bulk.toml: limit";
    let all = "options from ./kable-bulk.toml: limit, strict";
    let variables = "options from the environment: KABLE_BULK_ALLOW_CURRENCY";
    run.go("validate in.csv").code(0).says(all).says(variables);
    run.go("validate in.csv --strict=false")
        .code(0)
        .says(file)
        .keeps_to_itself(all);
    run.go("validate in.csv -q")
        .code(0)
        .keeps_to_itself("options from");
    let ended = run.go("validate in.csv --json").code(0).says(all);
    assert_eq!(ended.json()["rows"]["read"], 2);
    run.go("validate in.csv --no-config --allow-currency SEK")
        .code(0)
        .keeps_to_itself("options from");
}

#[test]
fn what_it_switches_on_is_switched_off_by_flags() {
    let run = Run::new().input("in.csv", rows(3)).input(
        "kable-bulk.toml",
        "json = true\nquiet = true\nno-progress = true\nonline = true\nsandbox = true\nstrict = true\n",
    );
    let ended = run.go("validate in.csv").code(0);
    assert_eq!(ended.json()["rows"]["read"], 3);
    // The target is said in any case.
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(run.exists("kable-sandbox.db"));
    run.go("validate in.csv --json=false --quiet=false --online=false --no-progress=false")
        .code(0)
        .says("Checked in.csv");
    run.go("validate in.csv --json=false -v")
        .code(0)
        .says("Checked in.csv");
    // Without the file's sandbox there are no credentials.
    run.go("validate in.csv --sandbox=false --quiet=false")
        .refuses(1, &["credentials"]);
}

#[test]
fn a_wrong_value_is_one_of_the_file_and_its_line() {
    let run = Run::new().input("in.csv", rows(3));
    for (toml, wanted) in [
        (
            "# a\nrate = 'fast'\n",
            "kable-bulk.toml, line 2: rate: \"fast\"",
        ),
        (
            "\n\nconcurrency = 'many'\n",
            "line 3: concurrency is \"many\", wanted a whole number",
        ),
        (
            "[map]\nfax = 'Fax'\n",
            "line 2: map: there is no field \"fax\"",
        ),
        ("rate = [", "line 1: "),
        (
            "format = 'xslx'\n",
            "line 1: format is \"xslx\", wanted one of auto, csv",
        ),
    ] {
        run.write("kable-bulk.toml", toml);
        run.go("import in.csv --sandbox").refuses(1, &[wanted]);
    }
    run.write("kable-bulk.toml", "rate = 'fast'\n");
    run.go("status in.csv")
        .refuses(1, &["kable-bulk.toml, line 1: rate: \"fast\""]);
    run.write("kable-bulk.toml", "rate = 7\n");
    run.go("import in.csv --sandbox --rate slow")
        .refuses(2, &["--rate: \"slow\""])
        .keeps_to_itself("kable-bulk.toml");
    let run = run
        .env("KABLE_BULK_TIMEOUT", "soon")
        .env("KABLE_BULK_RATE", "5");
    run.go("import in.csv --sandbox")
        .refuses(2, &["KABLE_BULK_TIMEOUT: \"soon\""])
        .hints("KABLE_BULK_");
}

#[test]
fn values_are_taken_as_people_write_them() {
    let run = Run::new()
        .input("in.csv", "Kunde;Firma\nc-1;Eins\nc-2;Zwei\n")
        .input(
            "kable-bulk.toml",
            "sandbox = true\nretries = '8'\nrate = 2_00\ntimeout = 20\n\
             strict = 'false'\ndelimiter = ';'\nmax-errors = 5\nallow-currency = 'EUR'\n\
             [map]\nclientId = 'Kunde'\ncompanyName = 'Firma'\n[set]\ncurrency = 'EUR'\n",
        );
    run.go("import in.csv --no-progress").code(0);
    run.holds(&customers_of_csv(
        "clientId,companyName,currency\nc-1,Eins,EUR\nc-2,Zwei,EUR\n",
    ));
    let bare = Run::new().input("in.csv", rows(2));
    bare.go("import in.csv --sandbox --timeout 20 --max-duration 100 --rate unlimited")
        .code(0);
}

#[test]
fn status_reads_it_too() {
    let run = Run::new()
        .input("in.csv", rows(3))
        .input("kable-bulk.toml", "sandbox = true\nrate = 'unlimited'\n");
    run.go("import in.csv").code(0);
    run.write(
        "in.csv.checkpoint.db",
        run.bytes("in.csv.sandbox.checkpoint.db"),
    );
    run.go("status in.csv")
        .code(0)
        .says("Checkpoint in.csv.sandbox.checkpoint.db");
    run.go("status in.csv --no-config")
        .code(0)
        .says("Checkpoint in.csv.checkpoint.db");
    run.go("status in.csv --sandbox --no-config")
        .code(0)
        .says("Checkpoint in.csv.sandbox.checkpoint.db");
    run.go("status in.csv --sandbox=false")
        .code(0)
        .says("Checkpoint in.csv.checkpoint.db");
    run.go("status in.csv --sandbox --checkpoint in.csv.checkpoint.db")
        .code(0)
        .says("Checkpoint in.csv.checkpoint.db");
    run.write(
        "kable-bulk.toml",
        "json = true\ncheckpoint = 'in.csv.checkpoint.db'\n",
    );
    assert!(run.go("status").code(0).json()["checkpoint"].is_string());
    run.go("status --json=false")
        .code(0)
        .says("Checkpoint in.csv");
    run.go("status --no-config").refuses(2, &["--checkpoint"]);
    run.write("kable-bulk.toml", "jsn = true\n");
    run.go("status in.csv")
        .refuses(1, &["kable-bulk.toml, line 1", "\"jsn\"", "\"json\""]);
}

#[test]
fn the_sandbox_takes_its_file_from_it() {
    let run = Run::new().input("kable-bulk.toml", "sandbox = 'mine.db'\n");
    let mut sandbox = run.start("sandbox --port 0");
    sandbox.line_with("mine.db");
    sandbox.kill();
    let mut typed = run.start("sandbox other.db --port 0");
    typed.line_with("other.db");
    typed.kill();
}

#[test]
fn init_reads_it_too() {
    let text = "Kundennr;Firma;Währung\n1;Müller;EUR\n";
    let (latin1, ..) = encoding_rs::WINDOWS_1252.encode(text);
    let run = Run::new().input("in.csv", latin1).input(
        "kable-bulk.toml",
        "delimiter = ';'\nencoding = 'windows-1252'\npreset = 'auto'\n\
         mapping = 'in.csv.mapping.toml'\nquiet = false\n",
    );
    run.go("init *.csv")
        .code(0)
        .says("options from ./kable-bulk.toml: delimiter, encoding, preset\n")
        .says("kable-bulk validate in.csv --mapping in.csv.mapping.toml\n");
    let written = run.text("in.csv.mapping.toml");
    assert!(written.contains("from = \"Währung\""), "{written}");
    run.go("validate in.csv")
        .refuses(1, &["known export"])
        .hints("--mapping");
    run.write("kable-bulk.toml", "delimiter = ';'\n");
    run.go("validate in.csv --mapping in.csv.mapping.toml")
        .code(0);
    run.write("kable-bulk.toml", "delimiter = 'semicolon'\n");
    run.go("init in.csv -o -")
        .refuses(1, &["kable-bulk.toml, line 1: delimiter"]);
    run.go("init in.csv -o - --no-config --encoding windows-1252")
        .code(0)
        .says("validate in.csv --no-config --encoding windows-1252 --mapping FILE\n");
    let run = run
        .input("b.csv", "a,b\n1,2\n")
        .env("KABLE_BULK_PRESET", "strip");
    run.go("init b.csv --no-config")
        .refuses(2, &["KABLE_BULK_PRESET", "perhaps stripe"]);
    run.env("KABLE_BULK_PRESET", "")
        .go("init *.csv --no-config")
        .refuses(1, &["2 files fit the pattern *.csv"])
        .hints("name one of them");
}

/// Whatever a command takes of them, and before anything is read.
#[test]
fn every_value_of_the_file_is_checked_by_every_command() {
    for (text, wrong) in [
        ("rate = \"quick\"", "line 1: rate: "),
        ("timeout = \"soon\"", "line 1: timeout: "),
        ("\nmax-errors = \"some\"", "line 2: max-errors: "),
        ("stop-at = \"25:99\"", "line 1: stop-at: "),
        ("canary = 5000", "line 1: canary: "),
        ("base-url = \"ftp://x.example\"", "line 1: base-url: "),
        ("delimiter = \"ab\"", "line 1: delimiter: "),
        ("encoding = \"klingon\"", "line 1: encoding: "),
    ] {
        let run = Run::new()
            .input("in.csv", rows(2))
            .input("kable-bulk.toml", text);
        for command in ["validate in.csv", "status in.csv", "init in.csv -o -"] {
            run.go(command).refuses(1, &["kable-bulk.toml, ", wrong]);
        }
        run.go("validate in.csv --no-config").code(0);
    }
    let run = Run::new()
        .input("in.csv", rows(2))
        .env("KABLE_BULK_RATE", "quick");
    run.go("validate in.csv").refuses(2, &["KABLE_BULK_RATE: "]);
}

#[test]
fn a_file_that_an_option_names_and_bytes_that_are_no_text_have_their_line() {
    let run = Run::new().input("in.csv", rows(2)).input(
        "kable-bulk.toml",
        "strict = true\nmapping = \"nope.toml\"\n",
    );
    run.go("validate in.csv").refuses(
        1,
        &["kable-bulk.toml, line 2: mapping: cannot read nope.toml"],
    );
    run.go("validate in.csv --mapping other.toml")
        .refuses(1, &["cannot read other.toml"]);
    run.write("kable-bulk.toml", b"strict = true\nsheet = \"M\xe4rz\"\n");
    run.go("validate in.csv")
        .refuses(1, &["kable-bulk.toml, line 2: sheet: this is not UTF-8"]);
}
