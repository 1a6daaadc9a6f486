//! Codes that were withdrawn from ISO 4217: the year and the successor.
//!
//! `iso_currency` has few of the withdrawn codes, and does not separate them from
//! the current ones.

/// Withdrawn codes and the year, by the code that is their successor today. A code
/// that was withdrawn more than once has the last year (ISO 4217, list three,
/// "Historic denominations", as published in 2025; BGN: Bulgaria has the euro since
/// 2026).
///
/// The successor is the code of the same country in list one. Codes of countries
/// that no longer exist, or have several codes, have none.
const WITHDRAWN: [(&str, &str); 53] = [
    (
        "EUR",
        "ADP 2003 ATS 2002 BEC 1990 BEF 2002 BEL 1990 BGJ 1990 BGK 1990 BGL 2003 BGN 2026 CYP 2008 \
         DDM 1990 DEM 2002 EEK 2011 ESA 1981 ESB 1994 ESP 2002 FIM 2002 FRF 2002 GRD 2002 HRD 1995 \
         HRK 2023 IEP 2002 ITL 2002 LTL 2014 LTT 1993 LUC 1990 LUF 2002 LUL 1990 LVL 2014 LVR 1994 \
         MTL 2008 MTP 1983 NLG 2002 PTE 2002 SIT 2007 SKK 2009 XEU 1999",
    ),
    ("USD", "ECS 2000 ECV 2000 TPE 2002 USS 2014"),
    ("MXN", "MXP 1993"),
    ("AFN", "AFA 2003"),
    ("ALL", "ALK 1989"),
    ("AOA", "AOK 1991 AON 2000 AOR 2000"),
    ("ARS", "ARA 1992 ARP 1985 ARY 1990"),
    ("AZN", "AYM 2005 AZM 2005"),
    ("BAM", "BAD 1998"),
    ("BOB", "BOP 1987"),
    ("BRL", "BRB 1986 BRC 1989 BRE 1993 BRN 1990 BRR 1994"),
    ("BYN", "BYB 2001 BYR 2017"),
    ("CDF", "ZRN 1999 ZRZ 1994"),
    ("CHW", "CHC 2004"),
    ("CUP", "CUC 2021"),
    ("GEL", "GEK 1995"),
    ("GHS", "GHC 2008 GHP 2007"),
    ("GNF", "GNE 1989 GNS 1986"),
    ("ILS", "ILP 1981 ILR 1990"),
    ("ISK", "ISJ 1990"),
    ("LAK", "LAJ 1979"),
    ("LSL", "LSM 1985"),
    ("MGA", "MGF 2004"),
    ("MMK", "BUK 1990"),
    ("MRU", "MRO 2017"),
    ("MVR", "MVQ 1989"),
    ("MZN", "MZE 1981 MZM 2006"),
    ("NIO", "NIC 1990"),
    ("PEN", "PEH 1990 PEI 1991 PES 1986"),
    ("PLN", "PLZ 1997"),
    ("RON", "ROK 1990 ROL 2005"),
    ("RSD", "CSD 2006"),
    ("RUB", "RUR 2004 SUR 1990"),
    ("SDG", "SDD 2007 SDP 1998"),
    ("SLE", "SLL 2023"),
    ("SRD", "SRG 2003"),
    ("STN", "STD 2017"),
    ("TJS", "TJR 2001"),
    ("TMT", "TMM 2009"),
    ("TRY", "TRL 2005"),
    ("UAH", "UAK 1996"),
    ("UGX", "UGS 1987 UGW 1990"),
    ("UYU", "UYN 1989 UYP 1993"),
    ("VES", "VEB 2008 VEF 2018"),
    ("VND", "VNC 1990"),
    ("XAF", "GQE 1986"),
    ("XCG", "ANG 2025"),
    ("XOF", "GWE 1981 GWP 1997 MLF 1984"),
    ("YER", "YDD 1991"),
    ("ZAR", "ZAL 1995"),
    ("ZMW", "ZMK 2012"),
    ("ZWG", "ZWL 2024"),
    (
        "",
        "CSJ 1990 CSK 1993 RHD 1981 XFO 2006 XFU 2013 XRE 1999 YUD 1990 YUM 2003 YUN 1995 ZWC 1989 \
         ZWD 2008 ZWN 2006 ZWR 2009",
    ),
];

/// A code that was withdrawn from ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithdrawnCurrency {
    /// The year of the withdrawal.
    pub year: &'static str,
    /// The code that replaced it, if there is one.
    pub successor: Option<&'static str>,
}

/// The withdrawal of `code`, which is in upper case; `None` if it was not withdrawn.
pub fn withdrawn(code: &str) -> Option<WithdrawnCurrency> {
    // A year, which has four digits, must not match.
    if code.len() != 3 {
        return None;
    }
    WITHDRAWN.iter().find_map(|(successor, codes)| {
        let mut words = codes.split_whitespace();
        words.find(|word| *word == code)?;
        Some(WithdrawnCurrency {
            year: words.next()?,
            successor: Some(*successor).filter(|code| !code.is_empty()),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use iso_currency::Currency;

    use super::{WITHDRAWN, WithdrawnCurrency, withdrawn};
    use crate::domain::currency::SUPPORTED;

    #[test]
    fn the_table_consists_of_codes_and_years() {
        let mut seen = HashSet::new();
        for (successor, codes) in WITHDRAWN {
            assert!(
                successor.is_empty() || Currency::from_code(successor).is_some(),
                "{successor}"
            );
            assert_eq!(
                withdrawn(successor),
                None,
                "{successor} is withdrawn itself"
            );
            let words: Vec<&str> = codes.split_whitespace().collect();
            for pair in words.chunks(2) {
                let (code, year) = (pair[0], pair[1].parse::<u16>().unwrap());
                assert!(code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()));
                assert!((1978..=2026).contains(&year), "{code} {year}");
                assert!(seen.insert(code), "{code} is listed twice");
                assert!(!SUPPORTED.contains(&code), "Kable accepts {code}");
            }
        }
    }

    #[test]
    fn successors_agree_with_iso_currency() {
        for code in ["BGN", "CUC", "HRK", "SLL", "ZWL"] {
            let latest = Currency::from_code(code).unwrap().latest();
            let ours = withdrawn(code).unwrap().successor;
            assert_eq!(ours, Some(latest.code()), "{code}");
        }
        // Venezuela has two codes for one currency, and both are in list one.
        assert_eq!(withdrawn("VES"), None);
    }

    #[test]
    fn a_withdrawn_code_has_a_year_and_a_successor() {
        let of = |year, successor| Some(WithdrawnCurrency { year, successor });
        assert_eq!(withdrawn("DEM"), of("2002", Some("EUR")));
        assert_eq!(withdrawn("RUR"), of("2004", Some("RUB")));
        assert_eq!(withdrawn("CSK"), of("1993", None));
        for code in ["USD", "CHF", "XQX", "2002", ""] {
            assert_eq!(withdrawn(code), None, "{code}");
        }
    }
}
