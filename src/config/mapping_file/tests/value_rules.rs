//! What rules make of values, as a table.

/// Rules of a field, the cells of two columns, and the field's value.
pub(super) const RULES: &[(&str, [&str; 2], &str)] = &[
    // The first that is not empty.
    (r#"from = ["a", "b"]"#, ["x", "y"], "x"),
    (r#"from = ["a", "b"]"#, [" ", "y"], "y"),
    (
        r#"from = ["a", "b"]"#,
        ["\u{a0}\u{200b}", "\u{feff}y\u{a0}"],
        "y",
    ),
    (r#"from = ["a", "b"]"#, ["=\"\"", "y"], "y"),
    (r#"from = ["a", { value = "z" }]"#, ["", "y"], "z"),
    ("from = []", ["x", "y"], ""),
    (r#"value = "v""#, ["x", "y"], "v"),
    // Joined.
    (
        r#"from = [{ join = ["a", "b"], with = ", " }]"#,
        ["x", "y"],
        "x, y",
    ),
    (r#"from = [{ join = ["a", "b"] }]"#, ["", " y "], "y"),
    (
        r#"from = [{ join = ["a", "nowhere", "b"] }]"#,
        ["x", "y"],
        "x y",
    ),
    // Only if.
    (
        r#"from = { column = "a", when = { column = "b", is = "stripe" } }"#,
        ["x", "Stripe "],
        "x",
    ),
    (
        r#"from = { column = "a", when = { column = "b", is = "stripe" } }"#,
        ["x", "paypal"],
        "",
    ),
    (
        r#"from = { column = "a", when = { column = "b", is = ["p", "q"] } }"#,
        ["x", "q"],
        "x",
    ),
    (
        r#"from = { column = "a", when = { column = "b", is-not = "q" } }"#,
        ["x", "q"],
        "",
    ),
    (
        r#"from = { column = "a", when = { column = "b", empty = true } }"#,
        ["x", " "],
        "x",
    ),
    (
        r#"from = { column = "a", when = { column = "b", matches = "^s.r" } }"#,
        ["x", "str"],
        "x",
    ),
    (
        r#"from = { column = "a", when = { all = [{ column = "b", is = "1" }, { column = "a", is = "x" }] } }"#,
        ["x", "1"],
        "x",
    ),
    (
        r#"from = { column = "a", when = { any = [{ column = "b", is = "1" }, { column = "a", is = "x" }] } }"#,
        ["x", "2"],
        "x",
    ),
    (
        r#"from = { column = "a", when = { column = "b", is = true } }"#,
        ["x", "TRUE"],
        "x",
    ),
    // Taken out.
    (
        r#"from = { column = "a", pattern = '^(cus_[^/]+)' }"#,
        ["cus_1/card_2", ""],
        "cus_1",
    ),
    (
        r#"from = [{ column = "a", pattern = '^cus_\w+' }, "b"]"#,
        ["pm_1", "y"],
        "y",
    ),
    (
        r#"from = "a"
           pattern = '^cus_\w+'"#,
        ["cus_1/card_2", ""],
        "cus_1",
    ),
    (
        r#"from = "a"
           pattern = 'x(.*)'"#,
        ["no", ""],
        "",
    ),
    // Around it.
    (r#"from = "a""#, [" ab ", ""], "ab"),
    (
        r#"from = "a"
           trim = false"#,
        [" ab ", ""],
        " ab ",
    ),
    (r#"from = "a""#, ["=\"00123\"", ""], "00123"),
    (
        r#"from = "a"
           unwrap = false"#,
        ["=\"00123\"", ""],
        "=\"00123\"",
    ),
    (r#"from = "a""#, ["=\"a\"&\"b\"", ""], "=\"a\"&\"b\""),
    (
        r#"from = "a"
           apostrophe = "always""#,
        ["'s", ""],
        "s",
    ),
    (
        r#"from = "a"
           apostrophe = "formula""#,
        ["'s", ""],
        "'s",
    ),
    (
        r#"from = "a"
           apostrophe = "formula""#,
        ["'=s", ""],
        "=s",
    ),
    (
        r#"from = "a"
           apostrophe = "keep""#,
        ["'=s", ""],
        "'=s",
    ),
    // Inside it.
    (
        r#"from = "a"
           replace = { "\n" = ", ", "  " = " " }"#,
        ["x\ny  z\n", ""],
        "x, y z",
    ),
    (
        r#"from = "a"
           values = { "Pro" = "p1" }"#,
        [" Pro ", ""],
        "p1",
    ),
    (
        r#"from = "a"
           values = { "Pro" = "p1" }
           unmapped = "keep""#,
        ["Basic", ""],
        "Basic",
    ),
    (
        r#"from = "a"
           values = { "Pro" = "p1" }
           unmapped = "empty""#,
        ["Basic", ""],
        "",
    ),
    (
        r#"from = "a"
           values = { "Pro" = "p1" }"#,
        ["", ""],
        "",
    ),
    (
        r#"from = "a"
           case = "upper""#,
        ["straße", ""],
        "STRASSE",
    ),
    (
        r#"from = "a"
           case = "lower""#,
        ["ÉTÉ", ""],
        "été",
    ),
    (
        r#"from = "a"
           slug = true"#,
        ["Müller & Söhne: Nord (2)", ""],
        "müller-söhne:nord-2",
    ),
    (
        r#"from = "a"
           slug = true"#,
        [" -:- ", ""],
        "",
    ),
    // Nothing left.
    (
        r#"from = "a"
           default = "d""#,
        ["", ""],
        "d",
    ),
    (
        r#"from = "a"
           default = "@@d""#,
        ["", ""],
        "@d",
    ),
    (
        r#"from = "a"
           default = "@city""#,
        ["", ""],
        "",
    ),
];
