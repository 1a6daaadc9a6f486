//! User data is never lost (issue 12, point 13), printed commands work as typed (point 14),
//! and names that are not valid text (point 17).

use kable_bulk::sandbox::http::routes::Call;

use crate::common::{Run, customers_of_csv, rows, rows_from};

const BAD: &str = "c-x,,USD\n";

/// The interrupted run of the issue: rejects corrected in place, then the command that
/// continues.
#[test]
fn mended_rejects_survive_the_command_that_goes_on() {
    let run = Run::new().server(&[]).input("in.csv", rows(30) + BAD);
    run.import("in.csv --max-errors 0").code(5);
    let mended = run
        .text("in.csv.results/rejects.csv")
        .replace("c-x,,USD", "c-x,Xenia,USD");
    for (number, command) in [(1, "import"), (2, "validate"), (3, "import")] {
        run.write("in.csv.results/rejects.csv", &mended);
        let ended = if command == "import" {
            run.import("in.csv").code(3)
        } else {
            run.go("validate in.csv").code(3)
        };
        let name = format!("in.csv.results/rejects.kept-{number}.csv");
        ended.says("was changed since it was written").says(&name);
        assert_eq!(run.text(&name), mended);
        assert!(run.text("in.csv.results/rejects.csv").contains("c-x,,USD"));
    }
    run.import("in.csv.results/rejects.kept-1.csv --checkpoint in.csv.checkpoint.db")
        .code(0);
    assert!(run.held().contains_key("c-x"));
}

#[test]
fn files_that_are_not_ours_are_refused_before_anything_is_sent() {
    let run = Run::new().server(&[]).input("in.csv", rows(5) + BAD);
    for name in [
        "rejects.csv",
        "failures.csv",
        "summary.json",
        "problems.csv",
    ] {
        run.write(name, "mine");
        for command in [
            "import in.csv --out . --base-url URL",
            "validate in.csv --out .",
        ] {
            run.go(command)
                .refuses(1, &[name, "did not write"])
                .hints("--out");
        }
        assert_eq!(run.text(name), "mine");
        std::fs::remove_file(run.path(name)).unwrap();
    }
    assert_eq!(run.counts().of(Call::Create), 0);
    // Other kept files are left, and ours get another number.
    run.write("rejects-2.csv", "mine");
    run.import("in.csv --out .").code(3);
    assert_eq!(run.text("rejects-2.csv"), "mine");
    assert!(run.text("rejects.csv").contains("c-x"));
}

#[test]
fn the_rejects_of_another_input_stay() {
    let run = Run::new()
        .server(&[])
        .input("a.csv", rows(20) + BAD)
        .input("b.csv", rows_from(21, 40))
        .input("c.csv", rows_from(41, 60) + "c-y,,USD\n");
    run.import("a.csv --out res").code(3);
    let rejects = run.text("res/rejects.csv");
    run.import("b.csv --out res").code(0);
    assert_eq!(run.text("res/rejects.csv"), rejects);
    run.import("c.csv --out res")
        .code(3)
        .says("rejects.kept-1.csv");
    assert_eq!(run.text("res/rejects.kept-1.csv"), rejects);
    assert!(run.text("res/rejects.csv").contains("c-y"));
}

#[test]
fn a_check_leaves_the_summary_of_an_import() {
    let run = Run::new().server(&[]).input("in.csv", rows(5));
    run.go("validate in.csv").code(0);
    assert_eq!(run.summary("in.csv").0["command"], "validate");
    run.import("in.csv").code(0);
    run.go("validate in.csv")
        .code(0)
        .says("validate-summary.json");
    assert_eq!(run.summary("in.csv").0["command"], "import");
    assert!(run.exists("in.csv.results/validate-summary.json"));
}

