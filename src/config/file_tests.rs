use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use clap::CommandFactory;
use proptest::prelude::*;

use super::display::display;
use super::input::input;
use super::options::OptionGrammar;
use super::requests::requests;
use super::send::{SendSettings, sending};
use super::target::destination;
use super::tests::options_of;
use super::{ConfigError, Environment, FileOptions};
use crate::cli::{
    Cli, ConfigChoice, DisplayOptions, ReadingOptions, RequestOptions, SandboxChoice, SendOptions,
    TargetOptions,
};

/// How customers are sent by a file with this text, where nothing was typed.
fn sending_of(text: &str) -> Result<SendSettings, ConfigError> {
    let file = FileOptions::from_text(Path::new("kable-bulk.toml"), text)?;
    let assignments = file.assignments.clone();
    sent(file).map_err(|error| error.located(&assignments, |_| false))
}

fn sent(file: FileOptions) -> Result<SendSettings, ConfigError> {
    let none = RequestOptions::default();
    let requests = requests(none, file.requests, file.sending.concurrency)?;
    let inputs = ["in.csv".into()];
    sending(
        SendOptions::default(),
        file.sending,
        requests,
        &inputs,
        false,
    )
}

/// The error about a file with this text: in the file itself, or in a value that is
/// refused later.
fn error_of(text: &str) -> String {
    let error = match FileOptions::from_text(Path::new("kable-bulk.toml"), text) {
        Err(error) => error,
        Ok(mut file) => {
            let assignments = file.assignments.clone();
            let (reading, shown, target) = (
                std::mem::take(&mut file.reading),
                file.display.clone(),
                std::mem::take(&mut file.target),
            );
            let names = vec!["in.csv".into()];
            let decided = input(names, ReadingOptions::default(), reading)
                .and_then(|_| display(&DisplayOptions::default(), &shown).map(drop))
                .and_then(|()| sent(file).map(drop))
                .and_then(|()| {
                    let none = TargetOptions::default();
                    destination(none, target, &Environment::default()).map(drop)
                });
            decided.expect_err(text).located(&assignments, |_| false)
        }
    };
    assert!(!error.is_usage(), "{error}");
    error.to_string()
}

