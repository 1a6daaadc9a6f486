//! The program's interface: help, usage errors, configuration, exit codes.

use kable_bulk::domain::version::VERSION;
use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::settings::CLIENT_SECRET;

use crate::common::{Run, Summary, customers_of_csv, rows};

#[test]
fn help_names_the_commands_and_the_exit_codes() {
    let ended = Run::new().go("--help").code(0);
    assert_eq!(ended.stderr, "");
    let mut ended = ended;
    for words in [
        "import",
        "validate",
        "status",
        "sandbox",
        "Exit codes:",
        "130",
        "KABLE_CLIENT_ID",
        "KABLE_CLIENT_SECRET",
    ] {
        ended = ended.says(words);
    }
}

/// Nothing is connected to, and no file is taken for a database or the other way round.
#[test]
fn a_checkpoint_that_is_neither_a_file_nor_in_postgresql_is_refused_at_once() {
    let run = Run::new().input("in.csv", rows(3));
    let import = "import in.csv --sandbox --checkpoint";
    let wanted = "can't be kept at mysql://…, wanted a file or postgres://USER@HOST/DB";
    let lines = [
        import,
        "status --checkpoint",
        "list --checkpoint",
        "report --checkpoint",
    ];
    for line in lines {
        let ended = run.go(&format!("{line} mysql://u:hush@127.0.0.1:1/kable"));
        ended.refuses(2, &[wanted]).keeps_to_itself("hush");
        run.go(&format!("{line} Postgres://u@127.0.0.1:1/kable"))
            .refuses(1, &["no database server listens on 127.0.0.1:1"]);
    }
    let run = run.env("KABLE_BULK_CHECKPOINT", "mysql://u@127.0.0.1:1/kable");
    for line in [
        "import in.csv",
        "validate in.csv",
        "rollback in.csv",
        "status in.csv",
    ] {
        run.go(line).refuses(2, &["KABLE_BULK_CHECKPOINT", wanted]);
    }
}

#[test]
fn help_of_import_names_its_options() {
    let mut ended = Run::new().go("import --help").code(0);
    for option in [
        "--sandbox",
        "--base-url",
        "--env",
        "--client-secret-file",
        "--format",
        "--delimiter",
        "--map",
        "--set",
        "--strict",
        "--checkpoint",
        "--out",
        "--rate",
        "--concurrency",
        "--retries",
        "--timeout",
        "--max-errors",
        "--all-or-nothing",
        "--existing",
        "--stripe",
        "--keys",
        "--limit",
        "--dry-run",
        "--retry-failed",
        "--yes",
        "--json",
        "--log-format",
        "--no-progress",
        "--quiet",
        "--verbose",
        "--config",
    ] {
        ended = ended.says(option);
    }
}