/// A rejects file of an input that was changed since hides no new bad row, in whatever way
/// the old one was bad.
#[test]
fn outdated_rejects_hide_no_new_bad_row() {
    for (old, mended, new) in [
        (",Gum,USD\n", ",c-21,Gum,USD\n", ",Other,USD\n"),
        ("c-5,Twin,USD\n", ",c-21,Twin,USD\n", "c-6,Other,USD\n"),
        ("c-21,Fir\n", ",c-21,Fir,USD\n", "c-22,Oak\n"),
        ("c-21,Fir,Euro\n", ",c-21,Fir,EUR\n", "c-21,Fir,Pound\n"),
    ] {
        let run = Run::new().server(&[]).input("in.csv", rows(20) + old);
        run.go("validate in.csv --out checked").code(3);
        let rejects = run.text("checked/rejects.csv");
        let given_back = format!(",{old}");
        assert!(rejects.contains(&given_back), "{rejects}");
        run.write("mended.csv", rejects.replace(&given_back, mended));
        run.go("validate in.csv mended.csv --out both").code(0);
        run.write("in.csv", rows(20) + new);
        run.import("in.csv mended.csv").code(3);
        let rejects = run.text("in.csv.results/rejects.csv");
        assert!(rejects.contains(new.trim_end()), "{new}: {rejects}");
    }
}

/// The commands that a run prints, to be typed again.
fn advised(ended: &crate::common::EndedRun) -> Vec<String> {
    let program = env!("CARGO_BIN_EXE_kable-bulk");
    let lines = ended.stdout.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix(program))
        .map(|rest| rest.trim().to_owned())
        .collect()
}

/// Every command that a run prints can be typed into a shell, and does not stop where the
/// first run stopped.
#[cfg(unix)]
#[test]
#[expect(clippy::too_many_lines, reason = "most of it is a table")]
fn every_command_that_is_printed_works() {
    let many = |bad: usize| {
        let rows: Vec<String> = (0..bad).map(|n| format!("bad-{n},,USD\n")).collect();
        rows.concat()
    };
    for (name, content, toml, first, code, then) in [
        // After --max-errors, by rejected rows.
        (
            "in.csv",
            rows(40) + &many(9),
            "",
            "import in.csv --max-errors 3 --base-url URL",
            5,
            [3, 0].as_slice(),
        ),
        (
            "in.csv",
            rows(40) + &many(2),
            "",
            "import in.csv --all-or-nothing --base-url URL",
            5,
            &[3, 0],
        ),
        (
            "in.csv",
            rows(40) + &many(2),
            "all-or-nothing = true",
            "import in.csv --base-url URL",
            5,
            &[3, 0],
        ),
        // Text in a file invalidates no option.
        (
            "in.csv",
            rows(5),
            "dry-run = true",
            "import in.csv --base-url URL",
            0,
            &[0],
        ),
        (
            "in.csv",
            rows(5),
            "dry-run = true\nsandbox = 's.db'",
            "validate in.csv",
            0,
            &[0],
        ),
        (
            "in.csv",
            rows(40) + &many(2),
            "out = 'res'",
            "import in.csv --base-url URL",
            3,
            &[0],
        ),
        // Names that a shell would split, or that look like options.
        (
            "it's here.csv",
            rows(40) + &many(2),
            "",
            "import it's\u{a0}here.csv --base-url URL",
            3,
            &[0],
        ),
        (
            "-in.csv",
            rows(5),
            "",
            "import --dry-run --base-url URL -- -in.csv",
            0,
            &[0],
        ),
    ] {
        let mut run = Run::new().server(&[]).input(name, content);
        if !toml.is_empty() {
            run.write("kable-bulk.toml", toml);
        }
        let words: Vec<String> = first
            .split(' ')
            .map(|word| word.replace('\u{a0}', " "))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ended = run.go_words(&words).code(code);
        let commands = advised(&ended);
        assert_eq!(
            commands.len(),
            then.len(),
            "{first} {toml}: {commands:?}\n{}",
            ended.stdout
        );
        for (command, code) in commands.iter().zip(then) {
            for folder in ["in.csv.results", "it's here.csv.results", "res"] {
                let rejects = format!("{folder}/rejects.csv");
                if command.contains("rejects.csv") && run.exists(&rejects) {
                    let mended = run.text(&rejects).replace(",,USD", ",Mended,USD");
                    run.write(&rejects, mended);
                }
            }
            run.shell(Some(format!("\"$1\" {command}")));
            run.go("").code(*code);
            run.shell(None);
        }
    }
}

