//! Credentials that are wrong in a way that can be seen: it is said before anything is
//! connected to, and no part of them.

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::settings::CLIENT_ID;

use crate::common::{Run, rows};

#[test]
fn what_was_copied_with_a_secret_is_said_before_connecting() {
    for (secret, words) in [
        ("\"sk_test.abc123\"", "stands in quotation marks"),
        ("\u{feff}sk_test.abc123", "begins with a byte-order mark"),
        ("sk_test.abc123 abc", "has a blank or a line break"),
    ] {
        let run = Run::new()
            .server(&[])
            .env("KABLE_CLIENT_SECRET", secret)
            .input("in.csv", rows(1))
            .input("secret.txt", format!("{secret}\r\n"));
        for option in ["", " --client-secret-file secret.txt"] {
            run.import(&format!("in.csv{option}"))
                .keeps_to_itself("abc123")
                .refuses(1, &["the client secret ", words]);
        }
        assert_eq!(run.counts().of(Call::Authenticate), 0);
    }
    let run = Run::new()
        .env("KABLE_CLIENT_ID", CLIENT_ID)
        .input("in.csv", rows(1))
        .input("empty.txt", "\n");
    run.go("import in.csv --client-secret-file empty.txt")
        .refuses(1, &["there is no secret in empty.txt"]);
}

#[test]
fn a_secret_of_the_other_host_is_said_before_connecting() {
    let of = |secret| {
        Run::new()
            .env("KABLE_CLIENT_ID", CLIENT_ID)
            .env("KABLE_CLIENT_SECRET", secret)
            .input("in.csv", rows(1))
    };
    for command in ["import", "sync", "verify", "validate --online", "rollback"] {
        of("sk_live.abc123")
            .go(&format!("{command} in.csv --yes"))
            .keeps_to_itself("abc123")
            .keeps_to_itself("cannot reach");
    }
    of("sk_live.abc123").go("import in.csv").refuses(
        1,
        &["test.kable.io takes secrets that begin with sk_test, and this one begins with sk_live"],
    );
    of("sk_test.abc123")
        .go("import in.csv --env live --yes")
        .refuses(1, &["live.kable.io takes secrets that begin with sk_live"]);
}

#[test]
fn a_port_of_plain_http_is_named_where_https_is_wanted() {
    let run = Run::new().server(&[]).input("in.csv", rows(1));
    let address = run.url().replace("http://", "https://");
    run.go(&format!("import in.csv --base-url {address}"))
        .refuses(1, &["cannot reach https://", "does not speak TLS"]);
}
