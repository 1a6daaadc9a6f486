//! `validate --annotations github`: problems appear where a pull request shows them, and no
//! text of a file is interpreted as a command.

use crate::common::{Run, rows};

/// The lines of a build's log that a runner interprets, on either stream.
fn obeyed(log: &str) -> Vec<&str> {
    log.split(['\n', '\r'])
        .filter(|line| line.trim_start().starts_with("::") || line.contains("##["))
        .collect()
}

#[test]
fn problems_are_printed_as_commands_and_the_summary_goes_to_standard_error() {
    let run = Run::new().input(
        "data/in.csv",
        rows(3) + "c-4,,DEM\nc-5,  Elm ,usd\nc-6,Fir,USD\n",
    );
    let ended = run
        .go("validate ./data/in.csv --annotations github")
        .code(3);
    assert_eq!(
        ended.stdout,
        "::error file=data/in.csv,line=5,title=missing_field in companyName::companyName is missing (wanted the customer's name)\n\
         ::error file=data/in.csv,line=5,title=unknown_currency in currency::currency \"DEM\" was withdrawn in 2002 (wanted EUR)\n\
         ::notice file=data/in.csv,line=6,title=corrected in companyName::blanks around companyName \"  Elm \" were dropped\n\
         ::notice file=data/in.csv,line=6,title=corrected in currency::currency \"usd\" was written as \"USD\"\n"
    );
    assert!(ended.stderr.contains("rejected: not fit to send"));
    assert_eq!(obeyed(&ended.stderr), Vec::<&str>::new());
    assert!(run.exists("data/in.csv.results/rejects.csv"));
    let quiet = run
        .go("validate ./data/in.csv --annotations github -q")
        .code(3);
    assert_eq!(quiet.stdout, ended.stdout);
    let line = "validate ./data/in.csv: 5 pending, 1 rejected; ";
    assert!(quiet.stderr.starts_with(line), "{}", quiet.stderr);
    assert_eq!(quiet.stderr.lines().count(), 1, "{}", quiet.stderr);
}

#[test]
fn a_good_file_has_no_annotations() {
    let run = Run::new().input("in.csv", rows(3));
    let ended = run.go("validate in.csv --annotations github").code(0);
    assert_eq!(ended.stdout, "");
}

#[test]
fn what_is_not_shown_is_counted_and_stands_in_problems_csv() {
    let run = Run::new().input("in.csv", rows(20).replace("Company", " Company") + "\n,,\n");
    let bad = run.text("in.csv").replace(",USD", ",Euro");
    run.write("in.csv", bad);
    let ended = run.go("validate in.csv --annotations github").code(3);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 20);
    assert_eq!(
        lines.last(),
        Some(
            &"::notice title=kable-bulk validate::21 more problems are not shown here; \
              all of them stand in in.csv.results/problems.csv"
        )
    );
    let problems = run.text("in.csv.results/problems.csv");
    assert_eq!(problems.lines().count(), 1 + 40);
}

/// Whatever a file contains, each command is one of ours.
#[test]
fn nothing_that_a_file_holds_is_a_command() {
    let planted = "##[add-mask]x";
    let csv = format!(
        "clientId,companyName,currency,{planted},\"\n::stop-commands::y\"\n\
         \"c-1\n::add-mask::secret\",\"A\r\n::error::x\",\"\n::warning::x\",,\n\
         ::set-output::,{planted},{planted},,\n\
         {planted}\n"
    );
    let jsonl = format!(
        "\"{planted}\"\n{{\"{planted}\":1,\"{planted}\":2}}\n{{\"clientId\":[\"{planted}\"],\
         \"companyName\":\"##[error]\\n::error::x\",\"currency\":\"\\n::error::\",\"\\n::notice::\":1}}\n"
    );
    let run = Run::new()
        .input("in.csv", csv)
        .input("in.jsonl", jsonl)
        .input("bad.csv", format!("{planted},\"\n::error::x\"\n1,2\n"));
    for name in ["in.csv", "in.jsonl"] {
        let ended = run
            .go(&format!("validate {name} --annotations github -v"))
            .code(3);
        let commands = obeyed(&ended.stdout);
        assert_eq!(commands.len(), ended.stdout.lines().count());
        assert!(!commands.is_empty());
        for command in commands {
            let level = command.split(' ').next().unwrap_or_default();
            assert!(
                ["::error", "::warning", "::notice"].contains(&level),
                "{command}"
            );
            assert!(command.contains(" file=in."), "{command}");
            assert!(!command.contains("##["), "{command}");
        }
        assert_eq!(obeyed(&ended.stderr), Vec::<&str>::new());
        let plain = run.go(&format!("validate {name} -v")).code(3);
        assert_eq!(obeyed(&plain.stderr), Vec::<&str>::new());
        assert_eq!(obeyed(&plain.stdout), Vec::<&str>::new());
    }
    let refused = run.go("validate bad.csv --annotations github").code(1);
    assert_eq!(obeyed(&refused.stderr), Vec::<&str>::new());
}

#[test]
fn they_can_be_ordered_in_the_file_and_json_is_the_other_thing() {
    let run = Run::new()
        .input("in.csv", rows(3) + "c-4,,USD\n")
        .input("kable-bulk.toml", "annotations = \"github\"\n");
    let ended = run.go("validate in.csv").code(3);
    assert!(ended.stdout.starts_with("::error file=in.csv,line=5,"));
    let json = run.go("validate in.csv --json").code(3);
    assert_eq!(json.json()["rows"]["rejected"], 1);
    run.go("validate in.csv --json --annotations github")
        .code(2)
        .says("--json");
    run.write("kable-bulk.toml", "annotations = \"github\"\njson = true\n");
    run.go("validate in.csv")
        .refuses(1, &["kable-bulk.toml, line 1: annotations", "json"]);
    let typed = run.go("validate in.csv --annotations github").code(3);
    assert_eq!(typed.stdout, ended.stdout);
    run.write("kable-bulk.toml", "annotations = \"gitmail\"\n");
    run.go("validate in.csv").code(1).says("gitmail");
}