/// Texts of files, and how their errors begin.
const ERRORS: &[(&str, &str)] = &[
    ("rate = [", "line 1: rate: "),
    ("strict = true\nrate = 1\nrate = 2\n", "line 3: rate: "),
    ("rate = fast", "line 1: rate: "),
    (
        "\nconcurency = 3",
        "line 2: there is no option \"concurency\", perhaps \"concurrency\"",
    ),
    (
        "max_rate = 5",
        "line 1: there is no option \"max_rate\", perhaps \"max-rate\"",
    ),
    (
        "[import]\nrate = 5",
        "line 1: there is no option \"import\"",
    ),
    (
        "no-dry-run = true",
        "line 1: \"no-dry-run\" has no place here",
    ),
    ("config = 'a'", "line 1: \"config\" has no place here"),
    (
        "# how many\n\nconcurrency = \"many\"",
        "line 3: concurrency is \"many\", wanted a whole number",
    ),
    (
        "retries = -1",
        "line 1: retries is -1, wanted a whole number",
    ),
    (
        "retries = 2.5",
        "line 1: retries is 2.5, wanted a whole number",
    ),
    ("retries = 99999999999", "line 1: retries: "),
    (
        "strict = \"maybe\"",
        "line 1: strict is \"maybe\", wanted true or false",
    ),
    (
        "format = \"cvs\"",
        "line 1: format is \"cvs\", wanted one of auto, csv, jsonl",
    ),
    (
        "out = true",
        "line 1: out is true, wanted a path, in quotes",
    ),
    ("out = ''", "line 1: out is \"\", wanted a path, in quotes"),
    (
        "sandbox = 5",
        "line 1: sandbox is 5, wanted the path of a file, true or false",
    ),
    (
        "rate = ['5']",
        "line 1: rate is a list, wanted text or a number",
    ),
    (
        "map = [\n  'companyName=A',\n  { a = 1 },\n]",
        "line 3: map is a table, wanted texts such as \"FIELD=COLUMN\", or a table",
    ),
    (
        "[map]\ncompanyName = ['A', 'B']",
        "line 2: map.companyName is a list, wanted a text",
    ),
    ("rate = 'fast'", "line 1: rate: "),
    ("limit = 4\nmax-rate = 0", "line 2: max-rate: "),
    (
        "limit = 4\nrate = 4\nmax-rate = 5",
        "line 3: max-rate: cannot be used with rate",
    ),
    ("max-errors = 'x%'", "line 1: max-errors: "),
    ("delimiter = 'ab'", "line 1: delimiter: "),
    ("concurrency = 0", "line 1: concurrency: 0 is out of range"),
    ("canary = 0", "line 1: canary: 0 is out of range"),
    (
        "stop-at = '25:00'",
        "line 1: stop-at: \"25:00\" is no time of day",
    ),
    (
        "timeout = 'soon'",
        "line 1: timeout: \"soon\" is no length of time",
    ),
    (
        "max-duration = 0",
        "line 1: max-duration: \"0\" is no time at all",
    ),
    ("map = ['nothing']", "line 1: map: \"nothing\" has no ="),
    (
        "set = [\n  'currency=USD',\n  'fax=1',\n]",
        "line 3: set: there is no field \"fax\"",
    ),
    (
        "[map]\ncompanyName = 'A'\nfax = 'B'",
        "line 3: map: there is no field \"fax\"",
    ),
    (
        "map = [\n  'companyName=A',\n  'companyName=B',\n]",
        "line 3: map: companyName is named twice",
    ),
    (
        "allow-currency = 'Franken'",
        "line 1: allow-currency: \"Franken\"",
    ),
    (
        "quiet = true\nverbose = true",
        "line 1: quiet: cannot be used with verbose",
    ),
    (
        "env = 'live'\nsandbox = true",
        "line 2: sandbox: cannot be used with env",
    ),
    (
        "base-url = 'https://x.example'\nenv = 'live'",
        "line 1: base-url: cannot be used with env",
    ),
    ("base-url = 'http://x.example'", "line 1: base-url: "),
];

#[test]
fn an_error_names_file_line_and_key() {
    for (text, wanted) in ERRORS {
        let error = error_of(text);
        let wanted = format!("kable-bulk.toml, {wanted}");
        assert!(error.starts_with(&wanted), "{text}\n{error}");
    }
}

#[test]
fn a_secret_is_never_quoted() {
    for text in [
        "client-secret = 'sk_test.1'",
        "CLIENT_SECRET = 'sk_test.1'",
        "rate = 5\nclient-secret = \"sk_test.1\n",
        "client-secret-file = sk_test.1",
        "retries = 'sk_test.1'",
        "format = 'sk_test.1'",
        "strict = ' sk_test.1'",
    ] {
        let wrong = error_of(text);
        assert!(!wrong.contains("sk_test"), "{wrong}");
    }
    let target = options_of("client-secret-file = 'sk_test.1'")
        .unwrap()
        .target;
    let environment = Environment {
        client_id: Some("kci_1".to_owned()),
        ..Environment::default()
    };
    let wrong = destination(TargetOptions::default(), target, &environment).unwrap_err();
    let wrong = format!("{wrong} {}", wrong.hint());
    assert!(wrong.contains("not the secret itself") && !wrong.contains("sk_test"));
}

