//! What spreadsheets show where a formula failed, in all their languages.

/// Stands for the value of a formula that a program saved without one. Its last character
/// is none that values are passed with unseen, also in the middle of a text.
pub(crate) const UNCALCULATED: &str = "#NOT-CALCULATED\u{26a0}";

/// Those that are not `#`, capitals and `!` or `?`.
const OTHERS: [&str; 22] = [
    // Not available: English, German, French and others, Dutch, Danish, Russian,
    // Turkish, Swedish, Hungarian, Czech.
    "#N/A",
    "#NV",
    "#N/D",
    "#N/B",
    "#I/T",
    "#Н/Д",
    "#ND",
    "#YOK",
    "#SAKNAS",
    "#HIÁNYZIK",
    "#NENÍ_K_DISPOZICI",
    // Excel while data are loaded, in English, German, French, Spanish.
    "#GETTING_DATA",
    "#DATEN_ABRUFEN",
    "#OBTENTION_DONNEES",
    "#OBTENIENDO_DATOS",
    // LibreOffice, and Excel in some languages.
    "#FMT",
    "#ERR",
    "#ERROR",
    "#REF",
    "#VALUE",
    "#NAME",
    "#DIV/0",
];

/// Google Sheets while a cell is computed, in the languages of its interface.
pub(super) const LOADING: [&str; 22] = [
    "Loading...",
    "Loading…",
    "Wird geladen...",
    "Wird geladen…",
    "Chargement...",
    "Chargement…",
    "Chargement en cours...",
    "Chargement en cours…",
    "Cargando...",
    "Cargando…",
    "Caricamento...",
    "Caricamento…",
    "Caricamento in corso...",
    "Caricamento in corso…",
    "Carregando...",
    "Carregando…",
    "Laden...",
    "Laden…",
    "Ładowanie...",
    "Ładowanie…",
    "Загрузка...",
    "Загрузка…",
];

/// Whether a program could encode none of the letters of `value`: `??????? ???`.
pub(super) fn is_questions(value: &str) -> bool {
    let others = |letter: char| letter != '?' && !" .,-&/()'\"".contains(letter);
    value.starts_with("??") && value.matches('?').count() > 2 && !value.contains(others)
}

/// Whether a program could not encode a letter within a word: `M?ller`, `Stra?e`, and of two
/// bytes `M??ller`. An address has question marks of its own: `a.example/b?c=d`.
pub(super) fn has_lost_letter(value: &str) -> bool {
    let is_lost = |(at, _): (usize, &str)| {
        let (before, from) = value.split_at(at);
        let after = from.trim_start_matches('?');
        before.ends_with(char::is_alphabetic)
            && from.len() - after.len() <= 2
            && after.starts_with(|letter: char| letter.is_ascii_lowercase())
            && !is_in_address(before, after)
    };
    value.match_indices('?').any(is_lost)
}

/// Whether a question mark between these stands in an address.
fn is_in_address(before: &str, after: &str) -> bool {
    let start = before.rsplit(char::is_whitespace).next();
    let end = after.split(char::is_whitespace).next();
    start.is_some_and(|start| start.contains(['/', '.', ':', '?']))
        || end.is_some_and(|end| end.contains(['=', '/', '?']))
}

/// `=T("00123")`, `=A2&" GmbH"`, `=$A$2*2`: not its value.
pub(super) fn is_formula(value: &str) -> bool {
    let Some(text) = value.strip_prefix('=') else {
        return false;
    };
    let name = text.trim_start_matches(|letter: char| letter.is_alphabetic() || letter == '.');
    let is_call = name.len() < text.len() && name.starts_with('(') && name.ends_with(')');
    let is_joined = text.starts_with(|letter: char| letter.is_ascii_uppercase() || letter == '"')
        && text.contains('&')
        && text.contains('"');
    is_call || is_joined || is_calculation(text)
}

