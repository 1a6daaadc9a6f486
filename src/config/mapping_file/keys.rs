//! The keys of each table of a mapping file. `docs/mapping.schema.json` has the same.

/// The file's own.
pub const FILE: [&str; 8] = [
    "format",
    "name",
    "title",
    "input",
    "recognise",
    "fields",
    "skip",
    "warn",
];

/// Those of `[input]`.
pub const INPUT: [&str; 5] = [
    "empty",
    "short-rows",
    "repeated-ids",
    "forbidden",
    "match-names",
];

/// Those of `repeated-ids`, where it is a table.
pub const REPEATED_IDS: [&str; 1] = ["keep"];

/// Those of `[recognise]`.
pub const RECOGNISE: [&str; 3] = ["all", "any", "none"];

/// Those of `[fields.NAME]`.
pub const FIELD: [&str; 14] = [
    "from",
    "optional",
    "trim",
    "unwrap",
    "apostrophe",
    "pattern",
    "replace",
    "values",
    "values-file",
    "unmapped",
    "case",
    "slug",
    "default",
    "value",
];

/// Those of an item of `from`.
pub const SOURCE: [&str; 6] = ["column", "join", "with", "value", "when", "pattern"];

/// Those of a condition.
pub const CONDITION: [&str; 8] = [
    "column", "field", "is", "is-not", "matches", "empty", "all", "any",
];

/// Those of `[[skip]]`.
pub const SKIP: [&str; 3] = ["name", "when", "on"];

/// Those of `[[warn]]`.
pub const WARN: [&str; 3] = ["field", "when", "message"];
