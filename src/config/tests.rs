use std::ffi::OsString;

use super::options::{named_options, parse};
use super::reading::{pairs, reading};
use super::sending::dispatch;
use super::target::{Destination, base_url, destination};
use std::time::Duration;

use super::{ConfigError, Environment, FileOptions, checks};
use crate::cli::{Checks, Env, Platform, ReadingOptions, Sending, Showing, Target, Text};
use crate::domain::field::Field;
use crate::source::FormatChoice;

/// What a file with this text says.
fn options_of(text: &str) -> Result<FileOptions, String> {
    FileOptions::from_table(parse(text)?)
}

fn environment() -> Environment {
    Environment {
        client_id: Some("kci_1".to_owned()),
        client_secret: Some("sk_test.1".into()),
        options: Vec::new(),
    }
}

#[test]
fn a_flag_beats_the_file() {
    let mut file = options_of("rate = 20\nconcurrency = 3\nformat = 'jsonl'").unwrap();
    let typed = Sending {
        rate: Some(Text("7/m".to_owned())),
        ..Sending::default()
    };
    let inputs = [OsString::from("in.csv")];
    let settled = dispatch(typed, &mut file, &inputs, false).unwrap();
    assert_eq!(settled.pacing.ceiling.to_string(), "7/m");
    assert_eq!(settled.pacing.concurrency, 3);
    let read = reading(inputs.to_vec(), ReadingOptions::default(), &mut file).unwrap();
    assert_eq!(read.source.format, FormatChoice::Jsonl);
}

#[test]
fn an_unknown_option_in_the_file_is_named_with_the_nearest() {
    assert_eq!(
        options_of("concurency = 3").unwrap_err(),
        "there is no option \"concurency\", perhaps \"concurrency\""
    );
    assert!(
        options_of("client-secret = 'x'")
            .unwrap_err()
            .contains("environment")
    );
    assert!(options_of("rate = [").is_err());
    assert!(options_of("concurrency = 'many'").is_err());
}

#[test]
fn results_and_checkpoint_stand_beside_the_first_input() {
    let inputs = ["a/in.csv", "b.csv"].map(OsString::from);
    let mut file = FileOptions::default();
    let settled = dispatch(Sending::default(), &mut file, &inputs, false).unwrap();
    assert_eq!(settled.checkpoint.to_str(), Some("a/in.csv.checkpoint.db"));
    let rehearsed = dispatch(Sending::default(), &mut file, &inputs, true).unwrap();
    assert_eq!(
        rehearsed.checkpoint.to_str(),
        Some("a/in.csv.sandbox.checkpoint.db")
    );
    let read = reading(inputs.to_vec(), ReadingOptions::default(), &mut file).unwrap();
    assert_eq!(read.out.to_str(), Some("a/in.csv.results"));
}

#[test]
fn standard_input_needs_names() {
    let error = dispatch(
        Sending::default(),
        &mut FileOptions::default(),
        &["-".into()],
        false,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "standard input has no name of its own: --checkpoint is needed"
    );
    assert!(error.is_usage());
}

