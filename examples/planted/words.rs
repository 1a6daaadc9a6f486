//! Values that are wrong, as people and programs write them.

/// What people write instead of a code, typing errors, and codes that ISO 4217 has
/// withdrawn or never had.
pub(super) const NO_CURRENCIES: [&str; 74] = [
    "Euro",
    "EURO",
    "euros",
    "€",
    "UKP",
    "£",
    "GB£",
    "STG",
    "Pound Sterling",
    "US$",
    "$",
    "USD$",
    "U.S. Dollar",
    "us dollars",
    "Dollar",
    "CAN$",
    "C$",
    "CDN",
    "MX$",
    "MXP",
    "Pesos",
    "¥",
    "円",
    "Yen",
    "₹",
    "Rs.",
    "Rupees",
    "RMB",
    "CNH",
    "Yuan",
    "元",
    "A$",
    "AU$",
    "NZ$",
    "Dirham",
    "د.إ",
    // Typing errors.
    "UDS",
    "USDD",
    "US",
    "SUD",
    "EURR",
    "ERU",
    "EU",
    "WUR",
    "GPB",
    "GBPP",
    "GP",
    "JYP",
    "JPYY",
    "INRR",
    "NIR",
    "CNNY",
    "CYN",
    "AUDD",
    "UAD",
    "NDZ",
    "NZDD",
    "CADD",
    "CDA",
    "MNX",
    "MXNN",
    // Withdrawn: replaced by the euro or by a new unit.
    "DEM",
    "FRF",
    "ITL",
    "ESP",
    "NLG",
    "ATS",
    "TRL",
    "ROL",
    // Never were any.
    "BTC",
    "XQX",
    "840",
    "#N/A",
    "EUR/USD",
];

/// ISO 4217 codes that Kable doesn't take, precious metals and funds among them.
pub(super) const OTHER_CURRENCIES: [&str; 30] = [
    "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "TRY", "ILS", "SAR", "QAR", "ZAR",
    "KES", "NGN", "BRL", "ARS", "CLP", "COP", "SGD", "HKD", "KRW", "THB", "IDR", "VND", "chf",
    "Sek", "XAU", "XDR", "MXV",
];

/// What a spreadsheet shows if a formula failed.
pub(super) const SPREADSHEET_ERRORS: [&str; 8] = [
    "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!",
];

/// Other values of which nothing is left.
pub(super) const LOST: [&str; 6] = [
    "#NV",
    "#WERT!",
    "#¡REF!",
    "########",
    "8,9E+11",
    "M\u{fffd}ller",
];

/// Values that became something else on the way.
pub(super) const SPOILT: [&str; 10] = [
    "01-Mar",
    "Mär-01",
    "2024-03-01 00:00:00",
    "TRUE",
    "MÃ¼ller",
    "L\u{e2}€™Atelier",
    "\"Aster\"",
    "'Aster'",
    "As\u{200b}ter",
    "As\u{202e}ter",
];

/// Ids of which a spreadsheet kept the first digits only.
pub(super) const LOST_DIGITS: [&str; 6] = [
    "1.23E+15",
    "1.00235E+11",
    "4E+12",
    "1,23E+15",
    "9.99e+20",
    "1.2E+05",
];

/// Words by which programs write "nothing"; no two differ in case alone.
pub(super) const NOTHINGS: [&str; 7] = ["NULL", "None", "nil", "NaN", "N/A", "undefined", "(null)"];

/// A star stands for letters that make the value unique: two customers with the same
/// address would be another problem.
pub(super) const NO_EMAILS: [&str; 14] = [
    "not an address *",
    "ap*",
    "ap*@",
    "@company*.example",
    "ap*@localhost",
    "ap*@@company.example",
    "ap*@company..example",
    "ap*@.example",
    "ap*@company.example.",
    "ap*@-company.example",
    "ap*@company.example, cfo@company.example",
    "ap*@company.example;cfo@company.example",
    "Accounts <ap*@company.example>",
    "ap* @company.example",
];

pub(super) const NO_COUNTRIES: [&str; 8] =
    ["Atlantis", "ZZ", "QQ", "D", "12", "-", "Germny", "Unknown"];

pub(super) const NO_STRIPE_IDS: [&str; 7] = [
    "sub_NffrFeUfNV2Hib",
    "cus_short",
    "cus_Nffr-FeUf-NV2H",
    "NffrFeUfNV2Hib",
    "cus_",
    "CUS_NffrFeUfNV2Hib",
    "cus_NffrFeUf NV2Hib",
];

/// Text that is no plan's id. With `pln` and `bun` exchanged, no bundle's either.
pub(super) const NO_PLANS: [&str; 8] = [
    "gold",
    "pln_123",
    "bun_5a3b0c7d9e1f42638495a6b7c8d9e0f1",
    "pln_5a3b0c7d9e1f42638495a6b7c8d9e0g1",
    "PLN_5a3b0c7d9e1f42638495a6b7c8d9e0f1",
    "5a3b0c7d9e1f42638495a6b7c8d9e0f1",
    "pln_5a3b0c7d9e1f42638495a6b7c8d9e0f12",
    "pln-5a3b0c7d9e1f42638495a6b7c8d9e0f1",
];
pub(super) const NO_BUNDLES: [&str; 8] = [
    "gold",
    "bun_123",
    "pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1",
    "bun_5a3b0c7d9e1f42638495a6b7c8d9e0g1",
    "BUN_5a3b0c7d9e1f42638495a6b7c8d9e0f1",
    "5a3b0c7d9e1f42638495a6b7c8d9e0f1",
    "bun_5a3b0c7d9e1f42638495a6b7c8d9e0f12",
    "bun-5a3b0c7d9e1f42638495a6b7c8d9e0f1",
];

/// Invisible characters.
pub(super) const BLANKS: [&str; 7] = ["", " ", "   ", "\t", "\u{a0}", "\u{3000} ", "\u{200b}"];

/// Blanks before and after a value.
pub(super) const AROUND: [(&str, &str); 9] = [
    (" ", ""),
    ("", " "),
    ("  ", "   "),
    ("\t", ""),
    ("\u{a0}", ""),
    ("", "\u{3000}"),
    ("\u{feff}", ""),
    ("", "\u{200b}"),
    ("", "\r\n"),
];

/// Control characters that no field takes.
pub(super) const CONTROLS: [char; 7] = [
    '\0', '\u{1}', '\u{7}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}',
];

/// JSON that is no string.
pub(super) const NO_STRINGS: [&str; 9] = [
    "42",
    "-1.5e3",
    "true",
    "false",
    "{}",
    r#"{"name":"x"}"#,
    "[]",
    r#"["x"]"#,
    r#"["x",1]"#,
];

/// JSON that is no array of strings.
pub(super) const NO_LISTS: [&str; 8] = [
    r#""pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1""#,
    r#""""#,
    "42",
    "true",
    r#"{"0":"x"}"#,
    "[1]",
    r#"["pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1",null]"#,
    r#"[["x"]]"#,
];

/// JSON that is no object.
pub(super) const NO_OBJECTS: [&str; 6] = [
    r#""ap@company.example""#,
    r#""""#,
    "42",
    "true",
    "[]",
    r#"[{"email":"ap@company.example"}]"#,
];