#[test]
fn the_version_is_the_packages() {
    let run = Run::new();
    let short = format!("kable-bulk {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(run.go("-V").code(0).stdout, format!("{short}\n"));
    let long = run.go("--version").code(0).stdout;
    assert_eq!(long.trim_end(), format!("kable-bulk {VERSION}"));
    assert!(long.starts_with(&short), "{long}");
}

#[test]
fn an_unknown_option_is_wrong_usage() {
    let ended = Run::new()
        .input("in.csv", rows(1))
        .go("import in.csv --sandbx");
    ended.code(2).says("error:").says("--sandbx");
}

#[test]
fn no_input_is_wrong_usage() {
    Run::new().go("import --sandbox").code(2).says("INPUT");
    Run::new().go("validate").code(2).says("INPUT");
}

#[test]
fn no_command_is_wrong_usage() {
    Run::new().go("").code(2);
}

#[test]
fn missing_credentials_are_named_both() {
    let run = Run::new().input("in.csv", rows(1));
    let ended = run.go("import in.csv").refuses(1, &["credentials"]);
    ended.says("KABLE_CLIENT_ID").says("KABLE_CLIENT_SECRET");
    assert!(!run.exists("in.csv.checkpoint.db"));
}

#[test]
fn a_missing_secret_is_named() {
    Run::new()
        .input("in.csv", rows(1))
        .env("KABLE_CLIENT_ID", "kci_1")
        .go("import in.csv")
        .refuses(1, &["KABLE_CLIENT_SECRET"]);
}

#[test]
fn a_base_url_that_is_none_is_wrong_usage() {
    for url in ["not-a-url", "ftp://x.example", "https://"] {
        let run = Run::new().credentials().input("in.csv", rows(1));
        run.go(&format!("import in.csv --base-url {url}"))
            .refuses(2, &["--base-url"]);
        assert!(!run.exists("in.csv.checkpoint.db"));
    }
}

#[test]
fn plain_http_to_another_machine_is_wrong_usage() {
    Run::new()
        .credentials()
        .input("in.csv", rows(1))
        .go("import in.csv --base-url http://kable.example")
        .refuses(2, &["--base-url", "http://kable.example"]);
}

#[test]
fn nobody_listening_is_said_at_once_and_nothing_is_begun() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let run = Run::new().credentials().input("in.csv", rows(1));
    run.go(&format!("import in.csv --base-url http://{address}"))
        .refuses(1, &[&address.to_string()]);
    assert!(!run.exists("in.csv.checkpoint.db"));
}

#[test]
fn a_base_url_with_the_apis_path_is_taken_too() {
    let run = Run::new().server(&[]).input("in.csv", rows(2));
    run.go("import in.csv --base-url URL/api/v1 --rate unlimited")
        .code(0);
    run.holds(&customers_of_csv(&rows(2)));
}

#[test]
fn the_secret_can_come_from_a_file() {
    let run = Run::new()
        .server(&[])
        .input("in.csv", rows(2))
        .input("secret", format!("{CLIENT_SECRET}\n"))
        .env("KABLE_CLIENT_SECRET", "sk_test.wrong");
    run.import("in.csv --client-secret-file secret").code(0);
    assert_eq!(run.held().len(), 2);
}

#[test]
fn a_secret_file_that_is_not_there_is_named() {
    Run::new()
        .server(&[])
        .input("in.csv", rows(2))
        .import("in.csv --client-secret-file nowhere")
        .refuses(1, &["nowhere"]);
}

#[test]
fn json_is_all_that_stands_on_standard_output() {
    let run = Run::new().input("in.csv", rows(5));
    let ended = run.import("in.csv --json").code(0);
    let printed = Summary::of(&ended.stdout);
    printed.outcomes(&[("created", 5)]);
    assert_eq!(printed.0, run.summary("in.csv").0);
    assert_eq!(printed.0["command"], "import");
    assert_eq!(printed.0["exit_code"], 0);
    assert_eq!(printed.0["interrupted"], false);
    assert_eq!(printed.0["inputs"][0], "in.csv");
    assert_eq!(printed.0["checkpoint"], "in.csv.sandbox.checkpoint.db");
    let validated = run.go("validate in.csv --json").code(0);
    Summary::of(&validated.stdout).outcomes(&[("pending", 5)]);
}