#[test]
fn plain_http_goes_to_this_machine_only() {
    for good in [
        "https://x.example",
        "http://127.0.0.1:8787",
        "http://localhost:1",
        "http://[::1]:1/",
        "https://x.example/kable/",
    ] {
        assert!(base_url(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "x",
        "http://x.example",
        "ftp://x.example",
        "https://u:p@x.example",
        "https://x.example?a=1",
        "mailto:a@b",
        "http://127.0.0.1.evil.example",
    ] {
        assert!(base_url(bad).is_err(), "{bad}");
    }
    assert_eq!(
        base_url("https://x.example/api/v1/").unwrap().as_str(),
        "https://x.example/"
    );
}

#[test]
fn a_typed_target_beats_the_files_whatever_its_kind() {
    let mut file = options_of("env = 'live'").unwrap();
    let typed = Target {
        sandbox: Some("s.db".into()),
        ..Target::default()
    };
    assert!(matches!(
        destination(typed, &mut file, &Environment::default()),
        Ok(Destination::Sandbox(_))
    ));
}

#[test]
fn without_credentials_both_names_are_told() {
    let error = destination(
        Target::default(),
        &mut FileOptions::default(),
        &Environment::default(),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are no credentials: KABLE_CLIENT_ID is not set"
    );
    assert!(error.hint().unwrap().contains("KABLE_CLIENT_SECRET"));
}

#[test]
fn live_is_live() {
    let typed = Target {
        env: Some(Env::Live),
        ..Target::default()
    };
    let settled = destination(typed, &mut FileOptions::default(), &environment()).unwrap();
    assert!(matches!(settled, Destination::Api { live: true, .. }));
}

#[test]
fn pairs_name_fields_as_headers_do() {
    let settled = pairs(
        "map",
        vec!["email=E-Mail=x".to_owned(), "client_id=Id".to_owned()],
    )
    .unwrap();
    assert_eq!(
        settled,
        [
            (Field::Email, "E-Mail=x".to_owned()),
            (Field::ClientId, "Id".to_owned())
        ]
    );
    assert!(pairs("map", vec!["nothing".to_owned()]).is_err());
    assert!(
        pairs("map", vec!["fax=x".to_owned()])
            .unwrap_err()
            .to_string()
            .contains("companyName")
    );
}

#[test]
fn credentials_that_were_exchanged_are_refused_and_not_shown() {
    let exchanged = Environment {
        client_id: Some("sk_test.1".to_owned()),
        client_secret: Some("kci_1".into()),
        ..Environment::default()
    };
    let error =
        destination(Target::default(), &mut FileOptions::default(), &exchanged).unwrap_err();
    assert!(matches!(error, ConfigError::Swapped), "{error}");
    assert!(!format!("{error:?} {error}").contains("sk_test"));
}

#[test]
fn a_broken_file_is_told_by_its_line_and_not_quoted() {
    let wrong = options_of("rate = 5\nclient-secret = \"sk_test.1\n").unwrap_err();
    assert!(wrong.starts_with("line 2: "), "{wrong}");
    assert!(!wrong.contains("sk_test"), "{wrong}");
}

#[test]
fn a_secret_is_not_shown() {
    assert!(!format!("{:?}", environment()).contains("sk_test"));
}

#[test]
fn standard_output_is_for_one_thing_and_what_is_typed_beats_the_file() {
    let github = Some(Platform::Github);
    let settled = |annotations, json, file: &str| {
        let typed = Checks {
            annotations,
            ..Checks::default()
        };
        let showing = Showing {
            json,
            ..Showing::default()
        };
        checks(typed, showing, &mut options_of(file).unwrap()).map(|(checks, showing)| {
            (
                checks.online == Some(true),
                checks.annotations,
                showing.json,
            )
        })
    };
    let both = "annotations = 'github'\njson = true\nonline = true";
    assert_eq!(settled(None, true, both).unwrap(), (true, None, true));
    assert_eq!(settled(github, false, both).unwrap(), (true, github, false));
    assert!(settled(None, false, both).unwrap_err().is_usage());
    assert_eq!(settled(None, false, "").unwrap(), (false, None, false));
}

/// The options that an empty folder and these variables come to.
fn from_variables(variables: &[(&str, &str)]) -> Result<FileOptions, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kable-bulk.toml");
    std::fs::write(&file, "retries = 2\nrate = 20\n").unwrap();
    let environment = Environment {
        options: named_options(
            variables
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into())),
        ),
        ..Environment::default()
    };
    FileOptions::read(Some(&file), &environment)
}

#[test]
fn variables_beat_the_file_and_have_the_types_of_their_options() {
    let mut file = from_variables(&[
        ("KABLE_BULK_RATE", "200/s"),
        ("KABLE_BULK_CONCURRENCY", "7"),
        ("KABLE_BULK_SETTLE", "0s"),
        ("KABLE_BULK_DRY_RUN", "true"),
        ("KABLE_BULK_SET", "currency=USD"),
        ("KABLE_BULK_OUT", "1"),
        ("KABLE_BULK_TIMEOUT", " "),
        ("PATH", "/bin"),
    ])
    .unwrap();
    let settled = dispatch(Sending::default(), &mut file, &["in.csv".into()], false).unwrap();
    assert_eq!(settled.pacing.ceiling.to_string(), "200/s");
    assert_eq!(settled.pacing.concurrency, 7);
    assert_eq!(settled.landing.given, Some(Duration::ZERO));
    assert_eq!(settled.timeout, Duration::from_secs(30));
    assert_eq!(settled.retry.retries, 2);
    assert!(settled.dry_run);
}

#[test]
fn a_variable_that_names_no_option_or_no_value_is_refused_by_its_name() {
    for (name, value, wrong) in [
        ("KABLE_BULK_RETRYS", "3", "perhaps \"retries\""),
        (
            "KABLE_BULK_RETRIES",
            "many",
            "\"many\" is no value of --retries",
        ),
        (
            "KABLE_BULK_CLIENT_SECRET",
            "x",
            "a secret goes into the environment",
        ),
    ] {
        let error = from_variables(&[(name, value)]).unwrap_err();
        assert!(error.is_usage());
        let text = error.to_string();
        assert!(text.starts_with(name) && text.contains(wrong), "{text}");
    }
}
