//! `--notify-command`: what it is told, whatever the end, and what it must never do.

use serde_json::Value;

use crate::common::{Run, rows};

const TELL: &str = "cat > told.json; env > env; echo heard";

fn told(run: &Run) -> Value {
    let told = serde_json::from_str(&run.text("told.json")).unwrap();
    std::fs::remove_file(run.path("told.json")).unwrap();
    told
}

#[test]
fn it_gets_the_summary_and_no_secret() {
    let run = Run::new()
        .server(&[])
        .input("in.csv", format!("{}c-2,,USD\n", rows(1)));
    let url = run.url();
    let import = ["import", "in.csv", "--base-url", &url, "--json"];
    let ended = run.go_words(
        &[
            &import[..],
            &["--max-errors", "5", "--notify-command", TELL],
        ]
        .concat(),
    );
    let ended = ended.code(3);
    assert_eq!(told(&run), ended.json());
    assert!(ended.stderr.contains("heard"), "{}", ended.stderr);
    let environment = run.text("env");
    for line in ["KABLE_BULK_EXIT_CODE=3", "KABLE_BULK_COMMAND=import"] {
        assert!(
            environment.lines().any(|found| found == line),
            "{environment}"
        );
    }
    assert!(environment.contains("KABLE_CLIENT_ID="), "{environment}");
    assert!(!environment.contains("SECRET"), "{environment}");
}

#[test]
fn it_is_told_of_every_command_and_of_a_plan_only_if_asked() {
    let run = Run::new().server(&[]).input("in.csv", rows(2));
    let notified = |command: &str, code: i32| {
        let line = format!("{command} --base-url {}", run.url());
        let mut words: Vec<&str> = line.split(' ').collect();
        words.extend(["--quiet", "--notify-command", TELL]);
        run.go_words(&words).code(code);
        let told = told(&run);
        assert_eq!(told["exit_code"], code, "{told}");
        told
    };
    assert_eq!(notified("verify in.csv", 3)["outcomes"]["missing"], 2);
    assert_eq!(notified("sync in.csv --dry-run", 0)["would"]["create"], 2);
    assert_eq!(
        notified("import in.csv --save-plan plan", 0)["would"]["create"],
        2
    );
    // A plan is data: it brings no command.
    run.go("apply plan --yes").code(0);
    assert!(!run.exists("told.json"));
    assert_eq!(
        notified("rollback in.csv --yes", 0)["outcomes"]["deleted"],
        2
    );
}

#[test]
fn it_is_told_of_an_error_and_of_an_interruption() {
    let run = Run::new().server(&[]).input("in.csv", rows(500));
    let url = run.url();
    let ended = run.go_words(&[
        "import",
        "nope.csv",
        "--base-url",
        &url,
        "--notify-command",
        TELL,
    ]);
    let ended = ended.code(1);
    let error = told(&run);
    assert_eq!(
        (&error["command"], &error["exit_code"]),
        (&"import".into(), &1.into())
    );
    let shown = format!("error: {}", error["error"].as_str().unwrap());
    assert!(ended.stderr.contains(&shown), "{}\n{shown}", ended.stderr);

    let running = run.start_words(&[
        "import",
        "in.csv",
        "--base-url",
        &url,
        "--rate",
        "20",
        "--notify-command",
        TELL,
    ]);
    crate::common::until("a create", || {
        run.counts()
            .of(kable_bulk::sandbox::http::routes::Call::Create)
            > 2
    });
    running.signal("INT");
    running.end().code(130);
    let interrupted = told(&run);
    assert_eq!(interrupted["interrupted"], true);
    assert!(interrupted["outcomes"]["pending"].as_u64() > Some(0));
}

#[test]
fn its_failure_changes_no_exit_code() {
    let run = Run::new().input("in.csv", rows(2)).input(
        "kable-bulk.toml",
        "notify-command = 'echo no >&2; exit 7'\nsandbox = true\n",
    );
    let ended = run.go("import in.csv --quiet").code(0);
    // The folder may come from elsewhere: that it runs a command is said in any case.
    let ended = ended.says("notify-command from ./kable-bulk.toml");
    ended.says("warning: the command of --notify-command ended with exit code 7\n");
    let ended = run
        .go_words(&["import", "in.csv", "--notify-command="])
        .code(0);
    ended.keeps_to_itself("notify-command ended");
    // Without a run there is nothing to tell.
    run.go("import in.csv --rate never")
        .code(2)
        .keeps_to_itself("exit code 7");
}

#[test]
fn a_run_that_it_starts_runs_none() {
    let run = Run::new().input("in.csv", rows(2));
    let program = env!("CARGO_BIN_EXE_kable-bulk");
    let again = format!(
        "{program} import in.csv --sandbox --quiet --notify-command 'touch again'; echo $? > code"
    );
    run.go_words(&["import", "in.csv", "--sandbox", "--notify-command", &again])
        .code(0);
    assert_eq!(run.text("code"), "0\n");
    assert!(!run.exists("again"));
}