#[test]
fn quiet_says_nothing_where_all_is_well() {
    let ended = Run::new()
        .input("in.csv", rows(5))
        .import("in.csv --quiet")
        .code(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
}

#[test]
fn verbose_says_what_came_of_each_row() {
    let run = Run::new().input("in.csv", rows(3) + "c-4,,USD\n");
    let ended = run.import("in.csv -v --max-errors 1").code(3);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    for number in 1..=3 {
        let begin = format!("line {}: \"c-{number}\" created as cus_", number + 1);
        assert_eq!(
            lines.iter().filter(|line| line.starts_with(&begin)).count(),
            1,
            "{}",
            ended.stderr
        );
    }
    ended.says("line 5: rejected: companyName is missing");
}

#[test]
fn options_can_stand_in_the_file_of_the_folder() {
    let run = Run::new().input("in.csv", rows(9)).input(
        "kable-bulk.toml",
        "sandbox = \"other.db\"\nlimit = 4\nout = \"results\"\ncheckpoint = \"run.db\"\nrate = 1000\n",
    );
    run.go("import in.csv").code(0);
    assert!(run.exists("other.db") && run.exists("run.db"));
    assert_eq!(
        Summary::of(&run.text("results/summary.json")).rows("read"),
        4
    );
}

#[test]
fn a_flag_beats_the_file() {
    let run = Run::new()
        .input("in.csv", rows(9))
        .input("mine.toml", "sandbox = \"other.db\"\nlimit = 4\n");
    run.go("import in.csv --config mine.toml --limit 6 --rate unlimited")
        .code(0);
    assert_eq!(run.summary("in.csv").rows("read"), 6);
}

#[test]
fn an_unknown_key_in_the_file_is_named_with_what_was_meant() {
    Run::new()
        .input("in.csv", rows(1))
        .input("kable-bulk.toml", "max-eror = 5\n")
        .go("import in.csv --sandbox")
        .refuses(1, &["kable-bulk.toml", "max-eror", "max-errors"]);
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    Run::new()
        .input("in.csv", rows(1))
        .input("kable-bulk.toml", "client-secret = \"sk_test.hidden\"\n")
        .go("import in.csv --sandbox")
        .refuses(1, &["client-secret"])
        .keeps_to_itself("sk_test.hidden");
}

#[test]
fn a_file_of_options_that_is_not_there_or_no_toml_is_named() {
    let run = Run::new()
        .input("in.csv", rows(1))
        .input("bad.toml", "rate = [");
    run.go("import in.csv --sandbox --config nowhere.toml")
        .refuses(1, &["nowhere.toml"]);
    run.go("import in.csv --sandbox --config bad.toml")
        .code(1)
        .says("bad.toml")
        .says("hint: ");
}

#[test]
fn standard_input_needs_a_checkpoint_and_a_folder() {
    let run = Run::new().stdin(rows(2));
    run.go("import - --sandbox --out results")
        .refuses(2, &["--checkpoint"]);
    run.go("import - --sandbox --checkpoint run.db")
        .refuses(2, &["--out"]);
    run.go("validate -").refuses(2, &["--out"]);
}

#[test]
fn values_that_are_none_are_wrong_usage() {
    let run = Run::new().input("in.csv", rows(1));
    for option in [
        "--rate 0",
        "--rate fast",
        "--rate 5/h",
        "--concurrency 0",
        "--timeout soon",
        "--max-errors many",
        "--map nothing=Column",
        "--map companyName",
        "--delimiter ab",
        "--allow-currency chf",
    ] {
        let name = option.split(' ').next().unwrap();
        run.go(&format!("import in.csv --sandbox {option}"))
            .code(2)
            .says(name);
    }
    assert!(!run.exists("in.csv.checkpoint.db"));
}

#[test]
fn a_live_run_without_a_terminal_wants_a_yes_before_anything_is_sent() {
    // All requests would have to pass this proxy, which receives none.
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let run = Run::new()
        .credentials()
        .env("KABLE_CLIENT_SECRET", "sk_live.1")
        .env("HTTPS_PROXY", &address)
        .env("https_proxy", &address)
        .input("in.csv", rows(1));
    run.go("import in.csv --env live --timeout 1s")
        .refuses(1, &["live"])
        .hints("--yes");
    run.go("import in.csv --base-url https://live.kable.io --timeout 1s")
        .refuses(1, &["live"])
        .hints("--yes");
    proxy.set_nonblocking(true).unwrap();
    let heard = proxy.accept().map_err(|error| error.kind());
    assert_eq!(heard.unwrap_err(), std::io::ErrorKind::WouldBlock);
    assert!(!run.exists("in.csv.checkpoint.db"));
}

/// The next steps can be typed as they are shown, and lead to an import.
#[test]
fn validate_says_what_to_do_next() {
    let run = Run::new().input(
        "in.csv",
        rows(4).replace(",USD", ",") + "c-5,Elm,Euro\nc-6,Fir,USD\nc-6,Fir,USD\n",
    );
    let shown = |ended: &crate::common::EndedRun| -> Vec<String> {
        let lines = ended.stdout.lines().map(str::trim);
        let commands = lines.filter(|line| line.starts_with('/'));
        let words = commands.map(|line| line.split_once(' ').unwrap().1.to_owned());
        words.collect()
    };
    let ended = run
        .go("validate in.csv --online --sandbox")
        .code(3)
        .says("1. Set currency, which 4 rows lack, if it is the same for all of them:")
        .says("2. Write EUR for \"Euro\" (1 row)\n")
        .says("3. Fix the rejected rows in the input, and check again:");
    let next = shown(&ended);
    assert_eq!(
        next,
        [
            "validate in.csv --set currency=USD --online --sandbox",
            "validate in.csv --online --sandbox"
        ]
    );
    let ended = run
        .go(&next[0])
        .code(3)
        .says("Leave out 1 row that repeats another in every field: nothing is lost by it\n");
    assert_eq!(ended.stdout.matches("Set currency").count(), 0);
    run.write("in.csv", rows(4) + "c-5,Elm,eur\n");
    let ended = run
        .go(&next[1])
        .code(0)
        .says("Import it: corrected values are sent as corrected, and there is nothing to fix:");
    let next = shown(&ended);
    assert_eq!(next, ["import in.csv --sandbox"]);
    run.go(&next[0]).code(0);
    assert_eq!(run.held().len(), 5);
}

#[test]
fn the_sandbox_command_prints_what_to_set_and_serves() {
    let run = Run::new().input("in.csv", rows(3));
    let mut sandbox = run.start("sandbox other.db --port 0");
    let line = sandbox.line_with("--base-url ");
    let url = line.split_whitespace().last().unwrap().to_owned();
    let run = run.credentials();
    run.go(&format!("import in.csv --base-url {url} --rate unlimited"))
        .code(0);
    sandbox.signal("TERM");
    sandbox.end().code(0);
    run.summary("in.csv").outcomes(&[("created", 3)]);
    let held = kable_bulk::sandbox::store::inspect::customers(&run.path("other.db")).unwrap();
    assert_eq!(held.len(), 3);
}

#[test]
fn a_fault_that_is_none_is_named() {
    Run::new()
        .go("sandbox --port 0 --fault lose")
        .code(2)
        .says("unknown fault \"lose\"");
}

#[test]
fn credentials_are_checked_before_anything_else_is_asked() {
    let run = Run::new()
        .server(&[])
        .env("KABLE_CLIENT_SECRET", "sk_test.wrong")
        .input("in.csv", rows(5));
    let ended = run
        .import("in.csv")
        .refuses(1, &["credentials", &run.url()]);
    ended.keeps_to_itself("sk_test.wrong");
    assert_eq!(run.counts().of(Call::Create), 0);
    assert_eq!(run.counts().of(Call::Authenticate), 1);
    assert!(!run.exists("in.csv.checkpoint.db"));
}

/// `kable-bulk … | head` closes the pipe.
#[test]
fn a_closed_standard_output_changes_no_exit_code() {
    let run = Run::new().input("in.csv", rows(3));
    for (line, code) in [
        ("import in.csv --sandbox --json", 0),
        ("validate in.csv --map email=nothing", 1),
        ("status in.csv --sandbox", 0),
        ("list in.csv", 0),
        ("presets", 0),
        ("--help", 0),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let mut child = run
            .command(&words)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{line}");
    }
}