/// Whether `text` is made of nothing but cells, numbers and operators: `$A$2`, `1+1`,
/// `'Old customers'!B2`, `[1]Sheet1!B2/100`.
fn is_calculation(text: &str) -> bool {
    let (mut cells, mut numbers) = (0, 0);
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|letter: char| " +-*/^&%(),;:".contains(letter));
        if let Some(after) = after_sheet(rest) {
            rest = after;
        }
        let is_inner = |letter: char| letter.is_ascii_alphanumeric() || letter == '$';
        let after = rest.trim_start_matches(|letter| is_inner(letter) || letter == '.');
        let word = rest.strip_suffix(after).unwrap_or_default();
        if word.is_empty() {
            return rest.is_empty() && (cells > 0 || numbers > 1);
        }
        if is_cell(word) {
            cells += 1;
        } else if word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            numbers += 1;
        } else {
            return false;
        }
        rest = after;
    }
}

/// The text after the name of a sheet, if it begins with one: `Sheet1!`, `'Old customers'!`,
/// `[1]Sheet1!`.
fn after_sheet(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('\'') {
        return quoted.split_once("'!").map(|(_, after)| after);
    }
    let (name, after) = text.split_once('!')?;
    let fits = |letter: char| letter.is_alphanumeric() || "_.[]".contains(letter);
    (!name.is_empty() && name.chars().all(fits)).then_some(after)
}