#[test]
fn values_are_taken_as_people_write_them() {
    for (texts, wanted) in [
        (
            &[
                "rate = 200",
                "rate = '200'",
                "rate = 200.0",
                "rate = '200/s'",
                "rate = 2_00",
            ][..],
            "200/s",
        ),
        (&["rate = 0x10"], "16/s"),
    ] {
        for text in texts {
            let rate = sending_of(text).unwrap().requests.pacing.ceiling;
            assert_eq!(rate.to_string(), wanted, "{text}");
        }
    }
    for text in ["retries = 8", "retries = '8'", "retries = 8.0"] {
        assert_eq!(sending_of(text).unwrap().retry.retries, 8, "{text}");
    }
    for text in ["timeout = 30", "timeout = '30'", "timeout = '30s'"] {
        let timeout = sending_of(text).unwrap().requests.timeout;
        assert_eq!(timeout, Duration::from_secs(30), "{text}");
    }
    for text in ["06:00:00", "'06:00'", "'6:00'", "\"06:00:00\"", "06:00"] {
        let stop_at = sending_of(&format!("stop-at = {text}"))
            .unwrap()
            .limits
            .stop_at;
        assert_eq!(stop_at, Some(jiff::civil::time(6, 0, 0, 0)), "{text}");
    }
    for text in ["5", "'5'", "'5%'", "0"] {
        sending_of(&format!("max-errors = {text}")).unwrap();
    }
}

#[test]
fn switches_lists_and_choices_are_taken_as_people_write_them() {
    for text in ["true", "'true'", "'yes'", "'On'", "1"] {
        let file = options_of(&format!("strict = {text}\nonline = {text}")).unwrap();
        assert_eq!(
            (file.reading.strict, file.checks.online),
            (Some(true), Some(true))
        );
    }
    for text in [
        "'CHF'",
        "['CHF']",
        "'CHF,SEK'",
        "'CHF SEK'",
        "['CHF', 'SEK']",
    ] {
        let file = options_of(&format!("allow-currency = {text}")).unwrap();
        let input = input(
            vec!["in.csv".into()],
            ReadingOptions::default(),
            file.reading,
        );
        let allowed = input.unwrap().rules.allowed_currencies;
        assert_eq!(allowed.first().map(String::as_str), Some("CHF"), "{text}");
    }
    for text in ["'\\t'", "\"\\t\"", "'tab'"] {
        let file = options_of(&format!("delimiter = {text}")).unwrap();
        let input = input(
            vec!["in.csv".into()],
            ReadingOptions::default(),
            file.reading,
        );
        assert_eq!(input.unwrap().source.delimiter, Some(b'\t'), "{text}");
    }
    let file = options_of("format = 'CSV'\nenv = 'Live'\nlog-format = 'JSON'").unwrap();
    assert!(file.reading.format.is_some() && file.target.env.is_some());
}

#[test]
fn pairs_are_lists_or_tables() {
    let wanted = ["companyName=Name", "billingContact.email=E-Mail"];
    for text in [
        "map = ['companyName=Name', 'billingContact.email=E-Mail']",
        "map = { companyName = 'Name', 'billingContact.email' = 'E-Mail' }",
        "[map]\ncompanyName = 'Name'\n'billingContact.email' = 'E-Mail'",
        "[map]\ncompanyName = 'Name'\nbillingContact.email = 'E-Mail'",
        "map.companyName = 'Name'\nmap.billingContact.email = 'E-Mail'",
        "[map]\ncompanyName = 'Name'\n[map.billingContact]\nemail = 'E-Mail'",
    ] {
        assert_eq!(options_of(text).unwrap().reading.map, wanted, "{text}");
    }
    let set = |text| options_of(text).unwrap().reading.set;
    assert_eq!(set("set = 'currency=USD'"), ["currency=USD"]);
    assert_eq!(set("[set]\ncurrency = 'USD'"), ["currency=USD"]);
    assert_eq!(
        set("set.planIds = ['pln_1', 'pln_2']"),
        ["planIds=pln_1;pln_2"]
    );
    assert_eq!(
        set("set.'billingContact.postalCode' = 8001"),
        ["billingContact.postalCode=8001"]
    );
}

