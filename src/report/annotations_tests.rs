use proptest::prelude::*;

use super::{Annotations, Level, command, disarmed};
use crate::domain::field::Field;
use crate::domain::outcome::Outcome;
use crate::domain::problem::{Code, Problem};
use crate::domain::row::{Columns, Origin, Row};
use crate::domain::text::quoted;
use crate::report::{OutcomeDetails, RowAccount, RowResult};

/// The commands of GitHub's runner that matter here.
const COMMANDS: [&str; 8] = [
    "error",
    "warning",
    "notice",
    "add-mask",
    "stop-commands",
    "set-output",
    "add-path",
    "debug",
];

/// A command as the runner reads it.
#[derive(Debug, PartialEq, Eq)]
struct ParsedCommand {
    name: String,
    file: Option<String>,
    line: Option<String>,
    title: Option<String>,
    data: String,
}

/// Parses `text` as the runner does: line by line, first a command at the start of
/// a line, then one of the old form anywhere (actions/runner,
/// `ActionCommand.TryParseV2` and `TryParse`).
fn read(text: &str) -> Vec<ParsedCommand> {
    text.split(['\n', '\r'])
        .filter_map(|line| at_the_start(line).or_else(|| anywhere(line)))
        .collect()
}

fn at_the_start(line: &str) -> Option<ParsedCommand> {
    let (head, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let of = |wanted: &str| {
        let mut pairs = properties.trim().split(',');
        let pair = pairs.find_map(|pair| pair.strip_prefix(wanted)?.strip_prefix('='))?;
        let plain = unescaped(&pair.replace("%3A", ":").replace("%2C", ","));
        Some(plain)
    };
    COMMANDS.contains(&name).then(|| ParsedCommand {
        name: name.to_owned(),
        file: of("file"),
        line: of("line"),
        title: of("title"),
        data: unescaped(data),
    })
}

fn anywhere(line: &str) -> Option<ParsedCommand> {
    let (_, rest) = line.split_once("##[")?;
    let (head, data) = rest.split_once(']')?;
    let name = head.split(' ').next()?;
    COMMANDS.contains(&name).then(|| ParsedCommand {
        name: name.to_owned(),
        file: None,
        line: None,
        title: None,
        data: data.to_owned(),
    })
}

fn unescaped(text: &str) -> String {
    text.replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%25", "%")
}

/// Cells with which a file could try to control a runner.
fn hostile() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "::", ":", "##[", "#", "[", "]", "error", "add-mask", " ", ",", "=", "%", "%0A", "%3A",
        "\n", "\r", "\r\n", "\u{2028}", "x", "é", "\"", "./",
    ]);
    prop::collection::vec(parts, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_command_is_one_and_says_what_it_should(
        file in hostile(), title in hostile(), message in hostile(), line in any::<u64>()
    ) {
        let text = command(Level::Error, Some((&file, line)), &title, &message);
        // The runner trims white space at the end of the last property.
        let blank = |c: char| c.is_whitespace() && !matches!(c, '\n' | '\r');
        let found = read(&text);
        prop_assert_eq!(found.len(), 1, "{}", &text);
        prop_assert_eq!(text.matches(['\n', '\r']).count(), 1);
        prop_assert_eq!(&found[0].name, "error");
        prop_assert_eq!(found[0].file.as_deref(), Some(file.as_str()));
        prop_assert_eq!(found[0].line.clone(), Some(line.to_string()));
        prop_assert_eq!(found[0].title.as_deref(), Some(title.trim_end_matches(blank)));
        prop_assert_eq!(&found[0].data, &message);
    }

    #[test]
    fn text_that_is_disarmed_holds_no_command(text in hostile(), more in hostile()) {
        let text = format!("{text}{more}\n{more}{text}");
        prop_assert_eq!(read(&disarmed(&text)), vec![]);
    }

    #[test]
    fn what_is_quoted_holds_no_command(text in hostile()) {
        prop_assert_eq!(read(&quoted(&text)), vec![]);
        prop_assert_eq!(read(&format!("  currency {} is not", quoted(&text))), vec![]);
    }
}

/// The commands for rows on lines 2, 3, … with these problems.
fn commands(input: &str, result: RowResult<'_>, rows: &[&[Problem]]) -> String {
    let mut annotations = Annotations::default();
    let columns = Columns::open();
    for (line, problems) in (2..).zip(rows) {
        let mut row = Row::default();
        let origin = Origin {
            line,
            ..Origin::default()
        };
        row.refill(origin, b"x");
        annotations.add_row(&RowAccount {
            row: &row,
            columns: &columns,
            leading_own: 0,
            input,
            client_id: "c-1",
            result,
            problems,
        });
    }
    annotations.commands("out/problems.csv")
}

fn problem(code: Code) -> Problem {
    Problem::of(code, Field::Currency, "x", "100 % wrong")
}

#[test]
fn each_problem_is_annotated_with_its_level_and_line() {
    let row = [
        problem(Code::UnknownCurrency),
        problem(Code::SuspectValue),
        problem(Code::Corrected),
        Problem::of_row(Code::MalformedRow, "no row"),
    ];
    assert_eq!(
        commands("./a,b/c:d.csv", RowResult::Rejected, &[&row]),
        "::error file=a%2Cb/c%3Ad.csv,line=2,title=unknown_currency in currency::100 %25 wrong\n\
         ::warning file=a%2Cb/c%3Ad.csv,line=2,title=suspect_value in currency::100 %25 wrong\n\
         ::notice file=a%2Cb/c%3Ad.csv,line=2,title=corrected in currency::100 %25 wrong\n\
         ::error file=a%2Cb/c%3Ad.csv,line=2,title=malformed_row::no row\n"
    );
}

#[test]
fn a_correction_that_rejects_a_row_is_an_error() {
    let row = [problem(Code::Corrected)];
    assert!(commands("a.csv", RowResult::Rejected, &[&row]).starts_with("::error "));
}

#[test]
fn standard_input_is_annotated_without_a_file() {
    let row = [problem(Code::UnknownCurrency)];
    assert_eq!(
        commands("-", RowResult::Rejected, &[&row]),
        "::error title=unknown_currency in currency::line 2: 100 %25 wrong\n"
    );
}

#[test]
fn a_customer_that_differs_is_an_error() {
    let differs = RowResult::Outcome(OutcomeDetails {
        outcome: Outcome::Differs,
        customer_id: None,
        request_id: None,
        attempts: 0,
        status: None,
        message: Some("city is \"A\" there and \"B\" here"),
        differences: &[],
    });
    assert_eq!(
        commands("a.csv", differs, &[&[]]),
        "::error file=a.csv,line=2,title=differs::Kable holds this customer already, and otherwise: \
         city is \"A\" there and \"B\" here\n"
    );
}

#[test]
fn the_number_of_annotations_is_limited_and_the_rest_counted() {
    let row = [
        problem(Code::UnknownCurrency),
        problem(Code::SuspectValue),
        problem(Code::Corrected),
    ];
    let told = commands("a.csv", RowResult::Rejected, &vec![row.as_slice(); 1000]);
    let of = |level: &str| told.lines().filter(|line| line.starts_with(level)).count();
    assert_eq!(
        [of("::error "), of("::warning "), of("::notice ")],
        [10, 10, 10]
    );
    assert_eq!(
        told.lines().last(),
        Some(
            "::notice title=kable-bulk validate::2,971 more problems are not shown here; \
             all of them stand in out/problems.csv"
        )
    );
    let few = commands("a.csv", RowResult::Rejected, &[&row]);
    assert_eq!(few.lines().count(), 3, "{few}");
}