/// Whether `word` names a cell: `B2`, `$AA$1048576`.
fn is_cell(word: &str) -> bool {
    let word = word.strip_prefix('$').unwrap_or(word);
    let row = word.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
    let column = word.len() - row.len();
    let row = row.strip_prefix('$').unwrap_or(row);
    (1..=3).contains(&column)
        && (1..=7).contains(&row.len())
        && row.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `value` has the mark of a formula without a value, in any case: a mapping may
/// have changed it, or joined it with other values.
pub(in crate::domain) fn is_uncalculated(value: &str) -> bool {
    value.contains('\u{26a0}') && value.to_uppercase().contains(UNCALCULATED)
}

/// Whether `value` is what a spreadsheet shows for a formula that failed: `#REF!`,
/// `#ÜBERLAUF!`, `#¿NOMBRE?`, `Err:502`.
pub(super) fn is_error_value(value: &str) -> bool {
    if let Some(number) = value.strip_prefix("Err:") {
        return number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    }
    if LOADING.contains(&value) {
        return true;
    }
    let Some(word) = value.strip_prefix(['#', '＃']) else {
        return false;
    };
    OTHERS.contains(&value) || is_shouted(word)
}

/// Whether `word` is a word in capitals that ends in `!` or `?`.
fn is_shouted(word: &str) -> bool {
    let Some(word) = word.strip_suffix(['!', '?', '！', '？']) else {
        return false;
    };
    let word = word.trim_start_matches(['¡', '¿']);
    // Scripts without case have no capitals.
    let is_capital = |letter: char| letter.is_alphabetic() && !letter.is_lowercase();
    let fits = |letter: char| is_capital(letter) || "/0_. -".contains(letter);
    (2..=24).contains(&word.chars().count())
        && word.chars().all(fits)
        && word.chars().filter(|letter| is_capital(*letter)).count() >= 2
}

/// Whether `value` is what a spreadsheet shows for a number in a column that is too
/// narrow.
pub(super) fn is_narrow_column(value: &str) -> bool {
    value.len() >= 3 && value.bytes().all(|byte| byte == b'#')
}

#[cfg(test)]
mod tests {
    use super::{has_lost_letter, is_error_value, is_formula, is_narrow_column};

    #[test]
    fn a_letter_that_was_lost_within_a_word_is_found() {
        for value in [
            "M?ller",
            "Stra?e 12",
            "Hauptstra?e",
            "K?ln-1",
            "M??ller",
            "12 Ca?on Rd",
        ] {
            assert!(has_lost_letter(value), "{value}");
        }
        for value in [
            "Who?What",
            "Who? What? Where?",
            "?ber",
            "Pourquoi ?",
            "M???ller",
            "https://a.example/b?c=d",
            "a.example?page",
            "/list?page=2",
            "customer?id=4",
            "4?a",
            "?",
        ] {
            assert!(!has_lost_letter(value), "{value}");
        }
    }

    #[test]
    fn formulas_are_told_from_names_and_ids() {
        for formula in [
            "=A2",
            "= A2",
            "=+A2",
            "=$A$2",
            "=A2*2",
            "=(A2+B2)/100",
            "=Sheet1!B2",
            "='Old customers'!B2",
            "=[1]X!A2",
            "=[2024.xlsx]Tabelle1!$A$2",
            "=A2:B7",
            "=1+1",
            "=T(\"x\")",
            "=ROW()",
            "=A2&\"x\"",
        ] {
            assert!(is_formula(formula), "{formula}");
        }
        for value in [
            "",
            "=",
            "==",
            "=5",
            "=-5",
            "=1.5",
            "=A",
            "=a2",
            "=B2B",
            "=A1 Roofing",
            "=ABCD1",
            "=A12345678",
            "=x!",
            "A2",
            "+A2",
            "=!A",
            "= = =",
            "=A2=",
            "=O'Brien!",
            "='A",
        ] {
            assert!(!is_formula(value), "{value}");
        }
    }

    #[test]
    fn error_values_of_all_languages_are_found() {
        let words = "#N/A #REF! #VALUE! #NAME? #DIV/0! #NULL! #NUM! #SPILL! #CALC! #FIELD! \
            #BLOCKED! #BUSY! #CONNECT! #UNKNOWN! #EXTERNAL! #PYTHON! #GETTING_DATA #ERROR! Err:502 \
            #NV #WERT! #BEZUG! #ZAHL! #ÜBERLAUF! #KALK! #N/D #VALEUR! #NOM? #NOMBRE! #NUL! \
            #¡VALOR! #¡REF! #¿NOMBRE? #¡NUM! #¡DIV/0! #VALORE! #RIF! #NOME? #VALOR! #NÚM! \
            #N/B #WAARDE! #VERW! #NAAM? #GETAL! #DEEL/0! #LEEG! #OVERLOOP! #N/D! #ARG! #ADR! \
            #NAZWA? #LICZBA! #ZERO! #SAKNAS! #VÄRDEFEL! #REFERENS! #NAMN? #OGILTIGT! #DIVISION/0! \
            #I/T #VÆRDI! #REFERENCE! #NAVN? #PUUTTUU! #ARVO! #VIITTAUS! #NIMI? #LUKU! #JAKO/0! \
            #Н/Д #ЗНАЧ! #ССЫЛКА! #ИМЯ? #ЧИСЛО! #ДЕЛ/0! #ПУСТО! #YOK #DEĞER! #BAŞV! #AD? #SAYI! \
            #SAYI/0! #BOŞ! #NENÍ_K_DISPOZICI #HODNOTA! #ODKAZ! #NÁZEV? #HIÁNYZIK #ÉRTÉK! #HIV! \
            #NÉV? #SZÁM! #ZÉRÓOSZTÓ! #VERDI! #NUMÉRIQUE! #PROPAGATION! #CALCUL! #TIMEOUT!";
        for word in words.split_whitespace() {
            assert!(is_error_value(word), "{word}");
        }
    }

    #[test]
    fn numbers_and_names_with_a_number_sign_are_none() {
        for value in [
            "#42",
            "#1 Pizza",
            "# 12",
            "#",
            "##",
            "#!",
            "#A!",
            "#1!",
            "#Aster!",
            "#hash",
            "#metoo!",
            "# 12 B!",
            "#4B",
            "#C",
            "Err",
            "Error 502",
            "Err:5",
            "#N",
            "C# Ltd",
            "#GOAT",
        ] {
            assert!(!is_error_value(value), "{value}");
            assert!(!is_narrow_column(value), "{value}");
        }
        assert!(is_narrow_column("###") && is_narrow_column("########"));
    }
}
