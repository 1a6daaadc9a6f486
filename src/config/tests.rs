use std::ffi::OsString;
use std::path::Path;

use super::display::checks_and_display;
use super::input::input;
use super::mapping::pairs;
use super::requests::requests;
use super::send::{SendSettings, sending};
use super::target::{Destination, base_url, destination};
use super::values::{beside, duration, ensure_checkpoint};

use super::{ConfigError, Environment, FileOptions};
use crate::cli::{
    AnnotationPlatform, CheckOptions, DisplayOptions, Env, ReadingOptions, RequestOptions,
    SandboxChoice, Scalar, SendOptions, TargetOptions,
};
use crate::domain::field::Field;
use crate::source::FormatChoice;

/// What a file with this text says.
pub(super) fn options_of(text: &str) -> Result<FileOptions, String> {
    let options = FileOptions::from_text(Path::new("kable-bulk.toml"), text);
    options.map_err(|error| error.to_string())
}

/// How `inputs` are sent by `file`, and at the `typed` rate.
fn sending_by(
    typed: RequestOptions,
    file: FileOptions,
    inputs: &[OsString],
    is_sandbox: bool,
) -> Result<SendSettings, ConfigError> {
    let requests = requests(typed, file.requests, file.sending.concurrency)?;
    sending(
        SendOptions::default(),
        file.sending,
        requests,
        inputs,
        is_sandbox,
    )
}

fn environment() -> Environment {
    Environment {
        client_id: Some("kci_1".to_owned()),
        client_secret: Some("sk_test.1".into()),
        ..Environment::default()
    }
}

#[test]
fn a_flag_beats_the_file() {
    let mut file = options_of("rate = 20\nconcurrency = 3\nformat = 'jsonl'").unwrap();
    let typed = RequestOptions {
        rate: Some(Scalar("7/m".to_owned())),
        ..RequestOptions::default()
    };
    let inputs = [OsString::from("in.csv")];
    let reading = std::mem::take(&mut file.reading);
    let sending = sending_by(typed, file, &inputs, false).unwrap();
    assert_eq!(sending.requests.pacing.ceiling.to_string(), "7/m");
    assert_eq!(sending.requests.pacing.concurrency, 3);
    let read = input(inputs.to_vec(), ReadingOptions::default(), reading).unwrap();
    assert_eq!(read.source.format, FormatChoice::Json);
}

#[test]
fn results_and_checkpoint_stand_beside_the_first_input() {
    let inputs = ["a/in.csv", "b.csv"].map(OsString::from);
    let none_typed = RequestOptions::default;
    let real = sending_by(none_typed(), FileOptions::default(), &inputs, false).unwrap();
    assert_eq!(real.checkpoint.to_str(), Some("a/in.csv.checkpoint.db"));
    let rehearsed = sending_by(none_typed(), FileOptions::default(), &inputs, true).unwrap();
    assert_eq!(
        rehearsed.checkpoint.to_str(),
        Some("a/in.csv.sandbox.checkpoint.db")
    );
    let none = ReadingOptions::default;
    let settings = input(inputs.to_vec(), none(), none()).unwrap();
    assert_eq!(settings.out.to_str(), Some("a/in.csv.results"));
}

#[test]
fn a_checkpoint_at_an_unknown_kind_of_address_is_no_file() {
    for good in [
        "run.db",
        "a/b:c.db",
        "./mysql://x",
        "://x",
        "1a://x",
        "a b://x",
        "Postgres://u@db/kable",
        "postgresql://u@db/kable",
    ] {
        assert!(ensure_checkpoint(Path::new(good)).is_ok(), "{good}");
    }
    for (bad, scheme) in [
        ("mysql://u:hush@db/kable", "mysql://…"),
        ("sqlite://run.db", "sqlite://…"),
        ("file:///run.db", "file://…"),
        ("S3://bucket/run.db", "S3://…"),
        ("postgres+tls://u@db", "postgres+tls://…"),
    ] {
        let error = ensure_checkpoint(Path::new(bad)).unwrap_err();
        assert!(error.is_usage(), "{bad}");
        let told = format!("{error}; {}", error.hint());
        assert!(
            told.contains(scheme) && told.contains("postgres://"),
            "{told}"
        );
        assert!(!told.contains("hush"), "{told}");
    }
}

