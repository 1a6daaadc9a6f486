//! Responses of many kinds, for tables: statuses, and unusable bodies.

/// Statuses that refuse the row for good: all of 3xx and 4xx except those that the other
/// tests name.
pub(crate) const REFUSALS: [&str; 22] = [
    "300 Multiple Choices",
    "301 Moved Permanently",
    "302 Found",
    "303 See Other",
    "304 Not Modified",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
    "400 Bad Request",
    "402 Payment Required",
    "404 Not Found",
    "405 Method Not Allowed",
    "406 Not Acceptable",
    "407 Proxy Authentication Required",
    "409 Conflict",
    "410 Gone",
    "411 Length Required",
    "412 Precondition Failed",
    "413 Content Too Large",
    "415 Unsupported Media Type",
    "422 Unprocessable Content",
    "451 Unavailable For Legal Reasons",
    "499 Whatever That Is",
];

/// Statuses after which the customer may exist.
pub(crate) const DOUBTS: [&str; 14] = [
    "408 Request Timeout",
    "425 Too Early",
    "500 Internal Server Error",
    "501 Not Implemented",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Timeout",
    "505 HTTP Version Not Supported",
    "507 Insufficient Storage",
    "511 Network Authentication Required",
    "599 Network Connect Timeout Error",
    "101 Switching Protocols",
    "600 Beyond the Classes",
    "999 Request Denied",
];

pub(crate) const PAGE: &str = "<!doctype html><title>Sorry</title><h1>502 Bad Gateway</h1>";

/// A body of more than a megabyte.
pub(crate) fn endless() -> String {
    "x".repeat(1_200_000)
}

/// Bodies that are not about our customer, or can't be read.
pub(crate) fn unreadable() -> Vec<(&'static str, String)> {
    let mut bodies: Vec<(&str, String)> = [
        ("no body", ""),
        ("a page", PAGE),
        ("blanks", " \r\n "),
        (
            "cut-off JSON",
            r#"{"customerId":"cus_1","clientId":"CLIENT","#,
        ),
        (
            "JSON and more",
            r#"{"customerId":"cus_1","clientId":"CLIENT"} and more"#,
        ),
        ("null", "null"),
        ("a word", r#""created""#),
        ("an empty object", "{}"),
        ("an empty array", "[]"),
        ("the customer in an array", "[CUSTOMER]"),
        ("the customer in an envelope", r#"{"data":CUSTOMER}"#),
        ("no customerId", r#"{"clientId":"CLIENT"}"#),
        ("no clientId", r#"{"customerId":"cus_1"}"#),
        (
            "ids that are null",
            r#"{"customerId":null,"clientId":null}"#,
        ),
        (
            "another customer",
            r#"{"customerId":"cus_1","clientId":"c-0"}"#,
        ),
        (
            "almost our customer",
            r#"{"customerId":"cus_1","clientId":"CLIENT "}"#,
        ),
    ]
    .map(|(what, body)| (what, body.to_owned()))
    .to_vec();
    bodies.push((
        "a megabyte and more",
        format!(
            r#"{{"x":"{}","customerId":"cus_1","clientId":"CLIENT"}}"#,
            endless()
        ),
    ));
    bodies
}