#[test]
fn paths_are_relative_to_the_file() {
    let text =
        "out = 'results'\ncheckpoint = 'run.db'\nsandbox = 'mine.db'\nclient-secret-file = '/s'";
    let file = FileOptions::from_text(Path::new("conf/mine.toml"), text).unwrap();
    assert_eq!(file.reading.out.unwrap().to_str(), Some("conf/results"));
    assert_eq!(
        file.sending.checkpoint.unwrap().to_str(),
        Some("conf/run.db")
    );
    assert_eq!(
        file.target.sandbox,
        Some(SandboxChoice::File("conf/mine.db".into()))
    );
    assert_eq!(file.target.client_secret_file.unwrap().to_str(), Some("/s"));
    let text = "mapping = 'm.toml'\nvalues = { planIds = 'plans.csv', currency = '/c.csv' }";
    let file = FileOptions::from_text(Path::new("conf/mine.toml"), text).unwrap();
    assert_eq!(file.reading.mapping.unwrap().to_str(), Some("conf/m.toml"));
    let values = ["planIds=conf/plans.csv", "currency=/c.csv"];
    assert_eq!(file.reading.values, values);
    let text = "checkpoint = 'postgres://db.example/kable'\nsandbox = true";
    let file = FileOptions::from_text(Path::new("conf/mine.toml"), text).unwrap();
    let checkpoint = file.sending.checkpoint.unwrap();
    assert_eq!(checkpoint.to_str(), Some("postgres://db.example/kable"));
    let default = crate::cli::defaults::SANDBOX_FILE.into();
    assert_eq!(file.target.sandbox, Some(SandboxChoice::File(default)));
    assert_eq!(
        options_of("sandbox = false").unwrap().target.sandbox,
        Some(SandboxChoice::Off)
    );
    let near = options_of("out = 'results'").unwrap();
    assert_eq!(near.reading.out.unwrap().to_str(), Some("results"));
}

/// The variables of the environment, by name and value.
fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter();
    Environment::of_options(variables.map(|(name, value)| ((*name).into(), (*value).into())))
}

/// The options of a file with this text and of these variables.
fn beside_variables(text: &str, variables: &[(&str, &str)]) -> Result<FileOptions, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kable-bulk.toml");
    std::fs::write(&file, text).unwrap();
    FileOptions::from_file(Some(&file), &environment(variables))
}

