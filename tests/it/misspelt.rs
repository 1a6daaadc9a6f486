//! Names that are misspelt: each gets its nearest neighbour. Words of the command line itself
//! are in `src/commands/usage_error.rs`.

use crate::common::{Run, rows};

/// Command lines, their exit codes, and the neighbour.
const LINES: &[(&str, i32, &str)] = &[
    ("validate in.cvs", 1, "perhaps in.csv"),
    ("validate ./nowhere/in.csv", 1, "there is no input"),
    (
        "validate in.csv --map curency=x",
        2,
        "perhaps currency (wanted",
    ),
    (
        "validate in.csv --set curency=USD",
        2,
        "perhaps currency (wanted",
    ),
    (
        "validate in.csv --map currency=Currncy",
        1,
        "perhaps \"currency\"",
    ),
    ("validate in.csv --preset strpe", 2, "perhaps stripe"),
    ("presets strpe", 2, "perhaps stripe"),
    ("init in.csv --preset strpe", 2, "perhaps stripe"),
    ("list creatd in.csv", 2, "perhaps \"created\""),
    ("list created,fialed in.csv", 2, "perhaps \"failed\""),
    (
        "validate in.csv --encoding windows1252x",
        2,
        "perhaps windows-1252",
    ),
    (
        "validate in.csv --config option.toml",
        1,
        "perhaps \"format\"",
    ),
    ("validate in.csv --config value.toml", 1, "perhaps \"csv\""),
    (
        "validate in.csv --mapping field.toml",
        1,
        "perhaps currency",
    ),
    ("validate in.csv --mapping key.toml", 1, "perhaps default"),
    (
        "validate in.csv --mapping column.toml",
        1,
        "perhaps \"currency\"",
    ),
];

#[test]
fn a_misspelt_name_gets_its_nearest_neighbour() {
    let run = Run::new()
        .input("in.csv", rows(2))
        .input("option.toml", "fromat = \"csv\"\n")
        .input("value.toml", "format = \"cvs\"\n")
        .input("field.toml", "format = 1\n[fields.curency]\nfrom = \"a\"\n")
        .input(
            "key.toml",
            "format = 1\n[fields.currency]\ndefualt = \"a\"\n",
        )
        .input(
            "column.toml",
            "format = 1\n[fields.currency]\nfrom = \"currncy\"\n",
        );
    for (line, code, near) in LINES {
        run.go(line).refuses(*code, &[near]);
    }
    run.go("sandbox --fault rest")
        .refuses(2, &["--fault: ", "perhaps reset"]);
    run.go("validate in.csv --map currency=Currncy")
        .code(1)
        .says("hint: if that is the one: --map currency=currency");
}