/// A rehearsal does not hinder the real run (README, the five steps).
#[test]
fn a_rehearsal_has_a_checkpoint_of_its_own() {
    let run = Run::new().server(&[]).input("in.csv", rows(12));
    run.go("validate in.csv").code(0);
    run.go("import in.csv --sandbox=rehearsal.db").code(0);
    assert!(run.exists("in.csv.sandbox.checkpoint.db"));
    run.go("status in.csv")
        .code(0)
        .says("in.csv.sandbox.checkpoint.db");
    run.import("in.csv --dry-run").code(0);
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(12)));
    run.go("status in.csv")
        .code(0)
        .says("Checkpoint in.csv.checkpoint.db");
}

#[test]
fn flags_switch_off_what_a_file_switches_on() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    run.write("kable-bulk.toml", "dry-run = true\nstripe = true\n");
    run.import("in.csv").code(0);
    assert_eq!(run.counts().of(Call::Create), 0);
    run.import("in.csv --no-config --dry-run=false").code(0);
    assert_eq!(run.held().len(), 3);
    run.import("in.csv --no-dry-run --stripe=false").code(0);
}

#[cfg(target_os = "linux")]
mod odd_names {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use crate::common::{Run, rows};

    #[test]
    fn a_folder_whose_name_is_no_text_takes_results() {
        let mut run = Run::new().server(&[]).input("in.csv", rows(3));
        run.shell(Some(
            "exec \"$@\" --out \"$(printf 'erg\\344nzt')\" --checkpoint \"$(printf 'pr\\374f.db')\""
                .to_owned(),
        ));
        run.import("in.csv --dry-run")
            .code(0)
            .says("$'erg\\344nzt'");
        run.import("in.csv").code(0);
        let out = run
            .path("in.csv")
            .with_file_name(OsStr::from_bytes(b"erg\xe4nzt"));
        assert!(out.join("summary.json").is_file());
    }

    #[test]
    fn a_pattern_reads_a_file_whose_name_is_no_text() {
        let run = Run::new().server(&[]).input("a-1.csv", rows(3));
        let odd = run
            .path("x")
            .with_file_name(OsStr::from_bytes(b"a-\xe4.csv"));
        std::fs::write(odd, "clientId,companyName,currency\nodd-1,Odd,USD\n").unwrap();
        run.import("a-*.csv").code(0);
        assert!(run.held().contains_key("odd-1"));
        let summary = run.text("a-1.csv.results/summary.json");
        assert!(summary.contains("a-\\\\xe4.csv"), "{summary}");
    }

    #[test]
    fn standard_error_that_cannot_be_written_stops_nothing() {
        for script in [
            "exec \"$@\" 2>&-",
            "exec \"$@\" 2>/dev/full",
            "\"$@\" | head -c 1",
        ] {
            let mut run = Run::new().server(&[]).input("in.csv", rows(30));
            run.shell(Some(script.to_owned()));
            run.import("in.csv -v").code(0);
            assert_eq!(run.held().len(), 30, "{script}");
        }
    }
}

/// Closing the terminal lets requests in flight finish, as SIGTERM does.
#[cfg(unix)]
#[test]
fn a_hangup_is_an_interruption_unless_it_was_ignored() {
    for ignored in [false, true] {
        let mut run = Run::new().server(&[]).input("in.csv", rows(60));
        if ignored {
            run.shell(Some("trap '' HUP; exec \"$@\"".to_owned()));
        }
        let running = run.start_import("in.csv --rate 30/s");
        crate::common::until("a create", || run.counts().of(Call::Create) > 0);
        running.signal("HUP");
        running.end().code(if ignored { 0 } else { 130 });
        run.shell(None);
        run.import("in.csv").code(0);
        run.holds(&customers_of_csv(&rows(60)));
    }
}