#[test]
fn standard_input_needs_names() {
    let error = sending_by(
        RequestOptions::default(),
        FileOptions::default(),
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
fn an_address_that_is_refused_shows_no_secret() {
    for bad in [
        "https://u:hush@x.example",
        "http://u:hush@127.0.0.1:port",
        "hush@",
        "https://x.example?key=hush",
        "https://x.example:port/#hush",
        "sk_live.hush",
    ] {
        let error = base_url(bad).unwrap_err().to_string();
        assert!(
            !error.contains("hush") && error.contains("base-url"),
            "{error}"
        );
    }
}

#[test]
fn a_typed_target_replaces_the_one_in_the_file() {
    let file = options_of("env = 'live'").unwrap();
    let typed = TargetOptions {
        sandbox: Some(SandboxChoice::File("s.db".into())),
        ..TargetOptions::default()
    };
    assert!(matches!(
        destination(typed, file.target, &Environment::default()),
        Ok(Destination::Sandbox(_))
    ));
}

#[test]
fn missing_credentials_are_named() {
    let error = destination(
        TargetOptions::default(),
        TargetOptions::default(),
        &Environment::default(),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are no credentials: KABLE_CLIENT_ID is not set"
    );
    assert!(error.hint().contains("KABLE_CLIENT_SECRET"));
}

#[test]
fn the_live_host_is_known() {
    let typed = TargetOptions {
        env: Some(Env::Live),
        ..TargetOptions::default()
    };
    let with = |secret: &str| Environment {
        client_secret: Some(secret.into()),
        ..environment()
    };
    let destination = |secret| destination(typed.clone(), TargetOptions::default(), &with(secret));
    let settled = destination("sk_live.x").unwrap();
    assert!(matches!(settled, Destination::Api { live: true, .. }));
    let refused = destination("sk_test.x").unwrap_err().to_string();
    assert!(refused.starts_with("live.kable.io takes secrets that begin with sk_live"));
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
fn swapped_credentials_are_refused_and_not_shown() {
    let exchanged = Environment {
        client_id: Some("sk_test.1".to_owned()),
        client_secret: Some("kci_1".into()),
        ..Environment::default()
    };
    let error = destination(
        TargetOptions::default(),
        TargetOptions::default(),
        &exchanged,
    )
    .unwrap_err();
    assert!(matches!(error, ConfigError::Swapped), "{error}");
    assert!(!format!("{error:?} {error}").contains("sk_test"));
}

#[test]
fn a_secret_is_not_shown() {
    assert!(!format!("{:?}", environment()).contains("sk_test"));
}

#[test]
fn standard_output_is_for_one_thing_and_what_is_typed_beats_the_file() {
    let github = Some(AnnotationPlatform::Github);
    let settled = |annotations, json, file: &str| {
        let typed = CheckOptions {
            annotations,
            ..CheckOptions::default()
        };
        let display = DisplayOptions {
            json: Some(json).filter(|is_on| *is_on),
            ..DisplayOptions::default()
        };
        let file = options_of(file).unwrap();
        let decided = checks_and_display((typed, file.checks), (&display, &file.display));
        decided.map(|(checks, display)| {
            (
                checks.online == Some(true),
                checks.annotations,
                display.json,
            )
        })
    };
    let both = "annotations = 'github'\njson = true\nonline = true";
    assert_eq!(settled(None, true, both).unwrap(), (true, None, true));
    assert_eq!(settled(github, false, both).unwrap(), (true, github, false));
    assert!(settled(None, false, both).unwrap_err().is_usage());
    assert_eq!(settled(None, false, "").unwrap(), (false, None, false));
}

#[test]
fn streams_have_no_name_of_their_own() {
    for input in ["-", "/dev/stdin", "/dev/fd/63", "/proc/self/fd/11"] {
        let inputs = [OsString::from(input), "b.csv".into()];
        let error = beside(&inputs, ".results", "out").unwrap_err();
        assert!(error.is_usage());
        let shown = if input == "-" {
            "standard input"
        } else {
            input
        };
        let text = error.to_string();
        assert!(text.starts_with(shown) && text.contains("--out"), "{text}");
    }
    for input in ["in.csv", "/dev/shm/in.csv", "./-", "fd/1.csv"] {
        assert!(
            beside(&[input.into()], ".results", "out").is_ok(),
            "{input}"
        );
    }
}

#[test]
fn a_bare_number_is_seconds() {
    for (text, millis) in [
        ("30", 30_000),
        ("0.5", 500),
        ("1m 30s", 90_000),
        ("250ms", 250),
    ] {
        assert_eq!(duration("timeout", text).unwrap().as_millis(), millis);
    }
    for text in ["", "0", "-1", "inf", "NaN", "30 parsecs"] {
        assert!(duration("timeout", text).is_err(), "{text}");
    }
}