#[test]
fn variables_beat_the_file_and_have_the_types_of_their_options() {
    let file = beside_variables(
        "retries = 2\nmax-rate = 20\nenv = 'live'\nset.currency = 'EUR'\n",
        &[
            ("KABLE_BULK_RATE", "200/s"),
            ("KABLE_BULK_CONCURRENCY", "7"),
            ("KABLE_BULK_SETTLE", "0s"),
            ("KABLE_BULK_DRY_RUN", "yes"),
            ("KABLE_BULK_SET", "{ currency = 'USD', planIds = 'a' }"),
            ("KABLE_BULK_MAP", "companyName=Name"),
            ("KABLE_BULK_ALLOW_CURRENCY", "['CHF', 'SEK']"),
            ("KABLE_BULK_OUT", "1"),
            ("KABLE_BULK_SANDBOX", "1"),
            ("KABLE_BULK_TIMEOUT", " "),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(file.reading.set, ["currency=USD", "planIds=a"]);
    assert_eq!(file.reading.map, ["companyName=Name"]);
    assert_eq!(file.reading.allow_currency, ["CHF", "SEK"]);
    assert_eq!(file.reading.out.as_deref(), Some(Path::new("1")));
    assert!(file.is_sandbox(&TargetOptions::default()));
    assert_eq!(file.target.env, None);
    let settled = sent(file).unwrap();
    assert_eq!(settled.requests.pacing.ceiling.to_string(), "200/s");
    assert_eq!(settled.requests.pacing.concurrency, 7);
    assert_eq!(settled.landing.given, Some(Duration::ZERO));
    assert_eq!(settled.requests.timeout, Duration::from_secs(30));
    assert_eq!(settled.retry.retries, 2);
    assert!(settled.dry_run);
}

#[test]
fn a_variable_that_names_no_option_or_no_value_is_refused_by_its_name() {
    for (name, value, wrong) in [
        (
            "KABLE_BULK_RETRYS",
            "3",
            ": there is no option \"retrys\", perhaps \"retries\"",
        ),
        (
            "KABLE_BULK_RETRIES",
            "many",
            ": retries is \"many\", wanted a whole number",
        ),
        (
            "KABLE_BULK_CLIENT_SECRET",
            "x",
            ": \"client-secret\" has no place here",
        ),
        ("KABLE_BULK_RATE", "fast", ": \"fast\""),
        (
            "KABLE_BULK_STRICT",
            "maybe",
            ": strict is \"maybe\", wanted true or false",
        ),
    ] {
        let error = beside_variables("rate = 5", &[(name, value)]).and_then(|file| {
            let assignments = file.assignments.clone();
            sent(file).map_err(|error| error.located(&assignments, |_| false))
        });
        let error = error.unwrap_err();
        assert!(error.is_usage());
        let text = error.to_string();
        assert!(text.starts_with(&format!("{name}{wrong}")), "{text}");
    }
}

#[test]
fn a_wrong_value_of_the_file_is_its_error_even_where_a_variable_replaces_it() {
    let error = beside_variables("retries = 'many'", &[("KABLE_BULK_RETRIES", "3")]).unwrap_err();
    assert!(error.to_string().contains("kable-bulk.toml, line 1: "));
}

#[test]
fn an_error_about_a_typed_value_is_not_one_of_the_file() {
    let file = options_of("rate = 5").unwrap();
    let error = || ConfigError::Value {
        option: "rate",
        wrong: "\"fast\" is no rate".to_owned(),
    };
    let located = |is_typed: bool| error().located(&file.assignments, |_| is_typed).to_string();
    assert_eq!(located(true), "--rate: \"fast\" is no rate");
    assert_eq!(
        located(false),
        "kable-bulk.toml, line 1: rate: \"fast\" is no rate"
    );
}

#[test]
fn it_is_said_which_options_are_taken() {
    let mut file = beside_variables(
        "rate = 5\nstrict = true\ncanary = 3\n",
        &[("KABLE_BULK_SETTLE", "0s"), ("KABLE_BULK_ONLINE", "true")],
    )
    .unwrap();
    file.file = "mine.toml".to_owned();
    assert_eq!(
        file.notes("import", |long| long == "max-rate"),
        [
            "options from mine.toml: canary, strict",
            "options from the environment: KABLE_BULK_SETTLE"
        ]
    );
    assert_eq!(
        file.notes("validate", |_| false),
        [
            "options from mine.toml: rate, strict",
            "options from the environment: KABLE_BULK_ONLINE"
        ]
    );
    assert!(file.notes("status", |_| false).is_empty());
}

#[test]
fn a_variable_names_the_file_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, "retries = 2\n").unwrap();
    let name = path.to_str().unwrap();
    let read = |variables: &[(&str, &str)]| {
        FileOptions::read(&ConfigChoice::default(), &environment(variables)).unwrap()
    };
    let retries = |variables: &[(&str, &str)]| read(variables).sending.retries;
    assert_eq!(retries(&[("KABLE_BULK_CONFIG", name)]), Some(2));
    let none = [("KABLE_BULK_CONFIG", name), ("KABLE_BULK_NO_CONFIG", "1")];
    assert_eq!(retries(&none), None);
}

/// The long names of the options of the commands whose options can stand in a file.
fn typed_options() -> BTreeSet<String> {
    let command = Cli::command();
    let commands = command.get_subcommands().filter(|command| {
        ["import", "sync", "validate", "rollback", "plans", "list"].contains(&command.get_name())
    });
    let options = commands.flat_map(clap::Command::get_arguments);
    let longs = options.filter_map(clap::Arg::get_long).map(str::to_owned);
    // What is written to `--save-plan` is one run's.
    let typed_only = [
        "config",
        "no-config",
        "no-dry-run",
        "save-plan",
        "help",
        "version",
    ];
    longs
        .filter(|long| !typed_only.contains(&long.as_str()))
        .collect()
}

