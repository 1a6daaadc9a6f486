//! Patterns of file names: they leave out what runs wrote, so that a command can be
//! repeated as it is.

use kable_bulk::sandbox::http::routes::Call;

use crate::common::{Run, customers_of_csv, rows, rows_from};

/// Files of inputs in a folder, and one that is no input's.
fn folder_of_inputs() -> Run {
    Run::new()
        .server(&[])
        .input("dir/a.csv", rows_from(1, 3))
        .input("dir/b.csv", rows_from(4, 6))
        .input("dir/kable-bulk.toml", "rate = 5\n")
}

#[test]
fn an_import_by_pattern_runs_twice() {
    let run = folder_of_inputs();
    run.import("dir/*").code(0);
    run.holds(&customers_of_csv(&rows(6)));
    assert!(run.exists("dir/a.csv.checkpoint.db") && run.exists("dir/a.csv.results"));
    run.import("dir/*")
        .code(0)
        .says("left out")
        .says("dir/a.csv.checkpoint.db");
    assert_eq!(run.summary("dir/a.csv").rows("read"), 6);
    run.import("dir/* -q").code(0).keeps_to_itself("left out");
    run.import("**/*").code(0);
    run.go("status dir/*")
        .code(0)
        .says("Checkpoint dir/a.csv.checkpoint.db");
}

#[test]
fn a_rehearsal_by_pattern_runs_twice() {
    let run = Run::new().input("dir/a.csv", rows(3)).input(
        "dir/b.jsonl",
        "{\"clientId\":\"d-1\",\"companyName\":\"D\",\"currency\":\"USD\"}\n",
    );
    for _ in 0..2 {
        run.go("import dir/* --sandbox=dir/mine --rate unlimited")
            .code(0);
        assert_eq!(run.summary("dir/a.csv").rows("read"), 4);
    }
    run.go("status dir/*")
        .code(0)
        .says("dir/a.csv.sandbox.checkpoint.db");
}

#[test]
fn results_among_the_inputs_are_no_inputs() {
    let run = Run::new()
        .input("a.csv", rows(3))
        .input("b.csv", "clientId,companyName,currency\nc-9,,USD\n");
    for _ in 0..3 {
        let ended = run.go("validate *.csv --out .").code(3);
        drop(ended);
        let summary = run.text("summary.json");
        assert!(summary.contains("\"read\": 4"), "{summary}");
        assert!(run.exists("rejects.csv"));
    }
    // A pattern that names them reads them.
    run.go("validate rej*.csv --out other").code(3);
    assert!(run.text("other/summary.json").contains("rejects.csv"));
}

#[test]
fn rejects_are_read_where_the_pattern_names_their_folder() {
    let run = Run::new().input("a.csv", "clientId,companyName,currency\nc-9,,USD\n");
    run.go("validate a.csv").code(3);
    run.go("validate a.csv.results/*.csv --out other").code(3);
    let summary = run.text("other/summary.json");
    assert!(
        summary.contains("\"a.csv.results/rejects.csv\""),
        "{summary}"
    );
    assert!(!summary.contains("problems.csv"), "{summary}");
}

#[test]
fn a_pattern_of_own_files_only_says_so() {
    let run = folder_of_inputs();
    run.import("dir/*.csv").code(0);
    run.go("validate dir/*.db*")
        .refuses(
            1,
            &[
                "dir/*.db*",
                "that kable-bulk wrote itself",
                "dir/a.csv.checkpoint.db",
            ],
        )
        .hints("type the name");
}

/// A shell expands a pattern that is not quoted.
#[cfg(unix)]
#[test]
fn a_pattern_that_the_shell_expanded_runs_twice() {
    let mut run = folder_of_inputs();
    run.shell(Some(
        "program=$1; shift; exec \"$program\" import dir/* \"$@\"".to_owned(),
    ));
    for _ in 0..2 {
        run.go("--base-url URL --rate unlimited").code(0);
        assert_eq!(run.summary("dir/a.csv").rows("read"), 6);
    }
    run.holds(&customers_of_csv(&rows(6)));
}

/// The default checkpoint is named after the first file.
#[test]
fn a_new_first_file_does_not_begin_an_import_anew() {
    let run = Run::new()
        .server(&[])
        .input("dir/b.csv", rows_from(1, 3))
        .input("dir/c.csv", rows_from(4, 6));
    run.import("dir/*.csv").code(0);
    let creates = run.counts().of(Call::Create);
    run.write("dir/a.csv", rows_from(7, 8));
    let said = "the checkpoint is dir/b.csv.checkpoint.db";
    run.import("dir/*.csv --dry-run").code(0).says(said);
    run.import("dir/*.csv").code(0).says(said);
    assert_eq!(run.counts().of(Call::Create), creates + 2);
    assert_eq!(run.creates_in_vain(), 0);
    assert!(!run.exists("dir/a.csv.checkpoint.db"));
    run.go("status dir/*.csv")
        .code(0)
        .says("Checkpoint dir/b.csv.checkpoint.db");
    let listed = run.go("list dir/*.csv").code(0);
    assert_eq!(listed.stdout.lines().count(), 9);
    // As names, and without the file after which it is named.
    run.import("dir/a.csv dir/b.csv").code(0).says(said);
    std::fs::remove_file(run.path("dir/b.csv")).unwrap();
    run.import("dir/*.csv").code(0).says(said);
    run.go("status dir/*.csv").code(0).says(said);
    run.import("dir/*.csv -q").code(0).keeps_to_itself(said);
    assert_eq!(run.counts().of(Call::Create), creates + 2);
}

#[test]
fn of_several_checkpoints_of_a_pattern_one_must_be_named() {
    let run = Run::new()
        .server(&[])
        .input("dir/b.csv", rows_from(1, 3))
        .input("dir/c.csv", rows_from(4, 6));
    run.import("dir/b.csv").code(0);
    run.import("dir/c.csv").code(0);
    run.import("dir/*.csv")
        .code(0)
        .says("1 other checkpoint is")
        .says("dir/c.csv.checkpoint.db");
    run.write("dir/a.csv", rows_from(7, 8));
    let creates = run.counts().of(Call::Create);
    run.import("dir/*.csv")
        .refuses(1, &["is not certain", "dir/b.csv.checkpoint.db"])
        .hints("--checkpoint dir/b.csv.checkpoint.db");
    for command in ["status", "list"] {
        run.go(&format!("{command} dir/*.csv"))
            .refuses(1, &["is not certain"])
            .hints("--checkpoint dir/b.csv.checkpoint.db");
    }
    assert_eq!(run.counts().of(Call::Create), creates);
    run.import("dir/*.csv --checkpoint dir/a.csv.checkpoint.db")
        .code(0);
    run.holds(&customers_of_csv(&rows(8)));
}

/// `bash`, because `sh` may not know `<(…)`.
#[cfg(target_os = "linux")]
mod streams {
    use crate::common::{Run, customers_of_csv, rows};

    const PROGRAM: &str = "exec bash -c 'program=$1; command=$2; shift 2; \
        exec \"$program\" \"$command\" <(cat in.csv) \"$@\"' bash \"$@\"";

    #[test]
    fn a_process_substitution_asks_for_names() {
        let mut run = Run::new().server(&[]).input("in.csv", rows(3));
        run.shell(Some(PROGRAM.to_owned()));
        run.go("import --base-url URL")
            .refuses(2, &["/dev/fd/", "has no name of its own: --checkpoint"])
            .hints("--checkpoint");
        run.go("import --base-url URL --checkpoint run.db")
            .refuses(2, &["/dev/fd/", "has no name of its own: --out"]);
        run.go("validate").refuses(2, &["/dev/fd/", "--out"]);
        for _ in 0..2 {
            run.go("import --base-url URL --checkpoint run.db --out results --rate unlimited")
                .code(0);
        }
        run.holds(&customers_of_csv(&rows(3)));
        let is_kept = |file: &std::path::PathBuf| file.to_string_lossy().contains(".kept-");
        assert!(!run.files().iter().any(is_kept));
        run.go("validate --out checked")
            .code(0)
            .says("--checkpoint kable-bulk.checkpoint.db");
    }

    #[test]
    fn standard_input_by_its_path_asks_for_names() {
        let run = Run::new().stdin(rows(2));
        run.go("validate /dev/stdin")
            .refuses(2, &["/dev/stdin", "--out"]);
        run.go("validate /dev/stdin --out checked").code(0);
    }
}