#[test]
fn every_option_can_stand_in_a_file_and_in_the_environment() {
    let grammar = OptionGrammar::new();
    let known: BTreeSet<String> = grammar.longs().map(str::to_owned).collect();
    assert_eq!(known, typed_options());
    for long in known {
        let variable = format!("KABLE_BULK_{}", long.to_uppercase().replace('-', "_"));
        let values = [
            "7",
            "true",
            "csv",
            "live",
            "kable",
            "skip",
            "text",
            "github",
            "accept",
            "auto",
            "CHF",
            "23:00",
            "utf-8",
            "clientId=Customer",
            "https://test.kable.io",
            "cancel",
            "add",
            "clear",
            "127.0.0.1:9464",
        ];
        let taken = values.iter().any(|value| {
            FileOptions::read(
                &ConfigChoice::default(),
                &environment(&[("KABLE_BULK_NO_CONFIG", "1"), (&variable, value)]),
            )
            .is_ok_and(|options| options.assignments.0.contains_key(&long))
        });
        assert!(taken, "{variable}");
        let taken = values.iter().any(|value| {
            options_of(&format!("{long} = '{value}'")).is_ok()
                || options_of(&format!("{long} = {value}")).is_ok()
        });
        assert!(taken, "{long}");
    }
}

const SAMPLE: &str = include_str!("../../samples/kable-bulk.toml");

/// The options of the sample, which are commented out without a blank.
fn uncommented() -> String {
    let lines = SAMPLE.lines().filter_map(|line| line.strip_prefix('#'));
    let options = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    options.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_sample_has_every_option_and_changes_nothing() {
    let as_it_is = options_of(SAMPLE).unwrap();
    assert!(as_it_is.assignments.0.is_empty());
    let options = options_of(&uncommented()).unwrap();
    let in_sample: BTreeSet<String> = options.assignments.0.keys().cloned().collect();
    assert_eq!(in_sample, typed_options());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z=\\[\\]{}\"'\\n .#0-9-]{0,60}") {
        options_of(&text).ok();
    }

    #[test]
    fn a_value_of_any_type_is_taken_or_refused_with_its_line(
        option in any::<prop::sample::Index>(),
        value in "-?[0-9]{1,30}|[0-9]\\.[0-9]|true|'[a-zA-Z0-9/%=:.\u{e9}-]{0,9}'|\\[\\]|\\['a=b', 1\\]|\\{ a = 1 \\}|[0-2][0-9]:00:00",
    ) {
        let longs: Vec<String> = typed_options().into_iter().collect();
        let long = option.get(&longs);
        if let Err(wrong) = options_of(&format!("# first\n{long} = {value}\n")) {
            prop_assert!(wrong.starts_with("kable-bulk.toml, line 2: "), "{wrong}");
            prop_assert!(wrong.contains(long.as_str()), "{wrong}");
        }
    }
}

#[test]
fn switches_are_switched_off_by_what_is_typed() {
    let shown = |typed: DisplayOptions, file: &str| {
        display(&typed, &options_of(file).unwrap().display).unwrap()
    };
    let off = DisplayOptions {
        json: Some(false),
        quiet: Some(false),
        no_progress: Some(false),
        ..DisplayOptions::default()
    };
    let settled = shown(off, "json = true\nquiet = true\nno-progress = true");
    assert!(!settled.json && !settled.quiet && !settled.no_progress);
    let verbose = DisplayOptions {
        verbose: Some(true),
        ..DisplayOptions::default()
    };
    let settled = shown(verbose, "quiet = true");
    assert!(settled.verbose && !settled.quiet);
    let typed: TargetOptions = TargetOptions {
        sandbox: Some(SandboxChoice::from(OsString::from("false"))),
        ..TargetOptions::default()
    };
    assert!(!options_of("sandbox = true").unwrap().is_sandbox(&typed));
}
